"""Verilog as an and-inverter graph in AIGER form, by Yosys, with the pipeline's registers taken as wires.

That is what a feed-forward pipeline computes: output n is the function of input n alone, if every path from data_in to
data_out crosses as many registers. Whether they do is for the caller to check, see `structure`.
"""

from __future__ import annotations

import tempfile
from importlib.util import find_spec
from pathlib import Path

from trigger_lut.errors import ToolMissingError
from trigger_lut.synthesis.yosys import run_yosys
from trigger_lut.utils.memory import PROGRAM_BYTES

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


def write_aiger(files: list[Path], top: str, *, path: Path, undefined_as_zero: bool = False) -> None:
    """Write the function of a module as AIGER: inputs and outputs bit by bit, in the order of its ports.

    Parameters
    ----------
    files
        Verilog files.
    top
        Name of the module.
    path
        The file that is written.
    undefined_as_zero
        Take undefined values and nets that nothing drives as 0, as a synthesis tool may; else they are an error.

    Raises
    ------
    ToolMissingError
        Without pyosys.
    ToolLimitError
        When Yosys reaches its limit of memory.
    ToolFailedError
        When Yosys fails, with its message.
    """
    undefined = (
        ["setundef -zero"] if undefined_as_zero else ["setundef -undriven -anyseq", "select -assert-none t:$anyseq"]
    )
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
            *undefined,
            "memory_map",
            "techmap",
            "aigmap",
            "opt_clean -purge",
            f'write_aiger "{path}"',
        ]
        run_yosys(commands, path, what=top, memory_bytes=PROGRAM_BYTES)


def abc_program() -> Path:
    """Return the path of the ABC that comes with pyosys. Raises ToolMissingError."""
    spec = find_spec("pyosys")
    program = Path(spec.origin).parent / "yosys-abc" if spec is not None and spec.origin else None
    if program is None or not program.is_file():
        raise ToolMissingError("ABC is not installed; it comes with: pip install pyosys==0.70")
    return program
