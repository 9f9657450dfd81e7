"""Summary of the choice of layers that share hardware, for cards."""

from __future__ import annotations

from trigger_lut.cards.time_sharing import SharedPart, SharingSummary, SharingTry
from trigger_lut.cost_model.delay import DelayModel
from trigger_lut.cost_model.latency import network_cycles
from trigger_lut.cost_model.luts import Cost, estimate
from trigger_lut.cost_model.time_sharing import WORTH, Sharing, is_direct
from trigger_lut.network.network import Network
from trigger_lut.network.time_sharing import Block, Part


def summarize_sharing(
    network: Network, sharing: Sharing, *, model: DelayModel, ii: int, latency_cycles: int
) -> SharingSummary:
    """Summarize a choice.

    Parameters
    ----------
    network : Network
        The integer network.
    sharing : Sharing
        What `choose_sharing` returned for it.
    model : DelayModel
        Delays of the target's family at its clock.
    ii, latency_cycles : int
        Limits of the choice.

    Returns
    -------
    SharingSummary
        All LUTs and cycles are estimates.
    """
    parallel = estimate(network, model)
    return SharingSummary(
        ii_budget=ii,
        ii=sharing.ii,
        luts=sharing.cost.luts,
        luts_parallel=parallel.luts,
        latency_cycles=sharing.cost.latency_cycles,
        latency_cycles_parallel=parallel.latency_cycles,
        parts=[_part(part, model) for part in sharing.parts],
        tried=[SharingTry.model_validate(vars(tried)) for tried in sharing.tried],
        verdict=_verdict(sharing, parallel, latency_cycles),
    )


def _part(part: Part, model: DelayModel) -> SharedPart:
    if isinstance(part, Block):
        return SharedPart(
            layers=part.name,
            logic_cycles=network_cycles(part.step, model),
            positions=part.positions,
            instances=part.instances,
            fold=part.fold,
            wait_cycles=0 if is_direct(part, model) else 1,
        )
    return SharedPart(layers="+".join(layer.name for layer in part.layers), logic_cycles=network_cycles(part, model))


def _verdict(sharing: Sharing, parallel: Cost, latency_cycles: int) -> str:
    """Say what sharing saves, or why nothing is shared."""
    blocks = [part for part in sharing.parts if isinstance(part, Block)]
    if blocks:
        built = ", ".join(f"{b.name}: {b.instances} of {b.positions} positions a cycle" for b in blocks)
        return (
            f"{built}; an estimate of {sharing.cost.luts:.0f} LUTs, {parallel.luts - sharing.cost.luts:.0f} fewer than "
            f"with II = 1"
        )
    if not sharing.tried:
        return "II = 1: no layer has the same tables or weights at several positions"
    limit = max(latency_cycles, parallel.latency_cycles)
    fitting = [tried for tried in sharing.tried if tried.latency_cycles <= limit]
    if not fitting:
        least = min(tried.latency_cycles for tried in sharing.tried)
        return f"II = 1: sharing takes at least {least} cycles, the budget grants {limit}"
    more = min(tried.luts for tried in fitting) - parallel.luts
    if more < 0:
        return f"II = 1: sharing saves less than {100 * (1 - WORTH):.0f} %, an estimate of {-more:.0f} LUTs"
    return f"II = 1 was better, by an estimate of {more:.0f} LUTs"
