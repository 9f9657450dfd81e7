"""How well the targets of a regression are found: bias, width, and width against the true value."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trigger_lut.cards.physics import Resolution, TargetResolution

Floats = NDArray[np.float64]
CENTRAL = 0.6827  # of a Gaussian within one standard deviation
BINS, TRUE_BINS, RESAMPLED = 60, 12, 50


def central_width(deviations: Floats) -> float:
    """Half of the interval between the quantiles that leave out (1 - CENTRAL) / 2 on either side."""
    low, high = np.quantile(deviations, [(1 - CENTRAL) / 2, (1 + CENTRAL) / 2])
    return float(high - low) / 2


def resolution(name: str, unit: str, true: Floats, found: dict[str, Floats], seed: int) -> TargetResolution:
    """Of one target. true: (N,); found: (N,) by method; both in the target's unit.

    The bins of deviations span five widths of the widest method on either side; what is beyond counts in the end bins.
    """
    rng = np.random.default_rng(seed)
    deviations = {method: values - true for method, values in found.items()}
    reach = max(5 * max(central_width(d) for d in deviations.values()), 1e-12)
    edges = np.linspace(-reach, reach, BINS + 1)
    true_edges = np.unique(np.quantile(true, np.linspace(0, 1, TRUE_BINS + 1)))
    bin_of = np.clip(np.searchsorted(true_edges, true, side="right") - 1, 0, max(len(true_edges) - 2, 0))
    return TargetResolution(
        name=name,
        unit=unit,
        methods=[summary(method, true, d, rng) for method, d in deviations.items()],
        edges=edges.tolist(),
        counts={m: np.histogram(np.clip(d, -reach, reach), edges)[0].tolist() for m, d in deviations.items()},
        true_edges=true_edges.tolist(),
        central_by_true={
            m: [central_width(d[bin_of == b]) for b in range(max(len(true_edges) - 1, 1))]
            for m, d in deviations.items()
        },
    )


def summary(method: str, true: Floats, deviations: Floats, rng: np.random.Generator) -> Resolution:
    """Of one method. true, deviations: (N,) in the target's unit; rng: for the error of the width."""
    again = [central_width(rng.choice(deviations, len(deviations))) for _ in range(RESAMPLED)]
    variance = float(true.var())
    return Resolution(
        method=method,
        r2=1 - float((deviations**2).mean()) / variance if variance else 0.0,
        bias=float(deviations.mean()),
        rms=float(np.sqrt((deviations**2).mean())),
        central=central_width(deviations),
        central_error=float(np.std(again)),
    )
