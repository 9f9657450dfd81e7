"""Broken input of every kind: one clear message, a non-zero status, and earlier results stay as they are.

Each fault is put into b.root, next to the sound a.root, after both were read without complaint. A file with a fault of
its own (`own`) is skipped and listed if the description says `on_bad_file: skip`. Other faults are refused then, too.
"""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
from rootfiles import description, jet_columns, write_description, write_tree

from trigger_lut.cards.base import read_card
from trigger_lut.cards.stage_cards import IngestCard
from trigger_lut.cli import main
from trigger_lut.data import columns, read
from trigger_lut.stages import read as shard

COUNT = 300
Patch = pytest.MonkeyPatch
X = "tree 'jets', branch 'x' (feature 'x'): entries 0 to 299 cannot be read"


@dataclass(frozen=True)
class Fault:
    """spoil(b, patch): damages b.root or what reads it; gives changes of the description or None.

    message: what the answer must hold, B and FOLDER standing for paths.
    """

    name: str
    spoil: Callable[[Path, Patch], dict[str, Any] | None]
    message: tuple[str, ...]
    own: bool = False


# --- bytes


def cut(keep: Callable[[bytes], int]) -> Callable[[Path, Patch], None]:
    def spoil(b: Path, _: Patch) -> None:
        content = b.read_bytes()
        b.write_bytes(content[: keep(content)])

    return spoil


def basket(b: Path, branch: str) -> tuple[int, int]:
    """Where the branch's first basket begins and ends."""
    import uproot

    with uproot.open(b) as file:
        tbranch = file["jets"][branch]
        begin = int(tbranch.member("fBasketSeek")[0])
        return begin, begin + int(tbranch.member("fBasketBytes")[0])


def over_basket(branch: str, change: Callable[[bytes], bytes]) -> Callable[[Path, Patch], None]:
    def spoil(b: Path, _: Patch) -> None:
        begin, end = basket(b, branch)
        content = b.read_bytes()
        b.write_bytes(content[:begin] + change(content[begin:end]) + content[end:])

    return spoil


def flipped(piece: bytes) -> bytes:
    """A byte changed in the middle of what is compressed."""
    middle = (len(piece) + 70) // 2
    return piece[:middle] + bytes([piece[middle] ^ 0x55]) + piece[middle + 1 :]


def cut_in_basket(b: Path, _: Patch) -> None:
    begin, end = basket(b, "x")
    b.write_bytes(b.read_bytes()[: (begin + end) // 2])


def cut_but_claims_to_be_whole(b: Path, _: Patch) -> None:
    begin, end = basket(b, "x")
    content = bytearray(b.read_bytes()[: (begin + end) // 2])
    content[12:16] = struct.pack(">i", len(content))
    b.write_bytes(content)


def fewer_entries_than_branches(b: Path, _: Patch) -> None:
    """The tree's own count of entries, which its fTotBytes follow, is changed to 7."""
    import uproot

    with uproot.open(b) as file:
        total = int(file["jets"].member("fTotBytes"))
    content = b.read_bytes()
    place = content.rindex(struct.pack(">qq", COUNT, total))
    b.write_bytes(content[:place] + struct.pack(">q", 7) + content[place + 8 :])


def contents(content: bytes) -> Callable[[Path, Patch], None]:
    return lambda b, _: b.write_bytes(content) and None


def zipped(b: Path, _: Patch) -> None:
    b.write_bytes(gzip.compress(b.read_bytes()))


def wrong_magic(b: Path, _: Patch) -> None:
    b.write_bytes(b"toor" + b.read_bytes()[4:])


# --- what is in the file


def other(count: int = COUNT, tree: str = "jets", **changed: Any) -> Callable[[Path, Patch], None]:
    """b.root with these columns instead; a function gets the column that it changes, None removes it."""

    def spoil(b: Path, _: Patch) -> None:
        arrays = jet_columns(count, seed=1, first_event=1000)
        for name, change in changed.items():
            arrays[name] = change(arrays[name]) if callable(change) else change
        write_tree(b, {name: column for name, column in arrays.items() if column is not None}, tree)

    return spoil


def at(entry: int, value: Any) -> Callable[[np.ndarray], np.ndarray]:
    def change(column: np.ndarray) -> np.ndarray:
        kind = np.result_type(column.dtype, np.min_scalar_type(value)) if isinstance(value, float) else column.dtype
        column = column.astype(kind)
        column[entry] = value
        return column

    return change


def holding(make: Callable[[Any], None]) -> Callable[[Path, Patch], None]:
    def spoil(b: Path, _: Patch) -> None:
        import uproot

        with uproot.recreate(b) as file:
            make(file)

    return spoil


def histogram(file: Any) -> None:
    file["jets"] = np.histogram([1.0, 2.0])


def folder_in_file(file: Any) -> None:
    file["jets/x"] = np.histogram([1.0, 2.0])


def ntuple(**changed: Any) -> Callable[[Path, Patch], None]:
    def fill(file: Any) -> None:
        arrays = jet_columns(COUNT, seed=1, first_event=1000) | changed
        file.mkrntuple("jets", {name: column for name, column in arrays.items() if column is not None})

    return holding(fill)


def damaged_ntuple(b: Path, patch: Patch) -> None:
    """Zeros over the middle of the file, where the pages are."""
    ntuple()(b, patch)
    content = b.read_bytes()
    third = len(content) // 3
    b.write_bytes(content[:third] + bytes(third) + content[2 * third :])


def unknown_type(b: Path, patch: Patch) -> None:
    """As of a branch whose class uproot finds no way to read."""
    import uproot
    from uproot.interpretation.identify import UnknownInterpretation

    known = uproot.TBranch.interpretation.fget

    def interpretation(self: Any) -> Any:
        if self.name == "x" and self.file.file_path == str(b):
            return UnknownInterpretation("no streamer", str(b), "x")
        return known(self)

    patch.setattr(uproot.TBranch, "interpretation", property(interpretation))


def fewer_entries_in_list_of_pages(b: Path, _: Patch) -> None:
    """The only cluster's count of entries, behind its first entry, becomes 0; the footer has its own."""
    import uproot

    with uproot.recreate(b, compression=None) as file:
        file.mkrntuple("jets", jet_columns(COUNT, seed=1, first_event=1000))
    content = b.read_bytes()
    place = content.index(struct.pack("<QQ", 0, COUNT))
    b.write_bytes(content[: place + 8] + bytes(8) + content[place + 16 :])


def asking(spoil: Callable[[Path, Patch], None] | None, **changes: Any) -> Callable[[Path, Patch], dict[str, Any]]:
    """The same with a description that asks for something else."""

    def both(b: Path, patch: Patch) -> dict[str, Any]:
        if spoil is not None:
            spoil(b, patch)
        return changes

    return both


def feature(expression: str) -> dict[str, Any]:
    return {"features": [{"name": "f", "expression": expression}]}


def events_of_a(b: Path, _: Patch) -> None:
    write_tree(b, jet_columns(COUNT, seed=3, first_event=COUNT - 10))


def copy_of_a(b: Path, _: Patch) -> None:
    b.write_bytes(b.with_name("a.root").read_bytes())


def link_to_a(b: Path, _: Patch) -> None:
    b.unlink()
    b.symlink_to("a.root")


# --- around the file


def instead(make: Callable[[Path], Any], listed: str | None = None) -> Callable[[Path, Patch], dict[str, Any] | None]:
    """b.root removed and something else put there; `listed`: a glob by which both files are asked for."""

    def spoil(b: Path, _: Patch) -> dict[str, Any] | None:
        b.unlink()
        make(b)
        return {"files": [str(b.with_name(listed))]} if listed else None

    return spoil


def forbidden(b: Path, patch: Patch) -> None:
    """As for a file without permission; root may read everything."""
    b.chmod(0)
    opened = Path.open

    def refused(self: Path, *arguments: Any, **named: Any) -> Any:
        if self == b:
            raise PermissionError(13, "Permission denied", str(b))
        return opened(self, *arguments, **named)

    patch.setattr(Path, "open", refused)


def after_counting(change: Callable[[Path], Any]) -> Callable[[Path, Patch], None]:
    """b.root changes between the count of all entries and the reading."""

    def spoil(b: Path, patch: Patch) -> None:
        count = columns.count_entries

        def counted(path: Path, *arguments: Any, **options: Any) -> int:
            entries = count(path, *arguments, **options)
            if path == b:
                change(b)
            return entries

        patch.setattr(columns, "count_entries", counted)

    return spoil


def longer_while_read(b: Path, patch: Patch) -> None:
    original = read._read

    def reading(branch: Any, *arguments: Any) -> Any:
        array = original(branch, *arguments)
        if branch.tree.file == b and branch.name == "label":
            with b.open("ab") as file:
                file.write(b"more")
        return array

    patch.setattr(read, "_read", reading)


def gone_before_checksum(b: Path, patch: Patch) -> None:
    original = shard.read_source

    def read_source(data_set: Any, source: Any) -> Any:
        yield from original(data_set, source)
        if source.file == b:
            b.unlink()

    patch.setattr(shard, "read_source", read_source)


def disk_full(name: str) -> Callable[[Path, Patch], None]:
    """All output goes to /dev/full, which has no space left."""

    def spoil(b: Path, _: Patch) -> None:
        b.with_name(f"{name}.part.part").symlink_to("/dev/full")

    return spoil


FAULTS = [
    Fault("cut in the header", cut(lambda c: 20), ("B: truncated: 20 bytes are less than the header",), own=True),
    Fault("cut in a basket", cut_in_basket, ("B: truncated: ", " bytes according to its header"), own=True),
    Fault("cut near the end", cut(lambda c: len(c) - 200), ("B: truncated: ",), own=True),
    Fault("a byte short", cut(lambda c: len(c) - 1), ("B: truncated: ",), own=True),
    Fault("cut, header mended", cut_but_claims_to_be_whole, ("B: ",), own=True),
    Fault("no bytes", contents(b""), ("B: not a ROOT file: ", "the file is empty"), own=True),
    Fault("zeros over a basket", over_basket("x", lambda p: bytes(len(p))), (f"B: {X}",), own=True),
    Fault("a flipped byte in a basket", over_basket("x", flipped), (f"B: {X}",), own=True),
    Fault(
        "a flipped byte in a basket of lists",
        over_basket("pt", flipped),
        ("B: tree 'jets', branch 'pt' (", "ht"),
        own=True,
    ),
    Fault(
        "a tree with fewer entries than its branches",
        fewer_entries_than_branches,
        ("B: tree 'jets', branch",),
        own=True,
    ),
    Fault(
        "wrong magic", wrong_magic, ("B: not a ROOT file: expected b'root' at the beginning, found b'toor'",), own=True
    ),
    Fault("an HTML page", contents(b"<!DOCTYPE html><html>404</html>"), ("B: not a ROOT file", "b'<!DO'"), own=True),
    Fault("gzip", zipped, ("B: not a ROOT file", r"b'\x1f\x8b"), own=True),
    Fault("a folder", instead(Path.mkdir), ("B is a folder, expected a ROOT file or a glob such as B/*.root",)),
    Fault("no file", instead(lambda b: None), ("no such file: B; nearest: 'FOLDER/a.root'",)),
    Fault(
        "a link to nowhere", instead(lambda b: b.symlink_to("c.root")), ("B is a link to c.root, which does not exist",)
    ),
    Fault(
        "a link to nowhere among a glob's",
        instead(lambda b: b.symlink_to("c.root"), "*.root"),
        ("B is a link to c.root, which does not exist",),
    ),
    Fault("no permission", forbidden, ("B: cannot be read: Permission denied",), own=True),
    Fault("gone after planning", after_counting(Path.unlink), ("B: no such file",), own=True),
    Fault(
        "another file after counting",
        after_counting(lambda b: write_tree(b, jet_columns(200, first_event=1000))),
        ("B: tree 'jets': changed while it was read. Expected 300 entries as at first, found 200.",),
        own=True,
    ),
    Fault("longer while it is read", longer_while_read, ("B: changed while it was read. ",), own=True),
    Fault("gone before its checksum", gone_before_checksum, ("B: cannot be read a second time, for its checksum",)),
    Fault("no tree", other(tree="jts"), ("B: no tree 'jets'; nearest: 'jts'",)),
    Fault("a histogram", holding(histogram), ("B: 'jets' is a TH1D, expected a TTree or RNTuple",)),
    Fault("a folder in the file", holding(folder_in_file), ("B: 'jets' is a folder, expected a TTree or RNTuple",)),
    Fault("no such branch", other(mass=None), ("B: tree 'jets' has no branch 'mass' (feature 'mass'); there are: ",)),
    Fault(
        "no such branch in any file", asking(None, **feature("mas / 2")), ("a.root: tree 'jets' has no branch 'mas' (",)
    ),
    Fault("no such field of an RNTuple", ntuple(mass=None), ("B: tree 'jets' has no branch 'mass' (feature 'mass')",)),
    Fault(
        "an RNTuple with fewer entries than its footer says",
        fewer_entries_in_list_of_pages,
        ("B: tree 'jets' is damaged: expected 300 entries, found 0",),
        own=True,
    ),
    Fault("a damaged RNTuple", damaged_ntuple, ("B: tree 'jets'", "cannot be read"), own=True),
    Fault(
        "strings", other(x=ak.Array(["ab"] * COUNT)), ("B: tree 'jets', branch 'x' (feature 'x'): expected numbers",)
    ),
    Fault(
        "a type that uproot does not know",
        unknown_type,
        ("B: tree 'jets', branch 'x' (feature 'x'): expected numbers, found what uproot cannot read: ",),
    ),
    Fault(
        "lists of lists",
        ntuple(x=ak.Array([[[1.0], [2.0, 3.0]]] * COUNT)),
        ("B: tree 'jets', feature 'x': 'x' is a list of lists per entry, expected one number",),
    ),
    Fault(
        "a number here, a list there",
        other(x=lambda x: ak.from_regular(x[:, np.newaxis])),
        ("B: tree 'jets', feature 'x': 'x' is a list per entry, expected one number",),
    ),
    Fault(
        "a list here, a number there",
        other(pt=np.ones(COUNT)),
        ("B: tree 'jets', feature 'ht': expression 'sum(pt)': sum(pt): sum takes a list per entry",),
    ),
    Fault(
        "whole event_id here, floating there",
        other(event=lambda e: e.astype(np.float64)),
        ("B: tree 'jets', event_id: branch 'event' holds float64, expected integers",),
    ),
    Fault(
        "a list of event_ids",
        asking(None, event_id=["pt"]),
        ("a.root: tree 'jets', event_id: branch 'pt' holds a list per entry, expected one integer",),
    ),
    Fault(
        "an event twice in a file",
        other(event=at(250, 1020)),
        ("event_id (run, event)", "entry 20 of B and entry 250 of B"),
    ),
    Fault(
        "events twice in two files",
        events_of_a,
        ("10 duplicate entries by event_id", "entry 29", "a.root and entry ", " of B"),
    ),
    Fault("a copy under another name", copy_of_a, ("300 duplicate entries by event_id", "a.root and entry ", " of B")),
    Fault("a file under two names", link_to_a, ("FOLDER/a.root and B are one file under two names",)),
    Fault(
        "a label out of range", other(label=at(7, 3)), ("B: tree 'jets', label 'label': 3 at entry 7 is none of the 3",)
    ),
    Fault("a negative label", other(label=at(7, -1)), ("B: tree 'jets', label 'label': -1 at entry 7",)),
    Fault("a label that is not whole", other(label=at(7, 0.5)), ("B: tree", "0.5 at entry 7 is not an integer")),
    Fault("a label that is NaN", other(label=at(7, float("nan"))), ("B: tree", "nan at entry 7 is not an integer")),
    Fault("NaN", other(x=at(9, np.nan)), ("feature 'x': 1 of 600 values, first at entry 9 of B", "nonfinite")),
    Fault(
        "a target that is NaN, together with classes",
        asking(None, regression_targets=[{"name": "root", "expression": "sqrt(x)"}]),
        ("target 'root': ", "of 600 values, first at entry"),
    ),
    Fault("infinity", other(x=at(9, -np.inf)), ("feature 'x': 1 of 600 values, first at entry 9 of B",)),
    Fault("beyond float32", other(mass=at(9, 1e300)), ("feature 'mass': 1 of 600 values, first at entry 9 of B",)),
    *(
        Fault(
            f"{name} of empty lists", asking(None, **feature(text)), ("feature 'f': ", "of 600 values, first at entry")
        )
        for name, text in (("min", "min(pt)"), ("max", "max(pt)"), ("nth", "nth(pt, 0)"))
    ),
    Fault(
        "nothing passes the cut", asking(None, cut="x > 1e9"), ("none of 600 entries in 2 files (", "passes the cut")
    ),
    Fault(
        "no entries",
        lambda b, _: {"files": [str(write_tree(b, jet_columns(0)))]},
        ("tree 'jets' has no entries in B",),
    ),
    Fault("no space for the codes", disk_full("codes.npz"), ("FOLDER/codes.npz: cannot be written: No space left",)),
    Fault("no space for the card", disk_full("ingest.json"), ("FOLDER/ingest.json: cannot be written: No space left",)),
]


@pytest.fixture
def earlier(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A folder with two sound files and what was made of them."""
    write_tree(tmp_path / "a.root", jet_columns(COUNT))
    write_tree(tmp_path / "b.root", jet_columns(COUNT, seed=1, first_event=1000))
    assert ingest(tmp_path) == 0
    assert capsys.readouterr().err == ""
    return tmp_path


def ingest(folder: Path, **changes: Any) -> int:
    files = [folder / "a.root", folder / "b.root"]
    path = write_description(folder / "toy.yaml", description(files, **changes))
    codes, card = folder / "codes.npz", folder / "ingest.json"
    return main(["stage", "ingest", "--description", str(path), "--codes", str(codes), "--card", str(card)])


def results(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in ("codes.npz", "ingest.json")}


def test_the_table_has_enough_kinds() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) >= 25


@pytest.mark.parametrize("action", ["refuse", "skip"])
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name.replace(" ", "-"))
def test_fault(
    fault: Fault, action: str, earlier: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = results(earlier)
    b = earlier / "b.root"
    changes = fault.spoil(b, monkeypatch) or {}
    status = ingest(earlier, on_bad_file=action, **changes)
    messages = capsys.readouterr().err
    monkeypatch.undo()
    for part in fault.message:
        assert part.replace("FOLDER", str(earlier)).replace("B", str(b)) in messages
    assert not list(earlier.glob("*.part")) + list(earlier.glob("*.new*"))
    if fault.own and action == "skip":
        assert status == 0
        assert messages.endswith("ingest: skipped 1 of 2 files\n")
        card = read_card(IngestCard, earlier / "ingest.json")
        assert (card.files, card.events) == (1, COUNT)
        (line,) = card.skipped_files.items()
        assert f"ingest: skipped: {line[0]}: {line[1]}\n" in messages
        assert line[0] == str(b)
        assert str(b) not in card.inputs
        codes = (earlier / "codes.npz").read_bytes()
        assert ingest(earlier, files=[str(earlier / "a.root")]) == 0  # the bad file contributed nothing at all
        assert (earlier / "codes.npz").read_bytes() == codes != before["codes.npz"]
    else:
        assert status == 1
        assert messages.startswith("trigger-lut: error: ")
        assert messages.count("trigger-lut: error: ") == 1
        assert "Traceback" not in messages
        assert results(earlier) == before


def test_all_files_bad_is_an_error_even_where_they_are_left_out(
    earlier: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = results(earlier)
    for name in ("a.root", "b.root"):
        (earlier / name).write_bytes(b"")
    assert ingest(earlier, on_bad_file="skip") == 1
    assert "none of its files can be read" in capsys.readouterr().err
    assert results(earlier) == before


def test_a_file_that_fails_half_way_contributes_nothing(earlier: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its first chunks are sound; the same with a file that never was there."""
    original = read._read

    def reading(branch: Any, arrays: Any, start: int, stop: int, text: bool) -> Any:
        if branch.tree.file == earlier / "b.root" and start >= 200:
            raise read.BadFileError(f"{branch}: entries {start} to {stop - 1} cannot be read")
        return original(branch, arrays, start, stop, text)

    monkeypatch.setattr(read, "_read", reading)
    assert ingest(earlier, on_bad_file="skip", chunk_entries=50) == 0
    half = results(earlier)["codes.npz"]
    monkeypatch.undo()
    assert ingest(earlier, files=[str(earlier / "a.root")]) == 0
    assert results(earlier)["codes.npz"] == half
    assert ingest(earlier) == 0
    assert results(earlier)["codes.npz"] != half  # negative control


# --- no faults


def test_numbers_may_be_whole_here_and_floating_there(earlier: Path) -> None:
    before = results(earlier)["codes.npz"]
    other(n=lambda n: n.astype(np.float64), label=lambda n: n.astype(np.float32))(
        earlier / "b.root", pytest.MonkeyPatch()
    )
    assert ingest(earlier) == 0
    assert results(earlier)["codes.npz"] == before


def test_identities_beyond_float_and_int64_are_kept_apart(tmp_path: Path) -> None:
    arrays = jet_columns(COUNT)
    write_tree(tmp_path / "a.root", {**arrays, "event": np.uint64(2**63) + np.arange(COUNT, dtype=np.uint64)})
    write_tree(tmp_path / "b.root", {**arrays, "event": np.uint64(2**64 - COUNT) + np.arange(COUNT, dtype=np.uint64)})
    assert ingest(tmp_path) == 0
    assert read_card(IngestCard, tmp_path / "ingest.json").events == 2 * COUNT
    write_tree(
        tmp_path / "b.root", {**arrays, "event": np.uint64(2**63 + COUNT - 1) + np.arange(COUNT, dtype=np.uint64)}
    )
    assert ingest(tmp_path) == 1  # negative control: one in common


def test_an_empty_file_is_no_bad_one(earlier: Path) -> None:
    write_tree(earlier / "b.root", jet_columns(0))
    assert ingest(earlier, on_bad_file="skip") == 0
    card = read_card(IngestCard, earlier / "ingest.json")
    assert (card.files, card.events, card.skipped_files) == (2, COUNT, {})
