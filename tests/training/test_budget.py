"""Budgets applied to corrected costs, and which networks are kept."""

import made_cards
import numpy as np
import pytest
from networks import random_codes, random_network

from trigger_lut.cost_model.luts import Cost, LayerCost
from trigger_lut.cost_model.measured import Built, Correction, correction
from trigger_lut.network.simplify import without_unread
from trigger_lut.training.budget import Budget
from trigger_lut.training.candidates import KEPT, NEAR, Candidate, with_candidate
from trigger_lut.training.pruning import without


def cost(luts, stages=3.0):
    return Cost((LayerCost(luts, 0.0, 0.0),), stages)


def limits(luts=100, cycles=4, corrected=None):
    spec = made_cards.spec(luts=luts, latency_ns=cycles * 2.5)
    return Budget(spec, corrected or Correction())


def test_correction_maps_the_estimate_to_the_measurement():
    measured = correction(Built(luts=110, latency_cycles=5, fmax_mhz=400, ff=1), cost(100.0))
    assert measured == Correction(1.1, 2)
    assert measured.luts_of(cost(100.0)) == pytest.approx(110)
    assert measured.cycles_of(cost(100.0)) == 5
    assert measured.luts_of(cost(50.0)) == pytest.approx(55)
    for built, estimated in ((0, 10.0), (10, 0.0), (0, 0.0)):
        assert correction(Built(built, 3, 400, 1), cost(estimated)) == Correction(1.0, 0)


@pytest.mark.parametrize(
    ("luts", "stages", "corrected", "within"),
    [
        (100, 4.0, Correction(), True),
        (101, 4.0, Correction(), False),
        (100, 4.1, Correction(), False),
        (110, 4.0, Correction(0.9), True),
        (91, 4.0, Correction(1.1), False),
        (100, 3.0, Correction(1.0, 1), True),
        (100, 3.1, Correction(1.0, 1), False),
    ],
)
def test_within_means_luts_and_cycles_as_corrected(luts, stages, corrected, within):
    budget = limits(corrected=corrected)
    assert budget.is_met(cost(luts, stages)) is within
    assert (budget.excess(cost(luts, stages)) == 0) is within


def test_a_share_of_the_luts_may_be_asked_for():
    assert limits().is_met(cost(95), 0.95)
    assert not limits().is_met(cost(96), 0.95)


def test_what_is_further_beyond_the_budget_counts_more():
    budget = limits()
    assert budget.excess_measured(Built(100, 4, 400, 1)) == 0
    measured = [Built(101, 4, 400, 1), Built(110, 4, 400, 1), Built(110, 5, 400, 1), Built(100, 4, 320, 1)]
    assert [budget.excess_measured(b) for b in measured] == pytest.approx([0.01, 0.10, 0.35, 0.25])


@pytest.mark.parametrize("corrected", [Correction(), Correction(1.3), Correction(0.8)])
def test_as_few_edges_go_as_the_correction_asks_for(corrected):
    network = random_network(9, units=(6, 8, 4), prune=0.0)
    codes = random_codes(network, 300)
    budget = limits(round(0.6 * Budget(made_cards.spec()).estimate(network).luts), 20, corrected)
    left = without_unread(without(network, budget.edges_to_remove(network, codes, share=0.97)))
    luts = corrected.luts * budget.estimate(left).luts
    assert 0.8 * 0.97 * budget.spec.budget.luts < luts <= 0.97 * budget.spec.budget.luts


def test_edges_are_removed_for_latency_and_corrected_cycles():
    network = random_network(9, units=(9, 8, 4), prune=0.0)
    codes = random_codes(network, 300)
    planned = Budget(made_cards.spec()).estimate(network).latency_cycles
    for more in (0, 1):
        budget = limits(100_000, planned - 1, Correction(1.0, more))
        left = without(network, budget.edges_to_remove(network, codes, share=1.0))
        assert budget.estimate(left).latency_cycles <= planned - 1 - more


def candidate(accuracy, luts, over=0.0):
    return Candidate(accuracy, cost(luts), over, [np.array(luts)])


def test_most_accurate_candidates_are_kept_first_of_equals():
    candidates = []
    for n, accuracy in enumerate([0.5, 0.7, 0.7, 0.6]):
        candidates = with_candidate(candidates, candidate(accuracy, n))
    assert [c.cost.luts for c in candidates] == [1, 2, 3, 0]
    for n in range(KEPT):
        candidates = with_candidate(candidates, candidate(0.65, 100 + n))
    assert len(candidates) == KEPT
    assert [c.cost.luts for c in candidates[:3]] == [1, 2, 100]
    assert min(c.accuracy for c in candidates) == 0.65


def test_candidates_that_do_not_fit_replace_none_that_does():
    candidates = [candidate(0.5, n) for n in range(KEPT)]
    for n in range(2 * KEPT):
        candidates = with_candidate(candidates, candidate(0.6 + 0.01 * n, 200 + n, over=0.5 * NEAR))
        candidates = with_candidate(candidates, candidate(0.9, 300 + n, over=1.0 + n))
    assert sum(c.over == 0 for c in candidates) == KEPT
    near = [c.cost.luts for c in candidates if c.over > 0]
    assert near == [200 + n for n in reversed(range(KEPT, 2 * KEPT))], "the most accurate; none that is far beyond"
    far = [candidate(0.9, n, over=1.0 + n) for n in range(2 * KEPT)]
    candidates = []
    for one in far:
        candidates = with_candidate(candidates, one)
    assert [c.cost.luts for c in candidates] == list(range(KEPT)), "a last resort: those least far beyond"
