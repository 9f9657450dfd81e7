"""A Verilog module, cycle by cycle, as gates: all registers and inputs of the first cycle are free.

Yosys reads the text and flattens it; the words, registers and tables of its netlist become gates here. What Yosys calls
undefined (x) becomes a free variable wherever it is read, so a proof holds for any value of it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from trigger_lut.verification.formal.gate_cells import Cell, UnknownCellError, cell_outputs
from trigger_lut.verification.formal.gates import Bits, Gates
from trigger_lut.verification.formal.netlist_reader import read_design

PORTS = {"clk": "input", "valid_in": "input", "data_in": "input", "valid_out": "output", "data_out": "output"}


YOSYS_SECONDS = 300


class NotModeledError(Exception):
    """A circuit that is not a synchronous one of the documented ports and one clock."""


class WrongPortsError(Exception):
    """A module whose ports are not the documented ones."""


def read_netlist(files: Sequence[Path], top: str) -> dict[str, Any]:
    """Read Verilog as one flat module of words, registers and tables.

    Parameters
    ----------
    files
        Verilog files.
    top
        Name of the top-level module.

    Returns
    -------
    dict
        Module in the form of Yosys' JSON.

    Raises
    ------
    ToolMissingError
        If pyosys is not installed.
    ToolFailedError
        If Yosys refuses the Verilog; the message is its own.
    ToolLimitError
        If Yosys takes too much time or memory.
    """
    passes = ["proc -noopt", "flatten", "memory_collect", "opt_clean", "check -assert"]
    modules, _ = read_design(files, top, passes=passes, seconds=YOSYS_SECONDS)
    module: dict[str, Any] = modules[top]
    return module


class Unrolled:
    """The values of a module's nets in each cycle, built when they are asked for.

    Parameters
    ----------
    gates : Gates
        Where the values are built.
    module : dict
        From `read_netlist`.
    widths : dict
        Width of each port in `PORTS`.
    black_boxes : collection of str
        Modules whose instances are cells here. Their outputs are free variables in each cycle.

    Raises
    ------
    WrongPortsError
        When the ports are not `PORTS` of these widths.
    NotModeledError
        When a net has two drivers.
    """

    def __init__(
        self,
        gates: Gates,
        module: dict[str, Any],
        *,
        widths: dict[str, int],
        black_boxes: Collection[str] = (),
    ) -> None:
        self.gates = gates
        self.black_boxes = frozenset(black_boxes)
        self.ports = _checked_ports(module, widths)
        self.cells = {name: _cell(entry) for name, entry in module["cells"].items()}
        self.driver: dict[int, tuple[str, str, int]] = {}
        self.input_of: dict[int, tuple[str, int]] = {}
        for name in ("clk", "valid_in", "data_in"):
            for n, net in enumerate(self.ports[name]):
                if not isinstance(net, int) or net in self.input_of:
                    raise NotModeledError(f"the input {name}[{n}] is connected to a constant or another input")
                self.input_of[net] = (name, n)
        for name, cell in self.cells.items():
            for port, nets in cell.outputs.items():
                for n, net in enumerate(nets):
                    if not isinstance(net, int) or net in self.driver or net in self.input_of:
                        raise NotModeledError(f"a net with two drivers, one of them {name}")
                    self.driver[net] = (name, port, n)
        self._inputs: dict[tuple[str, int], Bits] = {}
        self._values: dict[tuple[str, int], dict[str, Bits]] = {}
        self._loose: dict[tuple[int, int], int] = {}
        self.registers: set[str] = set()

    def input(self, port: str, cycle: int) -> Bits:
        """Return the free variables of an input port in a cycle."""
        if (port, cycle) not in self._inputs:
            self._inputs[port, cycle] = self.gates.frees(len(self.ports[port]))
        return self._inputs[port, cycle]

    def give(self, port: str, cycle: int, *, bits: Bits) -> None:
        """Fix an input port in a cycle, before anything of that cycle is read.

        Parameters
        ----------
        port
            Name of the port.
        cycle
            Clock cycle.
        bits
            Literals, the lowest bit first.
        """
        assert (port, cycle) not in self._inputs
        self._inputs[port, cycle] = list(bits)

    def output(self, port: str, cycle: int) -> Bits:
        """Return the literals of an output port in a cycle; see `values`."""
        return self.values(self.ports[port], cycle)

    def values(self, nets: Sequence[Any], cycle: int) -> Bits:
        """Return the literals of nets in a cycle; from cycle 0, whose registers are free.

        Parameters
        ----------
        nets
            Nets of the module.
        cycle
            Clock cycle.

        Returns
        -------
        Bits
            Literals, the lowest bit first.

        Raises
        ------
        NotModeledError
            If the circuit is not synchronous to `clk`, has a loop without a register, or has an unknown cell.
        """
        waiting = [key for net in nets if (key := self._needed(net, cycle))]
        entered: set[tuple[str, int]] = set()
        while waiting:
            key = waiting[-1]
            if key in self._values:
                waiting.pop()
                continue
            name, at = key
            cell = self.cells[name]
            inputs, earlier = cell.inputs, at
            if cell.kind in self.black_boxes:
                self._values[key] = {port: self.gates.frees(len(read)) for port, read in cell.outputs.items()}
                continue
            if cell.kind == "$dff":
                self._check_clock(name, cell)
                if at == 0:
                    self._values[key] = {"Q": self.gates.frees(len(cell.outputs["Q"]))}
                    continue
                inputs, earlier = {"D": cell.inputs["D"]}, at - 1
            missing = [
                driver
                for read in inputs.values()
                for net in read
                if (driver := self._needed(net, earlier)) and driver not in self._values
            ]
            if missing and key in entered:
                raise NotModeledError(f"a loop of cells without a register, at {name}")
            if missing:
                entered.add(key)
                waiting += dict.fromkeys(missing)
                continue
            ports = {port: [self._bit(net, earlier) for net in read] for port, read in inputs.items()}
            try:
                outputs = {"Q": ports["D"]} if cell.kind == "$dff" else cell_outputs(self.gates, cell, ports=ports)
            except UnknownCellError as error:
                raise NotModeledError(f"{error}, {name}") from error
            self._values[key] = outputs
        return [self._bit(net, cycle) for net in nets]

    def _needed(self, net: Any, cycle: int) -> tuple[str, int] | None:
        """Return the cell that drives a net, with the cycle; None where no cell does."""
        driver = self.driver.get(net) if isinstance(net, int) else None
        return (driver[0], cycle) if driver else None

    def _bit(self, net: Any, cycle: int) -> int:
        if net in ("0", "1"):
            return int(net)
        if not isinstance(net, int):
            return self.gates.free()
        if net in self.driver:
            name, port, n = self.driver[net]
            return self._values[name, cycle][port][n]
        if net in self.input_of:
            port, n = self.input_of[net]
            if port == "clk":
                raise NotModeledError("the clock is read as data")
            return self.input(port, cycle)[n]
        if (net, cycle) not in self._loose:
            self._loose[net, cycle] = self.gates.free()
        return self._loose[net, cycle]

    def _check_clock(self, name: str, cell: Cell) -> None:
        if cell.inputs["CLK"] != self.ports["clk"] or cell.number("CLK_POLARITY") != 1:
            raise NotModeledError(f"the register {name} is not clocked by the rising edge of clk")
        self.registers.add(name)


def _checked_ports(module: dict[str, Any], widths: dict[str, int]) -> dict[str, list[Any]]:
    actual = {name: (port["direction"], len(port["bits"])) for name, port in module["ports"].items()}
    expected = {name: (direction, widths[name]) for name, direction in PORTS.items()}
    for name in sorted({*actual, *expected}):
        if actual.get(name) != expected.get(name):
            wanted, shown = (
                "no such port" if port is None else f"{port[0]} of {port[1]} bits"
                for port in (expected.get(name), actual.get(name))
            )
            raise WrongPortsError(f"port {name}: expected {wanted}, found {shown}")
    return {name: port["bits"] for name, port in module["ports"].items()}


def _cell(entry: dict[str, Any]) -> Cell:
    directions = entry["port_directions"]
    sides: dict[str, dict[str, list[Any]]] = {"input": {}, "output": {}}
    for port, nets in entry["connections"].items():
        if directions[port] not in sides:
            raise NotModeledError(f"a cell {entry['type']} with a port in both directions")
        sides[directions[port]][port] = nets
    return Cell(entry["type"], entry["parameters"], sides["input"], sides["output"])
