"""A pool of processes for independent tasks, which ends at once when the command is stopped."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import active_children, get_context
from multiprocessing.process import BaseProcess

from trigger_lut.utils.messages import log_to_stderr


@contextlib.contextmanager
def workers(jobs: int) -> Iterator[ProcessPoolExecutor]:
    """Give a pool of processes, and wait for them at the end.

    An exception in the block kills them and the programs that they run: SIGTERM and Ctrl-C wait for no task. The
    processes are not forked: native libraries of this process do not survive it. Each has a session of its own, so
    that Ctrl-C reaches this process alone.

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
    pool = ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=_begin)
    try:
        yield pool
    except BaseException:
        for process in set(active_children()) - others:
            _kill(process)
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _begin() -> None:
    os.setsid()
    log_to_stderr()


def _kill(process: BaseProcess) -> None:
    """Kill a process and all programs in its session."""
    assert process.pid is not None, "it was started"
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:  # it has no session yet, and no programs
        process.kill()
