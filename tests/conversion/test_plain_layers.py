"""Keras' own layers with weights: exact where float32 holds all sums, else refused."""

import keras
import numpy as np
import pytest
from converted import KIND, built, seq, unexplained
from hgq.layers import QDense

from trigger_lut.conversion.affine import PLAIN
from trigger_lut.conversion.keras_model import integer_network
from trigger_lut.errors import FirmwareError

L = keras.layers
LAYERS = {
    "Dense": ((4,), lambda: L.Dense(3, activation="relu")),
    "EinsumDense": ((3, 2), lambda: L.EinsumDense("bnc,cd->bnd", (3, 2), bias_axes="d")),
    "Conv1D": ((5, 2), lambda: L.Conv1D(2, 3, padding="same")),
    "Conv2D": ((4, 4, 2), lambda: L.Conv2D(2, 3, strides=2, use_bias=False)),
    "Conv3D": ((3, 3, 3, 1), lambda: L.Conv3D(2, 2)),
    "DepthwiseConv1D": ((5, 2), lambda: L.DepthwiseConv1D(3, depth_multiplier=2)),
    "DepthwiseConv2D": ((4, 4, 2), lambda: L.DepthwiseConv2D(3, padding="same", activation="tanh")),
}


def with_layer(name, step, span=8):
    shape, layer = LAYERS[name]
    model = seq(shape, layer(), L.Flatten(), QDense(3))
    rng = np.random.default_rng(0)
    plain = model.layers[0]
    plain.kernel.assign(rng.integers(-span, span, plain.kernel.shape) * step)
    if plain.bias is not None:
        plain.bias.assign(rng.integers(-8, 8, plain.bias.shape) * step)
    return model


@pytest.mark.parametrize("name", LAYERS)
def test_layer_with_weights_of_few_bits_is_converted(name):
    assert unexplained(built(lambda: with_layer(name, 0.125))) == 0


def test_each_plain_layer_is_tested():
    assert set(PLAIN) == set(LAYERS)


@pytest.mark.parametrize(("step", "span"), [(0.1, 8), (2.0**-19, 1 << 21)])
def test_layer_whose_sums_float32_rounds_is_refused(step, span):
    with pytest.raises(FirmwareError, match=r"layer 'dense\w*' is a Dense: weights of float precision; set network"):
        integer_network(with_layer("Dense", step, span), inputs=[KIND] * 4, wraps=True)
