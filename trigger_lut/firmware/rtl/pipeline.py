"""Cuts of the pipeline: every operation of alkaid's logic gets a stage by the delay model.

alkaid cuts by its own delays, at equal parts of the longest path, and an operation that crosses a cut lengthens the
stage behind it. Here an operation starts as soon as its operands are there. If it does not fit, it starts in the next
stage, so no stage is longer than the clock allows.

No cut of the same operations takes fewer stages. An operation that starts later than it could is never done earlier, as
`delay.finish` rises with the start. By induction from the inputs on, each one is done as early as any cut has it.
tests/cost_model/test_pipeline.py tries all cuts of small networks. `latency.network_cycles` predicts it.

`timing_closure` cuts again with longer delays where the synthesized netlist does not reach the clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from trigger_lut.cost_model import delay as delay_model
from trigger_lut.cost_model.delay import DelayModel
from trigger_lut.cost_model.operations import operation_delays, stage_times

FREE = (-1, 5)  # inputs and constants: they need no stage


def shortest_stage(comb: Any, cycles: int, *, model: DelayModel, delays_ns: Sequence[float]) -> float:
    """Return the shortest stage, at most `model.stage_ns`, with which the logic still fits into `cycles` stages, in ns.

    Evens out the stages: it costs no cycle and gives routing more room.
    """
    longest = max(delays_ns, default=0.0)
    low, high = min(max(longest, model.delays.lut_and_wire), model.stage_ns), model.stage_ns
    for _ in range(12):
        middle = (low + high) / 2
        if delay_model.cycles(max(stage_times(comb, middle, delays_ns=delays_ns), default=0.0), middle) <= cycles:
            high = middle
        else:
            low = middle
    return high


def stage_numbers(
    comb: Any, model: DelayModel, *, delays_ns: Sequence[float] | None = None, least: int = 1
) -> list[int]:
    """Assign operations to pipeline stages, in as few stages as possible, but at least so many.

    Inputs are there in stage 1. The last operation is in the last stage.

    Parameters
    ----------
    comb
        alkaid's logic.
    model
        Delays of the target's family at its clock.
    delays_ns
        Delay of each operation in ns; None: those of the delay model.
    least
        Fewest stages, of a latency that is kept.

    Returns
    -------
    list of int
        Stage of each operation, from 1 on.
    """
    delays = operation_delays(comb, model.delays) if delays_ns is None else delays_ns
    total = delay_model.cycles(max(stage_times(comb, model.stage_ns, delays_ns=delays), default=0.0), model.stage_ns)
    total = max(total, least)
    even = shortest_stage(comb, total, model=model, delays_ns=delays)
    stages = [delay_model.cycles(t, even) for t in stage_times(comb, even, delays_ns=delays)]
    spare = total - max(stages, default=total)
    return [1 if op.opcode in FREE else s + spare for op, s in zip(comb.ops, stages, strict=True)]


def stage_paths(comb: Any, stages: Sequence[int], *, delays_ns: Sequence[float]) -> list[float]:
    """Return the longest path of each stage in ns, from the first stage on."""
    done: list[float] = []
    longest = [0.0] * max(stages, default=1)
    for op, stage, delay in zip(comb.ops, stages, delays_ns, strict=True):
        done.append(max((done[a] for a in op.addr if stages[a] == stage), default=0.0) + delay)
        longest[stage - 1] = max(longest[stage - 1], done[-1])
    return longest


def flip_flops(comb: Any, stages: Sequence[int]) -> int:
    """Count the registers of a pipeline: the bits that cross from one stage to the next, and the valid bit.

    Parameters
    ----------
    comb
        alkaid's logic.
    stages
        Stage of each operation.

    Returns
    -------
    int
        Flip-flops.
    """
    return max(stages, default=1) + sum(crossing_bits(comb, stages))


def crossing_bits(comb: Any, stages: Sequence[int]) -> list[int]:
    """Count the bits that are stored behind each stage, from the first on; behind the last one, the outputs."""
    total = max(stages, default=1)
    last = list(stages)
    for stage, op in zip(stages, comb.ops, strict=True):
        for a in op.addr:
            last[a] = max(last[a], stage)
    for index in comb.out_idxs:
        if index >= 0:
            last[index] = total + 1
    bits = [0] * total
    for op, start, end in zip(comb.ops, stages, last, strict=True):
        if op.qint.min != op.qint.max:
            for stage in range(start, end):
                bits[stage - 1] += _bits(op.qint)
    return bits


def _bits(qint: Any) -> int:
    return int(sum(qint.kif))


def cut(comb: Any, stages: Sequence[int]) -> Any:
    """Build alkaid's pipeline of the logic, with only the output registered.

    Parameters
    ----------
    comb
        alkaid's logic.
    stages
        Stage of each operation.

    Returns
    -------
    Pipeline
        alkaid's finite-state machine.
    """
    from alkaid.trace.pipeline import to_pipeline

    total = max(stages, default=1)
    # to_pipeline cuts at equal parts of the largest latency: with the stage's number as latency, between the stages.
    ops = [op._replace(latency=0.0 if op.opcode in FREE else float(s)) for op, s in zip(comb.ops, stages, strict=True)]
    if all(op.latency < total for op in ops):  # outputs that are inputs: the register alone
        ops = [op._replace(latency=float(total)) if i in comb.out_idxs else op for i, op in enumerate(ops)]
    return to_pipeline(comb._replace(ops=ops), n_stages=total, verbose=False, reg_inp=False, reg_out=True)
