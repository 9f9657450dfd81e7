"""How good a network's outputs are, event by event, so that two networks can be compared on the same events.

Classification: 1 where the largest output is that of the event's class, else 0; the mean is the accuracy.
Regression: 1 minus the squared error in units of the target's variance, averaged over the targets; the mean is R^2, the
share of the variance that is explained (1 is perfect, 0 is no better than the mean of the targets).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trigger_lut.cards.stage_cards import Measure
from trigger_lut.data.event_codes import EventCodes
from trigger_lut.data.moments import Moments


@dataclass(frozen=True)
class Quality:
    """variances: (T,) of the targets of a regression over the split that is judged; None: classification."""

    variances: NDArray[np.float64] | None

    @classmethod
    def on(cls, events: EventCodes, split: int) -> Quality:
        """For the events of one split."""
        if not events.regression:
            return cls(None)
        found = Moments(len(events.classes))
        for block in events.blocks():
            found.add(block.labels_or_targets(split))
        return cls(np.maximum(found.variance, 1e-12))

    @property
    def measure(self) -> Measure:
        return "accuracy" if self.variances is None else "r2"

    def of(self, outputs: ArrayLike, truth: ArrayLike) -> NDArray[np.float64]:
        """(N,) of each event. outputs: (N, O) real; truth: labels (N,), or targets (N, T) with T = O."""
        found, true = np.asarray(outputs), np.asarray(truth)
        if self.variances is None:
            return np.asarray(found.argmax(axis=1) == true, np.float64)
        errors = (found.astype(np.float64) - true) ** 2 / self.variances
        return np.asarray(1 - errors.mean(axis=1), np.float64)
