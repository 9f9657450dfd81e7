"""Every kind of layer in an hls4ml project: 0 differences to the integers, by whichever handler."""

import keras
import numpy as np
import pytest
from hgq.config import QuantizerConfigScope
from hgq.layers import QAdd, QConv1D, QConv2D, QDense, QGlobalAveragePooling2D, QMaxPooling1D, QSum
from hybrids import FORMAT, particles
from made_cards import spec as made_spec
from networks import random_codes

from trigger_lut.conversion.keras_model import integer_network
from trigger_lut.firmware.hls import project as hls
from trigger_lut.firmware.hls.backend import flip_hls
from trigger_lut.fixed_point.formats import parse_fixed
from trigger_lut.layers import LUTConv1D, LUTConv2D, LUTDense
from trigger_lut.network.bit_flip import choose_flip, flipped
from trigger_lut.network.reference_model import evaluate

VECTORS = 2000


def sequence():
    x = keras.Input((8, 2))
    h = LUTConv1D(3, 2, padding="same", input_format=FORMAT, seed=1)(QConv1D(3, 3)(x))
    return keras.Model(x, LUTDense(1, seed=2)(keras.layers.Flatten()(QMaxPooling1D(2)(h))))


def image():
    x = keras.Input((5, 5, 1))
    h = QConv2D(2, 2)(LUTConv2D(2, (2, 3), input_format=FORMAT, padding="same", seed=1)(x))
    h = QGlobalAveragePooling2D()(LUTConv2D(3, 1, strides=2, seed=2)(h))
    return keras.Model(x, LUTDense(1, seed=3)(h))


def padded():
    x = keras.Input((6, 6, 2))
    h = LUTConv2D(2, 3, input_format=FORMAT, input_rounding="RND", strides=2, seed=1)(keras.layers.ZeroPadding2D(1)(x))
    h = keras.layers.Flatten()(keras.layers.MaxPooling2D(2)(h))
    return keras.Model(x, LUTDense(4, seed=3, input_rounding="RND")(h))


def dilated():
    x = keras.Input((9, 2))
    h = LUTConv1D(3, 3, input_format=FORMAT, dilation_rate=2, padding="same", batch_norm=True, seed=1)(x)
    return keras.Model(x, LUTDense(2, seed=3)(keras.layers.GlobalMaxPooling1D()(h)))


def two_inputs():
    a, b = keras.Input((4,)), keras.Input((3, 2))
    h = LUTDense(4, input_format=FORMAT, seed=1)(a)
    g = QSum(axes=1)(LUTDense(4, input_format=FORMAT, seed=2)(b))
    return keras.Model([a, b], [LUTDense(2, seed=4)(keras.layers.Maximum()([h, g])), QDense(2)(h)])


def arithmetic_first():
    x = keras.Input((6,))
    h = QDense(5, activation="relu")(x)
    return keras.Model(x, QDense(3)(QAdd()([LUTDense(5, seed=1)(h), h])))


def reshaped():
    x = keras.Input((6,))
    h = LUTConv1D(2, 2, input_format=FORMAT, seed=1)(keras.layers.Reshape((3, 2))(x))
    return keras.Model(x, LUTDense(2, seed=2)(QDense(3, activation="relu")(keras.layers.Flatten()(h))))


def sliced():
    """As one layer: with ReLU, whose negative sums need more bits than what it gives."""
    x = keras.Input((6,))
    h = LUTDense(3, input_format=FORMAT, seed=1)(x[:, 1:5])
    h = QDense(4, activation="relu", bias_initializer=keras.initializers.Constant(-1.0))(h)
    return keras.Model(x, QDense(2)(keras.ops.concatenate([h, x[:, ::3]], axis=1)))


BY_LAYERS = [particles, sequence, image, padded, dilated, two_inputs, arithmetic_first, reshaped]


def made_network(make):
    keras.utils.set_random_seed(1)
    with QuantizerConfigScope(place="datalane", overflow_mode="SAT"):
        model = make()
    formats = [parse_fixed(FORMAT)] * sum(int(np.prod(t.shape[1:])) for t in model.inputs)
    return model, integer_network(model, inputs=formats)


QUICK = (particles, arithmetic_first, two_inputs)


@pytest.mark.parametrize(
    "make", [*(pytest.param(m, marks=[] if m in QUICK else pytest.mark.soak) for m in BY_LAYERS), sliced]
)
def test_no_differences_to_the_integers(make, tmp_path):
    model, network = made_network(make)
    project = hls.write_hls(model, network, folder=tmp_path / "hls", spec=made_spec())
    codes = random_codes(network, VECTORS)
    assert (hls.predict_hls(project.folder, codes) != evaluate(network, codes)).sum() == 0
    if make in BY_LAYERS:
        assert project.note == ""
        assert set(project.handlers) == {layer.name for layer in model.layers if "input" not in layer.name}
        ours = {name for name, handler in project.handlers.items() if not handler.startswith("hls4ml's ")}
        assert ours == {n for n in project.handlers if n.startswith(("lut_", "q_sum", "zero_padding"))}
    else:
        assert project.note == (
            "not layer by layer: hls4ml takes layers alone, the model holds operations: Concatenate, GetItem"
        )
        assert project.handlers == {"network": "WholeNetworkHandler"}


@pytest.mark.parametrize("make", [sequence, pytest.param(sliced, marks=pytest.mark.soak)])
def test_flipped_table_bit_changes_project_as_the_network(make, tmp_path):
    model, network = made_network(make)
    hls.write_hls(model, network, folder=tmp_path / "hls", spec=made_spec())
    codes = random_codes(network, VECTORS)
    flip = choose_flip(network, codes, seed=1)
    flip_hls(tmp_path / "hls", tmp_path / "flipped", network=network, flip=flip)
    outputs = hls.predict_hls(tmp_path / "flipped", codes)
    assert (outputs != evaluate(network, codes)).any()
    np.testing.assert_array_equal(outputs, evaluate(flipped(network, flip), codes))
