"""Stage `rate`: thresholds chosen on the validation split, rates and efficiencies on the test split, of all methods.

In anomaly detection the teacher, whose score the others learnt, is one more method; signal is in the test split alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trigger_lut.cards.base import Stopwatch, read_card, write_card
from trigger_lut.cards.physics import ALL, RateCard, RateCurve, Reliability, Turnon, WorkingPoint
from trigger_lut.config.budget import Spec
from trigger_lut.config.data_set.trigger import Streams, Trigger
from trigger_lut.data.event_codes import TEST, VALIDATION, EventCodes, load_codes
from trigger_lut.errors import CardError, ConfigurationError, nearest
from trigger_lut.evaluation.predictions import FIRMWARE, Outputs, predictions_by_method, teacher_predictions
from trigger_lut.fixed_point.decode import decoded
from trigger_lut.metrics.trigger_rates import (
    background_rate,
    bin_masks,
    khz_per_event,
    passing_fraction,
    quantile_edges,
    rate_curve,
    signal_probability,
    threshold_for,
    trigger_score,
)
from trigger_lut.network.network import load_network

POINTS, VARIABLE_BINS, PROBABILITY_BINS = 150, 10, 10


def rate_of_design(
    spec: Path, network: Path, codes: Path, model: Path, references: Path, trigger: Trigger, sample: str, card: Path
) -> None:
    """Write the `RateCard` of a design. sample: what the data are, for plots.

    Raises CardError for files that are damaged or do not fit, ConfigurationError for an unknown variable.
    """
    watch = Stopwatch()
    design, net, events = read_card(Spec, spec), load_network(network), load_codes(codes)
    wrong = events.regression and not events.label_classes
    if (net.inputs, net.classes) != (events.formats, events.classes) or wrong:
        raise CardError(f"{network}: made for other inputs or classes than those of {codes}; train again")
    found = predictions_by_method(design, events, network=net, model=model, baselines=references)
    found = teacher_predictions(events) | found
    labels = {s: events.labels_of(s) for s in (VALIDATION, TEST)}
    classes = events.label_names
    signal = [classes.index(name) for name in trigger.signal]
    background = [k for k in range(len(classes)) if k not in signal]
    streams = trigger.streams(classes)
    exact = _step(net.fractions)
    scores = {
        m: {s: o[s][:, 0] if events.label_classes else trigger_score(o[s], signal, background) for s in labels}
        for m, o in found.items()
    }
    points = {
        f"{wanted:g}": [
            _point(method, wanted, scores[method], labels, signal, classes, streams, exact) for method in found
        ]
        for wanted in trigger.rates_khz
    }
    of_test = labels[TEST]
    result = RateCard(
        design=design.design,
        plot_label=sample,
        signal=list(trigger.signal),
        background=[classes[k] for k in background],
        input_rate_khz=sum(khz for _, khz in streams),
        input_rate_from=trigger.stated(),
        single_score=bool(events.label_classes),
        events={name: int((of_test == k).sum()) for k, name in enumerate(classes)},
        khz_per_event=_khz_per_event(of_test, streams, classes),
        points=points,
        curves=[_curve(m, scores[m][TEST], of_test, signal, streams) for m in found],
        turnons=_turnons(trigger, events, scores, of_test, signal, points),
        reliability=[] if events.label_classes else [_reliability(m, o, of_test, signal) for m, o in found.items()],
        **watch.provenance([spec, network, codes, model, references], "numpy", "scipy", "tensorflow", "keras"),
    )
    write_card(result, card)


def _step(fractions: NDArray[np.int64]) -> float:
    """Of the firmware's score, as a real number: the finest of its outputs."""
    return float(2.0 ** -int(fractions.max()))


def _khz_per_event(labels: NDArray[np.int64], streams: Streams, classes: tuple[str, ...]) -> dict[str, float]:
    return {
        classes[k]: khz / count for group, khz in streams if (count := int(np.isin(labels, group).sum())) for k in group
    }


def _point(
    method: str,
    wanted: float,
    scores: dict[int, NDArray[Any]],
    labels: dict[int, NDArray[np.int64]],
    signal: list[int],
    classes: tuple[str, ...],
    streams: Streams,
    step: float,
) -> WorkingPoint:
    khz = khz_per_event(labels[VALIDATION], streams)
    threshold = threshold_for(scores[VALIDATION][khz > 0], khz[khz > 0], wanted)
    of_test = labels[TEST]
    passed = np.zeros(len(of_test), bool) if threshold is None else np.asarray(scores[TEST] >= threshold)
    efficiency = {classes[k]: passing_fraction(passed[of_test == k]) for k in signal}
    if len(signal) > 1:
        efficiency[ALL] = passing_fraction(passed[np.isin(of_test, signal)])
    return WorkingPoint(
        method=method,
        threshold=threshold,
        code=round(threshold / step) if method == FIRMWARE and threshold is not None else None,
        rate_khz=background_rate(passed, of_test, streams),
        efficiency=efficiency,
    )


def _curve(
    method: str, score: NDArray[Any], labels: NDArray[np.int64], signal: list[int], streams: Streams
) -> RateCurve:
    thresholds, rates, efficiency = rate_curve(score, labels, streams=streams, signal=signal, points=POINTS)
    return RateCurve(
        method=method, threshold=thresholds.tolist(), rate_khz=rates.tolist(), efficiency=efficiency.tolist()
    )


def _variable(events: EventCodes, name: str) -> NDArray[np.float64]:
    """(N,) of the test split. Raises ConfigurationError for a name that is neither observable nor feature."""
    if name in events.observable_names and events.observables is not None:
        held = events.observables[events.split == TEST]
        return np.asarray(held[:, events.observable_names.index(name)], np.float64)
    if name in events.features:
        n = events.features.index(name)
        return decoded(events.of(TEST)[0][:, [n]], events.formats[n : n + 1])[:, 0].astype(np.float64)
    known = [*events.observable_names, *events.features]
    raise ConfigurationError(f"trigger.efficiency_variables: no observable or feature {name!r}{nearest(name, known)}")


def _turnons(
    trigger: Trigger,
    events: EventCodes,
    scores: dict[str, dict[int, NDArray[Any]]],
    labels: NDArray[np.int64],
    signal: list[int],
    points: dict[str, list[WorkingPoint]],
) -> list[Turnon]:
    wanted = trigger.rates_khz[len(trigger.rates_khz) // 2]
    found = []
    is_signal = np.isin(labels, signal)
    for name in trigger.efficiency_variables:
        values = _variable(events, name)
        edges = quantile_edges(values[is_signal], VARIABLE_BINS)
        efficiency = {}
        for point in points[f"{wanted:g}"]:
            score = scores[point.method][TEST]
            passed = np.zeros(len(score), bool) if point.threshold is None else np.asarray(score >= point.threshold)
            efficiency[point.method] = [
                passing_fraction(passed[is_signal & inside]) for inside in bin_masks(values, edges)
            ]
        found.append(Turnon(variable=name, rate_khz=wanted, edges=edges.tolist(), efficiency=efficiency))
    return found


def _reliability(method: str, outputs: Outputs, labels: NDArray[np.int64], signal: list[int]) -> Reliability:
    predicted, is_signal = signal_probability(outputs[TEST], signal), np.isin(labels, signal)
    bins = [inside for inside in bin_masks(predicted, np.linspace(0, 1, PROBABILITY_BINS + 1)) if inside.any()]
    return Reliability(
        method=method,
        predicted=[float(predicted[inside].mean()) for inside in bins],
        observed=[passing_fraction(is_signal[inside]) for inside in bins],
    )
