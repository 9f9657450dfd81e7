"""Yosys for ECP5 in a process of its own: python -m trigger_lut.route.synthesis TOP NETLIST.json FILE.v..."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from trigger_lut.errors import ToolFailedError, ToolMissingError
from trigger_lut.yosys import ADDERS_STAY


def synthesise_ecp5(files: list[Path], top: str, netlist: Path) -> None:
    """Write the netlist of Verilog files as JSON for nextpnr. Raises ToolMissingError or ToolFailedError."""
    if find_spec("pyosys") is None:
        raise ToolMissingError("Yosys is not installed; install it with: pip install pyosys==0.70")
    command = [sys.executable, "-m", "trigger_lut.route.synthesis", top, str(netlist), *map(str, files)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    if done.returncode or not netlist.is_file():
        errors = re.findall(r"^.*ERROR:.*$", done.stdout, re.MULTILINE) or done.stdout.strip().splitlines()[-10:]
        raise ToolFailedError(f"Yosys ended with status {done.returncode} on {top}:\n" + "\n".join(errors))


def passes(top: str, netlist: str, files: list[str]) -> list[str]:
    """Yosys' commands in order; adders stay carry chains, as in `yosys`."""
    return [
        "read_verilog -defer -sv " + " ".join(f'"{name}"' for name in files),
        f"hierarchy -check -top {top}",
        *ADDERS_STAY,
        f"synth_ecp5 -top {top} -abc9",
        "check -assert",
        f'write_json "{netlist}"',
    ]


def main() -> None:
    from pyosys import libyosys

    top, netlist, *files = sys.argv[1:]
    design = libyosys.Design()
    for command in passes(top, netlist, files):
        design.run_pass(command)


if __name__ == "__main__":
    main()
