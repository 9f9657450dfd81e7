"""The budget controller: from what a design costs now to how hard the next epoch presses on it.

Training minimizes  loss + multiplier * log(cost)  (a penalty on the logarithm weighs a relative saving the same
for small and large designs). The user states the budget; the multiplier is found by a proportional-integral rule on
log(cost / target), while the target is lowered from the initial cost to the budget.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

# Shares of the epochs: the target falls to the budget between the first two; LUTs are measured from the third on.
# Widths are frozen between the last two, as soon as the cost is near the target, around which it swings, or at the end.
SHRINK_FROM, SHRINK_UNTIL, MEASURE_FROM, FREEZE_FROM, FREEZE_UNTIL = 0.05, 0.55, 0.58, 0.68, 0.78
NEAR = (0.97, 1.05)  # of the target: what pruning takes and filling gives is to be little
PROPORTIONAL, INTEGRAL = 2.0, 0.15
# Below its target a network is to grow back before widths are frozen: with 0.15 here too, trainings of 120 epochs ended
# at 61 to 81 % of their budgets (tests/benchmark/test_budgets.py), three of them with 0.6 at 87 to 93 %.
INTEGRAL_BELOW = 0.6
# Once widths are frozen, cost answers only through the spans of the tables, and jumps as saturations come and go.
FROZEN_PROPORTIONAL, FROZEN_INTEGRAL = 0.2, 0.6
FROZEN_SHARE = 0.1  # of the multiplier is kept when widths are frozen: what spans lose then does not come back soon
MIN_MULTIPLIER, MAX_MULTIPLIER = 1e-5, 10.0
# Shares of the budget that targets end at, and that edges are pruned to: LUTs until training settles, and from then on.
# Depth swings and must stay below.
FREE_AIM, AIM, DEPTH_AIM = 1.0, 0.97, 0.93


@dataclass(frozen=True)
class Controller:
    """State of one constraint.

    budget      what the cost must not exceed
    start       cost before training
    aim         share of the budget that the target ends at
    multiplier  on log(cost)
    last        log(cost / target) of the epoch before
    """

    budget: float
    start: float
    aim: float = AIM
    multiplier: float = 1e-3
    last: float = 0.0

    @property
    def binds(self) -> bool:
        """Whether the budget is less than what the design took before training: otherwise nothing asks it to grow."""
        return self.start > self.aim * self.budget

    def target(self, progress: float) -> float:
        """What to aim at when `progress` (0 to 1) of the epochs are done: falls geometrically, then stays."""
        end = self.aim * self.budget
        if not self.binds:
            return end
        share = min(max((progress - SHRINK_FROM) / (SHRINK_UNTIL - SHRINK_FROM), 0.0), 1.0)
        return self.start * (end / self.start) ** share

    def after(self, cost: float, progress: float, frozen: bool = False) -> Controller:
        """The controller after an epoch that ended with `cost`."""
        error = math.log(max(cost, 1e-9) / self.target(progress))
        p, i = PROPORTIONAL, INTEGRAL if error > 0 else INTEGRAL_BELOW
        if frozen:
            p, i = FROZEN_PROPORTIONAL, FROZEN_INTEGRAL
        step = p * (error - self.last) + i * error
        multiplier = self.multiplier * math.exp(min(max(step, -1.0), 1.0))
        return replace(self, multiplier=min(max(multiplier, MIN_MULTIPLIER), MAX_MULTIPLIER), last=error)


def on_freezing(controller: Controller) -> Controller:
    """The controller with which fine-tuning begins."""
    return replace(controller, multiplier=max(FROZEN_SHARE * controller.multiplier, MIN_MULTIPLIER))


def time_to_freeze(controller: Controller, progress: float, last: bool) -> bool:
    """Whether widths should be frozen now: `progress` is the share of the epochs done.

    The last round is always one with frozen widths, since only freezing guarantees the budget.
    """
    near = math.log(NEAR[0]) <= controller.last <= math.log(NEAR[1])
    return progress >= FREEZE_UNTIL or last or (progress >= FREEZE_FROM and near)
