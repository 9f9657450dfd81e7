"""Events as the paths of a trigger see them: the score of an event is the largest threshold at which it passes.

A condition over objects and a threshold on their scores becomes one score per event. Rates, efficiencies and thresholds
of a path then follow from it, as those of a network that has one score per event. Such a score is that of one of the
event's objects, so that the threshold is an integer code in firmware. Plus infinity: the event passes at any
threshold. Minus infinity: it passes at none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trigger_lut.config.data_set.expressions import Expression, parse
from trigger_lut.config.data_set.functions import is_jagged, value_kind
from trigger_lut.config.data_set.trigger import Trigger
from trigger_lut.config.data_set.trigger_paths import PREDICTED, SCORE, THRESHOLD, slot_lists
from trigger_lut.data.event_codes import TEST, VALIDATION, EventCodes, PlacedTarget
from trigger_lut.errors import CardError, DataError
from trigger_lut.evaluation.predictions import Outputs
from trigger_lut.evaluation.variables import variable_of
from trigger_lut.evaluation.working_points import TriggerClasses

EVENTS, BACKGROUND, SIGNAL = "events", "background", "signal"


@dataclass(frozen=True)
class PathView:
    """Events, classes and scores of one path of a trigger.

    Attributes
    ----------
    path : str
        Name of the path; empty: the score alone.
    rates_khz : list of float
        Rates of its working points.
    classes : TriggerClasses
        Classes of events and their rates.
    labels : dict of (E,) ndarray of int
        Classes of the events by split, VALIDATION and TEST.
    objects : TriggerClasses
        Classes of rows, which make the score of a row.
    grouping : dict of Grouping or None
        Rows of each event by split; None: a row is an event.
    condition : Expression or None
        None: the score alone.
    variables : dict of dict
        Variables of the condition by split.
    predicted : dict of PlacedTarget
        Targets of the network that the condition reads, by their name in it.
    """

    path: str
    rates_khz: list[float]
    classes: TriggerClasses
    labels: dict[int, NDArray[np.int64]]
    objects: TriggerClasses
    grouping: dict[int, Grouping] | None = None
    condition: Expression | None = None
    variables: Mapping[int, Mapping[str, Any]] | None = None
    predicted: Mapping[str, PlacedTarget] = field(default_factory=dict)

    def scores(self, outputs: Outputs) -> Outputs:
        """Compute the scores of events.

        Parameters
        ----------
        outputs : Outputs
            Outputs of a method by split, (N, O).

        Returns
        -------
        Outputs
            Scores by split, (E,).

        Raises
        ------
        DataError
            If the condition is no truth value of an event, or does not fall with the threshold.
        """
        object_scores = self.objects.scores(outputs)
        if self.condition is None or self.variables is None:
            return object_scores
        return {
            s: event_scores(
                self.path,
                self.condition,
                variables={**self.variables[s], **self._predicted(values, s)},
                scores=self._arranged(object_scores[s], s),
            )
            for s, values in outputs.items()
        }

    def _predicted(self, outputs: NDArray[np.float64], split: int) -> dict[str, Any]:
        """Return what a method gives for the targets of the condition, in their units."""
        return {name: self._arranged(one.scale * outputs[:, one.output], split) for name, one in self.predicted.items()}

    def _arranged(self, values: NDArray[np.float64], split: int) -> Any:
        return values if self.grouping is None else self.grouping[split].lists(values)

    def per_event(self, values: NDArray[np.float64], split: int) -> NDArray[np.float64]:
        """Return one value per event: the largest of its rows.

        Parameters
        ----------
        values : (N,) ndarray
            Values of the rows.
        split : int
            VALIDATION or TEST.

        Returns
        -------
        (E,) ndarray
        """
        return values if self.grouping is None else self.grouping[split].largest(values)


@dataclass(frozen=True)
class Grouping:
    """Rows of events: `order` (N,) sorts rows by event, `counts` (E,) are the rows of each event, at least one."""

    order: NDArray[np.intp]
    counts: NDArray[np.int64]

    @classmethod
    def of(cls, group: NDArray[np.uint64]) -> Grouping:
        """Group rows by the hash (N,) of their event."""
        return cls(np.argsort(group, kind="stable"), np.unique(group, return_counts=True)[1])

    def lists(self, values: NDArray[Any]) -> Any:
        """Return the values (N,) of rows as one list per event (awkward)."""
        import awkward as ak

        return ak.unflatten(values[self.order], self.counts)

    def largest(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return the largest value (E,) of each event."""
        if not len(self.counts):
            return np.asarray(values[:0])
        return np.asarray(np.maximum.reduceat(values[self.order], np.cumsum(self.counts) - self.counts))


def path_views(trigger: Trigger, events: EventCodes) -> list[PathView]:
    """Return the paths of a trigger, or the score alone where there are none.

    Parameters
    ----------
    trigger : Trigger
    events : EventCodes
        Events with labels.

    Returns
    -------
    list of PathView

    Raises
    ------
    ConfigurationError
        For a variable that is unknown.
    DataError
        If `signal_events` is no truth value of a row.
    """
    objects = TriggerClasses.of(trigger, events)
    labels = {split: events.labels_of(split) for split in (VALIDATION, TEST)}
    if not trigger.paths:
        return [PathView("", trigger.rates_khz, objects, labels, objects)]
    classes, grouping, targets = objects, None, predicted_targets(events)
    if events.group is not None:
        grouping = {split: Grouping.of(np.asarray(events.group[events.split == split])) for split in labels}
        classes = _event_classes(trigger, objects)
        labels = {split: _event_labels(trigger, events, grouping[split], split) for split in labels}
    return [
        PathView(
            path.name,
            path.rates_khz or trigger.rates_khz,
            classes,
            labels,
            objects,
            grouping,
            condition := parse(path.expression),
            {split: _variables(condition, events, grouping, split) for split in labels},
            {name: targets[name] for name in condition.names if name in targets},
        )
        for path in trigger.paths
    ]


def predicted_targets(events: EventCodes) -> dict[str, PlacedTarget]:
    """Return the targets of a network by the name that conditions have for what it gives.

    Parameters
    ----------
    events : EventCodes
        Events of the data set.

    Returns
    -------
    dict of str to PlacedTarget
        Such as predicted_pt.
    """
    return {PREDICTED + target.name: target for target in events.placed_targets}


def _event_classes(trigger: Trigger, objects: TriggerClasses) -> TriggerClasses:
    """Return the classes of events that are made of rows: all make the rate but for signal events."""
    khz = trigger.input_rate_khz
    if khz is None:
        raise CardError("trigger.input_rate_khz: missing. Expected the rate of events, as the data set has rows")
    if trigger.signal_events is None:
        return TriggerClasses((EVENTS,), [], [0], [((0,), khz)], objects.single_score)
    return TriggerClasses((BACKGROUND, SIGNAL), [1], [0], [((0,), khz)], objects.single_score)


def _event_labels(trigger: Trigger, events: EventCodes, grouping: Grouping, split: int) -> NDArray[np.int64]:
    if trigger.signal_events is None:
        return np.zeros(len(grouping.counts), np.int64)
    condition = parse(trigger.signal_events)
    rows = {name: variable_of(events, name, split=split, key="trigger.signal_events") for name in condition.names}
    passed = condition.evaluate(rows)
    if is_jagged(passed) or value_kind(passed) != "b":
        raise DataError(
            f"trigger.signal_events: {condition.text!r} is not one truth value per row; compare, as in x > 0"
        )
    return np.asarray(grouping.largest(np.asarray(passed).astype(np.int64)), np.int64)


def _variables(
    condition: Expression, events: EventCodes, grouping: dict[int, Grouping] | None, split: int
) -> dict[str, Any]:
    """Return the variables of a condition but for score and threshold; objects in slots as lists."""
    key, slots, variables = "trigger.paths", slot_lists(events.features), {}
    for name in condition.names:
        if name in (SCORE, THRESHOLD) or name in predicted_targets(events):
            continue
        if name in slots and name not in events.observable_names:
            variables[name] = _as_lists(
                np.stack([variable_of(events, n, split=split, key=key) for n in slots[name]], axis=1)
            )
        else:
            values = variable_of(events, name, split=split, key=key)
            variables[name] = values if grouping is None else grouping[split].lists(values)
    return variables


def _as_lists(values: NDArray[np.float64]) -> Any:
    import awkward as ak

    return ak.from_regular(ak.Array(values), axis=1)


def event_scores(path: str, condition: Expression, *, variables: Mapping[str, Any], scores: Any) -> NDArray[np.float64]:
    """Return the largest score of an event at which it passes as a threshold.

    Parameters
    ----------
    path : str
        Name of the path, for messages.
    condition : Expression
        True for events that pass; of `score`, `threshold` and the variables.
    variables : mapping of str to (E,) ndarray or awkward.Array
        Numbers of events, or lists.
    scores : (E,) ndarray, or awkward.Array of (E, lists)
        Score of each event, or of its objects.

    Returns
    -------
    (E,) ndarray
        Plus infinity for events that pass at any threshold, minus infinity for those that pass at none.

    Raises
    ------
    DataError
        If the condition is no truth value of an event, or an event fails at a smaller threshold than one it passes.
    """
    levels = _falling(scores)

    def passes(threshold: NDArray[np.float64]) -> NDArray[np.bool_]:
        passed = condition.evaluate({**variables, SCORE: scores, THRESHOLD: threshold})
        if is_jagged(passed) or value_kind(passed) != "b":
            raise DataError(
                f"trigger path {path!r}: {condition.text!r} is not one truth value per event. Use any, all or num"
            )
        return np.broadcast_to(np.asarray(passed, np.bool_), (len(levels),))

    passed = [passes(np.full(len(levels), np.inf)), *(passes(level) for level in levels.T)]
    passed.append(passes(np.full(len(levels), -np.inf)))
    table = np.stack(passed, axis=1)
    falls = (table[:, 1:] < table[:, :-1]).any(axis=1)
    if falls.any() or (table[:, -1] & ~table[:, -2]).any():
        raise DataError(
            f"trigger path {path!r}: {condition.text!r} does not fall with the threshold. Expected conditions "
            f"such as {SCORE} >= {THRESHOLD}: an event passes at its score and at all lower thresholds"
        )
    first = table.argmax(axis=1)
    values = np.concatenate([np.full((len(levels), 1), np.inf), levels, np.full((len(levels), 1), -np.inf)], axis=1)
    chosen = values[np.arange(len(levels)), first]
    return np.where(table.any(axis=1), chosen, -np.inf)


def _falling(scores: Any) -> NDArray[np.float64]:
    """Return the scores (E, most objects) of each event, falling; the smallest fills what an event does not have."""
    if not is_jagged(scores):
        return np.asarray(scores, np.float64)[:, None]
    import awkward as ak

    ordered = ak.sort(scores, axis=1, ascending=False)
    most = int(ak.max(ak.num(ordered, axis=1), initial=1))
    padded = ak.fill_none(ak.pad_none(ordered, most, axis=1, clip=True), np.inf)
    return np.minimum.accumulate(np.asarray(ak.to_numpy(padded), np.float64), axis=1)
