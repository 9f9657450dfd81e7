"""How many cycles a network will take: the delay model along its tables, adder trees and saturations.

The firmware generator cuts its pipeline into exactly as many stages as `network_cycles` says, so training can keep to
a latency budget without building anything.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trigger_lut import delay_model
from trigger_lut.fixed_point import KIF, kif_for_range
from trigger_lut.network import LUTDenseTables, Network, fits
from trigger_lut.summation import Item, Summation, plan_layer

Range = tuple[int, int, int]  # smallest code, largest code, fractional bits


def network_cycles(network: Network, clock_period_ns: float, family: str = "xcup") -> int:
    """latency_cycles of the network's pipelined firmware at a clock.

    Counted from the cycle in which valid_in is high to the cycle in which valid_out is: the number of registers
    between the ports. The input port is not registered (the sender's output register drives it), the output port is.
    Raises ConfigurationError for an unknown family or a clock that leaves no room for logic.
    """
    return delay_model.cycles(network_stages(network, clock_period_ns, family)[-1].max(), 1.0)


def network_stages(network: Network, clock_period_ns: float, family: str = "xcup") -> list[NDArray[np.float64]]:
    """When each output of each layer is ready, in pipeline stages (not whole ones): one array (C_out,) a layer.

    Raises ConfigurationError for an unknown family or a clock that leaves no room for logic.
    """
    stage = delay_model.stage_ns(clock_period_ns, family)
    return [np.array(times) / stage for times in layers_times(network, stage, family)]


def layers_times(network: Network, stage: float, family: str = "xcup") -> list[list[float]]:
    """When each output of each layer is ready, in ns of logic with registers every `stage` ns (delay_model.finish)."""
    times, found = [0.0] * len(network.inputs), []
    ranges: list[Range] = [(kif.lo, kif.hi, kif.f) for kif in network.inputs]
    for layer in network.layers:
        times = layer_times(layer, times, ranges, stage, family)
        found.append(times)
        lo, hi = layer.bounds()
        ranges = [(int(a), int(b), int(f)) for a, b, f in zip(lo, hi, layer.fraction, strict=True)]
    return found


def layer_times(
    layer: LUTDenseTables, times: list[float], ranges: list[Range], stage: float, family: str = "xcup"
) -> list[float]:
    """When each output of a layer is ready, given when its channels are and which codes they can take."""
    ready = [_converted_time(t, r, kif, stage, family) for t, r, kif in zip(times, ranges, layer.inputs, strict=True)]
    finished = []
    for o, plan in enumerate(plan_layer(layer)):
        tables = [
            delay_model.finish(
                ready[a.channel], delay_model.table_delay(int(layer.widths[a.channel, o]), family), stage
            )
            for a in plan.addends
        ]
        finished.append(_tree_time(plan, tables, stage, family))
    return finished


def saturates(codes: Range, kif: KIF) -> bool:
    """Whether codes of this range, rounded down to the format's fraction, can leave the format."""
    lo, hi, f = codes
    return not fits(lo, hi, f, kif)


def _converted_time(time: float, codes: Range, kif: KIF, stage: float, family: str) -> float:
    if not saturates(codes, kif):
        return time
    source = kif_for_range(*codes)
    above = source.k + source.i - min(kif.i, source.i)
    # A register may stand between seeing the overflow and selecting the limit.
    for delay in (delay_model.table_delay(max(above, 1), family), delay_model.lut_delay(family)):
        time = delay_model.finish(time, delay, stage)
    return time


def _tree_time(plan: Summation, times: list[float], stage: float, family: str) -> float:
    items = plan.items()
    for a, b in plan.pairs:
        delay = delay_model.adder_delay(adder_bits(items[a], items[b]), family)
        times.append(delay_model.finish(max(times[a], times[b]), delay, stage))
    return max(times, default=0.0)


def adder_bits(a: Item, b: Item) -> int:
    """Bits of the adder of two items: from where both have bits to the top.

    0 where the bits lie side by side and the lower item is never negative.
    """
    for low, high in ((a, b), (b, a)):
        if low[1] >= 0 and low[2].bit_length() <= high[0]:
            return 0
    top = kif_for_range(a[1] + b[1], a[2] + b[2], 0).bits
    return max(top - max(a[0], b[0]), 1)
