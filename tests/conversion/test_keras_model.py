"""Keras, the saved model and the integers give the same numbers."""

import keras
import numpy as np
import pytest

from trigger_lut.conversion.keras_model import decode_outputs, integer_network
from trigger_lut.errors import ConfigurationError, FirmwareError
from trigger_lut.fixed_point.formats import decode
from trigger_lut.layers import LUTDense
from trigger_lut.network.reference_model import evaluate

FORMATS = ["fixed<6,2>", "ufixed<5,0>", "fixed<8,5>", "ufixed<4,-1>"]


def model_of(seed: int, batch_norm: bool) -> keras.Model:
    """A model with scattered widths, as if trained."""
    model = keras.Sequential(
        [
            keras.Input((4,)),
            LUTDense(6, batch_norm=batch_norm, input_format=FORMATS, max_input_bits=6, seed=seed),
            LUTDense(3, input_format="fixed<6,2>", seed=seed + 1),
        ]
    )
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        layer.input_width.assign(rng.uniform(-1, 6, layer.input_width.shape))
        layer.output_fraction.assign(rng.uniform(-1, 6, layer.output_fraction.shape))
        layer.bias.assign(rng.normal(size=layer.units))
        layer.w2.assign(layer.w2 * 4)
    return model


def codes_of(model: keras.Model, n: int = 3000) -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.stack([rng.integers(f.lo, f.hi + 1, n) for f in model.layers[0].formats], axis=1)


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_keras_and_the_integers_agree_bit_for_bit(seed, batch_norm, tmp_path):
    model = model_of(seed, batch_norm)
    network = integer_network(model)
    assert network.validate() == []
    codes = codes_of(model)
    x = np.stack([decode(codes[:, i], f) for i, f in enumerate(network.inputs)], axis=1)
    expected = decode_outputs(evaluate(network, codes), network)
    np.testing.assert_array_equal(model.predict(x, verbose=0), expected)
    model.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), expected)
    for a, b in zip(model.layers, loaded.layers, strict=True):
        np.testing.assert_array_equal(a.table, b.table)
    again = integer_network(loaded)
    for a, b in zip(network.layers, again.layers, strict=True):
        np.testing.assert_array_equal(a.tables, b.tables)


def test_a_changed_table_is_seen():
    model = model_of(0, False)
    network = integer_network(model)
    i, o = network.layers[-1].edges()[0]
    network.layers[-1].tables[i, o, 0] ^= 1
    codes = codes_of(model)
    x = np.stack([decode(codes[:, i], f) for i, f in enumerate(network.inputs)], axis=1)
    assert (model.predict(x, verbose=0) != decode_outputs(evaluate(network, codes), network)).any()


def test_unread_channels_are_pruned():
    model = model_of(1, False)
    width = np.array(model.layers[1].input_width)
    width[2] = 0
    model.layers[1].input_width.assign(width)
    assert (integer_network(model).layers[0].widths[:, 2] == 0).all()
    assert (integer_network(model, prune=False).layers[0].widths[:, 2] > 0).any()


def test_values_out_of_range_saturate():
    model = model_of(2, False)
    inside = model.predict(np.array([[1.97, 0.97, 15.9, 0.47], [-2, 0, -16, 0]]), verbose=0)
    beyond = model.predict(np.array([[99.0, 99, 99, 99], [-99, -99, -99, -99]]), verbose=0)
    np.testing.assert_array_equal(inside, beyond)


def test_another_layer_is_refused_by_name():
    model = keras.Sequential([keras.Input((4,)), LUTDense(3), keras.layers.Dense(2, name="plain")])
    with pytest.raises(FirmwareError, match=r"layer 'plain' is a Dense: weights of float precision"):
        integer_network(model)


def test_bad_arguments_are_refused():
    with pytest.raises(ConfigurationError, match=r"expected a format such as 'fixed<8,3>'.*found 'float'"):
        LUTDense(3, input_format="float")
    with pytest.raises(ConfigurationError, match="2 input formats for 4 channels"):
        LUTDense(3, input_format=["fixed<8,3>"] * 2).build((None, 4))
    with pytest.raises(ConfigurationError, match=r"expected an input of shape \(N, C_in\) or \(N, ..., C_in\)"):
        LUTDense(3).build((None,))
