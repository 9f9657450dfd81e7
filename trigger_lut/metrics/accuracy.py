"""Score of a network's outputs, event by event, so that two networks are compared on the same events.

Classification: 1 if the largest output is that of the event's class, else 0. The mean over events is the accuracy.

Regression: 1 minus the squared error in units of the target's variance, averaged over the targets. The mean over events
is R², the explained fraction of the variance: 1 is perfect, 0 is no better than the mean of the targets.

Several heads: the mean of their scores with the weights of their losses. Where training learns these weights, all heads
count the same. The mean is at most 1, exists event by event, and does not change with learned weights. With a loss that
changes, epochs could not be compared. The budget controller, the choice of epochs and the pages use this one figure.

Means have the weights of the events, as training has them: training, cards and pages then judge by one figure. Cards
also give the plain mean, and the balanced one: the mean over classes of the mean of each class.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trigger_lut.cards.stage_cards import HeadScores, Metric, Scores
from trigger_lut.config.data_set.heads import CLASSES, TARGETS, Head, HeadKind, PlacedHead
from trigger_lut.data.event_codes import EventCodes
from trigger_lut.data.moments import Moments

Floats = NDArray[np.float64]
LEAST_VARIANCE = 1e-12


class HeadScore(Protocol):
    """Score and loss of each event for one head: outputs (N, O) and truth (N,) or (N, T) of this head alone."""

    def score(self, outputs: NDArray[Any], truth: NDArray[Any]) -> Floats:
        """Return (N,) scores."""

    def losses(self, outputs: NDArray[Any], truth: NDArray[Any]) -> Floats:
        """Return (N,) losses, as training has them."""


class ClassScore:
    """Score of a head of classes."""

    def score(self, outputs: NDArray[Any], truth: NDArray[Any]) -> Floats:
        """Return 1 for each event whose largest output is its class, else 0."""
        return np.asarray(outputs.argmax(axis=1) == truth, np.float64)

    def losses(self, outputs: NDArray[Any], truth: NDArray[Any]) -> Floats:
        """Return the cross-entropy of the softmax."""
        predicted = np.asarray(outputs, np.float64)
        shifted = predicted - predicted.max(axis=1, keepdims=True)
        right = np.take_along_axis(shifted, truth.astype(np.int64)[:, None], axis=1)[:, 0]
        return np.asarray(np.log(np.exp(shifted).sum(axis=1)) - right, np.float64)


@dataclass(frozen=True)
class TargetScore:
    """Score of a head of targets, whose (T,) variances over the split are the unit of squared errors."""

    variances: Floats

    def score(self, outputs: NDArray[Any], truth: NDArray[Any]) -> Floats:
        """Return 1 minus the squared error in units of the variance, averaged over the targets."""
        errors = (outputs.astype(np.float64) - truth) ** 2 / self.variances
        return np.asarray(1 - errors.mean(axis=1), np.float64)

    def losses(self, outputs: NDArray[Any], truth: NDArray[Any]) -> Floats:
        """Return the squared error averaged over the targets."""
        return np.asarray(((np.asarray(outputs, np.float64) - truth) ** 2).mean(axis=1), np.float64)


HEAD_SCORES: dict[HeadKind, Callable[[Floats], HeadScore]] = {CLASSES: lambda _: ClassScore(), TARGETS: TargetScore}
"""Score of a head by its kind, made of the variances of its columns of the truth."""
HEAD_METRICS: dict[HeadKind, Metric] = {CLASSES: "accuracy", TARGETS: "r2"}
METRIC_WORDS: dict[Metric, str] = {"accuracy": "accuracy", "r2": "R^2", "mean_score": "mean score"}  # in messages


def metric_of(heads: Sequence[Head]) -> Metric:
    """Return the metric of the score by which a network is judged.

    Parameters
    ----------
    heads : sequence of Head

    Returns
    -------
    str
        That of the head, or 'mean_score' of several.
    """
    return HEAD_METRICS[heads[0].kind] if len(heads) == 1 else "mean_score"


@dataclass(frozen=True)
class EventScore:
    """Score of each event in one split.

    Attributes
    ----------
    heads : sequence of (PlacedHead, HeadScore)
        Heads of the network with their scores.
    weights : (N,) ndarray or None
        Weights of the events of the split; None: all are 1.
    """

    heads: Sequence[tuple[PlacedHead, HeadScore]]
    weights: NDArray[Any] | None = None

    @classmethod
    def for_split(cls, events: EventCodes, split: int) -> EventScore:
        """Take the variances of targets from the events of one split.

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
        heads = events.placed_heads
        variances = np.zeros(heads[-1].truth.stop if heads else 0)
        if events.has_targets:
            moments = Moments(len(variances))
            for block in events.blocks():
                moments.add(block.truth(split))
            variances = np.maximum(moments.variance, LEAST_VARIANCE)
        scores = [(one, HEAD_SCORES[one.head.kind](variances[one.truth])) for one in heads]
        return cls(scores, events.weights_of(split))

    @property
    def measure(self) -> Metric:
        """Name of the mean over events."""
        return metric_of([one.head for one, _ in self.heads])

    @property
    def shares(self) -> list[float]:
        """Weight of each head in the score; they add up to 1."""
        given = [1.0 if one.head.loss_weight is None else one.head.loss_weight for one, _ in self.heads]
        return [weight / sum(given) for weight in given]

    def labels(self, truth: ArrayLike) -> NDArray[np.int64] | None:
        """Return the classes of events.

        Parameters
        ----------
        truth : (N,) or (N, columns) array
            `EventCodes.truth` of the events.

        Returns
        -------
        (N,) ndarray or None
            None: there are no classes.
        """
        labels = [one.truth_of(np.asarray(truth)) for one, _ in self.heads if one.head.kind == CLASSES]
        return labels[0].astype(np.int64) if labels else None

    def score(self, outputs: ArrayLike, truth: ArrayLike) -> Floats:
        """Score each event.

        Parameters
        ----------
        outputs : (N, O) array
            Real outputs of a network.
        truth : (N,) or (N, columns) array
            `EventCodes.truth` of the same events.

        Returns
        -------
        (N,) ndarray
            Score of each event.
        """
        predicted, true = np.asarray(outputs), np.asarray(truth)
        parts = [head_score.score(predicted[:, one.outputs], one.truth_of(true)) for one, head_score in self.heads]
        return _sum(parts, self.shares)

    def losses(
        self, outputs: ArrayLike, truth: ArrayLike, *, factors: Sequence[float] | None = None, offset: float = 0.0
    ) -> Floats:
        """Return the loss of each event, as training has it without its penalty.

        Parameters
        ----------
        outputs : (N, O) array
            Real outputs of a network.
        truth : (N,) or (N, columns) array
            `EventCodes.truth` of the same events.
        factors : sequence of float, optional
            Weight of the loss of each head; default: that of the head, 1 where it is learned.
        offset : float
            Added to each loss.

        Returns
        -------
        (N,) ndarray
            Sum of the losses of the heads.
        """
        predicted, true = np.asarray(outputs), np.asarray(truth)
        if factors is None:
            factors = [1.0 if one.head.loss_weight is None else one.head.loss_weight for one, _ in self.heads]
        parts = [head_score.losses(predicted[:, one.outputs], one.truth_of(true)) for one, head_score in self.heads]
        return _sum(parts, factors) + offset

    def mean(self, scores: Floats) -> float:
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

    def summary(self, scores: Floats, truth: ArrayLike) -> Scores:
        """Average the scores of all events of the split in three ways.

        Parameters
        ----------
        scores : (N,) ndarray
            Score of each event.
        truth : (N,) or (N, columns) array
            `EventCodes.truth` of the same events.

        Returns
        -------
        Scores
            Weighted and plain means; where there are classes the balanced one too.
        """
        return scores_of(scores, weights=self.weights, labels=self.labels(truth))

    def by_head(self, outputs: ArrayLike, truth: ArrayLike) -> list[HeadScores]:
        """Average the scores of each head.

        Parameters
        ----------
        outputs : (N, O) array
            Real outputs of a network, of all events of the split.
        truth : (N,) or (N, columns) array
            `EventCodes.truth` of the same events.

        Returns
        -------
        list of HeadScores
            Empty for a single head, whose figures are those of the network.
        """
        if len(self.heads) == 1:
            return []
        predicted, true = np.asarray(outputs), np.asarray(truth)
        return [
            HeadScores(
                name=one.head.name,
                metric=HEAD_METRICS[one.head.kind],
                share=share,
                scores=scores_of(
                    head_score.score(predicted[:, one.outputs], one.truth_of(true)),
                    weights=self.weights,
                    labels=self.labels(true) if one.head.kind == CLASSES else None,
                ),
            )
            for (one, head_score), share in zip(self.heads, self.shares, strict=True)
        ]


def _sum(parts: Sequence[Floats], factors: Sequence[float]) -> Floats:
    """Return the weighted sum of (N,) parts, of which there is at least one."""
    total = factors[0] * parts[0]
    for part, factor in zip(parts[1:], factors[1:], strict=True):
        total = total + factor * part
    return total


def scores_of(scores: Floats, *, weights: NDArray[Any] | None, labels: NDArray[np.int64] | None) -> Scores:
    """Average scores in three ways.

    Parameters
    ----------
    scores : (N,) ndarray
        Score of each event.
    weights : (N,) ndarray or None
        Weights of the events; None: all are 1.
    labels : (N,) ndarray of int or None
        Classes of the events; None: there are no classes.

    Returns
    -------
    Scores
        Weighted and plain means, and with classes the balanced one.
    """
    weighted, plain = weighted_mean(scores, weights), weighted_mean(scores)
    balanced = (None, None) if labels is None else weighted_mean(scores, class_weights(labels))
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
        One value per event.
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
    numbers = np.asarray(labels)
    return np.asarray(1.0 / np.bincount(numbers)[numbers], np.float64)
