"""Limits of memory for what a stage computes, and for the programs that it runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

PROGRAM_BYTES = 4 << 30
"""Address space of Yosys and of ABC in a proof: 4 GiB each, one after the other."""


def limited(command: Sequence[str | Path], memory_bytes: int | None) -> list[str]:
    """Return the command that runs a program within a limit of its address space (RLIMIT_AS).

    Parameters
    ----------
    command
        Program and arguments.
    memory_bytes
        The limit in bytes; None: no limit.

    Returns
    -------
    list of str
        Words of the command: the program itself, or a shell that sets the limit and becomes the program.
    """
    words = [str(part) for part in command]
    if memory_bytes is None:
        return words
    return ["/bin/sh", "-c", f'ulimit -v {memory_bytes >> 10} && exec "$@"', "sh", *words]


def gigabytes(memory_bytes: int) -> str:
    """Return an amount of memory as text for messages.

    Parameters
    ----------
    memory_bytes : int
        The amount in bytes.

    Returns
    -------
    str
        The amount in units of 10^9 bytes, such as "4.3 GB".
    """
    return f"{memory_bytes / 1e9:.1f} GB"
