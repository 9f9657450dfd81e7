"""Yosys in a process of its own: native code that writes to the terminal and may end the process.

Run as `python -m trigger_lut.yosys COMMAND...`; `run_yosys` does that.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from trigger_lut.errors import ToolFailedError, ToolMissingError

# Yosys joins adders that feed each other into sums of many operands, which it builds from full adders: two LUTs a bit
# and more logic levels, where a carry chain takes one LUT a bit. Turned into carry chains module by module, before
# the hierarchy is flattened, they stay the adders that were written, as in the vendors' tools.
ADDERS_STAY = ("proc", "opt", "wreduce", "opt_clean", "alumacc", "opt")

# Of Yosys' own mapping scripts the one with the fewest LUTs and levels (263 for 265 and 1,717 for 1,746 LUTs, 6 for 7
# levels in the default script).
MAPPING = "scratchpad -copy abc9.script.flow3 abc9.script"


def synthesise(files: list[Path], top: str, family: str) -> dict[str, Any]:
    """Synthesise Verilog for a Xilinx family, out of context: no pads, no clock buffers, no shift registers in LUTs.

    Returns the flat top module of Yosys' JSON netlist. Raises ToolMissingError without pyosys, ToolFailedError with
    Yosys' own message when it fails.
    """
    with tempfile.TemporaryDirectory(prefix="trigger_lut_yosys_") as folder:
        netlist = Path(folder, "netlist.json")
        run_yosys(passes(top, family, str(netlist), list(map(str, files))), netlist, top)
        modules = json.loads(netlist.read_text(encoding="utf-8"))["modules"]
    module: dict[str, Any] = modules[top]
    return module


def run_yosys(commands: list[str], output: Path, what: str) -> None:
    """Run Yosys' commands, which write `output`; `what` names the design in errors.

    Raises ToolMissingError without pyosys, ToolFailedError with Yosys' own message when it fails.
    """
    if find_spec("pyosys") is None:
        raise ToolMissingError("Yosys is not installed; install it with: pip install pyosys==0.70")
    command = [sys.executable, "-m", "trigger_lut.yosys", *commands]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    if done.returncode or not output.is_file():
        errors = re.findall(r"^.*ERROR:.*$", done.stdout, re.MULTILINE) or done.stdout.strip().splitlines()[-10:]
        raise ToolFailedError(f"Yosys ended with status {done.returncode} on {what}:\n" + "\n".join(errors))


def passes(top: str, family: str, netlist: str, files: list[str]) -> list[str]:
    """Yosys' commands in order."""
    return [
        "read_verilog -defer -sv " + " ".join(f'"{name}"' for name in files),
        f"hierarchy -check -top {top}",
        *ADDERS_STAY,
        MAPPING,
        f"synth_xilinx -top {top} -family {family} -flatten -noiopad -noclkbuf -nosrl -abc9",
        "check -assert",
        f'write_json -selected "{netlist}"',
    ]


def main() -> None:
    from pyosys import libyosys

    design = libyosys.Design()
    for command in sys.argv[1:]:
        design.run_pass(command)


if __name__ == "__main__":
    main()
