"""Data set descriptions: defaults, every mistake at once, and the files that they name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from rootfiles import description, here, write_description

from trigger_lut.config.data_set.consistency import inconsistencies
from trigger_lut.config.data_set.load import load_data_set
from trigger_lut.config.data_set.model import DataSet, schema
from trigger_lut.errors import ConfigurationError, DataError
from trigger_lut.fixed_point.formats import KIF

JETS = Path(__file__).parents[2] / "config/data_sets/jets.yaml"


def loaded(tmp_path: Path, **changes: Any) -> DataSet:
    return load_data_set(write_description(tmp_path / "toy.yaml", description([Path("a.root")], **changes)))


def mistakes(tmp_path: Path, **changes: Any) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        loaded(tmp_path, **changes)
    head, *lines = str(caught.value).split("\n  ")
    assert head == f"{tmp_path / 'toy.yaml'}: {len(lines)} mistake" + "s" * (len(lines) > 1)
    return lines


@pytest.mark.parametrize("path", sorted(JETS.parent.glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_descriptions_are_read_back_from_cards(path: Path, tmp_path: Path) -> None:
    """Stages get a description as JSON; validators must not turn it into something that is read by other rules."""
    data_set = load_data_set(path)
    card = tmp_path / "data_set.json"
    card.write_text(data_set.model_dump_json())
    assert load_data_set(card).model_dump_json() == data_set.model_dump_json()


def test_defaults(tmp_path: Path) -> None:
    data_set = loaded(tmp_path)
    assert data_set.width == 8
    assert data_set.quantiles == (0.001, 0.999)
    assert data_set.nonfinite == "refuse"
    assert (data_set.split.train, data_set.split.validation, data_set.split.test) == (0.6, 0.2, 0.2)
    assert [f.format is None for f in data_set.features] == [True, False, True, True]
    assert data_set.features[1].format.kif() == KIF(0, 7, -1)
    assert data_set.features[0].parsed().names == ("x",)
    assert data_set.features[3].parsed().names == ("pt",)


def test_a_feature_may_be_a_branch_of_any_name(tmp_path: Path) -> None:
    data_set = loaded(tmp_path, features=[{"name": "Jet.PT", "format": "auto", "nonfinite": {"replace": -1}}])
    assert data_set.features[0].parsed().names == ("Jet.PT",)
    assert data_set.features[0].nonfinite == -1.0


def test_every_mistake_of_the_fields_is_listed_at_once(tmp_path: Path) -> None:
    lines = mistakes(
        tmp_path,
        name="my set",
        fils=["a.root"],
        tree=None,
        label={"expression": "label +", "classes": []},
        features=[
            {"name": "x", "format": "atuo"},
            {"name": "y", "format": {"signed": True, "width": 40, "integr": 3}},
            {"name": "z", "format": {"signed": True, "width": 1, "integer": 1}},
            {"name": "w", "expression": "lgo(w)", "nonfinite": "ignore", "widht": 3},
        ],
        split={"train": 1.5},
        nonfinite={"replace": "zero"},
        chunk_entries=0,
    )
    assert lines == [
        "name: expected a name of letters, digits, '_' and '-', the first a letter or digit, found 'my set'",
        "tree: missing",
        "label.expression: expression 'label +' cannot be parsed: invalid syntax",
        "label.classes: expected 1 or more entries, found []",
        "features.0.format: expected 'auto' or a mapping with signed, width and integer, found 'atuo'",
        "features.1.format.width: expected at most 16, found 40",
        "features.1.format.integer: missing",
        "features.1.format.integr: unknown key; nearest: 'integer'",
        "features.2.format: a signed format needs a width of at least 2, found 1",
        "features.3.expression: expression 'lgo(w)': no function 'lgo'; nearest: 'log', 'log2', 'log1p'",
        "features.3.nonfinite: expected 'refuse', 'drop' or a mapping {replace: <number>}, found 'ignore'",
        "features.3.widht: unknown key; nearest: 'width'",
        "nonfinite: expected 'refuse', 'drop' or a mapping {replace: <number>}, found {'replace': 'zero'}",
        "split.train: expected less than 1, found 1.5",
        "chunk_entries: expected at least 1, found 0",
        "fils: unknown key; nearest: 'files', 'friends'",
    ]


def test_every_contradiction_is_listed_at_once(tmp_path: Path) -> None:
    lines = mistakes(
        tmp_path,
        simulate={"jets": 100},
        label={"expression": "label", "classes": ["a", "a"]},
        event_id=["run", "event"],
        split_by=["evnt"],
        features=[
            {"name": "x", "quantiles": [0.9, 0.1]},
            {"name": "x", "width": 8, "format": {"signed": True, "width": 8, "integer": 3}},
        ],
        split={"train": 0.6, "validation": 0.2, "test": 0.3},
    )
    assert lines == [
        "files: give one of files, files_by_class, simulate, simulate_muons and simulate_crossings, "
        "found files and simulate",
        "label.classes: simulated data have ['g', 'q', 'W', 'Z', 't'], found ['a', 'a']",
        "label.classes: 'a' occurs twice",
        "features: 'x' occurs twice",
        "split_by: 'evnt' is not in event_id; nearest: 'event'",
        "split: train + validation + test is 1.1, expected 1",
        "features.1.width: only for format: auto",
        "features.0.quantiles: expected low < high, found 0.9, 0.1",
    ]
    assert mistakes(tmp_path, files=None) == [
        "files: give one of files, files_by_class, simulate, simulate_muons and simulate_crossings, found none"
    ]


def test_what_a_trigger_names_must_be_there(tmp_path: Path) -> None:
    """Said when the description is read: a slip of the pen must not show after the training."""
    trigger = {
        "signal": ["signl"],
        "input_rate_khz": 100,
        "efficiency_variables": ["ptt", "x", "jet_0_pt", "jet_2_pt", "MET"],
    }
    objects = {"jet": {"count": 2, "features": [{"name": "pt", "expression": "Jet_pt"}]}}
    lines = mistakes(
        tmp_path,
        label={"expression": "label", "classes": ["background", "signal"]},
        features=[{"name": "x"}],
        objects=objects,
        observables={"MET": "met"},
        trigger=trigger,
    )
    assert lines == [
        "trigger.signal: no class 'signl'; nearest: 'signal'",
        "trigger.efficiency_variables: no observable or feature 'ptt'; there are: 'MET', 'x', 'jet_0_pt', 'jet_1_pt'",
        "trigger.efficiency_variables: no observable or feature 'jet_2_pt'; nearest: 'jet_1_pt', 'jet_0_pt'",
    ]


def test_paths_are_sorted_and_each_stands_once(tmp_path: Path) -> None:
    for name in ("b.root", "a.root", "[1].root"):
        (tmp_path / name).touch()
    patterns = [tmp_path / "b.root", tmp_path / "*.root", tmp_path / "[1].root"]
    data_set = loaded(tmp_path, files=[str(p) for p in patterns])
    assert [p.name for p in here(data_set)] == ["[1].root", "a.root", "b.root"]


def test_a_missing_file_is_answered_with_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "signal.root").touch()
    data_set = loaded(tmp_path, files=[str(tmp_path / "signl.root")])
    with pytest.raises(DataError) as caught:
        here(data_set)
    there = tmp_path / "signal.root"
    assert str(caught.value) == f"data set toy: no such file: {tmp_path / 'signl.root'}; nearest: '{there}'"


def test_a_glob_without_match(tmp_path: Path) -> None:
    data_set = loaded(tmp_path, files=[str(tmp_path / "none" / "*.root")])
    with pytest.raises(DataError) as caught:
        here(data_set)
    assert str(caught.value) == f"data set toy: nothing matches {tmp_path / 'none' / '*.root'}; there are none"


def test_simulated_files_are_derived() -> None:
    data_set = load_data_set(JETS.with_name("jets_simulated.yaml"))
    assert data_set.files is None
    names = [name for _, name in data_set.globs()]
    folder = "data/jets_simulated"
    assert names[:3] == [f"{folder}/g_0.root", f"{folder}/g_1.root", f"{folder}/q_0.root"]
    assert len(names) == len(set(names)) == 10


def test_the_default_data_set() -> None:
    data_set = load_data_set(JETS)
    assert data_set.name == JETS.stem
    assert data_set.files == ["config/data_sets/jets.root"]
    simulated = load_data_set(JETS.with_name("jets_simulated.yaml"))
    assert data_set.features == simulated.features, "the file holds what this description makes"
    assert len(data_set.features) == 16
    assert data_set.label.classes == ["g", "q", "W", "Z", "t"]


def test_what_is_dumped_validates_again(tmp_path: Path) -> None:
    data_set = loaded(tmp_path, nonfinite={"replace": 0})
    assert DataSet.model_validate(yaml.safe_load(yaml.safe_dump(data_set.model_dump(mode="json")))) == data_set


def test_schema_describes_formats() -> None:
    feature = schema()["$defs"]["Feature"]["properties"]
    assert feature["format"]["default"] == "auto"
    assert {"const": "auto", "type": "string"} in feature["format"]["anyOf"]
    assert set(schema()["required"]) == {"name", "tree", "event_id"}


@pytest.mark.parametrize(("fractions", "expected"), [({"q": 0.5}, 1), ({"q": 0.5, "g": 0.5}, 0), ({"s": 0.1}, 0)])
def test_class_fractions_of_one_background_rate_agree(fractions, expected):
    content = {"name": "d", "files": ["a.root"], "tree": "t", "event_id": "entry", "features": [{"name": "x"}]}
    content |= {"label": {"expression": "y", "classes": ["q", "g", "s"]}, "class_fractions": fractions}
    content["trigger"] = {"signal": ["s"], "input_rate_khz": 100.0}
    mistakes = inconsistencies(DataSet.model_validate(content))
    assert [line for line in mistakes if line.startswith("class_fractions: expected one fraction")] == mistakes
    assert len(mistakes) == expected
