"""Where the pipeline is cut: every operation of alkaid's logic gets a stage by the delay model.

alkaid cuts by its own delays, at equal parts of the longest path, and an operation that crosses a cut lengthens the
stage behind it. Here an operation starts as soon as its operands are there, or in the next stage when it does not fit,
so no stage is longer than the clock allows.

No cut of the same operations takes fewer stages: an operation that starts later than it could is never done earlier
(`delay_model.finish` rises with the start), so by induction from the inputs on each one is done as early as any cut
has it. tests/unit/test_pipeline.py tries all cuts of small networks. `latency.network_cycles` predicts the number.
"""

from __future__ import annotations

from typing import Any

from trigger_lut import delay_model
from trigger_lut.operations import operation_delay, stage_times


def shortest_stage(comb: Any, cycles: int, stage_ns: float, family: str) -> float:
    """The shortest stage, at most `stage_ns`, with which the logic still fits into `cycles` stages, in ns.

    Evens out the stages: it costs no cycle and gives routing more room.
    """
    longest = max((operation_delay(comb.ops, i, family) for i in range(len(comb.ops))), default=0.0)
    low, high = min(max(longest, delay_model.lut_delay(family)), stage_ns), stage_ns
    for _ in range(12):
        middle = (low + high) / 2
        if delay_model.cycles(max(stage_times(comb, middle, family), default=0.0), middle) <= cycles:
            high = middle
        else:
            low = middle
    return high


def stage_numbers(comb: Any, stage_ns: float, family: str) -> list[int]:
    """The pipeline stage of each operation, from 1 on, in as few stages as can be.

    Inputs are there in stage 1. The last operation is in the last stage.
    """
    total = delay_model.cycles(max(stage_times(comb, stage_ns, family), default=0.0), stage_ns)
    even = shortest_stage(comb, total, stage_ns, family)
    stages = [delay_model.cycles(t, even) for t in stage_times(comb, even, family)]
    spare = total - max(stages)
    return [1 if op.opcode in (-1, 5) else s + spare for op, s in zip(comb.ops, stages, strict=True)]


def flip_flops(comb: Any, stage_ns: float, family: str) -> int:
    """Registers of the pipeline that `cut` makes: the bits that cross from one stage to the next, and the valid bit."""
    stages = stage_numbers(comb, stage_ns, family)
    return max(stages, default=1) + sum(crossing_bits(comb, stages))


def crossing_bits(comb: Any, stages: list[int]) -> list[int]:
    """Bits that are stored behind each stage, from the first on; behind the last one the outputs'."""
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


def cut(comb: Any, stage_ns: float, family: str) -> Any:
    """alkaid's FSM of the logic in as few stages as can be, with only the output registered."""
    from alkaid.trace.pipeline import to_pipeline

    stages = stage_numbers(comb, stage_ns, family)
    total = max(stages, default=1)
    # to_pipeline cuts at equal parts of the largest latency: with the stage's number as latency, between the stages.
    ops = [
        op._replace(latency=0.0 if op.opcode in (-1, 5) else float(s)) for op, s in zip(comb.ops, stages, strict=True)
    ]
    if all(op.latency < total for op in ops):  # outputs that are inputs: the register alone
        ops = [op._replace(latency=float(total)) if i in comb.out_idxs else op for i, op in enumerate(ops)]
    return to_pipeline(comb._replace(ops=ops), n_stages=total, verbose=False, reg_inp=False, reg_out=True)
