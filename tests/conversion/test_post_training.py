"""Quantization after training: nearly the float model, and exact integers of the result."""

import keras
import numpy as np
import pytest
from converted import KIND, seq, unexplained
from hgq.layers import QDense

from trigger_lut.conversion.keras_model import integer_network
from trigger_lut.conversion.post_training import Widths, quantized_model
from trigger_lut.errors import FirmwareError

L = keras.layers


def nested():
    x = keras.Input((8,))
    encoder, shared = seq((8,), L.Dense(8, activation="relu"), L.Dense(8)), L.Dense(8)
    return keras.Model(x, L.Dense(3)(L.Add()([shared(encoder(x)), shared(x)])))


def functional(shape, *layers):
    x = y = keras.Input(shape)
    for layer in layers:
        y = layer(y)
    return keras.Model(x, y)


MODELS = {
    "dense": lambda: seq((8,), L.Dense(16, activation="relu"), L.Dense(8, activation="tanh"), L.Dense(3)),
    "folded": lambda: seq(
        (8,), L.BatchNormalization(), L.Dense(8, use_bias=False), L.BatchNormalization(), L.ReLU(), L.Dense(3)
    ),
    "convolution": lambda: seq(
        (6, 6, 2),
        L.Conv2D(4, 3, use_bias=False),
        L.BatchNormalization(),
        L.LeakyReLU(),
        L.DepthwiseConv2D(2),
        L.MaxPooling2D(2),
        L.Flatten(),
        L.Dense(3),
    ),
    "separable": lambda: seq(
        (6, 4), L.SeparableConv1D(4, 3, activation="gelu"), L.GlobalAveragePooling1D(), L.Dense(3)
    ),
    "einsum": lambda: seq(
        (5, 4), L.EinsumDense("bnc,cd->bnd", (5, 4)), L.BatchNormalization(), L.ReLU(), L.Flatten(), L.Dense(3)
    ),
    "einsum with its units first": lambda: functional(
        (8,), L.EinsumDense("bc,dc->bd", 8, bias_axes="d"), L.BatchNormalization(), L.ReLU(), L.Dense(3)
    ),
    "einsum with an ellipsis": lambda: functional(
        (3, 4), L.EinsumDense("...c,cd->...d", 4, activation="relu", bias_axes="d"), L.Flatten(), L.Dense(3)
    ),
    "causal": lambda: seq((6, 2), L.Conv1D(4, 2, padding="causal", dilation_rate=2), L.Flatten(), L.Dense(3)),
    "nested and shared": nested,
    "with a layer of HGQ2": lambda: seq((8,), L.Dense(8, activation="relu"), QDense(3)),
}


def trained(name):
    """Return a model whose batch normalizations have statistics, and its inputs."""
    keras.utils.set_random_seed(1)
    model, rng = MODELS[name](), np.random.default_rng(0)
    x = rng.normal(size=(1000, *model.inputs[0].shape[1:])).astype("f4")
    for layer in model.layers:
        if isinstance(layer, L.BatchNormalization):
            layer.set_weights([rng.uniform(0.5, 1.5, w.shape) for w in layer.get_weights()])
    return model, x


@pytest.mark.parametrize("name", MODELS)
def test_quantized_model_is_near_the_float_model_and_exact(name):
    model, x = trained(name)
    quantized = quantized_model(model, x[:500], widths=Widths())
    expected, actual = np.asarray(model(x)), np.asarray(quantized(x))
    assert np.abs(actual - expected).max() < 0.06 * np.abs(expected).max()
    assert (actual.argmax(axis=1) == expected.argmax(axis=1)).mean() > 0.96
    assert unexplained(quantized) == 0
    if name == "folded":
        assert sum(type(layer).__name__ == "BatchNormalization" for layer in quantized.layers) == 1


def test_more_bits_are_nearer():
    model, x = trained("dense")
    expected = np.asarray(model(x))
    errors = [
        np.abs(np.asarray(quantized_model(model, x, widths=Widths(bits, bits))(x)) - expected).mean()
        for bits in (3, 6, 9)
    ]
    assert errors[0] > 3 * errors[1] > 9 * errors[2]


def test_float_model_stays_as_it_is():
    model, x = trained("nested and shared")
    before, calls = np.asarray(model(x)), [len(layer._inbound_nodes) for layer in model.layers[1:]]
    quantized_model(model, x, widths=Widths())
    np.testing.assert_array_equal(np.asarray(model(x)), before)
    assert [len(layer._inbound_nodes) for layer in model.layers[1:]] == calls


def test_quantized_model_is_saved_and_trained_further(tmp_path):
    model, x = trained("dense")
    quantized = quantized_model(model, x, widths=Widths(4, 4))
    quantized.save(tmp_path / "q.keras")
    loaded = keras.models.load_model(tmp_path / "q.keras", compile=False)
    np.testing.assert_array_equal(np.asarray(loaded(x)), np.asarray(quantized(x)))
    target = np.asarray(model(x))
    error = np.abs(np.asarray(quantized(x)) - target).mean()
    quantized.compile(keras.optimizers.Adam(1e-3), "mae")
    quantized.fit(x, target, epochs=5, batch_size=50, verbose=0)
    assert np.abs(np.asarray(quantized(x)) - target).mean() < error


def test_layer_without_quantized_form_is_named_by_the_conversion():
    model = seq((3, 2), L.LSTM(2, name="memory"), L.Dense(2))
    quantized = quantized_model(model, np.zeros((4, 3, 2), dtype="f4"), widths=Widths())
    with pytest.raises(FirmwareError, match="layer 'memory' is a LSTM: recurrent"):
        integer_network(quantized, inputs=[KIND] * 6, wraps=True)


def test_inputs_by_name_are_those_of_the_model():
    a, b = keras.Input((3,), name="a"), keras.Input((2,), name="b")
    model = keras.Model({"b": b, "a": a}, L.Dense(2)(L.Concatenate()([b, a])))
    sample = {"a": np.random.default_rng(0).normal(size=(50, 3)), "b": np.ones((50, 2))}
    quantized = quantized_model(model, sample, widths=Widths(15, 15))
    np.testing.assert_allclose(np.asarray(quantized(sample)), np.asarray(model(sample)), atol=1e-3)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_refused(value):
    model = seq((2,), L.Dense(2), QDense(2))
    model.layers[1].kernel.assign([[1, value], [2, 3]])
    with pytest.raises(FirmwareError, match=r"weight '.*kernel': 1 of 4 values are not finite"):
        quantized_model(model, np.zeros((4, 2), dtype="f4"), widths=Widths())
    with pytest.raises(FirmwareError, match=r"weight '.*kernel': 1 of 4 values are not finite"):
        integer_network(model, inputs=[KIND] * 2, wraps=True)


def test_graph_that_cannot_be_copied_is_refused():
    model = seq((2, 3, 3), L.Conv2D(2, 2, data_format="channels_first", name="first"))
    with pytest.raises(FirmwareError, match="layer 'first': data_format 'channels_first'"):
        quantized_model(model, np.zeros((4, 2, 3, 3), dtype="f4"), widths=Widths())
