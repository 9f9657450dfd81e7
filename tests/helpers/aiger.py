"""And-inverter graphs in AIGER form, as Yosys writes them: what our own graphs are compared with."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from trigger_lut.synthesis.yosys import run_yosys
from trigger_lut.verification.formal.module_graphs import WIRES
from trigger_lut.verification.formal.sat import Graph

UNDEFINED_AS_ZERO = ("setundef -zero",)
NONE_UNDEFINED = ("setundef -undriven -anyseq", "select -assert-none t:$anyseq")


def yosys_graph(files: list[Path], top: str, *, folder: Path, undefined: tuple[str, ...] = NONE_UNDEFINED) -> Graph:
    """The graph of a module by Yosys' own mapping of the flat design: registers are wires.

    undefined: passes that take undefined values and nets that nothing drives as 0, or refuse them.
    """
    wires, path = folder / "wires.v", folder / "graph.aig"
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
    run_yosys(commands, path, what=top)
    return read_graph(path)


def read_graph(path: Path) -> Graph:
    """Read a combinational binary AIGER file."""
    line, _, rest = path.read_bytes().partition(b"\n")
    head = line.split()
    assert head[0] == b"aig", line
    inputs, latches, outputs, gates = map(int, head[2:6])
    assert not latches
    literals = []
    for _ in range(outputs):
        text, _, rest = rest.partition(b"\n")
        literals.append(int(text))
    operands, at = np.zeros((gates, 2), dtype=np.int64), 0
    for n in range(gates):
        own = 2 * (inputs + n + 1)
        first, at = _number(rest, at)
        second, at = _number(rest, at)
        operands[n] = own - first, own - first - second
    return Graph(inputs, tuple(literals), operands)


def _number(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
