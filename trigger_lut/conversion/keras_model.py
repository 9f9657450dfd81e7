"""From a trained Keras model to an integer network: its graph, followed from the inputs to the outputs.

Every tensor becomes an array of numbers of the network's values (`network.Network`). Layers of tables and arithmetic
layers add values; what only rearranges them - reshape, flatten, permute, concatenate, slices, padding - is carried
out on the numbers. A model within a model is followed anew at each of its calls.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from trigger_lut.conversion.affine import Affine, affine_of, linear_layers, output_quantiser, relu_of
from trigger_lut.conversion.hgq_tables import hgq_tables, is_hgq_table
from trigger_lut.conversion.keras_calls import check_call, flat_inputs, is_of_library
from trigger_lut.conversion.lut_layers import integer_form, integer_forms
from trigger_lut.conversion.maximum import Selection, max_layers, selection_of
from trigger_lut.conversion.network_layer import WholeNetwork
from trigger_lut.conversion.rearranging import rearranged
from trigger_lut.errors import FirmwareError
from trigger_lut.fixed_point.formats import KIF, IntArray
from trigger_lut.layers.base import TableLayer
from trigger_lut.network.network import PADDING, Layer, Network
from trigger_lut.network.simplify import with_proven_overflow, without_unread

__all__ = ["decode_outputs", "integer_form", "integer_network"]


def integer_network(
    model: keras.Model,
    features: Sequence[str] = (),
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
    _check_model(model)
    walk = Walk(model, inputs)
    outputs = np.concatenate([walk.of(tensor).reshape(-1) for tensor in model.outputs])
    if not walk.layers:
        raise FirmwareError(f"model {model.name!r} has no layers")
    if (outputs == PADDING).any():
        raise FirmwareError(f"model {model.name!r}: an output is padding")
    network = with_proven_overflow(
        Network(walk.formats(), tuple(walk.layers), tuple(features), tuple(classes), outputs)
    )
    if prune:
        network = without_unread(network)
    if np.array_equal(network.output_values, replace(network, outputs=None).output_values):
        network = replace(network, outputs=None)
    problems = network.problems()
    assert not problems, problems
    if not wraps and (open_channels := network.wraps()):
        raise FirmwareError(f"model {model.name!r}: " + "; ".join(open_channels[:3]) + "; expected overflow SAT there")
    return network


def _check_model(model: Any) -> None:
    """Raise FirmwareError for a model that is no graph from inputs to outputs, or that computes something else."""
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


class Walk:
    """A model on its way: layers so far, and which values each tensor has in the present call.

    `calls` holds, for the model that is followed, each tensor by its id with the numbers of its values. Keeping the
    tensor keeps its id from being given to another one.
    """

    def __init__(self, model: Any, inputs: Sequence[KIF] | None) -> None:
        sizes = [int(np.prod(tensor.shape[1:])) for tensor in model.inputs]
        if inputs is not None and len(inputs) != sum(sizes):
            raise FirmwareError(f"model {model.name!r} has {sum(sizes)} inputs, found {len(inputs)} input formats")
        self.known: list[KIF | None] = [None] * sum(sizes) if inputs is None else list(inputs)
        self.given = inputs is not None
        self.layers: list[Layer] = []
        self.end = sum(sizes)
        starts = np.cumsum([0, *sizes])
        numbers = [np.arange(first, first + size) for first, size in zip(starts, sizes, strict=False)]
        self.calls = _numbered(model.inputs, numbers)

    def formats(self) -> tuple[KIF, ...]:
        """Formats of the inputs; those that nothing reads get one bit."""
        return tuple(KIF(0, 1, 0) if kif is None else kif for kif in self.known)

    def of(self, tensor: Any) -> IntArray:
        """Numbers of the values behind a tensor, in its shape without the batch's axis."""
        if id(tensor) not in self.calls:
            history = tensor._keras_history
            op, node = history.operation, history.operation._inbound_nodes[history.node_index]
            if not node.input_tensors:
                raise FirmwareError(f"layer {op.name!r}: an input that the model does not have")
            found = self._apply(op, node, [self.of(source) for source in node.input_tensors])
            self.calls |= _numbered(node.outputs, found, op)
            self.calls |= _numbered([tensor], [found[history.tensor_index]], op)
        return self.calls[id(tensor)][1]

    @contextmanager
    def _call(self, tensors: Sequence[Any], values: Sequence[IntArray]) -> Iterator[None]:
        """Follow another graph within the block, from these tensors on, without what other calls of it have found."""
        outer, self.calls = self.calls, _numbered(tensors, values)
        try:
            yield
        finally:
            self.calls = outer

    def _apply(self, op: Any, node: Any, read: list[IntArray]) -> list[IntArray]:
        """Numbers of the values of each output of one call."""
        check_call(op, node)
        if not is_of_library(op):
            return self._own(op, node, read)
        if isinstance(op, TableLayer):
            return [self._tables(op, read[0])]
        if isinstance(op, WholeNetwork):
            return [self._whole(op, read)]
        if is_hgq_table(op):
            return [self._hgq_tables(op, read[0])]
        if isinstance(op, keras.Model):
            return self._inner(op, node)
        moved = rearranged(op, node, read)
        if moved is not None:
            return moved
        found = op, node, [values.shape for values in read], lambda: self._exact(op, read)
        chosen = selection_of(*found)
        stages = affine_of(*found) if chosen is None else [chosen, *output_quantiser(op, chosen.shape)]
        for stage in stages:
            read = [self._stage(stage, np.concatenate([v.reshape(-1) for v in read]))]
        return read[:1]

    def _stage(self, stage: Affine | Selection, values: IntArray) -> IntArray:
        made = max_layers if isinstance(stage, Selection) else linear_layers
        layers, order = made(stage, values, self.end)
        self._add(layers)
        return order.reshape(stage.shape)

    def _tables(self, op: TableLayer, values: IntArray) -> IntArray:
        local = op.sites((None, *values.shape))
        sites = np.where(local == PADDING, PADDING, values.reshape(-1)[local])
        forms = integer_forms(op, sites)
        if not self.given:
            self._note_formats(op, sites)
        start = self.end
        self._add(forms)
        return np.arange(start, self.end).reshape(op.compute_output_shape((None, *values.shape))[1:])

    def _whole(self, op: WholeNetwork, read: list[IntArray]) -> IntArray:
        """The layers of a network that is a layer."""
        inner, values = op.network, np.concatenate([v.reshape(-1) for v in read])
        number = np.concatenate([values, self.end + np.arange(inner.starts[-1] - len(values)), [PADDING]])
        entered = [(v, kif) for v, kif in zip(values.tolist(), inner.inputs, strict=True) if v < len(self.known)]
        for value, kif in entered:
            if self.given and self.known[value] != kif:
                raise FirmwareError(f"layer {op.name!r} reads input {value} as {kif}, given was {self.known[value]}")
            self.known[value] = kif
        self._add([replace(x, sites=number[sites]) for x, sites in zip(inner.layers, inner.sites, strict=True)])
        return number[inner.output_values]

    def _hgq_tables(self, op: Any, values: IntArray) -> IntArray:
        found, start = hgq_tables(op, values), self.end
        self._add(found.forms)
        made = start + found.order
        if found.relu:
            made = self._stage(relu_of(f"{op.name}_relu", self._exact(op, [made])), made.reshape(-1))
        return made.reshape(found.order.shape)

    def _note_formats(self, op: TableLayer, sites: IntArray) -> None:
        """Inputs of the model that a table layer reads have its formats."""
        for i, kif in enumerate(op.formats):
            for value in sites[:, i][(sites[:, i] >= 0) & (sites[:, i] < len(self.known))]:
                if self.known[value] not in (None, kif):
                    raise FirmwareError(
                        f"layer {op.name!r} reads input {value} as {kif}, another layer as {self.known[value]}; "
                        "expected `inputs`, the formats of the inputs"
                    )
                self.known[value] = kif

    def _inner(self, op: keras.Model, node: Any) -> list[IntArray]:
        """One call of a model within the model."""
        read = [self.of(tensor) for tensor in flat_inputs(op, node)]
        with self._call(op.inputs, read):
            return [self.of(tensor) for tensor in op.outputs]

    def _own(self, op: Any, node: Any, read: list[IntArray]) -> list[IntArray]:
        """A user's own layer: what its `call` is made of, followed like the model itself."""
        kind = type(op).__name__
        if not isinstance(op, keras.Layer):
            raise FirmwareError(f"layer {op.name!r} is a {kind}, an operation of {type(op).__module__}")
        sublayers = op._flatten_layers(include_self=False)
        calls = [(layer, len(layer._inbound_nodes)) for layer in sublayers]
        given = {id(t): keras.KerasTensor(t.shape, t.dtype) for t in node.input_tensors}
        arguments, options = node.arguments.fill_in(given)
        entered = dict(zip((id(t) for t in node.input_tensors), read, strict=True))
        try:
            with self._call(list(given.values()), [entered[key] for key in given]):
                found = op.call(*arguments, **{key: value for key, value in options.items() if value is not None})
                tensors = keras.tree.flatten(found)
                if strange := [type(x).__name__ for x in tensors if not isinstance(x, keras.KerasTensor)]:
                    raise TypeError(f"gives {strange[0]}")
                return [self.of(tensor) for tensor in tensors]
        except FirmwareError as error:
            raise FirmwareError(f"layer {op.name!r}, a {kind}: {error}") from error
        except (TypeError, ValueError, AttributeError, NotImplementedError) as error:
            raise FirmwareError(
                f"layer {op.name!r} is a {kind} whose call is not made of Keras' layers and operations on "
                f"tensors ({type(error).__name__}: {str(error).splitlines()[0]}); expected keras.ops, and a shape "
                "without the batch that is known"
            ) from error
        finally:
            for layer, count in calls:
                del layer._inbound_nodes[count:]

    def _exact(self, op: Any, read: list[IntArray]) -> list[KIF]:
        """The narrowest format of each value that an operation reads as it is."""
        values = np.concatenate([v.reshape(-1) for v in read])
        entered = values[(values >= 0) & (values < len(self.known))]
        if any(self.known[v] is None for v in entered):
            raise FirmwareError(
                f"layer {op.name!r} reads inputs whose formats no layer of tables gives; expected `inputs`, "
                "the formats of the inputs"
            )
        ranges = Network(self.formats(), tuple(self.layers)).ranges
        return list(ranges[np.maximum(values, 0)].formats())

    def _add(self, layers: Sequence[Layer]) -> None:
        self.layers += layers
        self.end += sum(layer.places * layer.shape[1] for layer in layers)


def _numbered(tensors: Sequence[Any], values: Sequence[IntArray], op: Any = None) -> dict[int, tuple[Any, IntArray]]:
    """Numbers of values by the id of their tensor, in its shape."""
    found = {}
    for tensor, numbers in zip(tensors, values, strict=True):
        shape = tuple(tensor.shape[1:])
        if None in shape or int(np.prod(shape)) != numbers.size:
            raise FirmwareError(
                f"layer {op.name if op else tensor.name!r}: {numbers.size} values for a tensor of shape "
                f"{tuple(tensor.shape)}. Expected axes that are known but for the batch's"
            )
        found[id(tensor)] = tensor, numbers.reshape(shape)
    return found


def decode_outputs(outputs: Any, network: Network) -> np.ndarray:
    """Real values (N, C_out) of integer outputs, for losses and scores."""
    return np.asarray(outputs, dtype=np.float64) * 2.0 ** -network.fractions.astype(np.float64)
