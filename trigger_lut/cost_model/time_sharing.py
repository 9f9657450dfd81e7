"""Choice of the layers that share their hardware over several cycles, and the cost of what sharing adds.

A trigger that brings an event every `ii` cycles leaves hardware of II = 1 idle in all cycles but one. The choice uses
these cycles where that saves LUTs and the latency fits.

Added to the parts of a cut network (`network.time_sharing`), in LUTs:

    word          Multiplexers give the step its channels of a cycle. An input that is the same in all is free.
    accumulators  A bit of a sum takes a LUT, a bit of a maximum two: a comparison and a choice.
    control       A counter of the cycles.

Stored values and inputs that wait take registers only. A block takes fold + 1 cycles in addition to its step: one to
choose the first word, one for the accumulator, and fold - 1 for the other words. It takes one more where the clock is
too fast to choose the first word straight from the port.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from trigger_lut.cost_model.delay import DelayModel, cycles
from trigger_lut.cost_model.luts import Cost, LayerCost, estimate
from trigger_lut.network.network import Network
from trigger_lut.network.time_sharing import Block, Cut, Part, fold_choices, shareable, split

CONTROL_LUTS = 3  # of a counter, in addition to one per bit
WORTH = 0.99  # a cut that keeps more of the LUTs is not worth its control


@dataclass(frozen=True)
class Tried:
    """One way to share.

    Attributes
    ----------
    block
        Names of the layers that share hardware.
    positions, instances, fold
        Positions, those that are computed in one cycle, and the cycles that they take together.
    luts, latency_cycles
        Estimates of the whole network.
    chosen
        True for the way that is built.
    """

    block: str
    positions: int
    instances: int
    fold: int
    luts: float
    latency_cycles: int
    chosen: bool = False


@dataclass(frozen=True)
class Sharing:
    """Parts of a network, with their cost.

    Attributes
    ----------
    parts
        In order; the network alone where nothing is shared.
    cost
        Estimate of all parts, by layer of the network.
    cuts
        Cuts that make the parts of the network.
    tried
        Ways that were compared.
    """

    parts: tuple[Part, ...]
    cost: Cost
    cuts: tuple[Cut, ...] = ()
    tried: tuple[Tried, ...] = field(default=())

    @property
    def ii(self) -> int:
        """Cycles between two events that the parts need."""
        return max((part.fold for part in self.parts if isinstance(part, Block)), default=1)


def choose_sharing(network: Network, model: DelayModel, *, ii: int, latency_cycles: int) -> Sharing:
    """Choose the parts of a network that take the fewest LUTs by the surrogate.

    Parameters
    ----------
    network : Network
        The integer network.
    model : DelayModel
        Delays of the target's family at its clock.
    ii : int
        Cycles between two events.
    latency_cycles : int
        Cycles from the event to its outputs that the budget grants.

    Returns
    -------
    Sharing
        The network alone where sharing saves nothing, or takes more cycles than the budget grants.
    """
    best = Sharing((network,), estimate(network, model))
    if ii < 2:
        return best
    plain, tried = best, []
    while True:
        options = [
            (Sharing(parts, parts_cost(network, parts, model=model), (*best.cuts, cut)), block)
            for parts, cut, block in _cuts(best.parts, ii)
        ]
        tried += [_tried(sharing, block) for sharing, block in options]
        fitting = [x for x, _ in options if x.cost.latency_cycles <= max(latency_cycles, plain.cost.latency_cycles)]
        better = min(fitting, key=lambda x: (x.cost.luts, x.cost.latency_cycles), default=best)
        if better.cost.luts > WORTH * best.cost.luts:
            break
        best = better
    built = {(p.name, p.instances) for p in best.parts if isinstance(p, Block)}
    marked = tuple(replace(t, chosen=(t.block, t.instances) in built) for t in tried)
    return replace(best, tried=marked)


def parts_cost(network: Network, parts: Sequence[Part], *, model: DelayModel) -> Cost:
    """Estimate the cost of parts.

    Parameters
    ----------
    network : Network
        The whole network.
    parts : sequence of Network or Block
        Its parts.
    model : DelayModel
        Delays of the target's family at its clock.

    Returns
    -------
    Cost
        By layer of the whole network; layers of one name count with the first of them. What sharing adds counts as
        adders of the first layer of its block.
    """
    by_layer = [[0.0, 0.0, 0.0] for _ in network.layers]
    # Layers that a cut adds, such as a ReLU behind an accumulator, count with the first one.
    number = {layer.name: n for n, layer in reversed(list(enumerate(network.layers)))}
    total = 0
    for part in parts:
        inner = part.step if isinstance(part, Block) else part
        cost = estimate(inner, model)
        total += cost.latency_cycles
        for layer, spent in zip(inner.layers, cost.layers, strict=True):
            counted = by_layer[number.get(layer.name, 0)]
            for n, luts in enumerate((spent.tables, spent.adders, spent.saturation)):
                counted[n] += luts
        if isinstance(part, Block):
            total += block_cycles(part, model)
            by_layer[number[part.step.layers[0].name]][1] += block_luts(part, model)
    return Cost(tuple(LayerCost(*luts) for luts in by_layer), float(total))


def is_direct(block: Block, model: DelayModel) -> bool:
    """Return whether the clock leaves time to choose the first word straight from the port.

    Parameters
    ----------
    block : Block
        The block.
    model : DelayModel
        Delays of the target's family at its clock.

    Returns
    -------
    bool
        False if all words are read from registers, a cycle later.
    """
    others = block.fold - 1
    if others <= 3:
        return True
    bits = (others - 1).bit_length()
    # Four words are chosen by one LUT, up to 16 with F7 and F8; behind that, the choice of the port is one more LUT.
    trees = model.delays.lut_and_wire * (1 + -(-max(bits - 4, 0) // 2)) + model.delays.wide_mux * min(bits - 2, 2)
    return trees + model.delays.lut_and_wire <= model.stage_ns


def block_cycles(block: Block, model: DelayModel) -> int:
    """Return the cycles that a block takes in addition to those of its step.

    Parameters
    ----------
    block : Block
        The block.
    model : DelayModel
        Delays of the target's family at its clock.

    Returns
    -------
    int
        Cycles.
    """
    return block.fold + (1 if is_direct(block, model) else 2)


def block_luts(block: Block, model: DelayModel) -> float:
    """Estimate the LUTs of a block without those of its step.

    Parameters
    ----------
    block : Block
        The block.
    model : DelayModel
        Delays of the target's family at its clock.

    Returns
    -------
    float
        LUTs of multiplexers, accumulators and control.
    """
    direct = is_direct(block, model)
    words = sum(kif.bits * word_luts(block.words[:, n], direct) for n, kif in enumerate(block.step.inputs))
    accumulators = sum({"sum": 1, "max": 2}.get(c.kind, 0) * c.kif.bits for c in block.collected)
    return float(words + accumulators + (block.fold - 1).bit_length() + CONTROL_LUTS)


def word_luts(sources: Sequence[int] | np.ndarray, direct: bool) -> int:
    """Count the LUTs of a bit that is another input in each cycle.

    Multiplexers F7 and F8 join LUTs for free.

    Parameters
    ----------
    sources : sequence of int
        Number of the input in each cycle.
    direct : bool
        True if the first one comes from the port, the others from registers: a multiplexer, and a choice between both.

    Returns
    -------
    int
        LUTs.
    """
    words = [int(v) for v in sources]
    if len(set(words)) == 1:
        return 0
    count = len(words) - direct
    if direct and count <= 3:
        return 1
    whole, rest = divmod(count, 16)
    trees = 4 * whole + (0 if rest == 0 else 1 if rest <= 4 else 2 if rest <= 8 else 4)
    joins = 0 if count <= 16 else -(-count // 64)
    return trees + joins + direct


def _cuts(parts: tuple[Part, ...], ii: int) -> list[tuple[tuple[Part, ...], Cut, Block]]:
    """List the parts with one more block each."""
    candidates = []
    for n, part in enumerate(parts):
        if isinstance(part, Block):
            continue
        for members in shareable(part):
            for instances in fold_choices(members.positions, ii):
                split_parts = split(part, members, instances=instances)
                (block,) = (p for p in split_parts if isinstance(p, Block))
                cut = Cut(n, members.layers, instances)
                candidates.append(((*parts[:n], *split_parts, *parts[n + 1 :]), cut, block))
    return candidates


def _tried(sharing: Sharing, block: Block) -> Tried:
    return Tried(
        block.name, block.positions, block.instances, block.fold, sharing.cost.luts, cycles(sharing.cost.stages, 1.0)
    )
