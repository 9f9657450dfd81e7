"""Stage `rate`: rates and efficiencies of all methods on the test split, at thresholds from the validation split.

In anomaly detection the score that networks learn is one more method. Signal is in the test split alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trigger_lut.cards.base import Stopwatch, read_card, write_card
from trigger_lut.cards.physics import RateCard, RateCurve, Reliability, ThresholdsCard, Turnon, WorkingPoint
from trigger_lut.cards.provenance import require_card_of
from trigger_lut.config.budget import Spec
from trigger_lut.config.data_set.trigger import Streams, Trigger
from trigger_lut.data.event_codes import TEST, VALIDATION, EventCodes, load_codes
from trigger_lut.evaluation.predictions import FIRMWARE, TEACHER, Outputs, predictions_by_method, teacher_predictions
from trigger_lut.evaluation.variables import variable_of
from trigger_lut.evaluation.working_points import TriggerClasses, passes, score_step, working_point
from trigger_lut.metrics.trigger_rates import (
    bin_masks,
    passing_fraction,
    quantile_edges,
    rate_curve,
    signal_probability,
)
from trigger_lut.network.network import load_network
from trigger_lut.stages.registry import Output
from trigger_lut.stages.thresholds import require_labelled

POINTS, VARIABLE_BINS, PROBABILITY_BINS = 150, 10, 10


def run(
    *,
    spec: Path,
    network: Path,
    codes: Path,
    model: Path,
    baseline_predictions: Path,
    thresholds: Path,
    trigger: Trigger,
    plot_label: str,
    card: Output,
) -> None:
    """Compare rates and efficiencies of the firmware with those of all other methods.

    Parameters
    ----------
    spec, network, codes, model : Path
        The design, its integer network, the events, and the Keras model.
    baseline_predictions : Path
        Outputs of the baselines.
    thresholds : Path
        Card of the firmware's thresholds.
    trigger : Trigger
        Signal classes, rates of the background, and the rates to keep to.
    plot_label : str
        Description of the data, for plots.
    card : Path
        The card to write.

    Raises
    ------
    CardError
        If a file is damaged, or the files do not fit.
    ConfigurationError
        If a variable is unknown.
    """
    watch = Stopwatch()
    design, net, events = read_card(Spec, spec), load_network(network), load_codes(codes)
    require_labelled(net, events, network, codes)
    chosen = require_card_of(ThresholdsCard, thresholds, network)
    predictions = predictions_by_method(design, events, network=net, model=model, baselines=baseline_predictions)
    predictions = teacher_predictions(events) | predictions
    labels = {split: events.labels_of(split) for split in (VALIDATION, TEST)}
    classes = TriggerClasses.of(trigger, events)
    scores = {method: classes.scores(outputs) for method, outputs in predictions.items()}

    def point(method: str, khz: float) -> WorkingPoint:
        if method == FIRMWARE:
            return chosen.points[f"{khz:g}"]
        return working_point(method, khz, scores=scores[method], labels=labels, classes=classes, step=score_step(net))

    points = {f"{khz:g}": [point(method, khz) for method in predictions] for khz in trigger.rates_khz}
    of_test, signal, streams = labels[TEST], classes.signal, classes.streams
    if classes.single_score:
        ordinary = np.isin(of_test, classes.background)
        points = {khz: _with_agreement(held, scores, ordinary) for khz, held in points.items()}
    result = RateCard(
        design=design.design,
        plot_label=plot_label,
        signal=list(trigger.signal),
        background=[classes.names[k] for k in classes.background],
        input_rate_khz=sum(khz for _, khz in streams),
        input_rate_from=trigger.stated(),
        single_score=classes.single_score,
        events={name: int((of_test == k).sum()) for k, name in enumerate(classes.names)},
        khz_per_event=_khz_per_event(of_test, streams, classes.names),
        points=points,
        curves=[_curve(method, scores[method][TEST], of_test, signal, streams) for method in predictions],
        turnons=_turnons(
            trigger, events, scores=scores, chosen=np.isin(of_test, signal or classes.background), points=points
        ),
        reliability=[]
        if classes.single_score
        else [_reliability(method, outputs, of_test, signal) for method, outputs in predictions.items()],
        **watch.provenance(
            [spec, network, codes, model, baseline_predictions, thresholds], "numpy", "scipy", "tensorflow", "keras"
        ),
    )
    write_card(result, card)


def _khz_per_event(labels: NDArray[np.int64], streams: Streams, classes: tuple[str, ...]) -> dict[str, float]:
    return {
        classes[k]: khz / count for group, khz in streams if (count := int(np.isin(labels, group).sum())) for k in group
    }


def _curve(
    method: str, score: NDArray[Any], labels: NDArray[np.int64], signal: list[int], streams: Streams
) -> RateCurve:
    thresholds, rates, efficiency = rate_curve(score, labels, streams=streams, signal=signal, points=POINTS)
    return RateCurve(
        method=method,
        threshold=thresholds.tolist(),
        rate_khz=rates.tolist(),
        efficiency=efficiency.tolist() if signal else [],
    )


def _with_agreement(
    points: list[WorkingPoint], scores: dict[str, dict[int, NDArray[Any]]], ordinary: NDArray[np.bool_]
) -> list[WorkingPoint]:
    """Return the working points of one rate with the background events that they share with the teacher's."""
    passed = {point.method: passes(scores[point.method][TEST], point.threshold) & ordinary for point in points}
    wanted = passed[TEACHER]
    if not wanted.any():
        return points
    return [
        point.model_copy(update={"shared_with_teacher": passing_fraction(passed[point.method][wanted])})
        for point in points
    ]


def _turnons(
    trigger: Trigger,
    events: EventCodes,
    *,
    scores: dict[str, dict[int, NDArray[Any]]],
    chosen: NDArray[np.bool_],
    points: dict[str, list[WorkingPoint]],
) -> list[Turnon]:
    """Return the efficiency of the chosen events (N,) against each variable."""
    wanted = trigger.rates_khz[len(trigger.rates_khz) // 2]
    found = []
    for name in trigger.efficiency_variables:
        values = variable_of(events, name, TEST, "trigger.efficiency_variables")
        edges = quantile_edges(values[chosen], VARIABLE_BINS)
        efficiency = {}
        for point in points[f"{wanted:g}"]:
            score = scores[point.method][TEST]
            passed = passes(score, point.threshold)
            efficiency[point.method] = [
                passing_fraction(passed[chosen & inside]) for inside in bin_masks(values, edges)
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
