"""Formats in which a model reads its inputs: from them, integers give what Keras gives for real values."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import pytest
from converted import seq
from hgq.config import QuantizerConfigScope
from hgq.layers import QConv1D, QConvT1D, QDense, QDenseT, QMultiHeadAttention, QUnaryFunctionLUT
from hgq.quantizer import Quantizer

from trigger_lut.conversion.keras_model import integer_network
from trigger_lut.conversion.model_inputs import ReadFormat, read_formats
from trigger_lut.data.formats import MAX_WIDTH, Extent, format_of_model
from trigger_lut.fixed_point.formats import KIF
from trigger_lut.layers import LUTDense
from trigger_lut.network.reference_model import evaluate


def two_readers() -> keras.Model:
    x = keras.Input((4,))
    inner = seq((2,), QDense(3))
    return keras.Model(x, keras.layers.Concatenate()([inner(x[:, :2]), QUnaryFunctionLUT("tanh")(x[:, 1:3])]))


def attention() -> keras.Model:
    x = keras.Input((2, 2))
    return keras.Model(x, QDense(2)(keras.layers.Flatten()(QMultiHeadAttention(num_heads=1, key_dim=2)(x, x))))


MODELS: dict[str, Callable[[], keras.Model]] = {
    "arithmetic": lambda: seq((5,), QDense(4, activation="relu"), QDense(3)),
    "tables": lambda: seq((5,), QDenseT(3)),
    "tables of windows": lambda: seq((6, 2), QConvT1D(2, 3, padding="same"), keras.layers.Flatten()),
    "windows": lambda: seq((6, 2), QConv1D(2, 3, padding="same"), keras.layers.Flatten()),
    "quantizer": lambda: seq((4,), Quantizer(), QDense(3)),
    "two readers of slices": two_readers,
    "attention": attention,
}


def of_model(name: str, rounding: str, overflow: str) -> keras.Model:
    keras.utils.set_random_seed(2)
    with QuantizerConfigScope(place="datalane", round_mode=rounding, overflow_mode=overflow):
        model = MODELS[name]()
    rng = np.random.default_rng(2)
    model(rng.normal(size=(64, *model.inputs[0].shape[1:])).astype("f"), training=True)
    for layer in model._flatten_layers(include_self=False):
        inner = getattr(layer, "quantizer", None)
        if hasattr(inner, "_f"):
            inner._f.assign(rng.integers(2, 6, inner._f.shape))
    return model


def differences(model: keras.Model, formats: list[KIF], values: np.ndarray) -> float:
    network = integer_network(model, inputs=formats, wraps=True)
    flat = values.reshape(len(values), -1).astype(np.float64)
    codes = np.stack(
        [
            np.clip(np.floor(column * 2.0**kif.f), kif.lo, kif.hi).astype(np.int64)
            for column, kif in zip(flat.T, formats, strict=True)
        ],
        axis=1,
    )
    expected = evaluate(network, codes) * 2.0 ** -network.fractions.astype(np.float64)
    return float((model.predict(values, verbose=0) != expected).any(axis=1).mean())


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize(("rounding", "overflow"), [("RND", "WRAP"), ("TRN", "SAT"), ("RND", "SAT")])
def test_integers_of_real_values_are_the_model(name, rounding, overflow):
    model = of_model(name, rounding, overflow)
    values = np.random.default_rng(3).normal(0, 3, (3000, *model.inputs[0].shape[1:])).astype("f")
    extents = []
    for column in values.reshape(len(values), -1).T:
        extents.append(Extent())
        extents[-1].add(column)
    read = [one or ReadFormat(KIF(0, 1, 0)) for one in read_formats(model)]
    formats = [
        format_of_model(one.kif, one.wraps, extent=extent) for one, extent in zip(read, extents, strict=True) if one.kif
    ]
    assert all(one.wraps == (overflow == "WRAP") for one in read if one.kif != KIF(0, 1, 0))
    assert differences(model, formats, values) < 1e-3, "none, but for ties of float32"
    coarser = [KIF(kif.k, kif.i, kif.f - 1) for kif in formats]
    assert differences(model, coarser, values) > 0.02


def test_unquantized_and_unread_inputs_are_told_apart():
    x = keras.Input((3,))
    model = keras.Model(x, QDense(2)(keras.layers.Rescaling(0.5)(x[:, :1])))
    assert read_formats(model) == [ReadFormat(None), None, None]
    model = seq((2,), LUTDense(2, input_format=["fixed<6,3>", "ufixed<4,2>"], overflow="SAT"))
    assert read_formats(model) == [ReadFormat(KIF(1, 2, 3)), ReadFormat(KIF(0, 2, 2))]


def test_channel_format_wraps_within_the_widest_format():
    extent = Extent()
    extent.add(np.array([-9.0, 3.0]))
    assert format_of_model(KIF(0, 2, 5), True, extent=extent) == KIF(1, 4, 5)
    assert format_of_model(KIF(0, 2, 5), False, extent=extent) == KIF(0, 2, 5)
    extent.add(np.array([-999.0]))
    assert format_of_model(KIF(1, 2, 9), True, extent=extent) == KIF(1, 2, 9), "too wide, so values saturate"
    assert format_of_model(KIF(1, 4, 20), False, extent=extent) == KIF(1, 4, MAX_WIDTH - 5)
    assert format_of_model(KIF(1, 2, 9), True, extent=Extent()) == KIF(1, 2, 9)
