"""Mapped arrays: what was written, refused when damaged, and not counted as memory once let go."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from trigger_lut.data.event_codes import TRAIN, VALIDATION, EventCodes, load_codes, save_codes
from trigger_lut.data.npy import ALIGNED, forget, map_arrays, write_arrays
from trigger_lut.errors import CardError
from trigger_lut.fixed_point.formats import KIF

TYPES = st.sampled_from([np.int32, np.int64, np.uint8, np.uint64, np.float64, np.bool_])
ARRAYS = TYPES.flatmap(lambda t: hnp.arrays(t, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=9)))


def written(path: Path, arrays: dict[str, np.ndarray]) -> Path:
    with path.open("wb") as out:
        write_arrays(out, arrays)
    return path


def in_memory(resident: str) -> int:
    """Bytes of mapped files (RssFile), or of other memory (RssAnon), that this process holds."""
    line = next(x for x in Path("/proc/self/status").read_text().splitlines() if x.startswith(resident))
    return 1024 * int(line.split()[1])


@given(arrays=st.dictionaries(st.text("abcxyz_", min_size=1, max_size=20), ARRAYS, max_size=4), fortran=st.booleans())
def test_what_is_written_is_mapped(
    arrays: dict[str, np.ndarray], fortran: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "arrays.npz"
    if fortran:
        arrays = {name: np.asfortranarray(array) for name, array in arrays.items()}
    mapped = map_arrays(written(path, arrays))
    with np.load(path) as read:
        assert list(mapped) == read.files == list(arrays)
        for name, array in arrays.items():
            for actual in (mapped[name], read[name]):
                np.testing.assert_array_equal(actual, array, strict=True)
            assert mapped[name].size == 0 or mapped[name].ctypes.data % ALIGNED == 0
            assert mapped[name].size == 0 or not mapped[name].flags.writeable


def test_the_archive_is_whole_for_other_readers(tmp_path: Path) -> None:
    path = written(tmp_path / "a.npz", {"x": np.arange(5), "y": np.zeros((3, 2), np.uint8)})
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert {m.compress_type for m in archive.infolist()} == {zipfile.ZIP_STORED}


def test_compressed_arrays_are_read(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", x=np.arange(1000))
    values = map_arrays(tmp_path / "a.npz")["x"]
    np.testing.assert_array_equal(values, np.arange(1000))
    forget(values)
    assert values[999] == 999


def test_mapped_pages_come_into_memory_and_go(tmp_path: Path) -> None:
    size = 64_000_000
    array = map_arrays(written(tmp_path / "a.npz", {"x": np.arange(size // 8)}))["x"]
    forget(array)
    before, other = in_memory("RssFile"), in_memory("RssAnon")
    assert int(array.sum()) == size // 8 * (size // 8 - 1) // 2
    assert in_memory("RssFile") - before > 0.9 * size, "the measurement sees mapped pages"
    assert in_memory("RssAnon") - other < 0.2 * size, "nothing was copied"
    forget(array[10:20])
    assert in_memory("RssFile") - before < 0.1 * size
    assert array[-1] == size // 8 - 1, "and is read again"


# ---------------------------------------------------------------- files that are not taken


def made_codes(n: int = 1000) -> EventCodes:
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 8, (n, 2)).astype(np.int32)
    split = rng.integers(0, 3, n).astype(np.uint8)
    ids = np.arange(n, dtype=np.uint64)
    return EventCodes(codes, rng.integers(0, 2, n), split, ids, (KIF(0, 3, 0),) * 2, ("x", "y"), ("a", "b"))


def stored_at(path: Path, name: str) -> int:
    """Where the content of a member begins."""
    with zipfile.ZipFile(path) as archive, path.open("rb") as file:
        offset = archive.getinfo(f"{name}.npy").header_offset
        file.seek(offset + 26)
        return offset + 30 + sum(struct.unpack("<HH", file.read(4)))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("truncated", r"File is not a zip file"),
        ("half", r"File is not a zip file"),
        ("empty", r"File is not a zip file"),
        ("bit", r"codes\.npy is damaged: its checksum is not the one"),
        ("header", r"codes\.npy is damaged: its checksum is not the one"),
        ("local header", r"codes\.npy is damaged"),
    ],
)
def test_a_damaged_file_of_codes_is_refused(tmp_path: Path, damage: str, message: str) -> None:
    path = tmp_path / "codes.npz"
    save_codes(made_codes(), path)
    assert len(load_codes(path).codes) == 1000, "whole, it is taken"
    whole, begin = bytearray(path.read_bytes()), stored_at(path, "codes")
    if damage == "bit":
        whole[begin + 3000] ^= 1
    elif damage == "header":
        whole[begin + 9] ^= 1
    elif damage == "local header":
        with zipfile.ZipFile(path) as archive:
            whole[archive.getinfo("codes.npy").header_offset] ^= 1
    elif damage != "empty":
        del whole[-30 if damage == "truncated" else len(whole) // 2 :]
    path.write_bytes(b"" if damage == "empty" else whole)
    with pytest.raises(CardError, match=rf"codes\.npz: not a file of codes \(BadZipFile: {message}"):
        load_codes(path)


@pytest.mark.parametrize("change", [-8, 8])
def test_array_of_another_length_than_stated_is_refused(tmp_path: Path, change: int) -> None:
    out = io.BytesIO()
    np.lib.format.write_array(out, np.arange(10))
    content = out.getvalue()[:change] if change < 0 else out.getvalue() + bytes(change)
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x.npy", content)
    with pytest.raises(ValueError, match=rf"^x\.npy: header and elements take 208 bytes, found {208 + change}$"):
        map_arrays(tmp_path / "a.npz")


def test_python_objects_are_not_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.array([{}, 1]))
    with pytest.raises(ValueError, match=r"x\.npy: "):
        map_arrays(tmp_path / "a.npz")


# ---------------------------------------------------------------- by blocks


@given(size=st.integers(1, 60), split=st.sampled_from([TRAIN, VALIDATION]), count=st.integers(1, 60))
def test_chunks_are_the_split_in_pieces(size: int, split: int, count: int) -> None:
    events = made_codes(50)
    whole = events.of(split)
    chunks = list(events.chunks(split, size))
    assert [len(labels) for _, labels in chunks[:-1]] == [size] * (len(chunks) - 1)
    assert 0 < len(chunks[-1][1]) <= size
    for actual, expected in zip(zip(*chunks, strict=True), whole, strict=True):
        np.testing.assert_array_equal(np.concatenate(actual), expected)
    for actual, expected in zip(events.first(split, count), whole, strict=True):
        np.testing.assert_array_equal(actual, expected[:count])
    assert events.counts(size).sum(axis=0).tolist() == np.bincount(events.split).tolist()


def test_what_does_not_fit_is_found_in_any_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trigger_lut.data.event_codes.EventCodes.blocks.__defaults__", (7,))
    events = made_codes(50)
    assert events.problems() == []
    for row in (0, 6, 7, 30, 49):
        events.codes[row, 1] = 8
        assert events.problems() == ["feature y: codes 0..8 do not fit ufixed<3,3> (0..7)"]
        events.codes[row, 1] = 0
    assert events.problems() == []
