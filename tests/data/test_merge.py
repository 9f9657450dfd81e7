"""Entries of any number: records in files, order by buckets, exact quantiles, and files that were read apart."""

from __future__ import annotations

import errno
import os
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rootfiles import description, jet_columns, write_description, write_tree

from trigger_lut.cards.base import read_card
from trigger_lut.cards.stage_cards import IngestCard, ReadCard
from trigger_lut.cli import main
from trigger_lut.config.data_set.files import Source
from trigger_lut.config.data_set.load import load_data_set
from trigger_lut.data.buckets import Buckets
from trigger_lut.data.merge import merge
from trigger_lut.data.moments import Moments
from trigger_lut.data.npy import map_arrays, write_arrays
from trigger_lut.data.quantiles import ordered, quantiles
from trigger_lut.data.records import RowWriter, read_rows, row_type
from trigger_lut.data.stored_arrays import Stored
from trigger_lut.errors import CardError, ConfigurationError, DataError
from trigger_lut.stages import ingest as stage
from trigger_lut.stages.ingest import run as ingest
from trigger_lut.stages.read import read_file, rows_of

FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)


@given(st.lists(FLOATS, min_size=1, max_size=200), st.lists(st.floats(0, 1), min_size=1, max_size=4), st.integers(1, 7))
def test_quantiles_are_those_of_numpy(values: list[float], wanted: list[float], size: int) -> None:
    array = np.array(values, np.float32)
    blocks = [{"x": array[start : start + size]} for start in range(0, len(array), size)]
    computed = quantiles(lambda: blocks, {"x": wanted, "nothing": [0.5]})
    np.testing.assert_array_equal(computed["x"], np.quantile(array, wanted, method="nearest").astype(np.float64))
    assert computed["nothing"] == []


@given(st.lists(FLOATS, min_size=2, max_size=50))
def test_keys_are_in_the_order_of_the_values(values: list[float]) -> None:
    array = np.array(values, np.float32)
    by_key = array[np.argsort(ordered(array), kind="stable")]
    np.testing.assert_array_equal(by_key, np.sort(array))


@given(st.lists(st.tuples(st.floats(-1e3, 1e3), st.floats(-1, 1)), min_size=1, max_size=60), st.integers(1, 9))
def test_moments_are_those_of_all_blocks_together(values: list[tuple[float, float]], size: int) -> None:
    array, moments = np.array(values), Moments(2)
    for start in range(0, len(array), size):
        moments.add(array[start : start + size])
    np.testing.assert_allclose(moments.mean, array.mean(axis=0), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(moments.spread, array.std(axis=0), rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal([moments.minimum, moments.maximum], [array.min(axis=0), array.max(axis=0)])


ROW = np.dtype([("identity", "<u8"), ("entry", "<i8")])


def made_rows(identities: list[int]) -> np.ndarray:
    rows = np.zeros(len(identities), ROW)
    rows["identity"], rows["entry"] = np.array(identities, np.uint64), np.arange(len(identities))
    return rows


@settings(max_examples=30)
@given(st.lists(st.integers(0, 2**64 - 1), max_size=80), st.integers(1, 4), st.integers(1, 30))
def test_buckets_sort_as_memory_does(
    tmp_path_factory: pytest.TempPathFactory, identities: list[int], per_bucket: int, block: int
) -> None:
    rows = made_rows(identities)
    buckets = Buckets(len(rows), ROW, folder=tmp_path_factory.mktemp("buckets"), size=per_bucket * ROW.itemsize)
    for start in range(0, len(rows), block):
        buckets.add(rows[start : start + block])
    first = np.concatenate(list(buckets.sort()))
    np.testing.assert_array_equal(first, rows[np.argsort(rows["identity"], kind="stable")])
    np.testing.assert_array_equal(np.concatenate(list(buckets)), first)


def test_only_a_single_bucket_is_held_in_memory(tmp_path: Path) -> None:
    for size, files in ((1 << 20, 0), (10 * ROW.itemsize, 8)):
        folder = tmp_path / str(size)
        folder.mkdir()
        buckets = Buckets(80, ROW, folder=folder, size=size)
        buckets.add(made_rows([(n << 64) // 80 for n in range(80)]))
        assert len(list(folder.iterdir())) == files == (0 if buckets.held else 8)


def test_records_come_back_block_by_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, rows = tmp_path / "a.rows", made_rows(list(range(1000)))
    with path.open("wb") as file:
        writer = RowWriter(file, ROW)
        writer.add(rows[:1])
        writer.add(rows[1:])
        writer.finish()
    np.testing.assert_array_equal(np.load(path), rows)  # a .npy file
    monkeypatch.setattr("trigger_lut.data.records.BLOCK_BYTES", 300 * ROW.itemsize)
    blocks = list(read_rows(path, ROW))
    assert [len(block) for block in blocks] == [300, 300, 300, 100]
    np.testing.assert_array_equal(np.concatenate(blocks), rows)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda p: p.write_bytes(p.read_bytes()[:-1]), "truncated. Expected 10 records, found 9"),
        (lambda p: p.write_bytes(b"no rows"), "not a file of entries"),
        (lambda p: p.unlink(), "no such file of entries"),
        (lambda p: np.save(p.with_suffix(".npy"), np.zeros(3)) or p.with_suffix(".npy").replace(p), "Expected"),
    ],
)
def test_damaged_records_are_refused(tmp_path: Path, spoil: Any, message: str) -> None:
    path = tmp_path / "a.rows"
    with path.open("wb") as file:
        writer = RowWriter(file, ROW)
        writer.add(made_rows(list(range(10))))
        writer.finish()
    assert len(list(read_rows(path, ROW))) == 1
    spoil(path)
    with pytest.raises(CardError, match=message):
        list(read_rows(path, ROW))


def test_an_array_in_pieces_gives_the_bytes_of_one(tmp_path: Path) -> None:
    whole = np.arange(3000, dtype=np.int32).reshape(1000, 3)
    stored = Stored(tmp_path / "codes")
    for start in range(0, 1000, 300):
        stored.append(whole[start : start + 300])
    for name, array in (("a.npz", whole), ("b.npz", stored)):
        with (tmp_path / name).open("wb") as out:
            write_arrays(out, {"codes": array, "other": np.ones(2)})
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    np.testing.assert_array_equal(map_arrays(tmp_path / "b.npz")["codes"], whole)


# --- the stage


def files_of(folder: Path, count: int = 3) -> list[Path]:
    return [write_tree(folder / f"{n}.root", jet_columns(200, seed=n, first_event=1000 * n)) for n in range(count)]


def read_apart(folder: Path, path: Path, files: list[Path]) -> Path:
    """The folder of the cards."""
    for n, file in enumerate(files):
        read_file(path, Source(file), card=folder / f"read/{n}.json")
    return folder / "read"


OPTIONS: list[dict[str, Any]] = [
    {},
    {"split_by": ["event"], "weight": "1 + abs(x)", "balance_classes": True, "observables": {"m": "mass"}},
    {"cut": "n > 18", "weight": "abs(x)", "chunk_entries": 37},
]


@pytest.mark.parametrize("changes", OPTIONS)
def test_many_buckets_give_the_bytes_of_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    path = write_description(tmp_path / "toy.yaml", description(files_of(tmp_path), **changes))
    ingest(description=path, codes=tmp_path / "one.npz", card=tmp_path / "one.json")
    size = 20 * row_type(load_data_set(path)).itemsize
    monkeypatch.setattr(stage, "merge", partial(merge, size=size))
    ingest(description=path, codes=tmp_path / "many.npz", card=tmp_path / "many.json")
    one, many = (map_arrays(tmp_path / f"{name}.npz") for name in ("one", "many"))
    assert one.keys() == many.keys()
    for name in one:
        if name == "weights":  # sums over events are in another order
            np.testing.assert_allclose(one[name], many[name], rtol=1e-6)
        else:
            np.testing.assert_array_equal(one[name], many[name])
    first, second = (read_card(IngestCard, tmp_path / f"{name}.json") for name in ("one", "many"))
    assert first.features == second.features
    assert first.class_counts == second.class_counts


def test_files_read_apart_give_the_bytes_of_those_read_together(tmp_path: Path) -> None:
    files = files_of(tmp_path)
    path = write_description(tmp_path / "toy.yaml", description(files))
    ingest(description=path, codes=tmp_path / "a.npz", card=tmp_path / "a.card")
    folder = read_apart(tmp_path, path, files)
    ingest(description=path, codes=tmp_path / "b.npz", card=tmp_path / "b.card", read=folder)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    together, apart = (read_card(IngestCard, tmp_path / name) for name in ("a.card", "b.card"))
    assert together.inputs == apart.inputs
    assert str(files[2]) in apart.inputs
    card = read_card(ReadCard, folder / "1.json")
    assert (card.file, card.entries, card.selected, card.skip_reason) == (str(files[1]), 200, 200, None)


def test_cards_of_another_description_are_refused(tmp_path: Path) -> None:
    files = files_of(tmp_path)
    path = write_description(tmp_path / "toy.yaml", description(files))
    folder = read_apart(tmp_path, path, files)
    other = write_description(tmp_path / "other.yaml", description(files, cut="x > 0"))
    with pytest.raises(CardError, match=r"0\.json: .* another description\. Expected .*other\.yaml"):
        ingest(description=other, codes=tmp_path / "b.npz", card=tmp_path / "b.json", read=folder)
    (tmp_path / "read/2.json").write_bytes((tmp_path / "read/0.json").read_bytes())
    with pytest.raises(CardError, match=r"2\.json: card of another file. Expected .*2\.root, found .*0\.root\. Run"):
        ingest(description=path, codes=tmp_path / "b.npz", card=tmp_path / "b.json", read=folder)
    assert not (tmp_path / "b.npz").exists()


def test_a_full_disk_while_entries_are_sorted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_description(tmp_path / "toy.yaml", description(files_of(tmp_path)))

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Buckets, "add", full)
    with pytest.raises(DataError, match=r"a\.npz\.work: cannot be written: No space left on device"):
        ingest(description=path, codes=tmp_path / "a.npz", card=tmp_path / "a.json")
    assert not list(tmp_path.glob("a.*"))


@pytest.mark.parametrize("size", [1 << 26, 2000])
def test_duplicates_are_found_across_files_and_buckets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(stage, "merge", partial(merge, size=size))
    files = [write_tree(tmp_path / f"{n}.root", jet_columns(200, first_event=150 * n)) for n in range(3)]
    path = write_description(tmp_path / "toy.yaml", description(files))
    with pytest.raises(DataError, match=r"100 duplicate entries by event_id .* twice: entry \d+ of .*\.root and entry"):
        ingest(description=path, codes=tmp_path / "a.npz", card=tmp_path / "a.json")
    assert not list(tmp_path.glob("a.*"))  # nor what was worked with


def test_what_a_killed_run_left_is_removed(tmp_path: Path) -> None:
    work = tmp_path / "codes.npz.work"
    work.mkdir()
    (work / "bucket_0").write_bytes(b"left by another run")
    path = write_description(tmp_path / "toy.yaml", description(files_of(tmp_path)))
    ingest(description=path, codes=tmp_path / "codes.npz", card=tmp_path / "ingest.json")
    assert not work.exists()


def test_bad_file_leaves_a_card_without_entries(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    files = files_of(tmp_path)
    files[1].write_bytes(files[1].read_bytes()[:-100])
    path = write_description(tmp_path / "toy.yaml", description(files, on_bad_file="skip"))
    folder = read_apart(tmp_path, path, files)
    card = read_card(ReadCard, folder / "1.json")
    assert (card.entries, card.selected) == (0, 0)
    assert rows_of(folder / "1.json").stat().st_size < 1000
    assert str(card.skip_reason).startswith("truncated: ")
    ingest(description=path, codes=tmp_path / "b.npz", card=tmp_path / "b.json", read=folder)
    assert list(read_card(IngestCard, tmp_path / "b.json").skipped_files) == [str(files[1])]
    assert caplog.text.count("skipped") == 2


def test_a_source_goes_over_a_command_line(tmp_path: Path) -> None:
    for source in (
        Source(Path("a b.root")),
        Source("root://host//a.root", ((Path("c.root"), "t"), ("http://x/y.root", "u")), 2),
    ):
        assert Source.of(source.text()) == source
    with pytest.raises(ConfigurationError, match="expected JSON with file, friends, kind and place"):
        Source.of("a.root")
    file = write_tree(tmp_path / "a.root", jet_columns(50))
    path = write_description(tmp_path / "toy.yaml", description([file]))
    arguments = ["stage", "read", "--description", str(path), "--source", Source(file).text()]
    arguments += ["--card", str(tmp_path / "0.json")]
    assert main(arguments) == 0
    assert read_card(ReadCard, tmp_path / "0.json").entries == 50
