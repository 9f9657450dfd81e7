"""Networks in float to compare with: the layers of a design, three times wider layers, and a deep set."""

from __future__ import annotations

import math
from typing import Any

from trigger_lut.config.layer_options import MaxPoolOptions, PoolOptions, TableOptions
from trigger_lut.config.network import Layer, NetworkShape
from trigger_lut.config.shapes import shape_after, summed_axes

DEEP_SET_UNITS = 64
WIDER = 3
NOT_WIDENED = ("reshape", "q_einsum_dense")  # their options fix the shape of what comes before or after


def dense_network(units: list[int], channels: int) -> Any:
    """Build Dense layers with ReLU between them.

    Parameters
    ----------
    units : list of int
        Outputs of each layer.
    channels : int
        Inputs.

    Returns
    -------
    keras.Model
        (N, channels) to (N, units[-1]).
    """
    import keras

    x = inputs = keras.Input((channels,))
    for n in units[:-1]:
        x = keras.layers.Dense(n, "relu")(x)
    return keras.Model(inputs, keras.layers.Dense(units[-1])(x))


def same_network(network: NetworkShape, channels: int, *, wider: int = 1) -> Any:
    """Build the layers of a network in float: what it shares is shared, what it sums is summed.

    A layer of tables becomes a Dense layer or a convolution of the same width with ReLU. The last layer has no
    ReLU; where positions share it, a Dense layer with ReLU precedes it, as tables are more than linear there. Layers of
    HGQ2 become those of Keras.

    Parameters
    ----------
    network : NetworkShape
        Network with units or layers.
    channels : int
        Inputs.
    wider : int
        Factor on the widths of all layers but the last one.

    Returns
    -------
    keras.Model
        (N, channels) to (N, outputs).
    """
    import keras

    if network.layers is None:
        units = network.units or []
        return dense_network([*(wider * n for n in units[:-1]), *units[-1:]], channels)
    last = max(n for n, layer in enumerate(network.layers) if layer.width is not None)
    inputs = keras.Input((channels,))
    shape = tuple(network.input_shape or (channels,))
    x = keras.layers.Reshape(shape)(inputs)
    for n, layer in enumerate(network.layers):
        x = _float_layer(layer, shape, wider if n < last else 1, n < last)(x)
        shape = shape_after(layer, shape)
    return keras.Model(inputs, x)


def can_be_widened(network: NetworkShape) -> bool:
    """Report whether the layers of a network fit each other at other widths."""
    return all(layer.kind not in NOT_WIDENED for layer in network.layers or [])


def deep_set(shape: tuple[int, ...], outputs: int) -> Any:
    """Build a deep set: two layers shared by all objects, their mean, one more layer (M. Zaheer et al., NIPS 2017).

    Parameters
    ----------
    shape : tuple of int
        Shape of an event; the last axis holds the features of an object.
    outputs : int
        Number of outputs.

    Returns
    -------
    keras.Model
        (N, channels) to (N, outputs).
    """
    import keras

    inputs = keras.Input((math.prod(shape),))
    x = keras.layers.Reshape((math.prod(shape[:-1]), shape[-1]))(inputs)
    for _ in range(2):
        x = keras.layers.Dense(DEEP_SET_UNITS, activation="relu")(x)
    x = keras.layers.Dense(DEEP_SET_UNITS, activation="relu")(keras.ops.mean(x, axis=1))
    return keras.Model(inputs, keras.layers.Dense(outputs)(x))


def described(model: Any) -> str:
    """Return the layers of a model for a table, such as 'Dense 16, Sum, Dense 5'."""
    words = []
    for layer in model.operations:
        width = getattr(layer, "units", None) or getattr(layer, "filters", None)
        words += [f"{type(layer).__name__} {width}" if width else type(layer).__name__]
    return ", ".join(word for word in words if word not in ("InputLayer", "Reshape"))


def _float_layer(layer: Layer, shape: tuple[int, ...], wider: int, hidden: bool) -> Any:
    import keras

    options = layer.options
    if layer.width is None:
        return _without_weights(layer, shape)
    activation = ("relu" if hidden else None) if isinstance(options, TableOptions) else options.activation
    if layer.q_einsum_dense is not None:
        einsum = layer.q_einsum_dense
        return keras.layers.EinsumDense(
            einsum.equation, tuple(einsum.output_shape), activation, bias_axes=einsum.bias_axes
        )
    if (units := getattr(options, "units", None)) is not None:
        dense = keras.layers.Dense(wider * units, activation)
        if isinstance(options, TableOptions) and not hidden and len(shape) > 1:
            before = keras.layers.Dense(units, "relu")
            return lambda x: dense(before(x))
        return dense
    convolution = keras.layers.Conv2D if layer.kind.endswith("2d") else keras.layers.Conv1D
    return convolution(
        wider * options.filters,
        options.kernel_size,
        strides=options.strides,
        padding=options.padding,
        dilation_rate=options.dilation_rate,
        data_format="channels_last",
        activation=activation,
    )


def _without_weights(layer: Layer, shape: tuple[int, ...]) -> Any:
    import keras

    options = layer.options
    if layer.kind == "sum":
        axes = summed_axes(options, shape)
        return lambda x: keras.ops.sum(x, axis=axes)
    if isinstance(options, PoolOptions):
        sizes = options.pool_size if isinstance(options.pool_size, list) else [options.pool_size]
        name = "Max" if isinstance(options, MaxPoolOptions) else "Average"
        pooling = getattr(keras.layers, f"{name}Pooling{len(sizes)}D")
        return pooling(options.pool_size, options.strides, options.padding, data_format="channels_last")
    if layer.kind == "flatten":
        return keras.layers.Flatten(data_format="channels_last")
    return keras.layers.Reshape(options.target_shape)
