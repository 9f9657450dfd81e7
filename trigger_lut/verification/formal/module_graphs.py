"""Verilog as an and-inverter graph, with the pipeline's registers taken as wires and undefined values as 0.

Each module becomes gates once, and each of its instances a copy of them. So a module of many instances costs
little more than one of a single instance.

That is what a feed-forward pipeline computes: output n is the function of input n alone, if every path from data_in to
data_out crosses as many registers. Whether they do is for the caller to check, see `structure`.
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from trigger_lut.verification.formal.netlist_graph import (
    Bit,
    Blaster,
    Gates,
    Literals,
    NetLiterals,
    copied,
    literal_of,
)
from trigger_lut.verification.formal.netlist_reader import read_design
from trigger_lut.verification.formal.sat import Graph

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


def module_graph(files: Sequence[Path], top: str) -> Graph:
    """Make the graph of a module from all its inputs to all its outputs.

    Parameters
    ----------
    files
        Verilog files.
    top
        Name of the module.

    Returns
    -------
    Graph
        Inputs and outputs bit by bit, in the order of the module's ports.

    Raises
    ------
    ToolMissingError
        Without pyosys.
    ToolLimitError
        When Yosys reaches its limit of memory, and for a graph that is too large for SAT.
    ToolFailedError
        When Yosys fails, with its message.
    """
    with tempfile.TemporaryDirectory(prefix="trigger_lut_wires_") as folder:
        wires = Path(folder, "wires.v")
        wires.write_text(WIRES)
        passes = [
            "proc -norom -noopt",
            f'techmap -map "{wires}"',
            "opt_clean -purge",
            "setundef -undriven -zero",
        ]
        modules, _ = read_design(files, top, passes=passes)
    return _Copies(modules, {}).graph(top)


class _Copies(Blaster):
    """The gates of a module whose instances are copies of graphs; `graphs` are those of modules by name."""

    def __init__(self, modules: Mapping[str, Any], graphs: dict[str, Graph], inputs: int = 0) -> None:
        super().__init__(Gates(inputs), modules, exclusive=True)
        self._graphs = graphs

    def graph(self, name: str) -> Graph:
        """Return the graph of a module, which is built once."""
        if name not in self._graphs:
            inputs, outputs = (_port_bits(self._modules[name]["ports"], way) for way in ("input", "output"))
            own = _Copies(self._modules, self._graphs, len(inputs))
            nets: NetLiterals = {bit: 2 * (n + 1) for n, bit in enumerate(inputs)}
            undefined = own.module(name, nets)
            assert not undefined, "Yosys has replaced undefined values"
            self._graphs[name] = own.gates.graph([literal_of(bit, nets) for bit in outputs])
        return self._graphs[name]

    def _box(self, cell: dict[str, Any], nets: NetLiterals, flags: dict[Bit, int]) -> None:
        inner, outer = self._modules[cell["type"]]["ports"], cell["connections"]
        inputs: Literals = []
        for port, own in inner.items():
            if own["direction"] == "input":
                inputs += [literal_of(bit, nets) for bit in outer.get(port, ["0"] * len(own["bits"]))]
        outputs = iter(copied(self.gates, self.graph(cell["type"]), inputs=inputs))
        for port, own in inner.items():
            if own["direction"] == "output":
                literals = list(itertools.islice(outputs, len(own["bits"])))
                nets |= zip(outer.get(port, []), literals, strict=False)


def _port_bits(ports: Mapping[str, Any], way: str) -> list[Bit]:
    return [bit for port in ports.values() if port["direction"] == way for bit in port["bits"]]
