"""Number of registers between the inputs of a netlist and each net."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trigger_lut.errors import NotReproducibleError, ToolFailedError
from trigger_lut.synthesis.netlist import NO_HARDWARE, SEQUENTIAL, Bit, order, outputs, read

PORTS = ("data_out", "valid_out")


def registers_before(module: Mapping[str, Any]) -> dict[Bit, int]:
    """Count the registers between the inputs of a flat netlist and each net that depends on an input.

    Parameters
    ----------
    module
        Netlist. A block RAM counts as one register.

    Returns
    -------
    dict
        Number of registers by net.

    Raises
    ------
    ToolFailedError
        For a loop, or for a cell whose inputs have crossed different numbers of registers: it would mix two events.
    """
    cells = {name: cell for name, cell in module["cells"].items() if cell["type"] not in NO_HARDWARE}
    ports = module["ports"].values()
    crossed_by: dict[Bit, int] = {bit: 0 for port in ports if port["direction"] == "input" for bit in port["bits"]}
    for name in order(cells):
        crossed = {crossed_by[bit] for bit in read(cells[name]) if bit in crossed_by}
        if len(crossed) > 1:
            raise ToolFailedError(
                f"netlist: the cell {name} reads several events at once. Expected inputs behind the same number of "
                f"registers, found {sorted(crossed)}. Report the design that makes this cell"
            )
        register = SEQUENTIAL.fullmatch(cells[name]["type"]) is not None
        crossed_by |= {bit: n + register for n in crossed for bit in outputs(cells[name])}
    return crossed_by


def check_cycles(module: Mapping[str, Any], cycles: int, *, design: str) -> None:
    """Check that data and valid bit of a netlist take a number of clock cycles.

    Parameters
    ----------
    module
        Netlist.
    cycles
        Expected number.
    design
        Name of the design in the error.

    Raises
    ------
    NotReproducibleError
        If they take another number.
    ToolFailedError
        As `registers_before`.
    """
    crossed = registers_before(module)
    for port in PORTS:
        if wrong := {crossed[bit] for bit in module["ports"][port]["bits"] if bit in crossed} - {cycles}:
            raise NotReproducibleError(
                f"{design}: the netlist after synthesis has another latency than its Verilog. Expected {port} after "
                f"{cycles} cycles, found {sorted(wrong)}. Report the design"
            )
