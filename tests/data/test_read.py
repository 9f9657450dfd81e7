"""Reading ROOT files: only chunks are in memory, and every fault is named with file, tree and branch."""

from __future__ import annotations

import weakref
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
from rootfiles import damaged, jet_columns, truncated, write_tree

from trigger_lut.config.data_set.expressions import parse
from trigger_lut.data import read
from trigger_lut.data.read import chunks, count_entries
from trigger_lut.errors import DataError

BRANCHES = {"x": "feature 'x'", "pt": "feature 'ht'"}


@pytest.fixture
def good(tmp_path: Path) -> Path:
    return write_tree(tmp_path / "good.root", jet_columns(100))


def refusal(path: Path, tree: str = "jets", branches: dict[str, str] = BRANCHES) -> str:
    with pytest.raises(DataError) as caught:
        list(chunks(path, tree, branches=branches, size=40))
    return str(caught.value)


def test_chunks_are_the_branches_in_order(good: Path) -> None:
    parts = list(chunks(good, "jets", branches=BRANCHES, size=40))
    assert [start for start, _ in parts] == [0, 40, 80]
    assert [len(arrays["x"]) for _, arrays in parts] == [40, 40, 20]
    columns = jet_columns(100)
    np.testing.assert_array_equal(np.concatenate([arrays["x"] for _, arrays in parts]), columns["x"])
    assert ak.concatenate([arrays["pt"] for _, arrays in parts]).to_list() == columns["pt"].to_list()
    assert count_entries(good, "jets", branches=BRANCHES) == 100


def test_only_needed_branches_are_read_chunk_by_chunk(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alive: dict[int, tuple[str, int]] = {}
    most: dict[str, int] = {}
    original = read._read

    def counted(branch, arrays, start, stop, text):
        array = original(branch, arrays, start, stop, text)
        name, key = branch.name, (id(array), start)
        alive[key] = (name, len(array))
        weakref.finalize(array, alive.pop, key)
        most[name] = max(most.get(name, 0), sum(n for branch, n in alive.values() if branch == name))
        return array

    monkeypatch.setattr(read, "_read", counted)
    for _, arrays in chunks(good, "jets", branches=BRANCHES, size=10):
        del arrays
    assert most == {"x": 10, "pt": 10}

    parts = list(
        chunks(good, "jets", branches=BRANCHES, size=10)
    )  # negative control: who keeps chunks is seen to keep them
    assert most == {"x": 100, "pt": 100}
    assert len(parts) == 10


def test_missing_file(good: Path) -> None:
    path = good.with_name("god.root")
    assert refusal(path) == f"{path}: no such file; nearest: '{good}'"


def test_not_a_root_file(tmp_path: Path) -> None:
    path = tmp_path / "x.root"
    path.write_text("run,event\n1,2\n")
    assert refusal(path) == f"{path}: not a ROOT file: expected b'root' at the beginning, found b'run,'"
    path.write_bytes(b"")
    assert refusal(path) == f"{path}: not a ROOT file: expected b'root' at the beginning, the file is empty"
    path.write_bytes(b"root\0\0")
    assert refusal(path) == f"{path}: truncated: 6 bytes are less than the header of a ROOT file"


@pytest.mark.parametrize("keep", [0.99, 0.5, 0.1])
def test_truncated_file(good: Path, keep: float) -> None:
    path = truncated(good.with_name("short.root"), good, keep)
    size = good.stat().st_size
    assert refusal(path) == f"{path}: truncated: {size} bytes according to its header, {int(size * keep)} found"


def test_truncated_file_that_claims_to_be_whole(good: Path) -> None:
    path = truncated(good.with_name("short.root"), good, 0.5)
    content = bytearray(path.read_bytes())
    content[12:16] = len(content).to_bytes(4, "big")
    path.write_bytes(content)
    assert refusal(path).startswith(f"{path}: ")


def test_big_file_header(tmp_path: Path) -> None:
    path = tmp_path / "big.root"
    path.write_bytes(
        b"root" + (1_062_400).to_bytes(4, "big") + (100).to_bytes(4, "big") + (2**33).to_bytes(8, "big") * 2
    )
    assert refusal(path) == f"{path}: truncated: {2**33} bytes according to its header, 28 found"


def test_damaged_branch(good: Path) -> None:
    path = damaged(good.with_name("bad.root"), good, "x")
    where = f"{path}: tree 'jets', branch 'x' (feature 'x'): entries 0 to 39 cannot be read: "
    assert refusal(path).startswith(where)
    assert len(list(chunks(path, "jets", branches={"pt": "feature 'ht'"}, size=40))) == 3  # the other branch is sound


def test_missing_tree(good: Path) -> None:
    assert refusal(good, "jts") == f"{good}: no tree 'jts'; nearest: 'jets'"


def test_tree_that_is_a_histogram(tmp_path: Path) -> None:
    import uproot

    path = tmp_path / "h.root"
    with uproot.recreate(path) as file:
        file["jets"] = np.histogram([1.0, 2.0])
    assert refusal(path) == f"{path}: 'jets' is a TH1D, expected a TTree or RNTuple"
    assert refusal(path, "jts") == f"{path}: no tree 'jts'; there are none"


def test_missing_branch_is_named_with_its_use_before_reading(good: Path) -> None:
    expected = f"{good}: tree 'jets' has no branch 'mas' (feature 'm'); nearest: 'mass'"
    assert refusal(good, branches={"mas": "feature 'm'"}) == expected
    with pytest.raises(DataError) as caught:
        count_entries(good, "jets", branches={"mas": "feature 'm'"})
    assert str(caught.value) == expected


def test_strings_are_no_numbers(tmp_path: Path) -> None:
    path = write_tree(tmp_path / "s.root", {"x": ak.Array(["a", "bb", "c"])})
    expected = f"{path}: tree 'jets', branch 'x' (feature 'x'): expected numbers, found char*; "
    expected += "text is compared with text, as in process == 'ttbar'"
    assert refusal(path, branches={"x": "feature 'x'"}) == expected


def test_rntuple_is_read_like_a_tree(tmp_path: Path) -> None:
    import uproot

    path = tmp_path / "r.root"
    with uproot.recreate(path) as file:
        file.mkrntuple("jets", {"x": jet_columns(30)["x"], "pt": jet_columns(30)["pt"]})
    parts = list(chunks(path, "jets", branches=BRANCHES, size=20))
    np.testing.assert_array_equal(np.concatenate([a["x"] for _, a in parts]), jet_columns(30)["x"])
    assert refusal(path, branches={"y": "cut"}) == f"{path}: tree 'jets' has no branch 'y' (cut); there are: 'pt', 'x'"


def test_an_array_of_fixed_length_is_a_list_an_entry(tmp_path: Path) -> None:
    path = write_tree_of_arrays(tmp_path / "f.root", np.arange(12.0).reshape(4, 3))
    (_, arrays), _ = chunks(path, "jets", branches={"v": "feature 'v'"}, size=3)
    assert parse("sum(v) + nth(v, 1)").evaluate(arrays).tolist() == [4, 16, 28]


def write_tree_of_arrays(path: Path, values: np.ndarray) -> Path:
    import uproot

    with uproot.recreate(path) as file:
        file.mktree("jets", {"v": (values.dtype, values.shape[1:])}).extend({"v": values})
    return path
