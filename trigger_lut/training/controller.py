"""The budget controller: from the present cost of a design to the multiplier of the next epoch.

Training minimizes  loss + multiplier * log(cost)  (a penalty on the logarithm weighs a relative saving the same
for small and large designs). The user states the budget. A proportional-integral rule on log(cost / target) finds the
multiplier, while the target is lowered from the initial cost to the budget.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

# Fractions of the epochs: the target falls to the budget between the first two; LUTs are measured from the third on.
# Widths are frozen between the last two, as soon as the cost is near the target, around which it swings, or at the end.
SHRINK_FROM, SHRINK_UNTIL, MEASURE_FROM, FREEZE_FROM, FREEZE_UNTIL = 0.05, 0.55, 0.58, 0.68, 0.78
NEAR = (0.97, 1.05)  # of the target: what pruning takes and filling gives is to be little
PROPORTIONAL, INTEGRAL = 2.0, 0.15
# Below its target a network is to grow back before widths are frozen: with INTEGRAL here too, trainings end far below
# their budgets (tests/benchmark/test_budgets.py).
INTEGRAL_BELOW = 0.6
# Once widths are frozen, cost answers only through the spans of the tables, and jumps as saturations come and go.
FROZEN_PROPORTIONAL, FROZEN_INTEGRAL = 0.2, 0.6
FROZEN_SHARE = 0.1  # of the multiplier is kept when widths are frozen: what spans lose then does not come back soon
MIN_MULTIPLIER, MAX_MULTIPLIER = 1e-5, 10.0
# Fractions of the budget at which targets end, and to which edges are pruned: LUTs until training settles, and from
# then on. Depth swings and must stay below.
FREE_AIM, AIM, DEPTH_AIM = 1.0, 0.97, 0.93


@dataclass(frozen=True)
class Controller:
    """State of one constraint.

    budget      Largest cost.
    start       Cost before training.
    aim         Fraction of the budget at which the target ends.
    multiplier  On log(cost).
    last        log(cost / target) of the epoch before.
    """

    budget: float
    start: float
    aim: float = AIM
    multiplier: float = 1e-3
    last: float = 0.0

    @property
    def binds(self) -> bool:
        """True if the budget is less than the cost before training; otherwise the design is not made larger."""
        return self.start > self.aim * self.budget

    def target(self, progress: float) -> float:
        """Return the cost to aim at after `progress` (0 to 1) of the epochs: it falls geometrically, then stays."""
        end = self.aim * self.budget
        if not self.binds:
            return end
        share = min(max((progress - SHRINK_FROM) / (SHRINK_UNTIL - SHRINK_FROM), 0.0), 1.0)
        return self.start * (end / self.start) ** share

    def after(self, cost: float, progress: float, *, frozen: bool = False) -> Controller:
        """Return the controller after an epoch that ended with `cost`."""
        error = math.log(max(cost, 1e-9) / self.target(progress))
        p, i = PROPORTIONAL, INTEGRAL if error > 0 else INTEGRAL_BELOW
        if frozen:
            p, i = FROZEN_PROPORTIONAL, FROZEN_INTEGRAL
        step = p * (error - self.last) + i * error
        multiplier = self.multiplier * math.exp(min(max(step, -1.0), 1.0))
        return replace(self, multiplier=min(max(multiplier, MIN_MULTIPLIER), MAX_MULTIPLIER), last=error)


def on_freezing(controller: Controller) -> Controller:
    """Return the controller with which fine-tuning begins."""
    return replace(controller, multiplier=max(FROZEN_SHARE * controller.multiplier, MIN_MULTIPLIER))


def time_to_freeze(controller: Controller, progress: float, *, last: bool) -> bool:
    """Return whether widths should be frozen now; `progress` is the fraction of epochs done.

    The last round always has frozen widths, since only freezing guarantees the budget.
    """
    near = math.log(NEAR[0]) <= controller.last <= math.log(NEAR[1])
    return progress >= FREEZE_UNTIL or last or (progress >= FREEZE_FROM and near)
