"""Outputs of the frozen network on two samples: rates at its thresholds, accuracy, resolution of targets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trigger_lut.cards.drift import NumberDrift, PointDrift, TargetDrift, ValueRatio
from trigger_lut.cards.physics import ALL, Resolution, ThresholdsCard, WorkingPoint, of_point_key
from trigger_lut.config.data_set.trigger import Streams, Trigger
from trigger_lut.data.event_codes import PlacedTarget
from trigger_lut.evaluation.drift.inputs import number_drift
from trigger_lut.evaluation.drift.samples import Sample, common_classes
from trigger_lut.evaluation.predictions import FIRMWARE, real_outputs
from trigger_lut.evaluation.working_points import passes
from trigger_lut.fixed_point.formats import IntArray
from trigger_lut.metrics.ratios import value_ratio
from trigger_lut.metrics.resolution import method_resolution
from trigger_lut.metrics.trigger_rates import background_rate, passing_fraction, trigger_score
from trigger_lut.network.network import Network


@dataclass(frozen=True)
class SampleOutputs:
    """A sample of M events with the outputs of a network.

    Attributes
    ----------
    sample : Sample
        The events.
    codes : (M, O) ndarray of int
        Output codes.
    real : (M, O) ndarray
        The same as real numbers.
    """

    sample: Sample
    codes: IntArray
    real: NDArray[np.float64]

    @classmethod
    def evaluate(cls, network: Network, sample: Sample) -> SampleOutputs:
        """Evaluate a network on a sample.

        Parameters
        ----------
        network : Network
            The frozen network.
        sample : Sample
            The events.

        Returns
        -------
        SampleOutputs
            The events with their outputs.
        """
        codes = sample.outputs(network)
        return cls(sample, codes, real_outputs(network, codes))


def output_drift(trained: SampleOutputs, new: SampleOutputs, *, fractions: IntArray) -> list[NumberDrift]:
    """Compare every output.

    Parameters
    ----------
    trained, new : SampleOutputs
        Events of both data sets.
    fractions : (O,) ndarray of int
        Fraction bits of the output codes.

    Returns
    -------
    list of NumberDrift
        One for each output; values of a regression in the target's unit.
    """
    events = trained.sample.events
    weights = trained.sample.taken_weights, new.sample.taken_weights
    steps = 2.0 ** -fractions.astype(np.float64) * np.array(events.output_scales)
    units = events.output_units
    return [
        number_drift(name, unit=units[n], step=steps[n], values=(trained.codes[:, n], new.codes[:, n]), weights=weights)
        for n, name in enumerate(events.classes)
    ]


def point_drift(
    trained: SampleOutputs, new: SampleOutputs, *, card: ThresholdsCard, trigger: Trigger
) -> list[PointDrift]:
    """Compare rate and efficiency at the firmware's thresholds.

    Parameters
    ----------
    trained, new : SampleOutputs
        Events of both data sets.
    card : ThresholdsCard
        Thresholds, with the rates of the trained data set.
    trigger : Trigger
        Classes and input rate of the trained data set. Both rates are at this input rate.

    Returns
    -------
    list of PointDrift
        One for each working point.
    """
    return [_point(of_point_key(key), point, (trained, new), trigger) for key, point in card.points.items()]


def _point(
    wanted: tuple[str, float], point: WorkingPoint, sides: tuple[SampleOutputs, SampleOutputs], trigger: Trigger
) -> PointDrift:
    trained, new = sides
    classes = trained.sample.events.label_names
    signal = [classes.index(name) for name in trigger.signal]
    background = [k for k in range(len(classes)) if k not in signal]
    if trained.sample.events.label_classes:  # anomaly detection: the score is the one output
        scores = [side.real[:, 0] for side in sides]
    else:
        scores = [trigger_score(side.real, signal, background=background) for side in sides]
    before, now = (passes(score, point.threshold) for score in scores)
    common = common_classes(trained.sample, new.sample)
    first, second = trained.sample.labels, new.sample.labels
    streams = trigger.streams(classes)
    khz = None
    path, wanted_khz = wanted
    if not path and common and all(np.isin(second, group).any() for group, _ in streams):
        khz = value_ratio(point.rate_khz, background_rate(now, second, streams=streams))
    passing = {classes[k]: _fraction_ratio(before[first == k], now[second == k]) for k in common}
    return PointDrift(
        path=path,
        wanted_khz=wanted_khz,
        threshold=point.threshold,
        code=point.code,
        rate_khz=khz,
        passing=passing or {ALL: _fraction_ratio(before, now)},
    )


def _fraction_ratio(before: NDArray[np.bool_], now: NDArray[np.bool_]) -> ValueRatio:
    return value_ratio(passing_fraction(before), passing_fraction(now))


def accuracy_drift(trained: SampleOutputs, new: SampleOutputs) -> dict[str, ValueRatio]:
    """Compare the fraction of correctly classified events.

    Parameters
    ----------
    trained, new : SampleOutputs
        Events of both data sets.

    Returns
    -------
    dict of ValueRatio
        Of all events, with the trained mixture of classes, and of each class; empty without classes. The interval of
        all events adds those of the classes in quadrature.
    """
    head, common = trained.sample.events.class_head, common_classes(trained.sample, new.sample)
    if not common or head is None:
        return {}
    first, second, classes = trained.sample.labels, new.sample.labels, head.head.outputs
    before, now = (side.real[:, head.outputs].argmax(axis=1) == side.sample.labels for side in (trained, new))
    mixture: Streams = [((k,), float((first == k).mean())) for k in common]
    total = value_ratio(background_rate(before, first, streams=mixture), background_rate(now, second, streams=mixture))
    return {ALL: total} | {classes[k]: _fraction_ratio(before[first == k], now[second == k]) for k in common}


def target_drift(trained: SampleOutputs, new: SampleOutputs, *, seed: int) -> list[TargetDrift]:
    """Compare the resolution of each target of a regression.

    Parameters
    ----------
    trained, new : SampleOutputs
        Events of both data sets.
    seed : int
        Seed of the resampled events that give errors.

    Returns
    -------
    list of TargetDrift
        One for each target; empty if the targets of one data set are unknown.
    """
    events = trained.sample.events
    if events.targets is None or new.sample.events.targets is None:
        return []
    return [
        TargetDrift(
            name=target.name,
            unit=target.unit,
            trained=_resolution(trained, target, seed),
            new=_resolution(new, target, seed),
        )
        for target in events.placed_targets
    ]


def _resolution(side: SampleOutputs, target: PlacedTarget, seed: int) -> Resolution:
    targets = side.sample.events.targets
    assert targets is not None
    true = target.scale * targets[side.sample.taken, target.column].astype(np.float64)
    deviations = target.scale * side.real[:, target.output] - true
    return method_resolution(FIRMWARE, true=true, deviations=deviations, rng=np.random.default_rng(seed))
