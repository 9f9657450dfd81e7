"""Cuts at shared positions compute what the whole network computes, cycle by cycle."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.networks import random_codes, random_graph, random_network, shared_network
from helpers.time_shared import evaluate_parts

from trigger_lut.network.network import LinearLayer, MaxLayer
from trigger_lut.network.reference_model import evaluate
from trigger_lut.network.time_sharing import (
    Block,
    fold_choices,
    shareable,
    split,
)


def check(network, members, instances):
    parts = split(network, members, instances=instances)
    for part in parts:
        assert not (part.step if isinstance(part, Block) else part).validate()
    codes = random_codes(network, 400)
    assert np.array_equal(evaluate_parts(parts, codes), evaluate(network, codes))
    return parts


def test_folds():
    assert fold_choices(16, 16) == [1, 2, 3, 4, 6, 8]
    assert fold_choices(16, 3) == [6, 8]
    assert fold_choices(16, 1) == []
    assert fold_choices(2, 100) == [1]


@pytest.mark.parametrize("seed", range(12))
def test_shared_networks(seed):
    network = shared_network(seed)
    (members,) = [m for m in shareable(network) if m.positions == 5][:1]
    assert len(members.layers) == 2
    for instances in range(1, 5):
        parts = check(network, members, instances)
        (block,) = [p for p in parts if isinstance(p, Block)]
        kinds = {c.kind for c in block.collected}
        assert "sum" in kinds
        # Idle instances of the last cycle would win a maximum: then its values are stored.
        assert ("max" in kinds) == (5 % instances == 0)


@pytest.mark.parametrize("seed", range(12))
def test_convolutions_with_padding(seed):
    network = random_graph(seed)
    sets = shareable(network)
    assert sets[0].layers[0] == 0
    for members in sets:
        for instances in fold_choices(members.positions, 100):
            check(network, members, instances)


def test_nothing_to_share():
    assert shareable(random_network(1)) == []


def test_weights_of_their_own_are_no_accumulator():
    """A sum with another weight for one position is computed behind the block, from stored values."""
    network = shared_network(0)
    n = next(n for n, layer in enumerate(network.layers) if isinstance(layer, LinearLayer) and layer.name == "sum")
    weights = network.layers[n].weights.copy()
    weights[1] *= 3
    layers = list(network.layers)
    layers[n] = replace(layers[n], weights=weights)
    network = replace(network, layers=tuple(layers))
    (block,) = [p for p in check(network, shareable(network)[0], 1) if isinstance(p, Block)]
    assert "sum" not in {c.kind for c in block.collected}
    assert "store" in {c.kind for c in block.collected}


def test_ends_with_the_block():
    """A network whose outputs are sums and stored values has an identity behind the block."""
    network = shared_network(3)
    last = next(n for n, layer in enumerate(network.layers) if layer.name == "sum")
    start = network.first_value
    outputs = np.array([start[last] + 1, start[last], start[1]])
    network = replace(network, layers=network.layers[: last + 1], outputs=outputs, classes=())
    parts = check(network, shareable(network)[0], 2)
    assert [type(p).__name__ for p in parts] == ["Block", "Network"]
    assert not any(isinstance(layer, MaxLayer) for layer in network.layers)
