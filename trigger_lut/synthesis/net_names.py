"""Names for the nets of a synthesized netlist: the value of the network that a net carries.

Synthesis keeps few names. So netlist and network get the same random vectors. A net is named after the first value of
the network with a bit that is the same on all of them: input, channel of a layer, table of an edge, adder or output.
Nets inside a table of several LUTs or inside an adder carry no such bit and have no name. With the names, the LUTs of a
netlist are counted by layer.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from trigger_lut.fixed_point.formats import IntArray
from trigger_lut.network.back_ends import NET_NAMES, PLANS
from trigger_lut.network.lowering.adder_tree import Summation
from trigger_lut.network.network import PADDING, Network, TableLayer
from trigger_lut.network.reference_model import all_values, channel_codes
from trigger_lut.synthesis.netlist import BLOCK_RAMS, NO_HARDWARE, Bit, order, outputs, read
from trigger_lut.synthesis.netlist_simulation import check_outputs, net_values, packed

OTHER = "not attributed"
VECTORS, SEED = 1024, 1
BLOCK_RAM_VECTORS = 4096  # every address of a table in block RAM behind an input of up to 12 bits


@dataclass(frozen=True)
class NetName:
    """Bit of a value of the network; `what` names layer, output and edge."""

    what: str
    bit: int


def net_names(network: Network, module: Mapping[str, Any], *, design: str) -> dict[Bit, NetName]:
    """Name the nets of a design's netlist.

    Parameters
    ----------
    network
        Integer network of the design.
    module
        Netlist.
    design
        Name of the design in errors.

    Returns
    -------
    dict
        Names by net, for nets that have one.

    Raises
    ------
    NotReproducibleError
        If the netlist does not compute the network's outputs.
    ToolFailedError
        For an unknown cell.
    """
    vectors = vector_count(module)
    codes = random_codes(network, vectors)
    values = all_values(network, codes)
    data = [bit for i, kif in enumerate(network.inputs) for bit in packed(codes[:, i], kif.bits)]
    nets = net_values(module, {"data_in": data, "valid_in": [(1 << vectors) - 1]}, vectors=vectors)
    check_outputs(network, module, nets=nets, expected=values[:, network.output_values], name=design)
    ones = (1 << vectors) - 1
    known: dict[int, NetName] = {}
    for what, value in _named(network, codes, values):
        for n, row in enumerate(packed(value, _value_bits(value))):
            if row not in (0, ones):
                known.setdefault(row, NetName(what, n))
                known.setdefault(row ^ ones, NetName(what, n))
    return {bit: known[row] for bit, row in nets.items() if row in known}


def vector_count(module: Mapping[str, Any]) -> int:
    """Return the number of vectors that a netlist is evaluated on.

    Parameters
    ----------
    module
        Netlist; one with block RAMs needs more vectors.

    Returns
    -------
    int
        Number of vectors.
    """
    return BLOCK_RAM_VECTORS if any(c["type"] in BLOCK_RAMS for c in module["cells"].values()) else VECTORS


def random_codes(network: Network, vectors: int) -> IntArray:
    """Return (vectors, C_in) random codes. An input with no more codes than vectors takes each of them."""
    rng = np.random.default_rng(SEED)
    codes = np.stack([rng.integers(kif.lo, kif.hi + 1, vectors) for kif in network.inputs], axis=1)
    for i, kif in enumerate(network.inputs):
        if kif.hi - kif.lo < vectors:
            every = np.arange(kif.lo, kif.hi + 1)
            codes[rng.permutation(vectors)[: len(every)], i] = every
    return codes


def _named(network: Network, codes: IntArray, values: IntArray) -> Iterator[tuple[str, IntArray]]:
    """Yield the name and the values (N,) of each value in the network, from the inputs on."""
    for i in range(codes.shape[1]):
        feature = f" ({network.features[i]})" if i < len(network.features) else ""
        yield f"input {i}{feature}", codes[:, i]
    for n, (layer, gather_index) in enumerate(zip(network.layers, network.gather_index, strict=True)):
        plans = PLANS(layer, gather_index)
        for place in range(layer.n_positions):
            name = layer.name if layer.n_positions == 1 else f"{layer.name}, place {place}"
            channels = channel_codes(network, n, values=values, place=place)
            for i in range(channels.shape[1]):
                if int(gather_index[place][i]) != PADDING:
                    yield f"{name}, input {i}", channels[:, i]
            first = network.first_value[n] + place * layer.shape[1]
            for o in range(layer.shape[1]):
                for part, codes_of_part in NET_NAMES(layer, o, plans[place][o], channels):
                    yield f"{name}, output {o}, {part}", codes_of_part
                yield f"{name}, output {o}", values[:, first + o]


@NET_NAMES.register(TableLayer)
def _sum(layer: TableLayer, o: int, plan: Summation, channels: IntArray) -> Iterator[tuple[str, IntArray]]:
    """Yield tables and partial sums of one output, with the constants that the firmware puts into the tables."""
    items: list[IntArray] = []
    leaves: list[int] = []
    live = [n for n, a in enumerate(plan.addends) if a.hi > a.lo]
    widest = max(live, key=lambda n: plan.addends[n].hi - plan.addends[n].lo, default=-1)
    for n, addend in enumerate(plan.addends):
        kif, width = layer.inputs[addend.channel], int(layer.widths[addend.channel, o])
        address = (channels[:, addend.channel] - kif.lo) >> (kif.bits - width)
        items.append(addend.values[address] + (plan.constant if n == widest else 0))
        leaves.append(1)
        yield f"edge from input {addend.channel}", items[n]
    for a, b in plan.pairs:
        items.append(items[a] + items[b])
        leaves.append(leaves[a] + leaves[b])
        yield f"adder of {leaves[-1]} edges", items[-1]


def _value_bits(values: IntArray) -> int:
    """Return the number of bits that represent all of these values, with a sign where one is negative."""
    lo, hi = int(values.min()), int(values.max())
    return max(hi.bit_length(), (~lo).bit_length() if lo < 0 else 0) + (lo < 0)


def luts_by_layer(module: Mapping[str, Any], names: Mapping[Bit, NetName], *, layers: list[str]) -> dict[str, int]:
    """Attribute the LUTs of a netlist to layers.

    A LUT belongs to the layer whose value it drives. A LUT inside a table or an adder belongs to the layer of its
    reader, the earliest one where several layers read it.

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
