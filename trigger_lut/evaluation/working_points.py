"""Working points of a trigger: thresholds from the validation split, rates and efficiencies from the test split."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trigger_lut.cards.physics import ALL, WorkingPoint
from trigger_lut.config.data_set.trigger import Streams, Trigger
from trigger_lut.data.event_codes import TEST, VALIDATION, EventCodes
from trigger_lut.evaluation.predictions import FIRMWARE, Outputs
from trigger_lut.metrics.trigger_rates import (
    background_rate,
    khz_per_event,
    passing_fraction,
    threshold_for,
    trigger_score,
)
from trigger_lut.network.network import Network


@dataclass(frozen=True)
class TriggerClasses:
    """Signal and background classes of labeled events, and the rates of the background.

    Attributes
    ----------
    names : tuple of str
        All classes in the order of their labels.
    signal, background : list of int
        Labels of these classes.
    streams : Streams
        Rates of the background classes in kHz.
    single_score : bool
        Whether the network has one output, which is the score: anomaly detection.
    """

    names: tuple[str, ...]
    signal: list[int]
    background: list[int]
    streams: Streams
    single_score: bool

    @classmethod
    def of(cls, trigger: Trigger, events: EventCodes) -> TriggerClasses:
        """Match the trigger's classes with the labels of events.

        Parameters
        ----------
        trigger : Trigger
            The trigger block of the data set.
        events : EventCodes
            Events with labels.

        Returns
        -------
        TriggerClasses
        """
        names = events.label_names
        signal = [names.index(name) for name in trigger.signal]
        background = [k for k in range(len(names)) if k not in signal]
        return cls(names, signal, background, trigger.streams(names), bool(events.label_classes))

    def scores(self, outputs: Outputs) -> Outputs:
        """Compute the trigger scores.

        Parameters
        ----------
        outputs : Outputs
            Outputs by split, (N, O).

        Returns
        -------
        Outputs
            Scores by split, (N,).
        """
        if self.single_score:
            return {split: values[:, 0] for split, values in outputs.items()}
        return {
            split: trigger_score(values, self.signal, background=self.background) for split, values in outputs.items()
        }


def score_step(network: Network, events: EventCodes) -> float:
    """Compute the step of the firmware's score: that of the finest output that makes it.

    Parameters
    ----------
    network : Network
    events : EventCodes
        Its events, which say the outputs of classes.

    Returns
    -------
    float
    """
    head = events.class_head
    return float(2.0 ** -int(network.fractions[slice(None) if head is None else head.outputs].max()))


def passes(score: NDArray[Any], threshold: float | None) -> NDArray[np.bool_]:
    """Compare scores with a threshold.

    Parameters
    ----------
    score : (N,) ndarray
        Scores.
    threshold : float or None
        Smallest score that passes; None: none does.

    Returns
    -------
    (N,) ndarray of bool
    """
    return np.zeros(len(score), bool) if threshold is None else np.asarray(score >= threshold)


def working_point(
    method: str,
    target_khz: float,
    *,
    scores: dict[int, NDArray[Any]],
    labels: dict[int, NDArray[np.int64]],
    classes: TriggerClasses,
    step: float,
) -> WorkingPoint:
    """Choose the smallest threshold of a method that keeps to a rate, and measure it.

    Parameters
    ----------
    method : str
        Name of the method.
    target_khz : float
        The rate in kHz.
    scores : dict of (N,) ndarray
        Scores by split, VALIDATION and TEST.
    labels : dict of (N,) ndarray of int
        Classes of the same events.
    classes : TriggerClasses
        Signal, background, and its rates.
    step : float
        Step of the firmware's score.

    Returns
    -------
    WorkingPoint
        The threshold from the validation split, rate and efficiency on the test split. The firmware alone has a code.
    """
    khz = khz_per_event(labels[VALIDATION], classes.streams)
    threshold = threshold_for(scores[VALIDATION][khz > 0], khz[khz > 0], wanted=target_khz)
    of_test = labels[TEST]
    passed = passes(scores[TEST], threshold)
    efficiency = {classes.names[k]: passing_fraction(passed[of_test == k]) for k in classes.signal}
    if len(classes.signal) > 1:
        efficiency[ALL] = passing_fraction(passed[np.isin(of_test, classes.signal)])
    return WorkingPoint(
        method=method,
        threshold=threshold,
        code=round(threshold / step) if method == FIRMWARE and threshold is not None else None,
        rate_khz=background_rate(passed, of_test, streams=classes.streams),
        efficiency=efficiency,
        shared_with_teacher=None,
    )
