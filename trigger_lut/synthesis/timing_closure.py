"""The pipeline is cut again until its synthesized netlist reaches the clock, or until the latency budget is used up.

The first cut goes by the delay model. Synthesis then shows how long the path into each register really is: it shares
logic between tables, and a large table may become more LUTs in a row than planned. Where a path is too long for the
clock, the operations on it count as that much longer in the next cut. So registers move, and where that is not enough a
stage is added. Delays only grow, and each new cut breaks each path that was too long, so the search ends: at the latest
where each operation has a stage of its own.

The result depends on nothing but the network and the target, so training and firmware get the same pipeline.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from trigger_lut.config.budget import Spec
from trigger_lut.cost_model.clock import fmax_estimate_mhz
from trigger_lut.cost_model.delay import GROWTH, DelayModel, delays
from trigger_lut.cost_model.luts import estimate
from trigger_lut.cost_model.measured import Built
from trigger_lut.cost_model.operations import described, operation_delays
from trigger_lut.cost_model.time_sharing import Sharing, choose_sharing, is_direct
from trigger_lut.errors import ToolFailedError
from trigger_lut.firmware.rtl.block import Schedule, block_flip_flops
from trigger_lut.firmware.rtl.build import RtlProject, Stages, live_logic, pipelines, write_rtl
from trigger_lut.firmware.rtl.pipeline import flip_flops, stage_numbers
from trigger_lut.network.network import Network
from trigger_lut.network.time_sharing import Block, Cut
from trigger_lut.synthesis.netlist import cell_counts, longest_path, resources
from trigger_lut.synthesis.pipeline_registers import registered_operations
from trigger_lut.synthesis.static_timing import stages as netlist_stages
from trigger_lut.synthesis.synthesizers import synthesizer_of
from trigger_lut.utils.workers import workers

SYNTHESES = 6  # at most
ATTEMPTS = 3  # to cut all parts of a design that shares hardware
SPARE = 0.15  # of the cycles of a first cut: what further cuts rarely exceed
LEAST_GROWTH = 1.02  # of the delays on a path that is too long
LEAST_LUTS_ASIDE = 300  # of a part that is worth a process of its own

Late = dict[int, float]
"""By operation that ends in a register: how many times too long its path is, if it is."""


@dataclass(frozen=True)
class Pipeline:
    """Pipeline of a network, with the results of its synthesis.

    Attributes
    ----------
    stages
        Pipeline stage of each operation of `build.live_logic`, from 1 on; () where all outputs are constant. With cuts:
        those of each pipeline.
    latency_cycles
        Registers from input to output; with cuts, cycles from the event to its outputs.
    luts
        LUTs after synthesis.
    ff
        Registers before synthesis.
    fmax_mhz
        Fmax by the delay model on the netlist.
    clock_met
        Whether Fmax is at least the target's clock.
    cycles_needed
        `latency_cycles`; where no cut within the budget reaches the clock, those of the next cut.
    syntheses
        Number of netlists that were made to find it.
    obstacle
        Reason why no cut within the budget reaches the clock; empty where one does.
    cuts
        Blocks that use their hardware in several cycles.
    """

    stages: tuple[int, ...] | tuple[tuple[int, ...], ...]
    latency_cycles: int
    luts: int
    ff: int
    fmax_mhz: float
    clock_met: bool
    cycles_needed: int
    syntheses: int
    obstacle: str = ""
    cuts: tuple[Cut, ...] = ()


def close_timing(network: Network, spec: Spec, *, jobs: int = 1) -> Pipeline:
    """Cut a network's pipeline so that its netlist reaches the target's clock, with few additional stages.

    Parameters
    ----------
    network
        Integer network.
    spec
        Specification with target and budget.
    jobs
        Parts of a design that shares hardware that are cut at a time. The result is the same for any number.

    Returns
    -------
    Pipeline
        Where no cut within the latency budget reaches the clock, the fastest one, with its obstacle.

    Raises
    ------
    FirmwareError
        If the network cannot be built.
    ToolMissingError, ToolFailedError
        For the synthesizer.
    """
    budget, model = spec.latency_cycles_budget, DelayModel.of(spec.target)
    sharing = choose_sharing(network, model, ii=spec.budget.ii, latency_cycles=budget)
    if sharing.cuts:
        return _close_parts(network, spec, sharing, jobs)
    return _close(network, spec, budget, least=1 if spec.frozen is None else spec.frozen.latency_cycles)


def _first_cut(network: Network, spec: Spec) -> Pipeline:
    """Synthesize the first cut of a network, whether it reaches the clock or not."""
    budget, model = spec.latency_cycles_budget, DelayModel.of(spec.target)
    sharing = choose_sharing(network, model, ii=spec.budget.ii, latency_cycles=budget)
    if not sharing.cuts:
        comb = live_logic(network)
        return _synthesized(network, spec, comb, _first_stages(comb, model, budget))[0]
    stages = tuple(
        _first_stages(live_logic(part), model, estimate(part, model).latency_cycles)
        for part in pipelines(sharing.parts)
    )
    return _pipeline(*_netlist(network, spec, stages, sharing.cuts), spec, stages)


def _first_stages(comb: Any, model: DelayModel, most: int) -> tuple[int, ...]:
    """Return the stage of each operation in the first cut."""
    if comb is None:
        return ()
    return tuple(stage_numbers(comb, model, delays_ns=planned_delays(comb, model, most=most)))


def _close_parts(network: Network, spec: Spec, sharing: Sharing, jobs: int) -> Pipeline:
    """Cut each pipeline of a design that shares hardware so that all of it reaches the clock.

    Paths are longer in the whole design than in one part of it. Where the whole misses the clock, its parts are cut
    again for a clock that is as much faster. The search ends when that does not help, or no cycles are left.
    """
    tried: list[Pipeline] = []
    faster = 1.0
    while True:
        tried.append(_closed_parts(network, spec, sharing, faster, jobs=jobs))
        last = tried[-1]
        slower = len(tried) > 1 and last.fmax_mhz <= tried[-2].fmax_mhz
        if last.clock_met or slower or len(tried) == ATTEMPTS or last.latency_cycles >= spec.latency_cycles_budget:
            break
        faster *= LEAST_GROWTH * spec.target.clock_mhz / last.fmax_mhz
    best = max(tried, key=lambda pipeline: (pipeline.clock_met, pipeline.fmax_mhz))
    return replace(best, syntheses=sum(pipeline.syntheses for pipeline in tried))


def _closed_parts(network: Network, spec: Spec, sharing: Sharing, faster: float, *, jobs: int) -> Pipeline:
    """Cut each pipeline for a clock that is so many times faster; then synthesize all of it."""
    model = DelayModel.of(spec.target)
    target = spec.target.model_copy(update={"clock_mhz": faster * spec.target.clock_mhz})
    part_spec = spec.model_copy(update={"target": target})
    networks = pipelines(sharing.parts)
    costs = [estimate(part, model) for part in networks]
    spare = max(spec.latency_cycles_budget - sharing.cost.latency_cycles, 0)
    granted = [cost.latency_cycles + spare for cost in costs]
    aside = _closed_aside(networks, part_spec, granted, [cost.luts for cost in costs], jobs=jobs)
    closed: list[Pipeline] = []
    for n, (part, cost) in enumerate(zip(networks, costs, strict=True)):
        most = cost.latency_cycles + spare
        # Cuts only get longer, so a search that ended within `most` cycles is the one that `most` alone allows.
        whole = n in aside and (most == granted[n] or (aside[n].clock_met and aside[n].latency_cycles <= most))
        closed.append(aside[n] if whole else _close(part, part_spec, most))
        spare = max(spare - max(closed[-1].latency_cycles - cost.latency_cycles, 0), 0)
    stages = tuple(cast(tuple[int, ...], part.stages) for part in closed)
    built, module = _netlist(network, spec, stages, sharing.cuts)
    closure = _pipeline(built, module, spec, stages)
    ff = sum(part.ff for part in closed) + sum(
        block_flip_flops(Schedule(part, own.latency_cycles, is_direct(part, model)))
        for part, own in zip(sharing.parts, closed, strict=True)
        if isinstance(part, Block)
    )
    obstacle = next((part.obstacle for part in closed if part.obstacle), "")
    if not closure.clock_met and not obstacle:
        obstacle = "a path between two parts, or in the multiplexers or accumulators of a block, is too long"
    return replace(
        closure,
        ff=ff,
        cycles_needed=closure.latency_cycles + sum(part.cycles_needed - part.latency_cycles for part in closed),
        syntheses=1 + sum(part.syntheses for part in closed),
        obstacle="" if closure.clock_met else obstacle,
        cuts=sharing.cuts,
    )


def _closed_aside(
    networks: Sequence[Network], spec: Spec, most: Sequence[int], luts: Sequence[float], *, jobs: int
) -> dict[int, Pipeline]:
    """Cut parts side by side, each as if it had all spare cycles; none where that would take longer."""
    large = [n for n, count in enumerate(luts) if count >= LEAST_LUTS_ASIDE]
    if jobs < 2 or len(large) < 2:
        return {}
    with workers(min(jobs, len(large))) as pool:
        waiting = {n: pool.submit(_close, networks[n], spec, most[n]) for n in large}
        try:
            return {n: task.result() for n, task in waiting.items()}
        except BrokenProcessPool as error:
            raise ToolFailedError(
                f"Yosys: one of {len(large)} processes was killed. Expected memory for all of them. Run with --cores 1"
            ) from error


def _close(network: Network, spec: Spec, most: int, least: int = 1) -> Pipeline:
    """Cut a pipeline of `least` to `most` cycles, with a new event in every cycle, so that it reaches the clock."""
    target = spec.target
    comb, model = live_logic(network), DelayModel.of(target)
    delays = [] if comb is None else planned_delays(comb, model, most=most)
    tried: list[Pipeline] = []
    obstacle = ""
    while True:
        stages = () if comb is None else tuple(stage_numbers(comb, model, delays_ns=delays, least=least))
        if tried and max(stages, default=1) > most:
            obstacle = f"the next cut takes {max(stages)} cycles, the budget grants {most}"
            break
        if len(tried) == SYNTHESES:
            obstacle = f"{SYNTHESES} cuts were tried"
            break
        pipeline, module = _synthesized(network, spec, comb, stages)
        tried.append(pipeline)
        if pipeline.clock_met or comb is None:
            break
        late = _late(comb, stages, module, spec)
        if not late:
            obstacle = "synthesis moved the longest path to a stage without operations"
            break
        alone, delays = longer(comb, stages, delays_ns=delays, late=late, stage_ns=model.stage_ns)
        if alone is not None:
            obstacle = f"{described(comb.ops, alone)} takes longer than a clock period"
            break
    best = max(tried, key=lambda pipeline: (pipeline.clock_met, pipeline.fmax_mhz))
    if best.clock_met:
        return replace(best, syntheses=len(tried))
    needed = max(best.latency_cycles, max(stages, default=1))
    return replace(best, cycles_needed=needed, syntheses=len(tried), obstacle=obstacle)


def measure(network: Network, spec: Spec, *, first_cut: bool = False, jobs: int = 1) -> Built:
    """Build and synthesize a network for the design's target, with the pipeline that the firmware stage writes.

    Where the first cut is enough, the clock may be missed. Further cuts add up to 5 % of the LUTs.

    Parameters
    ----------
    network
        Integer network.
    spec
        Specification with target and budget.
    first_cut
        True if the first cut is enough where the latency budget leaves `SPARE` cycles for others.
    jobs
        As in `close_timing`.

    Returns
    -------
    Built
        Without a cut that reaches the clock, with the cycles of the next cut.

    Raises
    ------
    FirmwareError
        If the network cannot be built.
    ToolMissingError, ToolFailedError
        For the synthesizer.
    """
    closure = _first_cut(network, spec) if first_cut and spec.frozen is None else None
    if closure is None or (1 + SPARE) * closure.latency_cycles > spec.latency_cycles_budget:
        closure = close_timing(network, spec, jobs=jobs)
    return Built(closure.luts, closure.cycles_needed, closure.fmax_mhz, closure.ff, closure.syntheses, closure.obstacle)


def planned_delays(comb: Any, model: DelayModel, *, most: int) -> list[float]:
    """Return the delay of each operation in ns for the first cut.

    Delays are longer in large designs, by alkaid's count of LUTs, unless that alone takes more than `most` cycles.
    """
    plain, growth = operation_delays(comb, model.delays), GROWTH.factor(comb.cost)
    grown = [min(growth * delay, model.stage_ns) for delay in plain]
    return grown if max(stage_numbers(comb, model, delays_ns=grown), default=1) <= most else plain


def _synthesized(
    network: Network, spec: Spec, comb: Any, stages: tuple[int, ...]
) -> tuple[Pipeline, Mapping[str, Any]]:
    """Write and synthesize a network cut in this way."""
    built, module = _netlist(network, spec, stages, ())
    closure = _pipeline(built, module, spec, stages)
    return replace(closure, ff=1 if comb is None else flip_flops(comb, stages)), module


def _netlist(
    network: Network, spec: Spec, stages: Stages, cuts: tuple[Cut, ...]
) -> tuple[RtlProject, Mapping[str, Any]]:
    """Write and synthesize a network, in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="trigger_lut_closing_") as folder:
        project = write_rtl(network, Path(folder, "rtl"), spec=spec, stages=stages, cuts=cuts)
        return project, synthesizer_of(spec.target).synthesize(project, spec.target, bram18=spec.budget.bram18)


def _pipeline(
    project: RtlProject,
    module: Mapping[str, Any],
    spec: Spec,
    stages: tuple[int, ...] | tuple[tuple[int, ...], ...],
) -> Pipeline:
    """Return the results of a synthesis, without registers."""
    family = spec.target.family
    luts = resources(cell_counts(module)).luts
    fmax = fmax_estimate_mhz(longest_path(module, family).delay_ns, family, luts=luts)
    return Pipeline(
        stages=stages,
        latency_cycles=project.latency_cycles_planned,
        luts=luts,
        ff=0,
        fmax_mhz=fmax,
        clock_met=fmax >= spec.target.clock_mhz,
        cycles_needed=project.latency_cycles_planned,
        syntheses=1,
    )


def _late(comb: Any, stages: Sequence[int], module: Mapping[str, Any], spec: Spec) -> Late:
    """Find the operations whose paths are too long for the clock in a synthesized netlist."""
    target = spec.target
    ends_by_net = registered_operations(comb, stages, module=module)
    luts = resources(cell_counts(module)).luts
    room_ns = (target.clock_period_ns - delays(target.family).register) / GROWTH.factor(luts)
    late: Late = {}
    for n, stage in enumerate(netlist_stages(module, target.family), start=1):
        for net, path_ns in stage.arrivals_ns.items():
            if fmax_estimate_mhz(path_ns, target.family, luts=luts) >= target.clock_mhz:
                continue
            ends = {index for at, index in ends_by_net.get(net, ()) if at == n}
            # Where synthesis moved a register, as behind a block RAM: everything in the stage.
            for index in ends or [i for i, at in enumerate(stages) if at == n]:
                late[index] = max(late.get(index, 0.0), path_ns / room_ns)
    return late


def longer(
    comb: Any, stages: Sequence[int], *, delays_ns: Sequence[float], late: Late, stage_ns: float
) -> tuple[int | None, list[float]]:
    """Lengthen the operations on paths that are too long, so that the next cut breaks each of these paths.

    Parameters
    ----------
    comb
        alkaid's logic.
    stages
        The pipeline stage of each operation.
    delays_ns
        Delay of each operation in ns, as the stages were planned by.
    late
        Operations that end paths which are too long, and how many times.
    stage_ns
        Logic that is planned between two registers, in ns.

    Returns
    -------
    alone
        An operation that is too long for the clock on its own, where all paths that are too long are such: no cut
        helps it. Else None.
    delays
        The longer delays in ns, none above `stage_ns`: an operation that takes so much gets a stage of its own.
    """
    done: list[float] = []
    operations: list[int] = []  # in a row up to each one
    for op, stage, delay in zip(comb.ops, stages, delays_ns, strict=True):
        before = [a for a in op.addr if stages[a] == stage]
        done.append(max((done[a] for a in before), default=0.0) + delay)
        operations.append(max((operations[a] for a in before), default=0) + (delay > 0))
    growth = [1.0] * len(stages)
    # A single operation may be slow only because synthesis saves area where another path is longer still.
    several = {index: times for index, times in late.items() if operations[index] > 1}
    if not several:
        return max(late, key=lambda index: late[index]), list(delays_ns)
    for index, times in several.items():
        growth[index] = max(times, LEAST_GROWTH) * stage_ns / done[index]
    for index in range(len(stages) - 1, -1, -1):
        for a in comb.ops[index].addr:
            if stages[a] == stages[index]:
                growth[a] = max(growth[a], growth[index])
    return None, [min(delay * times, stage_ns) for delay, times in zip(delays_ns, growth, strict=True)]
