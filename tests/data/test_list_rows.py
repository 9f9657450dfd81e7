"""Rows of objects from lists of entries, against a loop in Python; entries that are numbered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from rootfiles import write_tree

from trigger_lut.cards.base import read_card
from trigger_lut.cards.stage_cards import IngestCard
from trigger_lut.config.data_set.load import load_data_set
from trigger_lut.config.data_set.uses import belongs
from trigger_lut.data.event_codes import EventCodes, load_codes
from trigger_lut.data.list_rows import list_rows
from trigger_lut.errors import ConfigurationError, DataError
from trigger_lut.stages.ingest import run as ingest


@given(st.lists(st.lists(st.tuples(st.integers(-9, 9), st.lists(st.integers(0, 3), max_size=3)), max_size=4)))
def test_list_rows_equals_a_loop(events: list[list[tuple[int, list[int]]]]) -> None:
    pt = ak.Array([[jet[0] for jet in event] for event in events] + [[1]])[:-1]
    tracks = ak.Array([[jet[1] for jet in event] for event in events] + [[[1]]])[:-1]
    met = np.arange(len(events)) * 10.0
    branches = {"Jet_pt": pt, "Jet_tracks": tracks, "met": met, "Muon_pt": ak.Array([[n] for n in met] + [[0.0]])[:-1]}
    flat, parent, element = list_rows("Jet", branches, entry=np.arange(len(events)))
    expected = [(e, j, *jet) for e, event in enumerate(events) for j, jet in enumerate(event)]
    rows = zip(parent.tolist(), element.tolist(), flat["Jet_pt"].tolist(), flat["Jet_tracks"].to_list(), strict=True)
    assert list(rows) == expected
    assert flat["met"].tolist() == [10.0 * e for e, *_ in expected]
    assert flat["Muon_pt"].to_list() == [[10.0 * e] for e, *_ in expected]
    assert flat["Jet_pt"].dtype.kind == "i" or not expected


def test_list_rows_unequal_lengths_are_refused() -> None:
    branches = {"Jet.PT": ak.Array([[1.0], [2.0, 3.0]]), "Jet.Eta": ak.Array([[1.0], [2.0]])}
    with pytest.raises(DataError, match=r"'Jet.Eta' has 1 values where 'Jet.PT' has 2, at entry 8"):
        list_rows("Jet", branches, entry=np.arange(7, 9))


def test_list_rows_without_lists_is_refused() -> None:
    with pytest.raises(DataError, match=r"rows: 'Jet': expected a branch with a list per entry"):
        list_rows("Jet", {"Jet_pt": np.ones(3), "Muon_pt": ak.Array([[1], [], []])}, entry=np.arange(3))


@pytest.mark.parametrize("name", ["Jet", "Jet_pt", "Jet.PT", "Jet/Jet.PT", "a/Jet_pt", "Jet:pt", "Jet/pt"])
def test_belongs_names_of_the_object(name: str) -> None:
    assert belongs("Jet", name)


@pytest.mark.parametrize("name", ["FatJet_pt", "JetPuppi_pt", "jet_pt", "nJet", "Jets", "pt"])
def test_belongs_refuses_other_objects(name: str) -> None:
    assert not belongs("Jet", name)
    assert belongs("*", name)


def jets(folder: Path, events: int = 200, **changes: Any) -> tuple[EventCodes, IngestCard, dict[str, Any]]:
    rng = np.random.default_rng(1)
    counts = rng.integers(0, 5, events)
    total = int(counts.sum())
    lists = {
        "Jet_pt": rng.exponential(40, total).astype("f4"),
        "Jet_hadronFlavour": rng.choice([0, 4, 5, 21], total).astype("i4"),
    }
    columns: dict[str, Any] = {name: ak.unflatten(values, counts) for name, values in lists.items()}
    columns |= {"event": np.arange(events), "met": rng.normal(size=events)}
    write_tree(folder / "nano.root", columns, "Events")
    content = {
        "name": "d",
        "files": [str(folder / "nano.root")],
        "tree": "Events",
        "event_id": ["event"],
        "rows": "Jet",
        "chunk_entries": 37,
        "label": {"expression": "Jet_hadronFlavour", "classes": {"b": [5], "light": [0, 4]}},
        "features": [{"name": "pt", "expression": "Jet_pt"}, {"name": "met"}],
        "observables": {"pt": "Jet_pt"},
    }
    content |= changes
    description = folder / "d.yaml"
    description.write_text(yaml.safe_dump({k: v for k, v in content.items() if v is not None}))
    ingest(description=description, codes=folder / "codes.npz", card=folder / "card.json")
    return load_codes(folder / "codes.npz"), read_card(IngestCard, folder / "card.json"), columns


def test_rows_labels_cut_and_split_are_of_objects(tmp_path: Path) -> None:
    events, card, columns = jets(tmp_path, cut="Jet_pt > 20")
    pt, flavour = (ak.to_numpy(ak.flatten(columns[f"Jet_{v}"])) for v in ("pt", "hadronFlavour"))
    kept = (pt > 20) & (flavour != 21)
    assert sorted(events.observables[:, 0]) == sorted(pt[kept])
    assert np.bincount(events.labels).tolist() == [(flavour[kept] == 5).sum(), (flavour[kept] != 5).sum()]
    assert card.without_class == {"21": int(((pt > 20) & (flavour == 21)).sum())}
    assert len(np.unique(events.event_id)) == len(events.event_id)
    split_of = dict(zip(events.observables[:, 0].tolist(), events.split.tolist(), strict=True))
    for event in columns["Jet_pt"].to_list():
        assert len({split_of[value] for value in event if value in split_of}) <= 1
    assert len(set(split_of.values())) == 3


def test_rows_ids_do_not_depend_on_chunks(tmp_path: Path) -> None:
    first, *_ = jets(tmp_path)
    second, *_ = jets(tmp_path, chunk_entries=1000)
    np.testing.assert_array_equal(first.event_id, second.event_id)
    np.testing.assert_array_equal(first.codes, second.codes)


@pytest.mark.parametrize("rows", ["Jet", None])
def test_entry_numbers_name_entries_of_several_files(tmp_path: Path, rows: str | None) -> None:
    one, *_ = jets(tmp_path, event_id="entry")
    (tmp_path / "again.root").write_bytes((tmp_path / "nano.root").read_bytes())
    flat = {} if rows else {"features": [{"name": "met"}], "observables": {"met": "met"}}
    label = {} if rows else {"label": {"expression": "num(Jet_pt) > 2", "classes": ["few", "many"]}}
    both, *_ = jets(
        tmp_path, event_id="entry", rows=rows, files=[str(tmp_path / "*.root")], **flat, **label
    )  # two files of the same entries
    assert len(np.unique(both.event_id)) == len(both.event_id) == (2 * len(one.event_id) if rows else 400)


def test_class_fractions_keep_a_part_of_each_split(tmp_path: Path) -> None:
    every, *_ = jets(tmp_path, events=4000)
    some, *_ = jets(tmp_path, events=4000, class_fractions={"light": 0.25})
    again, *_ = jets(tmp_path, events=4000, class_fractions={"light": 0.25}, chunk_entries=999)
    np.testing.assert_array_equal(some.event_id, again.event_id)
    assert set(some.event_id) < set(every.event_id)
    assert (some.labels == 0).sum() == (every.labels == 0).sum()
    for split in range(3):
        before, after = (((e.labels == 1) & (e.split == split)).sum() for e in (every, some))
        assert abs(after - 0.25 * before) < 4 * np.sqrt(before * 0.25 * 0.75)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"class_fractions": {"lights": 0.5}}, "class_fractions: no class 'lights'; nearest: 'light'"),
        ({"rows": "Jets"}, "rows: no branch of the description belongs to 'Jets'; nearest: 'Jet'"),
        ({"rows": "Muon"}, "rows: no branch of the description belongs to 'Muon'; there are: 'event', 'Jet', 'met'"),
        ({"event_id": "entry", "split_by": ["event"]}, "split_by: 'event' is not in event_id; there are none"),
        (
            {"trigger": {"signal": ["b"], "filled_fraction": 0.7}},
            "trigger.filled_fraction: not with rows; a row is an object, not a crossing",
        ),
    ],
)
def test_rows_mistakes_are_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        jets(tmp_path, **changes)


def test_entry_in_brackets_is_explained(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="to number the entries write event_id: entry, without brackets"):
        jets(tmp_path, event_id=["entry"])


def test_array_names_become_slots_and_features(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    inputs = rng.normal(size=(300, 16, 3))
    columns = {"label": np.arange(300) % 2, "nn_inputs": inputs, "six": rng.normal(size=(300, 6))}
    write_tree(tmp_path / "a.root", {name: ak.from_numpy(c, regulararray=True) for name, c in columns.items()}, "t")
    shared = {"format": {"signed": True, "width": 8, "integer": 4}}
    slots = {"count": 16, "features": [{"names": ["pt", "eta", "phi"], "expression": "nn_inputs", **shared}]}
    content = {
        "name": "d",
        "files": [str(tmp_path / "a.root")],
        "tree": "t",
        "event_id": "entry",
        "label": {"expression": "label", "classes": ["a", "b"]},
        "features": [{"names": ["p", None, "q"], "expression": "six", **shared}],
        "objects": {"pup": slots},
        "observables": {"first": "six[:, 0]"},
    }
    description = tmp_path / "d.yaml"
    description.write_text(yaml.safe_dump(content))
    ingest(description=description, codes=tmp_path / "codes.npz", card=tmp_path / "card.json")
    events = load_codes(tmp_path / "codes.npz")
    assert events.features[:5] == ("p", "q", "pup_0_pt", "pup_0_eta", "pup_0_phi")
    order = np.argsort(columns["six"][:, 0])[np.argsort(np.argsort(events.observables[:, 0]))]
    values = np.concatenate([columns["six"][:, [0, 2]], inputs.reshape(300, 48)], axis=1)[order].astype("f4")
    np.testing.assert_array_equal(events.codes, np.clip(np.floor(values * 16), -128, 127))
    again = load_data_set(description)
    assert [f.name for f in again.features] == ["p", "q"]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"names": [], "expression": "x"}, "entry 0 with names: names: List should have at least 1 item"),
        ({"names": ["a"]}, "entry 0 with names: expression: Field required"),
        ({"names": ["a", "a"], "expression": "x"}, "features: 'a' occurs twice"),
        ({"names": ["a"], "name": "b", "expression": "x"}, "entry 0 with names: name: Extra inputs"),
    ],
)
def test_array_names_mistake_is_refused(tmp_path: Path, entry: dict[str, Any], message: str) -> None:
    content = {"name": "d", "files": ["a.root"], "tree": "t", "event_id": "entry", "features": [entry]}
    content["label"] = {"expression": "y", "classes": ["a", "b"]}
    (tmp_path / "d.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(ConfigurationError, match=message):
        load_data_set(tmp_path / "d.yaml")
