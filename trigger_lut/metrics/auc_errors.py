"""Standard errors of areas under ROC curves, and of the difference of two areas on the same events.

E. DeLong, D. DeLong, D. Clarke-Pearson, Biometrics 44 (1988) 837; from midranks as in X. Sun, W. Xu, IEEE Signal
Processing Letters 21 (2014) 1389. The area is a mean over signal events of the share of background below each, and as
well a mean over background events of the share of signal above each (ties counted half); the spread of these shares
gives its error. Two areas of the same events go together, event by event, so the error of their difference is that of
the differences.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Shares = tuple[Floats, Floats]


def shares(score: Floats, is_signal: NDArray[np.bool_]) -> Shares:
    """((S,) share of background below each signal event, (B,) share of signal above each background event).

    score: (N,) real; is_signal: (N,) bool, with at least one event of each kind.
    """
    from scipy.stats import rankdata

    signal, background = score[is_signal], score[~is_signal]
    among_all = rankdata(np.concatenate([signal, background]))
    below = (among_all[: len(signal)] - rankdata(signal)) / len(background)
    above = 1 - (among_all[len(signal) :] - rankdata(background)) / len(signal)
    return below, above


def error(found: Shares) -> float | None:
    """Standard error of the area; None with fewer than two events of a kind, which have no spread."""
    if min(len(part) for part in found) < 2:
        return None
    return float(np.sqrt(sum(part.var(ddof=1) / len(part) for part in found)))


def difference(first: Shares, second: Shares) -> tuple[float, float | None]:
    """(area of first minus area of second, its standard error), both of the same events."""
    apart = first[0] - second[0], first[1] - second[1]
    return float(apart[0].mean()), error(apart)
