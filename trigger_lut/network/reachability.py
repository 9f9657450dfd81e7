"""Which codes the channels of a layer can take, and what follows for its tables: entries that nothing can reach."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np

from trigger_lut.fixed_point.formats import KIF, IntArray, kif_for_range
from trigger_lut.fixed_point.ranges import Ranges, converted_range, fits
from trigger_lut.network.back_ends import DEAD_ENTRIES
from trigger_lut.network.layers import IntegerLayer, TableLayer


def code_ranges(layer: IntegerLayer, read: Ranges) -> IntArray:
    """(C_in, 3) smallest code, largest code and number of low bits that are always 0, of each channel over all places.

    read: ranges (P, C_in) of what the places read. A value of fewer fractional bits than the channel's format has zeros
    at the end there.
    """
    found = np.zeros((len(layer.inputs), 3), dtype=np.int64)
    for i, kif in enumerate(layer.inputs):
        seen = {read.one(p, i) for p in range(len(read))}
        ends = [converted_range(codes, kif, layer.overflow[i], layer.rounding) for codes in seen]
        lo, hi = min(lo for lo, _ in ends), max(hi for _, hi in ends)
        zeros = min(max(kif.f - f, 0) if least != most or least else kif.bits for least, most, f in seen)
        # The largest code of a format that is saturated into has no zeros at its end.
        kept = all(fits(*codes, kif, layer.rounding) for codes in seen)
        found[i] = lo, hi, min(zeros, kif.bits) if kept else 0
    return found


def reachable(layer: TableLayer, codes: IntArray, i: int, o: int) -> tuple[int, int, int]:
    """First and last entry of the table of edge (i, o) that can be looked up, and the step between those; codes as of
    `code_ranges`.
    """
    return _reachable(layer.inputs[i], int(layer.widths[i, o]), codes[i].tolist())


def _reachable(kif: KIF, m: int, codes: Sequence[int]) -> tuple[int, int, int]:
    drop = kif.bits - m
    return (codes[0] - kif.lo) >> drop, (codes[1] - kif.lo) >> drop, 1 << max(codes[2] - drop, 0)


def entries_in_firmware(layer: TableLayer, codes: IntArray, i: int, o: int) -> IntArray:
    """Numbers of the entries that the table of edge (i, o) has in firmware, 2**b of them; codes as of `code_ranges`.

    b is the width of the narrowest format of the address; in place of entries beyond the reach are the nearest.
    """
    return _window(layer.inputs[i], int(layer.widths[i, o]), *codes[i].tolist())


@lru_cache(maxsize=1024)  # the edges of a channel share few widths
def _window(kif: KIF, m: int, *codes: int) -> IntArray:
    first, last, step = _reachable(kif, m, codes)
    if last - first < step:
        found = np.array([first], dtype=np.int64)
    else:
        middle = (1 << m) >> 1 if kif.k else 0  # the entry at the code 0
        key = kif_for_range((first - middle) // step, (last - middle) // step, 0)
        found = np.clip(np.arange(key.lo, key.hi + 1) * step + middle, first, last)
    found.setflags(write=False)
    return found


def address_bits(layer: TableLayer, read: Ranges) -> IntArray:
    """(C_in, C_out) address bits of each table in firmware, at most its width; 0 for a pruned edge."""
    codes, bits = code_ranges(layer, read), np.zeros(layer.shape, dtype=np.int64)
    for i, o in layer.edges():
        bits[i, o] = len(entries_in_firmware(layer, codes, i, o)).bit_length() - 1
    return bits


@DEAD_ENTRIES.register(TableLayer)
def with_reachable(layer: TableLayer, read: Ranges) -> TableLayer:
    """The layer with the nearest reachable entry in place of each that cannot be reached; the same on all inputs.

    Tables that are constant then are pruned, their constant goes into the bias.
    """
    codes = code_ranges(layer, read)
    widths, tables, bias = layer.widths.copy(), layer.tables.copy(), layer.bias.copy()
    for i, o in layer.edges():
        size = 1 << int(widths[i, o])
        first, last, step = reachable(layer, codes, i, o)
        entries = tables[i, o, np.clip(np.arange(size) // step * step, first, last)]
        if (entries == entries[0]).all():
            bias[o] += entries[0]
            widths[i, o], tables[i, o] = 0, 0
        else:
            tables[i, o, :size] = entries
    tables = tables[:, :, : 1 << int(widths.max(initial=0))]
    return replace(layer, widths=widths, tables=tables, bias=bias)
