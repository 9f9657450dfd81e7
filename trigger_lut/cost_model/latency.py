"""Latency of a network in cycles: the delay model along its tables, adder trees and saturations.

The firmware generator cuts its pipeline by the same delays, so training can keep to a latency budget without building
anything. Logic that turns out simpler than tables and formats say can take a stage less, arithmetic layers one more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trigger_lut.cost_model.delay import DelayModel, cycles
from trigger_lut.cost_model.operations import operation_times
from trigger_lut.fixed_point.formats import KIF, IntArray, kif_for_range
from trigger_lut.fixed_point.ranges import Ranges, fits
from trigger_lut.network.back_ends import BackEnd
from trigger_lut.network.lowering import max_tree
from trigger_lut.network.lowering.adder_graph import logic
from trigger_lut.network.lowering.adder_tree import Item, Summation, plan_network
from trigger_lut.network.network import IntegerLayer, MaxLayer, Network, TableLayer
from trigger_lut.network.reachability import address_bits

Plans = list[list[list[Summation]]]  # of each layer, at each position, of each output
Ready = Sequence[Sequence[float]]  # of each channel at each position, in ns
Range = tuple[int, int, int]  # smallest code, largest code, fractional bits


def lowered_times(
    layer: IntegerLayer, ready: Ready, *, read: Ranges, gather_index: IntArray, plans: Any, model: DelayModel
) -> list[float]:
    """Return when the outputs of a layer are ready, from the operations that it is lowered to."""
    ends: list[float] = []
    for p, at_place in enumerate(ready):
        comb = logic(layer, read[p])
        times = [] if comb is None else operation_times(comb, model, ready=at_place)
        # Outputs that are constant are not in the logic; when one is ready does not matter.
        last = 0.0 if comb is None else max((times[index] for index in comb.out_idxs if index >= 0), default=0.0)
        ends += [last] * layer.shape[1]
    return ends


OUTPUT_TIMES: BackEnd[list[float]] = BackEnd("latency estimate", default=lowered_times)
"""(layer, ready times, read=, gather_index=, plans=, model=) -> when each output is ready, by position."""


def network_cycles(network: Network, model: DelayModel) -> int:
    """Return latency_cycles of the network's pipelined firmware at a clock.

    Counted from the cycle in which valid_in is high to the cycle in which valid_out is: the number of registers
    between the ports. The input port is not registered (the sender's output register drives it), the output port is.

    Parameters
    ----------
    network : Network
        The integer network.
    model : DelayModel
        Delays of the target's family at its clock.

    Returns
    -------
    int

    Raises
    ------
    ConfigurationError
        For an unknown family or a clock that leaves no room for logic.
    """
    return cycles(output_stages(network, model), 1.0)


def output_stages(network: Network, model: DelayModel, *, plans: Plans | None = None) -> float:
    """Return when the last output of the network is ready, in pipeline stages.

    Parameters
    ----------
    network : Network
        The integer network.
    model : DelayModel
        Delays of the target's family at its clock.
    plans : list, optional
        Result of `plan_network`, if it is known already.

    Returns
    -------
    float
        A fraction of a stage counts as such.

    Raises
    ------
    ConfigurationError
        For an unknown family or a clock that leaves no room for logic.
    """
    times = value_times(network, model, plans=plans)
    return max(times[int(v)] for v in network.output_values) / model.stage_ns


def network_stages(network: Network, model: DelayModel) -> list[NDArray[np.float64]]:
    """Return when each output of each layer is ready at the latest position, in pipeline stages.

    Parameters
    ----------
    network : Network
        The integer network.
    model : DelayModel
        Delays of the target's family at its clock.

    Returns
    -------
    list of numpy.ndarray
        Times (C_out,), one array per layer.

    Raises
    ------
    ConfigurationError
        For an unknown family or a clock that leaves no room for logic.
    """
    times = np.array(value_times(network, model)) / model.stage_ns
    parts = np.split(times, network.first_value)[1:-1]
    return [part.reshape(-1, x.shape[1]).max(axis=0) for part, x in zip(parts, network.layers, strict=True)]


def value_times(network: Network, model: DelayModel, *, plans: Plans | None = None) -> list[float]:
    """Return when each value is ready, in ns of logic with registers every `model.stage_ns` (`delay.finish`)."""
    times = [0.0] * len(network.inputs)
    planned = plan_network(network) if plans is None else plans
    for n, layer in enumerate(network.layers):
        gather_index, read = network.gather_index[n], network.input_ranges(n)
        ready = [
            [
                0.0
                if value < 0
                else converted_time(
                    times[value],
                    read.one(p, i),
                    kif=kif,
                    overflow=layer.overflow[i],
                    model=model,
                    rounding=layer.rounding,
                )
                for i, (value, kif) in enumerate(zip(place, layer.inputs, strict=True))
            ]
            for p, place in enumerate(gather_index)
        ]
        times += OUTPUT_TIMES(layer, ready, read=read, gather_index=gather_index, plans=planned[n], model=model)
    return times


@OUTPUT_TIMES.register(TableLayer)
def _table_times(
    layer: TableLayer, ready: Ready, *, read: Ranges, gather_index: IntArray, plans: Any, model: DelayModel
) -> list[float]:
    bits = address_bits(layer, read)
    return [
        _output_time(bits[:, o], plan, at_place, model)
        for at_place, outputs in zip(ready, plans, strict=True)
        for o, plan in enumerate(outputs)
    ]


def _output_time(bits: IntArray, plan: Summation, ready: Sequence[float], model: DelayModel) -> float:
    tables = [model.finish(ready[a.channel], model.delays.table(int(bits[a.channel]))) for a in plan.addends]
    return _tree_time(plan, tables, model)


@OUTPUT_TIMES.register(MaxLayer)
def _largest_times(
    layer: MaxLayer, ready: Ready, *, read: Ranges, gather_index: IntArray, plans: Any, model: DelayModel
) -> list[float]:
    largest_times = []
    for p, o in np.ndindex(layer.n_positions, layer.shape[1]):
        items = max_tree.members(layer, o, read=read[p], place=gather_index[p])
        comb = max_tree.logic(tuple(items.values()))
        times = [] if comb is None else operation_times(comb, model, ready=[ready[p][i] for i in items])
        largest_times.append(0.0 if comb is None else times[comb.out_idxs[0]])
    return largest_times


def saturates(codes: Range, kif: KIF, *, rounding: str = "TRN") -> bool:
    """Return whether codes of this range, rounded to the format's fraction, can leave the format."""
    lo, hi, f = codes
    return not fits(lo, hi, f=f, kif=kif, rounding=rounding)


def converted_time(
    time: float, codes: Range, *, kif: KIF, overflow: str, model: DelayModel, rounding: str = "TRN"
) -> float:
    """Return when a value that is ready at `time` is ready in a format.

    RND takes an adder. Saturation takes logic only where the value can overflow.
    """
    if rounding == "RND" and kif.f < codes[2]:
        bits = kif_for_range(*codes).bits - (codes[2] - kif.f)
        time = model.finish(time, model.delays.adder(max(bits, 1)))
    if overflow == "WRAP" or not saturates(codes, kif, rounding=rounding):
        return time
    source = kif_for_range(*codes)
    above = source.k + source.i - min(kif.i, source.i)
    # A register may lie between seeing the overflow and selecting the limit.
    for delay in (model.delays.table(max(above, 1)), model.delays.lut_and_wire):
        time = model.finish(time, delay)
    return time


def _tree_time(plan: Summation, times: list[float], model: DelayModel) -> float:
    items = plan.items
    for a, b in plan.pairs:
        delay = model.delays.adder(adder_bits(items[a], items[b]))
        times.append(model.finish(max(times[a], times[b]), delay))
    return max(times, default=0.0)


def adder_bits(a: Item, b: Item) -> int:
    """Return the width of the adder of two items: from where both have bits to the top.

    0 where the bits do not overlap and the lower item is never negative.
    """
    for low, high in ((a, b), (b, a)):
        if low[1] >= 0 and low[2].bit_length() <= high[0]:
            return 0
    top = kif_for_range(a[1] + b[1], a[2] + b[2], f=0).bits
    return max(top - max(a[0], b[0]), 1)
