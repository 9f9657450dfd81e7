"""LUTs of a network, counted from its integers along the same plan that the firmware is built by, then weighted.

Tables: an output bit takes one LUT up to six address bits. Above that it takes one for each distinct non-trivial
cofactor. A bit that is constant, or a copy of an address bit, takes none. Entries that no code can reach do not count.
Equal tables of one channel are built once at a position.
Adders: one LUT for each bit in which both operands have bits. An adder's LUTs have free inputs: each adder can absorb
one table of up to five address bits that nothing else reads.
Conversions: an adder for rounding; for saturation the overflow of the bits above the format, and one LUT per bit.
Arithmetic layers: the bits of the adders that they are built of. Selections: the bits of comparisons and of choices.

Synthesis merges logic that is counted separately here; the weights of these parts are fitted to Yosys on networks of
all kinds (`trigger_lut.calibration`).
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from trigger_lut.cost_model.delay import DelayModel, cycles
from trigger_lut.cost_model.latency import Plans, output_stages, saturates
from trigger_lut.cost_model.operations import operation_luts
from trigger_lut.cost_model.weights import Parts, load
from trigger_lut.fixed_point.formats import KIF, IntArray, kif_for_range
from trigger_lut.fixed_point.ranges import Ranges
from trigger_lut.network.back_ends import BackEnd
from trigger_lut.network.lowering import max_tree
from trigger_lut.network.lowering.adder_graph import logic
from trigger_lut.network.lowering.adder_tree import Addend, Item, Summation, plan_network, without_constants
from trigger_lut.network.network import PADDING, IntegerLayer, MaxLayer, Network, TableLayer
from trigger_lut.network.reachability import code_ranges, entries_in_firmware

LUT_INPUTS = 6
ABSORBED_BITS = 5  # address bits of a table that fits into the LUTs of an adder together with the other operand


NO_PARTS = Parts(**dict.fromkeys(Parts.model_fields, 0.0))


def lowered_parts(layer: IntegerLayer, read: Ranges, *, gather_index: IntArray, plans: Any) -> Parts:
    """Count the LUTs of the operations that a layer is lowered to, at all its positions."""
    total = 0.0
    for p in range(len(read)):
        comb = logic(layer, read[p])
        if comb is not None:
            total += sum(operation_luts(comb.ops, index) for index in range(len(comb.ops)))
    return NO_PARTS.model_copy(update={"arithmetic": total})


LAYER_PARTS: BackEnd[Parts] = BackEnd("LUT estimate", default=lowered_parts)
"""(layer, ranges, gather index, plans) -> the parts of a layer without its conversions."""


@dataclass(frozen=True)
class LayerCost:
    """LUTs of one layer by what they are spent on."""

    tables: float
    adders: float
    saturation: float

    @property
    def luts(self) -> float:
        """LUTs of all parts."""
        return self.tables + self.adders + self.saturation


@dataclass(frozen=True)
class Cost:
    """Estimated cost of a network; its depth in pipeline stages is the depth of our firmware."""

    layers: tuple[LayerCost, ...]
    stages: float

    @property
    def luts(self) -> float:
        """LUTs of all layers."""
        return sum(layer.luts for layer in self.layers)

    @property
    def latency_cycles(self) -> int:
        """Depth in full pipeline stages, at least 1."""
        return cycles(self.stages, 1.0)


def estimate(network: Network, model: DelayModel, *, weights: Parts | None = None) -> Cost:
    """Estimate the cost of a network at a clock.

    Parameters
    ----------
    network : Network
        The integer network.
    model : DelayModel
        Delays of the target's family at its clock.
    weights : Parts, optional
        Weights of the parts; None: those that were fitted to Yosys.

    Returns
    -------
    Cost
    """
    w = weights or load().weights
    plans = plan_network(network)
    costs = tuple(
        LayerCost(
            tables=w.tables * x.tables + w.absorbed * x.absorbed,
            adders=w.adders * x.adders + w.arithmetic * x.arithmetic + w.selections * x.selections,
            saturation=w.conversions * x.conversions,
        )
        for x in layers_parts(network, plans)
    )
    return Cost(costs, output_stages(network, model, plans=plans))


def network_parts(network: Network) -> Parts:
    """Count the parts of a network, all layers together.

    Parameters
    ----------
    network : Network
        The integer network.

    Returns
    -------
    Parts
        LUTs without weights.
    """
    rows = np.array([x.row() for x in layers_parts(network)])
    return Parts(**dict(zip(Parts.model_fields, rows.sum(axis=0).tolist(), strict=True)))


def layers_parts(network: Network, plans: Plans | None = None) -> list[Parts]:
    """Count the parts of each layer, in LUTs without weights.

    plans: result of `plan_network`, if it is known already.
    """
    planned = plan_network(network) if plans is None else plans
    # A conversion serves every layer and position that needs the same value in the same format.
    converted: set[tuple[int, KIF, str, str]] = set()
    parts_by_layer = []
    for n, layer in enumerate(network.layers):
        gather_index, read = network.gather_index[n], network.input_ranges(n)
        conversions = 0.0
        for p, i in itertools.product(range(len(gather_index)), layer.used_channels()):
            kif, overflow = layer.inputs[i], layer.overflow[i]
            key = (int(gather_index[p, i]), kif, overflow, layer.rounding)
            if key[0] != PADDING and key not in converted:
                converted.add(key)
                conversions += conversion_luts(read.one(p, i), kif, overflow=overflow, rounding=layer.rounding)
        parts_by_layer.append(
            LAYER_PARTS(layer, read, gather_index=gather_index, plans=planned[n]).model_copy(
                update={"conversions": conversions}
            )
        )
    return parts_by_layer


@LAYER_PARTS.register(TableLayer)
def _table_parts(layer: TableLayer, read: Ranges, gather_index: IntArray, plans: list[list[Summation]]) -> Parts:
    tables, absorbed, adders = tables_luts(layer, plans, read=read)
    return NO_PARTS.model_copy(update={"tables": tables, "absorbed": absorbed, "adders": adders})


@LAYER_PARTS.register(MaxLayer)
def _max_parts(layer: MaxLayer, read: Ranges, gather_index: IntArray, plans: Any) -> Parts:
    return NO_PARTS.model_copy(update={"selections": max_luts(layer, gather_index, read=read)})


def tables_luts(layer: TableLayer, planned: list[list[Summation]], *, read: Ranges) -> tuple[float, float, float]:
    """Count LUTs of a layer's tables at all positions, those of tables that adders can absorb, and those of its adders.

    planned: result of `plan_places`.
    """
    total = np.zeros(3)
    # Positions that read the same ranges with the same padding are built alike.
    counted: dict[tuple[int, bytes], tuple[float, float, float]] = {}
    for p, plans in enumerate(planned):
        codes = code_ranges(layer, read[p : p + 1])
        key = (id(plans), codes.tobytes())
        if key not in counted:
            built = [_as_built(plan, layer, codes, o) for o, plan in enumerate(plans)]
            uses = Counter(_key(a) for plan in built for a in plan.addends)
            distinct = {_key(a): a.values for plan in built for a in plan.addends}
            counted[key] = (
                sum(table_luts(values) for values in distinct.values()),
                sum(absorbed_luts(plan, uses) for plan in built),
                sum(adder_luts(plan) for plan in built),
            )
        total += counted[key]
    tables, absorbed, adders = total.tolist()
    return tables, absorbed, adders


def _as_built(plan: Summation, layer: TableLayer, codes: IntArray, o: int) -> Summation:
    """Return the plan with the entries that tables have in firmware at a position."""
    addends = []
    for a in plan.addends:
        entries = entries_in_firmware(layer, codes, i=a.channel, o=o)
        whole = len(entries) == len(a.values) and entries[0] == 0 and entries[-1] == len(entries) - 1
        addends.append(a if whole else replace(a, values=a.values[entries]))
    if all(new is a for new, a in zip(addends, plan.addends, strict=True)):
        return plan
    return without_constants(replace(plan, addends=tuple(addends)))


def max_luts(layer: MaxLayer, gather_index: IntArray, *, read: Ranges) -> float:
    """Count LUTs of a selection at all positions: the bits of its comparisons and choices."""
    total = 0.0
    for p, o in itertools.product(range(len(gather_index)), range(layer.shape[1])):
        comb = max_tree.logic(tuple(max_tree.members(layer, o, read=read[p], place=gather_index[p]).values()))
        if comb is not None:
            total += sum(operation_luts(comb.ops, index) for index in range(len(comb.ops)))
    return total


def table_luts(values: IntArray) -> float:
    """Count LUTs of a table of 2**m entries.

    An output bit of more than six address bits is expanded on the highest ones. The multiplexers F7 to F9 that
    join its LUTs are free. Equal output bits, and equal halves, are built once.
    """
    values = np.asarray(values, dtype=np.int64)
    leaf = min(len(values), 1 << LUT_INPUTS)
    width = max(int(values.max()).bit_length(), int(~values.min()).bit_length()) + 1
    planes = (values.reshape(-1, leaf, 1) >> np.arange(width)) & 1
    # One word per leaf and output bit: the truth table of up to six address bits.
    words = (planes.astype(np.uint64) << np.arange(leaf, dtype=np.uint64)[:, None]).sum(axis=1)
    bits = {tuple(word) for word in words.T.tolist()}
    wires = _wires(leaf)
    return float(sum(len(set(bit) - wires) for bit in bits))


@cache
def _wires(leaf: int) -> frozenset[int]:
    """Return truth tables that take no LUT: constants, and address bits as they are or inverted."""
    full = (1 << leaf) - 1
    address = [sum(1 << a for a in range(leaf) if a >> n & 1) for n in range(leaf.bit_length() - 1)]
    return frozenset([0, full, *address, *(full ^ a for a in address)])


def adder_luts(plan: Summation) -> float:
    """Count LUTs of an adder tree."""
    items = plan.items
    return float(sum(_shared_bits(items[a], items[b]) for a, b in plan.pairs))


def absorbed_luts(plan: Summation, uses: Mapping[tuple[int, bytes], int]) -> float:
    """Count LUTs of tables that an output's adders absorb; `uses` counts how often each table is read."""
    items, total = plan.items, 0.0
    for pair in plan.pairs:
        # Below the lowest bit that both operands have, there is no adder to absorb anything.
        lowest = max(items[n][0] for n in pair)
        leaves = [plan.addends[n] for n in pair if n < len(plan.addends)]
        own = [a for a in leaves if len(a.values) <= 1 << ABSORBED_BITS and uses[_key(a)] == 1]
        total += max((table_luts(a.values >> lowest) for a in own), default=0.0)
    return total


def _key(addend: Addend) -> tuple[int, bytes]:
    return addend.channel, addend.values.tobytes()


def _shared_bits(a: Item, b: Item) -> int:
    """Count bits in which both operands have bits; above the top of an unsigned one, the carry chain needs no LUT."""
    top = kif_for_range(a[1] + b[1], a[2] + b[2], f=0).bits
    for _, lo, hi in (a, b):
        if lo >= 0:
            top = min(top, hi.bit_length())
    return max(top - max(a[0], b[0]), 0)


def conversion_luts(codes: tuple[int, int, int], kif: KIF, *, overflow: str = "SAT", rounding: str = "TRN") -> float:
    """Count LUTs that bring codes of a range (lo, hi, f) into a format: an adder for RND, clipping where needed."""
    source = kif_for_range(*codes)
    f = codes[2]
    total = 0.0
    if rounding == "RND" and kif.f < f:
        total += source.bits - (f - kif.f)
    if overflow == "WRAP" or not saturates(codes, kif, rounding=rounding):
        return total
    kept = kif.k + kif.i + min(kif.f, f)
    return total + kept + (1 if source.bits - kept < LUT_INPUTS else 2)


def summarize(layer: IntegerLayer) -> tuple[list[int], list[int]]:
    """Count the edges by the bits that they read, and by the bits that they give, each from 0 on.

    Of a table: address bits, and bits of its output. Of a weight: bits of the input, and of the weight. Of a
    selection: bits of the input, and those that are compared. A missing edge counts as 0 bits.

    Parameters
    ----------
    layer : IntegerLayer
        Layer of any kind.

    Returns
    -------
    tuple of list of int
        Number of edges that read 0, 1, ... bits, and that give 0, 1, ... bits.
    """
    bits = layer.edge_bits()
    absent = [0] * (layer.n_possible_edges - layer.live_edges)
    read, given = (np.bincount(np.array(absent + edges, dtype=np.int64)).tolist() for edges in bits)
    return read, given
