"""The budget controller: its target, its steering, and that it ends within the budget on a simple response."""

import dataclasses
import itertools
import math

import pytest

from trigger_lut.training.controller import (
    AIM,
    DEPTH_AIM,
    FREE_AIM,
    FREEZE_FROM,
    FREEZE_UNTIL,
    FROZEN_SHARE,
    INTEGRAL,
    INTEGRAL_BELOW,
    MAX_MULTIPLIER,
    MEASURE_FROM,
    MIN_MULTIPLIER,
    NEAR,
    SHRINK_FROM,
    SHRINK_UNTIL,
    Controller,
    on_freezing,
    time_to_freeze,
)


def test_target_falls_geometrically_from_initial_cost_to_aim():
    controller = Controller(budget=1000, start=16000)
    end = AIM * 1000
    assert controller.target(0.0) == controller.target(SHRINK_FROM) == 16000
    half = controller.target((SHRINK_FROM + SHRINK_UNTIL) / 2)
    assert half == pytest.approx(math.sqrt(16000 * end))
    assert controller.target(SHRINK_UNTIL) == pytest.approx(end)
    assert controller.target(1.0) == pytest.approx(end)
    targets = [controller.target(n / 100) for n in range(101)]
    assert all(a >= b for a, b in itertools.pairwise(targets))


def test_the_target_ends_at_the_aim():
    for aim in (AIM, FREE_AIM, DEPTH_AIM):
        assert Controller(budget=1000, start=16000, aim=aim).target(1.0) == pytest.approx(aim * 1000)
        assert Controller(budget=1000, start=500, aim=aim).target(0.0) == aim * 1000


def test_pruning_goal_is_below_budget_and_phases_are_in_order():
    assert 0.9 < AIM < FREE_AIM <= 1.0, "room for what the surrogate is off by, but not much"
    assert 0 <= SHRINK_FROM < SHRINK_UNTIL < MEASURE_FROM < FREEZE_FROM < FREEZE_UNTIL < 1


def test_design_that_starts_within_budget_is_not_to_grow():
    controller = Controller(budget=1000, start=500)
    assert controller.target(0.0) == controller.target(1.0) == AIM * 1000
    assert not controller.binds
    assert Controller(budget=1000, start=AIM * 1000 + 1).binds


def test_multiplier_rises_above_the_target_and_falls_below_it():
    controller = Controller(budget=1000, start=500, multiplier=0.1)
    assert controller.after(2000, 1.0).multiplier > 0.1
    assert controller.after(700, 1.0).multiplier < 0.1
    assert controller.after(AIM * 1000, 1.0).multiplier == pytest.approx(0.1)


def test_multiplier_keeps_rising_while_the_error_stays():
    controller = Controller(budget=1000, start=500, multiplier=0.1)
    first = controller.after(1300, 1.0)
    second = first.after(1300, 1.0)
    assert second.multiplier > first.multiplier
    assert second.last == first.last == pytest.approx(math.log(1300 / (AIM * 1000)))


def test_one_step_changes_the_multiplier_by_at_most_a_factor_e():
    controller = Controller(budget=10, start=5, multiplier=0.1)
    assert controller.after(1e9, 1.0).multiplier == pytest.approx(0.1 * math.e)
    assert controller.after(1e-9, 1.0).multiplier == pytest.approx(0.1 / math.e)


def test_multiplier_stays_within_its_limits():
    over = under = Controller(budget=10, start=5)
    for _ in range(100):
        over, under = over.after(1e6, 1.0), under.after(1e-3, 1.0)
    assert over.multiplier == MAX_MULTIPLIER
    assert under.multiplier == MIN_MULTIPLIER


def test_a_cost_of_zero_is_no_error():
    assert Controller(budget=10, start=5).after(0.0, 1.0).multiplier >= MIN_MULTIPLIER


def test_controllers_are_immutable():
    controller = Controller(budget=10, start=5)
    with pytest.raises(dataclasses.FrozenInstanceError):
        controller.multiplier = 1.0
    assert controller.after(50, 1.0) is not controller


@pytest.mark.parametrize("gain", [0.5, 0.7, 1.0])
@pytest.mark.parametrize("budget", [300, 3000])
def test_a_responding_cost_ends_at_the_aim(gain, budget):
    """Cost follows start * (multiplier / 1e-3)**-gain with a lag: the closed loop must settle, not swing."""
    start, cost = 9000.0, 9000.0
    controller = Controller(budget, start)
    late = []
    for epoch in range(300):
        wanted = start * (controller.multiplier / 1e-3) ** -gain
        cost = cost + 0.5 * (min(wanted, start) - cost)
        controller = controller.after(cost, epoch / 300)
        if epoch >= FREEZE_UNTIL * 300:
            late.append(cost)
    assert max(late) <= 1.01 * budget
    assert min(late) >= 0.9 * budget


def test_without_response_the_cost_stays_over_budget():
    """Negative control of the test above: when pressing has no effect, the loop ends beyond the budget."""
    controller = Controller(300, 9000.0)
    for epoch in range(300):
        controller = controller.after(9000.0, epoch / 300)
    assert controller.multiplier == MAX_MULTIPLIER
    assert controller.last == pytest.approx(math.log(9000 / (AIM * 300)))


def test_frozen_widths_get_a_weaker_push_in_the_same_direction():
    controller = Controller(budget=1000, start=500, multiplier=0.1)
    for cost, sign in ((1100, 1), (850, -1)):
        free, frozen = (sign * math.log(controller.after(cost, 1.0, frozen=f).multiplier / 0.1) for f in (False, True))
        assert 0 < frozen < free


def test_widths_are_frozen_near_the_target_or_at_the_time_limit():
    def ended(share):
        return Controller(budget=1000, start=500).after(share * AIM * 1000, 1.0)

    middle = (FREEZE_FROM + FREEZE_UNTIL) / 2
    for near in (ended(1.0), ended(1.001 * NEAR[0]), ended(0.999 * NEAR[1])):
        assert time_to_freeze(near, middle, last=False)
        assert not time_to_freeze(near, FREEZE_FROM - 0.01, last=False)
    for elsewhere in (ended(1.001 * NEAR[1]), ended(0.999 * NEAR[0])):
        assert not time_to_freeze(elsewhere, middle, last=False)
        assert time_to_freeze(elsewhere, FREEZE_UNTIL, last=False)
        assert time_to_freeze(elsewhere, 0.5, last=True), "the last round is frozen, however few there are"
        assert not time_to_freeze(elsewhere, 0.5, last=False)


def test_fine_tuning_begins_with_less_pressure():
    assert on_freezing(Controller(budget=1000, start=500, multiplier=0.1)).multiplier == FROZEN_SHARE * 0.1 < 0.1
    assert on_freezing(Controller(budget=1000, start=500, multiplier=MIN_MULTIPLIER)).multiplier == MIN_MULTIPLIER


def test_penalty_falls_faster_below_target_than_it_rises_above():
    def step(share):
        """Return the effect of the second of two epochs at this fraction of the target: the integral part alone."""
        first = Controller(budget=1000, start=500, multiplier=0.1).after(share * AIM * 1000, 1.0)
        return math.log(first.after(share * AIM * 1000, 1.0).multiplier / first.multiplier)

    assert step(1.1) == pytest.approx(INTEGRAL * math.log(1.1))
    assert step(1 / 1.1) == pytest.approx(-INTEGRAL_BELOW * math.log(1.1))
    assert INTEGRAL_BELOW > 2 * INTEGRAL
