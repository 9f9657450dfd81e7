"""Random models: layers of tables and HGQ2's layers in random order, random formats and widths; or plain integers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from trigger_lut.fixed_point.formats import KIF
from trigger_lut.network.network import Network
from trigger_lut.verification.fuzz.random_networks import draw_format, draw_network

OF_INTEGERS = 0.3  # fraction of networks that are drawn as integers
OVERFLOWS = ("SAT", "SAT_SYM", "WRAP")
MOST_VALUES = 40  # at the border of two layers: keeps a network small enough to compile in seconds


@dataclass(frozen=True)
class Drawn:
    """A Keras model and the formats of its input values; in_keras: whether Keras can evaluate it."""

    model: Any
    formats: list[KIF]
    in_keras: bool


def draw(seed: int) -> Drawn:
    """Draw a model of random layers, as if trained; or an integer network in a layer that contains it.

    Parameters
    ----------
    seed
        Seed of Keras and of all choices.

    Returns
    -------
    Drawn
        Model with the formats of its inputs; a fraction OF_INTEGERS of the seeds gives integer networks.
    """
    import keras

    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    return as_drawn(draw_network(rng)) if rng.random() < OF_INTEGERS else _keras_model(rng)


def as_drawn(network: Network) -> Drawn:
    """Return a network as a model of one layer, which Keras cannot evaluate."""
    import keras

    from trigger_lut.conversion.network_layer import NetworkLayer

    inputs = keras.Input((len(network.inputs),))
    model = keras.Model(inputs, NetworkLayer(network, name="network")(inputs))
    return Drawn(model, list(network.inputs), False)


def _keras_model(rng: np.random.Generator) -> Drawn:
    import keras
    from hgq.config import QuantizerConfigScope

    shape = [(int(rng.integers(1, 7)),), (int(rng.integers(2, 6)), int(rng.integers(1, 4))), (4, 4, 1)][
        rng.choice(3, p=[0.5, 0.35, 0.15])
    ]
    modes = {"overflow_mode": str(rng.choice(OVERFLOWS)), "round_mode": str(rng.choice(["TRN", "RND"]))}
    with QuantizerConfigScope(place="datalane", **modes):
        inputs = [keras.Input(shape)]
        x = inputs[0]
        for _ in range(int(rng.integers(1, 4))):
            x = _layer(x, rng)
        x = keras.layers.Flatten()(x) if len(x.shape) > 2 else x
        if rng.random() < 0.3:
            inputs.append(keras.Input((int(rng.integers(1, 4)),)))
            x = keras.layers.Concatenate()([x, _tables(inputs[-1], rng)])
        outputs = _tables(x, rng) if rng.random() < 0.8 else _dense(x, rng)
        model = keras.Model(inputs if len(inputs) > 1 else inputs[0], outputs)
    _scatter(model, rng)
    count = sum(int(np.prod(tensor.shape[1:])) for tensor in model.inputs)
    return Drawn(model, [draw_format(rng)] * count, True)


def _layer(x: Any, rng: np.random.Generator) -> Any:
    import keras
    from hgq.layers import QConv1D, QSum

    size = int(np.prod(x.shape[1:]))
    if len(x.shape) == 4:
        return _conv2d(x, rng) if min(x.shape[1:3]) >= 2 else keras.layers.Flatten()(x)
    if len(x.shape) == 3:
        kind = rng.choice(["tables", "conv", "q_conv", "sum", "pool", "flatten"])
        if kind == "conv" and x.shape[1] >= 2:
            return _conv1d(x, rng)
        if kind == "q_conv" and x.shape[1] >= 2:
            return QConv1D(int(rng.integers(1, 4)), 2, activation=str(rng.choice(["relu", "linear"])))(x)
        if kind == "sum":
            return QSum(axes=1)(x)
        if kind == "pool" and x.shape[1] >= 2:
            return keras.layers.MaxPooling1D(2)(x)
        if kind == "flatten" and size <= MOST_VALUES:
            return keras.layers.Flatten()(x)
        return _tables(x, rng)
    return _dense(x, rng) if rng.random() < 0.3 else _tables(x, rng)


def _hgq_tables(x: Any, rng: np.random.Generator) -> Any:
    from hgq.layers import QConvT1D, QDenseT

    size, options = int(rng.integers(1, 4)), {"d_hl": 3, "subnn_activation": "tanh"}
    options |= {"batch_norm": bool(rng.random() < 0.3), "activation": str(rng.choice(["relu", "linear"]))}
    if len(x.shape) == 3 and x.shape[1] >= 2 and rng.random() < 0.5:
        return QConvT1D(size, 2, padding=str(rng.choice(["same", "valid"])), **options)(x)
    return QDenseT(size, **options)(x)


def _options(rng: np.random.Generator) -> dict[str, Any]:
    return {
        "input_format": str(draw_format(rng)),
        "max_input_bits": int(rng.integers(1, 9)),
        "edge_hidden_units": int(rng.integers(1, 5)),
        "batch_norm": bool(rng.random() < 0.3),
        "use_bias": bool(rng.random() < 0.8),
        "input_rounding": str(rng.choice(["TRN", "RND"])),
        "overflow": str(rng.choice(["SAT", "SAT", "WRAP"])),
        "seed": int(rng.integers(1, 1000)),
    }


def _tables(x: Any, rng: np.random.Generator) -> Any:
    from trigger_lut.layers import LUTDense

    if len(x.shape) <= 3 and rng.random() < 0.2:
        return _hgq_tables(x, rng)
    per_position_widths = len(x.shape) == 3 and bool(rng.random() < 0.3)
    return LUTDense(int(rng.integers(1, 5)), per_position_widths=per_position_widths, **_options(rng))(x)


def _conv1d(x: Any, rng: np.random.Generator) -> Any:
    from trigger_lut.layers import LUTConv1D

    padding = str(rng.choice(["same", "valid"]))
    return LUTConv1D(int(rng.integers(1, 4)), 2, strides=int(rng.integers(1, 3)), padding=padding, **_options(rng))(x)


def _conv2d(x: Any, rng: np.random.Generator) -> Any:
    from hgq.layers import QConv2D

    from trigger_lut.layers import LUTConv2D

    if rng.random() < 0.25:
        return QConv2D(2, 2, activation="relu")(x)
    padding = str(rng.choice(["same", "valid"]))
    return LUTConv2D(int(rng.integers(1, 3)), 2, strides=int(rng.integers(1, 3)), padding=padding, **_options(rng))(x)


def _dense(x: Any, rng: np.random.Generator) -> Any:
    from hgq.layers import QDense

    return QDense(int(rng.integers(1, 5)), activation=str(rng.choice(["relu", "linear"])))(x)


def _scatter(model: Any, rng: np.random.Generator) -> None:
    """Spread widths, from pruned to the widest, and biases as training leaves them."""
    for layer in model._flatten_layers(include_self=False, recursive=True):
        if hasattr(layer, "output_fraction"):
            widest = float(rng.uniform(0.5, 9))
            layer.input_width.assign(rng.uniform(-1, widest, layer.input_width.shape))
            layer.output_fraction.assign(rng.uniform(-2, 5, layer.output_fraction.shape))
            layer.w2.assign(layer.w2 * float(rng.uniform(1, 6)))
        inner: Any = getattr(layer, "quantizer", None)
        if hasattr(inner, "_f") and rng.random() < 0.5:
            inner._f.assign(rng.integers(-1, 4, inner._f.shape))
        if getattr(layer, "bias", None) is not None:
            layer.bias.assign(rng.normal(size=layer.bias.shape))


def in_float(model: Any) -> bool:
    """Return whether a model has layers of HGQ2 tables: Keras computes them in float32 and may round ties otherwise."""
    from trigger_lut.conversion.hgq_tables import is_hgq_table

    return any(is_hgq_table(layer) for layer in model._flatten_layers(include_self=False))


def interesting(network: Network) -> Sequence[str]:
    """Return the features of a network that a run counts: kinds of layers, overflow, signs and special formats."""
    kinds = {layer.computes_with for layer in network.layers}
    modes = {mode for layer in network.layers for mode in layer.overflow}
    wraps = bool(network.overflow_risks())
    formats = [kif for layer in network.layers for kif in layer.inputs]
    words = [*sorted(kinds), *sorted(modes), *["values that wrap"] * wraps]
    words += ["signed"] * any(kif.k for kif in formats) + ["unsigned"] * any(not kif.k for kif in formats)
    words += ["negative fraction"] * any(kif.f < 0 for kif in formats)
    words += ["constant output"] * any(kif.bits == 1 for kif in network.output_formats())
    words += ["single input"] * (len(network.inputs) == 1)
    words += ["several places"] * any(layer.n_positions > 1 for layer in network.layers)
    return words
