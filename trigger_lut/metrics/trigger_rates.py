"""Trigger figures of a network: rate against threshold, and signal efficiency at a given rate.

The score of a classification is the largest signal output minus the largest background output. The firmware forms it
from its integers: a comparison with a threshold is one more subtraction. In anomaly detection the score is the one
output. Outputs are discrete, so that events share scores: a threshold accepts all events of a score, or none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trigger_lut.cards.physics import Interval68
from trigger_lut.config.data_set.trigger import Streams

Floats = NDArray[np.float64]
CENTRAL = 0.6827


def trigger_score(outputs: NDArray[Any], signal: Sequence[int], *, background: Sequence[int]) -> NDArray[Any]:
    """Subtract the largest background output from the largest signal output.

    Parameters
    ----------
    outputs : (N, classes) ndarray
        Outputs of a network, integers or real numbers.
    signal, background : sequence of int
        Indices of the classes.

    Returns
    -------
    (N,) ndarray
        Score of each event.
    """
    return np.asarray(outputs[:, list(signal)].max(axis=1) - outputs[:, list(background)].max(axis=1))


def threshold_for(score: NDArray[Any], khz: Floats, *, wanted: float) -> float | None:
    """Find the smallest threshold that keeps to a rate.

    Parameters
    ----------
    score, khz : (N,) ndarray
        Score of each background event, and the rate it represents. Infinite scores pass at all thresholds, or none.
    wanted : float
        Largest rate in kHz.

    Returns
    -------
    float or None
        Smallest score t for which events with score >= t have at most the wanted rate; None if there is none.
    """
    levels, inverse = np.unique(score, return_inverse=True)
    passing = np.cumsum(np.bincount(inverse, khz)[::-1])[::-1]  # of events at or above each level
    allowed = np.flatnonzero((passing <= wanted * (1 + 1e-12)) & np.isfinite(levels))
    return float(levels[allowed[0]]) if len(allowed) else None


def binomial_interval(passed: float, total: float) -> tuple[float, float]:
    """Return the central 68.27 % interval of a binomial fraction (Clopper and Pearson, Biometrika 26 (1934) 404).

    Parameters
    ----------
    passed, total : float
        Numbers of events; effective ones for weighted events.

    Returns
    -------
    low, high : float
        Ends of the interval.
    """
    from scipy.stats import beta

    tail = (1 - CENTRAL) / 2
    low = float(beta.ppf(tail, passed, total - passed + 1)) if passed else 0.0
    high = float(beta.ppf(1 - tail, passed + 1, total - passed)) if passed < total else 1.0
    return low, high


def passing_fraction(passed: NDArray[np.bool_]) -> Interval68:
    """Return the fraction of events that pass.

    Parameters
    ----------
    passed : (N,) ndarray of bool
        True for events that pass.

    Returns
    -------
    Interval68
        The fraction; 0 to 1 without events.
    """
    count, total = int(passed.sum()), len(passed)
    if not total:
        return Interval68(value=0.0, low=0.0, high=1.0)
    low, high = binomial_interval(count, total)
    return Interval68(value=count / total, low=low, high=high)


def khz_per_event(labels: NDArray[np.int64], streams: Streams) -> Floats:
    """Return the rate that each event represents.

    Parameters
    ----------
    labels : (N,) ndarray of int
        Class of each event.
    streams : Streams
        Classes and input rate in kHz of each background stream.

    Returns
    -------
    (N,) ndarray
        Rate in kHz; 0 for signal.
    """
    khz_of_event = np.zeros(len(labels))
    for classes, khz in streams:
        in_stream = np.isin(labels, classes)
        khz_of_event[in_stream] = khz / max(int(in_stream.sum()), 1)
    return khz_of_event


def background_rate(passed: NDArray[np.bool_], labels: NDArray[np.int64], *, streams: Streams) -> Interval68:
    """Return the rate of the background events that pass.

    Parameters
    ----------
    passed : (N,) ndarray of bool
        True for events that pass.
    labels : (N,) ndarray of int
        Class of each event.
    streams : Streams
        Classes and input rate in kHz of each background stream.

    Returns
    -------
    Interval68
        Rate in kHz. Errors of several streams are added in quadrature, which is wider than the exact interval if few
        events pass.
    """
    rates = [(khz, passing_fraction(passed[np.isin(labels, classes)])) for classes, khz in streams]
    value = sum(khz * part.value for khz, part in rates)
    below = sum((khz * (part.value - part.low)) ** 2 for khz, part in rates) ** 0.5
    above = sum((khz * (part.high - part.value)) ** 2 for khz, part in rates) ** 0.5
    return Interval68(value=value, low=max(value - below, 0.0), high=value + above)


def rate_curve(
    score: NDArray[Any], labels: NDArray[np.int64], *, streams: Streams, signal: Sequence[int], points: int
) -> tuple[Floats, Floats, Floats]:
    """Compute rate and efficiency at every threshold.

    Parameters
    ----------
    score, labels : (N,) ndarray
        Score and class of each event.
    streams : Streams
        Classes and input rate in kHz of each background stream.
    signal : sequence of int
        Indices of the signal classes.
    points : int
        Largest number of points, spaced evenly in log(rate).

    Returns
    -------
    threshold, khz, efficiency : (P,) ndarray
        Finite scores in falling order, with the rate and signal efficiency of the events at or above.
    """
    is_signal = np.isin(labels, list(signal))
    levels, inverse = np.unique(score, return_inverse=True)
    khz = np.cumsum(np.bincount(inverse, khz_per_event(labels, streams))[::-1]).astype(np.float64)
    passed = np.cumsum(np.bincount(inverse, is_signal)[::-1]).astype(np.float64) / max(int(is_signal.sum()), 1)
    thresholds = levels[::-1].astype(np.float64)
    finite = np.isfinite(thresholds)
    thresholds, khz, passed = thresholds[finite], khz[finite], passed[finite]
    if len(thresholds) > points:
        positive = khz[khz > 0]
        grid = np.geomspace(positive[0] if len(positive) else 1.0, max(khz[-1], 1e-9), points)
        keep = np.unique(np.clip(np.searchsorted(khz, grid, side="right") - 1, 0, None))
        return thresholds[keep], khz[keep], passed[keep]
    return thresholds, khz, passed


def quantile_edges(values: Floats, count: int) -> Floats:
    """Choose edges of bins with about the same number of values.

    Parameters
    ----------
    values : (N,) ndarray
        The values.
    count : int
        Number of bins.

    Returns
    -------
    (E,) ndarray
        Edges of at most `count` bins; fewer if values repeat.
    """
    return np.unique(np.quantile(values, np.linspace(0, 1, count + 1), method="nearest"))


def bin_masks(values: Floats, edges: Floats) -> list[NDArray[np.bool_]]:
    """Select the values of each bin.

    Parameters
    ----------
    values : (N,) ndarray
        The values.
    edges : (E,) ndarray
        Edges of the bins. The last bin includes its upper edge.

    Returns
    -------
    list of (N,) ndarray of bool
        One mask for each bin; one of all values with fewer than two edges.
    """
    if len(edges) < 2:
        return [np.ones(len(values), dtype=bool)]
    index = np.clip(np.searchsorted(edges, values, side="right") - 1, -1, len(edges) - 1)
    index[values == edges[-1]] = len(edges) - 2
    return [index == b for b in range(len(edges) - 1)]


def signal_probability(outputs: Floats, signal: Sequence[int]) -> Floats:
    """Compute the probability of the signal classes together.

    Parameters
    ----------
    outputs : (N, classes) ndarray
        Real outputs of a network, before the softmax.
    signal : sequence of int
        Indices of the signal classes.

    Returns
    -------
    (N,) ndarray
        Sum of the softmax probabilities of the signal classes.
    """
    powers = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    probability: Floats = powers[:, list(signal)].sum(axis=1) / powers.sum(axis=1)
    return probability
