"""Cost of one operation of alkaid's logic: its delay by the delay model, and its LUTs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from trigger_lut.cost_model.delay import DelayModel, Delays, finish


def operation_delay(ops: list[Any], index: int, *, delays: Delays) -> float:
    """Return the delay of one alkaid operation in ns; wiring (dropped bits, inverted bits, constants) costs nothing."""
    op = ops[index]
    operands = [ops[a].qint for a in op.addr]
    match op.opcode:
        case 0 | 1:
            return delays.adder(_overlap(operands[0], operands[1], op.data[0], op.qint))
        case 4:
            return delays.adder(_bits(op.qint))
        case 2:  # ReLU: a sign masks every bit
            return delays.lut_and_wire if operands[0].min < 0 else 0.0
        case -2:
            return delays.adder(_bits(op.qint)) if _bits(op.qint) > 1 else 0.0
        case 6:  # multiplexer; between constants it is wiring
            constant = all(q.min == q.max for q in operands[:2])
            return 0.0 if constant else delays.lut_and_wire
        case 8:
            return delays.table(_bits(operands[0]))
        case 9:
            return 0.0 if op.data[0] == 0 else delays.lut_and_wire
        case 10:
            constant = any(q.min == q.max for q in operands)
            return 0.0 if constant else delays.lut_and_wire
        case -1 | 3 | 5:  # inputs, dropped bits, constants
            return 0.0
    raise AssertionError(f"operation code {op.opcode} is not one that trace() makes")


def _bits(qint: Any) -> int:
    return int(sum(qint.kif))


def _overlap(a: Any, b: Any, shift: int, total: Any) -> int:
    """Return the width of the adder of a and b * 2**shift; 0 without common bits and with an unsigned lower operand."""
    low_a, low_b = -a.kif.fractional, -b.kif.fractional + shift
    top_a, top_b = a.kif.integers, b.kif.integers + shift
    if (not a.kif.signed and top_a <= low_b) or (not b.kif.signed and top_b <= low_a):
        return 0
    top = int(total.kif.signed) + int(total.kif.integers)
    return max(top - int(max(low_a, low_b)), 1)


def operation_delays(comb: Any, delays: Delays) -> list[float]:
    """Return the delay of each operation, by the delay model.

    Parameters
    ----------
    comb : CombLogic
        Logic of alkaid.
    delays : Delays
        Delays of the family.

    Returns
    -------
    list of float
        Delays in ns, in the order of operations.
    """
    return [operation_delay(comb.ops, index, delays=delays) for index in range(len(comb.ops))]


def stage_times(comb: Any, stage_ns: float, *, delays_ns: Sequence[float]) -> list[float]:
    """Return when each operation is done, with all inputs ready at 0 (see `delay.finish`).

    Parameters
    ----------
    comb : CombLogic
        Logic of alkaid.
    stage_ns : float
        Logic between two registers in ns.
    delays_ns : sequence of float
        Delay of each operation in ns.

    Returns
    -------
    list of float
        Times in ns of logic.
    """
    return _times(comb, stage_ns, delays_ns, [0.0] * comb.shape[0])


def operation_luts(ops: list[Any], index: int) -> float:
    """Count LUTs of one operation of an arithmetic layer or a selection: one per bit of an adder or a choice.

    Yosys merges a ReLU and an added constant into the LUTs around them.
    """
    op = ops[index]
    if op.opcode in (0, 1):
        return float(_overlap(ops[op.addr[0]].qint, ops[op.addr[1]].qint, op.data[0], op.qint))
    if op.opcode == 6:
        return float(_bits(op.qint))
    return 0.0


def operation_times(comb: Any, model: DelayModel, *, ready: Sequence[float]) -> list[float]:
    """Return when each operation is done, for inputs that are ready at given times; delays are those of `delay`."""
    return _times(comb, model.stage_ns, operation_delays(comb, model.delays), ready)


def _times(comb: Any, stage_ns: float, delays_ns: Sequence[float], ready: Sequence[float]) -> list[float]:
    times: list[float] = []
    for op, delay in zip(comb.ops, delays_ns, strict=True):
        start = ready[op.data[0]] if op.opcode == -1 else max((times[a] for a in op.addr), default=0.0)
        times.append(finish(start, delay, stage=stage_ns))
    return times


def described(ops: list[Any], index: int) -> str:
    """Describe one operation for a message: its kind and its size.

    Parameters
    ----------
    ops : list
        Operations of alkaid's logic.
    index : int
        Number of the operation.

    Returns
    -------
    str
    """
    op = ops[index]
    operands = [ops[a].qint for a in op.addr]
    match op.opcode:
        case 0 | 1:
            return f"an adder of {_overlap(operands[0], operands[1], op.data[0], op.qint)} bits"
        case 4 | -2:
            return f"an adder of {_bits(op.qint)} bits"
        case 8:
            return f"a table of {_bits(operands[0])} address bits"
    return f"a choice of {_bits(op.qint)} bits"
