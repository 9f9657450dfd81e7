"""Other data in a frozen network: distances against scipy, figures counted again, and data with and without a drift."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, NamedTuple

import awkward as ak
import made_cards
import networks
import numpy as np
import pytest
from rootfiles import description, jet_columns, write_description, write_tree
from stage_calls import in_order

from trigger_lut.cards.base import read_card, write_card, write_text
from trigger_lut.cards.drift import DriftCard
from trigger_lut.cards.physics import Interval68, WorkingPoint
from trigger_lut.cli import main
from trigger_lut.config.data_set.trigger import Trigger
from trigger_lut.data.event_codes import TEST, load_codes, save_codes
from trigger_lut.errors import CardError
from trigger_lut.evaluation.predictions import FIRMWARE
from trigger_lut.metrics.distances import (
    Histogram,
    aligned_histograms,
    chi2_p_value,
    expected_total_variation,
    sample_distance,
    total_variation,
)
from trigger_lut.metrics.ratios import standard_deviations, value_ratio, weighted_fraction
from trigger_lut.metrics.trigger_rates import background_rate, passing_fraction, trigger_score
from trigger_lut.network.network import Network, save_network
from trigger_lut.network.reference_model import evaluate
from trigger_lut.report.drift_findings import constant, findings, in_short, saturating, shifted, unknown
from trigger_lut.stages import drift
from trigger_lut.stages.anomaly_score import with_scores
from trigger_lut.stages.ingest import run as ingest

COUNT = 30000
TRIGGER = Trigger.model_validate({"signal": ["c"], "input_rate_khz": 100.0})


# ---------------------------------------------------------------- distances


@pytest.mark.parametrize("shift", [0, 1, 3])
def test_distance_and_probability_are_scipy_s(shift: int) -> None:
    from scipy.stats import ks_2samp

    rng = np.random.default_rng(shift)
    first, second = rng.poisson(20, 3000), rng.poisson(20 + shift, 1700)
    ours = sample_distance(*aligned_histograms(first, second, weights=(np.ones(3000), np.ones(1700))))
    expected = ks_2samp(first, second, method="asymp")
    assert ours.ks == pytest.approx(expected.statistic)
    assert ours.ks_p_value == pytest.approx(expected.pvalue, rel=1e-6)
    assert (ours.p_value < 1e-4) == (shift > 0)


def test_weights_count_as_often_as_events_repeat() -> None:
    rng = np.random.default_rng(3)
    first, second, often = rng.integers(0, 9, 500), rng.integers(0, 9, 400), rng.integers(1, 5, 400)
    weighted = sample_distance(*aligned_histograms(first, second, weights=(np.ones(500), often.astype(float))))
    repeated = np.repeat(second, often)
    plain = sample_distance(*aligned_histograms(first, repeated, weights=(np.ones(500), np.ones(len(repeated)))))
    assert weighted.ks == pytest.approx(plain.ks)
    assert weighted.total_variation == pytest.approx(plain.total_variation)


def test_total_variation_sees_what_cumulative_sums_hardly_do() -> None:
    p = np.tile([0.15, 0.05], 5)
    swapped = sample_distance(Histogram(2000 * p, 2000 * p), Histogram(2000 * p[::-1], 2000 * p[::-1]))
    assert swapped.total_variation == pytest.approx(0.5)
    assert swapped.ks == pytest.approx(0.1)
    assert swapped.chi2_p_value < 1e-100 < swapped.ks_p_value
    assert total_variation(p, p) == 0
    assert total_variation(np.array([1.0, 0]), np.array([0, 1.0])) == 1


def test_chi_square_of_equal_weights_is_pearson_s() -> None:
    from scipy.stats import chi2_contingency

    rng = np.random.default_rng(8)
    counts = [rng.multinomial(size, np.full(20, 0.05)).astype(float) for size in (3000, 1700)]
    expected = chi2_contingency(np.stack(counts), correction=False).pvalue
    assert chi2_p_value(*(Histogram(x, x) for x in counts)) == pytest.approx(expected)


@pytest.mark.parametrize("weighted", [False, True])
def test_chi_square_is_calibrated(weighted: bool) -> None:
    """Count low probabilities in samples of one distribution, with few events for a code and weights by code."""
    rng, p_values = np.random.default_rng(9), []
    shares = np.arange(1, 101) / np.arange(1, 101).sum()
    weights = np.where(np.arange(100) < 60, 5.0, 1.0) if weighted else np.ones(100)
    for _ in range(1500):
        first, second = rng.multinomial(900, shares), rng.poisson(2500 * shares / weights)
        p_values.append(chi2_p_value(Histogram(first, first), Histogram(second * weights, second * weights**2)))
    for x in (0.05, 0.25, 0.5, 0.75):
        assert np.mean(np.array(p_values) < x) == pytest.approx(x, abs=0.04)


def test_rarer_bit_is_noticed_by_chi_square_alone() -> None:
    """The probability after Kolmogorov and Smirnov is far too large for an input of one bit."""
    before, now = np.array([9800.0, 200.0]), np.array([9900.0, 100.0])
    distance = sample_distance(Histogram(before, before), Histogram(now, now))
    assert distance.ks_p_value > 0.5
    assert distance.chi2_p_value < 1e-7
    assert distance.p_value == 2 * distance.chi2_p_value


def test_too_few_events_for_two_groups_say_nothing() -> None:
    few = np.array([3.0, 4.0, 2.0])
    assert chi2_p_value(Histogram(few, few), Histogram(few[::-1], few[::-1])) == 1


def test_chance_is_what_samples_of_one_distribution_have() -> None:
    rng = np.random.default_rng(4)
    p = np.arange(1, 33) / np.arange(1, 33).sum()
    pairs = [(rng.multinomial(4000, p) / 4000, rng.multinomial(900, p) / 900) for _ in range(400)]
    mean = np.mean([total_variation(*pair) for pair in pairs])
    assert expected_total_variation(p, p, sizes=(4000, 900)) == pytest.approx(mean, rel=0.02)


# ---------------------------------------------------------------- ratios


def test_a_ratio_has_the_errors_of_both() -> None:
    old, new = Interval68(value=10.0, low=9.0, high=11.0), Interval68(value=20.0, low=18.0, high=22.0)
    value = value_ratio(old, new)
    assert value.ratio is not None
    assert value.ratio.value == 2
    assert value.ratio.high - 2 == pytest.approx(2 * (0.1**2 + 0.1**2) ** 0.5)
    assert standard_deviations(value) == pytest.approx(10 / 5**0.5)
    assert standard_deviations(value_ratio(new, old)) == pytest.approx(-10 / 5**0.5)
    assert value_ratio(Interval68(value=0.0, low=0.0, high=0.1), new).ratio is None
    assert standard_deviations(value_ratio(old, old)) == 0


def test_the_share_of_effective_events_is_the_binomial_one() -> None:
    passed = np.arange(200) < 30
    assert weighted_fraction(0.15, 200.0) == passing_fraction(passed)
    assert weighted_fraction(1 + 1e-12, 200.0).value == 1


# ---------------------------------------------------------------- the stage


class Files(NamedTuple):
    """Files of a data set."""

    description: Path
    codes: Path
    ingest: Path


class Trained:
    """Codes of simulated toy jets, a random network that reads them, and a rate card with two thresholds."""

    def __init__(self, folder: Path, columns: dict[str, Any] | None = None, **changes: Any) -> None:
        self.folder, self.changes = folder, changes
        self.files = self.ingest("toy", jet_columns(COUNT) if columns is None else columns)
        self.events = load_codes(self.files.codes)
        self.network = self.made_network()
        save_network(self.network, folder / "network.npz")
        write_card(made_cards.spec(), folder / "spec.json")
        classes = self.events.classes
        if len(classes) == 3:
            codes, labels = self.events.of(TEST)
            score = trigger_score(self.real(codes), [2], background=[0, 1])
            self.thresholds = {"20": float(np.quantile(score, 0.8)), "50": float(np.median(score))}
            points = {
                wanted: WorkingPoint(
                    method=FIRMWARE,
                    threshold=threshold,
                    code=None,
                    rate_khz=background_rate(score >= threshold, labels, streams=TRIGGER.streams(classes)),
                    efficiency={},
                )
                for wanted, threshold in self.thresholds.items()
            }
            write_card(made_cards.thresholds().model_copy(update={"points": points}), folder / "thresholds.json")

    def made_network(self) -> Network:
        inputs = len(self.events.features)
        network = networks.random_network(7, (inputs, 5, len(self.events.classes)), prune=0.1)
        first = dataclasses.replace(network.layers[0], overflow=("SAT",) * inputs)
        return dataclasses.replace(
            network,
            inputs=self.events.formats,
            layers=(first, *network.layers[1:]),
            features=self.events.features,
            classes=self.events.classes,
        )

    def real(self, codes: np.ndarray) -> np.ndarray:
        return evaluate(self.network, codes) * 2.0 ** -self.network.fractions.astype(np.float64)

    def ingest(self, name: str, columns: dict[str, Any], **changes: Any) -> Files:
        """Ingest columns as a data set; the first one is not frozen."""
        place = self.folder / name
        file = write_tree(place / "a.root", columns)
        content = description([file], **{"name": name, **self.changes, **changes})
        files = Files(write_description(place / "data_set.json", content), place / "codes.npz", place / "ingest.json")
        in_order(ingest, *files, frozen=None if name == "toy" else self.files.codes)
        return files

    def compare(self, new: Files, rated: bool = True) -> DriftCard:
        beside = {"thresholds": self.folder / "thresholds.json", "trigger": TRIGGER} if rated else {}
        card = self.folder / "drift.json"
        compared(self, self.folder / "network.npz", new, card, **beside)
        return read_card(DriftCard, card)


def compared(trained: Trained, network: Path, new: Files, card: Path, **beside: Any) -> None:
    """Run the stage on the files of two data sets."""
    other = {f"new_{name}": path for name, path in new._asdict().items()}
    own = trained.files._asdict()
    drift.run(spec=trained.folder / "spec.json", network=network, card=card, **own, **other, **beside)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return Trained(tmp_path_factory.mktemp("drift"))


def later(count: int = COUNT) -> dict[str, Any]:
    """Other events of the same distributions."""
    return jet_columns(count, seed=5, first_event=10 * COUNT)


def test_more_of_the_same_is_compatible(trained: Trained) -> None:
    card = trained.compare(trained.ingest("more", later()))
    assert card.events == (int((trained.events.split == TEST).sum()), COUNT)
    assert (card.data_set, card.drift, card.shared_events) == ("toy", "more", 0)
    assert shifted(card.features) == saturating(card) == constant(card) == unknown(card) == []
    assert all(x.distance.p_value > 0.01 for x in [*card.features, *card.outputs])
    assert all(x.distance.total_variation < 2 * x.distance.by_chance for x in card.features)
    assert all(x.good for x in findings(card)), findings(card)
    for point in card.points:
        assert point.rate_khz is not None
        assert abs(standard_deviations(point.rate_khz)) < 3
    assert in_short(card).startswith("0 of 4 inputs shifted, rate x ")


def test_the_same_data_agree_better_than_chance(trained: Trained) -> None:
    card = trained.compare(trained.ingest("same", jet_columns(COUNT)))
    assert card.shared_events == COUNT
    assert all(x.distance.p_value > 0.2 for x in card.features)
    assert all(x.unseen == 0 for x in card.features)


def test_a_scale_of_ten_per_cent_is_noticed(trained: Trained) -> None:
    columns = later()
    card = trained.compare(trained.ingest("scaled", {**columns, "pt": columns["pt"] * np.float32(1.1)}))
    assert [x.name for x in shifted(card.features)] == ["ht"]
    assert card.features[0].name == "ht"
    worst = card.features[0]
    assert worst.distance.p_value < 1e-4
    assert worst.new.mean / worst.trained.mean == pytest.approx(1.1, abs=0.03)
    (first, *_) = findings(card)
    assert not first.good
    assert first.text.startswith("1 of 4, with their distance: ht (0.0")


def test_more_saturation_and_constant_inputs_are_said(trained: Trained) -> None:
    columns = later()
    card = trained.compare(
        trained.ingest("bad", {**columns, "mass": 2 * columns["mass"], "n": np.full(COUNT, 20, np.int32)})
    )
    assert [x.name for x in saturating(card)] == ["mass"]
    assert [x.name for x in constant(card)] == ["n"]
    by_name = {x.name: x for x in card.features}
    codes = load_codes(trained.folder / "bad/codes.npz").codes[:, 1]
    assert by_name["mass"].highest.new.value == pytest.approx((codes == 63).mean(), abs=0.003)  # by class
    before = trained.events.of(TEST)[0][:, 1]
    assert by_name["mass"].highest.trained.value == pytest.approx((before == 63).mean())
    texts = {x.about: x.text for x in findings(card) if not x.good}
    assert texts["Constant inputs"].startswith("1 of 4 with one code in all new events: n (")
    assert texts["Saturation"].startswith("1 of 4 with clearly more values beyond the format: mass (")


def test_rates_and_accuracies_are_counted_again(trained: Trained) -> None:
    columns = later()
    files = trained.ingest("counted", {**columns, "x": columns["x"] + 1})
    card, events = trained.compare(files), load_codes(files.codes)
    real = trained.real(events.codes)
    score = trigger_score(real, [2], background=[0, 1])
    for point in card.points:
        threshold = trained.thresholds[f"{point.wanted_khz:g}"]
        assert point.threshold == threshold
        assert point.rate_khz is not None
        assert point.rate_khz.new.value == pytest.approx(100 * (score[events.labels != 2] >= threshold).mean())
        assert point.passing["c"].new == passing_fraction(score[events.labels == 2] >= threshold)
        codes, labels = trained.events.of(TEST)
        before = trigger_score(trained.real(codes), [2], background=[0, 1])
        assert point.rate_khz.trained.value == pytest.approx(100 * (before[labels != 2] >= threshold).mean())
        assert point.passing["a"].trained == passing_fraction(before[labels == 0] >= threshold)
    right = real.argmax(axis=1) == events.labels
    assert card.accuracy["b"].new == passing_fraction(right[events.labels == 1])
    parts = [(trained.events.truth(TEST) == k).mean() * right[events.labels == k].mean() for k in range(3)]
    assert card.accuracy["all"].new.value == pytest.approx(sum(parts))
    assert list(card.accuracy) == ["all", "a", "b", "c"]
    for n, output in enumerate(card.outputs):
        codes, labels = trained.events.of(TEST)
        assert output.trained.mean == pytest.approx(trained.real(codes)[:, n].mean())


def test_another_mixture_of_known_classes_is_no_drift(trained: Trained) -> None:
    columns = later()
    keep = np.flatnonzero((columns["label"] != 0) | (np.arange(COUNT) % 5 == 0))
    mixed = {name: column[keep] for name, column in columns.items()}
    card = trained.compare(trained.ingest("mixed", mixed))
    assert shifted(card.features) == []
    assert card.class_counts["a"][1] < card.class_counts["b"][1] / 4
    assert card.effective_events[1] < card.events[1]
    unlabeled = trained.compare(trained.ingest("unlabeled", mixed, label=None))
    assert [x.name for x in shifted(unlabeled.features)] == ["n", "x", "mass"], (
        "negative control: it shows without labels"
    )
    assert (unlabeled.class_counts, unlabeled.accuracy) == ({}, {})
    score = trigger_score(
        trained.real(load_codes(trained.folder / "unlabeled/codes.npz").codes), [2], background=[0, 1]
    )
    (point, _) = unlabeled.points
    assert point.rate_khz is None
    assert point.passing["all"].new == passing_fraction(score >= point.threshold)


def test_classes_without_new_events_are_left_out_of_both(trained: Trained) -> None:
    columns = later()
    background = {name: column[columns["label"] != 2] for name, column in columns.items()}
    card = trained.compare(trained.ingest("background", background))
    assert shifted(card.features) == []
    assert list(card.skipped_events) == ["c"]
    assert list(card.class_counts) == ["a", "b"]
    assert all(p.rate_khz is not None and list(p.passing) == ["a", "b"] for p in card.points)
    signal = {name: column[columns["label"] == 2] for name, column in columns.items()}
    card = trained.compare(trained.ingest("signal", signal))
    assert all(p.rate_khz is None and list(p.passing) == ["c"] for p in card.points)


def test_a_design_without_a_trigger_has_no_rates(trained: Trained) -> None:
    card = trained.compare(trained.ingest("untriggered", later(3000)), rated=False)
    assert (card.points, card.input_rate_khz) == ([], None)
    assert "accuracy" in in_short(card)


def test_what_is_too_little_in_any_slot_shows_in_their_sum(tmp_path: Path) -> None:
    """Hits in 30 slots, of which a tenth is lost: no single slot shows it, their number does."""
    one = {"name": "hit", "format": {"signed": False, "width": 1, "integer": 1}}
    changes = {"features": [], "objects": {"hits": {"count": 30, "features": [{**one, "expression": "hits"}]}}}
    rng = np.random.default_rng(6)

    def columns(probability: float, first: int) -> dict[str, Any]:
        jets = jet_columns(1500, first_event=first)
        return {**jets, "hits": ak.Array((rng.random((1500, 30)) < probability).astype(np.int32).tolist())}

    training = Trained(tmp_path, columns(0.1, 0), **changes)
    same = training.compare(training.ingest("same", columns(0.1, 2000)), rated=False)
    fewer = training.compare(training.ingest("fewer", columns(0.085, 4000)), rated=False)
    assert shifted(same.features) == shifted(fewer.features) == shifted(same.sums) == []
    assert [x.name for x in shifted(fewer.sums)] == ["hits.hit"]
    assert fewer.sums[0].trained.mean == pytest.approx(3, abs=0.3)
    assert fewer.sums[0].new.mean == pytest.approx(2.55, abs=0.15)
    assert "1 of 1 sums over slots" in in_short(fewer)


def test_files_that_could_not_be_read_are_named(trained: Trained) -> None:
    folder = trained.folder / "partial"
    bad = folder / "b.root"
    folder.mkdir()
    bad.write_bytes(b"no ROOT file")
    files = [str(folder / "a.root"), str(bad)]
    card = trained.compare(trained.ingest("partial", later(900), files=files, on_bad_file="skip"))
    assert list(card.skipped_files) == [str(bad)]
    assert card.events[1] == 900


def test_weighted_events_count_by_their_weight(trained: Trained) -> None:
    columns = later()
    heavy = {**columns, "w": (columns["x"] > 1.5).astype(np.float32) + 1}
    card = trained.compare(trained.ingest("weighted", heavy, weight="w"))
    assert "x" in [x.name for x in shifted(card.features)]
    assert card.effective_events[1] < COUNT


def test_codes_that_are_new_are_counted(trained: Trained) -> None:
    columns = later()
    known = set(trained.events.codes[:, 2].tolist())
    files = trained.ingest("new", {**columns, "n": np.where(np.arange(COUNT) < 300, 1, columns["n"]).astype(np.int32)})
    codes = load_codes(files.codes).codes[:, 2]
    card = trained.compare(files)
    feature = {x.name: x for x in card.features}["n"]
    assert feature.unseen == pytest.approx(np.mean([code not in known for code in codes.tolist()]), abs=1e-3)
    assert feature.unseen > 0.009 > feature.unseen_by_chance
    assert [x.name for x in unknown(card)] == ["n"]
    assert feature.shifted[0].value == 1


def test_a_regression_compares_resolutions(tmp_path: Path) -> None:
    changes = {"label": None, "regression_targets": [{"name": "t", "expression": "mass", "unit": "GeV"}]}
    training = Trained(tmp_path, **changes)
    columns = later()
    card = training.compare(training.ingest("later", columns), rated=False)
    (target,) = card.targets
    assert (target.unit, card.accuracy, card.class_counts) == ("GeV", {}, {})
    codes, aims = training.events.of(TEST)
    deviations = training.events.scales[0] * (training.real(codes) - aims)[:, 0]
    assert target.trained.rms == pytest.approx(np.sqrt((deviations**2).mean()), rel=1e-6)
    assert all(x.good for x in findings(card)), findings(card)
    unknown = training.compare(training.ingest("unknown", columns, regression_targets=None), rated=False)
    assert unknown.targets == []
    assert unknown.outputs[0].unit == "GeV"


def test_one_score_of_an_anomaly(tmp_path: Path) -> None:
    """Classes are known, the score is the one output, and the weights of training do not count."""
    training = Trained(tmp_path, anomaly={"background": ["a", "b"]})
    save_codes(
        with_scores(training.events, training.events.codes[:, 0].astype(np.float64), flatten=20.0), training.files.codes
    )
    training.events = load_codes(training.files.codes)
    training.network = training.made_network()
    save_network(training.network, tmp_path / "network.npz")
    score, labels = training.real(training.events.of(TEST)[0])[:, 0], training.events.labels_of(TEST)
    threshold = float(np.quantile(score[labels < 2], 0.8))
    streams = TRIGGER.streams(training.events.label_names)
    khz = background_rate(score >= threshold, labels, streams=streams)
    point = WorkingPoint(method=FIRMWARE, threshold=threshold, code=None, rate_khz=khz, efficiency={})
    write_card(made_cards.thresholds().model_copy(update={"points": {"20": point}}), tmp_path / "thresholds.json")
    card = training.compare(training.ingest("later", later()))
    assert list(card.class_counts) == ["a", "b", "c"]
    assert (card.accuracy, card.targets, card.effective_events[0]) == ({}, [], len(labels))
    (only_point,) = card.points
    assert only_point.passing["c"].trained.value == pytest.approx((score[labels == 2] >= threshold).mean())
    assert only_point.rate_khz is not None
    assert abs(standard_deviations(only_point.rate_khz)) < 3
    assert all(x.good for x in findings(card)), findings(card)
    columns = later()
    moved = training.compare(training.ingest("moved", {**columns, "mass": 2 * columns["mass"]}))
    assert [x.name for x in shifted(moved.features)] == ["mass"], "control"
    real = training.compare(training.ingest("real", columns, label=None, anomaly=None))
    assert (real.class_counts, real.points[0].rate_khz, list(real.points[0].passing)) == ({}, None, ["all"])


def test_files_that_do_not_fit_are_refused(trained: Trained, tmp_path: Path) -> None:
    files = trained.ingest("other", later(900))
    own = Files(tmp_path / "own.yaml", tmp_path / "codes.npz", tmp_path / "ingest.json")
    in_order(
        ingest, write_description(own.description, description([trained.folder / "other/a.root"], width=6)), *own[1:]
    )
    with pytest.raises(
        CardError, match=r"codes\.npz: other formats .* Expected those of .*toy/codes\.npz\. Run the ingest"
    ):
        trained.compare(own)
    write_text(tmp_path / "broken.json", "{}")
    with pytest.raises(CardError, match=r"broken\.json: not a IngestCard"):
        trained.compare(files._replace(ingest=tmp_path / "broken.json"))
    other = dataclasses.replace(trained.network, classes=("a", "b", "d"))
    save_network(other, tmp_path / "network.npz")
    with pytest.raises(CardError, match="made for other inputs or classes"):
        compared(trained, tmp_path / "network.npz", files, tmp_path / "c")
    assert not (tmp_path / "c").exists()


def test_command_makes_the_card_and_needs_rates_with_trigger(trained: Trained, tmp_path: Path, capsys) -> None:
    new = trained.ingest("command", later(900))
    files = [f"--{name}" for name in ("description", "codes", "ingest")]
    arguments = [
        "stage",
        "drift",
        "--spec",
        str(trained.folder / "spec.json"),
        "--network",
        str(trained.folder / "network.npz"),
    ]
    for flag, mine, its in zip(files, trained.files, new, strict=True):
        arguments += [flag, str(mine), flag.replace("--", "--new-"), str(its)]
    arguments += ["--card", str(tmp_path / "drift.json"), "--thresholds", str(trained.folder / "thresholds.json")]
    assert main(arguments) == 1
    assert (
        capsys.readouterr().err
        == "trigger-lut: error: drift: --thresholds and --trigger go together. Expected both or none, found one.\n"
    )
    assert main([*arguments, "--trigger", TRIGGER.model_dump_json()]) == 0
    card = read_card(DriftCard, tmp_path / "drift.json")
    assert (card.drift, len(card.points)) == ("command", 2)
