"""Ratios of fractions and rates in two data sets."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from trigger_lut.cards.drift import ValueRatio
from trigger_lut.cards.physics import Interval68
from trigger_lut.metrics.trigger_rates import binomial_interval


def value_ratio(trained: Interval68, new: Interval68) -> ValueRatio:
    """Divide the new value by the trained one, with asymmetric errors to first order.

    Parameters
    ----------
    trained, new : Interval68
        A fraction or rate in both data sets.

    Returns
    -------
    ValueRatio
        Both values and their ratio. The upper error combines the upper error of `new` and the lower one of `trained`
        in quadrature; the lower error combines the other two. No ratio if the trained value is 0.
    """
    if not trained.value:
        return ValueRatio(trained=trained, new=new, ratio=None)
    ratio = new.value / trained.value
    above = _quadrature((new.high - new.value) / trained.value, ratio * (trained.value - trained.low) / trained.value)
    below = _quadrature((new.value - new.low) / trained.value, ratio * (trained.high - trained.value) / trained.value)
    interval = Interval68(value=ratio, low=max(ratio - below, 0.0), high=ratio + above)
    return ValueRatio(trained=trained, new=new, ratio=interval)


def weighted_fraction(value: float, effective: float) -> Interval68:
    """Add a binomial interval to a fraction of weighted events.

    Parameters
    ----------
    value : float
        Fraction of the weights, from 0 to 1.
    effective : float
        Effective number of events.

    Returns
    -------
    Interval68
        The fraction, with the interval of as many events of equal weight.
    """
    value = min(max(value, 0.0), 1.0)
    low, high = binomial_interval(value * effective, effective)
    return Interval68(value=value, low=min(low, value), high=max(high, value))


def effective_events(weights: ArrayLike) -> float:
    """Return how many events of equal weight have the same relative error: (sum of weights)^2 / sum of squares.

    Parameters
    ----------
    weights : (N,) array
        Weights of the events, not all 0.

    Returns
    -------
    float
        Effective number of events (L. Kish, Survey Sampling, Wiley 1965).
    """
    values = np.asarray(weights, np.float64)
    return float(values.sum() ** 2 / (values**2).sum())


def standard_deviations(pair: ValueRatio) -> float:
    """Divide the difference of two values by its error.

    Parameters
    ----------
    pair : ValueRatio
        A value in both data sets.

    Returns
    -------
    float
        New minus trained, in standard deviations.
    """
    trained, new = pair.trained, pair.new
    if new.value >= trained.value:
        error = _quadrature(new.value - new.low, trained.high - trained.value)
    else:
        error = _quadrature(new.high - new.value, trained.value - trained.low)
    return (new.value - trained.value) / error if error else 0.0


def _quadrature(first: float, second: float) -> float:
    return float((first**2 + second**2) ** 0.5)
