"""A sandbox for code of a release: bubblewrap (`bwrap`), where it is installed and works."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import trigger_lut

DESCRIPTION = "bwrap: no network, read-only file system, private /tmp"
NONE = "none: code of the release ran with the rights of this user"


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
