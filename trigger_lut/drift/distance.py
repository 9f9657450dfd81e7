"""How far two distributions of whole numbers are apart, and how far chance alone would bring them.

Kolmogorov and Smirnov: the largest difference of the cumulative distributions, with the probability of such a distance
(N. Smirnov, Ann. Math. Stat. 19 (1948) 279), here that of one sample of n m / (n + m) events against a known
distribution (R. Simard, P. L'Ecuyer, J. Stat. Softw. 39 (2011) 11). Total variation: half the sum of the absolute
differences of shares, the share of events that would have to change their code. It sees codes that swap, which a
cumulative distribution hardly does, but is never 0 between two samples: `by_chance` is what it then is on average.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trigger_lut.records_drift import Distance

Floats = NDArray[np.float64]


def distance(first: ArrayLike, second: ArrayLike, sizes: tuple[float, float]) -> Distance:
    """Of two histograms (B,) over the same codes in rising order, of any positive sum, and their effective events."""
    p, q = (np.asarray(h, np.float64) / np.sum(h) for h in (first, second))
    ks = kolmogorov_smirnov(p, q)
    return Distance(
        ks=ks,
        p_value=p_value(ks, sizes),
        total_variation=total_variation(p, q),
        by_chance=by_chance(p, q, sizes),
    )


def kolmogorov_smirnov(p: Floats, q: Floats) -> float:
    """Largest difference of the cumulative sums of shares (B,)."""
    return float(np.abs(np.cumsum(p - q)).max())


def p_value(ks: float, sizes: tuple[float, float]) -> float:
    """Probability of a distance of at least `ks` between samples of one continuous distribution.

    Whole numbers repeat; the true probability is then at most this (G. Noether, Metrika 7 (1963) 115).
    """
    from scipy.stats import kstwo

    n, m = sizes
    return float(np.clip(kstwo.sf(ks, max(round(n * m / (n + m)), 1)), 0, 1))


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
) -> tuple[Floats, Floats]:
    """Histograms over all values that occur in either, rising; first (N,), second (M,), with their weights."""
    _, places = np.unique(np.concatenate([first, second]), return_inverse=True)
    size = int(places.max()) + 1
    sides = places[: len(first)], places[len(first) :]
    found = [np.bincount(side, w, size).astype(np.float64) for side, w in zip(sides, weights, strict=True)]
    return found[0], found[1]
