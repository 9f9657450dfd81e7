"""How far two distributions of whole numbers are apart, and how far chance alone would bring them.

Kolmogorov and Smirnov: the largest difference of the cumulative distributions, with the probability of such a distance
(N. Smirnov, Ann. Math. Stat. 19 (1948) 279), here that of one sample of n m / (n + m) events against a known
distribution (R. Simard, P. L'Ecuyer, J. Stat. Softw. 39 (2011) 11). It sees values that move.

Chi-square of the shares of codes, of weighted events (after N. Gagunashvili, arXiv:physics/0605123): it sees what moves
no value far, such as two codes that swap, a bit that is stuck, or a rare hit that is missing, and it is good where an
input has few codes, of which the first one's probability is far too large (G. Noether, Metrika 7 (1963) 115).

Total variation: half the sum of the absolute differences of shares, the share of events that would have to change their
code. Between two samples it is never 0: `by_chance` is what it then is on average.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trigger_lut.cards.drift import Distance

Floats = NDArray[np.float64]
LEAST = 10.0  # events expected in a group of codes, of either sample


@dataclass(frozen=True)
class Histogram:
    """By code, rising: (B,) sums of the events' weights, and of their squares."""

    sums: Floats
    squares: Floats

    @property
    def shares(self) -> Floats:
        return np.asarray(self.sums / self.sums.sum())

    @property
    def effective(self) -> float:
        """Number of events of equal weight that say as much (L. Kish, Survey Sampling, 1965)."""
        return float(self.sums.sum() ** 2 / self.squares.sum())


def distance(first: Histogram, second: Histogram) -> Distance:
    """Of two samples over the same codes."""
    p, q = first.shares, second.shares
    sizes = first.effective, second.effective
    ks = kolmogorov_smirnov(p, q)
    return Distance(
        ks=ks,
        ks_p_value=ks_p_value(ks, sizes),
        chi2_p_value=chi2_p_value(first, second),
        total_variation=total_variation(p, q),
        by_chance=by_chance(p, q, sizes),
    )


def kolmogorov_smirnov(p: Floats, q: Floats) -> float:
    """Largest difference of the cumulative sums of shares (B,)."""
    return float(np.abs(np.cumsum(p - q)).max())


def ks_p_value(ks: float, sizes: tuple[float, float]) -> float:
    """Probability of a distance of at least `ks` between samples of one continuous distribution.

    Of whole numbers, which repeat, the true probability is at most this.
    """
    from scipy.stats import kstwo

    n, m = sizes
    return float(np.clip(kstwo.sf(ks, max(round(n * m / (n + m)), 1)), 0, 1))


def chi2_p_value(first: Histogram, second: Histogram) -> float:
    """Probability of at least as different shares of codes; 1 where there are too few events for two groups of codes.

    Codes are grouped with their neighbours until LEAST events are expected in either sample. A share's variance is the
    common share times the mean weight of the sample's events in the group over the sum of all weights; of events of
    equal weight that is Pearson's test of homogeneity.
    """
    from scipy.stats import chi2

    n, m = first.effective, second.effective
    starts = _groups((n * first.shares + m * second.shares) / (n + m) * min(n, m))
    if len(starts) < 2:
        return 1.0
    p, q = (np.add.reduceat(side.shares, starts) for side in (first, second))
    common = (n * p + m * q) / (n + m)
    variance = common * (_weight(first, starts) + _weight(second, starts))
    return float(chi2.sf(((p - q) ** 2 / variance).sum(), len(starts) - 1))


def _groups(expected: Floats) -> NDArray[np.int64]:
    """First codes of groups of neighbours with at least LEAST expected events each."""
    starts, held = [0], 0.0
    for code, more in enumerate(expected.tolist()):
        if held >= LEAST:
            starts.append(code)
            held = 0.0
        held += more
    if held < LEAST and len(starts) > 1:
        starts.pop()
    return np.array(starts)


def _weight(side: Histogram, starts: NDArray[np.int64]) -> Floats:
    """Mean weight of the events in each group over the sum of all; that of all events where a group has none."""
    sums, squares = (np.add.reduceat(held, starts) for held in (side.sums, side.squares))
    of_all = np.full(len(starts), side.squares.sum() / side.sums.sum())
    return np.asarray(np.divide(squares, sums, out=of_all, where=sums > 0) / side.sums.sum())


def total_variation(p: Floats, q: Floats) -> float:
    """Half of the sum of absolute differences of shares (B,): 0 for equal ones, 1 where no code occurs in both."""
    return float(np.abs(p - q).sum() / 2)


def by_chance(p: Floats, q: Floats, sizes: tuple[float, float]) -> float:
    """Mean total variation of two samples of one distribution, that of both together.

    The difference of two shares is about normal with variance r (1 - r) (1/n + 1/m); the mean of its absolute value is
    sqrt(2 / pi) standard deviations. Of codes of few events that is somewhat too much.
    """
    n, m = sizes
    r = (n * p + m * q) / (n + m)
    return float(np.sqrt(2 / np.pi * r * (1 - r) * (1 / n + 1 / m)).sum() / 2)


def aligned(
    first: NDArray[np.int64], second: NDArray[np.int64], weights: tuple[Floats, Floats]
) -> tuple[Histogram, Histogram]:
    """Histograms over all values that occur in either; first (N,), second (M,), with their weights."""
    _, places = np.unique(np.concatenate([first, second]), return_inverse=True)
    size = int(places.max()) + 1

    def counted(side: NDArray[np.int64], w: Floats) -> Histogram:
        return Histogram(*(np.bincount(side, x, size).astype(np.float64) for x in (w, w**2)))

    return counted(places[: len(first)], weights[0]), counted(places[len(first) :], weights[1])
