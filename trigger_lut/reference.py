"""The integer model: the arithmetic stated in `network.py`, in NumPy, and nothing else.

Layers, emulator and RTL are compared with this model, so it shares no code with any of them: the shifts, the overflow
and the lookups are written out here once more.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from trigger_lut.errors import DataError
from trigger_lut.fixed_point import KIF, IntArray
from trigger_lut.network import LUTDenseTables, Network

CHUNK = 8192


def evaluate(network: Network, codes: ArrayLike) -> IntArray:
    """Outputs of the network for integer input codes.

    codes: (N, C_in) integers, each within the format of its channel. Returns (N, C_out) int64 at `network.fractions`
    fractional bits. Raises DataError for another shape, a type that is not integer, or a code outside its format.
    """
    values = _checked(network, codes)
    outputs = np.empty((len(values), network.layers[-1].shape[1]), dtype=np.int64)
    for start in range(0, len(values), CHUNK):
        chunk = values[start : start + CHUNK]
        fractions = np.array([kif.f for kif in network.inputs])
        for layer in network.layers:
            chunk = _layer(layer, chunk, fractions)
            fractions = layer.fraction
        outputs[start : start + CHUNK] = chunk
    return outputs


def _checked(network: Network, codes: ArrayLike) -> IntArray:
    array = np.asarray(codes)
    expected = len(network.inputs)
    if array.ndim != 2 or array.shape[1] != expected:
        raise DataError(f"codes: expected shape (vectors, {expected}), found {array.shape}")
    if array.dtype.kind not in "iu":
        raise DataError(f"codes: expected integers, found {array.dtype}")
    for i, kif in enumerate(network.inputs):
        outside = np.flatnonzero((array[:, i] < kif.lo) | (array[:, i] > kif.hi))
        if outside.size:
            name = f" ({network.features[i]})" if i < len(network.features) else ""
            raise DataError(
                f"codes: channel {i}{name}, vector {outside[0]}: {array[outside[0], i]} is outside {kif}, "
                f"whose codes are {kif.lo}..{kif.hi} ({outside.size} such values)"
            )
    return array.astype(np.int64)


def _layer(layer: LUTDenseTables, values: IntArray, fractions: IntArray) -> IntArray:
    c_in, c_out = layer.shape
    sums = np.tile(layer.bias.astype(np.int64), (len(values), 1))
    for i in range(c_in):
        kif = layer.inputs[i]
        offset = _converted(values[:, i], int(fractions[i]), kif, layer.overflow[i]) - kif.lo
        for o in range(c_out):
            width = int(layer.widths[i, o])
            if width:
                sums[:, o] += layer.tables[i, o][offset >> (kif.bits - width)]
    return sums


def _converted(values: IntArray, fraction: int, kif: KIF, overflow: str) -> IntArray:
    """Codes at `fraction` fractional bits, rounded down into `kif`, then wrapped or saturated."""
    gained = kif.f - fraction
    rounded = values * (1 << gained) if gained >= 0 else np.floor_divide(values, 1 << -gained)
    if overflow == "SAT":
        return np.minimum(np.maximum(rounded, kif.lo), kif.hi)
    return np.mod(rounded - kif.lo, 1 << kif.bits) + kif.lo
