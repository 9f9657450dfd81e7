"""Score of a network's outputs, event by event, so that two networks are compared on the same events.

Classification: 1 if the largest output is that of the event's class, else 0. The mean over events is the accuracy.

Regression: 1 minus the squared error in units of the target's variance, averaged over the targets. The mean over events
is R², the explained fraction of the variance: 1 is perfect, 0 is no better than the mean of the targets.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trigger_lut.cards.stage_cards import Metric
from trigger_lut.data.event_codes import EventCodes
from trigger_lut.data.moments import Moments


@dataclass(frozen=True)
class EventScore:
    """Score of each event in one split.

    Attributes
    ----------
    variances : (T,) ndarray or None
        Variances of the targets of a regression over the split; None: classification.
    """

    variances: NDArray[np.float64] | None

    @classmethod
    def for_split(cls, events: EventCodes, split: int) -> EventScore:
        """Take the variances from the events of one split.

        Parameters
        ----------
        events : EventCodes
            Events of a data set.
        split : int
            TRAIN, VALIDATION or TEST.

        Returns
        -------
        EventScore
            The score of events in this split.
        """
        if not events.regression:
            return cls(None)
        moments = Moments(len(events.classes))
        for block in events.blocks():
            moments.add(block.labels_or_targets(split))
        return cls(np.maximum(moments.variance, 1e-12))

    @property
    def measure(self) -> Metric:
        """Name of the mean over events."""
        return "accuracy" if self.variances is None else "r2"

    def score(self, outputs: ArrayLike, truth: ArrayLike) -> NDArray[np.float64]:
        """Score each event.

        Parameters
        ----------
        outputs : (N, O) array
            Real outputs of a network.
        truth : (N,) array of labels, or (N, T) array of targets
            Truth of the same events; T equals O.

        Returns
        -------
        (N,) ndarray
            Score of each event.
        """
        predicted, true = np.asarray(outputs), np.asarray(truth)
        if self.variances is None:
            return np.asarray(predicted.argmax(axis=1) == true, np.float64)
        errors = (predicted.astype(np.float64) - true) ** 2 / self.variances
        return np.asarray(1 - errors.mean(axis=1), np.float64)
