"""A value from the layers it depends on is the value of the whole network."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import random_codes, random_graph, random_network, shared_network

from trigger_lut.network.network import TableLayer
from trigger_lut.network.reference_model import all_values
from trigger_lut.verification import cone
from trigger_lut.verification.cone import Cones, LookUps

MADE = {"dense": random_network, "graph": random_graph, "shared": shared_network}


@settings(max_examples=12)
@given(kind=st.sampled_from(sorted(MADE)), seed=st.integers(0, 10_000), block=st.sampled_from([1, 50, 1 << 22]))
def test_every_value_is_that_of_the_whole_network(kind, seed, block):
    network = MADE[kind](seed)
    codes = random_codes(network, 40, seed)
    cones = Cones(network)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cone, "BLOCK", block)
        values = [cones.value(number, codes=codes) for number in range(network.first_value[-1])]
    np.testing.assert_array_equal(np.stack(values, axis=1), all_values(network, codes))


def test_a_value_needs_no_other_output_of_its_layer():
    network = random_network(3)
    last = len(network.layers) - 1
    number = network.first_value[-1] - 1
    needed = Cones(network).needed(number)
    assert [layer for layer, _, _ in needed] == list(range(len(network.layers)))
    assert needed[-1] == (last, 0, (network.layers[last].shape[1] - 1,))
    assert Cones(network).needed(0) == ()
    layer = network.layers[0]
    first = network.first_value[0]
    assert Cones(network).cost(first) == 1 + np.count_nonzero(layer.widths[:, 0])


def test_wide_codes_are_not_cut_off(monkeypatch):
    """With codes that count as wide for 32 bits, the same sums."""
    network = random_network(5)
    layer = network.layers[0]
    assert isinstance(layer, TableLayer)
    codes, outputs = random_codes(network, 30), tuple(range(layer.shape[1]))
    narrow = LookUps.of(layer, outputs)
    monkeypatch.setattr(cone, "NARROW", 1)
    wide = LookUps.of(layer, outputs)
    assert (narrow.starts.dtype, wide.starts.dtype) == (np.int32, np.int64)
    np.testing.assert_array_equal(narrow.sums(codes), wide.sums(codes))
