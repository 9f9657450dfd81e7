"""A network as a trigger: rate against threshold, and the share of signal that passes at a given rate.

The score of a classification is the largest output of a signal class minus the largest output of a background class.
The firmware can form it from its integers: a comparison with a threshold is one more subtraction. In anomaly detection
the score is the one output. Outputs are discrete, so events share scores: a threshold lets all events of a score pass
or none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trigger_lut.cards.physics import Measured68
from trigger_lut.config.data_set.trigger import Streams

Floats = NDArray[np.float64]
CENTRAL = 0.6827


def trigger_score(outputs: NDArray[Any], signal: Sequence[int], background: Sequence[int]) -> NDArray[Any]:
    """(N,) of outputs (N, classes), integers or real numbers; signal and background: numbers of classes."""
    return np.asarray(outputs[:, list(signal)].max(axis=1) - outputs[:, list(background)].max(axis=1))


def threshold_for(score: NDArray[Any], khz: Floats, wanted: float) -> float | None:
    """The smallest score t for which the rates of the events with score >= t add up to at most `wanted`.

    score, khz: (N,) of the background. None where even the largest score brings more.
    """
    levels, inverse = np.unique(score, return_inverse=True)
    passing = np.cumsum(np.bincount(inverse, khz)[::-1])[::-1]  # of events at or above each level
    good = np.flatnonzero(passing <= wanted * (1 + 1e-12))
    return float(levels[good[0]]) if len(good) else None


def interval(passed: float, total: float) -> tuple[float, float]:
    """Ends of the central 68.27 % interval of a binomial share (Clopper and Pearson, Biometrika 26 (1934) 404).

    Numbers of events, or effective ones of weighted events.
    """
    from scipy.stats import beta

    tail = (1 - CENTRAL) / 2
    low = float(beta.ppf(tail, passed, total - passed + 1)) if passed else 0.0
    high = float(beta.ppf(1 - tail, passed + 1, total - passed)) if passed < total else 1.0
    return low, high


def share(passed: NDArray[np.bool_]) -> Measured68:
    """The share of events that pass."""
    count, total = int(passed.sum()), len(passed)
    if not total:
        return Measured68(value=0.0, low=0.0, high=1.0)
    low, high = interval(count, total)
    return Measured68(value=count / total, low=low, high=high)


def weights(labels: NDArray[np.int64], streams: Streams) -> Floats:
    """(N,) kHz that each event stands for; 0 for signal."""
    found = np.zeros(len(labels))
    for classes, khz in streams:
        mine = np.isin(labels, classes)
        found[mine] = khz / max(int(mine.sum()), 1)
    return found


def rate(passed: NDArray[np.bool_], labels: NDArray[np.int64], streams: Streams) -> Measured68:
    """Rate in kHz of the background events that pass.

    The interval of one stream is that of the share that passes; those of several are added in quadrature about their
    values, which is wider than an exact one where few events pass.
    """
    found = [(khz, share(passed[np.isin(labels, classes)])) for classes, khz in streams]
    value = sum(khz * s.value for khz, s in found)
    below = sum((khz * (s.value - s.low)) ** 2 for khz, s in found) ** 0.5
    above = sum((khz * (s.high - s.value)) ** 2 for khz, s in found) ** 0.5
    return Measured68(value=value, low=max(value - below, 0.0), high=value + above)


def curve(
    score: NDArray[Any], labels: NDArray[np.int64], streams: Streams, signal: Sequence[int], points: int
) -> tuple[Floats, Floats, Floats]:
    """(threshold, rate in kHz, efficiency) at every score, falling, thinned to `points` evenly in log(rate)."""
    is_signal = np.isin(labels, list(signal))
    levels, inverse = np.unique(score, return_inverse=True)
    khz = np.cumsum(np.bincount(inverse, weights(labels, streams))[::-1]).astype(np.float64)
    passed = np.cumsum(np.bincount(inverse, is_signal)[::-1]).astype(np.float64) / max(int(is_signal.sum()), 1)
    thresholds = levels[::-1].astype(np.float64)
    if len(levels) > points:
        positive = khz[khz > 0]
        grid = np.geomspace(positive[0] if len(positive) else 1.0, max(khz[-1], 1e-9), points)
        keep = np.unique(np.clip(np.searchsorted(khz, grid, side="right") - 1, 0, None))
        return thresholds[keep], khz[keep], passed[keep]
    return thresholds, khz, passed


def bins_of(values: Floats, count: int) -> Floats:
    """Edges of bins with about equally many values each; fewer than `count` where values repeat."""
    return np.unique(np.quantile(values, np.linspace(0, 1, count + 1), method="nearest"))


def in_bins(values: Floats, edges: Floats) -> list[NDArray[np.bool_]]:
    """Which values lie in each bin; the last one has its upper edge."""
    if len(edges) < 2:
        return [np.ones(len(values), dtype=bool)]
    which = np.clip(np.searchsorted(edges, values, side="right") - 1, -1, len(edges) - 1)
    which[values == edges[-1]] = len(edges) - 2
    return [which == b for b in range(len(edges) - 1)]


def signal_probability(outputs: Floats, signal: Sequence[int]) -> Floats:
    """(N,) probability of the signal classes together, by softmax of outputs (N, classes)."""
    powers = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    found: Floats = powers[:, list(signal)].sum(axis=1) / powers.sum(axis=1)
    return found
