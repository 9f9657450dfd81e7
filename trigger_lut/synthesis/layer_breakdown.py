"""LUTs of a synthesized netlist by layer of the network."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

from trigger_lut.synthesis.net_names import NetName
from trigger_lut.synthesis.netlist import NO_HARDWARE
from trigger_lut.synthesis.netlist_simulation import Bit, order, outputs, read

OTHER = "not attributed"


def luts_by_layer(module: Mapping[str, Any], names: Mapping[Bit, NetName], *, layers: list[str]) -> dict[str, int]:
    """Attribute the LUTs of a netlist to layers.

    A LUT belongs to the layer whose value it drives. A LUT inside a table or an adder belongs to the layer of its
    reader,
    the earliest one where several layers read it.

    Parameters
    ----------
    module
        Netlist.
    names
        Names of nets from `net_names`.
    layers
        Names of the layers in order.

    Returns
    -------
    dict
        LUTs by layer, which add up to the netlist's. LUTs that lead to no value of a layer are under `OTHER`.
    """
    cells = {name: cell for name, cell in module["cells"].items() if cell["type"] not in NO_HARDWARE}
    rank = {layer: n for n, layer in enumerate(layers)}
    readers: dict[Bit, list[str]] = defaultdict(list)
    for name, cell in cells.items():
        for bit in read(cell):
            readers[bit].append(name)
    owner: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for name in reversed(order(cells)):
        drives = outputs(cells[name])
        own = {layer for bit in drives if bit in names and (layer := _layer(names[bit].what, rank))}
        behind = {owner[reader] for bit in drives for reader in readers[bit] if owner.get(reader) in rank}
        owner[name] = min(own or behind, key=rank.__getitem__, default=OTHER)
        if cells[name]["type"].startswith("LUT"):
            counts[owner[name]] += 1
    return {layer: counts[layer] for layer in [*layers, OTHER] if layer in rank or counts[layer]}


def _layer(what: str, rank: Mapping[str, int]) -> str:
    """Return the layer that a name begins with; empty for an input of the network."""
    layer = what.split(",")[0]
    return layer if layer in rank else ""
