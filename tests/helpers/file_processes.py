"""A process of its own for each test file, where pytest-xdist spreads the tests over workers.

XLA never unmaps compiled code, and Linux allows a process 65,530 mappings. A worker that runs every file in turn can
reach that limit, and then ends with a segmentation fault. So a worker starts a process once a file. A crash costs the
test it happens in. A fork would not do: TensorFlow's threads do not survive it.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

import pytest
from _pytest.runner import runtestprotocol

VARIABLE = "TRIGGER_LUT_TEST_FILE_CONNECTION"
"""Environment variable with the file descriptor on which a process of a file receives its tests."""


def register(config: pytest.Config) -> None:
    """Add the plug-in of a worker, or of a process that a worker started."""
    if hasattr(config, "workerinput"):
        config.pluginmanager.register(FileProcesses())
    elif descriptor := os.environ.pop(VARIABLE, None):
        config.pluginmanager.register(Served(Connection(int(descriptor))))


class FileProcess(NamedTuple):
    """The process that runs the tests of one file."""

    process: subprocess.Popen[bytes]
    connection: Connection


class FileProcesses:
    """Plug-in of a worker: sends each test to the process of its file, and logs the reports that come back."""

    def __init__(self) -> None:
        self.running: FileProcess | None = None
        self.numbers = itertools.count()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool:
        same_file = nextitem is not None and nextitem.path == item.path
        started = self.running or start(item, next(self.numbers))
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        for report in run_there(started, item, nextitem if same_file else None):
            item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        self.running = started if same_file and not started.connection.closed else None
        return True


class Served:
    """Plug-in of a file's process: runs the tests that are named to it, until one has no next test."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        items = {item.nodeid: item for item in session.items}
        nextitem = True
        while nextitem:
            name, next_name = self.connection.recv()
            nextitem = items.get(next_name)
            reports = runtestprotocol(items[name], log=False, nextitem=nextitem)
            hook = session.config.hook
            self.connection.send([hook.pytest_report_to_serializable(config=session.config, report=r) for r in reports])
        return True


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


def run_there(started: FileProcess, item: pytest.Item, nextitem: pytest.Item | None) -> list[pytest.TestReport]:
    """Return the reports of a test from the process of its file. If that process ends, the test has failed."""
    connection = started.connection
    try:
        connection.send((item.nodeid, None if nextitem is None else nextitem.nodeid))
        received: list[dict[str, Any]] = connection.recv()
    except (EOFError, OSError):
        reports = [crash_report(item, started.process.wait())]
        connection.close()
        return reports
    if nextitem is None:
        connection.close()
        end(started.process)
    config = item.config
    return [config.hook.pytest_report_from_serializable(config=config, data=data) for data in received]


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
