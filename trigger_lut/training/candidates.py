"""Networks from which a training chooses its result, best first."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from trigger_lut.cost_model.luts import Cost
from trigger_lut.cost_model.measured import Built, Correction

MARGIN = 0.985  # of the budget: the most LUTs, as corrected, of a network that is worth a synthesis
NEAR = 0.1  # of the budget: what a network that does not seem to fit may be over, to be more than a last resort
KEPT = 6  # candidates of each sort: neighbors in time differ by a few LUTs, so one that is too large is not the end


@dataclass(frozen=True)
class Candidate:
    """A network with frozen widths.

    accuracy  On the validation split.
    cost      Estimate of the surrogate.
    over      Estimated excess over the budget when the network was evaluated, by `Budget.excess`.
    """

    accuracy: float
    cost: Cost
    over: float
    weights: list[np.ndarray] = field(repr=False, compare=False)


@dataclass(frozen=True)
class ClosestNetwork:
    """The network of least excess among those measured to be beyond the budget.

    over        Excess by `Budget.excess_measured`.
    built       Its measurement.
    correction  The surrogate's correction that follows from it.
    """

    over: float
    built: Built
    correction: Correction
    weights: list[np.ndarray] = field(repr=False, compare=False)


@dataclass(frozen=True)
class FeasibleNetwork:
    """A network within the budget; the result unless a training with more edges finds a better one.

    accuracy  On the validation split.
    built     Its measurement.
    """

    accuracy: float
    built: Built
    weights: list[np.ndarray] = field(repr=False, compare=False)


@dataclass(frozen=True)
class TrainingResult:
    """Measured network at the end of a training; `meets_budget` tells if it keeps to the budget.

    closest: True for the smallest network that still depends on its input, if none within the budget does.
    """

    meets_budget: bool
    built: Built
    weights: list[np.ndarray] = field(repr=False, compare=False)
    closest: bool = False


def with_candidate(candidates: list[Candidate], new: Candidate) -> list[Candidate]:
    """Return the best candidates, most accurate first: KEPT that seem to fit, and KEPT that do not.

    Of equal ones the earlier is first. The latter may turn out to fit. Of those far beyond the budget, the nearest are
    kept.
    """
    every = sorted([*candidates, new], key=lambda c: -c.accuracy)
    fitting = [c for c in every if c.over == 0.0][:KEPT]
    near = [c for c in every if 0.0 < c.over <= NEAR][:KEPT]
    far = sorted((c for c in every if c.over > NEAR), key=lambda c: c.over)[: max(KEPT - len(near), 0)]
    return sorted([*fitting, *near, *far], key=lambda c: -c.accuracy)
