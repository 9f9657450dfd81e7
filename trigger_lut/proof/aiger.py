"""Verilog as an and-inverter graph in AIGER form, by Yosys, with the pipeline's registers taken as wires.

That is what a feed-forward pipeline computes: output n is the function of input n alone, if every path from data_in to
data_out passes as many registers. That they do is measured by simulation, cycle by cycle.
"""

from __future__ import annotations

import tempfile
from importlib.util import find_spec
from pathlib import Path

from trigger_lut.errors import ToolMissingError
from trigger_lut.yosys import run_yosys

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
    with tempfile.TemporaryDirectory(prefix="trigger_lut_aiger_") as folder:
        wires = Path(folder, "wires.v")
        wires.write_text(WIRES)
        commands = [
            "read_verilog -sv " + " ".join(f'"{name}"' for name in files),
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
        ]
        run_yosys(commands, path, top)


def abc_program() -> Path:
    """The ABC that comes with pyosys. Raises ToolMissingError."""
    spec = find_spec("pyosys")
    program = Path(spec.origin).parent / "yosys-abc" if spec is not None and spec.origin else None
    if program is None or not program.is_file():
        raise ToolMissingError("ABC is not installed; it comes with: pip install pyosys==0.70")
    return program
