"""Budgets that prove impossible when widths are frozen: training ends with the closest network, whole and measured."""

import re

import numpy as np
import pytest
from made_cards import spec as made_spec
from networks import random_codes, random_network
from trainings import as_estimated, made_design, made_events, made_session, train, write_inputs

from trigger_lut.cards.base import read_card
from trigger_lut.cards.stage_cards import TrainCard
from trigger_lut.cost_model.measured import Correction
from trigger_lut.data.event_codes import TRAIN, load_codes
from trigger_lut.network.network import load_network
from trigger_lut.training.budget import Budget
from trigger_lut.training.pruning import live, without
from trigger_lut.training.smallest_network import closest, output_varies

SHORT = {"epochs": 4, "batch_size": 280, "learning_rate": 0.03}


def beyond(limits, network, codes):
    """Return the network that pruning to the limits leaves."""
    return without(network, limits.edges_to_remove(network, codes, share=1.0))


def test_a_network_without_edges_does_not_depend_on_its_input():
    network = random_network(3)
    codes = random_codes(network, 300)
    assert output_varies(network, codes)
    assert not output_varies(network, codes[:1]), "one event"
    assert not output_varies(without(network, [live(layer) for layer in network.layers]), codes)


@pytest.mark.parametrize("seed", range(4))
def test_closest_network_is_the_first_that_varies(seed):
    network = random_network(seed, units=(5, 6, 3))
    codes = random_codes(network, 300)
    limits = Budget(made_spec(luts=1))
    assert not output_varies(beyond(limits, network, codes), codes), "the budget is impossible"
    smallest = without(network, closest(limits, network, codes=codes))
    assert output_varies(smallest, codes)
    assert limits.estimate(smallest).luts < limits.estimate(network).luts
    rising = (beyond(Budget(made_spec(luts=n)), network, codes) for n in range(1, 20))
    first = next(left for left in rising if output_varies(left, codes))
    for mine, expected in zip(smallest.layers, first.layers, strict=True):
        np.testing.assert_array_equal(mine.widths, expected.widths)


def test_cycles_are_raised_where_they_are_too_few_and_no_further():
    network = random_network(5, units=(9, 8, 4), prune=0.0)
    codes = random_codes(network, 300)
    limits = Budget(made_spec(luts=10_000, latency_ns=2.5), Correction(cycles=2))
    assert limits.spec.latency_cycles_budget == 1
    assert not output_varies(beyond(limits, network, codes), codes)
    smallest = without(network, closest(limits, network, codes=codes))
    assert output_varies(smallest, codes)
    assert 1 <= limits.estimate(smallest).latency_cycles < limits.estimate(network).latency_cycles


def test_all_edges_stay_where_nothing_less_varies():
    network = random_network(0)
    marks = closest(Budget(made_spec(luts=1)), network, codes=random_codes(network, 1))
    assert sum(int(m.sum()) for m in marks) == 0


# ---------------------------------------------------------------- in training


def test_training_ends_with_the_closest_network(tmp_path):
    """Interrupted where that one is measured, it ends the same."""
    write_inputs(tmp_path, made_design(luts=2, training=SHORT))
    with pytest.raises(ZeroDivisionError):
        train(tmp_path, tmp_path / "again", measure=lambda *_, **__: 1 / 0)
    card = read_card(TrainCard, train(tmp_path, tmp_path, measure=as_estimated(1.0)) / "train.json")
    assert not card.meets_budget
    assert card.epochs == 3, "nothing is trained after freezing"
    assert [m.reason for m in card.measurements] == ["result"]
    assert card.luts == card.measurements[-1].luts
    assert card.luts.value > 2 == card.luts_budget
    assert re.match(
        r"no network of this shape fits 2 LUTs and 8 cycles: within that budget the output is constant\. The smallest "
        rf"usable network needs {card.luts.value:.0f} LUTs after Yosys and {card.latency_cycles} cycles\. Raise the "
        r"budget, or use fewer layers$",
        card.verdict,
    )
    network = load_network(tmp_path / "network.npz")
    assert network.validate() == []
    assert output_varies(network, load_codes(tmp_path / "codes.npz").of(TRAIN)[0])
    train(tmp_path, tmp_path / "again", measure=as_estimated(1.0))
    for name in ("network.npz", "warm.npz"):
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / name).read_bytes()


def test_what_fits_after_all_is_gone_on_with(tmp_path):
    """The surrogate counts ten times as many LUTs as there are: with so few of them it can be far off."""
    write_inputs(tmp_path, made_design(luts=2, training=SHORT))
    card = read_card(TrainCard, train(tmp_path, tmp_path, measure=as_estimated(0.05)) / "train.json")
    assert card.meets_budget
    assert card.epochs == 4
    assert 0 < card.luts.value <= 2


def test_network_pruned_until_constant_is_not_frozen(tmp_path):
    design, events = made_design(training=SHORT), made_events()
    began = made_session(design, events, tmp_path)
    began.step()
    weights = began.model.weights()
    for layer in began.model.tables:
        layer.input_width.assign(-np.ones(layer.input_width.shape))
    assert not output_varies(began.model.network(), events.of(TRAIN)[0])
    began.freeze()
    assert output_varies(began.model.network(), events.of(TRAIN)[0])
    assert began.state.result is None
    again = made_session(design, events, tmp_path)
    again.resume()
    for a, b in zip(again.state.last_varying_weights, weights, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(("last", "feasible"), [(60.0, False), (1.0, True)])
def test_pruning_to_nothing_ends_with_the_closest_network(last, feasible, tmp_path):
    """The result takes 60 times the LUTs that were thought; what is left then takes as many times, or it fits."""
    design = made_design(training={"epochs": 20, "batch_size": 280, "learning_rate": 0.03})
    write_inputs(tmp_path, design)
    card = read_card(TrainCard, train(tmp_path, tmp_path, measure=as_estimated(1.0, 1.0, 60.0, last)) / "train.json")
    assert card.meets_budget is feasible
    assert card.prune_rounds == 1
    results = [m.luts.value for m in card.measurements if m.reason == "result"]
    assert results[1] < results[0], "smaller than the nearest that training had ended with"
    assert card.luts.value == results[-1]
    assert (card.verdict == "within the budget") is feasible
    assert card.verdict.startswith("no network of this shape") is not feasible
    assert card.epochs == 20 + 2 * feasible
