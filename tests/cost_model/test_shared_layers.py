"""Layers that share hardware, kept by name while the network changes."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.delay_models import with_stage
from helpers.networks import random_codes, random_network, shared_network
from helpers.time_shared import evaluate_parts

from trigger_lut.cost_model.latency import network_stages, output_stages
from trigger_lut.cost_model.shared_layers import (
    SharedLayers,
    cut_at,
    fraction_built,
    parts_stages,
    shared_layers,
    total_stages,
)
from trigger_lut.cost_model.time_sharing import choose_sharing, parts_cost
from trigger_lut.network.reference_model import evaluate
from trigger_lut.network.time_sharing import Block
from trigger_lut.training.pruning import without

MODEL = with_stage(2.0)


def test_same_cuts_give_the_same_parts():
    network = shared_network(1)
    sharing = choose_sharing(network, MODEL, ii=3, latency_cycles=40)
    shared = shared_layers(sharing.parts)
    assert shared[0] == SharedLayers(("first", "second"), 5, 2)
    parts = cut_at(network, shared)
    assert parts_cost(network, parts, model=MODEL) == sharing.cost
    assert total_stages(parts, MODEL) == sharing.cost.stages
    codes = random_codes(network, 200)
    assert np.array_equal(evaluate_parts(parts, codes), evaluate(network, codes))


@pytest.mark.parametrize("seed", range(3))
def test_pruned_network_is_cut_alike(seed):
    network = shared_network(seed)
    shared = shared_layers(choose_sharing(network, MODEL, ii=5, latency_cycles=40).parts)
    rng = np.random.default_rng(seed)
    pruned = without(network, [layer.edge_mask & (rng.random(layer.shape) < 0.4) for layer in network.layers])
    parts = cut_at(pruned, shared)
    assert next((p.positions, p.instances) for p in parts if isinstance(p, Block)) == (5, 1)
    codes = random_codes(pruned, 200)
    assert np.array_equal(evaluate_parts(parts, codes), evaluate(pruned, codes))
    assert parts_cost(pruned, parts, model=MODEL).luts < parts_cost(network, cut_at(network, shared), model=MODEL).luts


def test_other_networks_stay_parallel():
    shared = (SharedLayers(("first",), 5, 1),)
    network = random_network(1)
    assert cut_at(network, shared) == (network,)
    other = shared_network(0, positions=4)
    assert cut_at(other, shared) == (other,)
    assert cut_at(other, ()) == (other,)


def test_stages_of_parts():
    network = shared_network(0)
    assert total_stages((network,), MODEL) == output_stages(network, MODEL)
    for stages, expected in zip(
        parts_stages(network, (network,), model=MODEL), network_stages(network, MODEL), strict=True
    ):
        assert np.array_equal(stages, expected)
    parts = cut_at(network, (SharedLayers(("first", "second"), 5, 1),))
    stages = dict(zip((layer.name for layer in network.layers), parts_stages(network, parts, model=MODEL), strict=True))
    whole = dict(zip(stages, network_stages(network, MODEL), strict=True))
    assert [times.shape for times in stages.values()] == [times.shape for times in whole.values()]
    assert np.array_equal(stages["first"], whole["first"]), "nothing lies before it"
    assert stages["head"].max() < whole["head"].max(), "counted from the accumulators on"


def test_any_names_of_layers():
    network = shared_network(0)
    names = ("a+b", "a", "a+b", "a", "head")
    renamed = replace(network, layers=tuple(replace(x, name=n) for x, n in zip(network.layers, names, strict=True)))
    sharing = choose_sharing(renamed, MODEL, ii=5, latency_cycles=40)
    shared = shared_layers(sharing.parts)
    assert shared[0] == SharedLayers(("a+b", "a"), 5, 1)
    parts = cut_at(renamed, shared)
    assert parts_cost(renamed, parts, model=MODEL) == sharing.cost
    expected = choose_sharing(network, MODEL, ii=5, latency_cycles=40)
    assert sharing.cost.luts == pytest.approx(expected.cost.luts)
    assert len(sharing.cost.layers) == len(parts_stages(renamed, parts, model=MODEL)) == len(names)


def test_fraction_of_a_keras_layer():
    shared = (SharedLayers(("dense", "conv_part1"), 16, 4), SharedLayers(("last+1",), 5, 2))
    names = ("dense", "conv", "last+1", "dense_1", "den", "dense.")
    assert [fraction_built(shared, name) for name in names] == [0.25, 0.25, 0.4, 1.0, 1.0, 1.0]
    assert fraction_built((), "dense") == 1.0
