"""The compiled epoch on any Keras model: the steps of `model.fit`, and a cost that follows the graph of layers."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hgq.layers import QDense

from trigger_lut.layers import LUTDense
from trigger_lut.layers.soft_cost import EBOPS_TO_LUTS, Record, collecting, soft_levels, soft_luts, soft_saturation
from trigger_lut.training.losses import cross_entropy, squared_error
from trigger_lut.training.soft_cost import counting_layers, links_of, model_cost
from trigger_lut.training.trainer import Trainer
from trigger_lut.training.types import Pressure

SMALL = {"max_input_bits": 4, "edge_hidden_units": 3, "input_format": "fixed<4,2>"}


def tables(units, seed, **more):
    return LUTDense(units, seed=seed, **(SMALL | more))


def chain():
    return keras.Sequential([keras.Input((3,)), tables(4, 1, batch_norm=True), tables(2, 2)])


def branched():
    """Two paths from one layer, one of them longer and with arithmetic of HGQ2 in between."""
    inputs = keras.Input((3,))
    first = tables(3, 1, batch_norm=True, name="first")(inputs)
    longer = tables(3, 3, name="second")(QDense(3, name="arithmetic")(tables(3, 2, name="detour")(first)))
    return keras.Model(inputs, tables(2, 4, name="last")(keras.layers.Add()([first, longer])))


def places():
    """Layers at several places, weights shared, and a plain layer of Keras at the end."""
    inputs = keras.Input((4, 3))
    x = tables(3, 1, batch_norm=True)(inputs)
    return keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Flatten()(tables(2, 2)(x))))


def within_models():
    """A model within a model, whose graph is not followed."""
    return keras.Sequential([keras.Input((3,)), keras.Sequential([tables(4, 1), tables(3, 3)]), tables(2, 2)])


MODELS = [chain, branched, places, within_models]


def data(model, n=450):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, *model.input_shape[1:])).astype(np.float32)
    return x, (np.abs(x.reshape(n, -1)[:, 0]) > 0.7).astype(int), rng.permutation(n)


def narrowed(make):
    """At full width the address widths have no gradient."""
    keras.utils.set_random_seed(3)
    model = make()
    for variable in model.trainable_variables:
        if variable.name == "input_width":
            variable.assign(variable - 1.3)
    return model


@pytest.mark.parametrize("make", MODELS)
def test_steps_are_those_of_model_fit(make):
    """One epoch without pressure against Keras' Adam in `model.fit`."""
    ours, theirs, start = (narrowed(make) for _ in range(3))
    x, y, order = data(ours)
    trainer = Trainer(ours, x, y=y, batch_size=100)
    loss = trainer.epoch(order, Pressure(0.01, 0.01, 0.0, 0.0))
    for layer in counting_layers(theirs):
        layer._beta.assign(0.0)
    theirs.compile(
        keras.optimizers.Adam(0.01, beta_2=0.99, epsilon=1e-7),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=False,
        run_eagerly=True,  # nothing to compile but the layers' own forward
    )
    kept = order[:400]
    expected = theirs.fit(x[kept], y[kept], batch_size=100, shuffle=False, verbose=0).history["loss"][0]
    assert loss == pytest.approx(expected, rel=1e-3)
    moved = 0
    for variables in zip(*(m.trainable_variables for m in (ours, theirs, start)), strict=True):
        a, b, c = (np.asarray(v) for v in variables)
        moved += (a != c).any()
        assert (np.abs(a - b) > 1e-3).mean() < 0.05, variables[0].path
    assert moved >= len(ours.trainable_variables) - 2


def test_same_seed_and_order_give_the_same_bits():
    outcomes = []
    for _ in range(2):
        model = narrowed(chain)
        x, y, order = data(model)
        trainer = Trainer(model, x, y=y, batch_size=100)
        losses = [trainer.epoch(order, Pressure(0.01, 0.01, 0.1, 0.1)) for _ in range(2)]
        outcomes.append((losses, [np.asarray(v) for v in trainer.state()]))
    assert outcomes[0][0] == outcomes[1][0]
    for a, b in zip(outcomes[0][1], outcomes[1][1], strict=True):
        np.testing.assert_array_equal(a, b)


def test_steps_are_finite_wherever_they_start():
    """However XLA fuses: code that is not optimized, as here, rounds a number otherwise where it is computed again."""
    model = narrowed(branched)
    x, y, order = data(model, 100)
    trainer = Trainer(model, x, y=y, batch_size=100)
    starts = [np.asarray(v) for v in trainer.state()]
    for seed in range(100):
        rng = np.random.default_rng(seed)
        for variable, start in zip(trainer.state(), starts, strict=True):
            variable.assign(start)
        for variable in (*trainer.weights, *trainer.widths):
            variable.assign(np.asarray(variable) + rng.normal(0, 0.5, variable.shape).astype(np.float32))
        trainer.epoch(order, Pressure(0.01, 0.01, 0.1, 0.1))
        for variable in (*trainer.weights, *trainer.widths):
            assert np.isfinite(np.asarray(variable)).all(), (seed, variable.path)


# ---------------------------------------------------------------- cost


def recorded(model):
    x, _, _ = data(model)
    with collecting() as records:
        model(x, training=True)
    return records


def test_cross_entropy_is_the_weighted_mean_of_minus_log_p():
    rng = np.random.default_rng(2)
    scores, labels = rng.normal(size=(50, 4)), rng.integers(0, 4, 50)
    weights = rng.uniform(0, 3, 50).astype(np.float32)
    each = np.log(np.exp(scores).sum(axis=1)) - scores[np.arange(50), labels]
    plain = cross_entropy(tf.constant(labels, tf.int32), tf.constant(scores, tf.float32))
    heavy = cross_entropy(tf.constant(np.stack([labels, weights], 1), tf.float32), tf.constant(scores, tf.float32))
    np.testing.assert_allclose([float(plain), float(heavy)], [each.mean(), (weights * each).mean()], rtol=1e-5)


def test_squared_error_is_weighted_mean_over_events_and_targets():
    rng = np.random.default_rng(3)
    outputs, aims = rng.normal(size=(40, 3)), rng.normal(size=(40, 3))
    weights = rng.uniform(0, 3, 40)
    each = ((outputs - aims) ** 2).mean(axis=1)
    plain = squared_error(tf.constant(aims, tf.float32), tf.constant(outputs, tf.float32))
    heavy = squared_error(tf.constant(np.column_stack([aims, weights]), tf.float32), tf.constant(outputs, tf.float32))
    np.testing.assert_allclose([float(plain), float(heavy)], [each.mean(), (weights * each).mean()], rtol=1e-5)


def test_cost_of_a_chain_is_the_sum_over_its_layers():
    model = narrowed(chain)
    one, two = records = recorded(model)
    luts, levels = model_cost(records, links_of(model, model.layers), ebops=0.0)
    (edges1, present1), (edges2, present2) = soft_luts(one.table, one.m, f=one.f), soft_luts(two.table, two.m, f=two.f)
    assert float(luts) == pytest.approx(1 + float(tf.reduce_sum(edges1)) + float(tf.reduce_sum(edges2)), rel=1e-5)
    lo, hi = two.layer.limits()
    between = soft_saturation(one.table, tf.convert_to_tensor(one.layer.bias), lowest=lo, highest=hi)
    assert float(between) > 0.01
    expected = soft_levels(present1) + soft_levels(present2) + between
    assert float(levels) == pytest.approx(float(expected), rel=1e-5)
    doubled = [Record(r.layer, r.table, r.m, r.f, 2 * r.n_positions) for r in records]
    assert float(model_cost(doubled, None, ebops=0.0)[0]) == pytest.approx(2 * float(luts) - 1, rel=1e-5)


def test_places_are_counted():
    model = narrowed(places)
    assert [r.n_positions for r in recorded(model)] == [4, 4]


def test_depth_is_that_of_the_longest_path():
    model = narrowed(branched)
    by_name = {layer.name: layer for layer in model.layers}
    names = ("first", "detour", "second", "last")
    links = links_of(model, [by_name[n] for n in names])
    sources = {n: {(x.name, direct) for x, direct in links[id(by_name[n])]} for n in names}
    assert sources == {
        "first": set(),
        "detour": {("first", True)},
        "second": {("detour", False)},
        "last": {("first", False), ("second", False)},
    }
    records = recorded(model)
    own = {r.layer.name: float(soft_levels(soft_luts(r.table, r.m, f=r.f)[1])) for r in records}
    first = next(r for r in records if r.layer.name == "first")
    bias = tf.convert_to_tensor(first.layer.bias)
    lo, hi = by_name["detour"].limits()
    between = float(soft_saturation(first.table, bias, lowest=lo, highest=hi))
    assert float(model_cost(records, links, ebops=0.0)[1]) == pytest.approx(sum(own.values()) + between, rel=1e-5)
    without = {**links, id(by_name["last"]): [(by_name["first"], False)]}
    assert float(model_cost(records, without, ebops=0.0)[1]) < sum(own.values())


def test_models_within_models_are_taken_as_chains():
    model = narrowed(within_models)
    records = recorded(model)
    x, y = data(model)[:2]
    trainer = Trainer(model, x, y=y, batch_size=100)
    assert trainer.links is None
    assert len(trainer.layers) == len(records) == 3


def of_hgq2():
    """A trainer of a layer of HGQ2, its model, inputs, and an order of events."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((3,))
    model = keras.Model(inputs, QDense(2)(inputs))
    x, y, order = data(model)
    return Trainer(model, x, y=y, batch_size=100), model, x, order


def test_ebops_of_hgq2_count_and_are_pressed_down():
    trainer, model, x, order = of_hgq2()
    (layer,) = counting_layers(model)
    assert float(layer.beta) == 0.0

    def cost():
        _, luts, levels, penalties = trainer._forward(tf.constant(x[:100]))
        assert float(levels) == 0.0
        assert float(penalties) < 1e-3, "no penalty but that of the controller"
        return float(luts)

    before = cost()
    assert before == pytest.approx(1 + EBOPS_TO_LUTS * float(layer.ebops), rel=1e-5)
    assert before > 10
    bits = list(trainer.widths)
    assert {v.name for v in bits} <= {"b", "f", "i"}
    assert len(bits) >= 3
    initial_bits = [np.asarray(v) for v in bits]
    trainer.epoch(order, Pressure(0.01, 0.0, 1.0, 0.0))
    for v, value in zip(bits, initial_bits, strict=True):
        np.testing.assert_array_equal(v, value, err_msg="a rate of zero holds the widths")
    for _ in range(20):
        trainer.epoch(order, Pressure(0.01, 0.05, 1.0, 0.0))
    assert cost() < 0.7 * before


def test_widths_of_hgq2_stay_without_pressure():
    """Negative control of the test above: it is the pressure that narrows."""
    trainer, _, x, order = of_hgq2()
    before = float(trainer._forward(tf.constant(x[:100]))[1])
    for _ in range(20):
        trainer.epoch(order, Pressure(0.01, 0.05, 0.0, 0.0))
    assert float(trainer._forward(tf.constant(x[:100]))[1]) > 0.7 * before
