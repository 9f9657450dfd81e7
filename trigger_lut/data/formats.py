"""Hardware formats from the distribution of the training split."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from trigger_lut.fixed_point.formats import KIF


def automatic_format(values: ArrayLike, width: int, quantiles: tuple[float, float]) -> KIF:
    """`format_between` the quantiles of finite values (N,), N > 0.

    The quantiles are values of the sample itself (the nearest ones), so that a feature of whole numbers gets a range
    for whole numbers.
    """
    low, high = (float(q) for q in np.quantile(np.asarray(values), quantiles, method="nearest"))
    return format_between(low, high, width)


def format_between(low: float, high: float, width: int) -> KIF:
    """The power-of-two range of `width` bits that holds two values.

    Unsigned where the low one is not negative. The range is [-2**i, 2**i) or [0, 2**i) with the smallest i that holds
    both; the rest of the bits are fractional.
    """
    k = int(low < 0)
    integer = max([*_bits_above(high), *_bits_below(low)], default=0)
    return KIF(k, integer, width - k - integer)


def _bits_above(value: float) -> list[int]:
    """[smallest i with value < 2**i]; empty for a value that any range holds."""
    return [math.frexp(value)[1]] if value > 0 else []


def _bits_below(value: float) -> list[int]:
    """[smallest i with -2**i <= value]; empty for a value that any range holds."""
    mantissa, exponent = math.frexp(-value)
    return [exponent - (mantissa == 0.5)] if value < 0 else []
