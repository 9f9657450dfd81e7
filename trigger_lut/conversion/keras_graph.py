"""Adapter to the graph of a Keras model: the only module that uses private names of Keras.

A tensor knows the operation and the call (`node`) that produced it. A call knows its tensors and options.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from trigger_lut.errors import FirmwareError

LIBRARIES = ("keras.", "hgq.", "trigger_lut.")


# ---------------------------------------------------------------- private names of Keras


def producer(tensor: Any) -> tuple[Any, Any, int]:
    """Find the call that produced a tensor.

    Parameters
    ----------
    tensor : keras.KerasTensor

    Returns
    -------
    operation
        The layer or operation.
    node
        Its call.
    index : int
        Number of the tensor among the outputs of the call.
    """
    history = tensor._keras_history
    return history.operation, history.operation._inbound_nodes[history.node_index], history.tensor_index


def first_call(operation: Any) -> Any:
    """Return the first call of an operation.

    Parameters
    ----------
    operation
        A layer or operation.

    Returns
    -------
    node
        Its call.
    """
    return operation._inbound_nodes[0]


def calls_of(operation: Any) -> list[Any]:
    """Return all calls of an operation.

    Parameters
    ----------
    operation
        A layer or operation.

    Returns
    -------
    list of nodes
        Also calls in other models.
    """
    return list(operation._inbound_nodes)


def inputs_structure(model: Any) -> Any:
    """Return the structure in which a model takes its inputs.

    Parameters
    ----------
    model : keras.Model
        The model.

    Returns
    -------
    tensor, list or dict of tensors
        None where Keras has none.
    """
    return getattr(model, "_inputs_struct", None)


def sublayers(layer: Any) -> list[Any]:
    """Return the layers within a layer or model, also those within these layers, itself excluded.

    Parameters
    ----------
    layer : keras.Layer
        The layer or model.

    Returns
    -------
    list of keras.Layer
    """
    return list(layer._flatten_layers(include_self=False, recursive=True))


@contextmanager
def forgotten_calls(layers: Sequence[Any]) -> Iterator[None]:
    """Remove the calls of layers that are made within the block from their records."""
    counts = [(layer, len(layer._inbound_nodes)) for layer in layers]
    try:
        yield
    finally:
        for layer, count in counts:
            del layer._inbound_nodes[count:]


# ---------------------------------------------------------------- calls


def is_of_library(op: Any) -> bool:
    """Return whether an operation runs code of Keras, HGQ2 or this package; its class may still be the user's."""
    return str(type(op).call.__module__).startswith(LIBRARIES)


def check_call(op: Any, node: Any) -> None:
    """Refuse a call that differs from inference in float32.

    Parameters
    ----------
    op, node
        The operation and its call.

    Raises
    ------
    FirmwareError
        If the call has `training=True`, or the layer computes in 16 bits.
    """
    if not isinstance(op, keras.Layer):
        return
    try:
        bound = inspect.signature(op.call).bind(*node.arguments.args, **node.arguments.kwargs).arguments
    except TypeError:
        bound = node.arguments.kwargs
    if bound.get("training"):
        raise FirmwareError(
            f"layer {op.name!r}: called with training=True, which differs from inference. Expected a call without it"
        )
    dtype = op.compute_dtype
    if dtype in ("float16", "bfloat16"):
        raise FirmwareError(
            f"layer {op.name!r}: computes in {dtype}, which drops bits. Expected float32; build the layer with "
            "dtype='float32'"
        )


def check_weights(model: Any) -> None:
    """Refuse a model with weights that are NaN or infinite; quantizers would turn them into numbers.

    Parameters
    ----------
    model : keras.Model
        The model.

    Raises
    ------
    FirmwareError
        With the first such weight.
    """
    for variable in model.variables:
        values = np.asarray(keras.ops.convert_to_numpy(variable))
        if np.issubdtype(values.dtype, np.floating) and not np.isfinite(values).all():
            raise FirmwareError(
                f"model {model.name!r}: weight {variable.path!r}: {(~np.isfinite(values)).sum()} of {values.size} "
                "values are not finite. Expected finite weights; the training diverged"
            )


def flat_inputs(model: Any, node: Any) -> list[Any]:
    """Return the tensors of a call of a model, in the order of `model.inputs`.

    Keras takes a dict of tensors by the names of the inputs, and flattens any other structure.

    Parameters
    ----------
    model : keras.Model
        The model within another one.
    node
        Its call.

    Returns
    -------
    list of keras.KerasTensor

    Raises
    ------
    FirmwareError
        If the number of tensors differs from the number of inputs.
    """
    arguments = node.arguments
    argument = arguments.args[0] if arguments.args else arguments.kwargs.get("inputs")
    if isinstance(argument, dict) and not isinstance(inputs_structure(model), dict):
        missing = [tensor.name for tensor in model.inputs if tensor.name not in argument]
        if missing:
            raise FirmwareError(
                f"layer {model.name!r}: expected all its inputs, found none for {', '.join(missing)}. Add them"
            )
        tensors = [argument[tensor.name] for tensor in model.inputs]
    else:
        tensors = keras.tree.flatten(argument)
    if len(tensors) != len(model.inputs) or not all(isinstance(x, keras.KerasTensor) for x in tensors):
        raise FirmwareError(
            f"layer {model.name!r}: called on {len(tensors)} inputs. Expected a tensor for each of its "
            f"{len(model.inputs)} inputs"
        )
    return tensors
