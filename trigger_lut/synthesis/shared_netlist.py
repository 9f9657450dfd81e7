"""Netlists of designs that use hardware in several cycles: their outputs event by event, and their LUTs by part."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from trigger_lut.errors import NotReproducibleError
from trigger_lut.firmware.rtl.project import RtlProject
from trigger_lut.fixed_point.formats import uniform
from trigger_lut.network.network import Network
from trigger_lut.network.reference_model import evaluate
from trigger_lut.network.time_sharing import Block, cut_network
from trigger_lut.synthesis.netlist import NO_HARDWARE, SEQUENTIAL, Bit, order, outputs, read
from trigger_lut.synthesis.netlist_simulation import check_outputs, clocked, packed

VECTORS, SEED = 512, 1
CONTROL = "time sharing"
"""Row of multiplexers, accumulators and control."""


def check_events(network: Network, module: Mapping[str, Any], *, project: RtlProject) -> int:
    """Compare a netlist with its network on two events, one after the other at the smallest distance.

    Parameters
    ----------
    network
        Integer network.
    module
        Netlist.
    project
        RTL project that was synthesized.

    Returns
    -------
    int
        Number of events that were compared.

    Raises
    ------
    NotReproducibleError
        If outputs or valid bits differ.
    ToolFailedError
        For an unknown cell.
    """
    rng = np.random.default_rng(SEED)
    events = [uniform(network.inputs, VECTORS, rng=rng) for _ in range(2)]
    last = project.ii + project.latency_cycles_planned
    bus = [
        [bit for i, kif in enumerate(network.inputs) for bit in packed(codes[:, i], kif.bits)]
        for codes in (*events, uniform(network.inputs, VECTORS, rng=rng))
    ]
    ones = (1 << VECTORS) - 1
    number = {0: 0, project.ii: 1}
    cycles = [
        {"data_in": bus[number.get(cycle, 2)], "valid_in": [ones * (cycle in number)]} for cycle in range(last + 1)
    ]
    ends = {start + project.latency_cycles_planned for start in number}
    nets_by_cycle = {
        cycle: nets for cycle, nets in enumerate(clocked(module, cycles, vectors=VECTORS, seed=SEED)) if cycle in ends
    }
    for start, codes in ((0, events[0]), (project.ii, events[1])):
        nets = nets_by_cycle[start + project.latency_cycles_planned]
        (valid,) = module["ports"]["valid_out"]["bits"]
        if nets.get(valid, 0) != ones:
            raise NotReproducibleError(f"{project.top}: the netlist after synthesis gives no valid output of an event")
        check_outputs(network, module, nets=nets, expected=evaluate(network, codes), name=project.top)
    return 2 * VECTORS


def luts_by_part(network: Network, module: Mapping[str, Any], *, project: RtlProject) -> dict[str, int]:
    """Attribute the LUTs of a netlist to the parts of a design, by the names that synthesis keeps.

    A LUT without such a name belongs to the part of its reader.

    Parameters
    ----------
    network
        Integer network.
    module
        Netlist.
    project
        RTL project that was synthesized.

    Returns
    -------
    dict
        LUTs by names of layers, joined by '+', and of what sharing adds.
    """
    title: dict[str, str] = {}
    for n, part in enumerate(cut_network(network, project.cuts)):
        if isinstance(part, Block):
            title |= {f"part{n}.core": part.name, f"part{n}": CONTROL}
        else:
            title[f"part{n}"] = "+".join(layer.name for layer in part.layers)
    name_of: dict[Bit, str] = {}
    for name, net in module["netnames"].items():
        match = re.match(r"(part\d+)(\.core)?(?=\.)", name)
        if match is not None:
            part_title = title.get(match[0]) or title[match[1]]
            for bit in net["bits"]:
                name_of.setdefault(bit, part_title)
    cells = {name: cell for name, cell in module["cells"].items() if cell["type"] not in NO_HARDWARE}
    logic = order({name: cell for name, cell in cells.items() if not SEQUENTIAL.fullmatch(cell["type"])})
    behind: dict[Bit, str] = {}
    for cell in cells.values():
        if SEQUENTIAL.fullmatch(cell["type"]):
            behind.update({bit: name_of[q] for q in outputs(cell) if q in name_of for bit in read(cell)})
    counts: Counter[str] = Counter()
    for name in reversed(logic):
        drives = outputs(cells[name])
        known = [names[bit] for names in (name_of, behind) for bit in drives if bit in names]
        owner = known[0] if known else CONTROL
        behind.update(dict.fromkeys(read(cells[name]), owner))
        if cells[name]["type"].startswith("LUT"):
            counts[owner] += 1
    return {name: counts[name] for name in dict.fromkeys(title.values())}
