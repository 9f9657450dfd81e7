"""Standard errors of areas under ROC curves, and of the difference of two areas on the same events.

Method of E. DeLong, D. DeLong, D. Clarke-Pearson, Biometrics 44 (1988) 837, computed from midranks as in X. Sun, W. Xu,
IEEE Signal Processing Letters 21 (2014) 1389. Each signal event has a component: the fraction of background events
below it. Each background event has one too: the fraction of signal events above it. Ties count half.
The mean of either set of components is the area; their variances give its error. Two areas of the same events are
correlated, so the error of their difference comes from the differences of the components.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
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
