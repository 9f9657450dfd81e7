"""The smallest network along the pruning that depends on its input, for budgets that leave none."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import replace

import numpy as np

from trigger_lut.network.network import Network
from trigger_lut.network.reference_model import evaluate
from trigger_lut.training.budget import Budget
from trigger_lut.training.pruning import Marks, without

STEP = 1.1  # between two LUT budgets that are tried; at least one LUT


def output_varies(network: Network, codes: np.ndarray) -> bool:
    """Return whether the outputs differ between any two of these events; codes (N, C_in)."""
    outputs = evaluate(network, codes)
    return bool((outputs != outputs[:1]).any())


def closest(limits: Budget, network: Network, *, codes: np.ndarray, removable: Collection[str] | None = None) -> Marks:
    """Return the edges to remove for the least cycles, and then the fewest LUTs, with which the outputs still vary.

    The budget is raised until the network pruned to it depends on the input. If only the unpruned network does, no edge
    is marked. codes (N, C_in): events by which edges are valued, and over which the outputs vary.
    removable: names of the layers that can lose edges; None means all.
    """
    cost, asked = limits.estimate(network), limits.spec
    all_luts = max(math.ceil(limits.correction.luts_of(cost)), asked.budget.luts)
    all_cycles = max(limits.correction.cycles_of(cost), asked.latency_cycles_budget)

    def pruned_to(luts: int, cycles: int) -> Marks | None:
        marks = _raised(limits, luts, cycles).edges_to_remove(network, codes, share=1.0, removable=removable)
        return marks if output_varies(without(network, marks), codes) else None

    cycles = asked.latency_cycles_budget
    while cycles < all_cycles and pruned_to(all_luts, cycles) is None:
        cycles += 1
    luts = asked.budget.luts
    while luts < all_luts:
        if (marks := pruned_to(luts, cycles)) is not None:
            return marks
        luts = max(int(STEP * luts), luts + 1)
    return pruned_to(all_luts, cycles) or [np.zeros(layer.shape, dtype=bool) for layer in network.layers]


def _raised(limits: Budget, luts: int, cycles: int) -> Budget:
    """Return the same limits with another budget."""
    spec = limits.spec
    budget = spec.budget.model_copy(update={"luts": luts, "latency_ns": cycles * spec.target.clock_period_ns})
    return replace(limits, spec=spec.model_copy(update={"budget": budget}))
