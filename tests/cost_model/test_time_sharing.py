"""Which layers share their hardware, and what that is estimated to cost."""

import numpy as np
import pytest
from helpers.delay_models import with_stage
from helpers.networks import random_codes, random_network, shared_network
from helpers.time_shared import evaluate_parts

from trigger_lut.cost_model.luts import estimate
from trigger_lut.cost_model.time_sharing import block_cycles, choose_sharing, word_luts
from trigger_lut.network.reference_model import evaluate
from trigger_lut.network.time_sharing import Block, cut_network

MODEL = with_stage(2.0)


@pytest.mark.parametrize("seed", range(4))
def test_more_cycles_take_fewer_luts(seed):
    network = shared_network(seed)
    costs = []
    for ii in (1, 2, 3, 5):
        sharing = choose_sharing(network, MODEL, ii=ii, latency_cycles=40)
        assert sharing.ii <= ii
        costs.append(sharing.cost.luts)
        codes = random_codes(network, 200)
        again = cut_network(network, sharing.cuts)
        for parts in (sharing.parts, again):
            assert np.array_equal(evaluate_parts(parts, codes), evaluate(network, codes))
    assert costs[0] == estimate(network, MODEL).luts
    assert costs == sorted(costs, reverse=True)
    assert costs[-1] < 0.75 * costs[0]


def test_latency_of_the_budget_is_kept():
    network = shared_network(0)
    plain = estimate(network, MODEL)
    free = choose_sharing(network, MODEL, ii=5, latency_cycles=40)
    (block,) = [p for p in free.parts if isinstance(p, Block)]
    assert free.cost.latency_cycles >= block_cycles(block, MODEL) + 2
    tight = choose_sharing(network, MODEL, ii=5, latency_cycles=plain.latency_cycles)
    assert tight.parts == (network,)
    assert tight.tried, "the ways that take too many cycles are listed"
    assert not any(t.chosen for t in tight.tried)


def test_nothing_to_share():
    network = random_network(2)
    sharing = choose_sharing(network, MODEL, ii=8, latency_cycles=40)
    assert (sharing.parts, sharing.tried, sharing.ii) == ((network,), (), 1)


def test_multiplexers():
    assert word_luts([3, 3, 3], True) == 0
    assert word_luts([1, 2], True) == 1
    assert word_luts([1, 2, 3, 4], True) == 1
    assert word_luts(range(5), True) == 2
    assert word_luts(range(16), True) == 5
    assert word_luts(range(16), False) == 4
