"""Convolutions of tables: which values each place reads, against Keras' convolutions and against explicit loops."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from per_event import check, places_of, scatter, values

from trigger_lut.errors import ConfigurationError
from trigger_lut.layers import LUTConv1D, LUTConv2D, LUTDense

WINDOWS_1D = [
    # length, kernel_size, strides, padding, dilation_rate
    (7, 3, 1, "valid", 1),
    (7, 2, 2, "valid", 1),
    (7, 3, 1, "valid", 3),
    (7, 3, 1, "same", 1),
    (7, 2, 1, "same", 1),
    (8, 4, 3, "same", 1),
    (8, 3, 2, "same", 1),
    (6, 4, 1, "same", 2),
    (2, 5, 1, "same", 1),
    (5, 1, 3, "same", 1),
]
WINDOWS_2D = [
    ((5, 4), (3, 2), 1, "valid", 1),
    ((5, 4), (2, 3), (2, 1), "same", 1),
    ((6, 5), (2, 2), 1, "same", (3, 2)),
    ((6, 7), 3, 2, "same", 1),
    ((6, 7), (4, 1), (3, 2), "valid", 1),
]
WINDOWS = [(LUTConv1D, (length,), *rest) for length, *rest in WINDOWS_1D] + [(LUTConv2D, *w) for w in WINDOWS_2D]


def sites_of_keras(layer, input_shape):
    """Sites as Keras' convolution has them: it moves numbers through a kernel that copies each value that it reads."""
    size, channels = int(np.prod(input_shape)), input_shape[-1]
    numbers = np.arange(1, size + 1, dtype=np.float32).reshape(1, *input_shape)  # 0 is left for padding
    c_in = int(np.prod(layer.kernel_size)) * channels
    kernel = np.eye(c_in, dtype=np.float32).reshape(*layer.kernel_size, channels, c_in)
    options = {"strides": layer.strides, "padding": layer.padding, "dilation_rate": layer.dilation_rate}
    moved = np.asarray(keras.ops.conv(numbers, kernel, data_format="channels_last", **options))
    return moved.shape[1:-1], np.round(moved).astype(np.int64).reshape(-1, c_in) - 1


@pytest.mark.parametrize("window", WINDOWS, ids=str)
def test_places_read_what_those_of_keras_read(window):
    cls, axes, kernel_size, strides, padding, dilation_rate = window
    layer = cls(2, kernel_size, strides, padding, dilation_rate)
    shape = (*axes, 2)
    out, expected = sites_of_keras(layer, shape)
    gather_index = layer.gather_index((None, *shape))
    assert gather_index.dtype == np.int64
    np.testing.assert_array_equal(gather_index, expected)
    assert layer.compute_output_shape((None, *shape)) == (None, *out, 2)
    other = cls(2, kernel_size, strides, padding, dilation_rate)
    other.strides = tuple(s + 1 for s in layer.strides)
    if len(expected) > 1:
        assert not np.array_equal(other.gather_index((None, *shape)), expected), "another stride reads other values"


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_strides_and_dilation_go_together(padding):
    """Options that Keras does not offer: compared with an explicit window."""
    layer = LUTConv1D(2, 3, strides=2, padding=padding, dilation_rate=2)
    before, count = (1, 4) if padding == "same" else (0, 2)  # 8 values, a window reaches over 5
    expected = [[s if 0 <= s < 8 else -1 for s in range(p * 2 - before, p * 2 - before + 5, 2)] for p in range(count)]
    np.testing.assert_array_equal(layer.gather_index((None, 8, 1)), expected)


def test_dense_reads_everything_in_order():
    np.testing.assert_array_equal(LUTDense(2).gather_index((None, 3)), [[0, 1, 2]])
    np.testing.assert_array_equal(LUTDense(2).gather_index((None, 2, 2, 3)), np.arange(12).reshape(4, 3))


@pytest.mark.parametrize("window", WINDOWS[1::3], ids=str)
def test_values_and_gradients_are_those_of_windows_written_out(window):
    cls, axes, *options = window
    formats = ["fixed<5,3>", "ufixed<4,2>"]
    layer = scatter(cls(2, *options, input_format=formats, batch_norm=True, edge_hidden_units=3, seed=1), (*axes, 2))
    check(layer, values(formats, axes, n=40))


def test_each_place_is_a_dense_layer_on_its_window():
    conv = scatter(LUTConv2D(3, (2, 3), padding="same", input_format="fixed<5,3>", seed=1), (3, 4, 2))
    dense = LUTDense(3, input_format="fixed<5,3>", seed=2)
    dense.build((None, 12))
    x = values(["fixed<5,3>"] * 2, (3, 4), n=50)
    windows = places_of(conv, tf.constant(x)).numpy()
    y = np.asarray(conv(x)).reshape(len(x), 12, 3)
    assert (np.asarray(dense(windows[:, 5])) != y[:, 5]).any(), "with weights of its own it differs"
    dense.set_weights(conv.get_weights())
    for place in range(12):
        np.testing.assert_array_equal(dense(windows[:, place]), y[:, place])


def test_padding_is_the_real_value_zero():
    """An image with a frame of zeros, read without padding, gives the same; a frame of ones does not."""
    options = {"input_format": "ufixed<5,2>", "seed": 1}
    same, valid = LUTConv2D(2, 3, padding="same", **options), LUTConv2D(2, 3, padding="valid", **options)
    x = values(["ufixed<5,2>"], (4, 4), n=20)
    y = np.asarray(same(x))
    np.testing.assert_array_equal(valid(np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))), y)
    framed = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=1.0)
    assert (np.asarray(valid(framed)) != y).any(axis=(0, 3)).tolist() == [
        [True] * 4,
        [True, False, False, True],
    ] * 1 + [
        [True, False, False, True],
        [True] * 4,
    ]


def test_xla_and_plain_graph_give_the_same():
    outcomes = []
    for jit_compile in (False, True):
        layer = LUTConv1D(2, 2, strides=2, padding="same", batch_norm=True, seed=1)
        model = keras.Sequential([keras.Input((5, 2)), layer, keras.layers.GlobalAveragePooling1D()])
        model.compile("adam", "mse", jit_compile=jit_compile)
        x = values(["fixed<8,3>"] * 2, (5,), n=64)
        loss = model.fit(x, x[:, 0], batch_size=32, shuffle=False, verbose=0).history["loss"][0]
        outcomes.append((loss, model.predict(x, verbose=0)))
    assert outcomes[0][0] == pytest.approx(outcomes[1][0], rel=1e-4)
    assert (np.abs(outcomes[0][1] - outcomes[1][1]) > 1e-5).mean() < 0.05


def test_a_convolution_of_tables_learns():
    """The number of edges in a row of bits: no linear function of them."""
    x = np.random.default_rng(0).integers(0, 2, (2000, 8, 1)).astype(np.float32)
    y = (np.diff(x[..., 0], axis=1) != 0).sum(axis=1)[:, None].astype(np.float32)
    first = LUTConv1D(4, 2, input_format="ufixed<1,1>", batch_norm=True, seed=1)
    layers = [first, LUTDense(1, input_format="fixed<6,3>", seed=2), keras.layers.GlobalAveragePooling1D()]
    model = keras.Sequential([keras.Input((8, 1)), *layers, keras.layers.Dense(1, name="count")])
    model.compile(keras.optimizers.Adam(0.03), "mse", jit_compile=True)
    keras.utils.set_random_seed(1)
    history = model.fit(x, y, batch_size=200, epochs=15, verbose=0).history["loss"]
    assert history[-1] < 0.3 * y.var()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LUTConv1D(0, 2), "LUTConv1D '.*': filters: expected an integer from 1 on, found 0"),
        (lambda: LUTConv1D(2, 0), "kernel_size: expected an integer from 1 on, found 0"),
        (lambda: LUTConv2D(2, (2, 2, 2)), r"kernel_size: expected an integer, or 2 of them, found \(2, 2, 2\)"),
        (
            lambda: LUTConv1D(2, 2, padding="sane"),
            "padding: expected one of valid, same, found 'sane'; nearest: 'same'",
        ),
        (lambda: LUTConv1D(2, 2, strides=1.5), r"strides: expected an integer from 1 on, found 1.5"),
        (lambda: LUTConv1D(2, 2).build((None, 5)), r"expected an input of shape \(N, L, C\).*found \(None, 5\)"),
        (lambda: LUTConv2D(2, 2).build((None, None, 5, 1)), r"\(N, H, W, C\) with all axes.*\(None, None, 5, 1\)"),
        (
            lambda: LUTConv1D(2, 3, dilation_rate=2).build((None, 4, 1)),
            r"at least \(5,\) \(kernel_size, dilated\).*found \(None, 4, 1\); padding='same' takes any",
        ),
    ],
)
def test_impossible_options_and_shapes_are_refused(make, message):
    with pytest.raises(ConfigurationError, match=message):
        make()
