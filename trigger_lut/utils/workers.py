"""A pool of processes for independent tasks, which ends at once when the command is stopped."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import active_children
from multiprocessing.context import SpawnContext, SpawnProcess
from multiprocessing.process import BaseProcess

from trigger_lut.utils.messages import log_to_stderr


@contextlib.contextmanager
def workers(jobs: int) -> Iterator[ProcessPoolExecutor]:
    """Give a pool of processes, and wait for them at the end.

    An exception in the block kills them and the programs that they run: SIGTERM and Ctrl-C wait for no task. The
    processes are not forked: native libraries of this process do not survive it. Each has a session of its own, so
    that Ctrl-C reaches this process alone; Ctrl-C during its start is dropped.

    Parameters
    ----------
    jobs
        Processes at a time.

    Yields
    ------
    ProcessPoolExecutor
        The pool.
    """
    others = set(active_children())
    pool = ProcessPoolExecutor(jobs, mp_context=_Context(), initializer=_begin)
    try:
        yield pool
    except BaseException:
        for process in set(active_children()) - others:
            _kill(process)
        raise
    finally:
        pool.shutdown(cancel_futures=True)


class _Process(SpawnProcess):
    """A process that starts with Ctrl-C blocked: its interpreter would answer with a traceback."""

    def start(self) -> None:
        """Start it; a new process inherits the blocked signals of this one."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        try:
            super().start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Context(SpawnContext):
    """The start of processes for a pool."""

    Process = _Process


def _begin() -> None:
    os.setsid()
    hearing = signal.signal(signal.SIGINT, signal.SIG_IGN)  # this drops a Ctrl-C of its start
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
    signal.signal(signal.SIGINT, hearing)
    log_to_stderr()


def _kill(process: BaseProcess) -> None:
    """Kill a process and all programs in its session.

    The process comes first: one that makes its session and starts a program at this moment leaves no program behind.
    """
    assert process.pid is not None, "it was started"
    process.kill()
    with contextlib.suppress(ProcessLookupError):  # it had no session yet, and no programs
        os.killpg(process.pid, signal.SIGKILL)
