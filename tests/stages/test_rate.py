"""The rate stage on a random network: what it writes, counted again, and negative controls. Keras does not run."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import made_cards
import networks
import numpy as np
import pytest
from numpy.typing import NDArray

from trigger_lut.cards.base import read_card, write_card
from trigger_lut.cards.physics import RateCard, WorkingPoint
from trigger_lut.config.data_set.trigger import Trigger
from trigger_lut.data.event_codes import TEST, VALIDATION, EventCodes, save_codes
from trigger_lut.errors import CardError, ConfigurationError
from trigger_lut.evaluation.predictions import (
    FIRMWARE,
    SAME,
    TEACHER,
    TRAINED,
    TREES,
    save_predictions,
)
from trigger_lut.network.network import Network, save_network
from trigger_lut.network.reference_model import evaluate
from trigger_lut.stages import rate
from trigger_lut.stages.thresholds import run as choose_thresholds

COUNT = 9000
CLASSES = ("g", "q", "W")
SPLITS = {VALIDATION: "validation", TEST: "test"}


class Stage:
    """A network, events whose class its own outputs follow, and references that are given as outputs."""

    def __init__(self, folder: Path) -> None:
        rng = np.random.default_rng(1)
        self.folder = folder
        self.network: Network = dataclasses.replace(networks.random_network(5), classes=CLASSES)
        codes = networks.random_codes(self.network, COUNT).astype(np.int32)
        real = self.real(codes)
        score = real[:, 2] - real[:, :2].max(axis=1)
        noisy = score / score.std() + rng.normal(0, 0.7, COUNT)
        self.events = EventCodes(
            codes=codes,
            labels=np.where(noisy > np.quantile(noisy, 0.6), 2, rng.integers(0, 2, COUNT)),
            split=rng.integers(0, 3, COUNT).astype(np.uint8),
            event_id=np.arange(COUNT, dtype=np.uint64),
            formats=self.network.inputs,
            features=self.network.features,
            classes=CLASSES,
        )
        write_card(made_cards.spec(), folder / "spec.json")
        save_network(self.network, folder / "network.npz")
        save_codes(self.events, folder / "codes.npz")
        own = {s: self.real(self.events.of(s)[0]) for s in SPLITS}
        self.write_references(own, {s: rng.permutation(o) for s, o in own.items()})

    def real(self, codes: NDArray[Any]) -> NDArray[np.float64]:
        return evaluate(self.network, codes) * 2.0 ** -self.network.fractions.astype(np.float64)

    def labels(self, split: int) -> NDArray[Any]:
        return self.events.of(split)[1]

    def write_references(self, dense: dict[int, NDArray[Any]], trees: dict[int, NDArray[Any]]) -> None:
        method_outputs = {SAME: dense, TREES: trees}
        outputs = {name: {s: splits[s].astype(np.float32) for s in SPLITS} for name, splits in method_outputs.items()}
        save_predictions(outputs, self.folder / "reference.npz")

    def run(self, **changes: Any) -> RateCard:
        keys = {"signal": ["W"], "input_rate_khz": 100.0, "rates_khz": [1.0, 5.0, 20.0], "efficiency_variables": ["x1"]}
        trigger = Trigger.model_validate({**keys, **changes})
        names = {"spec": "spec.json", "network": "network.npz", "codes": "codes.npz"}
        files = {key: self.folder / name for key, name in names.items()}
        trained = {s: self.real(self.events.of(s)[0]) for s in SPLITS}
        save_predictions({TRAINED: trained}, self.folder / "predictions.npz")
        choose_thresholds(**files, trigger=trigger, card=self.folder / "thresholds.json")
        rate.run(
            **files,
            predictions=self.folder / "predictions.npz",
            baseline_predictions=self.folder / "reference.npz",
            thresholds=self.folder / "thresholds.json",
            trigger=trigger,
            plot_label="Simulation, 13 TeV",
            card=self.folder / "rate.json",
        )
        return read_card(RateCard, self.folder / "rate.json")


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def by_method(card: RateCard, wanted: str) -> dict[str, WorkingPoint]:
    return {point.method: point for point in card.points[wanted]}


def test_the_firmware_s_code_passes_what_the_card_counts(stage: Stage) -> None:
    """Counted again in integers alone, as firmware would: outputs shifted to the finest, one subtraction."""
    card = stage.run()
    shifts = stage.network.fractions.max() - stage.network.fractions
    assert list(by_method(card, "5")) == [SAME, TREES, TRAINED, FIRMWARE]
    for wanted in ("1", "5", "20"):
        point = by_method(card, wanted)[FIRMWARE]
        assert point.code is not None
        passing = {}
        for split in SPLITS:
            codes, labels = stage.events.of(split)
            whole = evaluate(stage.network, codes) << shifts
            difference = whole[:, 2] - whole[:, :2].max(axis=1)
            passing[split] = {name: difference[labels == k] for k, name in enumerate(CLASSES)}
        background = np.concatenate([passing[TEST]["g"], passing[TEST]["q"]])
        assert point.rate_khz.value == pytest.approx(100 * (background >= point.code).mean())
        assert point.efficiency["W"].value == pytest.approx((passing[TEST]["W"] >= point.code).mean())
        tuned = np.concatenate([passing[VALIDATION]["g"], passing[VALIDATION]["q"]])
        assert 100 * (tuned >= point.code).mean() <= float(wanted)
        below = tuned[tuned < point.code].max()
        assert 100 * (tuned >= below).mean() > float(wanted), "a smaller threshold would keep to the rate as well"


def test_equal_outputs_give_equal_points_and_firmware_has_a_code(stage: Stage) -> None:
    points = by_method(stage.run(), "20")
    for method in (SAME, TRAINED):
        assert points[method].rate_khz == points[FIRMWARE].rate_khz
        assert points[method].efficiency == points[FIRMWARE].efficiency
        assert points[method].code is None


def test_a_shuffled_score_passes_no_more_signal_than_background(stage: Stage) -> None:
    """Negative control: the trees' outputs are those of other events."""
    card = stage.run()
    signal = int((stage.labels(TEST) == 2).sum())
    for wanted in ("5", "20"):
        shuffled, real = by_method(card, wanted)[TREES], by_method(card, wanted)[FIRMWARE]
        share = shuffled.rate_khz.value / 100
        assert abs(shuffled.efficiency["W"].value - share) < 5 * (share * (1 - share) / signal) ** 0.5
        assert real.efficiency["W"].low > 2 * share


def test_rates_are_of_the_test_split_not_the_tuning_split(stage: Stage) -> None:
    """Negative control: a score that has seen the validation split keeps to the rate there, and only there."""
    rng = np.random.default_rng(2)
    outputs = {s: rng.normal(0, 1, (int((stage.events.split == s).sum()), 3)) for s in SPLITS}
    outputs[VALIDATION][:, 2] -= 3.0 * (stage.labels(VALIDATION) != 2)
    stage.write_references(outputs, outputs)
    overtrained = by_method(stage.run(), "5")[SAME]
    background = stage.labels(VALIDATION) != 2
    score = outputs[VALIDATION][:, 2] - outputs[VALIDATION][:, :2].max(axis=1)
    assert overtrained.threshold is not None
    assert 100 * (score.astype(np.float32)[background] >= overtrained.threshold).mean() <= 5
    assert overtrained.rate_khz.low > 15


def test_classes_with_cross_sections_count_by_their_own_rates(stage: Stage) -> None:
    card = stage.run(input_rate_khz=None, cross_section_pb={"g": 1e6, "q": 1e3}, luminosity_cm2s=7.5e34)
    assert card.input_rate_khz == pytest.approx(75.075)
    labels = stage.labels(TEST)
    assert card.khz_per_event == {
        "g": pytest.approx(75 / (labels == 0).sum()),
        "q": pytest.approx(0.075 / (labels == 1).sum()),
    }
    point = by_method(card, "5")[FIRMWARE]
    real = stage.real(stage.events.of(TEST)[0])
    passed = real[:, 2] - real[:, :2].max(axis=1) >= point.threshold
    assert point.rate_khz.value == pytest.approx(75 * passed[labels == 0].mean() + 0.075 * passed[labels == 1].mean())


def test_a_rate_that_no_threshold_keeps_to_has_none(stage: Stage) -> None:
    """One validation event of the background represents more than 1 Hz."""
    point = by_method(stage.run(rates_khz=[1e-3]), "0.001")[FIRMWARE]
    assert point.threshold is None
    assert (point.code, point.efficiency["W"].value, point.rate_khz.value) == (None, 0.0, 0.0)
    assert point.rate_khz.high > 0


def test_bins_of_a_variable_share_the_signal_and_add_up(stage: Stage) -> None:
    card = stage.run()
    (turnon,) = card.turnons
    assert (turnon.variable, turnon.rate_khz) == ("x1", 5.0)
    assert len(turnon.efficiency[FIRMWARE]) == len(turnon.edges) - 1
    codes, labels = stage.events.of(TEST)
    values = codes[labels == 2, 1] * stage.network.inputs[1].step
    efficiencies = [v.value for v in turnon.efficiency[FIRMWARE]]
    which = np.minimum(np.searchsorted(turnon.edges, values, side="right") - 1, len(efficiencies) - 1)
    counts = np.bincount(which, minlength=len(efficiencies))
    passing = float(np.dot(efficiencies, counts)) / len(values)
    assert passing == pytest.approx(by_method(card, "5")[FIRMWARE].efficiency["W"].value)


def test_what_does_not_fit_is_refused_and_nothing_written(stage: Stage) -> None:
    with pytest.raises(
        ConfigurationError, match=r"^trigger\.efficiency_variables: no observable or feature 'x11'; nearest: 'x1'"
    ):
        stage.run(efficiency_variables=["x11"])
    save_codes(dataclasses.replace(stage.events, classes=("a", "b", "W")), stage.folder / "codes.npz")
    with pytest.raises(CardError, match=r"network\.npz: made for other inputs or classes than those of"):
        stage.run()
    save_codes(stage.events, stage.folder / "codes.npz")
    (stage.folder / "reference.npz").write_bytes(b"no archive")
    with pytest.raises(CardError, match="Expected outputs on validation and test split"):
        stage.run()
    assert not (stage.folder / "rate.json").exists()


TWO = "num(score[score >= threshold]) >= 2"


def test_paths_over_rows_count_events(stage: Stage) -> None:
    """Three rows make an event; counted again in integers and plain Python."""
    group = np.random.default_rng(6).permutation(np.repeat(np.arange(COUNT // 3, dtype=np.uint64), 3))
    stage.events = dataclasses.replace(
        stage.events, group=group, split=(1 + group % np.uint64(2)).astype(np.uint8), observables=None
    )
    save_codes(stage.events, stage.folder / "codes.npz")
    own = {s: stage.real(stage.events.of(s)[0]) for s in SPLITS}
    stage.write_references(own, {s: np.random.default_rng(7).permutation(o) for s, o in own.items()})
    paths = [{"name": "two", "expression": TWO}, {"name": "one", "expression": "any(score >= threshold)"}]
    card = stage.run(paths=paths, rates_khz=[20.0], signal_events="x1 >= 1")
    assert list(card.points) == ["two at 20", "one at 20"]
    assert card.of_rows
    assert card.paths["two"] == TWO
    assert (card.signal, card.background) == (["signal"], ["background"])
    assert {curve.path for curve in card.curves} == {"two", "one"}
    shifts = stage.network.fractions.max() - stage.network.fractions
    rows = stage.events.split == TEST
    whole = evaluate(stage.network, stage.events.codes[rows]) << shifts
    score, event = whole[:, 2] - whole[:, :2].max(axis=1), stage.events.group[rows]
    x1 = stage.events.features.index("x1")
    high = stage.events.codes[rows][:, x1] * 2.0 ** -stage.events.formats[x1].f >= 1
    is_signal = np.array([high[event == e].any() for e in np.unique(event)])
    assert 0 < is_signal.sum() < len(is_signal)
    for path, least in (("two", 2), ("one", 1)):
        point = by_method(card, f"{path} at 20")[FIRMWARE]
        passed = np.array([(score[event == e] >= point.code).sum() >= least for e in np.unique(event)])
        assert point.rate_khz.value == pytest.approx(100 * passed[~is_signal].mean())
        assert point.efficiency["signal"].value == pytest.approx(passed[is_signal].mean())
    codes = [by_method(card, f"{path} at 20")[FIRMWARE].code for path in ("two", "one")]
    assert codes[0] < codes[1], "control: two objects are rarer than one"


def test_outputs_of_another_number_of_events_are_refused(stage: Stage) -> None:
    few = {s: np.zeros((7, 3)) for s in SPLITS}
    stage.write_references(few, few)
    with pytest.raises(
        CardError, match=r"Same network, float: outputs on validation: expected \(\d+, 3\), found \(7, 3\)"
    ):
        stage.run()
    assert not (stage.folder / "rate.json").exists()


class Anomalies(Stage):
    """The same network with one output, which learnt the score of a teacher; signal is in the test split alone."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        rng = np.random.default_rng(11)
        self.network = dataclasses.replace(networks.random_network(5, (4, 5, 1)), classes=("anomaly",))
        codes = networks.random_codes(self.network, COUNT).astype(np.int32)
        column = self.real(codes).astype(np.float32)
        high = column[:, 0] > np.quantile(column[:, 0], 0.7)
        labels = np.where(high & (rng.random(COUNT) < 0.5), 2, rng.integers(0, 2, COUNT))
        split = np.where(labels == 2, TEST, rng.integers(0, 3, COUNT)).astype(np.uint8)
        self.events = EventCodes(
            codes=codes,
            labels=labels,
            split=split,
            event_id=np.arange(COUNT, dtype=np.uint64),
            formats=self.network.inputs,
            features=self.network.features,
            classes=("anomaly",),
            label_classes=CLASSES,
            targets=column + rng.normal(0, 0.1, column.shape).astype(np.float32),
            scales=(0.5,),
            units=("",),
        )
        save_network(self.network, folder / "network.npz")
        save_codes(self.events, folder / "codes.npz")
        own = {s: self.real(self.events.of(s)[0]) for s in SPLITS}
        self.write_references(own, {s: rng.permutation(o) for s, o in own.items()})


@pytest.fixture
def anomalies(tmp_path: Path) -> Anomalies:
    return Anomalies(tmp_path)


def test_one_score_is_judged_as_it_is_and_beside_its_teacher(anomalies: Anomalies) -> None:
    changes = {
        "input_rate_khz": None,
        "filled_fraction": 0.002,
        "shares": {"g": 0.8, "q": 0.2},
        "efficiency_variables": [],
    }
    card = anomalies.run(**changes)
    assert card.single_score
    assert card.reliability == []
    assert list(by_method(card, "20")) == [TEACHER, SAME, TREES, TRAINED, FIRMWARE]
    point = by_method(card, "20")[FIRMWARE]
    assert point.code is not None
    events, labels = anomalies.events, anomalies.events.labels_of(TEST)
    whole = evaluate(anomalies.network, events.of(TEST)[0])[:, 0]
    shares = [(whole[labels == k] >= point.code).mean() for k in range(3)]
    assert point.rate_khz.value == pytest.approx(80.158 * (0.8 * shares[0] + 0.2 * shares[1]))
    assert point.efficiency == {"W": point.efficiency["W"]}
    assert point.efficiency["W"].value == pytest.approx(shares[2])
    assert by_method(card, "20")[TREES].efficiency["W"].value < point.efficiency["W"].value, "control: shuffled"
    assert card.events == {name: int((labels == k).sum()) for k, name in enumerate(CLASSES)}


def test_data_alone_are_judged_by_rate_and_by_the_teacher(anomalies: Anomalies) -> None:
    events = dataclasses.replace(
        anomalies.events,
        labels=np.zeros(COUNT, np.int64),
        split=np.random.default_rng(4).integers(0, 3, COUNT).astype(np.uint8),
        label_classes=("data",),
    )
    anomalies.events = events
    save_codes(events, anomalies.folder / "codes.npz")
    own = {s: anomalies.real(events.of(s)[0]) for s in SPLITS}
    shuffled = {s: np.random.default_rng(5).permutation(o) for s, o in own.items()}
    anomalies.write_references(own, shuffled)
    card = anomalies.run(signal=[], rates_khz=[20.0])
    assert (card.signal, card.background, card.events) == ([], ["data"], {"data": int((events.split == TEST).sum())})
    assert all(curve.efficiency == [] for curve in card.curves)
    point = by_method(card, "20")[FIRMWARE]
    assert point.efficiency == {}
    whole = evaluate(anomalies.network, events.of(TEST)[0])[:, 0]
    passed = whole >= point.code
    assert point.rate_khz.value == pytest.approx(100 * passed.mean())
    wanted = events.truth(TEST)[:, 0] >= by_method(card, "20")[TEACHER].threshold
    assert point.shared_with_teacher.value == pytest.approx(passed[wanted].mean())
    assert by_method(card, "20")[TEACHER].shared_with_teacher.value == 1
    by_chance = by_method(card, "20")[TREES]
    assert abs(by_chance.shared_with_teacher.value - by_chance.rate_khz.value / 100) < 0.1, "control: shuffled"
    assert point.shared_with_teacher.low > 0.5
    (turnon,) = card.turnons
    inside = sum(interval.value for interval in turnon.efficiency[FIRMWARE]) / len(turnon.efficiency[FIRMWARE])
    assert inside == pytest.approx(passed.mean(), abs=0.1)


def test_a_regression_without_kinds_has_no_rates(anomalies: Anomalies) -> None:
    plain = dataclasses.replace(anomalies.events, label_classes=(), labels=np.zeros(COUNT, np.int64))
    save_codes(plain, anomalies.folder / "codes.npz")
    with pytest.raises(CardError, match="made for other inputs or classes"):
        anomalies.run()
