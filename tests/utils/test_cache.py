"""Files in the user's cache: built once for the same contents, and again for others."""

import errno
import os
from unittest.mock import Mock

import pytest

from trigger_lut.utils import cache
from trigger_lut.utils.cache import cached, key_of, user_cache_folder


def test_builds_once_for_the_same_contents(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    built = []

    def build(path):
        built.append(path)
        path.write_text(str(len(built)))

    first = cached("thing.o", ["a", b"b"], build=build)
    assert cached("thing.o", [b"a", "b"], build=build) == first
    assert first.read_text() == "1"
    assert first.parent == tmp_path / "trigger_lut"
    other = cached("thing.o", ["ab", b""], build=build)
    assert other != first
    assert other.read_text() == "2"
    assert sorted(path.name for path in first.parent.iterdir()) == sorted([first.name, other.name])


def test_a_build_that_fails_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def build(path):
        path.write_text("half")
        raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        cached("thing.o", ["a"], build=build)
    assert list((tmp_path / "trigger_lut").iterdir()) == []


def test_a_full_cache_stops_nothing(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with monkeypatch.context() as full:
        full.setattr(cache, "locked_folder", Mock(side_effect=OSError(errno.EDQUOT, "Disk quota exceeded")))
        path = cached("thing.o", ["a"], build=lambda path: path.write_text("built"))
    assert path.read_text() == "built"
    assert "cannot keep thing.o (Disk quota exceeded)" in caplog.text
    assert list((tmp_path / "trigger_lut").iterdir()) == []
    assert cached("thing.o", ["a"], build=lambda path: path.write_text("built")).parent == tmp_path / "trigger_lut"


def test_a_folder_that_cannot_be_written(tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    assert user_cache_folder().is_dir()


@pytest.mark.parametrize("damage", [b"other", b""])
def test_a_damaged_file_is_built_again(tmp_path, monkeypatch, damage):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    path = cached("thing", ["a"], build=lambda path: path.write_bytes(b"good"))
    path.write_bytes(damage)
    assert cached("thing", ["a"], build=lambda path: path.write_bytes(b"good")).read_bytes() == b"good"
    assert list(path.parent.iterdir()) == [path]


def test_parts_are_told_apart():
    assert len({key_of(parts) for parts in (["a\0b"], ["a", "b"], ["ab"], ["", "ab"], ["b", "a"])}) == 5


def test_what_was_not_used_for_the_longest_time_is_removed(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(cache, "MOST_BYTES", 25)

    def add(name):
        return cached(name, [name], build=lambda path: path.write_bytes(b"ten bytes."))

    first, second = add("first"), add("second")
    os.utime(first, (1, 1))
    os.utime(second, (0, 0))
    assert add("second") == second  # used again
    third = add("third")
    assert sorted(first.parent.iterdir()) == sorted([second, third])
