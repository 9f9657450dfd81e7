"""Pruning: what an edge is worth, and as few edges as make a network fit."""

import numpy as np
import pytest
from networks import random_codes, random_network

from trigger_lut.cost_model.delay import DelayModel
from trigger_lut.cost_model.latency import network_stages, output_stages
from trigger_lut.cost_model.luts import estimate
from trigger_lut.network.reference_model import evaluate
from trigger_lut.training.pruning import edges_to_prune, edges_to_shorten, saliency, without

MODEL = DelayModel(2.5, "xcup")


def live(network):
    return sum(len(layer.edges()) for layer in network.layers)


def removed(marks):
    return sum(int(m.sum()) for m in marks)


@pytest.mark.parametrize("seed", range(3))
def test_saliency_is_the_spread_of_an_edge_over_the_events(seed):
    """Against the integer model: what the outputs lose when one edge of a one-layer network goes."""
    network = random_network(seed, units=(4, 3))
    codes = random_codes(network, 500)
    layer = network.layers[0]
    scores = saliency(network, codes)[0]
    whole = evaluate(network, codes)
    for i, o in layer.edges():
        marks = [np.zeros(layer.shape, dtype=bool)]
        marks[0][i, o] = True
        edge = (whole - evaluate(without(network, marks), codes))[:, o]
        assert scores[i, o] == pytest.approx(edge.std() * 2.0 ** -float(layer.fraction_bits[o]))
    assert (scores[layer.widths == 0] == 0).all()


def test_saliency_of_later_layers_sees_what_earlier_ones_give():
    """The second layer of a network, alone, on the codes that the first gives it."""
    network = random_network(7, units=(4, 5, 3))
    codes = random_codes(network, 500)
    first, second = saliency(network, codes)
    assert first.shape == (4, 5)
    assert second.shape == (5, 3)
    fed = evaluate(type(network)(network.inputs, network.layers[:1]), codes)
    layer, formats = network.layers[1], network.layers[0].fraction_bits
    for i, o in layer.edges():
        kif = layer.inputs[i]
        code = np.clip(np.floor(fed[:, i] * 2.0 ** float(kif.f - formats[i])), kif.lo, kif.hi).astype(int) - kif.lo
        output = layer.table(i, o)[code >> (kif.bits - int(layer.widths[i, o]))]
        assert second[i, o] == pytest.approx(output.std() * 2.0 ** -float(layer.fraction_bits[o]))


def test_edge_that_is_constant_over_the_events_is_worth_nothing():
    network = random_network(2, units=(3, 3), prune=0.0)
    same = np.tile(random_codes(network, 1), (50, 1))
    assert (saliency(network, same)[0] == 0).all()


def test_without_removes_the_marked_edges_alone():
    network = random_network(3, prune=0.0)
    marks = [np.zeros(layer.shape, dtype=bool) for layer in network.layers]
    marks[0][1, 2] = marks[1][0, 0] = True
    pruned = without(network, marks)
    assert pruned.validate() == []
    assert live(pruned) == live(network) - 2
    assert pruned.layers[0].widths[1, 2] == pruned.layers[1].widths[0, 0] == 0
    assert live(network) == sum(layer.widths.size for layer in network.layers), "the original is untouched"


def test_nothing_is_pruned_from_a_network_that_fits():
    network = random_network(4)
    marks = edges_to_prune(network, saliency(network, random_codes(network, 200)), fits=lambda _: True)
    assert removed(marks) == 0


def test_everything_goes_when_nothing_fits():
    network = random_network(4)
    marks = edges_to_prune(network, saliency(network, random_codes(network, 200)), fits=lambda _: False)
    assert removed(marks) == live(network)
    assert live(without(network, marks)) == 0


@pytest.mark.parametrize("allowed", [1, 5, 12])
def test_as_few_edges_as_needed_and_the_least_valuable_first(allowed):
    network = random_network(6, units=(5, 6, 3), prune=0.1)
    rng = np.random.default_rng(0)
    scores = [
        np.where(layer.widths > 0, rng.permutation(layer.widths.size).reshape(layer.shape) + 1.0, 0.0)
        for layer in network.layers
    ]
    marks = edges_to_prune(network, scores, fits=lambda n: live(n) <= allowed)
    assert live(without(network, marks)) == allowed
    for layer, score, gone in zip(network.layers, scores, marks, strict=True):
        alive = layer.widths > 0
        assert not gone[~alive].any(), "pruned edges are not marked again"
        if gone.any() and (alive & ~gone).any():
            assert score[gone].max() < score[alive & ~gone].min()


def test_layers_are_compared_by_relative_worth():
    """A layer whose outputs are a thousand times larger does not push the other one out."""
    network = random_network(8, units=(4, 4, 4), prune=0.0)
    ones = [np.linspace(1, 2, 16).reshape(4, 4), np.linspace(1000, 2000, 16).reshape(4, 4)]
    marks = edges_to_prune(network, ones, fits=lambda n: live(n) <= 16)
    assert [int(m.sum()) for m in marks] == [8, 8]


def test_pruned_network_meets_a_budget_by_the_surrogate():
    network = random_network(9, units=(6, 8, 4), prune=0.0)
    budget = 0.5 * estimate(network, MODEL).luts
    scores = saliency(network, random_codes(network, 300))
    pruned = without(network, edges_to_prune(network, scores, fits=lambda n: estimate(n, MODEL).luts <= budget))
    assert 0.7 * budget < estimate(pruned, MODEL).luts <= budget


def stages(network):
    return network_stages(network, MODEL)


def finished(network):
    return output_stages(network, MODEL)


@pytest.mark.parametrize("seed", range(3))
def test_a_network_is_shortened_to_its_latency(seed):
    network = random_network(seed, units=(9, 8, 4), prune=0.0)
    scores = saliency(network, random_codes(network, 300))
    before = stages(network)[-1].max()
    marks = edges_to_shorten(network, scores, stages=stages, finished=finished, budget=0.8 * before)
    assert stages(without(network, marks))[-1].max() <= 0.8 * before
    assert 0 < removed(marks) < live(network)


def test_nothing_is_removed_from_a_network_that_is_fast_enough():
    network = random_network(3, units=(9, 8, 4))
    scores = saliency(network, random_codes(network, 300))
    assert (
        removed(edges_to_shorten(network, scores, stages=stages, finished=finished, budget=stages(network)[-1].max()))
        == 0
    )


def test_all_edges_go_when_no_edge_is_fast_enough():
    network = random_network(3, units=(4, 3))
    scores = saliency(network, random_codes(network, 300))
    marks = edges_to_shorten(
        network,
        scores,
        stages=lambda n: [np.full(x.shape[1], 9.0) for x in n.layers],
        finished=lambda n: 9.0,
        budget=1.0,
    )
    assert live(without(network, marks)) == 0


def test_only_edges_into_the_latest_outputs_go():
    """One output with nine edges, others with two: the deep one alone is cut back."""
    network = random_network(5, units=(9, 3), prune=0.0)
    first = [np.zeros((9, 3), dtype=bool)]
    first[0][2:, 1:] = True
    uneven = without(network, first)
    scores = saliency(uneven, random_codes(uneven, 300))
    shallow = stages(uneven)[-1][1:].max()
    marks = edges_to_shorten(uneven, scores, stages=stages, finished=finished, budget=shallow)
    assert removed(marks) > 0
    assert not marks[0][:, 1:].any()


def test_edges_that_fit_after_all_stay():
    """An expensive edge of low score is removed first; edges removed with it by score alone come back."""
    network = random_network(6, units=(5, 6, 3), prune=0.0)
    scores = [np.arange(layer.widths.size, dtype=float).reshape(layer.shape) + 1.0 for layer in network.layers]
    dear = (1, 0)

    def fits(left):
        return live(left) + 100 * (left.layers[0].widths[dear] > 0) <= live(network) - 1

    marks = edges_to_prune(network, scores, fits=fits)
    assert [tuple(x) for x in np.argwhere(marks[0])] == [dear]
    assert not marks[1].any()
