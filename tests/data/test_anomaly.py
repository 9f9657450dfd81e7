"""Anomaly detection: the description, who may be trained on, weights, and rates of one score. No TensorFlow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rootfiles import CLASSES, description, jet_columns, write_description, write_tree

from trigger_lut.cards.base import read_card
from trigger_lut.cards.stage_cards import IngestCard
from trigger_lut.config.data_set.anomaly import DATA_CLASS, SCORE, Teacher
from trigger_lut.config.data_set.load import load_data_set
from trigger_lut.config.data_set.model import DataSet
from trigger_lut.config.data_set.trigger import Trigger
from trigger_lut.data.event_codes import TEST, TRAIN, VALIDATION, EventCodes, load_codes, save_codes
from trigger_lut.errors import CardError, ConfigurationError
from trigger_lut.stages.anomaly_score import aucs, flat_weights, histograms, looked_at, with_scores
from trigger_lut.stages.ingest import run as ingest

BACKGROUND = {"background": ["a", "b"]}


def mistakes(folder: Path, **changes: Any) -> list[str]:
    content = description([folder / "x.root"], **{"anomaly": BACKGROUND, **changes})
    with pytest.raises(ConfigurationError) as raised:
        load_data_set(write_description(folder / "d.yaml", content))
    return [line.strip() for line in str(raised.value).splitlines()[1:]]


def test_an_anomaly_has_one_output_and_keeps_its_classes(tmp_path):
    content = description([tmp_path / "x.root"], anomaly=BACKGROUND)
    data_set = load_data_set(write_description(tmp_path / "d.yaml", content))
    assert (data_set.outputs, data_set.label_classes, data_set.scored_classes) == ([SCORE], CLASSES, [])
    assert data_set.trained_on == [True, True, False]
    plain = load_data_set(write_description(tmp_path / "p.yaml", description([tmp_path / "x.root"])))
    assert (plain.outputs, plain.scored_classes, plain.trained_on) == (CLASSES, CLASSES, [True] * 3)


def test_what_does_not_go_together_is_refused(tmp_path):
    assert mistakes(tmp_path, anomaly={"background": ["a", "bb"]}) == [
        "anomaly.background: no class 'bb'; nearest: 'b'"
    ]
    assert mistakes(tmp_path, balance_classes=True) == [
        "anomaly: not with weight, reweight or balance_classes; `flatten` gives the weights"
    ]
    trigger = {"signal": ["b", "c"], "input_rate_khz": 1}
    assert mistakes(tmp_path, trigger=trigger) == ["trigger.signal: holds classes of anomaly.background"]
    targets = [{"name": "t", "expression": "x"}]
    assert mistakes(tmp_path, label=None, regression_targets=targets) == [
        "anomaly: not with targets, found both. Remove one of them"
    ]


def data_alone(folder: Path, **changes: Any) -> DataSet:
    content = description([folder / "x.root"], **{"label": None, "anomaly": {}, **changes})
    return load_data_set(write_description(folder / "d.yaml", content))


def test_data_without_signal_need_no_label(tmp_path):
    data_set = data_alone(tmp_path)
    assert (data_set.outputs, data_set.label_classes, data_set.background) == ([SCORE], [DATA_CLASS], [DATA_CLASS])
    assert data_set.trained_on == [True]
    named = data_alone(tmp_path, files=None, files_by_class={"zero_bias": ["x.root"]})
    assert named.label_classes == named.background == ["zero_bias"]
    stated = data_alone(tmp_path, label={"classes": ["run3"]}, anomaly={"background": ["run3"]})
    assert stated.label_classes == stated.background == ["run3"]
    written = write_description(tmp_path / "again.yaml", data_set.model_dump(mode="json", exclude_none=True))
    assert load_data_set(written) == data_set


def test_trigger_without_signal_needs_anomaly_without_signal(tmp_path):
    trigger = {"input_rate_khz": 30_000.0, "rates_khz": [1.0]}
    assert data_alone(tmp_path, trigger=trigger).trigger.signal == []
    assert mistakes(tmp_path, trigger=trigger) == ["trigger.signal: missing; expected some of c"]
    assert mistakes(tmp_path, anomaly=None, trigger=trigger) == ["trigger.signal: missing; expected some of a, b, c"]


def test_one_class_without_anomaly_is_refused(tmp_path):
    assert mistakes(tmp_path, anomaly=None, label={"classes": ["a"]}) == [
        "label.classes: expected at least two classes, found ['a']. One class needs `anomaly`"
    ]


def test_shares_must_be_those_of_the_simulated_pileup(tmp_path):
    path = Path(__file__).parents[2] / "config/data_sets/l1_anomaly.yaml"
    assert load_data_set(path).trigger is not None
    other = tmp_path / "l1_anomaly.yaml"
    other.write_text(path.read_text().replace("pileup: 60", "pileup: 40"))
    with pytest.raises(ConfigurationError, match=r"shares.soft: expected 0.6\d+ at a pileup of 40, found 0.5554"):
        load_data_set(other)


# ---------------------------------------------------------------- ingest


@pytest.fixture
def encoded(tmp_path) -> tuple[EventCodes, IngestCard]:
    columns = jet_columns(600)
    columns["x"][columns["label"] == 2] += 100  # signal far beyond what formats are made for
    file = write_tree(tmp_path / "x.root", columns)
    path = write_description(tmp_path / "d.yaml", description([file], anomaly=BACKGROUND))
    ingest(description=path, codes=tmp_path / "encoded.npz", card=tmp_path / "ingest.json")
    return load_codes(tmp_path / "encoded.npz"), read_card(IngestCard, tmp_path / "ingest.json")


def test_signal_is_in_the_test_split_alone(encoded):
    events, card = encoded
    assert (events.split[events.labels == 2] == TEST).all()
    assert set(events.split[events.labels == 0]) == {TRAIN, VALIDATION, TEST}
    assert card.class_counts["train"]["c"] == card.class_counts["validation"]["c"] == 0
    assert card.class_counts["test"]["c"] == 200


def test_formats_do_not_know_of_signal(encoded):
    x = next(f for f in encoded[1].features if f.name == "x")
    assert x.saturated_fraction > 0.3
    assert x.kif[1] <= 4


# ---------------------------------------------------------------- scores


def scored(encoded: tuple[EventCodes, IngestCard], flatten: float = 20.0) -> tuple[EventCodes, np.ndarray]:
    score = np.random.default_rng(1).normal(3.0, 0.4, len(encoded[0].labels))
    return with_scores(encoded[0], score, flatten=flatten), score


def test_scores_become_what_networks_aim_at(encoded, tmp_path):
    events, score = scored(encoded)
    assert (events.classes, events.label_classes, events.label_names) == ((SCORE,), tuple(CLASSES), tuple(CLASSES))
    assert events.scales == (0.5,)
    targets = (score - score[events.split == TRAIN].mean()) / 0.5
    np.testing.assert_array_equal(events.targets[:, 0], targets.astype(np.float32))
    save_codes(events, tmp_path / "codes.npz")
    again = load_codes(tmp_path / "codes.npz")
    assert again.label_classes == tuple(CLASSES)
    assert again.has_targets
    np.testing.assert_array_equal(again.labels_of(TEST), events.labels[events.split == TEST])
    np.testing.assert_array_equal(again.truth(TEST), events.targets[events.split == TEST])


def test_labels_beyond_the_kinds_are_a_problem(encoded):
    events, _ = scored(encoded)
    labels = events.labels.copy()
    labels[0] = 3
    assert EventCodes.problems(events) == []
    object.__setattr__(events, "labels", labels)
    assert events.problems() == ["labels 0..3 of 3 classes"]


def test_weights_flatten_the_scores():
    rng = np.random.default_rng(2)
    score, training = rng.normal(size=40_000), rng.random(40_000) < 0.7
    weights = flat_weights(score, training, most=20.0)
    assert weights[training].mean() == pytest.approx(1, rel=1e-5)
    assert weights.max() / weights.min() == pytest.approx(20, rel=1e-5)
    near, far = np.abs(score) < 0.1, np.abs(score) > 3
    assert weights[far].min() > 10 * weights[near].max()
    middle = [weights[training & (score > low) & (score < low + 0.4)].sum() for low in (-1.2, -0.2, 0.8)]
    assert max(middle) / min(middle) < 1.25  # as much in a bin of few as in one of many
    plain = [(training & (score > low) & (score < low + 0.4)).sum() for low in (-1.2, -0.2, 0.8)]
    assert max(plain) / min(plain) > 1.5, "control"


def test_areas_compare_signal_and_background_of_the_test_split(encoded):
    events, _ = encoded
    rng = np.random.default_rng(3)
    score = rng.normal(size=len(events.labels)) + 1.5 * (events.labels == 2)
    areas = aucs(events, score, background=["a", "b"])
    test = events.split == TEST
    signal, background = score[test & (events.labels == 2)], score[test & (events.labels < 2)]
    assert areas == {"c": pytest.approx((signal[:, None] > background).mean())}
    score[~test] = 1e9
    assert aucs(events, score, background=["a", "b"]) == areas
    counts = histograms(events, score, edges=np.array([-1e6, 0.0, 1e6]))
    assert {name: sum(c) for name, c in counts.items()} == {
        name: int((test & (events.labels == k)).sum()) for k, name in enumerate(CLASSES)
    }


def test_codes_of_other_classes_are_refused(encoded, tmp_path):
    from trigger_lut.stages.anomaly_score import run as teach

    save_codes(encoded[0], tmp_path / "e.npz")
    with pytest.raises(CardError, match=r"no classes q\. Expected all of"):
        teach(
            encoded=tmp_path / "e.npz",
            background=["a", "q"],
            teacher=Teacher(),
            codes=tmp_path / "codes.npz",
            card=tmp_path / "t.json",
        )
    assert not (tmp_path / "codes.npz").exists()


def test_channels_by_pattern():
    names = ["met_pt", "met_phi", "jet_0_pt", "jet_0_eta"]
    assert looked_at(names, ["*"]) == [0, 1, 2, 3]
    assert looked_at(names, ["*pt*", "met_phi"]) == [0, 1, 2]
    with pytest.raises(ConfigurationError, match="no channel is like 'jet_0_pd'; nearest: 'jet_0_pt'"):
        looked_at(names, ["*pt", "jet_0_pd"])


# ---------------------------------------------------------------- rates


def test_a_share_of_the_crossings_for_each_kind():
    trigger = Trigger(signal=["c"], filled_fraction=0.5, shares={"a": 0.9, "b": 0.1})
    assert trigger.mistakes(CLASSES) == []
    streams = trigger.streams(CLASSES)
    assert [group for group, _ in streams] == [(0,), (1,)]
    assert [khz for _, khz in streams] == pytest.approx([0.45 * 40079, 0.05 * 40079])
    assert trigger.stated().endswith("each background entry a crossing, weighted by `shares`")
    assert trigger.model_copy(update={"shares": {"a": 1.0}}).mistakes(CLASSES) == ["shares: 'b' is missing"]
    for wrong, problem in (({"shares": {"a": 0.5, "b": 0.1}}, "sum of 1, found 0.6"), ({"filled_fraction": None}, "")):
        keys = {"signal": ["c"], "filled_fraction": 0.5, "shares": {"a": 0.9, "b": 0.1}, "input_rate_khz": None}
        if "filled_fraction" in wrong:
            keys["input_rate_khz"] = 3.0
            problem = "shares: only with filled_fraction"
        with pytest.raises(ValueError, match=problem):
            Trigger.model_validate(keys | wrong)
