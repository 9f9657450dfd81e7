"""Distances between two samples of an integer, and their size in samples of one distribution.

Kolmogorov-Smirnov: the largest difference of the cumulative distributions, and the probability of such a distance
(N. Smirnov, Ann. Math. Stat. 19 (1948) 279). The probability is that of one sample of n m / (n + m) events against a
known distribution (R. Simard, P. L'Ecuyer, J. Stat. Softw. 39 (2011) 11). The test sees values that move.

Chi-square of the fractions of codes, for weighted events (after N. Gagunashvili, arXiv:physics/0605123). It sees
changes that move no value far, such as exchanged codes, a bit that never changes, or a rare hit that is missing. It
suits inputs with few codes, for which the Kolmogorov-Smirnov probability is far too large (G. Noether, Metrika 7
(1963) 115).

Total variation: half the sum of the absolute differences of fractions. It is the fraction of events that would have to
change their code. Two samples of one distribution have a total variation above 0: see `expected_total_variation`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trigger_lut.cards.drift import Distance

Floats = NDArray[np.float64]
MIN_EXPECTED_EVENTS = 10.0  # of a group of codes, in either sample


@dataclass(frozen=True)
class Histogram:
    """Weighted events by code, in rising order.

    Attributes
    ----------
    sums : (B,) ndarray
        Sum of the weights of the events with each code.
    squares : (B,) ndarray
        Sum of their squares.
    """

    sums: Floats
    squares: Floats

    @property
    def fractions(self) -> Floats:
        """(B,) fraction of the weights with each code."""
        return np.asarray(self.sums / self.sums.sum())

    @property
    def effective(self) -> float:
        """Number of events of equal weight with the same statistical error (L. Kish, Survey Sampling, 1965)."""
        return float(self.sums.sum() ** 2 / self.squares.sum())


def sample_distance(first: Histogram, second: Histogram) -> Distance:
    """Compare two samples by all measures of this module.

    Parameters
    ----------
    first, second : Histogram
        The samples, over the same codes.

    Returns
    -------
    Distance
        The distances and their probabilities.
    """
    p, q = first.fractions, second.fractions
    sizes = first.effective, second.effective
    ks = kolmogorov_smirnov(p, q)
    return Distance(
        ks=ks,
        ks_p_value=ks_p_value(ks, sizes),
        chi2_p_value=chi2_p_value(first, second),
        total_variation=total_variation(p, q),
        by_chance=expected_total_variation(p, q, sizes=sizes),
    )


def kolmogorov_smirnov(p: Floats, q: Floats) -> float:
    """Return the largest difference of the cumulative sums of fractions (B,)."""
    return float(np.abs(np.cumsum(p - q)).max())


def ks_p_value(ks: float, sizes: tuple[float, float]) -> float:
    """Return the probability that samples of one continuous distribution have at least the distance `ks`.

    The probability is an upper limit for integers, because their values repeat.
    """
    from scipy.stats import kstwo

    n, m = sizes
    return float(np.clip(kstwo.sf(ks, max(round(n * m / (n + m)), 1)), 0, 1))


def chi2_p_value(first: Histogram, second: Histogram) -> float:
    """Return the probability that fractions of codes differ at least as much; 1 with fewer than two groups of codes.

    Neighboring codes are grouped until MIN_EXPECTED_EVENTS events are expected in either sample. The variance of a
    fraction is the fraction in both samples, times the mean weight in the group, over the sum of all weights.
    With equal weights this is Pearson's test of homogeneity.
    """
    from scipy.stats import chi2

    n, m = first.effective, second.effective
    starts = _groups((n * first.fractions + m * second.fractions) / (n + m) * min(n, m))
    if len(starts) < 2:
        return 1.0
    p, q = (np.add.reduceat(side.fractions, starts) for side in (first, second))
    common = (n * p + m * q) / (n + m)
    variance = common * (_mean_weight(first, starts) + _mean_weight(second, starts))
    return float(chi2.sf(((p - q) ** 2 / variance).sum(), len(starts) - 1))


def _groups(expected: Floats) -> NDArray[np.int64]:
    """First codes of groups of neighbors with at least MIN_EXPECTED_EVENTS each."""
    starts, in_group = [0], 0.0
    for code, events in enumerate(expected.tolist()):
        if in_group >= MIN_EXPECTED_EVENTS:
            starts.append(code)
            in_group = 0.0
        in_group += events
    if in_group < MIN_EXPECTED_EVENTS and len(starts) > 1:
        starts.pop()
    return np.array(starts)


def _mean_weight(side: Histogram, starts: NDArray[np.int64]) -> Floats:
    """Mean weight in each group over the sum of all weights; the mean of all events for an empty group."""
    sums, squares = (np.add.reduceat(values, starts) for values in (side.sums, side.squares))
    of_all = np.full(len(starts), side.squares.sum() / side.sums.sum())
    return np.asarray(np.divide(squares, sums, out=of_all, where=sums > 0) / side.sums.sum())


def total_variation(p: Floats, q: Floats) -> float:
    """Return half of the sum of absolute differences of fractions (B,): 0 if equal, 1 if no code is in both."""
    return float(np.abs(p - q).sum() / 2)


def expected_total_variation(p: Floats, q: Floats, *, sizes: tuple[float, float]) -> float:
    """Return the mean total variation of two samples of one distribution, which is that of both together.

    The difference of two fractions is about normal with variance r (1 - r) (1/n + 1/m). The mean of its absolute value
    is sqrt(2 / pi) standard deviations. The result is slightly too large for codes with few events.
    """
    n, m = sizes
    r = (n * p + m * q) / (n + m)
    return float(np.sqrt(2 / np.pi * r * (1 - r) * (1 / n + 1 / m)).sum() / 2)


def aligned_histograms(
    first: NDArray[np.int64], second: NDArray[np.int64], *, weights: tuple[Floats, Floats]
) -> tuple[Histogram, Histogram]:
    """Count two samples over all values that occur in either.

    Parameters
    ----------
    first : (N,) ndarray of int
        Values of the first sample.
    second : (M,) ndarray of int
        Values of the second sample.
    weights : tuple of (N,) and (M,) ndarray
        Weights of the events.

    Returns
    -------
    tuple of Histogram
        One for each sample, over the same values.
    """
    _, codes = np.unique(np.concatenate([first, second]), return_inverse=True)
    size = int(codes.max()) + 1

    def histogram(side: NDArray[np.int64], w: Floats) -> Histogram:
        return Histogram(*(np.bincount(side, x, size).astype(np.float64) for x in (w, w**2)))

    return histogram(codes[: len(first)], weights[0]), histogram(codes[len(first) :], weights[1])
