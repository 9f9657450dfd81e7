"""Small models, and the comparison of a model with its integers."""

import keras
import numpy as np
from hgq.config import QuantizerConfigScope
from hgq.layers import QDense
from networks import random_codes

from trigger_lut.conversion.keras_model import integer_network
from trigger_lut.fixed_point.formats import KIF
from trigger_lut.layers import LUTConv1D, LUTConv2D, LUTDense
from trigger_lut.network.reference_model import evaluate
from trigger_lut.verification.exact_keras import explained
from trigger_lut.verification.keras_model import run_keras

FORMAT = "fixed<5,2>"
KIND = KIF(1, 2, 3)


def seq(shape, *layers):
    return keras.Sequential([keras.Input(shape), *layers])


def conv1d():
    conv = LUTConv1D(3, 3, padding="same", strides=2, input_format=FORMAT)
    return seq((7, 2), conv, keras.layers.Flatten(), LUTDense(2))


def conv2d():
    conv = LUTConv2D(2, (2, 3), dilation_rate=(1, 2), input_format=FORMAT, input_rounding="RND")
    return seq((4, 6, 1), conv, LUTConv2D(2, 2, input_rounding="RND"), keras.layers.Flatten(), LUTDense(2))


def arithmetic_first():
    return seq((5,), QDense(6, activation="relu"), LUTDense(4), QDense(2, enable_oq=True))


def between(layer):
    return seq((4,), QDense(4), layer, QDense(3))


def branches(merge):
    x = keras.Input((4,))
    return keras.Model(x, QDense(3)(merge(QDense(4)(x), QDense(4)(x))))


def built(make, **quantizers):
    keras.utils.set_random_seed(1)
    with QuantizerConfigScope(place="datalane", **quantizers):
        model = make()
    model(np.random.default_rng(0).normal(size=(64, *model.inputs[0].shape[1:])).astype("f4"), training=True)
    return model


def unexplained(model):
    """Count events in which the integers are not the model, beyond float rounding."""
    inputs = [KIND] * int(np.prod(model.inputs[0].shape[1:]))
    network = integer_network(model, inputs=inputs, wraps=True)
    codes = random_codes(network, 500)
    expected, outputs = evaluate(network, codes), run_keras(model, network, codes=codes)
    assert len(np.unique(expected, axis=0)) > 10
    different = (expected != outputs).any(axis=1)
    assert different.sum() <= 2
    return int((different & ~explained(model, network, codes=codes, expected=expected, actual=outputs).rounding).sum())
