"""Conditions on events as one score per event: against conditions at each threshold, and what is refused."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trigger_lut.config.data_set.expressions import parse
from trigger_lut.config.data_set.heads import heads_of
from trigger_lut.config.data_set.trigger import Trigger
from trigger_lut.data.event_codes import TEST, VALIDATION, EventCodes
from trigger_lut.errors import DataError
from trigger_lut.evaluation.trigger_paths import Grouping, event_scores, path_views
from trigger_lut.fixed_point.formats import KIF
from trigger_lut.metrics.trigger_rates import rate_curve, threshold_for

EVENTS = st.lists(
    st.lists(st.tuples(st.integers(-4, 4), st.integers(0, 60)), min_size=1, max_size=5), min_size=1, max_size=8
)


def by_hand(objects: list[tuple[int, int]], threshold: float) -> dict[str, bool]:
    """Return whether an event of (score, pt) passes each condition of the tests, written in plain Python."""
    tagged = [pt for score, pt in objects if score >= threshold]
    ht = sum(pt for _, pt in objects)
    return {
        "num(score[score >= threshold]) >= 2": len(tagged) >= 2,
        "(sum(pt) > 80) & any(score >= threshold)": ht > 80 and len(tagged) > 0,
        "sum(pt[score >= threshold]) > 50": sum(tagged) > 50,
        "(sum(pt) > 120) | any((pt > 30) & (score >= threshold))": ht > 120 or any(pt > 30 for pt in tagged),
    }


@given(EVENTS)
def test_event_scores_pass_as_the_condition_does(events: list[list[tuple[int, int]]]) -> None:
    score = ak.Array([[float(s) for s, _ in objects] for objects in events])
    pt = ak.Array([[float(p) for _, p in objects] for objects in events])
    for condition in by_hand(events[0], 0.0):
        scores = event_scores("p", parse(condition), variables={"pt": pt}, scores=score)
        for threshold in np.arange(-5, 5.5, 0.5):
            wanted = [by_hand(objects, threshold)[condition] for objects in events]
            np.testing.assert_array_equal(scores >= threshold, wanted, err_msg=f"{condition} at {threshold}")


@pytest.mark.parametrize("condition", ["any(score > threshold)", "any(score < threshold)", "any(score != threshold)"])
def test_conditions_that_do_not_fall_are_refused(condition: str) -> None:
    with pytest.raises(DataError, match=r"trigger path 'p': .* does not fall with the threshold"):
        event_scores("p", parse(condition), variables={}, scores=ak.Array([[1.0, 2.0], [3.0]]))


def test_conditions_of_objects_instead_of_events_are_refused() -> None:
    with pytest.raises(DataError, match=r"is not one truth value per event. Use any, all or num"):
        event_scores("p", parse("score >= threshold"), variables={}, scores=ak.Array([[1.0, 2.0], [3.0]]))
    scores = event_scores("p", parse("score >= threshold"), variables={}, scores=np.array([1.0, 2.0]))
    np.testing.assert_array_equal(scores, [1.0, 2.0])


def test_infinite_scores_pass_always_or_never() -> None:
    score, khz = np.array([np.inf, 3.0, 2.0, -np.inf]), np.full(4, 10.0)
    assert threshold_for(score, khz, wanted=20.0) == 3.0
    assert threshold_for(score, khz, wanted=1000.0) == 2.0, "events that never pass make no threshold"
    assert threshold_for(score, khz, wanted=5.0) is None, "one event passes at any threshold"
    labels = np.zeros(4, np.int64)
    thresholds, rates, _ = rate_curve(score, labels, streams=[((0,), 40.0)], signal=[], points=100)
    assert (thresholds.tolist(), rates.tolist()) == ([3.0, 2.0], [20.0, 30.0])


def test_rows_are_grouped_by_event() -> None:
    group = np.array([7, 3, 7, 9, 3, 7], np.uint64)
    grouping, values = Grouping.of(group), np.arange(6.0)
    assert ak.to_list(grouping.lists(values)) == [[1.0, 4.0], [0.0, 2.0, 5.0], [3.0]]
    assert grouping.largest(values).tolist() == [4.0, 5.0, 3.0]


def rows_of_events(count: int = 400) -> EventCodes:
    """Rows with a pt and an observable that is the same in an event; three rows per event, in no order."""
    rng = np.random.default_rng(1)
    group = rng.permutation(np.repeat(np.arange(count, dtype=np.uint64), 3))
    process = (group % np.uint64(4) == 0).astype(np.float32)
    return EventCodes(
        codes=rng.integers(0, 64, (len(group), 1)).astype(np.int32),
        labels=rng.integers(0, 2, len(group)),
        split=np.where(group % np.uint64(2) == 0, VALIDATION, TEST).astype(np.uint8),
        event_id=np.arange(len(group), dtype=np.uint64),
        formats=(KIF(0, 6, 0),),
        features=("pt",),
        classes=("light", "b"),
        observables=process[:, None],
        observable_names=("process",),
        group=group,
    )


def test_paths_of_rows_see_events_and_their_classes() -> None:
    events = rows_of_events()
    paths = [{"name": "two", "expression": "(sum(pt) > 50) & (num(score[score >= threshold]) >= 2)"}]
    trigger = Trigger.model_validate(
        {"signal": ["b"], "input_rate_khz": 100.0, "paths": paths, "signal_events": "process == 1"}
    )
    (view,) = path_views(trigger, events)
    assert view.classes.names == ("background", "signal")
    assert view.labels[VALIDATION].sum() == 100
    assert view.labels[TEST].sum() == 0
    rng = np.random.default_rng(2)
    outputs = {s: rng.normal(size=((events.split == s).sum(), 2)) for s in (VALIDATION, TEST)}
    scores = view.scores(outputs)
    for split in (VALIDATION, TEST):
        rows = events.split == split
        score, pt, group = outputs[split][:, 1] - outputs[split][:, 0], events.codes[rows, 0], events.group[rows]
        second = [np.sort(score[group == g])[-2] if pt[group == g].sum() > 50 else -np.inf for g in np.unique(group)]
        np.testing.assert_array_equal(scores[split], second)


def test_a_path_reads_the_regression_of_each_method_in_its_unit() -> None:
    rng = np.random.default_rng(4)
    events = EventCodes(
        codes=rng.integers(0, 64, (200, 1)).astype(np.int32),
        labels=rng.integers(0, 2, 200),
        split=rng.integers(1, 3, 200).astype(np.uint8),
        event_id=np.arange(200, dtype=np.uint64),
        formats=(KIF(0, 6, 0),),
        features=("x",),
        classes=("g", "t", "pt"),
        targets=rng.normal(size=(200, 1)).astype(np.float32),
        scales=(16.0,),
        units=("GeV",),
        several_heads=heads_of(["g", "t"], ["pt"]),
    )
    paths = [{"name": "hard", "expression": "(score >= threshold) & (predicted_pt > 8)", "rates_khz": [3.0]}]
    trigger = Trigger.model_validate({"signal": ["t"], "input_rate_khz": 100.0, "paths": paths})
    (view,) = path_views(trigger, events)
    outputs = {s: rng.normal(size=((events.split == s).sum(), 3)) for s in (VALIDATION, TEST)}
    for split, scores in view.scores(outputs).items():
        values = outputs[split]
        np.testing.assert_array_equal(scores, np.where(values[:, 2] > 0.5, values[:, 1] - values[:, 0], -np.inf))


def test_paths_of_slots_see_lists_of_objects() -> None:
    rng = np.random.default_rng(3)
    codes = rng.integers(0, 64, (200, 4)).astype(np.int32)
    events = EventCodes(
        codes=codes,
        labels=rng.integers(0, 2, 200),
        split=rng.integers(1, 3, 200).astype(np.uint8),
        event_id=np.arange(200, dtype=np.uint64),
        formats=(KIF(0, 6, 0),) * 4,
        features=("jet_0_pt", "jet_0_eta", "jet_1_pt", "jet_1_eta"),
        classes=("g", "t"),
    )
    paths = [{"name": "ht", "expression": "(sum(jet_pt) > 60) & (score >= threshold)", "rates_khz": [3.0]}]
    trigger = Trigger.model_validate({"signal": ["t"], "input_rate_khz": 100.0, "paths": paths})
    (view,) = path_views(trigger, events)
    assert (view.rates_khz, view.classes.names) == ([3.0], ("g", "t"))
    rows = events.split == TEST
    outputs = {s: rng.normal(size=((events.split == s).sum(), 2)) for s in (VALIDATION, TEST)}
    score = outputs[TEST][:, 1] - outputs[TEST][:, 0]
    ht = codes[rows][:, [0, 2]].sum(axis=1)
    np.testing.assert_array_equal(view.scores(outputs)[TEST], np.where(ht > 60, score, -np.inf))
