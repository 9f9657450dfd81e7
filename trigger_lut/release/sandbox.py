"""A process of its own for code of a release, in a sandbox of bubblewrap (`bwrap`) where it is installed and works.

Each form runs in its own copy of the release. It gets input codes and gives output codes: expected outputs and the
comparison stay in the process that checks.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Protocol

import numpy as np

import trigger_lut
from trigger_lut.errors import ToolFailedError
from trigger_lut.firmware.backend import Prediction
from trigger_lut.firmware.rtl.verilator import LIBRARY, verilator_library
from trigger_lut.fixed_point.formats import IntArray
from trigger_lut.release.inside import CODES, FIGURES, OBJECTS, OUTPUTS, RELEASE
from trigger_lut.utils.programs import cxx_compiler, verilator_root

DESCRIPTION = "bwrap: no network, read-only file system, private /tmp"
NONE = "none: code of the release ran with the rights of this user"
LONGEST_SECONDS = 3600  # for a form
MOST_BYTES = 1 << 30  # of the outputs of a form
MOST_SAID = 1 << 16  # bytes of a form's figures
SIMULATED = ("rtl", "decision_verilog", "axi_stream", "object_step", "object_step_network")
SHOWN = 600  # last characters of the error of a form


def sandbox(folder: Path) -> list[str] | None:
    """Return the command that runs another one without network, with `folder` as the only place to write.

    None where bwrap is not installed, or does not work on this machine.
    """
    program = shutil.which("bwrap")
    if program is None:
        return None
    command = [program, "--unshare-all", "--die-with-parent", "--new-session", "--ro-bind", "/", "/"]
    command += ["--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp"]
    # What lies in /tmp itself is needed: the interpreter, this package, and the folder.
    for needed in (Path(sys.prefix), Path(sys.base_prefix), Path(trigger_lut.__file__).parents[1]):
        if needed.resolve().is_relative_to("/tmp"):
            command += ["--ro-bind", str(needed), str(needed)]
    command += ["--bind", str(folder), str(folder), "--setenv", "TMPDIR", str(folder), "--setenv", "HOME", str(folder)]
    command += ["--chdir", str(folder), "--"]
    works = subprocess.run([*command, "true"], capture_output=True, check=False)
    return command if works.returncode == 0 else None


class Run(Protocol):
    """`run_form` on a release."""

    def __call__(self, form: str, *, codes: IntArray) -> Prediction:
        """Run a form for codes."""
        ...


def run_form(form: str, release: Path, *, codes: IntArray, sandboxed: bool, trusted: bool = False) -> Prediction:
    """Run a form of a release in a process of its own.

    Parameters
    ----------
    form : str
        Name of a back end, or key of `FORMS`.
    release : Path
        Folder of the release, which is copied.
    codes : IntArray of shape (N, C)
        Input codes; of the decision's emulators, output codes of the network.
    sandboxed : bool
        Whether to use the sandbox where there is one.
    trusted : bool
        Whether it is a release of this user: programs may come from the user's cache. Else all is compiled anew.

    Raises
    ------
    ToolMissingError
        Without Verilator or a compiler for the Verilog.
    ToolFailedError
        When the form fails, takes too long, or leaves no results of the known form.
    """
    with tempfile.TemporaryDirectory(prefix="trigger_lut_form_") as scratch:
        folder = Path(scratch)
        shutil.copytree(release, folder / RELEASE)
        np.save(folder / CODES, codes)
        (folder / OBJECTS).mkdir()
        if form in SIMULATED:
            for name, compiled in zip(LIBRARY, verilator_library(verilator_root(), cxx_compiler()), strict=True):
                shutil.copy(compiled, folder / OBJECTS / f"{name}.o")
        around = (sandbox(folder) if sandboxed else None) or []
        command = [*around, sys.executable, "-P", "-m", "trigger_lut.release.inside", form, str(folder)]
        try:
            done = subprocess.run(
                command,
                cwd=folder,
                env={
                    **os.environ,
                    **({} if trusted else {"XDG_CACHE_HOME": str(folder / "cache")}),
                    "PYTHONPATH": _python_path(),
                },
                capture_output=True,
                text=True,
                errors="replace",
                timeout=LONGEST_SECONDS,
            )
        except subprocess.TimeoutExpired as error:
            raise ToolFailedError(
                f"the code of the release takes too long. Expected at most {LONGEST_SECONDS} s, stopped it then."
            ) from error
        if done.returncode:
            message = done.stderr.strip()[-SHOWN:]
            raise ToolFailedError(message or f"the code of the release ended with status {done.returncode}")
        return _results(folder)


def _python_path() -> str:
    """Return folders of modules for a process in another folder, where `release/` must not be searched for modules."""
    given = [str(Path(entry).absolute()) for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    return os.pathsep.join([str(Path(trigger_lut.__file__).parents[1]), *given])


def _results(folder: Path) -> Prediction:
    """Read results, which code of the release may have written: regular files of limited size, and plain integers."""
    try:
        for name, most in ((OUTPUTS, MOST_BYTES), (FIGURES, MOST_SAID)):
            status = (folder / name).lstat()
            if not stat.S_ISREG(status.st_mode) or status.st_size > most:
                raise ValueError(f"{name}: expected a regular file of at most {most} bytes")
        outputs = np.load(folder / OUTPUTS, allow_pickle=False)
        figures = json.loads((folder / FIGURES).read_text(encoding="utf-8"))
        if outputs.dtype != np.int64 or outputs.ndim != 2:
            raise ValueError(f"{OUTPUTS}: expected int64 of 2 dimensions, found {outputs.dtype} of {outputs.ndim}")
        if any(type(value) is not int for value in figures.values()):
            raise ValueError(f"{FIGURES}: expected integers, found other values")
        return Prediction(outputs, figures)
    except (OSError, ValueError, EOFError, TypeError, AttributeError, RecursionError) as error:
        raise ToolFailedError(
            f"the code of the release wrote results of another form than expected: {error}."
        ) from error
