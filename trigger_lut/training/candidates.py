"""The networks that a training may end with, best first."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from trigger_lut.cost_model.luts import Cost
from trigger_lut.training.measure import Built, Correction

MARGIN = 0.985  # of the budget: the most LUTs, as corrected, of a network that is worth a synthesis
NEAR = 0.1  # of the budget: what a network that does not seem to fit may be over, to be more than a last resort
KEPT = 6  # candidates of each sort: neighbors in time differ by a few LUTs, so one that is too large is not the end


@dataclass(frozen=True)
class Candidate:
    """A network with frozen widths.

    accuracy  on the validation split
    cost      the surrogate's figures
    over      how far beyond the budget these seemed to be when the network was seen, as `Budget.over` says
    """

    accuracy: float
    cost: Cost
    over: float
    weights: list[np.ndarray] = field(repr=False, compare=False)


@dataclass(frozen=True)
class ClosestNetwork:
    """Of the networks that were measured to be beyond the budget, the one nearest to it.

    over        by how much, as `Budget.excess_measured` says
    built       what was measured of it
    correction  the surrogate's correction that follows from this
    """

    over: float
    built: Built
    correction: Correction
    weights: list[np.ndarray] = field(repr=False, compare=False)


@dataclass(frozen=True)
class FeasibleNetwork:
    """The network that a training would end with, were its budget used.

    accuracy  on the validation split
    built     what was measured of it, within the budget
    """

    accuracy: float
    built: Built
    weights: list[np.ndarray] = field(repr=False, compare=False)


@dataclass(frozen=True)
class TrainingResult:
    """What a training ends with: a network that was measured, and whether it keeps to its budget.

    closest: whether it is the smallest one that still depends on its input, since nothing within the budget does.
    """

    meets_budget: bool
    built: Built
    weights: list[np.ndarray] = field(repr=False, compare=False)
    closest: bool = False


def with_candidate(candidates: list[Candidate], new: Candidate) -> list[Candidate]:
    """The best of both, most accurate first, of equal ones the earlier: KEPT that seemed to fit, and KEPT that did not.

    The latter may turn out to fit. Of those far beyond the budget the nearest are kept.
    """
    every = sorted([*candidates, new], key=lambda c: -c.accuracy)
    fitting = [c for c in every if c.over == 0.0][:KEPT]
    near = [c for c in every if 0.0 < c.over <= NEAR][:KEPT]
    far = sorted((c for c in every if c.over > NEAR), key=lambda c: c.over)[: max(KEPT - len(near), 0)]
    return sorted([*fitting, *near, *far], key=lambda c: -c.accuracy)
