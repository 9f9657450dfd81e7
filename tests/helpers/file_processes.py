"""A process of its own for each test file, where pytest-xdist spreads the tests over workers.

XLA never unmaps compiled code, and Linux allows a process 65,530 mappings. A worker that runs every file in turn can
reach that limit, and then ends with a segmentation fault. So a worker forks once a file. It has imported TensorFlow
by then, for the collection of the tests, but has computed nothing with it. A crash costs the test it happens in.
"""

from __future__ import annotations

import os
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

import pytest
from _pytest.runner import runtestprotocol


class FileProcess(NamedTuple):
    """The process that runs the tests of one file."""

    pid: int
    connection: Connection


class FileProcesses:
    """Plug-in of a worker: sends each test to the process of its file, and logs the reports that come back."""

    def __init__(self) -> None:
        self.running: FileProcess | None = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool:
        same_file = nextitem is not None and nextitem.path == item.path
        process = self.running or fork(item.session)
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        for report in run_there(process, item, nextitem if same_file else None):
            item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        self.running = process if same_file and not process.connection.closed else None
        return True


def fork(session: pytest.Session) -> FileProcess:
    """Start a process that waits for tests of this session."""
    here, there = Pipe()
    pid = os.fork()
    if pid:
        there.close()
        return FileProcess(pid, here)
    here.close()
    try:
        serve(session, there)
        os._exit(0)
    finally:
        os._exit(1)


def serve(session: pytest.Session, connection: Connection) -> None:
    """Run the tests that are named by their places in the session, until one has no next test."""
    hook = session.config.hook
    nextitem = True
    while nextitem:
        place, next_place = connection.recv()
        item = session.items[place]
        nextitem = None if next_place is None else session.items[next_place]
        reports = runtestprotocol(item, log=False, nextitem=nextitem)
        connection.send([hook.pytest_report_to_serializable(config=session.config, report=r) for r in reports])


def run_there(process: FileProcess, item: pytest.Item, nextitem: pytest.Item | None) -> list[pytest.TestReport]:
    """Return the reports of a test from the process of its file. If that process ends, the test has failed."""
    config, items = item.config, item.session.items
    try:
        process.connection.send((items.index(item), None if nextitem is None else items.index(nextitem)))
        received: list[dict[str, Any]] = process.connection.recv()
    except (EOFError, OSError):
        reports = [crash_report(item, os.waitpid(process.pid, 0)[1])]
        process.connection.close()
        return reports
    if nextitem is None:
        process.connection.close()
        os.waitpid(process.pid, 0)
    return [config.hook.pytest_report_from_serializable(config=config, data=data) for data in received]


def crash_report(item: pytest.Item, status: int) -> pytest.TestReport:
    """Return the report of a test whose process ended, with its exit status."""
    text = f"{item.nodeid}: the process of this test file ended with {os.waitstatus_to_exitcode(status)}"
    return pytest.TestReport(
        nodeid=item.nodeid,
        location=item.location,
        keywords=dict.fromkeys(item.keywords, 1),
        outcome="failed",
        longrepr=text,
        when="call",
    )
