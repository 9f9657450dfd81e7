"""The summation plan adds up to the layer's output, in few bits and a balanced tree."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import random_network

from trigger_lut.network.lowering.adder_tree import Addend, Summation, plan_layer, trailing_zeros, without_constants
from trigger_lut.network.network import TableLayer


def total(plan: Summation, codes: np.ndarray, layer: TableLayer, o: int) -> np.ndarray:
    items = []
    for a in plan.addends:
        kif, m = layer.inputs[a.channel], int(layer.widths[a.channel, o])
        items.append(a.values[(codes[:, a.channel] - kif.lo) >> (kif.bits - m)])
    for x, y in plan.pairs:
        items.append(items[x] + items[y])
    return items[-1] if items else np.full(len(codes), plan.constant)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 9))
def test_the_plan_adds_up_to_the_layer(seed, c_in):
    layer = random_network(seed, (c_in, 4)).layers[0]
    rng = np.random.default_rng(seed)
    codes = np.stack([rng.integers(f.lo, f.hi + 1, 200) for f in layer.inputs], axis=1)
    for o, plan in enumerate(plan_layer(layer)):
        direct = np.full(200, layer.bias[o])
        for i, kif in enumerate(layer.inputs):
            if m := int(layer.widths[i, o]):
                direct += layer.table(i, o)[(codes[:, i] - kif.lo) >> (kif.bits - m)]
        np.testing.assert_array_equal(total(plan, codes, layer, o), direct)
        assert plan.levels == (math.ceil(math.log2(len(plan.addends))) if plan.addends else 0)
        assert len(plan.pairs) == max(len(plan.addends) - 1, 0)


def test_offsets_are_free_where_the_bias_is_near_the_middle():
    tables = np.array([[[100, 103, 107, 101]], [[-60, -56, -52, -46]]])
    layer = TableLayer(
        "l",
        random_network(0, (2, 1)).inputs,
        ("SAT",) * 2,
        np.array([[2], [2]]),
        tables,
        np.array([-52]),
        fraction_bits=np.zeros(1, int),
    )
    first, second = plan_layer(layer)[0].addends
    assert (first.lo, first.hi) == (-4, 3)
    assert (second.lo, second.hi) == (-8, 6)


def test_a_far_bias_goes_into_one_table():
    tables = np.array([[[0, 3]], [[0, 1]]])
    layer = TableLayer(
        "l",
        random_network(0, (2, 1)).inputs,
        ("SAT",) * 2,
        np.array([[1], [1]]),
        tables,
        np.array([1000]),
        fraction_bits=np.zeros(1, int),
    )
    assert sum(a.lo for a in plan_layer(layer)[0].addends) == 1000


@pytest.mark.parametrize(("values", "zeros"), [([0, 0], 0), ([4, 12], 2), ([-8, 16], 3), ([1, 2], 0)])
def test_trailing_zeros(values, zeros):
    assert trailing_zeros(np.array(values)) == zeros


@pytest.mark.parametrize("seed", range(10))
def test_constant_addends_go_into_the_others(seed):
    layer = random_network(seed, (6, 4), prune=0.0).layers[0]
    rng = np.random.default_rng(seed)
    for plan in plan_layer(layer):
        fixed = [n for n in range(len(plan.addends)) if rng.random() < 0.5]
        addends = tuple(
            Addend(a.channel, np.full_like(a.values, a.values[0])) if n in fixed else a
            for n, a in enumerate(plan.addends)
        )
        before = Summation(addends, plan.pairs, plan.constant, plan.levels)
        after = without_constants(before)
        assert len(after.addends) == len(addends) - len(fixed)
        assert len(after.pairs) == max(len(after.addends) - 1, 0)
        lowest, highest = (
            [sum(getattr(a, end) for a in p.addends) + p.constant for p in (before, after)] for end in ("lo", "hi")
        )
        assert lowest[0] == lowest[1]
        assert highest[0] == highest[1]
        assert after.items[-1][1:] == (lowest[0], highest[0]) if after.pairs else True
