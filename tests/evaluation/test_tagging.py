"""Pairs of classes at working points, given discriminators, and distributions of scores."""

from __future__ import annotations

import numpy as np
import pytest

from trigger_lut.config.data_set.tagging import Discriminator, Tagging, tagging_mistakes
from trigger_lut.data.event_codes import TEST, VALIDATION, EventCodes
from trigger_lut.evaluation.predictions import FIRMWARE, Outputs
from trigger_lut.evaluation.tagging import discriminator_results, discriminators_of, pair_results, score_histogram
from trigger_lut.fixed_point.formats import KIF

CLASSES = ("b", "c", "light")
N = 6000


@pytest.fixture(scope="module")
def events() -> EventCodes:
    """Three classes; a discriminator that finds b, better at high pt, and one that knows nothing."""
    rng = np.random.default_rng(7)
    labels = rng.integers(0, 3, N)
    pt = rng.uniform(20, 100, N)
    tagger = rng.normal(size=N) + np.where(labels == 0, pt / 30, 0)
    return EventCodes(
        codes=rng.integers(0, 4, (N, 1)).astype(np.int32),
        labels=labels,
        split=rng.choice([VALIDATION, TEST], N).astype(np.uint8),
        event_id=np.arange(N, dtype=np.uint64),
        formats=(KIF(0, 2, 0),),
        features=("x",),
        classes=CLASSES,
        observables=np.stack([pt, tagger, rng.normal(size=N)], axis=1).astype(np.float32),
        observable_names=("pt", "deepB", "noise"),
    )


@pytest.fixture(scope="module")
def outputs(events: EventCodes) -> dict[str, Outputs]:
    rng = np.random.default_rng(9)
    by_split: Outputs = {}
    for split in (VALIDATION, TEST):
        labels = events.labels_of(split)
        by_split[split] = np.eye(3)[labels] * [2.0, 0.5, 1.0] + rng.normal(size=(len(labels), 3))
    return {FIRMWARE: by_split}


TAGGING = Tagging(pairs=[("b", "light"), ("c", "light")], mistag_rates=[0.1, 0.01], efficiency_variables=["pt"])


def test_thresholds_keep_to_the_mistag_rate_of_validation(events: EventCodes, outputs: dict[str, Outputs]) -> None:
    first, second = pair_results(events, TAGGING, outputs=outputs, given=discriminators_of(events, {"deepB": "b"}))
    assert [method.method for method in first.methods] == ["deepB", FIRMWARE]
    assert [method.method for method in second.methods] == [FIRMWARE], "a discriminator of b does not find c"
    score = {split: values[:, 0] - values[:, 2] for split, values in outputs[FIRMWARE].items()}
    for point in first.methods[1].points:
        assert point.threshold is not None
        validation = score[VALIDATION][events.labels_of(VALIDATION) == 2]
        assert (validation >= point.threshold).mean() <= point.mistag_rate
        below = validation[validation < point.threshold].max()
        assert (validation >= below).mean() > point.mistag_rate, "the smallest such threshold"
        for k, name in enumerate(CLASSES):
            share = (score[TEST][events.labels_of(TEST) == k] >= point.threshold).mean()
            assert point.efficiency[name].value == pytest.approx(share)
            assert point.efficiency[name].low <= share <= point.efficiency[name].high
    labels = events.labels_of(TEST)
    s, b = score[TEST][labels == 0], score[TEST][labels == 2]
    assert first.methods[1].roc.auc == pytest.approx((s[:, None] > b).mean()), "of the two classes alone"


def test_efficiency_in_bins_follows_the_variable(events: EventCodes, outputs: dict[str, Outputs]) -> None:
    pair = pair_results(events, TAGGING, outputs=outputs, given=discriminators_of(events, {"deepB": "b"}))[0]
    given, firmware = (method.binned[0] for method in pair.methods)
    assert pair.binned_at == 0.01
    assert given.signal[-1].low > given.signal[0].high, "better at high pt"
    assert abs(firmware.signal[-1].value - firmware.signal[0].value) < 0.15, "control: it does not know pt"
    labels = events.labels_of(TEST)
    point = next(p for p in pair.methods[0].points if p.mistag_rate == 0.01)
    assert events.observables is not None
    observables = events.observables[events.split == TEST].astype(float)
    inside = (labels == 0) & (observables[:, 0] >= given.edges[0]) & (observables[:, 0] < given.edges[1])
    assert given.signal[0].value == pytest.approx((observables[inside, 1] >= point.threshold).mean())


def test_unstated_class_of_a_discriminator_is_found(events: EventCodes) -> None:
    given = discriminators_of(events, {"deepB": None, "noise": "c"})
    results = discriminator_results(events, given)
    assert [(x.name, x.signal, x.stated) for x in results] == [("deepB", "b", False), ("noise", "c", True)]
    assert results[0].roc.auc > 0.85
    assert abs(results[1].roc.auc - 0.5) < 0.05, "control: noise"


def test_histograms_hold_all_events_by_true_class(events: EventCodes, outputs: dict[str, Outputs]) -> None:
    labels = events.labels_of(TEST)
    histogram = score_histogram(outputs[FIRMWARE][TEST][:, 0], labels, classes=CLASSES)
    assert {name: sum(counts) for name, counts in histogram.counts.items()} == {
        name: int((labels == k).sum()) for k, name in enumerate(CLASSES)
    }
    centers = (np.array(histogram.edges)[1:] + np.array(histogram.edges)[:-1]) / 2
    means = {name: np.average(centers, weights=counts) for name, counts in histogram.counts.items()}
    assert means["b"] > means["c"] + 1
    constant = score_histogram(np.zeros(len(labels)), labels, classes=CLASSES)
    assert sum(map(sum, constant.counts.values())) == len(labels), "one score for all"


def test_mistakes_name_the_nearest_class_and_variable() -> None:
    tagging = Tagging(pairs=[("b", "ligt"), ("c", "c")], efficiency_variables=["ptt"])
    given = {"pt": Discriminator(expression="x"), "d": Discriminator(expression="x", signal="bb")}
    lines = tagging_mistakes(tagging, given, classes=CLASSES, observables=["pt"], channels=["x"])
    assert lines == [
        "baselines: 'pt' is an observable too",
        "tagging.pairs.1: expected two classes, found 'c' twice",
        "baselines.d.signal: no class 'bb'; nearest: 'b'",
        "tagging.pairs.0: no class 'ligt'; nearest: 'light'",
        "tagging.efficiency_variables: no observable or feature 'ptt'; nearest: 'pt'",
    ]
    assert tagging_mistakes(tagging, {}, classes=[], observables=[], channels=[]) == ["tagging: pairs need classes"]
    assert tagging_mistakes(None, {}, classes=[], observables=[], channels=[]) == []
