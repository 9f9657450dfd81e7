"""Stage `rate`: rates and efficiencies of all methods on the test split, at thresholds from the validation split.

In anomaly detection the score that networks learn is one more method. Signal is in the test split alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from trigger_lut.cards.base import Stopwatch, read_card, write_card
from trigger_lut.cards.physics import RateCard, RateCurve, Reliability, ThresholdsCard, Turnon, WorkingPoint, point_key
from trigger_lut.cards.provenance import require_card_of
from trigger_lut.config.budget import Spec
from trigger_lut.config.data_set.trigger import Streams, Trigger
from trigger_lut.data.event_codes import TEST, EventCodes
from trigger_lut.evaluation.predictions import (
    FIRMWARE,
    TEACHER,
    Outputs,
    class_scores,
    load_with_network,
    predictions_by_method,
    teacher_predictions,
)
from trigger_lut.evaluation.trigger_paths import PathView, path_views
from trigger_lut.evaluation.variables import variable_of
from trigger_lut.evaluation.working_points import passes, score_step, working_point
from trigger_lut.metrics.trigger_rates import (
    bin_masks,
    passing_fraction,
    quantile_edges,
    rate_curve,
    signal_probability,
)
from trigger_lut.stages.registry import Output

OF_ROWS = ", of events with at least one row"
POINTS, VARIABLE_BINS, PROBABILITY_BINS = 150, 10, 10


def run(
    *,
    spec: Path,
    network: Path,
    codes: Path,
    predictions: Path,
    baseline_predictions: Path,
    thresholds: Path,
    trigger: Trigger,
    plot_label: str,
    card: Output,
) -> None:
    """Compare rates and efficiencies of the firmware with those of all other methods.

    Parameters
    ----------
    thresholds : Path
        Card of the firmware's thresholds.
    plot_label : str
        Description of the data, for plots.

    Raises
    ------
    CardError
        If a file is damaged, or the files do not fit.
    ConfigurationError
        If a variable is unknown.
    """
    watch = Stopwatch()
    design, (net, events) = read_card(Spec, spec), load_with_network(network, codes, labeled=True)
    chosen = require_card_of(ThresholdsCard, thresholds, made_from=network)
    of_methods = teacher_predictions(events) | predictions_by_method(
        design, events, network=net, trained=predictions, baselines=baseline_predictions
    )
    views, step = path_views(trigger, events), score_step(net, events)
    paths = [_of_path(view, trigger, events, predictions=of_methods, chosen=chosen, step=step) for view in views]
    objects, classes, of_test = views[0].objects, views[0].classes, views[0].labels[TEST]
    result = RateCard(
        design=design.design,
        plot_label=plot_label,
        signal=[classes.names[k] for k in classes.signal],
        background=[classes.names[k] for k in classes.background],
        input_rate_khz=sum(khz for _, khz in classes.streams),
        input_rate_from=trigger.stated() + (OF_ROWS if views[0].grouping is not None else ""),
        single_score=classes.single_score,
        events={name: int((of_test == k).sum()) for k, name in enumerate(classes.names)},
        khz_per_event=_khz_per_event(of_test, classes.streams, classes.names),
        points={key: point for one in paths for key, point in one.points.items()},
        curves=[curve for one in paths for curve in one.curves],
        turnons=[turnon for one in paths for turnon in one.turnons],
        reliability=[]
        if objects.single_score
        else [
            _reliability(method, class_scores(outputs, events), events.labels_of(TEST), objects.signal)
            for method, outputs in of_methods.items()
        ],
        paths={path.name: path.expression for path in trigger.paths},
        of_rows=views[0].grouping is not None,
        **watch.provenance([spec, network, codes, predictions, baseline_predictions, thresholds], "numpy", "scipy"),
    )
    write_card(result, card)


class _OfPath(NamedTuple):
    """Results of one path: working points by key, curves, and efficiencies against variables."""

    points: dict[str, list[WorkingPoint]]
    curves: list[RateCurve]
    turnons: list[Turnon]


def _of_path(
    view: PathView,
    trigger: Trigger,
    events: EventCodes,
    *,
    predictions: dict[str, Outputs],
    chosen: ThresholdsCard,
    step: float,
) -> _OfPath:
    scores = {method: view.scores(outputs) for method, outputs in predictions.items()}
    classes, of_test = view.classes, view.labels[TEST]

    def point(method: str, khz: float) -> WorkingPoint:
        if method == FIRMWARE:
            return chosen.points[point_key(view.path, khz)]
        return working_point(method, khz, scores=scores[method], labels=view.labels, classes=classes, step=step)

    points = {point_key(view.path, khz): [point(method, khz) for method in predictions] for khz in view.rates_khz}
    if classes.single_score:
        ordinary = np.isin(of_test, classes.background)
        points = {key: _with_agreement(point, scores, ordinary) for key, point in points.items()}
    return _OfPath(
        points,
        [_curve(method, scores[method][TEST], view) for method in predictions],
        _turnons(trigger, events, view, scores=scores, points=points),
    )


def _khz_per_event(labels: NDArray[np.int64], streams: Streams, classes: tuple[str, ...]) -> dict[str, float]:
    return {
        classes[k]: khz / count for group, khz in streams if (count := int(np.isin(labels, group).sum())) for k in group
    }


def _curve(method: str, score: NDArray[Any], view: PathView) -> RateCurve:
    classes = view.classes
    thresholds, rates, efficiency = rate_curve(
        score, view.labels[TEST], streams=classes.streams, signal=classes.signal, points=POINTS
    )
    return RateCurve(
        path=view.path,
        method=method,
        threshold=thresholds.tolist(),
        rate_khz=rates.tolist(),
        efficiency=efficiency.tolist() if classes.signal else [],
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
    view: PathView,
    *,
    scores: dict[str, dict[int, NDArray[Any]]],
    points: dict[str, list[WorkingPoint]],
) -> list[Turnon]:
    """Return the efficiency of the signal, or of the background where there is none, against each variable."""
    wanted = view.rates_khz[len(view.rates_khz) // 2]
    chosen = np.isin(view.labels[TEST], view.classes.signal or view.classes.background)
    turnons = []
    for name in trigger.efficiency_variables:
        values = view.per_event(variable_of(events, name, split=TEST, key="trigger.efficiency_variables"), TEST)
        edges = quantile_edges(values[chosen], VARIABLE_BINS)
        efficiency = {}
        for point in points[point_key(view.path, wanted)]:
            passed = passes(scores[point.method][TEST], point.threshold)
            inside = [chosen & of_bin for of_bin in bin_masks(values, edges)]
            efficiency[point.method] = [passing_fraction(passed[some]) for some in inside]
        turnons.append(
            Turnon(path=view.path, variable=name, rate_khz=wanted, edges=edges.tolist(), efficiency=efficiency)
        )
    return turnons


def _reliability(method: str, outputs: Outputs, labels: NDArray[np.int64], signal: list[int]) -> Reliability:
    predicted, is_signal = signal_probability(outputs[TEST], signal), np.isin(labels, signal)
    bins = [inside for inside in bin_masks(predicted, np.linspace(0, 1, PROBABILITY_BINS + 1)) if inside.any()]
    return Reliability(
        method=method,
        predicted=[float(predicted[inside].mean()) for inside in bins],
        observed=[passing_fraction(is_signal[inside]) for inside in bins],
    )
