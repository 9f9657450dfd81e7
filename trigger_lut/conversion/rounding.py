"""Rounding modes and overflow of HGQ2's quantizers: on real values, and as layers of the integer network.

The integer network rounds down (TRN) or to the nearest with ties up (RND). All other modes are sums of the code, a
constant and one of its bits, which are then rounded down:

    x rounded to 2**-f, d bits dropped = floor((code + constant + weight * bit) / 2**d)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from trigger_lut.fixed_point.formats import KIF, IntArray
from trigger_lut.network.network import LinearLayer

NATIVE = {"TRN": "TRN", "RND": "RND"}


@dataclass(frozen=True)
class RoundingMode:
    """One rounding mode.

    Attributes
    ----------
    real : callable
        Rounds an array of real values to integers.
    constant, weight : callable
        Of the number of dropped bits, in units of the code.
    of_sign : bool
        Whether the bit is the sign; else it is the lowest bit that is kept.
    """

    real: Callable[[np.ndarray], np.ndarray]
    constant: Callable[[int], int]
    weight: Callable[[int], int]
    of_sign: bool


def _half(d: int) -> int:
    return 1 << (d - 1)


MODES = {
    "RND_CONV": RoundingMode(np.round, lambda d: _half(d) - 1, lambda d: 1, False),
    "RND_MIN_INF": RoundingMode(lambda x: -np.floor(-x + 0.5), lambda d: _half(d) - 1, lambda d: 0, False),
    "TRN_ZERO": RoundingMode(np.trunc, lambda d: 0, lambda d: (1 << d) - 1, True),
    "RND_ZERO": RoundingMode(
        lambda x: -np.floor(-np.abs(x) + 0.5) * np.sign(x), lambda d: _half(d) - 1, lambda d: 1, True
    ),
    "RND_INF": RoundingMode(lambda x: np.floor(np.abs(x) + 0.5) * np.sign(x), _half, lambda d: -1, True),
}
SUPPORTED = (*NATIVE, *MODES)


def quantize_real(values: np.ndarray, kif: KIF, *, overflow: str, rounding: str) -> IntArray:
    """Quantize real values as a quantizer of HGQ2 does.

    Parameters
    ----------
    values : float64 array
        Real values.
    kif : KIF
        The format.
    overflow : str
        'WRAP', 'SAT' or 'SAT_SYM'.
    rounding : str
        One of `SUPPORTED`.

    Returns
    -------
    int64 array
        Codes in the format.
    """
    rounded = round_real(values, kif.f, rounding=rounding)
    if overflow == "WRAP":
        return np.mod(rounded - kif.lo, 1 << kif.bits) + kif.lo
    lowest = -kif.hi if overflow == "SAT_SYM" and kif.k else kif.lo
    return np.clip(rounded, lowest, kif.hi)


def round_real(values: np.ndarray, fraction_bits: int, *, rounding: str) -> IntArray:
    """Round real values.

    Parameters
    ----------
    values : float64 array
        Real values.
    fraction_bits : int
        That are kept.
    rounding : str
        One of `SUPPORTED`.

    Returns
    -------
    int64 array
        Codes with these fraction bits, before overflow.
    """
    scaled = np.asarray(values, dtype=np.float64) * 2.0**fraction_bits
    if rounding in MODES:
        return MODES[rounding].real(scaled).astype(np.int64)
    return np.floor(scaled + (0.5 if rounding == "RND" else 0.0)).astype(np.int64)


def rounding_layer(name: str, source: KIF, *, fraction_bits: int, rounding: str) -> LinearLayer:
    """Build the layer whose output, rounded down to `fraction_bits`, is its input rounded by a mode.

    Parameters
    ----------
    name : str
        Of the layer.
    source : KIF
        Format of the input, with more fraction bits than are kept.
    fraction_bits : int
        That are kept.
    rounding : str
        One of `MODES`.

    Returns
    -------
    LinearLayer
        With two channels that read the same value.
    """
    mode, dropped = MODES[rounding], source.f - fraction_bits
    bit = KIF(0, source.i + 1, -source.i) if mode.of_sign else KIF(0, 1 - fraction_bits, fraction_bits)
    weight = mode.weight(dropped) if source.k or not mode.of_sign else 0
    return LinearLayer(
        name,
        (source, bit),
        ("WRAP", "WRAP"),
        np.array([[1], [weight]], dtype=np.int64),
        np.array([mode.constant(dropped)], dtype=np.int64),
        fraction_bits=np.array([source.f], dtype=np.int64),
    )
