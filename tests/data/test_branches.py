"""Names of branches: each way to ask for a branch reads that one, or is refused with all that it could mean."""

from __future__ import annotations

import lzma
from dataclasses import dataclass, field
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
import uproot
import yaml
from hypothesis import given
from hypothesis import strategies as st

from trigger_lut.cards.base import read_card
from trigger_lut.cards.stage_cards import IngestCard
from trigger_lut.data.branches import Branches, NamedBranch
from trigger_lut.data.read import chunks
from trigger_lut.data.scaffold.inspect import sample_tree
from trigger_lut.errors import DataError
from trigger_lut.stages.ingest import run as ingest

# Written by ROOT 6.40: 80 entries of id, and of a and b, both of struct { float v; } at split level 99.
NESTED = Path(__file__).parents[1] / "fixtures" / "nested.root.xz"


@pytest.fixture
def nested(tmp_path: Path) -> Path:
    path = tmp_path / "nested.root"
    path.write_bytes(lzma.decompress(NESTED.read_bytes()))
    return path


@dataclass(eq=False)
class Node:
    """A branch as uproot shows it."""

    name: str
    branches: list[Node] = field(default_factory=list)


nodes = st.recursive(
    st.builds(Node, st.sampled_from(["v", "w", "a", "a/v"])),
    lambda inner: st.builds(Node, st.sampled_from(["a", "b", "v"]), st.lists(inner, max_size=3)),
    max_leaves=6,
)


@given(st.lists(nodes, min_size=1, max_size=4))
def test_name_fits_all_branches_it_can_mean(top: list[Node]) -> None:
    branches = Branches(Node("tree", top))
    for branch in branches.all:
        assert branch in branches.fitting(branch.path)
        assert any(branch is fitting for fitting in branches.fitting("/" + branch.path))
        short = branches.shortest(branch)
        same_path = [other for other in branches.all if other.path == branch.path]
        if short is None:
            assert len(same_path) > 1 or "/" in branch.name
        else:
            assert branches.fitting(short) == [branch]
        ends = {id(other.opened) for other in branches.all if branch.name in endings(other)}
        if not any(other.path == branch.name for other in branches.all):
            assert {id(other.opened) for other in branches.fitting(branch.name)} == ends


def endings(branch: NamedBranch) -> list[str]:
    return ["/".join(branch.pieces[n:]) for n in range(len(branch.pieces))]


def written(folder: Path, content: dict[str, object]) -> Path:
    path = folder / "d.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def test_ingest_nested_branches_reads_the_one_asked_for(nested: Path) -> None:
    for asked, label, value in (("a/v", "a/v", 1.0), ("b/v", "a/v", 100.0), ("/b/v", "/a/v", 100.0)):
        description = written(
            nested.parent,
            {
                "name": "d",
                "files": [str(nested)],
                "tree": "t",
                "event_id": ["id"],
                "label": {"expression": f'branch("{label}")', "classes": ["even", "odd"]},
                "cut": 'branch("b/v") > 50',
                "features": [{"name": "f", "expression": f'branch("{asked}")'}],
            },
        )
        ingest(description=description, codes=nested.parent / "codes.npz", card=nested.parent / "card.json")
        (feature,) = read_card(IngestCard, nested.parent / "card.json").features
        assert feature.maximum == value


@pytest.mark.parametrize("use", ["feature", "label", "cut", "event_id"])
def test_ingest_ambiguous_name_is_refused(nested: Path, use: str) -> None:
    content = {
        "name": "d",
        "files": [str(nested)],
        "tree": "t",
        "event_id": ["v" if use == "event_id" else "id"],
        "label": {"expression": "v" if use == "label" else 'branch("a/v")', "classes": ["even", "odd"]},
        "features": [{"name": "v" if use == "feature" else "b/v"}],
        "cut": "v > 1" if use == "cut" else "id >= 0",
    }
    with pytest.raises(DataError) as caught:
        ingest(
            description=written(nested.parent, content),
            codes=nested.parent / "codes.npz",
            card=nested.parent / "card.json",
        )
    message = str(caught.value)
    assert "branch 'v'" in message
    assert "found 2: 'a/v' of" in message
    assert "'b/v' of" in message
    assert "whole path, such as '/" not in message
    assert not (nested.parent / "codes.npz").exists()


def test_look_nested_branches_are_named_by_path(nested: Path) -> None:
    looked = sample_tree([nested]).branches
    assert set(looked) == {"id", "a", "a/v", "b", "b/v"}
    assert set(looked["b/v"].values) == {100}
    assert set(looked["a/v"].values) == {0, 1}


def test_look_slash_in_a_name_is_kept(tmp_path: Path) -> None:
    with uproot.recreate(tmp_path / "t.root") as file:
        file.mktree("t", {"dE/dx": "f8", "x": "i4"}).extend({"dE/dx": np.arange(9.0), "x": np.arange(9)})
    assert set(sample_tree([tmp_path / "t.root"]).branches) == {"dE/dx", "x"}
    with pytest.raises(DataError, match="no branch 'dx'"):
        list(chunks(tmp_path / "t.root", "t", branches={"dx": "feature"}, size=5))


def test_chunks_rntuple_fields_of_one_name(tmp_path: Path) -> None:
    columns = {
        "a": ak.zip({"v": np.arange(20)}),
        "b": ak.zip({"v": np.arange(20) + 100}),
        "v": np.full(20, 7),
        "j": ak.zip({"v": ak.unflatten(np.arange(40), 2)}),
    }
    with uproot.recreate(tmp_path / "t.root") as file:
        file.mkrntuple("t", ak.zip(columns, depth_limit=1))
    names = dict.fromkeys(["a/v", "b.v", "v", "/v", "j/v"], "feature")
    (_, first), *_ = chunks(tmp_path / "t.root", "t", branches=names, size=8)
    assert {name: array[1].tolist() if name == "j/v" else array[1] for name, array in first.items()} == {
        "a/v": 1,
        "b.v": 101,
        "v": 7,
        "/v": 7,
        "j/v": [2, 3],
    }


@pytest.mark.parametrize("size", [1, 7, 30, 40, 100])
def test_chunks_across_baskets_hold_all_entries(tmp_path: Path, size: int) -> None:
    lengths = np.arange(100) % 4
    lists = ak.unflatten(np.arange(lengths.sum()), lengths)
    with uproot.recreate(tmp_path / "t.root") as file:
        tree = file.mktree("t", {"x": "i4", "l": "var * int64"})
        for start, stop in ((0, 30), (30, 80), (80, 81), (81, 100)):
            tree.extend({"x": np.arange(start, stop, dtype="i4"), "l": lists[start:stop]})
    parts = list(chunks(tmp_path / "t.root", "t", branches={"x": "feature", "l": "feature"}, size=size))
    np.testing.assert_array_equal(np.concatenate([arrays["x"] for _, arrays in parts]), np.arange(100))
    assert ak.concatenate([arrays["l"] for _, arrays in parts]).to_list() == lists.to_list()
    assert {len(arrays["x"]) for _, arrays in parts[:-1]} <= {size}


@dataclass(eq=False)
class StructBranch:
    """A branch of a struct without sub-branches, as uproot shows a leaf list `hit/a/I:b/F`; jagged: `hit[n]`."""

    name: str
    jagged: bool = False
    branches: tuple[()] = ()
    num_entries: int = 2
    typename: str = "struct {int32_t a; float b;}"

    @property
    def interpretation(self) -> object:
        plain = uproot.interpretation.numerical.AsDtype([("a", ">i4"), ("b", ">f4")])
        return uproot.interpretation.jagged.AsJagged(plain) if self.jagged else plain

    def array(self, **_: object) -> ak.Array:
        values = ak.from_numpy(np.array([(1, 0.5), (2, 1.5), (3, 2.5)], [("a", "i4"), ("b", "f4")]))
        return ak.unflatten(values, [1, 2]) if self.jagged else values[:2]


@pytest.mark.parametrize(("jagged", "expected"), [(False, [0.5, 1.5]), (True, [[0.5], [1.5, 2.5]])])
def test_members_of_a_struct_are_branches(jagged: bool, expected: list[object]) -> None:
    branches = Branches(Node("tree", [Node("x"), StructBranch("hit", jagged)]))  # type: ignore[list-item]
    assert [branch.path for branch in branches.all] == ["x", "hit", "hit/a", "hit/b"]
    (member,) = branches.fitting("hit/b")
    assert branches.fitting("b") == [member], "the end of its path, as of other branches"
    assert member.opened.array(library="ak").to_list() == expected
    assert (member.opened.num_entries, member.opened.branches) == (2, ())


def test_list_with_a_counter_is_read_beside_its_counter(tmp_path: Path) -> None:
    """uproot writes lists as C arrays: nJet, and Jet_pt[nJet]."""
    pt = ak.Array([[30.0, 20.0], [], [50.0]])
    with uproot.recreate(tmp_path / "a.root") as file:
        file.mktree("t", {"Jet": ak.type(ak.zip({"pt": pt})).content}, counter_name=lambda name: f"n{name}")
        file["t"].extend({"Jet": ak.zip({"pt": pt})})
    names = {"nJet": "feature", "Jet_pt": "feature"}
    ((_, arrays),) = chunks(tmp_path / "a.root", "t", branches=names, size=10)
    assert arrays["nJet"].tolist() == [2, 0, 1]
    assert arrays["Jet_pt"].to_list() == pt.to_list()


def test_pairs_of_a_list_are_members_of_a_field(tmp_path: Path) -> None:
    content = ak.Array([{"hit": [(1, 2.5), (2, 3.5)], "s": {"a": 1}}, {"hit": [], "s": {"a": 4}}])
    with uproot.recreate(tmp_path / "a.root") as file:
        file.mkrntuple("t", content)
    names = {"hit.1": "feature", "s/a": "feature"}
    ((_, arrays),) = chunks(tmp_path / "a.root", "t", branches=names, size=10)
    assert arrays["hit.1"].to_list() == [[2.5, 3.5], []]
    assert arrays["s/a"].tolist() == [1, 4]
