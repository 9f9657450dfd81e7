"""Hardware formats from the distribution of the training split."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from trigger_lut.config.data_set.features import MAX_WIDTH
from trigger_lut.fixed_point.formats import KIF


@dataclass
class Extent:
    """Range of the values of a channel, and whether all are integers; adding values again changes nothing."""

    low: float = math.inf
    high: float = -math.inf
    integers: bool = True

    def add(self, values: ArrayLike) -> None:
        """Extend the range by finite values (N,)."""
        array = np.asarray(values)
        if array.size:
            self.low, self.high = min(self.low, float(array.min())), max(self.high, float(array.max()))
            self.integers = self.integers and bool((array == np.floor(array)).all())


def automatic_format(values: ArrayLike, width: int, *, quantiles: tuple[float, float]) -> KIF:
    """Return the format that ingest picks for values.

    Parameters
    ----------
    values : array_like (N,)
        Finite, N > 0.
    width : int
        Bits, at most.
    quantiles : tuple of float
        Lower and upper fraction that the range must hold.

    Returns
    -------
    KIF
    """
    low, high = (float(q) for q in np.quantile(np.asarray(values), quantiles, method="nearest"))
    extent = Extent()
    extent.add(values)
    return format_of(extent, (low, high), width=width)


def format_of(extent: Extent, quantiles: tuple[float, float], *, width: int) -> KIF:
    """Return the format of a channel from the range of its values and from their quantiles.

    Integers get no fractional bits, and only as many bits as their range needs; a flag gets one bit. Where `width` bits
    are too few for the range, the quantiles decide.

    Parameters
    ----------
    extent : Extent
    quantiles : tuple of float
        Lower and upper quantile. These are values of the sample, so that those of integers are integers.
    width : int
        Bits, at most.
    """
    if not extent.integers:
        return format_between(*quantiles, width=width)
    whole = _integer_format(extent.low, extent.high)
    if whole.bits > width:
        whole = _integer_format(*quantiles)
    return KIF(whole.k, whole.i, min(0, width - whole.k - whole.i))


def _integer_format(low: float, high: float) -> KIF:
    """Return the smallest format with steps of 1 that holds two integers."""
    return KIF(int(low < 0), max([*_bits_above(high), *_bits_below(low), 1]), 0)


def format_between(low: float, high: float, *, width: int) -> KIF:
    """Return the power-of-two range of `width` bits that holds two values.

    It is unsigned where the low value is not negative. The range is [-2**i, 2**i) or [0, 2**i) with the smallest i that
    holds both; the rest of the bits are fractional.
    """
    k = int(low < 0)
    integer = max([*_bits_above(high), *_bits_below(low)], default=0)
    return KIF(k, integer, width - k - integer)


def _bits_above(value: float) -> list[int]:
    """Return [smallest i with value < 2**i]; nothing for a value that any range holds."""
    return [math.frexp(value)[1]] if value > 0 else []


def _bits_below(value: float) -> list[int]:
    """Return [smallest i with -2**i <= value]; nothing for a value that any range holds."""
    mantissa, exponent = math.frexp(-value)
    return [exponent - (mantissa == 0.5)] if value < 0 else []


def format_of_model(kif: KIF, wraps: bool, *, extent: Extent) -> KIF:
    """Return the format of a channel that an imported model reads in a format of its own.

    A model that saturates gives the same result for values that are saturated before it. One that wraps does not, so
    the format then holds all values of the training split, as far as MAX_WIDTH bits allow.

    Parameters
    ----------
    kif : KIF
        What the model reads.
    wraps : bool
        Whether it wraps.
    extent : Extent
        Values of the channel.

    Returns
    -------
    KIF
        MAX_WIDTH bits, at most; further fraction bits are dropped.
    """
    wide = kif
    if wraps and extent.low <= extent.high:
        integer = max([kif.i, *_bits_above(extent.high), *_bits_below(extent.low)])
        wide = KIF(max(kif.k, int(extent.low < 0)), integer, kif.f)
    if wide.bits <= MAX_WIDTH:
        return wide
    return KIF(kif.k, kif.i, min(kif.f, MAX_WIDTH - kif.k - kif.i))
