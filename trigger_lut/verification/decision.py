"""The decision's firmware in simulators against the reference, and thresholds moved by one code as negative control."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from trigger_lut.cards.decision import DecisionForm
from trigger_lut.errors import NotReproducibleError
from trigger_lut.firmware.decision.combined import expected, flat
from trigger_lut.firmware.decision.project import DecisionProject
from trigger_lut.firmware.rtl.project import RtlProject
from trigger_lut.fixed_point.formats import IntArray
from trigger_lut.verification.compare import differences

Simulate = Callable[[RtlProject, IntArray], tuple[IntArray, int, int]]
BLOCK = 250_000  # vectors in one simulation
EDGES = {"below": -1, "equal": 0, "above": 1}
MOVES = {"up": 1, "down": -1}


@dataclass(frozen=True)
class Vectors:
    """Input codes (N, C_in), and the reference network's output codes (N, C_out) for them."""

    codes: IntArray
    outputs: IntArray

    def chosen(self, which: IntArray) -> Vectors:
        """Select vectors.

        Parameters
        ----------
        which : IntArray of shape (M,)
            Numbers of the vectors.

        Returns
        -------
        Vectors
            These M vectors.
        """
        return Vectors(self.codes[which], self.outputs[which])


@dataclass(frozen=True)
class DecisionComparison:
    """Comparison of one implementation, and vectors noticed by working point and move; None: none is at that edge."""

    form: DecisionForm
    noticed: list[dict[str, int | None]]


def at_edges(decision: DecisionProject, outputs: IntArray) -> list[dict[str, IntArray]]:
    """Find the vectors with a score at a threshold.

    Parameters
    ----------
    decision
        Decision with its thresholds.
    outputs : IntArray of shape (N, C_out)
        Output codes of the network.

    Returns
    -------
    list of dict
        For each working point the numbers of the vectors one code below the threshold, equal to it, and one above.
        Empty for a working point that no score passes.
    """
    scores = decision.score.codes(outputs)
    return [
        {} if code is None else {name: np.flatnonzero(scores == code + by) for name, by in EDGES.items()}
        for code in decision.thresholds
    ]


def some_at_edges(decision: DecisionProject, outputs: IntArray, *, count: int, rng: np.random.Generator) -> IntArray:
    """Choose vectors, half of them with a score at a threshold.

    Parameters
    ----------
    decision
        Decision with its thresholds.
    outputs : IntArray of shape (N, C_out)
        Output codes of the network.
    count
        Number of vectors to choose; all of them if N is smaller.
    rng
        Source of the random choice.

    Returns
    -------
    IntArray of shape (min(count, N),)
        Numbers of the vectors in rising order: as many from each edge where it has enough, the rest at random.
    """
    edges = [
        rng.permutation(vectors) for point in at_edges(decision, outputs) for vectors in point.values() if len(vectors)
    ]
    share = max(1, count // (2 * len(edges))) if edges else 0
    first = np.unique(np.concatenate([vectors[:share] for vectors in edges])) if edges else np.zeros(0, dtype=np.int64)
    others = np.setdiff1d(rng.permutation(len(outputs)), first[:count], assume_unique=True)
    return np.sort(np.concatenate([first, rng.permutation(others)])[:count])


def compared(
    name: Literal["rtl", "vhdl"],
    decision: DecisionProject,
    *,
    rtl: RtlProject,
    vectors: Vectors,
    some: Vectors,
    simulate: Simulate,
) -> DecisionComparison:
    """Run vectors through the firmware, and some through firmware whose thresholds are moved by one code.

    A threshold moved up must change the bit of each vector with a score equal to it. Moved down, it must change the bit
    of each vector one code below. Nothing else may change.

    Parameters
    ----------
    name
        Form of the firmware in the card.
    decision
        Firmware of the decision.
    rtl
        Firmware of the network.
    vectors
        Vectors for the firmware.
    some
        Vectors for the negative control.
    simulate
        Function from a project and input codes to output codes, latency and initiation interval in cycles.

    Returns
    -------
    DecisionComparison
        Differences, and the vectors that noticed each moved threshold.

    Raises
    ------
    NotReproducibleError
        If the firmware takes other cycles than planned, or no new input every cycle.
    """
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="trigger_lut_decision_") as scratch:
        actual = _run(flat(decision, rtl, folder=Path(scratch, "given")), vectors.codes, simulate)
        count, first = differences(expected(decision, vectors.outputs), actual)
        good, edges = expected(decision, some.outputs), at_edges(decision, some.outputs)
        points = len(edges)
        noticed: list[dict[str, int | None]] = [{} for _ in range(points)]
        missed = 0
        for move, by in MOVES.items():
            changed = good != _run(flat(decision, rtl, folder=Path(scratch, move), moved=by), some.codes, simulate)
            wanted = np.zeros_like(changed)
            for n, edge in enumerate(edges):
                bit = changed.shape[1] - points + n
                if edge:
                    wanted[edge["equal" if by > 0 else "below"], bit] = True
                    noticed[n][move] = int(changed[:, bit].sum()) if wanted[:, bit].any() else None
                missed += int((changed[:, bit] != wanted[:, bit]).any())
    form = DecisionForm(
        name=name,
        vectors=len(vectors.codes),
        differences=count,
        first=first,
        control_missed=missed,
        seconds=round(time.monotonic() - start, 3),
    )
    return DecisionComparison(form, noticed)


def _run(project: RtlProject, codes: IntArray, simulate: Simulate) -> IntArray:
    outputs = []
    for start in range(0, len(codes), BLOCK):
        block_outputs, latency, ii = simulate(project, codes[start : start + BLOCK])
        if (latency, ii) != (project.latency_cycles_planned, project.ii):
            raise NotReproducibleError(
                f"{project.top}: latency {latency} cycles, II {ii}; expected {project.latency_cycles_planned} and "
                f"{project.ii}"
            )
        outputs.append(block_outputs)
    return np.concatenate(outputs)
