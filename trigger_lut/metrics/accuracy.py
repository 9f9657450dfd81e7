"""Score of a network's outputs, event by event, so that two networks are compared on the same events.

Classification: 1 if the largest output is that of the event's class, else 0. The mean over events is the accuracy.

Regression: 1 minus the squared error in units of the target's variance, averaged over the targets. The mean over events
is R², the explained fraction of the variance: 1 is perfect, 0 is no better than the mean of the targets.

Means have the weights of the events, as training has them: training, cards and pages then judge by one figure. Cards
also give the plain mean, and the balanced one: the mean over classes of the mean of each class.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trigger_lut.cards.stage_cards import Metric, Scores
from trigger_lut.data.event_codes import EventCodes
from trigger_lut.data.moments import Moments


@dataclass(frozen=True)
class EventScore:
    """Score of each event in one split.

    Attributes
    ----------
    variances : (T,) ndarray or None
        Variances of the targets of a regression over the split; None: classification.
    weights : (N,) ndarray or None
        Weights of the events of the split; None: all are 1.
    """

    variances: NDArray[np.float64] | None
    weights: NDArray[Any] | None = None

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
            return cls(None, events.weights_of(split))
        moments = Moments(len(events.classes))
        for block in events.blocks():
            moments.add(block.labels_or_targets(split))
        return cls(np.maximum(moments.variance, 1e-12), events.weights_of(split))

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

    def losses(self, outputs: ArrayLike, truth: ArrayLike) -> NDArray[np.float64]:
        """Return the loss of each event, as training has it without its penalty.

        Parameters
        ----------
        outputs : (N, O) array
            Real outputs of a network.
        truth : (N,) array of labels, or (N, T) array of targets
            Truth of the same events; T equals O.

        Returns
        -------
        (N,) ndarray
            Cross-entropy of the softmax, or squared error averaged over the targets.
        """
        predicted, true = np.asarray(outputs, np.float64), np.asarray(truth)
        if self.variances is not None:
            return np.asarray(((predicted - true) ** 2).mean(axis=1), np.float64)
        shifted = predicted - predicted.max(axis=1, keepdims=True)
        right = np.take_along_axis(shifted, true.astype(np.int64)[:, None], axis=1)[:, 0]
        return np.asarray(np.log(np.exp(shifted).sum(axis=1)) - right, np.float64)

    def mean(self, scores: NDArray[np.float64]) -> float:
        """Average the scores of all events of the split, or of the first ones, with their weights.

        Parameters
        ----------
        scores : (M,) ndarray
            Score of each event.

        Returns
        -------
        float
            The weighted mean.
        """
        return weighted_mean(scores, None if self.weights is None else self.weights[: len(scores)])[0]

    def summary(self, scores: NDArray[np.float64], truth: ArrayLike) -> Scores:
        """Average the scores of all events of the split in three ways.

        Parameters
        ----------
        scores : (N,) ndarray
            Score of each event.
        truth : (N,) array of labels, or (N, T) array of targets
            Truth of the same events.

        Returns
        -------
        Scores
            Weighted and plain means; of a classification the balanced one too.
        """
        weighted = weighted_mean(scores, self.weights)
        plain = weighted_mean(scores)
        balanced = (None, None) if self.variances is not None else weighted_mean(scores, class_weights(truth))
        return Scores(
            weighted=weighted[0],
            weighted_error=weighted[1],
            plain=plain[0],
            plain_error=plain[1],
            balanced=balanced[0],
            balanced_error=balanced[1],
        )


def weighted_mean(values: NDArray[np.float64], weights: NDArray[Any] | None = None) -> tuple[float, float | None]:
    """Average values.

    Parameters
    ----------
    values : (N,) ndarray
        One value an event.
    weights : (N,) ndarray or None
        Weights of the events; None: all are 1.

    Returns
    -------
    mean : float
        sum(w v) / sum(w).
    error : float or None
        Its standard error, sqrt(sum(w^2 (v - mean)^2)) / sum(w); None of fewer than two events.
    """
    w = np.ones(len(values)) if weights is None else np.asarray(weights, np.float64)
    mean = float(np.average(values, weights=w))
    error = float(np.sqrt((w**2 * (values - mean) ** 2).sum()) / abs(w.sum()))
    return mean, error if len(values) > 1 else None


def class_weights(labels: ArrayLike) -> NDArray[np.float64]:
    """Return weights that give all classes the same sum.

    Parameters
    ----------
    labels : (N,) array of int
        Class of each event.

    Returns
    -------
    (N,) ndarray
        1 over the number of events of the same class.
    """
    held = np.asarray(labels)
    return np.asarray(1.0 / np.bincount(held)[held], np.float64)
