"""Where the pipeline is cut: every operation of alkaid's logic gets a stage by the delay model.

alkaid cuts by its own delays, at equal parts of the longest path, and an operation that crosses a cut lengthens the
stage behind it. Here an operation starts in the next stage when it does not fit, so no stage is longer than the clock
allows, and the number of stages is the one that `latency.network_cycles` promised.
"""

from __future__ import annotations

from typing import Any

from trigger_lut import delay_model


def operation_delay(ops: list[Any], index: int, family: str) -> float:
    """Delay in ns of one alkaid operation. Wiring - dropped bits, negated single bits, constants - costs nothing."""
    op = ops[index]
    operands = [ops[a].qint for a in op.addr]
    match op.opcode:
        case 0 | 1:
            return delay_model.adder_delay(_overlap(operands[0], operands[1], op.data[0], op.qint), family)
        case 4:
            return delay_model.adder_delay(_bits(op.qint), family)
        case -2:
            return delay_model.adder_delay(_bits(op.qint), family) if _bits(op.qint) > 1 else 0.0
        case 6:  # multiplexer; between constants it is wiring
            constant = all(q.min == q.max for q in operands[:2])
            return 0.0 if constant else delay_model.lut_delay(family)
        case 8:
            return delay_model.table_delay(_bits(operands[0]), family)
        case 9:
            return 0.0 if op.data[0] == 0 else delay_model.lut_delay(family)
        case 10:
            constant = any(q.min == q.max for q in operands)
            return 0.0 if constant else delay_model.lut_delay(family)
        case -1 | 3 | 5:
            return 0.0
    raise AssertionError(f"operation code {op.opcode} is not one that trace() makes")


def _bits(qint: Any) -> int:
    return int(sum(qint.kif))


def _overlap(a: Any, b: Any, shift: int, total: Any) -> int:
    """Bits of the adder of a and b * 2**shift; 0 where the two lie side by side and the lower one is unsigned."""
    low_a, low_b = -a.kif.fractional, -b.kif.fractional + shift
    top_a, top_b = a.kif.integers, b.kif.integers + shift
    if (not a.kif.signed and top_a <= low_b) or (not b.kif.signed and top_b <= low_a):
        return 0
    top = int(total.kif.signed) + int(total.kif.integers)
    return max(top - int(max(low_a, low_b)), 1)


def stage_times(comb: Any, stage_ns: float, family: str) -> list[float]:
    """When each operation is done, in ns of logic with registers every `stage_ns` (see delay_model.finish)."""
    times: list[float] = []
    for index, op in enumerate(comb.ops):
        start = max((times[a] for a in op.addr), default=0.0)
        times.append(delay_model.finish(start, operation_delay(comb.ops, index, family), stage_ns))
    return times


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


def cut(comb: Any, cycles: int, stage_ns: float, family: str) -> Any:
    """alkaid's FSM of the logic in `cycles` stages (more when they do not suffice), with only the output registered."""
    from alkaid.trace.pipeline import to_pipeline

    needed = delay_model.cycles(max(stage_times(comb, stage_ns, family), default=0.0), stage_ns)
    total = max(cycles, needed)
    even = shortest_stage(comb, total, stage_ns, family)
    stages = [delay_model.cycles(t, even) for t in stage_times(comb, even, family)]
    spare = total - max(stages)
    # to_pipeline cuts at equal parts of the largest latency: with the stage's number as latency, between the stages.
    ops = [
        op._replace(latency=0.0 if op.opcode in (-1, 5) else float(s + spare))
        for op, s in zip(comb.ops, stages, strict=True)
    ]
    if all(op.latency < total for op in ops):  # outputs that are inputs: the register alone
        ops = [op._replace(latency=float(total)) if i in comb.out_idxs else op for i, op in enumerate(ops)]
    return to_pipeline(comb._replace(ops=ops), n_stages=total, verbose=False, reg_inp=False, reg_out=True)
