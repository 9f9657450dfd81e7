"""Filling: removed edges come back as they were, widths grow, and never beyond what fits."""

import keras
import numpy as np
import pytest

from trigger_lut.conversion.keras_model import integer_network
from trigger_lut.cost_model.delay import DelayModel
from trigger_lut.cost_model.luts import estimate
from trigger_lut.layers import LUTDense
from trigger_lut.network.reference_model import evaluate
from trigger_lut.training.edge_widths import NO_EDGE, hold_widths, remove_edges, table_layers, widths_before
from trigger_lut.training.pruning import saliency, without
from trigger_lut.training.regrowth import MAX_EVALUATIONS, Growth, fill, growths


@pytest.fixture
def model():
    shape = {"max_input_bits": 4, "edge_hidden_units": 3, "initial_fraction_bits": 3, "input_format": "fixed<4,1>"}
    built = keras.Sequential([keras.Input((4,)), LUTDense(5, seed=1, **shape), LUTDense(3, seed=2, **shape)])
    for layer in table_layers(built):
        layer.input_width.assign(np.full(layer.input_width.shape, 3.2))
    hold_widths(table_layers(built))
    return built


CODES = np.random.default_rng(0).integers(-8, 8, (500, 4))


def network_of(model):
    return integer_network(model)


def luts(model):
    return estimate(network_of(model), DelayModel(2.5, "xcup")).luts


def without_some(model, gone):
    """Remove edges of the first layer."""
    network = network_of(model)
    marks = [np.zeros(x.shape, dtype=bool) for x in network.layers]
    for edge in gone:
        marks[0][edge] = True
    remove_edges(table_layers(model), network, marks=marks)


def test_removed_edge_leaves_nothing_and_returns_unchanged():
    shape = {"max_input_bits": 4, "edge_hidden_units": 3, "initial_fraction_bits": 8, "input_format": "fixed<4,1>"}
    built = keras.Sequential([keras.Input((4,)), LUTDense(5, seed=1, batch_norm=True, **shape)])
    (layer,) = table_layers(built)
    layer.input_width.assign(np.full(layer.input_width.shape, 3.0))
    layer.moving_mean.assign(np.random.default_rng(1).normal(size=layer.moving_mean.shape))
    hold_widths([layer])
    before = network_of(built)
    marks = [np.zeros(before.layers[0].shape, dtype=bool)]
    marks[0][[1, 3], [2, 0]] = True
    remove_edges([layer], before, marks=marks)
    np.testing.assert_array_equal(evaluate(network_of(built), CODES), evaluate(without(before, marks), CODES))
    assert (evaluate(before, CODES) != evaluate(without(before, marks), CODES)).any()
    layer.input_width.assign(widths_before(np.asarray(layer.input_width)))
    np.testing.assert_array_equal(evaluate(network_of(built), CODES), evaluate(before, CODES))


def test_removed_edge_returns_with_its_width_and_table(model):
    before, tables = network_of(model), table_layers(model)
    without_some(model, [(1, 2), (3, 0)])
    widths = np.asarray(tables[0].input_width)
    assert widths[1, 2] == NO_EDGE - 3.0
    assert network_of(model).layers[0].widths[1, 2] == 0
    np.testing.assert_array_equal(widths_before(widths), 3.0)
    without_some(model, [(1, 2)])
    assert np.asarray(tables[0].input_width)[1, 2] == NO_EDGE - 3.0, "removed twice, it is what it was"
    tables[0].input_width.assign(widths_before(widths))
    after = network_of(model)
    for a, b in zip(before.layers, after.layers, strict=True):
        np.testing.assert_array_equal(a.tables, b.tables)
        np.testing.assert_array_equal(a.bias, b.bias)


def test_growths_are_sorted_by_worth_and_change_nothing(model):
    whole, tables = network_of(model), table_layers(model)
    scores = saliency(whole, CODES)[0]
    gone = [tuple(np.argwhere(scores == s)[0]) for s in np.sort(scores[scores > 0])[:3]]
    without_some(model, gone)
    before = [np.array(v) for v in model.variables if v.name in ("input_width", "output_fraction")]
    candidates = growths(tables, lambda: network_of(model), codes=CODES)
    for a, b in zip(before, [v for v in model.variables if v.name in ("input_width", "output_fraction")], strict=True):
        np.testing.assert_array_equal(a, b)
    assert [g.worth for g in candidates] == sorted((g.worth for g in candidates), reverse=True)
    back = [g for g in candidates if g.variable is tables[0].input_width and g.index in gone]
    assert [g.index for g in back] == sorted(gone, key=lambda edge: -scores[edge])
    assert {g.value for g in back} == {3.0}
    wider = [g for g in candidates if g not in back]
    assert {g.value for g in wider} == {4.0}, "a bit more of address, or of fraction"
    assert not {g.index for g in wider if g.variable is tables[0].output_fraction} & set(gone)
    assert growths(tables, lambda: network_of(model), codes=CODES[:1].repeat(9, axis=0)) == [], "worth nothing"


def test_edges_that_training_gave_up_stay_away(model):
    first = table_layers(model)[0]
    widths = np.asarray(first.input_width).copy()
    widths[2, 2] = 0.0
    first.input_width.assign(widths)
    without_some(model, [])
    assert np.asarray(first.input_width)[2, 2] == NO_EDGE
    candidates = growths(table_layers(model), lambda: network_of(model), codes=CODES)
    assert not [g for g in candidates if g.variable is first.input_width and g.index == (2, 2)]


@pytest.mark.parametrize("share", [0.9, 1.1])
def test_a_model_is_filled_up_to_what_fits(model, share):
    """To less than what it was before edges went, and to more, for which widths must grow."""
    budget, tables = share * luts(model), table_layers(model)
    without_some(model, [(i, o) for i in range(4) for o in range(5) if (i + o) % 2])
    start = luts(model)
    assert start < 0.75 * budget
    grown = fill(
        growths(tables, lambda: network_of(model), codes=CODES),
        lambda: luts(model) <= budget,
        full=lambda: luts(model) > 0.98 * budget,
    )
    assert grown > 0
    assert 0.9 * budget < luts(model) <= budget


class Counted:
    """A variable of 40 widths of which the sum may be no more than `most`; looks are counted."""

    def __init__(self, most):
        self.values, self.most, self.looks = np.zeros(40), most, 0

    def __array__(self, dtype=None, copy=None):
        return self.values.copy()

    def assign(self, values):
        self.values = np.array(values)

    def fits(self):
        self.looks += 1
        return self.values.sum() <= self.most


def options(variable, sizes):
    return [Growth(1.0, variable, (n,), float(size)) for n, size in enumerate(sizes)]


def test_what_does_not_fit_is_passed_over_and_taken_back():
    variable = Counted(most=10)
    sizes = [1, 1, 50, 1, 1, 1, 50, 1]
    assert fill(options(variable, sizes), variable.fits, full=lambda: False) == 6
    assert variable.values[: len(sizes)].tolist() == [1, 1, 0, 1, 1, 1, 0, 1]
    assert not variable.values[len(sizes) :].any()


def test_filling_ends_when_it_is_full_or_after_so_many_looks():
    variable = Counted(most=100)
    assert fill(options(variable, [1] * 40), variable.fits, full=lambda: variable.values.sum() >= 3) == 3
    hopeless = Counted(most=0)
    assert fill(options(hopeless, [1] * 40) * 3, hopeless.fits, full=lambda: False) == 0
    assert hopeless.looks == MAX_EVALUATIONS
    assert not hopeless.values.any()
