"""Commands that a signal stops, and which of their processes are left."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

needs_proc = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="no /proc")


def processes_of(temporary: Path) -> dict[int, str]:
    """Command lines of the living processes, by number, whose files go into a folder."""
    processes = {}
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"TMPDIR={temporary}".encode() in (process / "environ").read_bytes():
                processes[int(process.name)] = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    return processes


@contextlib.contextmanager
def hearing_interrupts() -> Iterator[None]:
    """Start commands that Ctrl-C stops: a job in the background of a shell ignores it, and so do its children."""
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def stopped(
    command: Sequence[str], temporary: Path, program: str, stop: Callable[[subprocess.Popen[str]], None]
) -> tuple[int, str]:
    """Stop a command once it runs a program; its exit status and messages.

    temporary: takes its files. stop: sends the signal. Fails where the command takes more than 10 s to end, or leaves
    a process or a file.
    """
    temporary.mkdir()
    env = {**os.environ, "TMPDIR": str(temporary)}
    with hearing_interrupts():
        started = subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True, start_new_session=True)
    with started as process:
        ends = time.monotonic() + 120
        while not any(program in text for text in processes_of(temporary).values()):
            assert process.poll() is None
            assert time.monotonic() < ends, f"{program} does not run"
            time.sleep(0.05)
        stop(process)
        status = process.wait(timeout=10)
        assert process.stderr is not None
        text = process.stderr.read()
    ends = time.monotonic() + 5
    while left := processes_of(temporary):
        assert time.monotonic() < ends, left
        time.sleep(0.05)
    assert not list(temporary.iterdir())
    return status, text
