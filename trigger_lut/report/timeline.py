"""Timeline of an event in firmware that shares hardware: which positions are in which stage in each cycle.

Cycles count from the one in which the event is at the inputs. A part that is not shared takes the whole event through
one stage a cycle. A shared part takes one word after the other. The first one is chosen in the cycle after its inputs,
or one cycle later from registers. It passes the stages of the logic, and is in the accumulators one cycle after them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from trigger_lut.cards.time_sharing import SharedPart


@dataclass(frozen=True)
class Occupied:
    """A stage in a cycle.

    Attributes
    ----------
    stage
        Name of the stage, one for each row of the timeline.
    cycle
        Cycle, from 0 on.
    positions
        First and last position in it; None: the whole event.
    """

    stage: str
    cycle: int
    positions: tuple[int, int] | None


def timeline(parts: Sequence[SharedPart]) -> list[Occupied]:
    """List which positions of an event are in which stage in each cycle.

    Parameters
    ----------
    parts : sequence of SharedPart
        Parts of the network in order.

    Returns
    -------
    list of Occupied
        Stages in their order, each with its cycles in order. The last entry is the cycle in which the outputs are
        valid.
    """
    occupied, start = [Occupied("inputs", 0, None)], 0
    for n, part in enumerate(parts):
        named = f"part {n + 1}: " if len(parts) > 1 else ""
        stages = [f"stage {s}" for s in range(1, part.logic_cycles + 1)]
        if part.fold > 1:
            occupied += [Occupied(named + "registers", start + 1 + wait, None) for wait in range(part.wait_cycles)]
            first = start + 1 + part.wait_cycles
            words = [_positions(part, word) for word in range(part.fold)]
            for s, stage in enumerate(["words", *stages, "accumulators"], first):
                occupied += [Occupied(named + stage, s + n, word) for n, word in enumerate(words)]
        else:
            occupied += [Occupied(named + stage, start + s, None) for s, stage in enumerate(stages, 1)]
        start += part.latency_cycles
    return occupied


def _positions(part: SharedPart, word: int) -> tuple[int, int]:
    first = word * part.instances
    return first, min(first + part.instances, part.positions) - 1
