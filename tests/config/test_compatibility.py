"""Properties that another data set shares with the trained one; frozen formats give the same codes for a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from networks import encode
from rootfiles import CLASSES, description, jet_columns, write_description, write_tree

from trigger_lut.cards.base import read_card
from trigger_lut.cards.stage_cards import IngestCard
from trigger_lut.config.data_set.compatibility import differences, other_expressions
from trigger_lut.config.data_set.load import load_data_set
from trigger_lut.config.data_set.model import DataSet
from trigger_lut.data.event_codes import EventCodes, load_codes
from trigger_lut.errors import CardError, ConfigurationError, DataError
from trigger_lut.stages.ingest import run as ingest

OBJECTS = {"jet": {"count": 2, "select": "pt > 5", "features": [{"name": "pt"}]}}


def described(folder: Path, **changes: Any) -> DataSet:
    content = description([Path("a.root")], **changes)
    return load_data_set(write_description(folder / "toy.yaml", content), truth=False)


def features(**changes: Any) -> list[dict[str, Any]]:
    """The features of the toy, of which one has other keys."""
    return [{**f, **changes} if f["name"] == "mass" else f for f in description([])["features"]]


def run(folder: Path, file: Path, frozen: Path | None = None, **changes: Any) -> tuple[EventCodes, IngestCard]:
    path = write_description(folder / "toy.yaml", description([file], **changes))
    ingest(description=path, codes=folder / "codes.npz", card=folder / "ingest.json", frozen=frozen)
    return load_codes(folder / "codes.npz"), read_card(IngestCard, folder / "ingest.json")


@pytest.mark.parametrize(
    ("mine", "its", "expected"),
    [
        ({}, {}, []),
        ({}, {"files": ["other.root"], "tree": "events", "event_id": ["event"], "label": None, "width": 12}, []),
        ({"cut": "x > 0"}, {}, ["cut: expected 'x > 0', found none, as in data set 'toy'"]),
        ({}, {"features": features(name="mas")}, ["features: unknown 'mas'; nearest: 'mass'"]),
        ({}, {"features": description([])["features"][::-1]}, ["features: expected ['x', 'mass', 'n', 'ht'], found "]),
        ({}, {"features": features(format={"signed": False, "width": 6, "integer": 6})}, ["features.mass.format: exp"]),
        ({}, {"features": features(format="auto", scale={"signed": False, "width": 6, "lsb": 0.5})}, ["features.mass"]),
        ({"nonfinite": {"replace": 0}}, {}, ["nonfinite: expected 0.0, found 'refuse', as in data set 'toy'"]),
        ({}, {"nonfinite": "drop"}, []),
        ({"objects": OBJECTS}, {}, ["objects: 'jet' is missing"]),
        ({"objects": OBJECTS}, {"objects": {"jet": {**OBJECTS["jet"], "select": "pt > 6"}}}, ["objects.jet.select: "]),
        ({"objects": OBJECTS}, {"objects": {"jet": {**OBJECTS["jet"], "count": 3}}}, ["objects.jet.count: expected 2"]),
        ({}, {"label": {"expression": "label", "classes": CLASSES[::-1]}}, ["label.classes: expected ['a', 'b', 'c']"]),
        (
            {},
            {"label": None, "regression_targets": [{"name": "t", "expression": "x"}]},
            ["regression_targets: expected label, or neither"],
        ),
        (
            {"label": None, "regression_targets": [{"name": "t", "expression": "x", "unit": "mrad"}]},
            {"label": None, "regression_targets": [{"name": "t", "expression": "2 * x", "unit": "rad"}]},
            ["regression_targets.0.unit: expected 'mrad', found 'rad', as in data set 'toy'"],
        ),
    ],
)
def test_what_must_be_the_same(tmp_path: Path, mine: dict, its: dict, expected: list[str]) -> None:
    lines = differences(described(tmp_path, **mine), described(tmp_path, **its))
    assert len(lines) >= len(expected)
    assert bool(lines) == bool(expected), lines
    for line, beginning in zip(lines, expected, strict=False):
        assert line.startswith(beginning), line


def test_features_may_be_read_differently_which_is_said(tmp_path: Path) -> None:
    mine, its = described(tmp_path), described(tmp_path, features=features(expression="1.1 * m"))
    assert differences(mine, its) == []
    assert other_expressions(mine, its) == {"mass": ("mass", "1.1 * m")}
    assert other_expressions(mine, mine) == {}


def test_the_same_file_gives_the_same_codes(tmp_path: Path) -> None:
    file = write_tree(tmp_path / "a.root", jet_columns(900))
    trained, card = run(tmp_path / "1", file)
    again, frozen_card = run(tmp_path / "2", file, frozen=tmp_path / "1/codes.npz")
    np.testing.assert_array_equal(again.codes, trained.codes)
    np.testing.assert_array_equal(again.event_id, trained.event_id)
    assert (again.formats, again.features) == (trained.formats, trained.features)
    assert [f.histogram for f in frozen_card.features] == [f.histogram for f in card.features]
    assert str(tmp_path / "1/codes.npz") in frozen_card.inputs


def test_no_quantile_is_taken_of_other_data(tmp_path: Path) -> None:
    """Values ten times as large would get larger formats of their own; in the frozen ones they saturate."""
    columns = jet_columns(900)
    trained, _ = run(tmp_path / "1", write_tree(tmp_path / "a.root", columns))
    large = {**columns, "x": 10 * columns["x"]}
    file = write_tree(tmp_path / "b.root", large)
    frozen, card = run(tmp_path / "2", file, frozen=tmp_path / "1/codes.npz", width=12)
    own, _ = run(tmp_path / "3", file)
    assert frozen.formats == trained.formats != own.formats
    assert card.features[0].saturated_fraction > 0.3
    np.testing.assert_array_equal(np.sort(frozen.codes[:, 0]), np.sort(encode(large["x"], trained.formats[0])))


def test_labels_and_classes_may_be_missing(tmp_path: Path) -> None:
    columns = jet_columns(900)
    file = write_tree(tmp_path / "a.root", columns)
    trained, _ = run(tmp_path / "1", file)
    frozen = tmp_path / "1/codes.npz"
    unlabeled, card = run(tmp_path / "2", file, frozen=frozen, label=None)
    np.testing.assert_array_equal(unlabeled.codes, trained.codes)
    assert (unlabeled.classes, card.classes) == ((), ["all"])
    one = {name: column[columns["label"] == 1] for name, column in columns.items()}
    of_one, card = run(tmp_path / "3", write_tree(tmp_path / "one.root", one), frozen=frozen)
    assert set(of_one.labels.tolist()) == {1}
    assert card.class_counts["train"]["a"] == 0
    with pytest.raises(DataError, match=r"class 'a' \(label 0\) has no events"):  # without frozen formats it may not
        run(tmp_path / "4", tmp_path / "one.root")
    with pytest.raises(ConfigurationError, match="label: give label, regression_targets, or both, found neither"):
        run(tmp_path / "4", file, label=None)


def test_data_of_one_class_say_so(tmp_path: Path) -> None:
    file = write_tree(tmp_path / "a.root", jet_columns(900))
    run(tmp_path / "1", file)
    by_class = {"files": None, "files_by_class": {"b": [str(file)]}, "label": {"classes": CLASSES}}
    frozen, card = run(tmp_path / "3", file, frozen=tmp_path / "1/codes.npz", **by_class)
    assert set(frozen.labels.tolist()) == {1}
    assert sum(counts["b"] for counts in card.class_counts.values()) == 900
    with pytest.raises(ConfigurationError, match="files_by_class: no files of class 'a'"):
        run(tmp_path / "4", file, **by_class)


def test_weights_stay_as_they_were_given(tmp_path: Path) -> None:
    columns = {**jet_columns(900), "w": np.full(900, 3.0, np.float32)}
    file = write_tree(tmp_path / "a.root", columns)
    trained, _ = run(tmp_path / "1", file, weight="w")
    frozen, _ = run(tmp_path / "2", file, frozen=tmp_path / "1/codes.npz", weight="w", balance_classes=True)
    assert trained.weights is not None
    assert frozen.weights is not None
    np.testing.assert_allclose(trained.weights, 1)
    np.testing.assert_array_equal(frozen.weights, 3)


def test_scales_of_targets_are_frozen(tmp_path: Path) -> None:
    columns = jet_columns(900)
    regression = {"label": None, "regression_targets": [{"name": "t", "expression": "mass"}]}
    trained, _ = run(tmp_path / "1", write_tree(tmp_path / "a.root", columns), **regression)
    wide = write_tree(tmp_path / "b.root", {**columns, "mass": 8 * columns["mass"]})
    frozen, card = run(tmp_path / "2", wide, frozen=tmp_path / "1/codes.npz", **regression)
    own, _ = run(tmp_path / "3", wide, **regression)
    assert frozen.scales == trained.scales != own.scales
    assert card.targets[0].scale == trained.scales[0]
    unknown, _ = run(tmp_path / "4", wide, frozen=tmp_path / "1/codes.npz", label=None)
    assert (unknown.targets, unknown.scales) == (None, ())


def test_codes_of_other_features_or_classes_are_refused(tmp_path: Path) -> None:
    file = write_tree(tmp_path / "a.root", jet_columns(900))
    run(tmp_path / "1", file)
    frozen = tmp_path / "1/codes.npz"
    with pytest.raises(
        CardError, match=r"1/codes\.npz: .* Expected x, mass as in data set toy, found x, mass, n, ht\."
    ):
        run(tmp_path / "2", file, frozen=frozen, features=description([])["features"][:2])
    with pytest.raises(CardError, match=r"Expected c, b, a as in data set toy, found a, b, c\."):
        run(tmp_path / "2", file, frozen=frozen, label={"expression": "label", "classes": CLASSES[::-1]})
    assert not (tmp_path / "2/codes.npz").exists()
