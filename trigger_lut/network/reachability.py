"""Codes that the channels of a layer can take, and what follows for its tables: entries that nothing can reach."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from trigger_lut.fixed_point.formats import KIF, IntArray, kif_for_range
from trigger_lut.fixed_point.ranges import Ranges, converted_range, fits
from trigger_lut.network.layers import IntegerLayer, TableLayer


def code_ranges(layer: IntegerLayer, read: Ranges) -> IntArray:
    """Return the codes that each channel can take over all positions.

    Parameters
    ----------
    layer : IntegerLayer
        Layer of any kind.
    read : Ranges, shape (P, C_in)
        Ranges of the values that the positions read.

    Returns
    -------
    numpy.ndarray of int64, shape (C_in, 3)
        Smallest code, largest code and number of low bits that are always 0. A value with fewer fraction bits than the
        format has such bits.
    """
    ranges = np.zeros((len(layer.inputs), 3), dtype=np.int64)
    for i, kif in enumerate(layer.inputs):
        sources = {read.one(p, i) for p in range(len(read))}
        ends = [converted_range(codes, kif, overflow=layer.overflow[i], rounding=layer.rounding) for codes in sources]
        lo, hi = min(lo for lo, _ in ends), max(hi for _, hi in ends)
        zeros = min(max(kif.f - f, 0) if least != most or least else kif.bits for least, most, f in sources)
        # The largest code of a format that is saturated into has no zeros at its end.
        kept = all(fits(*codes, kif=kif, rounding=layer.rounding) for codes in sources)
        ranges[i] = lo, hi, min(zeros, kif.bits) if kept else 0
    return ranges


def reachable(kif: KIF, width: int, *, codes: Sequence[int]) -> tuple[int, int, int]:
    """Return the first and last entry that an edge of a width can look up, and their step; codes of `code_ranges`."""
    drop = kif.bits - width
    return (codes[0] - kif.lo) >> drop, (codes[1] - kif.lo) >> drop, 1 << max(codes[2] - drop, 0)


def entries_in_firmware(layer: TableLayer, codes: IntArray, *, i: int, o: int) -> IntArray:
    """Return the numbers of the entries that a table has in firmware.

    Parameters
    ----------
    layer : TableLayer
        Layer of the table.
    codes : numpy.ndarray of int, shape (C_in, 3)
        Result of `code_ranges`.
    i, o : int
        Edge of the table.

    Returns
    -------
    numpy.ndarray of int64, shape (2**b,)
        b is the width of the narrowest format of the address. The nearest entry replaces one that cannot be reached.
    """
    return _window(layer.inputs[i], int(layer.widths[i, o]), *codes[i].tolist())


@lru_cache(maxsize=1024)  # the edges of a channel share few widths
def _window(kif: KIF, m: int, *codes: int) -> IntArray:
    first, last, step = reachable(kif, m, codes=codes)
    if last - first < step:
        window = np.array([first], dtype=np.int64)
    else:
        middle = (1 << m) >> 1 if kif.k else 0  # the entry at the code 0
        key = kif_for_range((first - middle) // step, (last - middle) // step, f=0)
        window = np.clip(np.arange(key.lo, key.hi + 1) * step + middle, first, last)
    window.setflags(write=False)
    return window


def address_bits(layer: TableLayer, read: Ranges) -> IntArray:
    """Return the address bits of each table in firmware, at most its width.

    Parameters
    ----------
    layer : TableLayer
        Layer of the tables.
    read : Ranges, shape (P, C_in)
        Ranges of the values that the positions read.

    Returns
    -------
    numpy.ndarray of int64, shape (C_in, C_out)
        0 for a pruned edge.
    """
    codes, bits = code_ranges(layer, read), np.zeros(layer.shape, dtype=np.int64)
    for i, o in layer.edges():
        bits[i, o] = len(entries_in_firmware(layer, codes, i=i, o=o)).bit_length() - 1
    return bits
