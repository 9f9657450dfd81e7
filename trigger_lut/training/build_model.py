"""Keras model of a design: of widths, of a list of layers, or of a user's own function."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from trigger_lut.config.budget import NetworkShape
from trigger_lut.config.layer_options import LUTDenseOptions, MaxPoolOptions, PoolOptions, TableOptions
from trigger_lut.config.network import Layer
from trigger_lut.config.shapes import ShapeError, output_shape, shape_after, shown, summed_axes
from trigger_lut.conversion.keras_graph import inputs_structure
from trigger_lut.conversion.saved_model import load_function, load_model
from trigger_lut.data.event_codes import EventCodes
from trigger_lut.errors import CardError, ConfigurationError, FirmwareError
from trigger_lut.fixed_point.formats import KIF, hull, parse_fixed
from trigger_lut.training.prepare_given import PreparedModel, prepare_given

HIDDEN_FORMAT = "fixed<8,3>"  # of channels between layers: +-4 where batch-norm keeps sums near one
SEEDS_PER_MODEL = 1000  # of the layers, so that no two seeds of models share one


def build_model(
    shape: NetworkShape, formats: Sequence[KIF], *, classes: int, seed: int, events: EventCodes | None = None
) -> keras.Model:
    """Build an untrained model: (N, channels) real values to (N, classes).

    Parameters
    ----------
    shape : NetworkShape
        Description of the network.
    formats : sequence of KIF
        Formats of the inputs.
    classes : int
        Number of outputs.
    seed : int
        Seed of the weights.
    events : EventCodes, optional
        Of the data set; needed for a given model.

    Returns
    -------
    keras.Model

    Raises
    ------
    ConfigurationError
        If the layers do not fit each other, or the last has not one output per class.
    """
    if shape.keras_file is not None:
        assert events is not None, "a given model may be quantized by its events"
        return of_flat_input(load_given(shape, events).model, len(formats))
    if shape.builder is not None:
        return _of_function(shape.builder, formats, classes, seed)
    try:
        outputs_shape = output_shape(shape, len(formats))
    except ShapeError as error:
        raise ConfigurationError(f"network.{error}") from error
    if outputs_shape != (classes,):
        text = (
            f"{outputs_shape[0]} outputs" if shape.units is not None else f"an output of shape {shown(outputs_shape)}"
        )
        key = "units" if shape.units is not None else "layers"
        raise ConfigurationError(
            f"network.{key}: the last layer has {text}, expected one for each of {classes} classes"
        )
    builder = _Builder(shape, formats, seed)
    layers = [builder.layer(n, layer) for n, layer in enumerate(all_layers(shape))]
    inputs = keras.Input((len(formats),))
    if shape.units is not None:
        return keras.Sequential([inputs, *layers])
    x = inputs if shape.input_shape is None else keras.layers.Reshape(shape.input_shape, name="input_shape")(inputs)
    for layer in layers:
        x = layer(x)
    return keras.Model(inputs, x)


def all_layers(shape: NetworkShape) -> list[Layer]:
    """Return the layers of widths or of a list; options without a value have the network's."""
    layers = shape.layers or [Layer(lut_dense=LUTDenseOptions(units=units)) for units in shape.units or []]
    nested = []
    for n, layer in enumerate(layers):
        values = {
            "batch_norm": shape.batch_norm and n < len(layers) - 1,
            "edge_hidden_units": shape.edge_hidden_units,
            "max_input_bits": shape.max_input_bits,
        }
        options = layer.options
        if isinstance(options, TableOptions):
            missing = {key: value for key, value in values.items() if getattr(options, key) is None}
            layer = layer.model_copy(update={layer.kind: options.model_copy(update=missing)})
        nested.append(layer)
    return nested


class _Builder:
    """Maker of layers, one after the other, that tracks the formats between them.

    formats    Of the values, an array of the event's shape; None after the first layer that computes.
    summed     Number of terms in each value, summed since the last layer with weights.
    """

    def __init__(self, shape: NetworkShape, formats: Sequence[KIF], seed: int) -> None:
        self.shape = tuple(shape.input_shape or (len(formats),))
        flat = np.empty(len(formats), dtype=object)
        flat[:] = list(formats)
        self.formats: np.ndarray | None = flat.reshape(self.shape)
        self.summed, self.seed = 1, seed

    def layer(self, n: int, description: Layer) -> keras.Layer:
        options, kind = description.options, description.kind
        name, seed = f"{kind}_{n}", self.seed * SEEDS_PER_MODEL + n
        if isinstance(options, TableOptions):
            layer = _table_layer(kind, options, self.input_format(options), seed, name)
        else:
            layer = _other_layer(kind, options, self.shape, seed, name)
        after = shape_after(description, self.shape)
        if kind in ("flatten", "reshape"):
            self.formats = None if self.formats is None else self.formats.reshape(after)
        elif isinstance(options, PoolOptions):  # neither leaves the range of what it reads
            self.formats = None if self.formats is None else _pooled(self.formats, after)
        else:
            self.formats = None
            self.summed = self.summed * math.prod(self.shape) // math.prod(after) if kind == "sum" else 1
        self.shape = after
        return layer

    def input_format(self, options: TableOptions) -> str | list[str]:
        """Return the described format, else the formats of the data, else the format between layers.

        Sums of n values of either sign grow like the root of n.
        """
        if options.input_format is not None:
            return options.input_format
        if self.formats is None:
            kif = parse_fixed(HIDDEN_FORMAT)
            grown = math.ceil(math.log2(self.summed) / 2)
            return str(KIF(kif.k, kif.i + grown, kif.f - grown))
        return [str(hull(column)) for column in self.formats.reshape(-1, self.shape[-1]).T]


def _pooled(formats: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return formats of an array of this shape; each channel has one at all positions."""
    pooled = np.empty(shape, dtype=object)
    for channel, column in enumerate(formats.reshape(-1, shape[-1]).T):
        common = hull(column)
        for place in np.ndindex(*shape[:-1]):
            pooled[(*place, channel)] = common
    return pooled


def _table_layer(kind: str, options: TableOptions, input_format: str | list[str], seed: int, name: str) -> keras.Layer:
    from trigger_lut import layers

    classes = {"lut_dense": layers.LUTDense, "lut_conv1d": layers.LUTConv1D, "lut_conv2d": layers.LUTConv2D}
    given = {key: getattr(options, key) for key in type(options).model_fields}
    return classes[kind](**{**given, "input_format": input_format, "seed": seed, "name": name})


def _other_layer(kind: str, options: Any, shape: tuple[int, ...], seed: int, name: str) -> keras.Layer:
    if kind == "flatten":
        return keras.layers.Flatten(data_format="channels_last", name=name)
    if kind == "reshape":
        return keras.layers.Reshape(options.target_shape, name=name)
    if isinstance(options, PoolOptions):
        sizes = options.pool_size if isinstance(options.pool_size, list) else [options.pool_size]
        what = "Max" if isinstance(options, MaxPoolOptions) else "Average"
        pooling = getattr(keras.layers, f"{what}Pooling{len(sizes)}D")
        return pooling(options.pool_size, options.strides, options.padding, data_format="channels_last", name=name)
    import hgq.layers
    from hgq.config import QuantizerConfigScope

    if kind == "sum":
        # Exact: what is summed is on its grid already.
        return hgq.layers.QSum(axes=summed_axes(options, shape), enable_iq=False, name=name)
    classes = {
        "q_dense": hgq.layers.QDense,
        "q_conv1d": hgq.layers.QConv1D,
        "q_conv2d": hgq.layers.QConv2D,
        "q_einsum_dense": hgq.layers.QEinsumDense,
    }
    given = {key: getattr(options, key) for key in type(options).model_fields}
    given = {key: tuple(value) if isinstance(value, list) else value for key, value in given.items()}
    given |= {"data_format": "channels_last"} if "conv" in kind else {}  # whatever the user's keras.json says
    # Of what enters, low bits are dropped (no adder), and what is too large is clipped: wrapping would need a proof.
    with QuantizerConfigScope(place="datalane", round_mode="TRN", overflow_mode="SAT"):
        return classes[kind](**given, kernel_initializer=keras.initializers.GlorotUniform(seed), name=name)


def load_given(network: NetworkShape, events: EventCodes) -> PreparedModel:
    """Load the model of `network.keras_file` in the form that becomes firmware.

    Parameters
    ----------
    network : NetworkShape
        The network of the budget file.
    events : EventCodes
        The events of its data set.

    Returns
    -------
    PreparedModel

    Raises
    ------
    ConfigurationError
        If it cannot be loaded, quantized, or made to give probabilities.
    """
    try:
        return prepare_given(load_model(str(network.keras_file)), network, events=events)
    except (CardError, FirmwareError) as error:
        raise ConfigurationError(f"network.keras_file: {network.keras_file}: {error}") from error


def of_flat_input(model: keras.Model, inputs: int) -> keras.Model:
    """Return a model whose only input is (N, inputs) and whose only output is (N, outputs), with the same layers.

    Parameters
    ----------
    model : keras.Model
        A model whose input values are `inputs` in all.
    inputs : int
        Number of values.

    Returns
    -------
    keras.Model
        The model itself where it has this form.
    """
    plain = not isinstance(inputs_structure(model), dict)
    ranks = [len(tensor.shape) for tensor in model.outputs]
    if plain and ranks == [2] and [tuple(tensor.shape) for tensor in model.inputs] == [(None, inputs)]:
        return model
    x = keras.Input((inputs,))
    parts, start = [], 0
    for tensor in model.inputs:
        size = math.prod(tensor.shape[1:])
        parts.append(keras.layers.Reshape(tensor.shape[1:])(x[:, start : start + size]))
        start += size
    struct = inputs_structure(model)
    argument = keras.tree.pack_sequence_as(struct, parts) if isinstance(struct, dict) else parts
    outputs = model(argument if len(parts) > 1 or isinstance(struct, dict) else parts[0])
    flattened = [keras.layers.Flatten()(y) for y in keras.tree.flatten(outputs)]
    return keras.Model(x, keras.layers.Concatenate()(flattened) if len(flattened) > 1 else flattened[0])


def _of_function(function: str, formats: Sequence[KIF], classes: int, seed: int) -> keras.Model:
    """Return the model of the user's function; its exceptions reach the user unchanged."""
    model = load_function(function)(formats=tuple(formats), classes=classes, seed=seed)
    if not isinstance(model, keras.Model):
        raise ConfigurationError(f"network.builder: {function}: expected a Keras model, found {type(model).__name__}")
    for what, tensors, wanted in (("an input", model.inputs, len(formats)), ("an output", model.outputs, classes)):
        shapes = [tuple(tensor.shape) for tensor in tensors or []]
        if shapes != [(None, wanted)]:
            text = ", ".join(map(str, shapes)) or "a model that is not built"
            raise ConfigurationError(
                f"network.builder: {function}: expected {what} of shape (None, {wanted}), found {text}"
            )
    return model
