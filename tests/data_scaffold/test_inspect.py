"""Looking into ROOT files: trees, kinds of branches, a bounded sample; every fault is named."""

from __future__ import annotations

import itertools
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot
from hypothesis import example, given
from hypothesis import strategies as st
from rootfiles import damaged, jet_columns, truncated, write_nano, write_tree

from trigger_lut.data.scaffold import inspect as module
from trigger_lut.data.scaffold.inspect import FILES, PLACES, sample_tree, spread
from trigger_lut.errors import DataError


def test_the_tree_with_most_entries_and_all_branches_are_found(tmp_path: Path) -> None:
    sample = sample_tree([write_nano(tmp_path / "a.root", 50)])
    assert (sample.tree, sample.trees, sample.entries, sample.entries_read) == (
        "Events",
        {"Events": 50, "Runs": 1},
        50,
        50,
    )
    kinds = {name: (b.kind, b.type) for name, b in sample.branches.items()}
    assert kinds["run"] == ("number", "uint32_t")
    assert kinds["MET_pt"] == ("number", "float")
    assert kinds["Jet_pt"] == ("list", "float[]")
    assert kinds["HLT_IsoMu24"] == ("number", "bool")
    assert kinds["nJet"][0] == "number"
    np.testing.assert_array_equal(sample.branches["event"].values, np.arange(50))
    np.testing.assert_array_equal(sample.file, np.zeros(50))
    assert sample_tree([tmp_path / "a.root"], "Runs").entries == 1


def test_trees_beside_the_events_are_not_taken_for_them(tmp_path: Path) -> None:
    with uproot.recreate(tmp_path / "a.root") as file:
        for name, count in (("Runs", 50), ("Events", 40), ("ParameterSets", 900), ("Other", 0)):
            file.mktree(name, {"run": np.int32}).extend({"run": np.arange(count, dtype=np.int32)})
    assert sample_tree([tmp_path / "a.root"]).tree == "Events"
    with uproot.recreate(tmp_path / "b.root") as file:
        for name, count in (("Runs", 50), ("Events", 0)):
            file.mktree(name, {"run": np.int32}).extend({"run": np.arange(count, dtype=np.int32)})
    assert sample_tree([tmp_path / "b.root"]).tree == "Runs"


def test_an_rntuple_with_lists_of_lists_and_texts(tmp_path: Path) -> None:
    columns = {
        "event": np.arange(3),
        "pt": ak.Array([[1.0], [], [2.0, 3.0]]),
        "hits": ak.Array([[[1.0]], [], [[2.0], []]]),
        "word": ak.Array(["a", "b", "c"]),
    }
    with uproot.recreate(tmp_path / "a.root") as file:
        file.mkrntuple("ntuple", columns)
    sample = sample_tree([tmp_path / "a.root"])
    assert {n: b.kind for n, b in sample.branches.items()} == {
        "event": "number",
        "pt": "list",
        "hits": "nested",
        "word": "text",
    }
    assert sample.branches["pt"].values.to_list() == [[1.0], [], [2.0, 3.0]]
    assert sample.branches["word"].kind == "text"


def test_branches_of_some_files_alone_are_named(tmp_path: Path) -> None:
    first = write_nano(tmp_path / "a.root", 20, extra=np.ones(20, np.float32))
    sample = sample_tree([first, write_nano(tmp_path / "b.root", 30)])
    assert sample.partial == {"extra": 1}
    np.testing.assert_array_equal(sample.file, [0] * 20 + [1] * 30)
    assert "extra" not in sample.branches
    assert sample.entries == 50


def test_a_branch_of_other_kinds_in_other_files_is_no_candidate(tmp_path: Path) -> None:
    columns = jet_columns(20)
    first = write_tree(tmp_path / "a.root", columns)
    second = write_tree(tmp_path / "b.root", {**columns, "x": columns["pt"]})
    branch = sample_tree([first, second]).branches["x"]
    assert (branch.kind, branch.reason) == ("other", "number in one file, list in another")


def test_a_damaged_branch_does_not_hide_the_others(tmp_path: Path) -> None:
    bad = damaged(tmp_path / "bad.root", write_tree(tmp_path / "a.root", jet_columns(2000)), "x")
    branches = sample_tree([bad]).branches
    assert branches["x"].kind == "other"
    assert branches["x"].reason.startswith("cannot be read: ")
    assert branches["mass"].kind == "number"


def test_few_values_of_a_large_file_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_tree(tmp_path / "a.root", jet_columns(5000))
    monkeypatch.setattr(module, "ENTRIES", 100)
    sample = sample_tree([path])
    assert (sample.entries, sample.entries_read) == (5000, 100)
    events = sample.branches["event"].values
    assert len(events) == 100
    assert (events[0], events[-1]) == (0, 4999)


@example([2], 2, 1)  # two places that touch are one
@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=30).filter(any), st.integers(1, 40), st.integers(1, 9999))
def test_places_lie_in_their_files_and_do_not_overlap(counts: list[int], places: int, entries: int) -> None:
    ranges = spread(counts, places, entries=entries)
    assert 1 <= len(ranges) <= places
    assert len({index for index, _, _ in ranges}) <= FILES
    for index in {index for index, _, _ in ranges}:
        mine = [(start, stop) for i, start, stop in ranges if i == index]
        assert len(mine) <= PLACES
        assert all(0 <= start < stop <= counts[index] for start, stop in mine)
        assert all(a[1] <= b[0] for a, b in itertools.pairwise(mine))
    assert sum(stop - start for _, start, stop in ranges) <= max(entries, places)  # one per place at least


def test_faults_of_files_are_named(tmp_path: Path) -> None:
    good = write_tree(tmp_path / "good.root", jet_columns(100))
    text = tmp_path / "text.root"
    text.write_text("no ROOT file")
    with uproot.recreate(tmp_path / "empty.root") as file:
        file["name"] = "a text"
    none = write_tree(tmp_path / "none.root", {"x": np.zeros(0)})
    other = write_tree(tmp_path / "other.root", {"z": np.zeros(3)})
    for paths, tree, message in (
        ([tmp_path / "god.root"], None, f"{tmp_path}/god.root: no such file; nearest: '{tmp_path}/good.root'"),
        ([truncated(tmp_path / "cut.root", good)], None, f"{tmp_path}/cut.root: truncated: "),
        ([text], None, f"{text}: not a ROOT file: expected b'root' at the beginning, found b'no R'"),
        ([tmp_path / "empty.root"], None, f"{tmp_path}/empty.root: no tree (TTree or RNTuple) in this file"),
        ([good], "jts", f"{good}: no tree 'jts'; nearest: 'jets'"),
        ([none], None, f"{none}: tree 'jets' has no entries"),
        ([good, other], None, f"tree 'jets': 2 files have no branch in common; first {good}"),
    ):
        with pytest.raises(DataError) as caught:
            sample_tree(paths, tree)
        assert str(caught.value).startswith(message)


def test_look_unprintable_and_long_names_are_left_out(tmp_path: Path) -> None:
    names = ["x", "a\u2028b", "b" * 201]
    with uproot.recreate(tmp_path / "t.root") as file:
        file.mktree("t", dict.fromkeys(names, "f8")).extend(dict.fromkeys(names, np.arange(9.0)))
    sample = sample_tree([tmp_path / "t.root"]).branches
    assert {name: branch.kind for name, branch in sample.items()} == {
        names[0]: "number",
        names[1]: "other",
        names[2]: "other",
    }
    assert sample["a\u2028b"].reason == "its name is too long, or holds control characters"
