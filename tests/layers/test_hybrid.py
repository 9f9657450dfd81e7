"""Layers of tables and HGQ2's arithmetic layers in one model, in any order: training, saving, and gradients across."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from hgq.config import QuantizerConfigScope
from hgq.layers import QAdd, QConv1D, QConv2D, QDense, QGlobalAveragePooling2D, QMaxPooling1D
from hybrids import FORMAT, particles
from per_event import values

from trigger_lut.fixed_point.formats import parse_fixed
from trigger_lut.layers import LUTConv1D, LUTConv2D, LUTDense


def sequence():
    x = keras.Input((8, 2))
    h = LUTConv1D(3, 2, padding="same", input_format=FORMAT, seed=1)(QConv1D(3, 3)(x))
    h = keras.layers.Flatten()(QMaxPooling1D(2)(h))
    return keras.Model(x, LUTDense(1, seed=2)(h))


def image():
    x = keras.Input((4, 5, 1))
    h = QConv2D(2, 2)(LUTConv2D(2, (2, 3), input_format=FORMAT, padding="same", seed=1)(x))
    h = QGlobalAveragePooling2D()(LUTConv2D(3, 2, seed=2)(h))
    return keras.Model(x, LUTDense(1, seed=3)(h))


def branches():
    x, event = keras.Input((4,)), keras.Input((6,))
    joined = QAdd()([LUTDense(4, input_format=FORMAT, seed=1)(x), QDense(4)(event)])
    cut = keras.layers.Reshape((2, 2))(joined[:, ::-1])
    cut = keras.layers.Flatten()(LUTDense(2, batch_norm=True, seed=2)(cut[:, :1]))
    joined = keras.layers.Concatenate()([cut, LUTDense(2, input_format=FORMAT, seed=3)(event[:, :3])])
    return keras.Model([x, event], QDense(1)(LUTDense(3, seed=4)(joined)))


def data_of(model, n=96):
    """Real values for each input of the model; alone where there is one."""
    x = [values([FORMAT] * i.shape[-1], i.shape[1:-1], n, seed, beyond=-0.2) for seed, i in enumerate(model.inputs)]
    return x if len(x) > 1 else x[0]


@pytest.mark.parametrize(
    ("make", "jit_compile"),
    [
        pytest.param(particles, False, marks=pytest.mark.soak),
        (sequence, True),
        pytest.param(image, False, marks=pytest.mark.soak),
        (branches, True),
    ],
)
def test_trained_saved_and_loaded(make, jit_compile, tmp_path):
    keras.utils.set_random_seed(1)
    model = make()
    x = data_of(model)
    y = sum(np.sin(part).reshape(len(part), -1).mean(axis=1) for part in (x if isinstance(x, list) else [x]))[:, None]
    model.compile(keras.optimizers.Adam(0.02), "mse", jit_compile=jit_compile)
    watched = [v for v in model.trainable_variables if v.name in ("w1", "b1", "w2", "kernel", "bias")]
    assert len({v.path.split("/")[-2] for v in watched}) == sum(bool(layer.weights) for layer in model.layers) - sum(
        layer.name.startswith(("q_add", "q_sum", "q_max", "q_global")) for layer in model.layers
    ), "weights of every layer are watched"
    before = [np.array(v) for v in watched]
    first, *_, last = model.fit(x, y, batch_size=32, epochs=6, verbose=0).history["loss"]
    assert last < first
    still = [v.path for v, was in zip(watched, before, strict=True) if (np.array(v) == was).all()]
    assert still == [], "every weight is reached by gradients"
    model.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    expected = model.predict(x, verbose=0)
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), expected)
    table = next(layer.table for layer in loaded.layers if hasattr(layer, "table"))
    table.assign(np.asarray(table) + 0.5)
    assert (loaded.predict(x, verbose=0) != expected).any(), "another table would have shown"


# ---------------------------------------------------------------- gradients across the border

WIDE = "fixed<12,3>"
TOLERANCE = 0.02  # of the largest gradient to a variable: bins are 2**-9 wide, and slopes vary over a bin
STEP = 1e-5


def in_turn(tables_first):
    """Four layers, tables and arithmetic in turn, in formats so wide that rounding hardly shows."""
    tables = [
        LUTDense(n, input_format=WIDE, max_input_bits=12, initial_fraction_bits=12, edge_hidden_units=2, seed=n)
        for n in (4, 3)
    ]
    with QuantizerConfigScope(default_q_type="kif", i0=5, f0=16, overflow_mode="SAT"):
        dense = [QDense(n, beta0=0.0, kernel_initializer=keras.initializers.RandomNormal(0.0, 0.5, n)) for n in (3, 2)]
    pairs = zip(tables, dense, strict=True) if tables_first else zip(dense, tables, strict=True)
    return keras.Sequential([keras.Input((3,)), *itertools.chain(*pairs)])


def unquantized(model, arrays, x):
    """The same function in float64 without any rounding; arrays: weights by layer and name."""
    for layer in model.layers:
        w = arrays[layer.name]
        if isinstance(layer, LUTDense):
            kif = parse_fixed(WIDE)
            u = (x - kif.lo * kif.step) / ((kif.hi + 1 - kif.lo) * kif.step / 2) - 1.0
            hidden = np.tanh(u[:, :, None, None] * w["w1"] + w["b1"])
            x = (hidden * w["w2"]).sum(axis=(1, 3)) + w["bias"]
        else:
            x = x @ w["kernel"] + w["bias"]
    return x


def differences(model, arrays, x, upstream, array):
    """Central finite differences of the summed outputs with respect to one of the arrays, in place."""
    gradients = np.zeros(array.shape)
    for index in np.ndindex(*array.shape):
        kept, ends = array[index], []
        for step in (STEP, -STEP):
            array[index] = kept + step
            ends.append((unquantized(model, arrays, x) * upstream).sum())
        array[index] = kept
        gradients[index] = (ends[0] - ends[1]) / (2 * STEP)
    return gradients


@pytest.mark.parametrize("tables_first", [True, False])
def test_gradients_pass_from_tables_to_arithmetic_and_back(tables_first):
    model = in_turn(tables_first)
    names = ("w1", "b1", "w2", "kernel", "bias")
    variables = {
        layer.name: {v.name: v for v in layer.trainable_variables if v.name in names} for layer in model.layers
    }
    rng = np.random.default_rng(3)
    for by_name in variables.values():
        by_name["bias"].assign(rng.normal(0.0, 0.2, by_name["bias"].shape))
    x = rng.uniform(-2.0, 2.0, (12, 3))
    upstream = rng.normal(size=(12, model.output_shape[-1]))
    given = tf.constant(x, tf.float32)
    flat = [v for by_name in variables.values() for v in by_name.values()]
    with tf.GradientTape() as tape:
        tape.watch(given)
        y = model(given, training=True)
        loss = tf.reduce_sum(y * upstream.astype(np.float32))
    ours = tape.gradient(loss, [given, *(v.value for v in flat)])

    arrays = {layer: {n: np.array(v, np.float64) for n, v in by_name.items()} for layer, by_name in variables.items()}
    np.testing.assert_allclose(y, unquantized(model, arrays, x), atol=0.02)
    checked = [x, *(a for by_name in arrays.values() for a in by_name.values())]
    expected = [differences(model, arrays, x, upstream, a) for a in checked]

    def disagreeing():
        sizes = [np.abs(e).max() for e in expected]
        assert min(sizes) > 0
        return [
            n
            for n, (g, e, s) in enumerate(zip(ours, expected, sizes, strict=True))
            if np.abs(g - e).max() > TOLERANCE * s
        ]

    assert disagreeing() == []
    # Negative control: the last layer's weights differ by a tenth, so that all gradients before it do.
    last = arrays[model.layers[-1].name]
    last["w2" if "w2" in last else "kernel"] *= 1.1
    expected = [differences(model, arrays, x, upstream, a) for a in checked]
    before_last = 1 + sum(len(by_name) for by_name in variables.values()) - len(last)
    assert disagreeing()[:before_last] == list(range(before_last))
