"""Random networks of all kinds for the calibration: smooth tables, as training makes them, with widths drawn at random.

Every output of a layer of tables has at least three live edges if the layer has so many channels: in trained networks
fewer are rare.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from hgq.config import QuantizerConfigScope
from hgq.layers import QDense

from trigger_lut.conversion.keras_model import integer_network
from trigger_lut.fixed_point.formats import KIF
from trigger_lut.layers import LUTConv1D, LUTConv2D, LUTDense
from trigger_lut.layers.base import LookupLayer
from trigger_lut.network.network import Network

COUNTS = {"dense": 70, "shared": 20, "conv1d": 25, "conv2d": 15, "hybrid": 30, "arithmetic": 15, "selection": 15}
"""Networks of each kind."""
LEAST_EDGES = 3

Made = tuple[Any, list[KIF] | None]
"""A Keras model, and the formats of its inputs where its layers do not say."""


def random_network(kind: str, seed: int) -> Network:
    """Make the network of a kind and a seed.

    Parameters
    ----------
    kind : str
        Key of `COUNTS`.
    seed : int
        Seed of the draws; the same one gives the same network.

    Returns
    -------
    Network
    """
    rng = np.random.default_rng((seed, len(kind)))
    keras.utils.set_random_seed(seed)
    model, inputs = MAKERS[kind](rng)
    _scatter(model, rng)
    return integer_network(model, inputs=inputs)


def _scatter(model: Any, rng: np.random.Generator) -> None:
    """Assign widths, fractions and biases as if trained, of one density and coarseness a network."""
    live, gain = rng.choice([0.3, 0.5, 0.7, 0.9]), float(rng.choice([2, 4]))
    widest, finest = int(rng.integers(3, 7)), int(rng.integers(3, 7))
    for layer in model._flatten_layers(include_self=False):
        if isinstance(layer, LookupLayer):
            widths = rng.integers(1, widest + 1, layer.input_width.shape).astype(float)
            widths[rng.random(widths.shape) > live] = -1
            _fill(widths, rng, widest)
            layer.input_width.assign(widths)
            layer.output_fraction.assign(rng.integers(max(finest - 2, 0), finest + 1, widths.shape))
            layer.w2.assign(np.asarray(layer.w2) * gain)
        if getattr(layer, "bias", None) is not None:
            layer.bias.assign(0.5 * rng.normal(size=layer.bias.shape))


def _fill(widths: np.ndarray, rng: np.random.Generator, widest: int) -> None:
    """Give each output some live edges; widths (..., C_in, C_out)."""
    for place in np.ndindex(*widths.shape[:-2]):
        for o in range(widths.shape[-1]):
            for i in rng.permutation(widths.shape[-2])[:LEAST_EDGES]:
                if widths[(*place, i, o)] < 0:
                    widths[(*place, i, o)] = rng.integers(2, widest + 1)


def _format(rng: np.random.Generator) -> str:
    return f"fixed<{rng.integers(4, 9)},{rng.integers(1, 4)}>"


def _dense(rng: np.random.Generator) -> Made:
    n, bits = int(rng.integers(4, 17)), int(rng.choice([4, 5, 6, 6, 6, 7, 8]))
    formats = [_format(rng) for _ in range(n)]
    layers = [LUTDense(int(rng.integers(4, 21)), batch_norm=True, input_format=formats, max_input_bits=bits)]
    if rng.random() < 0.3:
        layers.append(LUTDense(int(rng.integers(4, 12)), batch_norm=True, max_input_bits=bits))
    layers.append(LUTDense(int(rng.integers(1, 6)), max_input_bits=bits))
    return keras.Sequential([keras.Input((n,)), *layers]), None


def _shared(rng: np.random.Generator) -> Made:
    x = keras.Input((int(rng.integers(3, 9)), int(rng.integers(2, 5))))
    h = LUTDense(int(rng.integers(3, 7)), batch_norm=True, input_format=_format(rng))(x)
    h = LUTDense(6, batch_norm=True, input_format="fixed<8,5>")(keras.ops.sum(h, axis=1))
    return keras.Model(x, LUTDense(3)(h)), None


def _conv1d(rng: np.random.Generator) -> Made:
    x = keras.Input((int(rng.integers(5, 12)), int(rng.integers(1, 4))))
    padding, strides = str(rng.choice(["same", "valid"])), int(rng.integers(1, 3))
    h = LUTConv1D(int(rng.integers(2, 5)), 3, padding=padding, strides=strides, input_format=_format(rng))(x)
    return keras.Model(x, LUTDense(4)(keras.layers.Flatten()(h))), None


def _conv2d(rng: np.random.Generator) -> Made:
    x = keras.Input((5, 6, 1))
    rounding = str(rng.choice(["TRN", "RND"]))
    h = LUTConv2D(int(rng.integers(2, 4)), (2, 3), strides=2, input_format=_format(rng), input_rounding=rounding)(x)
    return keras.Model(x, LUTDense(3)(keras.layers.Flatten()(h))), None


def _hybrid(rng: np.random.Generator) -> Made:
    n, units = int(rng.integers(4, 10)), int(rng.integers(3, 9))
    x = keras.Input((n,))
    fraction, rounding = int(rng.integers(1, 4)), str(rng.choice(["TRN", "RND"]))
    with QuantizerConfigScope(place="datalane", overflow_mode="SAT", f0=fraction, round_mode=rounding):
        if rng.random() < 0.5:
            h = LUTDense(6)(QDense(units, activation="relu")(x))
        else:
            h = LUTDense(3)(QDense(units, activation="relu")(LUTDense(6, input_format="fixed<6,3>")(x)))
    return keras.Model(x, h), [KIF(1, 2, 3)] * n


def _arithmetic(rng: np.random.Generator) -> Made:
    n = int(rng.integers(4, 12))
    x = keras.Input((n,))
    with QuantizerConfigScope(place="datalane", overflow_mode="SAT", f0=int(rng.integers(0, 3)), round_mode="TRN"):
        h = QDense(3)(QDense(int(rng.integers(4, 12)), activation="relu")(x))
    return keras.Model(x, h), [KIF(1, 2, 2)] * n


def _selection(rng: np.random.Generator) -> Made:
    particles = int(rng.integers(3, 9))
    x = keras.Input((particles, int(rng.integers(2, 5))))
    h = LUTDense(int(rng.integers(3, 9)), batch_norm=True, input_format=_format(rng))(x)
    if rng.random() < 0.5:
        h = keras.layers.GlobalMaxPooling1D()(h)
    else:
        h = keras.layers.Flatten()(keras.layers.MaxPooling1D(2, padding="same")(h))
    return keras.Model(x, LUTDense(4, input_format="fixed<8,4>")(h)), None


MAKERS = {
    "dense": _dense,
    "shared": _shared,
    "conv1d": _conv1d,
    "conv2d": _conv2d,
    "hybrid": _hybrid,
    "arithmetic": _arithmetic,
    "selection": _selection,
}
