"""Files in the user's cache: built once for the same contents, and again for others."""

import pytest

from trigger_lut.utils.cache import cached, user_cache_folder


def test_builds_once_for_the_same_contents(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    built = []

    def build(path):
        built.append(path)
        path.write_text(str(len(built)))

    first = cached("thing.o", ["a", b"b"], build)
    assert cached("thing.o", [b"a", "b"], build) == first
    assert first.read_text() == "1"
    assert first.parent == tmp_path / "trigger_lut"
    other = cached("thing.o", ["ab", b""], build)
    assert other != first
    assert other.read_text() == "2"
    assert sorted(path.name for path in first.parent.iterdir()) == sorted([first.name, other.name])


def test_a_build_that_fails_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def build(path):
        path.write_text("half")
        raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        cached("thing.o", ["a"], build)
    assert list((tmp_path / "trigger_lut").iterdir()) == []


def test_a_folder_that_cannot_be_written(tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    assert user_cache_folder().is_dir()
