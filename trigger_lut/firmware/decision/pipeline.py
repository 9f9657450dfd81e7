"""Steps from the network's outputs to a score, in the order in which the firmware takes them.

A tree finds the largest output of each group, one comparison per level; then comes one subtraction. The comparison with
the thresholds is the last level, and always ends in registers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from trigger_lut.firmware.decision.score import Score


@dataclass(frozen=True)
class Step:
    """One signal: `larger` or `difference` (the first minus the second) of two others, or the `same`.

    registered: whether it is known a clock cycle after these.
    """

    name: str
    what: Literal["larger", "difference", "same"]
    operands: tuple[str, ...]
    registered: bool


def levels(score: Score) -> int:
    """Count comparisons and subtractions in a row.

    Parameters
    ----------
    score
        Score of the decision.

    Returns
    -------
    int
        Number of levels: as many cycles as can be used.
    """
    return max(_depth(len(score.signal)), _depth(len(score.background) or 1)) + 2


def steps(score: Score, cycles: int) -> list[Step]:
    """All steps up to the one called `score`; `out<n>` is output n, shifted to the score's fraction, `zero` is 0.

    cycles: clock cycles from the outputs to the decision, 1 to `levels(score)`; registers are spread evenly.
    """
    count = levels(score)
    assert 1 <= cycles <= count, cycles
    groups = {"signal": [f"out{o}" for o in score.signal], "background": [f"out{o}" for o in score.background]}
    groups["background"] = groups["background"] or ["zero"]
    pair_steps: list[Step] = []
    for level in range(1, count - 1):
        registered = _ends_cycle(level, count, cycles)
        for group, names in groups.items():
            groups[group] = []
            for n in range(0, len(names), 2):
                pair = tuple(names[n : n + 2])
                if len(pair) == 1 and not registered:
                    groups[group] += pair
                    continue
                name = f"{group}{level}_{n // 2}"
                pair_steps.append(Step(name, "larger" if len(pair) == 2 else "same", pair, registered))
                groups[group].append(name)
    ends = (groups["signal"][0], groups["background"][0])
    return [*pair_steps, Step("score", "difference", ends, _ends_cycle(count - 1, count, cycles))]


def _depth(count: int) -> int:
    """Levels of a tree over so many values."""
    return (count - 1).bit_length()


def _ends_cycle(level: int, count: int, cycles: int) -> bool:
    """Tell whether registers follow a level, from 1 on: the last of those that share a cycle."""
    return level * cycles // count > (level - 1) * cycles // count
