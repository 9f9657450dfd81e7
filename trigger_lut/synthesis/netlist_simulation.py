"""Values of every net of a synthesized netlist on many vectors at once.

The pipeline has no feedback and no enables, so a register passes on its input: vectors do not mix.
A net's values are the bits of one Python integer, bit n for vector n.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from trigger_lut.errors import NotReproducibleError, ToolFailedError
from trigger_lut.firmware.rtl.verilog_top import offsets
from trigger_lut.fixed_point.formats import IntArray
from trigger_lut.network.network import Network
from trigger_lut.synthesis.block_ram import block_ram_values
from trigger_lut.synthesis.netlist import BLOCK_RAMS, NO_HARDWARE, Bit, order


def packed(values: IntArray, bits: int) -> list[int]:
    """Pack integers bit by bit.

    Parameters
    ----------
    values : IntArray of shape (N,)
        Integers in two's complement.
    bits
        Number of bits of each.

    Returns
    -------
    list of int
        One integer for each bit number; its bit n is that of values[n].
    """
    columns = (np.asarray(values, dtype=np.int64)[None] >> np.arange(bits)[:, None]) & 1
    rows = np.packbits(columns.astype(np.uint8), axis=1, bitorder="little")
    return [int.from_bytes(row.tobytes(), "little") for row in rows]


def net_values(module: Mapping[str, Any], inputs: Mapping[str, Sequence[int]], *, vectors: int) -> dict[Bit, int]:
    """Evaluate a flat netlist of Xilinx cells.

    Parameters
    ----------
    module
        Netlist.
    inputs
        Packed values of the input ports, a packed integer a bit.
    vectors
        Number of vectors.

    Returns
    -------
    dict
        Packed values by net.

    Raises
    ------
    ToolFailedError
        For an unknown cell, a register with an enable, or a loop.
    """
    ones = (1 << vectors) - 1
    nets: dict[Bit, int] = {"0": 0, "1": ones, "x": 0}
    for port, values in inputs.items():
        nets.update(zip(module["ports"][port]["bits"], values, strict=True))
    cells = {name: cell for name, cell in module["cells"].items() if cell["type"] not in NO_HARDWARE}
    for name in order(cells):
        evaluate_cell(cells[name], nets, vectors=vectors)
    return nets


def check_outputs(
    network: Network, module: Mapping[str, Any], *, nets: Mapping[Bit, int], expected: IntArray, name: str
) -> None:
    """Compare the outputs of a netlist with those of its network.

    Parameters
    ----------
    network
        Integer network.
    module
        Netlist.
    nets
        Packed values by net.
    expected : IntArray of shape (N, outputs)
        Codes of the integer model.
    name
        Name of the design in the error.

    Raises
    ------
    NotReproducibleError
        If a bit differs.
    """
    formats, bits = network.output_formats(), module["ports"]["data_out"]["bits"]
    for o, (start, kif, codes) in enumerate(zip(offsets(formats)[:-1], formats, expected.T, strict=True)):
        for n, row in enumerate(packed(codes, kif.bits)):
            if wrong := nets.get(bits[start + n], 0) ^ row:
                raise NotReproducibleError(
                    f"{name}: the netlist after synthesis is not bit-exact: output {o}, bit {n} differs from the "
                    f"integer model in {wrong.bit_count()} of {len(expected)} random vectors"
                )


def clocked(
    module: Mapping[str, Any], cycles: Sequence[Mapping[str, Sequence[int]]], *, vectors: int, seed: int
) -> Iterator[dict[Bit, int]]:
    """Evaluate a flat netlist of Xilinx cells cycle by cycle, from random contents of the registers.

    Parameters
    ----------
    module
        Netlist without block RAM.
    cycles
        Packed values of the input ports in each cycle, a packed integer a bit.
    vectors
        Number of vectors; each is a sequence of its own.
    seed
        Of the registers' contents.

    Yields
    ------
    dict
        Packed values by net in each cycle, before its rising edge.

    Raises
    ------
    ToolFailedError
        For an unknown cell, or a loop without a register.
    """
    ones, rng = (1 << vectors) - 1, np.random.default_rng(seed)
    cells = {name: cell for name, cell in module["cells"].items() if cell["type"] not in NO_HARDWARE}
    registers = [cell for cell in cells.values() if cell["type"] in ("FDRE", "FDSE")]
    logic = order({name: cell for name, cell in cells.items() if cell["type"] not in ("FDRE", "FDSE")})
    state: dict[Bit, int] = {}
    for cell in registers:
        (q,) = cell["connections"]["Q"]
        state[q] = int.from_bytes(rng.bytes(vectors // 8 + 1), "little") & ones
    for inputs in cycles:
        nets: dict[Bit, int] = {"0": 0, "1": ones, "x": 0, **state}
        for port, values in inputs.items():
            nets.update(zip(module["ports"][port]["bits"], values, strict=True))
        for name in logic:
            evaluate_cell(cells[name], nets, vectors=vectors)
        state = {cell["connections"]["Q"][0]: _next_state(_Cell(cell, nets, vectors)) for cell in registers}
        yield nets


def _next_state(cell: _Cell) -> int:
    """Return the contents of a register behind the rising edge: a reset comes before the enable."""
    q, enable = cell.value("Q"), cell.value("CE")
    loaded = (cell.value("D") & enable) | (q & ~enable & cell.ones)
    return loaded & ~cell.value("R") if cell.kind == "FDRE" else loaded | cell.value("S")


@dataclass(frozen=True)
class _Cell:
    """A cell with the values of the nets in front of it; values are packed integers, `ones` has every bit set."""

    cell: Mapping[str, Any]
    nets: Mapping[Bit, int]
    vectors: int

    @property
    def kind(self) -> str:
        """Type of the cell."""
        return str(self.cell["type"])

    @property
    def ports(self) -> Mapping[str, list[Bit]]:
        """Nets by port."""
        ports: Mapping[str, list[Bit]] = self.cell["connections"]
        return ports

    @property
    def ones(self) -> int:
        """Packed integer with the bit of each vector set."""
        return (1 << self.vectors) - 1

    def value(self, port: str, n: int = 0) -> int:
        """Return the packed values of bit n of a port; 0 for a bit that it does not have."""
        return self.nets.get(self.ports[port][n], 0) if n < len(self.ports.get(port, ())) else 0


def evaluate_cell(cell: Mapping[str, Any], nets: dict[Bit, int], *, vectors: int) -> None:
    """Add the values of the nets that a cell drives to `nets`.

    Parameters
    ----------
    cell
        Cell of the netlist.
    nets
        Packed values by net; they are extended.
    vectors
        Number of vectors.

    Raises
    ------
    ToolFailedError
        For an unknown cell.
    """
    given = _Cell(cell, nets, vectors)
    inverted = [name for name, text in cell.get("parameters", {}).items() if name.startswith("IS_") and "1" in text]
    for pattern, function in EVALUATED.items():
        if re.fullmatch(pattern, given.kind) and not inverted:
            nets.update(function(given))
            return
    pins = f" with {', '.join(inverted)}" if inverted else ""
    _refuse(given, pins)


def _refuse(cell: _Cell, pins: str) -> NoReturn:
    raise ToolFailedError(
        f"netlist: a cell {cell.kind}{pins} cannot be evaluated. Expected LUT1 to LUT6, MUXF7 to MUXF9, INV, CARRY4, "
        "CARRY8, FDRE or FDSE without an enable, or a block RAM. Use the pinned pyosys, and report the design that "
        "makes this cell"
    )


def _lut(cell: _Cell) -> dict[Bit, int]:
    width = int(cell.kind[3])
    table = [cell.ones * int(bit) for bit in reversed(cell.cell["parameters"]["INIT"][-(1 << width) :])]
    table += [0] * ((1 << width) - len(table))
    for n in range(width):
        select = cell.value(f"I{n}")
        table = [(b & select) | (a & ~select) for a, b in zip(table[::2], table[1::2], strict=True)]
    return {cell.ports["O"][0]: table[0]}


def _wide_multiplexer(cell: _Cell) -> dict[Bit, int]:
    return {cell.ports["O"][0]: (cell.value("I1") & cell.value("S")) | (cell.value("I0") & ~cell.value("S"))}


def _inverter(cell: _Cell) -> dict[Bit, int]:
    return {cell.ports["O"][0]: cell.ones ^ cell.value("I")}


def _carry(cell: _Cell) -> dict[Bit, int]:
    if cell.ports.get("CI_TOP", ["0"]) not in (["0"], ["x"]):
        _refuse(cell, " of two chains")
    values = {}
    carry = cell.value("CI") | cell.value("CYINIT")
    for n in range(int(cell.kind.removeprefix("CARRY"))):
        select = cell.value("S", n)
        values[cell.ports["O"][n]] = select ^ carry
        carry = (carry & select) | (cell.value("DI", n) & ~select)
        values[cell.ports["CO"][n]] = carry
    return values


def _register(cell: _Cell) -> dict[Bit, int]:
    if cell.ports["CE"] != ["1"]:
        _refuse(cell, f" with the enable {cell.ports['CE']}")
    d = cell.value("D")
    return {cell.ports["Q"][0]: d & ~cell.value("R") if cell.kind == "FDRE" else d | cell.value("S")}


def _block_ram(cell: _Cell) -> dict[Bit, int]:
    return block_ram_values(cell.cell, cell.value, vectors=cell.vectors)


EVALUATED: Mapping[str, Callable[[_Cell], dict[Bit, int]]] = {
    "LUT[1-6]": _lut,
    "MUXF[789]": _wide_multiplexer,
    "INV": _inverter,
    "CARRY[48]": _carry,
    "FDRE|FDSE": _register,
    "|".join(BLOCK_RAMS): _block_ram,
}
"""Functions that evaluate a cell, by a pattern of its type."""
