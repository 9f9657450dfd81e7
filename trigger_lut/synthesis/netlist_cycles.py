"""Cycles of a netlist: how many registers lie between its inputs and each net."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trigger_lut.errors import NotReproducibleError, ToolFailedError
from trigger_lut.synthesis.netlist import NO_HARDWARE, SEQUENTIAL
from trigger_lut.synthesis.netlist_simulation import Bit, order, outputs, read

PORTS = ("data_out", "valid_out")


def registers_before(module: Mapping[str, Any]) -> dict[Bit, int]:
    """Count the registers between the inputs of a flat netlist and each net that depends on an input.

    A block RAM counts as one register. Raises ToolFailedError for a loop, and for a cell whose inputs have crossed
    different numbers of registers: it would mix two events.
    """
    cells = {name: cell for name, cell in module["cells"].items() if cell["type"] not in NO_HARDWARE}
    ports = module["ports"].values()
    found: dict[Bit, int] = {bit: 0 for port in ports if port["direction"] == "input" for bit in port["bits"]}
    for name in order(cells):
        crossed = {found[bit] for bit in read(cells[name]) if bit in found}
        if len(crossed) > 1:
            raise ToolFailedError(
                f"netlist: the cell {name} reads several events at once. Expected inputs behind the same number of "
                f"registers, found {sorted(crossed)}. Report the design that makes this cell"
            )
        register = SEQUENTIAL.fullmatch(cells[name]["type"]) is not None
        found |= {bit: n + register for n in crossed for bit in outputs(cells[name])}
    return found


def check_cycles(module: Mapping[str, Any], cycles: int, design: str) -> None:
    """Check that data and valid bit of a netlist take `cycles` clock cycles.

    Raises NotReproducibleError when they do not, ToolFailedError as `registers_before`.
    """
    crossed = registers_before(module)
    for port in PORTS:
        if wrong := {crossed[bit] for bit in module["ports"][port]["bits"] if bit in crossed} - {cycles}:
            raise NotReproducibleError(
                f"{design}: the netlist after synthesis has another latency than its Verilog. Expected {port} after "
                f"{cycles} cycles, found {sorted(wrong)}. Report the design"
            )
