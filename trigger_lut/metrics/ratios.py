"""Shares and rates in two data sets, and their ratio."""

from __future__ import annotations

from trigger_lut.cards.drift import Compared
from trigger_lut.cards.physics import Measured68
from trigger_lut.metrics.trigger_rates import interval


def compared(trained: Measured68, new: Measured68) -> Compared:
    """Both and their ratio r = new / trained; its error upwards, to first order, from the new one's upwards and the
    trained one's downwards, relative ones in quadrature, and downwards the other way round."""
    if not trained.value:
        return Compared(trained=trained, new=new, ratio=None)
    ratio = new.value / trained.value
    above = _together((new.high - new.value) / trained.value, ratio * (trained.value - trained.low) / trained.value)
    below = _together((new.value - new.low) / trained.value, ratio * (trained.high - trained.value) / trained.value)
    found = Measured68(value=ratio, low=max(ratio - below, 0.0), high=ratio + above)
    return Compared(trained=trained, new=new, ratio=found)


def of_effective(value: float, effective: float) -> Measured68:
    """A share of weighted events, with the interval of as many events of equal weight."""
    value = min(max(value, 0.0), 1.0)
    low, high = interval(value * effective, effective)
    return Measured68(value=value, low=min(low, value), high=max(high, value))


def standard_deviations(found: Compared) -> float:
    """By how many standard deviations the new one is above the trained one (below: negative)."""
    if found.new.value >= found.trained.value:
        error = _together(found.new.value - found.new.low, found.trained.high - found.trained.value)
    else:
        error = _together(found.new.high - found.new.value, found.trained.value - found.trained.low)
    return (found.new.value - found.trained.value) / error if error else 0.0


def _together(first: float, second: float) -> float:
    return float((first**2 + second**2) ** 0.5)
