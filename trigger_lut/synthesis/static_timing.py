"""Static timing of a netlist, pipeline stage by pipeline stage: levels, carry chains and the slowest path of each.

Stage s is the logic between the registers of level s - 1 (the ports, for the first) and those of level s. Levels and
delays are counted as `netlist.longest_path` does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from trigger_lut.cost_model.delay import delays
from trigger_lut.synthesis.netlist import (
    ADDRESSES,
    BLOCK_RAMS,
    NO_HARDWARE,
    SEQUENTIAL,
    Bit,
    end_ns,
    inputs,
    order,
    outputs,
    start_ns,
    step,
)

ENDS = ("D", "R", "S", *ADDRESSES)  # where a path enters a register or a block RAM


@dataclass
class Stage:
    """Stage of the pipeline.

    Attributes
    ----------
    delay_ns
        Delay of the slowest path in ns.
    levels
        Most LUTs and carry chains in a row, on whichever path.
    luts, chains, registers
        Number of cells.
    path
        Nets of the slowest path, from the first register's output to the last one's input.
    on_path
        Cells of the slowest path by kind: LUT, carry chain, wide multiplexer.
    arrivals_ns
        Delay of the slowest path into each register behind the stage, by the net that the register drives.
    """

    delay_ns: float = 0.0
    levels: int = 0
    luts: int = 0
    chains: int = 0
    registers: int = 0
    path: list[Bit] = field(default_factory=list)
    on_path: Counter[str] = field(default_factory=Counter)
    arrivals_ns: dict[Bit, float] = field(default_factory=dict)


def stages(module: Mapping[str, Any], family: str) -> list[Stage]:
    """Split a pipelined netlist of Xilinx cells into its stages.

    Parameters
    ----------
    module
        Netlist.
    family
        Family of the delay model.

    Returns
    -------
    list of Stage
        Stages from the inputs on; the last one ends at the output registers.

    Raises
    ------
    ToolFailedError
        If the logic has a loop.
    """
    cells = {name: cell for name, cell in module["cells"].items() if cell["type"] not in NO_HARDWARE}
    driver = {bit: name for name, cell in cells.items() for bit in outputs(cell)}
    model = delays(family)
    stage: dict[str, int] = {}
    reached: dict[str, tuple[int, float]] = {}
    slowest: dict[str, Bit] = {}  # cell -> the net through which its slowest path comes in
    by_number: dict[int, Stage] = {}
    for name in order(cells):
        cell = cells[name]
        kind = cell["type"]
        register = SEQUENTIAL.fullmatch(kind) is not None
        arrivals: list[tuple[float, int, int, Bit]] = []  # ns, levels, stage, net
        for port, bit in inputs(cell):
            if register and port not in ENDS:
                continue
            source = driver.get(bit)
            levels, ns = reached[source] if source else (0, 0.0)
            behind = "" if source is None or SEQUENTIAL.fullmatch(cells[source]["type"]) else cells[source]["type"]
            more = (0, end_ns(kind, model)) if register else step(kind, port, source=behind, model=model)
            at = 1 if source is None else stage[source] + (SEQUENTIAL.fullmatch(cells[source]["type"]) is not None)
            arrivals.append((ns + more[1], levels + more[0], at, bit))
        ns, _, _, net = max(arrivals, key=lambda a: a[0], default=(0.0, 0, 1, "0"))
        levels = max((a[1] for a in arrivals), default=0)
        stage[name] = max((a[2] for a in arrivals), default=1)
        slowest[name] = net
        reached[name] = (0, start_ns(kind, model)) if register else (levels, ns)
        here = by_number.setdefault(stage[name], Stage())
        here.luts += kind.startswith("LUT")
        here.chains += kind.startswith("CARRY") and not _continues_chain(cell, cells, driver)
        if register:
            here.registers += kind not in BLOCK_RAMS
            here.arrivals_ns.update(dict.fromkeys(outputs(cell), ns))
            here.levels = max(here.levels, levels)
            if ns > here.delay_ns or not here.path:
                here.delay_ns = ns
                here.path, here.on_path = _path(net, cells, driver, slowest)
    return [by_number.get(s, Stage()) for s in range(1, max(by_number, default=0) + 1)]


def _continues_chain(cell: Mapping[str, Any], cells: Mapping[str, Any], driver: Mapping[Bit, str]) -> bool:
    """Tell whether a carry cell continues the chain of another one."""
    source = driver.get(cell["connections"].get("CI", ["0"])[0])
    return source is not None and cells[source]["type"].startswith("CARRY")


def _path(
    end: Bit, cells: Mapping[str, Any], driver: Mapping[Bit, str], slowest: Mapping[str, Bit]
) -> tuple[list[Bit], Counter[str]]:
    """Follow the slowest path back from a net; return its nets, first one first, and its cells by kind."""
    nets, kinds = [end], Counter[str]()
    name = driver.get(end)
    while name is not None and not SEQUENTIAL.fullmatch(cells[name]["type"]):
        kind = cells[name]["type"]
        before = slowest[name]
        if kind.startswith("CARRY"):
            kinds["carry chain"] += not (
                _continues_chain(cells[name], cells, driver) and before in cells[name]["connections"]["CI"]
            )
        elif kind.startswith("LUT"):
            kinds["LUT"] += 1
        elif kind.startswith("MUXF"):
            kinds["wide multiplexer"] += 1
        nets.append(before)
        name = driver.get(before)
    return nets[::-1], kinds
