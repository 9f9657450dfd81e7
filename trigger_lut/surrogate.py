"""LUTs of a network, counted from its integers along the same plan that the firmware is built by.

Tables: an output bit takes one LUT up to six address bits, and one for each distinct non-trivial cofactor above
that; a bit that is constant, or a copy of an address bit, takes none. Adders: one LUT a bit, from where both
operands have bits to the top of the sum. Saturation: the overflow of the bits above the format, and one LUT a bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from trigger_lut.fixed_point import KIF, IntArray, kif_for_range
from trigger_lut.latency import adder_bits, network_cycles, saturates
from trigger_lut.network import LUTDenseTables, Network
from trigger_lut.summation import Summation, plan_layer, trailing_zeros

LUT_INPUTS = 6


@dataclass(frozen=True)
class LayerCost:
    """LUTs of one layer by what they are spent on."""

    tables: float
    adders: float
    saturation: float

    @property
    def luts(self) -> float:
        return self.tables + self.adders + self.saturation


@dataclass(frozen=True)
class Cost:
    """What a network is estimated to take; latency_cycles is exact for the firmware that we build."""

    layers: tuple[LayerCost, ...]
    latency_cycles: int

    @property
    def luts(self) -> float:
        return sum(layer.luts for layer in self.layers)


def estimate(network: Network, clock_period_ns: float, family: str = "xcup") -> Cost:
    """Cost of a network at a clock."""
    ranges = [(kif.lo, kif.hi, kif.f) for kif in network.inputs]
    costs = []
    for layer in network.layers:
        plans = plan_layer(layer)
        tables: dict[tuple[int, bytes], float] = {}
        for plan in plans:
            for a in plan.addends:
                # Equal tables of one channel are built once.
                key = (a.channel, a.values.tobytes())
                if key not in tables:
                    tables[key] = table_luts(a.values)
        read = {a.channel for plan in plans for a in plan.addends}
        saturation = sum(
            saturation_luts(r, kif) for i, (r, kif) in enumerate(zip(ranges, layer.inputs, strict=True)) if i in read
        )
        costs.append(LayerCost(sum(tables.values()), sum(adder_luts(plan) for plan in plans), saturation))
        lo, hi = layer.bounds()
        ranges = [(int(a), int(b), int(f)) for a, b, f in zip(lo, hi, layer.fraction, strict=True)]
    return Cost(tuple(costs), network_cycles(network, clock_period_ns, family))


def table_luts(values: IntArray) -> float:
    """LUTs of a table of 2**m entries.

    An output bit of more than six address bits is expanded on the highest ones; the multiplexers F7 to F9 that
    join its LUTs are free. Equal output bits, and equal halves, are built once.
    """
    values = np.asarray(values, dtype=np.int64)
    leaf = min(len(values), 1 << LUT_INPUTS)
    width = max(int(values.max()).bit_length(), int(~values.min()).bit_length()) + 1
    planes = (values.reshape(-1, leaf, 1) >> np.arange(width)) & 1
    # One word a leaf and output bit: the truth table of up to six address bits.
    words = (planes.astype(np.uint64) << np.arange(leaf, dtype=np.uint64)[:, None]).sum(axis=1)
    bits = {tuple(word) for word in words.T.tolist()}
    wires = _wires(leaf)
    return float(sum(len(set(bit) - wires) for bit in bits))


@cache
def _wires(leaf: int) -> frozenset[int]:
    """Truth tables that take no LUT: constants, and address bits as they are or inverted."""
    full = (1 << leaf) - 1
    address = [sum(1 << a for a in range(leaf) if a >> n & 1) for n in range(leaf.bit_length() - 1)]
    return frozenset([0, full, *address, *(full ^ a for a in address)])


def adder_luts(plan: Summation) -> float:
    """LUTs of an adder tree."""
    items = [(trailing_zeros(a.values), a.lo, a.hi) for a in plan.addends]
    total = 0
    for a, b in plan.pairs:
        total += adder_bits(items[a], items[b])
        items.append((min(items[a][0], items[b][0]), items[a][1] + items[b][1], items[a][2] + items[b][2]))
    return float(total)


def saturation_luts(codes: tuple[int, int, int], kif: KIF) -> float:
    """LUTs that clip codes of a range (lo, hi, f) into a format; 0 when none can leave it."""
    if not saturates(codes, kif):
        return 0.0
    source = kif_for_range(*codes)
    lo, _, f = codes
    kept = kif.k + kif.i + min(kif.f, f)
    sides = 1 + (lo < 0)
    return float(kept + sides * (1 if source.bits - kept < LUT_INPUTS else 2))


def summarise(layer: LUTDenseTables) -> tuple[list[int], list[int]]:
    """Edges by address width, and by bits of table output, each counted from 0 on."""
    inputs = np.bincount(layer.widths.ravel())
    spans = [int(np.ptp(layer.table(i, o))).bit_length() for i, o in layer.edges()]
    outputs = np.bincount(np.array(spans + [0] * (layer.widths.size - len(spans)), dtype=np.int64))
    return inputs.tolist(), outputs.tolist()
