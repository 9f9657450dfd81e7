"""`LUTDense` as an ordinary Keras layer, and its gradients against the same network evaluated for every event."""

import math

import keras
import numpy as np
import pytest
from per_event import both, scatter, values, wrong

from trigger_lut.conversion.lut_layers import to_integer_layers
from trigger_lut.fixed_point.formats import parse_fixed
from trigger_lut.layers import LUTDense

FORMATS = ["fixed<6,3>", "ufixed<5,2>", "fixed<9,1>", "ufixed<4,-1>"]
MAX_BITS = 6


def scattered(units=3, batch_norm=False, seed=1, **more):
    """A layer with widths and fractions as if trained, some of them out of range."""
    layer = LUTDense(
        units,
        batch_norm=batch_norm,
        input_format=FORMATS,
        max_input_bits=MAX_BITS,
        edge_hidden_units=4,
        seed=seed,
        **more,
    )
    return scatter(layer, (len(FORMATS),), seed)


def events(n=300, seed=0, beyond=0.3):
    """(n, C_in) float32 real values: off the grid, and some beyond the range of their format."""
    return values(FORMATS, (), n, seed, beyond)


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("batch_norm", [False, True])
def test_values_and_gradients_equal_those_event_by_event(batch_norm, seed):
    layer = scattered(batch_norm=batch_norm, seed=seed)
    y, expected, ours, theirs = both(layer, events())
    np.testing.assert_array_equal(y, expected)
    names = {"w1", "b1", "w2", "bias", "input_width", "output_fraction"} | ({"gamma"} if batch_norm else set())
    assert set(ours) == names | {"x"}
    assert wrong(ours, {name: theirs[name] for name in names}) == []


@pytest.mark.parametrize("batch_norm", [False, True])
def test_gradient_to_the_input_is_the_slope_at_the_bin_center(batch_norm):
    """With batch normalization the moments count as constants for the input, as for a single event of a large batch."""
    _, _, ours, theirs = both(scattered(batch_norm=batch_norm), x := events(), held_statistics=True)
    scale = np.abs(theirs["x"]).max(axis=0)
    assert (scale > 0).all()
    np.testing.assert_allclose(ours["x"] / scale, theirs["x"] / scale, atol=1e-5)
    beyond = np.stack([(x[:, i] < k.lo * k.step) | (x[:, i] >= (k.hi + 1) * k.step) for i, k in formats()], axis=1)
    assert beyond.any(axis=0).all()
    assert (np.asarray(ours["x"])[beyond] == 0).all()
    assert (np.asarray(ours["x"])[~beyond] != 0).mean() > 0.9


def formats():
    return enumerate(parse_fixed(text) for text in FORMATS)


def test_a_wrong_weight_is_seen_by_the_comparison():
    """Negative control of the comparison: another w1 in one of the two gives other values and other gradients."""
    layer = scattered()
    y, _, ours, _ = both(layer, events())
    layer.w1.assign(layer.w1 * 1.05)
    _, expected, _, theirs = both(layer, events())
    assert (y != expected).any()
    assert "w1" in wrong(ours, theirs)


# ---------------------------------------------------------------- the grid


def test_outputs_lie_on_their_power_of_two_grid():
    layer = scattered(units=4)
    y = np.asarray(layer(events(1000)), dtype=np.float64)
    (form,) = to_integer_layers(layer)
    for o, f in enumerate(form.fraction_bits):
        scaled = y[:, o] * 2.0 ** float(f)
        assert (scaled == np.round(scaled)).all()
        assert (scaled / 2 != np.round(scaled / 2)).any(), "the fraction is the smallest that holds the outputs"


def test_input_is_rounded_down_and_saturated():
    """TRN: everything from one grid point up to the next reads the same entry. SAT: beyond the range, the last one."""
    layer = LUTDense(2, input_format="fixed<5,2>", seed=3)
    layer.build((None, 1))
    kif = parse_fixed("fixed<5,2>")
    grid = np.arange(kif.lo, kif.hi + 1) * kif.step
    exact = np.asarray(layer(grid[:, None]))
    np.testing.assert_array_equal(layer(grid[:, None] + 0.999 * kif.step), exact)
    np.testing.assert_array_equal(layer(np.array([[-99.0], [99.0]])), exact[[0, -1]])
    assert (np.diff(exact, axis=0) != 0).any(axis=1).all(), "neighboring codes differ here, so rounding up would show"


def test_pruned_edges_give_the_same_output_for_every_input():
    layer = scattered(batch_norm=False)
    layer.input_width.assign(np.where(np.arange(4)[:, None] == 2, -1.0, 3.0) * np.ones((4, 3)))
    x = events(50)
    moved = x.copy()
    moved[:, 2] = -x[:, 2]
    np.testing.assert_array_equal(layer(x), layer(moved))
    moved[:, 1] = 3.0 - x[:, 1]
    assert (np.asarray(layer(x)) != np.asarray(layer(moved))).any()


# ---------------------------------------------------------------- Keras


def classes(n=2000, seed=0):
    """Events of three classes that no linear function of the inputs separates."""
    x = events(n, seed, beyond=0.0)
    r = np.abs(x[:, 0]) + 2 * np.abs(x[:, 1] - 2)
    return x, np.digitize(r, [3.0, 5.0])


def compiled(layers, jit_compile=False):
    model = keras.Sequential([keras.Input((4,)), *layers])
    model.compile(
        keras.optimizers.Adam(0.02),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=jit_compile,
    )
    return model


def sequential(seed=5):
    small = {"max_input_bits": MAX_BITS, "edge_hidden_units": 4}
    return compiled(
        [
            # Few steps are taken here, so the moving statistics must follow quickly.
            LUTDense(6, batch_norm=True, input_format=FORMATS, momentum=0.9, seed=seed, **small),
            LUTDense(3, seed=seed + 1, **small),
        ]
    )


@pytest.fixture(scope="module")
def fitted():
    """A model after a few epochs of plain model.fit, and its history."""
    keras.utils.set_random_seed(1)  # of the shuffling
    model = sequential()
    x, y = classes()
    history = model.fit(x, y, batch_size=200, epochs=12, verbose=0).history
    return model, history


def test_fit_learns_a_function_that_is_not_linear(fitted):
    model, history = fitted
    x, y = classes(seed=1)
    loss, accuracy = model.evaluate(x, y, verbose=0)
    assert history["loss"][-1] < 0.5 * history["loss"][0]
    assert accuracy > 0.85 > 1.3 * np.bincount(y).max() / len(y)
    assert loss < 0.5 * history["loss"][0]


def test_predict_is_the_model_called(fitted):
    model, _ = fitted
    x = events(100)
    np.testing.assert_array_equal(model.predict(x, verbose=0), model(x))
    np.testing.assert_array_equal(model.predict(x, batch_size=7, verbose=0), model(x))


def test_saved_model_is_the_same_bit_for_bit(fitted, tmp_path):
    model, _ = fitted
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    x = events(500)
    np.testing.assert_array_equal(loaded(x), model(x))
    assert len(loaded.variables) == len(model.variables)
    for ours, theirs in zip(loaded.variables, model.variables, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    loaded.layers[0].w2.assign(loaded.layers[0].w2 * 1.1)
    assert (np.asarray(loaded(x)) != np.asarray(model(x))).any(), "another weight would have shown"


def test_loaded_model_goes_on_training(fitted, tmp_path):
    model, history = fitted
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    x, y = classes()
    loss = loaded.fit(x, y, batch_size=200, epochs=1, verbose=0).history["loss"][0]
    assert loss < 0.5 * history["loss"][0], "it does not start anew"
    assert any((np.asarray(a) != np.asarray(b)).any() for a, b in zip(loaded.weights, model.weights, strict=True))


def test_weights_saved_alone_load_into_another_model(fitted, tmp_path):
    model, _ = fitted
    model.save_weights(tmp_path / "model.weights.h5")
    other = sequential(seed=77)
    x = events(100)
    assert (np.asarray(other(x)) != np.asarray(model(x))).any()
    other.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_array_equal(other(x), model(x))


def test_set_weights_gives_the_other_models_outputs(fitted):
    model, _ = fitted
    other = sequential(seed=78)
    other.set_weights(model.get_weights())
    np.testing.assert_array_equal(other(events(100)), model(events(100)))


def test_xla_and_plain_graph_give_the_same():
    """The same steps with and without jit_compile: equal to float rounding."""
    x, y = classes(400)
    outcomes = []
    for jit_compile in (False, True):
        layer = LUTDense(3, batch_norm=True, input_format=FORMATS, max_input_bits=MAX_BITS, seed=1)
        model = compiled([layer], jit_compile)
        assert model.jit_compile == jit_compile
        loss = model.fit(x, y, batch_size=200, epochs=1, shuffle=False, verbose=0).history["loss"][0]
        outcomes.append((loss, model.predict(x, verbose=0)))
    assert outcomes[0][0] == pytest.approx(outcomes[1][0], rel=1e-4)
    assert (np.abs(outcomes[0][1] - outcomes[1][1]) > 1e-5).mean() < 0.01


def test_functional_model():
    inputs = keras.Input((4,))
    tables = LUTDense(3, input_format=FORMATS, seed=1)(inputs)
    outputs = keras.layers.Softmax()(keras.layers.Add()([tables, keras.layers.Dense(3)(inputs)]))
    model = keras.Model(inputs, outputs)
    assert model.output_shape == (None, 3)
    model.compile("adam", "sparse_categorical_crossentropy", jit_compile=False)
    x, y = classes(200)
    assert np.isfinite(model.fit(x, y, verbose=0).history["loss"][0])
    np.testing.assert_allclose(model.predict(x, verbose=0).sum(axis=1), 1.0, rtol=1e-5)


@pytest.mark.parametrize("batch_norm", [False, True])
def test_weights_are_counted(batch_norm):
    layer = scattered(units=3, batch_norm=batch_norm)
    edges, hidden = 4 * 3, 4
    assert layer.count_params() - sum(math.prod(v.shape) for v in layer.non_trainable_variables) == (
        3 * edges * hidden + 2 * edges + 3 + (3 if batch_norm else 0)
    )
    names = {v.name for v in layer.trainable_variables}
    assert names == {"w1", "b1", "w2", "bias", "input_width", "output_fraction"} | ({"gamma"} if batch_norm else set())


def test_configuration_round_trip():
    layer = scattered(batch_norm=True, initial_fraction_bits=4, momentum=0.8, name="tables")
    again = LUTDense.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    assert (again.units, again.batch_norm, again.input_format, again.max_input_bits) == (3, True, FORMATS, MAX_BITS)
    assert (again.edge_hidden_units, again.initial_fraction_bits, again.momentum, again.seed, again.name) == (
        4,
        4,
        0.8,
        1,
        "tables",
    )
    again.build((None, 4))
    fresh = LUTDense.from_config(layer.get_config())
    fresh.build((None, 4))
    np.testing.assert_array_equal(again.w1, fresh.w1)


def test_same_seed_same_tables_another_seed_others():
    def table(seed):
        layer = LUTDense(3, input_format=FORMATS, seed=seed)
        layer.build((None, 4))
        layer.refresh()
        return np.asarray(layer.table)

    np.testing.assert_array_equal(table(1), table(1))
    assert (table(1) != table(2)).any()


def test_without_a_seed_the_global_one_decides():
    def weights(seed):
        keras.utils.set_random_seed(seed)
        layer = LUTDense(2)
        layer.build((None, 3))
        return np.asarray(layer.w1)

    np.testing.assert_array_equal(weights(5), weights(5))
    assert (weights(5) != weights(6)).any()


def test_batch_statistics_reach_inference():
    """Moving moments come from the batches: after many steps on one batch, inference gives what training gave."""
    layer = scattered(batch_norm=True, momentum=0.5)
    x = events(400)
    first = np.asarray(layer(x))
    for _ in range(30):
        trained = np.asarray(layer(x, training=True))
    np.testing.assert_allclose(np.asarray(layer(x)), trained, atol=2 * len(FORMATS) * 2.0**-1 / 8)
    assert (np.abs(np.asarray(layer(x)) - trained) > 1e-6).mean() < 0.02
    assert (np.abs(first - trained) > 1e-6).mean() > 0.5
    # Each edge's mean is zero and the sum over edges has unit variance times gamma, up to rounding.
    spread = trained.std(axis=0) / np.asarray(layer.gamma)
    assert (spread > 0.5).all()
    assert (spread < 2.0).all()
