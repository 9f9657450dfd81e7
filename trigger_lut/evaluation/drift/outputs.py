"""What the frozen network answers on two samples: rates at its thresholds, right classes, resolution of targets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trigger_lut.cards.drift import Compared, NumberDrift, PointDrift, TargetDrift
from trigger_lut.cards.physics import ALL, RateCard, Resolution, WorkingPoint
from trigger_lut.config.data_set.trigger import Streams, Trigger
from trigger_lut.evaluation.drift.inputs import number_drift
from trigger_lut.evaluation.drift.samples import Sample, common_classes
from trigger_lut.evaluation.predictions import FIRMWARE, real_outputs
from trigger_lut.fixed_point.formats import IntArray
from trigger_lut.metrics.ratios import compared
from trigger_lut.metrics.resolution import summary
from trigger_lut.metrics.trigger_rates import rate, share, trigger_score
from trigger_lut.network.network import Network


@dataclass(frozen=True)
class Answers:
    """A sample of M events with the network's outputs: (M, O) codes, and as real numbers."""

    sample: Sample
    codes: IntArray
    real: NDArray[np.float64]

    @classmethod
    def of(cls, network: Network, sample: Sample) -> Answers:
        codes = sample.outputs(network)
        return cls(sample, codes, real_outputs(network, codes))


def output_drift(trained: Answers, new: Answers, fractions: IntArray) -> list[NumberDrift]:
    """Of all outputs; fractions: (O,) fractional bits of their codes. Values of a regression in the target's unit."""
    events = trained.sample.events
    weights = trained.sample.taken_weights, new.sample.taken_weights
    steps = 2.0 ** -fractions.astype(np.float64) * (np.array(events.scales) if events.scales else 1.0)
    return [
        number_drift(
            name, events.units[n] if events.units else "", steps[n], (trained.codes[:, n], new.codes[:, n]), weights
        )
        for n, name in enumerate(events.classes)
    ]


def point_drift(trained: Answers, new: Answers, card: RateCard, trigger: Trigger) -> list[PointDrift]:
    """Every working point of the firmware, its threshold as it stands on the card.

    The rate in the trained data set is that of the card; both are at the trained data set's input rate.
    """
    firmware = {wanted: next(p for p in points if p.method == FIRMWARE) for wanted, points in card.points.items()}
    return [_point(float(wanted), point, trained, new, trigger) for wanted, point in firmware.items()]


def _point(wanted: float, point: WorkingPoint, trained: Answers, new: Answers, trigger: Trigger) -> PointDrift:
    classes = trained.sample.events.label_names
    signal = [classes.index(name) for name in trigger.signal]
    background = [k for k in range(len(classes)) if k not in signal]
    if trained.sample.events.label_classes:  # anomaly detection: the score is the one output
        scores = [side.real[:, 0] for side in (trained, new)]
    else:
        scores = [trigger_score(side.real, signal, background) for side in (trained, new)]
    passed = [_passed(score, point.threshold) for score in scores]
    common = common_classes(trained.sample, new.sample)
    first, second = trained.sample.labels, new.sample.labels
    streams = trigger.streams(classes)
    khz = None
    if common and all(np.isin(second, group).any() for group, _ in streams):
        khz = compared(point.rate_khz, rate(passed[1], second, streams))
    passing = {classes[k]: compared(share(passed[0][first == k]), share(passed[1][second == k])) for k in common} or {
        ALL: compared(share(passed[0]), share(passed[1]))
    }
    return PointDrift(wanted_khz=wanted, threshold=point.threshold, code=point.code, rate_khz=khz, passing=passing)


def _passed(score: NDArray[np.float64], threshold: float | None) -> NDArray[np.bool_]:
    return np.zeros(len(score), bool) if threshold is None else np.asarray(score >= threshold)


def accuracies(trained: Answers, new: Answers) -> dict[str, Compared]:
    """By class, and of all at the trained shares of classes; empty where classes are not known.

    The interval of the latter adds those of the classes in quadrature.
    """
    classes, common = trained.sample.events.classes, common_classes(trained.sample, new.sample)
    if not common or trained.sample.events.regression:
        return {}
    first, second = trained.sample.labels, new.sample.labels
    right = [side.real.argmax(axis=1) == side.sample.labels for side in (trained, new)]
    counts = {k: float((first == k).mean()) for k in common}
    shares: Streams = [((k,), counts[k]) for k in common]
    found = {ALL: compared(rate(right[0], first, shares), rate(right[1], second, shares))}
    for k in common:
        found[classes[k]] = compared(share(right[0][first == k]), share(right[1][second == k]))
    return found


def target_drift(trained: Answers, new: Answers, seed: int) -> list[TargetDrift]:
    """Of a regression with known targets; seed: of the resampled events that errors come from."""
    events = trained.sample.events
    if events.targets is None or new.sample.events.targets is None:
        return []
    return [
        TargetDrift(
            name=name,
            unit=events.units[n],
            trained=_resolution(trained, n, events.scales[n], seed),
            new=_resolution(new, n, events.scales[n], seed),
        )
        for n, name in enumerate(events.classes)
    ]


def _resolution(side: Answers, n: int, scale: float, seed: int) -> Resolution:
    aims = side.sample.events.targets
    assert aims is not None
    true = scale * aims[side.sample.taken, n].astype(np.float64)
    return summary(FIRMWARE, true, scale * side.real[:, n] - true, np.random.default_rng(seed))
