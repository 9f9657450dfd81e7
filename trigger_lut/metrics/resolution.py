"""Resolution of the targets of a regression: bias, width, and width against the true value."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trigger_lut.cards.physics import Resolution, TargetResolution

Floats = NDArray[np.float64]
CENTRAL = 0.6827  # of a Gaussian within one standard deviation
BINS, TRUE_BINS, RESAMPLED = 60, 12, 50


def central_width(deviations: Floats) -> float:
    """Compute half of the central 68.27 % interval.

    Parameters
    ----------
    deviations : (N,) ndarray
        Predicted minus true values.

    Returns
    -------
    float
        Half of the width, in the unit of the deviations.
    """
    low, high = np.quantile(deviations, [(1 - CENTRAL) / 2, (1 + CENTRAL) / 2])
    return float(high - low) / 2


def rank_correlation(first: Floats, second: Floats) -> float | None:
    """Compute Spearman's rank correlation (C. Spearman, Am. J. Psychol. 15 (1904) 72), ties at their mean rank.

    Parameters
    ----------
    first, second : (N,) ndarray
        Two values of the same events.

    Returns
    -------
    float or None
        Correlation from -1 to 1; None if one of them has a single value.
    """
    from scipy.stats import rankdata

    ranks = [rankdata(values) for values in (first, second)]
    if any(rank.min() == rank.max() for rank in ranks):
        return None
    return float(np.corrcoef(*ranks)[0, 1])


def target_resolution(
    name: str, unit: str, *, true: Floats, predicted: dict[str, Floats], seed: int
) -> TargetResolution:
    """Compare all methods on one target.

    Parameters
    ----------
    name, unit : str
        Name and unit of the target.
    true : (N,) ndarray
        True values.
    predicted : dict of (N,) ndarray
        Predicted values by method.
    seed : int
        Seed of the resampled events that give errors.

    Returns
    -------
    TargetResolution
        Figures and histograms. The bins of deviations span five widths of the widest method on either side; the end
        bins include all events beyond.
    """
    rng = np.random.default_rng(seed)
    deviations = {method: values - true for method, values in predicted.items()}
    limit = max(5 * max(central_width(d) for d in deviations.values()), 1e-12)
    edges = np.linspace(-limit, limit, BINS + 1)
    true_edges = np.unique(np.quantile(true, np.linspace(0, 1, TRUE_BINS + 1)))
    bin_of = np.clip(np.searchsorted(true_edges, true, side="right") - 1, 0, max(len(true_edges) - 2, 0))
    return TargetResolution(
        name=name,
        unit=unit,
        methods=[method_resolution(method, true=true, deviations=d, rng=rng) for method, d in deviations.items()],
        edges=edges.tolist(),
        counts={m: np.histogram(np.clip(d, -limit, limit), edges)[0].tolist() for m, d in deviations.items()},
        true_edges=true_edges.tolist(),
        central_by_true={
            m: [central_width(d[bin_of == b]) for b in range(max(len(true_edges) - 1, 1))]
            for m, d in deviations.items()
        },
    )


def method_resolution(method: str, *, true: Floats, deviations: Floats, rng: np.random.Generator) -> Resolution:
    """Summarize the deviations of one method.

    Parameters
    ----------
    method : str
        Name of the method.
    true, deviations : (N,) ndarray
        True values, and predicted minus true values, in the target's unit.
    rng : numpy.random.Generator
        Draws the resampled events that give the error of the width.

    Returns
    -------
    Resolution
        R², bias, RMS and central width.
    """
    resampled = [central_width(rng.choice(deviations, len(deviations))) for _ in range(RESAMPLED)]
    variance = float(true.var())
    return Resolution(
        method=method,
        r2=1 - float((deviations**2).mean()) / variance if variance else 0.0,
        bias=float(deviations.mean()),
        rms=float(np.sqrt((deviations**2).mean())),
        central=central_width(deviations),
        central_error=float(np.std(resampled)),
        rank_correlation=None,
    )
