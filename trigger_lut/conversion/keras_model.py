"""Conversion of a trained Keras model to an integer network.

The converter follows the graph of the model from its inputs to its outputs. Each tensor becomes an array of value
numbers (`network.Network`). Table layers and arithmetic layers add values. Reshapes, slices, concatenations and
padding only rearrange the numbers. A model within a model is followed again at each of its calls.

Results of a function of one value (`functions`) get provisional numbers, until a quantizer reads them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np

from trigger_lut.conversion import functions
from trigger_lut.conversion.affine import (
    Affine,
    affine_map,
    called,
    identity_map,
    input_formats,
    is_exact_offset,
    is_relu,
    linear_layers,
    output_quantizer,
    quantizer_formats,
    relu_map,
)
from trigger_lut.conversion.composed import composed_call
from trigger_lut.conversion.functions import Chain, RealFunction
from trigger_lut.conversion.hgq_tables import convert_hgq_tables, function_of, is_hgq_table, is_open_function
from trigger_lut.conversion.keras_graph import (
    check_call,
    check_weights,
    flat_inputs,
    forgotten_calls,
    is_of_library,
    producer,
    sublayers,
)
from trigger_lut.conversion.lut_layers import to_integer_layers
from trigger_lut.conversion.maximum import Selection, is_minimum, max_layers, selection_of
from trigger_lut.conversion.network_layer import NetworkLayer
from trigger_lut.conversion.products import is_product, product_layers, products_of
from trigger_lut.conversion.rearranging import rearranged
from trigger_lut.conversion.rounding import MODES, rounding_layer
from trigger_lut.errors import FirmwareError
from trigger_lut.fixed_point.formats import KIF, IntArray, kif_for_range
from trigger_lut.fixed_point.ranges import Ranges
from trigger_lut.layers.base import LookupLayer
from trigger_lut.network.network import PADDING, IntegerLayer, Network
from trigger_lut.network.simplify import with_proven_overflow, without_unread

PROVISIONAL = 1 << 23  # first number of a result of a function


def integer_network(
    model: keras.Model,
    features: Sequence[str] = (),
    *,
    classes: Sequence[str] = (),
    prune: bool = True,
    inputs: Sequence[KIF] | None = None,
    wraps: bool = False,
) -> Network:
    """Convert a Keras model to a network of integers.

    LUT layers, arithmetic layers of HGQ2, sums, maxima and layers that rearrange values are converted.

    Parameters
    ----------
    model : keras.Model
        The trained model.
    features, classes : sequence of str
        Names of the inputs and outputs, for reports.
    prune : bool
        Remove edges into values that nothing reads, and entries that no input reaches.
    inputs : sequence of KIF, optional
        Format of each input value, all inputs flattened and concatenated. Default: the formats of the LUT layers that
        read them.
    wraps : bool
        Accept values that overflow where the model says WRAP; they are then taken modulo 2**bits.

    Returns
    -------
    Network
        The integer network.

    Raises
    ------
    FirmwareError
        If the model has a layer of another kind, if an input has no format, or, without `wraps`, if values may wrap.
    """
    check_model(model)
    converter = GraphConverter(model, inputs)
    outputs = np.concatenate([converter.exact(converter.value_ids_of(t)).reshape(-1) for t in model.outputs])
    if not converter.layers:
        raise FirmwareError(
            f"model {model.name!r}: no layers. Expected at least one. Add a layer of tables or arithmetic"
        )
    if (outputs == PADDING).any():
        raise FirmwareError(
            f"model {model.name!r}: an output is padding. Expected values of the network alone. Crop the padding"
        )
    network = with_proven_overflow(
        Network(converter.formats(), tuple(converter.layers), tuple(features), tuple(classes), outputs)
    )
    if prune:
        network = without_unread(network)
    if np.array_equal(network.output_values, replace(network, outputs=None).output_values):
        network = replace(network, outputs=None)
    problems = network.validate()
    assert not problems, problems
    if not wraps and (open_channels := network.overflow_risks()):
        raise FirmwareError(
            f"model {model.name!r}: {'; '.join(open_channels[:3])}. Expected overflow_mode 'SAT' there, found 'WRAP'. "
            "Change the quantizer, or give it more integer bits"
        )
    return network


def check_model(model: Any) -> None:
    """Refuse a model that is no graph from inputs to outputs, or whose own `call` computes something else.

    Parameters
    ----------
    model : keras.Model
        The model.

    Raises
    ------
    FirmwareError
        For such a model, and for inputs of unknown shape.
    """
    try:
        inputs = model.inputs
    except (AttributeError, ValueError):
        inputs = None
    if not inputs or not is_of_library(model):
        raise FirmwareError(
            f"model {model.name!r}: a {type(model).__name__} without a graph of its own `call`. Expected a functional "
            "model, or a Sequential that is built; wrap it: x = keras.Input(shape); keras.Model(x, model(x))"
        )
    for tensor in inputs:
        if None in tensor.shape[1:]:
            raise FirmwareError(
                f"model {model.name!r}: input {tensor.name!r} has shape {tuple(tensor.shape)}. Expected axes that are "
                "known but for the batch's"
            )
    check_weights(model)


@dataclass(frozen=True)
class TableEdges:
    """Edges of a table layer of HGQ2 in the integer network.

    Attributes
    ----------
    name : str
        Of the layer of the network.
    op : keras.Layer
        The Keras layer.
    numbers : (P, C_in, C_out) int array
        Numbers of the edges among those of the Keras layer, flattened; -1 where there is none.
    shape : tuple of int
        Of the quantizers of all edges of the Keras layer, without the batch axis.
    """

    name: str
    op: Any
    numbers: IntArray
    shape: tuple[int, ...]


def table_edges(model: keras.Model, inputs: Sequence[KIF]) -> list[TableEdges]:
    """Find the edges of HGQ2's table layers in the integer network of a model.

    Parameters
    ----------
    model : keras.Model
        The model.
    inputs : sequence of KIF
        Formats of its inputs.

    Returns
    -------
    list of TableEdges
        One for each layer of the network that comes from a table layer of HGQ2.

    Raises
    ------
    FirmwareError
        As `integer_network`.
    """
    check_model(model)
    converter = GraphConverter(model, inputs)
    for tensor in model.outputs:
        converter.exact(converter.value_ids_of(tensor))
    return converter.table_edges


class GraphConverter:
    """Conversion in progress: the layers so far, and the values of each tensor.

    Parameters
    ----------
    model
        The model, or any object with its `inputs` and `name`.
    inputs : sequence of KIF, optional
        Format of each input value. Default: the formats of the LUT layers that read them.

    Attributes
    ----------
    layers : list of IntegerLayer
        Converted so far.
    value_count : int
        Number of values so far, inputs included.
    input_formats : list of KIF or None
        Format of each input value; None where unknown so far.
    formats_given : bool
        Whether the caller gave the formats.
    table_edges : list of TableEdges
        Edges of HGQ2's table layers, in the order of their conversion.
    """

    def __init__(self, model: Any, inputs: Sequence[KIF] | None) -> None:
        sizes = [int(np.prod(tensor.shape[1:])) for tensor in model.inputs]
        if inputs is not None and len(inputs) != sum(sizes):
            raise FirmwareError(
                f"model {model.name!r}: expected {sum(sizes)} input formats, one for each input, found {len(inputs)}. "
                "Give a format for each channel"
            )
        self.input_formats: list[KIF | None] = [None] * sum(sizes) if inputs is None else list(inputs)
        self.formats_given = inputs is not None
        self.layers: list[IntegerLayer] = []
        self.table_edges: list[TableEdges] = []
        self.value_count = sum(sizes)
        starts = np.cumsum([0, *sizes])
        numbers = [np.arange(first, first + size) for first, size in zip(starts, sizes, strict=False)]
        self._functions: list[RealFunction] = []  # by provisional number
        self._quantized: dict[Any, int] = {}  # numbers of results of functions and of rounded values
        self._ranges: tuple[int, Ranges] | None = None  # with the number of layers that they are of
        # By the id of a tensor. The tensor is kept with its numbers, so that no other object gets its id.
        self._value_ids = _by_tensor(model.inputs, numbers)

    def formats(self) -> tuple[KIF, ...]:
        """Return the formats of the inputs; those that nothing reads get one bit."""
        return tuple(KIF(0, 1, 0) if kif is None else kif for kif in self.input_formats)

    def value_ids_of(self, tensor: Any) -> IntArray:
        """Return the numbers of the values of a tensor, and convert what they depend on.

        Parameters
        ----------
        tensor : keras.KerasTensor

        Returns
        -------
        int array
            In the tensor's shape without the batch axis; PADDING where the value is 0.

        Raises
        ------
        FirmwareError
            If an operation before the tensor has no integer form.
        """
        if id(tensor) not in self._value_ids:
            op, node, index = producer(tensor)
            if not node.input_tensors:
                raise FirmwareError(
                    f"layer {op.name!r}: reads a tensor that is no input of the model. Add it to its inputs"
                )
            outputs = self._convert_call(op, node, [self.value_ids_of(source) for source in node.input_tensors])
            self._value_ids |= _by_tensor(node.outputs, outputs, op)
            self._value_ids |= _by_tensor([tensor], [outputs[index]], op)
        return self._value_ids[id(tensor)][1]

    @contextmanager
    def _inner_graph(self, tensors: Sequence[Any], values: Sequence[IntArray]) -> Iterator[None]:
        """Follow another graph within the block, from these tensors on, without values of its other calls."""
        outer, self._value_ids = self._value_ids, _by_tensor(tensors, values)
        try:
            yield
        finally:
            self._value_ids = outer

    def _convert_call(self, op: Any, node: Any, read: list[IntArray]) -> list[IntArray]:
        """Numbers of the values of each output of one call."""
        check_call(op, node)
        if not is_of_library(op):
            return self._convert_user_layer(op, node, read)
        if isinstance(op, LookupLayer):
            return [self._convert_lut_layer(op, read[0])]
        if isinstance(op, NetworkLayer):
            return [self._convert_network_layer(op, read)]
        if is_hgq_table(op):
            return [self._convert_hgq_layer(op, read[0])]
        if is_open_function(op):
            return [self._convert_open_function(op, read[0])]
        if isinstance(op, keras.Model):
            return self._convert_inner_model(op, node)
        moved = rearranged(op, node, read=read)
        if moved is not None:
            return moved
        followed = self._convert_composed(op, node, read)
        if followed is not None:
            return followed
        if is_product(op, node):
            return [self._convert_product(op, node, read)]
        if functions.is_function(op, node) and not self._is_affine(op, node, read[0]):
            return [self._convert_function(op, lambda x: called(op, node, x=x), read[0])]
        return [self._convert_arithmetic(op, node, read)]

    def _is_affine(self, op: Any, node: Any, values: IntArray) -> bool:
        """Return whether a function of one value is rather a ReLU or an offset of values of the network."""
        if not (values < PROVISIONAL).all():
            return False
        ranges = lambda: [self._range_of(op.name, max(int(v), 0)) for v in values.reshape(-1)]  # noqa: E731
        return is_relu(op) or is_exact_offset(op, node, shape=values.shape, ranges=ranges)

    def _convert_arithmetic(self, op: Any, node: Any, read: list[IntArray]) -> IntArray:
        """Convert an affine operation or a maximum, its activation and its output quantizer."""
        if functions.of_several_values(op):
            raise FirmwareError(
                f"layer {op.name!r}: activation {op.activation.__name__!r} within the model. Expected it at the end, "
                "where `without_final_activation` removes it, or a function of one value"
            )
        shapes = [values.shape for values in read]
        if is_minimum(op):
            read = self._negated(op, read)
        elif not getattr(op, "enable_iq", False) and type(op).__name__ != "Quantizer":
            read = [self.exact(values) for values in read]
        exact = lambda: self._exact_formats(op, read)  # noqa: E731
        stage = selection_of(op, node, shapes=shapes, exact=exact) or affine_map(op, node, shapes=shapes, exact=exact)
        flat = np.concatenate([v.reshape(-1) for v in read])
        if isinstance(stage, Affine) and (flat == PADDING).all() and not stage.bias.any():
            values = np.full(stage.shape, PADDING, dtype=np.int64)  # the first step of a recurrent layer reads zeros
        else:
            values = self._append_stage(stage, flat)
        if is_minimum(op):
            (values,) = self._negated(None, [values], op.name)
        if isinstance(stage, Affine) and stage.divisors is not None:
            values = self._divide(op, values, stage.divisors.reshape(values.shape))
        activation = getattr(op, "activation", None)
        if activation not in (None, keras.activations.linear) and not is_relu(op):
            values = self._convert_function(op, activation, values)
        return self._quantized_outputs(op, values)

    def _quantized_outputs(self, op: Any, values: IntArray) -> IntArray:
        for quantizer in output_quantizer(op, values.shape):
            values = self._append_stage(quantizer, values.reshape(-1))
        return values

    def _convert_product(self, op: Any, node: Any, read: list[IntArray]) -> IntArray:
        """Convert products of values that depend on the input, and sums of them."""
        shapes = [values.shape for values in read]
        terms = products_of(op, node, shapes=shapes)
        flat = [values.reshape(-1) for values in self._quantized_inputs(op, read)]
        values, output = flat[0][terms.factors[0]], np.arange(len(terms.output))
        for n in range(1, len(flat)):
            last = n == len(flat) - 1
            layers, order = product_layers(
                op.name if last else f"{op.name}_{n}",
                values,
                second=flat[n][terms.factors[n]],
                output=terms.output if last else output,
                formats=lambda value: kif_for_range(*self._range_of(op.name, value)),
                start=self.value_count,
            )
            self._append(layers)
            values = order
        return self._quantized_outputs(op, values.reshape(tuple(int(size) for size in node.outputs[0].shape[1:])))

    def _quantized_inputs(self, op: Any, read: list[IntArray]) -> list[IntArray]:
        """Apply the input quantizers of an operation; without them, its values are exact."""
        if not getattr(op, "enable_iq", False):
            return [self.exact(values) for values in read]
        quantizers = op.iq.quantizers if hasattr(op.iq, "quantizers") else [op.iq]
        value_ids = []
        for n, (quantizer, values) in enumerate(zip(quantizers, read, strict=True)):
            formats, overflow, rounding = quantizer_formats(op, quantizer, shape=values.shape)
            stage = identity_map(f"{op.name}_iq{n}", formats, overflow=overflow, rounding=rounding, shape=values.shape)
            value_ids.append(self._append_stage(stage, values.reshape(-1)))
        return value_ids

    def _negated(self, op: Any, read: list[IntArray], name: str = "") -> list[IntArray]:
        """Negate values; those that an operation reads are quantized first."""
        quantizers = None if op is None else input_formats(op, [values.shape for values in read])
        if quantizers is None:
            read = [self.exact(values) for values in read]
        values = np.concatenate([v.reshape(-1) for v in read])
        formats, overflow, rounding = quantizers or (self._exact_formats(op, read), "WRAP", "TRN")
        stage = identity_map(
            f"{name or op.name}_negated",
            formats,
            overflow=overflow,
            rounding=rounding,
            shape=(values.size,),
            weight=-1.0,
        )
        outputs = self._append_stage(stage, values)
        ends = np.cumsum([v.size for v in read])[:-1]
        return [part.reshape(v.shape) for part, v in zip(np.split(outputs, ends), read, strict=True)]

    def _convert_function(self, op: Any, call: Callable[[Any], Any], values: IntArray) -> IntArray:
        """Give the results of a function provisional numbers."""
        arguments = [self._argument(op.name, int(v)) for v in values.reshape(-1)]
        return self._provisional(functions.apply(op, call, arguments=arguments, shape=values.shape), values.shape)

    def _divide(self, op: Any, values: IntArray, divisors: IntArray) -> IntArray:
        results = values.reshape(-1).copy()
        for n in np.flatnonzero(divisors.reshape(-1) > 1):
            quotient = functions.scaled(
                op.name, self._argument(op.name, results[n]), divisor=int(divisors.reshape(-1)[n])
            )
            results[n] = self._provisional([quotient], (1,))[0]
        return results.reshape(values.shape)

    def _argument(self, name: str, value: int) -> RealFunction:
        if value >= PROVISIONAL:
            return self._functions[value - PROVISIONAL]
        return functions.identity(name, value, codes=(0, 0, 0) if value == PADDING else self._range_of(name, value))

    def _provisional(self, results: list[RealFunction], shape: tuple[int, ...]) -> IntArray:
        first = PROVISIONAL + len(self._functions)
        self._functions += results
        return np.arange(first, first + len(results)).reshape(shape)

    def exact(self, values: IntArray) -> IntArray:
        """Return the numbers of values of the network, with tables for results of functions.

        Parameters
        ----------
        values : int array
            Numbers of values.

        Returns
        -------
        int array
            In the same shape.

        Raises
        ------
        FirmwareError
            If a function has results without an exact fixed-point form.
        """
        flat = values.reshape(-1).copy()
        requests = {int(v): functions.exact_chain(self._functions[v - PROVISIONAL]) for v in flat if v >= PROVISIONAL}
        numbers = self._append_helpers({v: (chain, self._source(v)) for v, chain in requests.items()})
        return np.array([numbers.get(int(v), v) for v in flat], dtype=np.int64).reshape(values.shape)

    def _source(self, value: int) -> int:
        return self._functions[value - PROVISIONAL].source if value >= PROVISIONAL else value

    def _quantized_chain(self, value: int, kif: KIF, overflow: str, rounding: str, name: str) -> Chain | None:
        """Build the layers between a value and a channel that reads it in a format; None where none is needed."""
        if value >= PROVISIONAL:
            return functions.quantized_chain(
                self._functions[value - PROVISIONAL], kif, overflow=overflow, rounding=rounding
            )
        lo, hi, f = self._range_of(name, value)
        if rounding not in MODES or f <= kif.f:
            return None
        return functions.single(
            rounding_layer(f"{name}_rounding", kif_for_range(lo, hi, f=f), fraction_bits=kif.f, rounding=rounding)
        )

    def _append_helpers(self, requests: dict[Any, tuple[Chain, int]]) -> dict[Any, int]:
        """Append chains, each of which reads a value; equal ones become positions of the same layers."""
        groups: dict[str, tuple[Chain, list[int], list[Any]]] = {}
        for key, (chain, source) in requests.items():
            arrays = [a.tobytes() for x in chain.layers for a in vars(x).values() if isinstance(a, np.ndarray)]
            form = repr(([(x.name, x.inputs) for x in chain.layers], arrays))
            _, sources, keys = groups.setdefault(form, (chain, [], []))
            sources.append(source)
            keys.append(key)
        names = [chain.layers[-1].name for chain, _, _ in groups.values()]
        numbers: dict[Any, int] = {}
        for n, (chain, sources, keys) in enumerate(groups.values()):
            ids = [np.array(sources, dtype=np.int64)]
            for layer, reads in zip(chain.layers, chain.reads, strict=True):
                name = layer.name if names.count(chain.layers[-1].name) == 1 else f"{layer.name}_part{n}"
                gather_index = np.stack([ids[read] for read in reads], axis=1)
                self.layers.append(replace(layer, name=name, gather_index=gather_index))
                ids.append(self.value_count + np.arange(len(sources)))
                self.value_count += len(sources)
            numbers |= dict(zip(keys, ids[-1].tolist(), strict=True))
        return numbers

    def _append_stage(self, stage: Affine | Selection, values: IntArray) -> IntArray:
        convert = max_layers if isinstance(stage, Selection) else linear_layers
        layers, order = convert(stage, values, start=0)
        return (order + self._append(layers)).reshape(stage.shape)

    def _convert_lut_layer(self, op: LookupLayer, values: IntArray) -> IntArray:
        local = op.gather_index((None, *values.shape))
        gather_index = np.where(local == PADDING, PADDING, values.reshape(-1)[local])
        layers = to_integer_layers(op, gather_index)
        if not self.formats_given:
            self._record_input_formats(op, gather_index)
        start = self._append(layers)
        return np.arange(start, self.value_count).reshape(op.compute_output_shape((None, *values.shape))[1:])

    def _convert_network_layer(self, op: NetworkLayer, read: list[IntArray]) -> IntArray:
        inner, values = op.network, np.concatenate([self.exact(v).reshape(-1) for v in read])
        number = np.concatenate([values, self.value_count + np.arange(inner.first_value[-1] - len(values)), [PADDING]])
        for value, kif in zip(values.tolist(), inner.inputs, strict=True):
            if value >= len(self.input_formats):
                continue
            if self.formats_given and self.input_formats[value] != kif:
                raise FirmwareError(
                    f"layer {op.name!r}: expected input {value} as {kif}, found {self.input_formats[value]}. Give the "
                    "format that the layer reads"
                )
            self.input_formats[value] = kif
        self._append(
            [
                replace(x, gather_index=number[gather_index])
                for x, gather_index in zip(inner.layers, inner.gather_index, strict=True)
            ]
        )
        return number[inner.output_values]

    def _convert_hgq_layer(self, op: Any, values: IntArray) -> IntArray:
        tables = convert_hgq_tables(op, values)
        self.table_edges += [
            TableEdges(layer.name, op, numbers, tables.edge_shape)
            for layer, numbers in zip(tables.layers, tables.edges, strict=True)
        ]
        outputs = self._append(tables.layers) + tables.order
        if tables.activation is None:
            return outputs
        if tables.activation is not keras.activations.relu:
            return self._convert_function(op, tables.activation, outputs)
        relu = relu_map(f"{op.name}_relu", self._exact_formats(op, [outputs]))
        return self._append_stage(relu, outputs.reshape(-1)).reshape(tables.order.shape)

    def _convert_open_function(self, op: Any, values: IntArray) -> IntArray:
        """Convert an activation of HGQ2 that has a quantizer before or behind its function, or none."""
        if op.enable_iq:
            (values,) = self._quantized_inputs(op, [values])
        results = self._convert_function(op, function_of(op), values)
        return self._quantized_outputs(op, results)

    def _record_input_formats(self, op: LookupLayer, gather_index: IntArray) -> None:
        """Give the inputs of the model that a LUT layer reads its formats."""
        for i, kif in enumerate(op.formats):
            for value in gather_index[:, i][(gather_index[:, i] >= 0) & (gather_index[:, i] < len(self.input_formats))]:
                if self.input_formats[value] not in (None, kif):
                    raise FirmwareError(
                        f"layer {op.name!r}: input {value}: expected one format, found {kif} here and "
                        f"{self.input_formats[value]} in another layer. Give the formats of the inputs (`inputs`)"
                    )
                self.input_formats[value] = kif

    def _convert_inner_model(self, op: keras.Model, node: Any) -> list[IntArray]:
        read = [self.value_ids_of(tensor) for tensor in flat_inputs(op, node)]
        with self._inner_graph(op.inputs, read):
            return [self.value_ids_of(tensor) for tensor in op.outputs]

    def _convert_user_layer(self, op: Any, node: Any, read: list[IntArray]) -> list[IntArray]:
        """Follow the `call` of a user's own layer like the graph of a model."""
        if not isinstance(op, keras.Layer):
            raise FirmwareError(
                f"layer {op.name!r}: expected a layer or an operation of Keras, found a {type(op).__name__} of "
                f"{type(op).__module__}. Use keras.ops"
            )
        return self._follow_call(op, node, read, op.call)

    def _convert_composed(self, op: Any, node: Any, read: list[IntArray]) -> list[IntArray] | None:
        """Follow a layer of HGQ2 that is made of other layers; None for any other operation."""

        def zeros(size: int) -> Any:
            tensor = keras.KerasTensor((None, size), "float32")
            self._value_ids |= _by_tensor([tensor], [np.full(size, PADDING, dtype=np.int64)])
            return tensor

        call = composed_call(op, zeros)
        return None if call is None else self._follow_call(op, node, read, call)

    def _follow_call(self, op: Any, node: Any, read: list[IntArray], call: Callable[..., Any]) -> list[IntArray]:
        """Call a layer on symbolic tensors, and follow them from its outputs back to its inputs."""
        kind = type(op).__name__
        copies = {id(t): keras.KerasTensor(t.shape, t.dtype) for t in node.input_tensors}
        arguments, options = node.arguments.fill_in(copies)
        values = dict(zip((id(t) for t in node.input_tensors), read, strict=True))
        try:
            with (
                forgotten_calls(sublayers(op)),
                self._inner_graph(list(copies.values()), [values[key] for key in copies]),
            ):
                result = call(*arguments, **{key: value for key, value in options.items() if value is not None})
                tensors = keras.tree.flatten(result)
                if strange := [type(x).__name__ for x in tensors if not isinstance(x, keras.KerasTensor)]:
                    raise TypeError(f"gives {strange[0]}")
                return [self.value_ids_of(tensor) for tensor in tensors]
        except FirmwareError as error:
            raise FirmwareError(f"layer {op.name!r}, a {kind}: {error}") from error
        except (TypeError, ValueError, AttributeError, NotImplementedError) as error:
            raise FirmwareError(
                f"layer {op.name!r}: its call as a {kind} cannot be followed ({type(error).__name__}: "
                f"{str(error).splitlines()[0]}). Expected Keras layers and keras.ops alone, and a known shape"
            ) from error

    def _exact_formats(self, op: Any, read: list[IntArray]) -> list[KIF]:
        """Find the narrowest format of each value that an operation reads without a quantizer."""
        values = np.concatenate([v.reshape(-1) for v in read])
        return [kif_for_range(*self._range_of(op.name if op else "", max(int(v), 0))) for v in values]

    def _range_of(self, name: str, value: int) -> tuple[int, int, int]:
        """Smallest code, largest code and fraction bits of a value that a layer reads."""
        if value < len(self.input_formats) and self.input_formats[value] is None:
            raise FirmwareError(
                f"layer {name!r}: reads inputs without a format. Expected a quantizer before it. Add one, or give the "
                "formats of the inputs (`inputs`)"
            )
        if self._ranges is None or self._ranges[0] != len(self.layers):
            self._ranges = len(self.layers), Network(self.formats(), tuple(self.layers)).ranges
        return self._ranges[1].one(value)

    def _append(self, layers: Sequence[IntegerLayer]) -> int:
        """Append layers, after those that their channels need. Return the number of their first output."""
        requests: dict[Any, tuple[Chain, int]] = {}
        ready = []
        for layer in layers:
            keys = self._channel_keys(layer)
            for key in keys.values():
                if key not in self._quantized and key not in requests:
                    helper = self._quantized_chain(*key, layer.name)
                    if helper is not None:
                        requests[key] = helper, self._source(key[0])
            ready.append((layer, keys))
        self._quantized |= self._append_helpers(requests)
        start = self.value_count
        for layer, keys in ready:
            if keys:
                assert layer.gather_index is not None
                gather_index = layer.gather_index.copy()
                for position, key in keys.items():
                    gather_index[position] = self._quantized.get(key, key[0])
                layer = replace(
                    layer, gather_index=gather_index, rounding="TRN" if layer.rounding in MODES else layer.rounding
                )
            self.layers.append(layer)
            self.value_count += layer.n_positions * layer.shape[1]
        return start

    def _channel_keys(self, layer: IntegerLayer) -> dict[tuple[int, int], tuple[int, KIF, str, str]]:
        """Find the channels (position, channel) that need a layer before them: value, format, overflow, rounding."""
        assert layer.gather_index is not None
        needed = layer.gather_index >= (0 if layer.rounding in MODES else PROVISIONAL)
        return {
            (int(p), int(i)): (int(layer.gather_index[p, i]), layer.inputs[i], layer.overflow[i], layer.rounding)
            for p, i in np.argwhere(needed)
        }


def _by_tensor(tensors: Sequence[Any], values: Sequence[IntArray], op: Any = None) -> dict[int, tuple[Any, IntArray]]:
    """Numbers of values by the id of their tensor, in its shape."""
    numbered = {}
    for tensor, numbers in zip(tensors, values, strict=True):
        shape = tuple(tensor.shape[1:])
        if None in shape or int(np.prod(shape)) != numbers.size:
            raise FirmwareError(
                f"layer {op.name if op else tensor.name!r}: {numbers.size} values for a tensor of shape "
                f"{tuple(tensor.shape)}. Expected axes that are known but for the batch's"
            )
        numbered[id(tensor)] = tensor, numbers.reshape(shape)
    return numbered


def decode_outputs(outputs: Any, network: Network) -> np.ndarray:
    """Decode integer outputs, for losses and scores.

    Parameters
    ----------
    outputs : (N, C_out) int array
        As `evaluate` returns them.
    network : Network
        Their network.

    Returns
    -------
    ndarray of float64, shape (N, C_out)
        Real values.
    """
    return np.asarray(outputs, dtype=np.float64) * 2.0 ** -network.fractions.astype(np.float64)
