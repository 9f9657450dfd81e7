"""One folder for all temporary files of a command, removed at its end, and clear messages when it is stopped."""

from __future__ import annotations

import contextlib
import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import NoReturn

from trigger_lut.errors import OutputError
from trigger_lut.utils.files import locked_folder

PREFIX = "trigger_lut-"


@contextlib.contextmanager
def scratch_folder() -> Iterator[Path]:
    """Send the temporary files of this process and of its children to one folder.

    The folder is removed at the end, also after SIGTERM. After SIGKILL the next command removes it.

    Yields
    ------
    Path
        The folder, below $TMPDIR.

    Raises
    ------
    OutputError
        If $TMPDIR cannot be used.
    """
    parent, previous = Path(tempfile.gettempdir()), (tempfile.tempdir, os.environ.get("TMPDIR"))
    with contextlib.ExitStack() as stack:
        try:
            folder = stack.enter_context(locked_folder(parent, PREFIX))
        except OSError as error:
            problem = f"no temporary folder can be made: {error.strerror}. Set TMPDIR to a folder with free space."
            raise OutputError(parent, problem) from error
        tempfile.tempdir = os.environ["TMPDIR"] = str(folder)
        try:
            yield folder
        finally:
            tempfile.tempdir = previous[0]
            if previous[1] is None:
                del os.environ["TMPDIR"]
            else:
                os.environ["TMPDIR"] = previous[1]


class Stopped(SystemExit):
    """The end of a process that got a signal, with its exit status."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def stop_on_sigterm() -> None:
    """Let SIGTERM end the process as SystemExit does, so that temporary folders and partial outputs are removed."""
    signal.signal(signal.SIGTERM, _stop)


def _stop(number: int, _: FrameType | None) -> NoReturn:
    raise Stopped(128 + number)
