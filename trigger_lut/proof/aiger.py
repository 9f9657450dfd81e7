"""Verilog as an and-inverter graph in AIGER form, by Yosys, with the pipeline's registers taken as wires.

That is what a feed-forward pipeline computes: output n is the function of input n alone, if every path from data_in to
data_out passes as many registers. That they do is measured by simulation, cycle by cycle.

Run as `python -m trigger_lut.proof.aiger TOP OUT.aig FILE.v...`; `write_aiger` does that, as Yosys is native code.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from trigger_lut.errors import ToolFailedError, ToolMissingError

WIRES = r"""
module \$dff (CLK, D, Q);
    parameter WIDTH = 1;
    parameter CLK_POLARITY = 1'b1;
    input CLK;
    input [WIDTH-1:0] D;
    output [WIDTH-1:0] Q;
    assign Q = D;
endmodule
"""


def write_aiger(files: list[Path], top: str, path: Path) -> None:
    """Write the function of a module as AIGER: inputs and outputs bit by bit, in the order of its ports.

    Raises ToolMissingError without pyosys, ToolFailedError with Yosys' message when it fails.
    """
    if find_spec("pyosys") is None:
        raise ToolMissingError("Yosys is not installed; install it with: pip install pyosys==0.70")
    command = [sys.executable, "-m", "trigger_lut.proof.aiger", top, str(path), *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    if done.returncode or not path.is_file():
        said = [line for line in (done.stdout + done.stderr).splitlines() if "ERROR" in line]
        raise ToolFailedError(f"Yosys ended with status {done.returncode} on {top}: {'; '.join(said[:5])}")


def abc_program() -> Path:
    """The ABC that comes with pyosys. Raises ToolMissingError."""
    spec = find_spec("pyosys")
    program = Path(spec.origin).parent / "yosys-abc" if spec is not None and spec.origin else None
    if program is None or not program.is_file():
        raise ToolMissingError("ABC is not installed; it comes with: pip install pyosys==0.70")
    return program


def main() -> None:
    from pyosys import libyosys

    top, path, *files = sys.argv[1:]
    design = libyosys.Design()
    with tempfile.TemporaryDirectory() as folder:
        wires = Path(folder, "wires.v")
        wires.write_text(WIRES)
        names = " ".join(f'"{name}"' for name in files)
        for command in (
            f"read_verilog -sv {names}",
            f"hierarchy -check -top {top}",
            "proc -noopt",
            "flatten",
            f'techmap -map "{wires}"',
            "opt -purge",
            "setundef -zero",
            "memory_map",
            "techmap",
            "aigmap",
            "opt_clean -purge",
            f'write_aiger "{path}"',
        ):
            design.run_pass(command)


if __name__ == "__main__":
    main()
