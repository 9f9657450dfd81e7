"""A synthesized netlist of Xilinx cells: what it uses and its longest path between registers.

Netlists are Yosys' JSON (`write_json`) of one flat module.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any

from trigger_lut.cost_model.delay import Delays, delays
from trigger_lut.errors import ToolFailedError
from trigger_lut.synthesis.block_ram import read_ports

Netlist = Mapping[str, Any]
"""One flat module of a netlist, as Yosys' `write_json` lists it: ports, cells with their connections."""

Bit = int | str  # a net of Yosys' JSON, or a constant '0', '1', 'x'
CLOCKS = ("C", "CLKARDCLK", "CLKBWRCLK")
NO_HARDWARE = ("$scopeinfo",)
# 18 Kb block RAMs a cell
BLOCK_RAMS = {"RAMB18E1": 1, "RAMB18E2": 1, "RAMB36E1": 2, "RAMB36E2": 2}
ADDRESSES = ("ADDRARDADDR", "ADDRBWRADDR")  # of block RAMs
MEMORY = "a block RAM"  # as the start of paths
# LUTs a cell used as memory or shift register
LUT_MEMORIES = {
    "SRL16E": 1, "SRLC16E": 1, "SRLC32E": 1, "RAM32X1S": 1, "RAM64X1S": 1, "RAM32X1D": 2, "RAM64X1D": 2, "RAM128X1S": 2,
    "RAM128X1D": 4, "RAM256X1S": 4, "RAM32M": 4, "RAM64M": 4, "RAM32M16": 8, "RAM64M8": 8,
}  # fmt: skip
WIRING = ("INV", "IBUF", "OBUF", "BUFG")  # an inverter becomes part of the LUT or flip-flop behind it
SEQUENTIAL = re.compile(r"FD[RSCP]E(_1)?|LD[CP]E|RAMB.*|DSP48.*|URAM.*")
LUTS, REGISTERS, CARRIES, DSPS = r"LUT[1-6](_2)?", r"FD[RSCP]E(_1)?|LD[CP]E", r"CARRY[48]", r"DSP48.*"
COUNTED = re.compile("|".join((LUTS, REGISTERS, CARRIES, DSPS, "MUXF[789]", *BLOCK_RAMS, *LUT_MEMORIES, *WIRING)))


@dataclass(frozen=True)
class Resources:
    """Resources of a netlist. A 36 Kb block RAM counts twice in `bram18`."""

    luts: int
    ff: int
    carry: int
    dsp: int
    bram18: int


@dataclass(frozen=True)
class LongestPath:
    """Longest path between ports and registers. `levels` and `delay_ns` may belong to different paths."""

    levels: int
    delay_ns: float


def cell_counts(module: Mapping[str, Any]) -> dict[str, int]:
    """Count cells by type.

    Parameters
    ----------
    module
        Netlist.

    Returns
    -------
    dict
        Counts by type, without cells that need no hardware.
    """
    counts = Counter(cell["type"] for cell in module["cells"].values())
    return {kind: counts[kind] for kind in sorted(counts) if kind not in NO_HARDWARE}


def resources(cells: Mapping[str, int]) -> Resources:
    """Count the resources of a netlist.

    Parameters
    ----------
    cells
        Counts by type of cell.

    Returns
    -------
    Resources
        LUTs are LUT1 to LUT6, and those used as memory; inverters are absorbed.

    Raises
    ------
    ToolFailedError
        For an unknown type of cell: a wrong count is worse than none.
    """
    if unknown := [f"{n} {kind}" for kind, n in cells.items() if not COUNTED.fullmatch(kind)]:
        raise ToolFailedError(
            f"netlist: cells cannot be counted. Expected LUTs, flip-flops, carry cells, wide multiplexers, block RAM, "
            f"DSP slices or LUT memory of a Xilinx device, found {', '.join(unknown)}. Use the pinned pyosys, and "
            "report the design that makes these cells"
        )

    def total(pattern: str) -> int:
        return sum(n for kind, n in cells.items() if re.fullmatch(pattern, kind))

    return Resources(
        luts=total(LUTS) + sum(n * cells.get(kind, 0) for kind, n in LUT_MEMORIES.items()),
        ff=total(REGISTERS),
        carry=total(CARRIES),
        dsp=total(DSPS),
        bram18=sum(n * cells.get(kind, 0) for kind, n in BLOCK_RAMS.items()),
    )


def order(cells: Mapping[str, Any]) -> list[str]:
    """Sort cells so that each comes after those that drive it.

    Parameters
    ----------
    cells
        Cells by name.

    Returns
    -------
    list of str
        Names of the cells.

    Raises
    ------
    ToolFailedError
        If the logic has a loop.
    """
    driver = {bit: name for name, cell in cells.items() for bit in outputs(cell)}
    needed = {name: {driver[bit] for bit in read(cell) if bit in driver} for name, cell in cells.items()}
    try:
        return list(TopologicalSorter(needed).static_order())
    except CycleError as error:
        raise ToolFailedError(f"the synthesized logic has a loop through {error.args[1][0]}") from error


def outputs(cell: Mapping[str, Any]) -> list[Bit]:
    """List the nets that a cell drives."""
    return [
        bit for port, bits in cell["connections"].items() if cell["port_directions"][port] == "output" for bit in bits
    ]


def inputs(cell: Mapping[str, Any]) -> Iterator[tuple[str, Bit]]:
    """Yield the input ports of a cell with each net that they read, without constants."""
    for port, bits in cell["connections"].items():
        if cell["port_directions"][port] == "input":
            yield from ((port, bit) for bit in bits if not isinstance(bit, str))


def read(cell: Mapping[str, Any]) -> Iterator[Bit]:
    """Yield the nets that a cell reads, without its clock; of a block RAM, the addresses of its read ports."""
    addresses = {port.address for port in read_ports(cell)} if cell["type"] in BLOCK_RAMS else None
    for port, bit in inputs(cell):
        if port not in CLOCKS and (addresses is None or port in addresses):
            yield bit


def longest_path(module: Mapping[str, Any], family: str) -> LongestPath:
    """Find the longest path from a port or register to a port or register.

    Levels are those of a timing report: a LUT is one, a carry chain of any length is one; wide multiplexers and
    inverters are none. Delays are those of `delay`: a wire in front of each LUT, and of each chain that no LUT feeds.

    Parameters
    ----------
    module
        Netlist.
    family
        Family of the delay model.

    Returns
    -------
    LongestPath
        Levels and delay in ns.

    Raises
    ------
    ToolFailedError
        If the logic has a loop.
    """
    cells = {name: cell for name, cell in module["cells"].items() if not ends_paths(cell["type"])}
    memories = [cell for cell in module["cells"].values() if cell["type"] in BLOCK_RAMS]
    driver = {bit: name for name, cell in cells.items() for bit in outputs(cell)}
    driver |= {bit: MEMORY for cell in memories for bit in outputs(cell)}
    model = delays(family)
    reached: dict[str, tuple[int, float]] = {
        "": (0, 0.0),
        MEMORY: (0, start_ns("RAMB18E2", model) if memories else 0.0),
    }
    for name in order(cells):
        steps = []
        for port, bit in inputs(cells[name]):
            source = driver.get(bit, "")
            kind = cells[source]["type"] if source in cells else ""
            levels, delay = step(cells[name]["type"], port, source=kind, model=model)
            steps.append((reached[source][0] + levels, reached[source][1] + delay))
        reached[name] = (max((s[0] for s in steps), default=0), max((s[1] for s in steps), default=0.0))
    to_memory = [
        reached[driver.get(bit, "")][1] + end_ns(cell["type"], model)
        for cell in memories
        for port, bit in inputs(cell)
        if port in ADDRESSES
    ]
    return LongestPath(
        max(levels for levels, _ in reached.values()), max([*(ns for _, ns in reached.values()), *to_memory])
    )


def ends_paths(kind: str) -> bool:
    """Tell whether paths end at a type of cell."""
    return kind in NO_HARDWARE or SEQUENTIAL.fullmatch(kind) is not None


def start_ns(kind: str, model: Delays) -> float:
    """Delay of a path's start at a register or block RAM, beyond that of a register, in ns."""
    return model.block_ram if kind in BLOCK_RAMS else 0.0


def end_ns(kind: str, model: Delays) -> float:
    """Delay of a path's end at a register or block RAM, beyond that of a register: the wire to a block RAM, in ns."""
    return model.net if kind in BLOCK_RAMS else 0.0


def step(kind: str, port: str, *, source: str, model: Delays) -> tuple[int, float]:
    """Levels and ns that a cell adds behind an input driven by a cell of type `source` ('' a port or register)."""
    if kind in WIRING:
        return 0, 0.0
    if kind.startswith("LUT"):
        return 1, model.net + model.lut
    if kind.startswith("MUXF"):
        return 0, model.wide_mux
    if kind.startswith("CARRY"):
        if port == "CI" and source.startswith("CARRY"):
            return 0, int(kind.removeprefix("CARRY")) * model.carry_bit
        return 1, model.carry + (0.0 if source.startswith("LUT") else model.net)
    return 1, model.net + model.lut
