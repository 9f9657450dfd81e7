"""A process that runs test files for a worker of pytest-xdist, until it has used too much of the machine.

XLA never unmaps compiled code, and Linux allows a process 65,530 mappings. A worker that runs every file in turn can
reach that limit, and then ends with a segmentation fault. So a worker hands its files to a process, and starts another
one once that process has many mappings or much memory. A process per file would cost an import of TensorFlow each. A
crash costs the test it happens in. A fork would not do: TensorFlow's threads do not survive it.
"""

from __future__ import annotations

import itertools
import os
import resource
import subprocess
import sys
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

import pytest
from _pytest.runner import runtestprotocol

VARIABLE = "TRIGGER_LUT_TEST_FILE_CONNECTION"
"""Environment variable with the file descriptor on which a process receives its tests."""

MAX_MAPPINGS = 20_000
"""Mappings above which a process gets no further file: a third of what Linux allows, as one file may add the rest."""

MAX_MEMORY_KB = 3_000_000
"""Peak memory in kB above which a process gets no further file."""


def register(config: pytest.Config) -> None:
    """Add the plug-in of a worker, or of a process that a worker started."""
    if hasattr(config, "workerinput"):
        config.pluginmanager.register(FileProcesses())
    elif descriptor := os.environ.pop(VARIABLE, None):
        config.pluginmanager.register(Served(Connection(int(descriptor))))


class FileProcess(NamedTuple):
    """The process that runs the tests of files, one file after the other."""

    process: subprocess.Popen[bytes]
    connection: Connection


class FileProcesses:
    """Plug-in of a worker: sends each test to a process, and logs the reports that come back."""

    def __init__(self) -> None:
        self.running: FileProcess | None = None
        self.numbers = itertools.count()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool:
        same_file = nextitem is not None and nextitem.path == item.path
        self.running = self.running or start(item, next(self.numbers))
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        reports, reusable = run_there(self.running, item, nextitem if same_file else None)
        for report in reports:
            item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        if nextitem is None or not (same_file or reusable):
            self.end()
        elif self.running.connection.closed:
            self.running = None
        return True

    def pytest_sessionfinish(self) -> None:
        self.end()

    def end(self) -> None:
        if self.running is not None:
            self.running.connection.close()
            end(self.running.process)
            self.running = None


class Served:
    """Plug-in of such a process: runs the tests that are named to it, until the connection closes."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        hook = session.config.hook
        items = {item.nodeid: item for item in session.items}
        while True:
            try:
                path, name, next_name = self.connection.recv()
            except EOFError:
                return True
            if name not in items:
                items = {item.nodeid: item for item in session.perform_collect([path])}
            reports = runtestprotocol(items[name], log=False, nextitem=items.get(next_name))
            data = [hook.pytest_report_to_serializable(config=session.config, report=report) for report in reports]
            self.connection.send((data, is_small()))


def is_small() -> bool:
    """Return whether this process may run a further file."""
    maps = Path("/proc/self/maps")
    mappings = len(maps.read_bytes().splitlines()) if maps.exists() else 0
    return mappings < MAX_MAPPINGS and resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < MAX_MEMORY_KB


def start(item: pytest.Item, number: int) -> FileProcess:
    """Start a process that collects the file of a test and waits for tests."""
    config = item.config
    here, there = Pipe()
    temporary = config._tmp_path_factory.getbasetemp() / f"file_{number}"  # type: ignore[attr-defined]
    options = ["-q", "-n", "0", "-m", config.option.markexpr, f"--basetemp={temporary}", f"--rootdir={config.rootpath}"]
    if config.inipath is not None:
        options += ["-c", str(config.inipath)]
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", *options, str(item.path)],
        cwd=config.invocation_params.dir,
        env={**os.environ, VARIABLE: str(there.fileno())},
        pass_fds=[there.fileno()],
        stdout=subprocess.DEVNULL,
    )
    there.close()
    return FileProcess(process, here)


def run_there(
    started: FileProcess, item: pytest.Item, nextitem: pytest.Item | None
) -> tuple[list[pytest.TestReport], bool]:
    """Return the reports of a test from its process, and whether that may run a further file.

    If the process ends, the test has failed.
    """
    connection = started.connection
    try:
        connection.send((str(item.path), item.nodeid, None if nextitem is None else nextitem.nodeid))
        received, reusable = connection.recv()
    except (EOFError, OSError):
        connection.close()
        return [crash_report(item, started.process.wait())], False
    config = item.config
    reports = [config.hook.pytest_report_from_serializable(config=config, data=data) for data in received]
    return reports, reusable


def end(process: subprocess.Popen[bytes]) -> None:
    """Wait for a process that has no test left, and kill it if it does not end."""
    try:
        process.wait(timeout=120)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def crash_report(item: pytest.Item, status: int) -> pytest.TestReport:
    """Return the report of a test whose process ended, with its exit status."""
    return pytest.TestReport(
        nodeid=item.nodeid,
        location=item.location,
        keywords=dict.fromkeys(item.keywords, 1),
        outcome="failed",
        longrepr=f"{item.nodeid}: the process of this test file ended with {status}",
        when="call",
    )
