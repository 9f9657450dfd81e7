"""ROC curves, with standard errors of their areas and of the difference of two areas on the same events.

The errors follow E. DeLong, D. DeLong, D. Clarke-Pearson, Biometrics 44 (1988) 837, computed from midranks as in
X. Sun, W. Xu, IEEE Signal Processing Letters 21 (2014) 1389. Each signal event has a component: the fraction of
background events below it. Each background event has one too: the fraction of signal events above it. Ties count half.
The mean of either set of components is the area; their variances give its error. Two areas of the same events are
correlated, so the error of their difference comes from the differences of the components.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trigger_lut.cards.physics import RocCurve

Floats = NDArray[np.float64]
MOST_POINTS = 150
SMALLEST_EFFICIENCY = 1e-5
AucComponents = tuple[Floats, Floats]
"""(S,) of the signal events, and (B,) of the background events."""


def auc_components(score: Floats, is_signal: NDArray[np.bool_]) -> AucComponents:
    """Compute the components of an area.

    Parameters
    ----------
    score : (N,) ndarray
        Score of each event.
    is_signal : (N,) ndarray of bool
        True for signal. At least one event of each kind is needed.

    Returns
    -------
    AucComponents
        Fraction of background below each signal event, and of signal above each background event.
    """
    from scipy.stats import rankdata

    signal, background = score[is_signal], score[~is_signal]
    among_all = rankdata(np.concatenate([signal, background]))
    below = (among_all[: len(signal)] - rankdata(signal)) / len(background)
    above = 1 - (among_all[len(signal) :] - rankdata(background)) / len(signal)
    return below, above


def auc_error(components: AucComponents) -> float | None:
    """Compute the standard error of an area.

    Parameters
    ----------
    components : AucComponents
        See `auc_components`.

    Returns
    -------
    float or None
        The error; None with fewer than two events of a kind.
    """
    if min(len(part) for part in components) < 2:
        return None
    return float(np.sqrt(sum(part.var(ddof=1) / len(part) for part in components)))


def auc_difference(first: AucComponents, second: AucComponents) -> tuple[float, float | None]:
    """Subtract two areas of the same events.

    Parameters
    ----------
    first, second : AucComponents
        Components of both areas.

    Returns
    -------
    difference : float
        Area of `first` minus area of `second`.
    error : float or None
        Its standard error; None with fewer than two events of a kind.
    """
    difference = first[0] - second[0], first[1] - second[1]
    return float(difference[0].mean()), auc_error(difference)


def roc(score: Floats, is_signal: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Return the efficiencies of every threshold that can be set; events of one score pass together.

    Parameters
    ----------
    score : (N,) ndarray
        Score of each event.
    is_signal : (N,) ndarray of bool
        True for signal, with at least one event of each kind.

    Returns
    -------
    background, signal : (T,) ndarray
        Efficiencies, rising from (0, 0) to (1, 1).
    """
    order = np.argsort(-score, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1)
    signal = np.cumsum(is_signal[order])[ends]
    background = ends + 1 - signal
    return np.append(0.0, background / background[-1]), np.append(0.0, signal / signal[-1])


def area(background: Floats, signal: Floats) -> float:
    """Return the area under a ROC curve by trapezoids.

    It is the fraction of signal-background pairs in the right order, ties counted half (J. Hanley, B. McNeil, Radiology
    143 (1982) 29).

    Parameters
    ----------
    background, signal : (T,) ndarray
        Result of `roc`.

    Returns
    -------
    float
        The area, from 0 to 1.
    """
    return float(np.sum(np.diff(background) * (signal[1:] + signal[:-1]) / 2))


def efficiency_at(background: Floats, signal: Floats, *, largest: float) -> float:
    """Return the largest signal efficiency of a threshold with a background efficiency of at most `largest`."""
    return float(signal[np.flatnonzero(background <= largest)[-1]])


def thinned(background: Floats, signal: Floats) -> tuple[Floats, Floats]:
    """Return at most MOST_POINTS points of a curve, evenly spaced in the logarithm of the background efficiency."""
    if len(background) <= MOST_POINTS:
        return background, signal
    grid = np.geomspace(SMALLEST_EFFICIENCY, 1.0, MOST_POINTS - 1)
    keep = np.unique(np.append(0, np.searchsorted(background, grid, side="right") - 1))
    return background[keep], signal[keep]


def roc_curve(score: Floats, is_signal: NDArray[np.bool_], *, components: AucComponents) -> RocCurve:
    """Return the curve of one class against all others.

    Parameters
    ----------
    score : (N,) ndarray
        Score of each event.
    is_signal : (N,) ndarray of bool
        True for events of the class.
    components : AucComponents
        Result of `auc_components` for these events.

    Returns
    -------
    RocCurve
    """
    background, signal = roc(score, is_signal)
    points = thinned(background, signal)
    return RocCurve(
        auc=area(background, signal),
        auc_error=auc_error(components),
        efficiency_at_1e2=efficiency_at(background, signal, largest=1e-2),
        efficiency_at_1e3=efficiency_at(background, signal, largest=1e-3),
        background=points[0].tolist(),
        signal=points[1].tolist(),
    )
