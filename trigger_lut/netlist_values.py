"""What a synthesised netlist computes: every net on many vectors at once, registers looked through.

The pipeline has no feedback and no enables, so a register passes on what it gets: all vectors are on their way alone.
A net's values are the bits of one Python integer, bit n for vector n.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Any

import numpy as np

from trigger_lut.errors import ToolFailedError
from trigger_lut.fixed_point import IntArray
from trigger_lut.netlist import NO_HARDWARE

Bit = int | str  # a net of Yosys' JSON, or a constant '0', '1', 'x'


def packed(values: IntArray, bits: int) -> list[int]:
    """Bits 0 to `bits` - 1 of (N,) integers in two's complement, each an integer whose bit n is that of values[n]."""
    columns = (np.asarray(values, dtype=np.int64)[None] >> np.arange(bits)[:, None]) & 1
    rows = np.packbits(columns.astype(np.uint8), axis=1, bitorder="little")
    return [int.from_bytes(row.tobytes(), "little") for row in rows]


def net_values(module: Mapping[str, Any], inputs: Mapping[str, Sequence[int]], vectors: int) -> dict[Bit, int]:
    """Values of every net of a flat netlist of Xilinx cells for values of its input ports, a packed integer a bit.

    Raises ToolFailedError for a cell that is not known, a register with an enable, or a loop.
    """
    ones = (1 << vectors) - 1
    nets: dict[Bit, int] = {"0": 0, "1": ones, "x": 0}
    for port, values in inputs.items():
        nets.update(zip(module["ports"][port]["bits"], values, strict=True))
    cells = {name: cell for name, cell in module["cells"].items() if cell["type"] not in NO_HARDWARE}
    for name in order(cells):
        _evaluate(cells[name], nets, ones)
    return nets


def order(cells: Mapping[str, Any]) -> list[str]:
    """Names of the cells, each behind those that drive it. Raises ToolFailedError when there is a loop."""
    driver = {bit: name for name, cell in cells.items() for bit in outputs(cell)}
    needed = {name: {driver[bit] for bit in read(cell) if bit in driver} for name, cell in cells.items()}
    try:
        return list(TopologicalSorter(needed).static_order())
    except CycleError as error:
        raise ToolFailedError(f"the synthesised logic has a loop through {error.args[1][0]}") from error


def outputs(cell: Mapping[str, Any]) -> list[Bit]:
    """Nets that a cell drives."""
    return [
        bit for port, bits in cell["connections"].items() if cell["port_directions"][port] == "output" for bit in bits
    ]


def read(cell: Mapping[str, Any]) -> Iterable[Bit]:
    """Nets that a cell reads; not its clock."""
    for port, bits in cell["connections"].items():
        if cell["port_directions"][port] == "input" and port != "C":
            yield from (bit for bit in bits if not isinstance(bit, str))


def _evaluate(cell: Mapping[str, Any], nets: dict[Bit, int], ones: int) -> None:
    kind, ports = cell["type"], cell["connections"]

    def value(port: str, n: int = 0) -> int:
        return nets.get(ports[port][n], 0) if port in ports else 0

    if kind.startswith("LUT"):
        width = int(kind[3])
        table = [ones * int(bit) for bit in reversed(cell["parameters"]["INIT"][-(1 << width) :])]
        table += [0] * ((1 << width) - len(table))
        for n in range(width):
            select = value(f"I{n}")
            table = [(b & select) | (a & ~select) for a, b in zip(table[::2], table[1::2], strict=True)]
        nets[ports["O"][0]] = table[0]
    elif kind.startswith("MUXF"):
        nets[ports["O"][0]] = (value("I1") & value("S")) | (value("I0") & ~value("S"))
    elif kind == "INV":
        nets[ports["O"][0]] = ones ^ value("I")
    elif kind.startswith("CARRY"):
        carry = value("CI") | value("CYINIT")
        for n in range(int(kind.removeprefix("CARRY"))):
            select = value("S", n)
            nets[ports["O"][n]] = select ^ carry
            carry = (carry & select) | (value("DI", n) & ~select)
            nets[ports["CO"][n]] = carry
    elif kind in ("FDRE", "FDSE") and ports["CE"] == ["1"]:
        nets[ports["Q"][0]] = value("D") & ~value("R") if kind == "FDRE" else value("D") | value("S")
    else:
        enabled = f" with the enable {ports['CE']}" if "CE" in ports else ""
        raise ToolFailedError(f"the netlist has a cell {kind}{enabled}, whose values are not known here")
