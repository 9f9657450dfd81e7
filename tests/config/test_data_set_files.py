"""Lists of files, globs, addresses, and friends: trees in other files whose entries continue the main tree's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rootfiles import damaged, description, here, jet_columns, write_description, write_tree

from trigger_lut.cards.base import read_card
from trigger_lut.cards.stage_cards import IngestCard
from trigger_lut.config.data_set.files import Source
from trigger_lut.config.data_set.load import load_data_set
from trigger_lut.config.data_set.model import DataSet
from trigger_lut.errors import ConfigurationError, DataError
from trigger_lut.stages.ingest import run as ingest
from trigger_lut.utils.files import sha256

FILES = ("a.root", "b.root")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with a.root, b.root and, of the same entries in two parts each, main_ and more_ files."""
    monkeypatch.chdir(tmp_path)
    for n, name in enumerate(FILES):
        columns = jet_columns(200, seed=n, first_event=1000 * n)
        write_tree(Path(name), columns)
        write_tree(Path(f"main_{name}"), {b: c for b, c in columns.items() if b not in ("x", "pt")})
        write_tree(Path(f"more_{name}"), {b: columns[b] for b in ("x", "pt")}, "more")
    return tmp_path


def loaded(files: list[str], **changes: Any) -> DataSet:
    return load_data_set(write_description(Path("toy.yaml"), description(files, **changes)))


def ingested(files: list[str], **changes: Any) -> bytes:
    loaded(files, **changes)
    ingest(description=Path("toy.yaml"), codes=Path("codes.npz"), card=Path("ingest.json"))
    return Path("codes.npz").read_bytes()


def refusal(files: list[str], **changes: Any) -> str:
    with pytest.raises(DataError) as caught:
        ingested(files, **changes)
    assert not Path("codes.npz").exists()
    return str(caught.value)


def mistake(files: list[str], **changes: Any) -> str:
    with pytest.raises(ConfigurationError) as caught:
        loaded(files, **changes)
    return str(caught.value)


def friends(*files: str, tree: str = "more") -> list[dict[str, Any]]:
    return [{"files": list(files), "tree": tree}]


# --- lists


def test_a_list_names_what_files_would(folder: Path) -> None:
    Path("list.txt").write_text("# all that there is\n\n  ?.root  \nhttp://host/c.root\n", encoding="utf-8-sig")
    data_set = loaded(["@list.txt", "a.root"])
    assert data_set.sources() == [
        Source(Path("a.root")),
        Source(Path("b.root"), place=1),
        Source("http://host/c.root", place=2),
    ]
    assert here(data_set) == [Path("a.root"), Path("b.root")]
    assert [s.file for s in data_set.sources() if isinstance(s.file, str)] == ["http://host/c.root"]
    assert data_set.lists() == [Path("list.txt")]


def test_codes_by_a_list_are_those_of_its_files(folder: Path) -> None:
    Path("list.txt").write_text("b.root\na.root")
    assert ingested(["@list.txt"]) == ingested(list(FILES))
    ingested(["@list.txt"])
    card = read_card(IngestCard, Path("ingest.json"))
    assert card.inputs["list.txt"] == sha256(Path("list.txt"))
    Path("list.txt").write_text("b.root")
    assert ingested(["@list.txt"]) != ingested(list(FILES))  # negative control


def test_a_file_whose_name_begins_like_a_list(folder: Path) -> None:
    Path("a.root").rename("@a.root")
    assert here(loaded(["./@a.root"])) == [Path("@a.root")]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "no such list of files: list.txt; nearest: 'lists.txt'"),
        (b"# none\n", "list.txt: the list names no file"),
        (b"a.root\n\nc.root\n", "list.txt, line 3: no such file: c.root; nearest: "),
        (b"~/c.root\n", "list.txt, line 1: no such file: ~/c.root. ~ and $ are not expanded: write the whole path"),
        (b"@other.txt\n", "list.txt, line 1: a list within a list: @other.txt"),
        (
            b"s3://bucket/x\n",
            "list.txt, line 1: addresses begin with http://, https://, root://, found 's3://bucket/x'",
        ),
        (b"\xff\xfe\n", "list.txt: not a list of files: 'utf-8' codec can't decode"),
    ],
)
def test_a_wrong_list(folder: Path, content: bytes | None, problem: str) -> None:
    Path("lists.txt").write_text("a.root")
    if content is not None:
        Path("list.txt").write_bytes(content)
    assert refusal(["@list.txt"]).startswith(f"data set toy: {problem}")


def test_a_wrong_address_is_a_mistake_of_the_description(folder: Path) -> None:
    wrong = friends("a.root", "http://")
    lines = mistake(["s3://b/x.root"], friends=wrong).splitlines()[1:]
    assert lines == [
        "  files.0: addresses begin with http://, https://, root://, found 's3://b/x.root'",
        "  friends.0.files.1: no host in 'http://'",
    ]
    assert "friends: only with files, not simulate" in mistake(["a.root"], simulate={}, friends=wrong)


# --- friends


def test_friends_give_the_same_codes_as_one_tree(folder: Path) -> None:
    whole = ingested(list(FILES))
    parts = ingested(["main_a.root", "main_b.root"], friends=friends("more_a.root", "more_b.root"), chunk_entries=70)
    assert parts == whole
    card = read_card(IngestCard, Path("ingest.json"))
    assert {"main_a.root", "more_b.root"} < set(card.inputs)
    assert card.files == 2
    crossed = ingested(["main_a.root", "main_b.root"], friends=friends("more_b.root", "more_a.root"))
    assert crossed != whole  # negative control: position counts


def test_the_order_of_files_is_not_that_of_reading(folder: Path) -> None:
    """Friends stay with the file at their position, also where files are sorted otherwise."""
    sources = loaded(["main_b.root", "main_a.root"], friends=friends("more_b.root", "more_a.root")).sources()
    assert [(s.file, s.friends) for s in sources] == [
        (Path(f"main_{name}"), ((Path(f"more_{name}"), "more"),)) for name in FILES
    ]
    assert loaded(["main_*.root"], friends=friends("more_*.root")).sources() == sources


def test_a_list_of_friends_that_is_too_short(folder: Path) -> None:
    assert refusal(["main_*.root"], friends=friends("more_a.root")) == (
        "data set toy: friends of tree 'more': 1 files, expected 2, one for each file of tree 'jets'"
    )
    assert refusal(["main_a.root"], friends=friends("mor_a.root")).startswith(
        "data set toy: friends of tree 'more': no such file: mor_a.root; nearest: "
    )


def test_friends_of_another_length(folder: Path) -> None:
    write_tree(Path("more_b.root"), {b: jet_columns(199)[b] for b in ("x", "pt")}, "more")
    for action in ("refuse", "skip"):
        message = refusal(["main_*.root"], friends=friends("more_*.root"), on_bad_file=action)
        assert message == (
            "main_b.root: tree 'jets' has 200 entries, its friend more_b.root: tree 'more' has 199; "
            "expected as many, one for each entry"
        )


def test_a_branch_in_both(folder: Path) -> None:
    columns = jet_columns(200)
    write_tree(Path("more_a.root"), {b: columns[b] for b in ("x", "pt", "mass")}, "more")
    assert refusal(["main_a.root"], friends=friends("more_a.root")) == (
        "branch 'mass' (feature 'mass') occurs in two trees: main_a.root: tree 'jets' and more_a.root: tree 'more'"
    )


def test_a_branch_in_neither(folder: Path) -> None:
    message = refusal(["main_a.root"], friends=friends("more_a.root"), cut="y > 0")
    assert message.startswith(
        "main_a.root: tree 'jets' has no branch 'y', nor have its friends (cut); there are: 'event',"
    )


def test_a_bad_friend_leaves_its_file_out(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    damaged(Path("more_c.root"), Path("more_b.root"), "x", "more")
    Path("more_c.root").rename("more_b.root")
    codes = ingested(["main_*.root"], friends=friends("more_*.root"), on_bad_file="skip")
    card = read_card(IngestCard, Path("ingest.json"))
    assert list(card.skipped_files) == ["main_b.root"]
    assert card.skipped_files["main_b.root"].startswith(
        "more_b.root: tree 'more', branch 'x' (feature 'x'): entries 0 to "
    )
    assert set(card.inputs) == {"toy.yaml", "main_a.root", "more_a.root"}
    assert codes == ingested(["a.root"])


def test_two_trees_of_one_file_may_be_friends(folder: Path) -> None:
    import uproot

    columns = jet_columns(200)
    with uproot.recreate("both.root") as file:
        file.mktree("jets", {b: np.asarray(columns[b]).dtype for b in ("run", "event", "label")}).extend(
            {b: columns[b] for b in ("run", "event", "label")}
        )
        file.mktree("more", {"x": "float32"}).extend({"x": columns["x"]})
    only_x = [{"name": "x"}]
    assert ingested(["both.root"], friends=friends("both.root"), features=only_x) == ingested(
        ["a.root"], features=only_x
    )
