"""Outputs appear complete or not at all, with one writer at a time, and leave nothing behind."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from stopping import hearing_interrupts

from trigger_lut.errors import OutputError
from trigger_lut.utils.files import atomic_folder, atomic_path, locked_folder, write_together
from trigger_lut.utils.scratch import scratch_folder

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*"))


def fill_and_stop(writer: AbstractContextManager[Path], error: BaseException) -> None:
    with writer as part:
        (part / "three" if part.is_dir() else part).write_text("new and cut o")
        raise error


@pytest.mark.parametrize("earlier", [None, "earlier"])
@pytest.mark.parametrize("stopped", [FULL, KeyboardInterrupt(), SystemExit(143), ValueError("x")])
def test_atomic_path_failed_write_keeps_earlier(tmp_path, earlier, stopped):
    path = tmp_path / "a.json"
    if earlier:
        path.write_text(earlier)
    kind, text = (
        (OutputError, r"a\.json: cannot be written: No space left") if stopped is FULL else (type(stopped), None)
    )
    with pytest.raises(kind, match=text):
        fill_and_stop(atomic_path(path), stopped)
    assert names(tmp_path) == (["a.json"] if earlier else [])
    assert not earlier or path.read_text() == earlier


def test_atomic_path_full_device_names_the_file(tmp_path):
    (tmp_path / "a.npz.part").symlink_to("/dev/full")
    text = r"^\S+/a\.npz: cannot be written: No space left on device\. Expected"
    with pytest.raises(OutputError, match=text), atomic_path(tmp_path / "a.npz") as part:
        part.write_bytes(bytes(1 << 16))
    assert names(tmp_path) == []


def test_atomic_path_two_writers_second_is_refused(tmp_path):
    path = tmp_path / "a.json"
    with atomic_path(path) as part:
        part.write_text("first")
        with pytest.raises(OutputError, match="another process is writing it"), atomic_path(path):
            pytest.fail("two writers of one file")
    assert path.read_text() == "first"
    with atomic_folder(tmp_path / "f") as folder:
        (folder / "x").write_text("1")
        with pytest.raises(OutputError, match="another process is writing it"), atomic_folder(tmp_path / "f"):
            pytest.fail("two writers of one folder")
    assert names(tmp_path) == ["a.json", "f", "x"]


def test_atomic_folder_replaces_the_earlier_one(tmp_path):
    for text in ("one", "two"):
        with atomic_folder(tmp_path / "f") as part:
            (part / text).write_text(text)
    with pytest.raises(ValueError, match="stop"):
        fill_and_stop(atomic_folder(tmp_path / "f"), ValueError("stop"))
    assert names(tmp_path) == ["f", "two"]


def test_atomic_folder_keeps_other_folders_of_the_user(tmp_path):
    for name in ("f", "f.old"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "mine").write_text("1")
    with atomic_folder(tmp_path / "f") as part:
        (part / "new").write_text("2")
    assert names(tmp_path) == ["f", "f.old", "mine", "new"]


def test_write_together_writes_all_or_none(tmp_path):
    def fails(path: Path) -> None:
        path.write_text("cut")
        raise FULL

    good = {tmp_path / name: (lambda path, text=name: path.write_text(text)) for name in ("a", "b")}
    write_together(good)
    with pytest.raises(OutputError, match=r"/c: cannot be written"):
        write_together({tmp_path / "a": lambda path: path.write_text("other"), tmp_path / "c": fails})
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a": "a", "b": "b"}


CODE = """
import subprocess, sys, tempfile, time
from pathlib import Path
from trigger_lut import cli, commands
from trigger_lut.utils.files import atomic_path

def work(args):
    tempfile.mkdtemp()
    with atomic_path(Path(sys.argv[1])) as part:
        part.write_text("half")
        print("ready", flush=True)
        time.sleep(60)

work.__name__ = "new"
commands.new = work
sys.exit(cli.main(["new", sys.argv[1]]))
"""


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_main_stopped_by_a_signal_leaves_nothing(tmp_path, number, status):
    """After SIGKILL the next command removes what was left."""
    temporary, output = tmp_path / "tmp", tmp_path / "out" / "a.json"
    temporary.mkdir()
    command, env = [sys.executable, "-c", CODE, str(output)], {**os.environ, "TMPDIR": str(temporary)}
    with hearing_interrupts():
        started = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with started as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        assert process.wait(timeout=30) == status
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()
    if number == signal.SIGKILL:
        assert names(temporary)
        assert names(output.parent) == ["a.json.part"]
        with locked_folder(temporary, "trigger_lut-"), atomic_path(output) as part:
            part.write_text("whole")
        assert output.read_text() == "whole"
    else:
        assert not output.exists()
    assert names(temporary) == []
    assert names(output.parent) == (["a.json"] if number == signal.SIGKILL else [])


def test_scratch_folder_keeps_those_in_use(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    with scratch_folder() as first:
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        with scratch_folder() as second:
            assert first.is_dir()
            assert second.is_dir()
            assert os.environ["TMPDIR"] == str(second)
        assert first.is_dir()
    assert names(tmp_path) == []


@pytest.mark.parametrize("moment", ["before it is opened", "before it is locked"])
def test_locked_folder_removed_by_a_sibling_is_made_again(moment, tmp_path, monkeypatch):
    opened, removed = os.open, []

    def open_late(path, flags, **others):
        if not removed and moment == "before it is opened":
            removed.append(Path(path).rmdir())
        lock = opened(path, flags, **others)
        if not removed:
            removed.append(Path(path).rmdir())
        return lock

    monkeypatch.setattr(os, "open", open_late)
    with locked_folder(tmp_path, "a-") as folder:
        assert folder.is_dir()
    assert removed == [None]
    assert list(tmp_path.iterdir()) == []
