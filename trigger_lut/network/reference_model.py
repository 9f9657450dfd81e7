"""The reference model: the arithmetic stated in `network/layers.py`, in NumPy, and nothing else.

Layers, emulator and RTL are compared with this model, so it shares no code with any of them: it implements shifts,
overflow and lookups independently.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from trigger_lut.errors import DataError
from trigger_lut.fixed_point.formats import KIF, IntArray
from trigger_lut.network.back_ends import REFERENCE_MODEL
from trigger_lut.network.network import PADDING, LinearLayer, MaxLayer, Network, TableLayer

CHUNK = 8192


def evaluate(network: Network, codes: ArrayLike) -> IntArray:
    """Evaluate the network on integer input codes.

    Parameters
    ----------
    network : Network
        The integer network.
    codes : array_like of int, shape (N, C_in)
        Codes of the inputs, each within the format of its channel.

    Returns
    -------
    ndarray of int64, shape (N, C_out)
        The outputs, output o with `network.fractions[o]` fractional bits.

    Raises
    ------
    DataError
        If the shape is another, the type is not an integer type, or a code lies outside its format.
    """
    inputs = _checked(network, codes)
    wanted = network.output_values
    outputs = np.empty((len(inputs), len(wanted)), dtype=np.int64)
    for start in range(0, len(inputs), CHUNK):
        outputs[start : start + CHUNK] = all_values(network, inputs[start : start + CHUNK])[:, wanted]
    return outputs


def all_values(network: Network, codes: IntArray) -> IntArray:
    """Evaluate every value of the network.

    Parameters
    ----------
    network : Network
        The integer network.
    codes : numpy.ndarray of int, shape (N, C_in)
        Input codes in their formats; they are not checked.

    Returns
    -------
    numpy.ndarray of int64, shape (N, V)
        Values, numbered as in `Network`.
    """
    values = np.empty((len(codes), network.first_value[-1]), dtype=np.int64)
    values[:, : codes.shape[1]] = codes
    for n, (layer, start) in enumerate(zip(network.layers, network.first_value, strict=False)):
        c_out = layer.shape[1]
        for place in range(layer.n_positions):
            channels = channel_codes(network, n, values=values, place=place)
            first = start + place * c_out
            values[:, first : first + c_out] = REFERENCE_MODEL(layer, channels)
    return values


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
    return array.astype(np.int64, copy=False)


@REFERENCE_MODEL.register(TableLayer)
def _tables(layer: TableLayer, codes: IntArray) -> IntArray:
    c_in, c_out = layer.shape
    sums = np.tile(layer.bias.astype(np.int64), (len(codes), 1))
    for i in range(c_in):
        kif = layer.inputs[i]
        offset = codes[:, i] - kif.lo
        for o in range(c_out):
            width = int(layer.widths[i, o])
            if width:
                sums[:, o] += layer.tables[i, o][offset >> (kif.bits - width)]
    return sums


@REFERENCE_MODEL.register(LinearLayer)
def _linear(layer: LinearLayer, codes: IntArray) -> IntArray:
    sums: IntArray = layer.bias + codes @ layer.weights
    return np.maximum(sums, 0) if layer.relu else sums


@REFERENCE_MODEL.register(MaxLayer)
def _largest(layer: MaxLayer, codes: IntArray) -> IntArray:
    largest = np.zeros((len(codes), layer.shape[1]), dtype=np.int64)
    for o, fraction in enumerate(layer.fraction_bits.tolist()):
        channels = np.flatnonzero(layer.output_of == o)
        if len(channels):
            gained = np.array([fraction - layer.inputs[i].f for i in channels], dtype=np.int64)
            largest[:, o] = (codes[:, channels] * (1 << gained)).max(axis=1)
    return largest


def channel_codes(network: Network, n: int, *, values: IntArray, place: int) -> IntArray:
    """Return the converted codes that a layer reads at a position.

    Parameters
    ----------
    network : Network
        The integer network.
    n : int
        Number of the layer, from 0.
    values : numpy.ndarray of int, shape (N, V)
        Result of `all_values`.
    place : int
        Number of the position.

    Returns
    -------
    numpy.ndarray of int64, shape (N, C_in)
        Codes in the channels' formats.
    """
    layer = network.layers[n]
    codes = np.empty((len(values), len(layer.inputs)), dtype=np.int64)
    for i, (source, kif) in enumerate(zip(network.gather_index[n][place], layer.inputs, strict=True)):
        padded = source == PADDING
        read = np.zeros(len(values), dtype=np.int64) if padded else values[:, source]
        fraction = kif.f if padded else network.fraction_of(int(source))
        codes[:, i] = converted(read, fraction, kif=kif, overflow=layer.overflow[i], rounding=layer.rounding)
    return codes


def converted(values: IntArray, fraction: int, *, kif: KIF, overflow: str, rounding: str) -> IntArray:
    """Convert codes into a format: round, then wrap or saturate.

    Parameters
    ----------
    values : numpy.ndarray of int64
        Codes.
    fraction : int
        Fraction bits of the codes.
    kif : KIF
        The format.
    overflow : str
        'WRAP', 'SAT' or 'SAT_SYM'.
    rounding : str
        'TRN' (down) or 'RND' (half up).

    Returns
    -------
    numpy.ndarray of int64
    """
    gained = kif.f - fraction
    if gained >= 0:
        rounded = values * (1 << gained)
    else:
        half = 1 << (-gained - 1) if rounding == "RND" else 0
        rounded = np.floor_divide(values + half, 1 << -gained)
    if overflow == "SAT":
        return np.minimum(np.maximum(rounded, kif.lo), kif.hi)
    if overflow == "SAT_SYM":
        return np.minimum(np.maximum(rounded, -kif.hi if kif.k else 0), kif.hi)
    return np.mod(rounded - kif.lo, 1 << kif.bits) + kif.lo
