"""Cells of Yosys' word-level netlists as gates: one function per kind of cell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from trigger_lut.verification.formal.gates import FALSE, TRUE, Bits, Gates, TooLargeError, extended

MOST_TABLE_BITS = 1 << 22


class UnknownCellError(Exception):
    """A cell that has no gates here."""


@dataclass(frozen=True)
class Cell:
    """A cell of a netlist. `inputs`: nets of each input port."""

    kind: str
    parameters: dict[str, Any]
    inputs: dict[str, list[Any]]
    outputs: dict[str, list[Any]]

    def number(self, name: str) -> int:
        """Return an integer parameter."""
        value = self.parameters[name]
        return value if isinstance(value, int) else int(value, 2)

    def flag(self, name: str) -> bool:
        """Return whether a parameter is not 0."""
        return bool(self.number(name))


Ports = dict[str, Bits]


def cell_outputs(gates: Gates, cell: Cell, *, ports: Ports) -> Ports:
    """Build the outputs of a cell from the literals of its input ports. Raises UnknownCellError."""
    if cell.kind not in KINDS:
        raise UnknownCellError(f"a cell {cell.kind}")
    return KINDS[cell.kind](gates, cell, ports)


def _operands(cell: Cell, ports: Ports, width: int) -> tuple[Bits, Bits]:
    """Return both operands at one width; Verilog extends by the sign only where both are signed."""
    signed = cell.flag("A_SIGNED") and cell.flag("B_SIGNED")
    return extended(ports["A"], width, signed=signed), extended(ports["B"], width, signed=signed)


def _bitwise(gate: Callable[[Gates, int, int], int]) -> Callable[[Gates, Cell, Ports], Ports]:
    def build(gates: Gates, cell: Cell, ports: Ports) -> Ports:
        a, b = _operands(cell, ports, cell.number("Y_WIDTH"))
        return {"Y": [gate(gates, x, y) for x, y in zip(a, b, strict=True)]}

    return build


def _unary(operation: Callable[[Gates, Bits], Bits]) -> Callable[[Gates, Cell, Ports], Ports]:
    def build(gates: Gates, cell: Cell, ports: Ports) -> Ports:
        a = extended(ports["A"], cell.number("Y_WIDTH"), signed=cell.flag("A_SIGNED"))
        return {"Y": operation(gates, a)}

    return build


def _truth(condition: Callable[[Gates, Ports], int]) -> Callable[[Gates, Cell, Ports], Ports]:
    """Build a cell whose output is one bit, extended by zeros."""

    def build(gates: Gates, cell: Cell, ports: Ports) -> Ports:
        return {"Y": extended([condition(gates, ports)], cell.number("Y_WIDTH"), signed=False)}

    return build


def _compared(comparison: Callable[[Gates, Bits, Bits], int]) -> Callable[[Gates, Cell, Ports], Ports]:
    """Build a comparison; operands get one bit more, so that unsigned ones are non-negative signed words."""

    def build(gates: Gates, cell: Cell, ports: Ports) -> Ports:
        a, b = _operands(cell, ports, max(len(ports["A"]), len(ports["B"])) + 1)
        return {"Y": extended([comparison(gates, a, b)], cell.number("Y_WIDTH"), signed=False)}

    return build


def _sum(gates: Gates, cell: Cell, ports: Ports) -> Ports:
    a, b = _operands(cell, ports, cell.number("Y_WIDTH"))
    return {"Y": gates.sum(a, b)}


def _difference(gates: Gates, cell: Cell, ports: Ports) -> Ports:
    a, b = _operands(cell, ports, cell.number("Y_WIDTH"))
    return {"Y": gates.sum(a, [bit ^ 1 for bit in b], carry=TRUE)}


def _negative(gates: Gates, a: Bits) -> Bits:
    return gates.sum([bit ^ 1 for bit in a], [FALSE] * len(a), carry=TRUE)


def _selected(gates: Gates, cell: Cell, ports: Ports) -> Ports:
    """Build $mux and $pmux: the first true select bit counts, as in a case statement."""
    chosen = ports["A"]
    width = len(chosen)
    for n in reversed(range(len(ports["S"]))):
        chosen = gates.chosen(ports["S"][n], ports["B"][n * width : (n + 1) * width], no=chosen)
    return {"Y": chosen}


def _memory(gates: Gates, cell: Cell, ports: Ports) -> Ports:
    """Build a table that is only read, without a clock; what it lacks can be any value."""
    if cell.number("WR_PORTS") or cell.number("RD_CLK_ENABLE") or cell.number("RD_WIDE_CONTINUATION"):
        raise UnknownCellError("a memory that is written or clocked")
    width, size, offset, abits = (cell.number(name) for name in ("WIDTH", "SIZE", "OFFSET", "ABITS"))
    if width << abits > MOST_TABLE_BITS:
        raise TooLargeError
    initial = str(cell.parameters["INIT"])[::-1]
    data: Bits = []
    for port in range(cell.number("RD_PORTS")):
        entries = []
        for address in range(1 << abits):
            at = (address - offset) * width
            inside = 0 <= address - offset < size
            bits = initial[at : at + width] if inside else ""
            entries.append([gates.free() if bit not in "01" else int(bit) for bit in bits.ljust(width, "x")])
        data += gates.read(entries, ports["RD_ADDR"][port * abits : (port + 1) * abits])
    return {"RD_DATA": data}


KINDS: dict[str, Callable[[Gates, Cell, Ports], Ports]] = {
    "$add": _sum,
    "$sub": _difference,
    "$neg": _unary(_negative),
    "$pos": _unary(lambda gates, a: a),
    "$not": _unary(lambda gates, a: [bit ^ 1 for bit in a]),
    "$and": _bitwise(lambda gates, a, b: gates.both(a, b)),
    "$or": _bitwise(lambda gates, a, b: gates.either(a, b)),
    "$xor": _bitwise(lambda gates, a, b: gates.differ(a, b)),
    "$xnor": _bitwise(lambda gates, a, b: gates.differ(a, b) ^ 1),
    "$eq": _compared(lambda gates, a, b: gates.equal(a, b)),
    "$ne": _compared(lambda gates, a, b: gates.equal(a, b) ^ 1),
    "$lt": _compared(lambda gates, a, b: gates.less(a, b)),
    "$le": _compared(lambda gates, a, b: gates.less(b, a) ^ 1),
    "$gt": _compared(lambda gates, a, b: gates.less(b, a)),
    "$ge": _compared(lambda gates, a, b: gates.less(a, b) ^ 1),
    "$reduce_and": _truth(lambda gates, p: gates.all_of(p["A"])),
    "$reduce_or": _truth(lambda gates, p: gates.any_of(p["A"])),
    "$reduce_bool": _truth(lambda gates, p: gates.any_of(p["A"])),
    "$reduce_xor": _truth(lambda gates, p: gates.odd(p["A"])),
    "$reduce_xnor": _truth(lambda gates, p: gates.odd(p["A"]) ^ 1),
    "$logic_not": _truth(lambda gates, p: gates.any_of(p["A"]) ^ 1),
    "$logic_and": _truth(lambda gates, p: gates.both(gates.any_of(p["A"]), gates.any_of(p["B"]))),
    "$logic_or": _truth(lambda gates, p: gates.either(gates.any_of(p["A"]), gates.any_of(p["B"]))),
    "$mux": _selected,
    "$pmux": _selected,
    "$mem_v2": _memory,
}
