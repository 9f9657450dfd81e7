"""One call of a Keras operation: whose code it runs, with which options, on which tensors."""

from __future__ import annotations

import inspect
from typing import Any

import keras

from trigger_lut.errors import FirmwareError

OF_LIBRARIES = ("keras.", "hgq.", "trigger_lut.")


def is_of_library(op: Any) -> bool:
    """Say whether an operation runs code of Keras, HGQ2 or this package: its class may be the user's all the same."""
    return str(type(op).call.__module__).startswith(OF_LIBRARIES)


def check_call(op: Any, node: Any) -> None:
    """Raise FirmwareError for a call that is not what inference in float32 computes."""
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
    kind = op.compute_dtype
    if kind in ("float16", "bfloat16"):
        raise FirmwareError(
            f"layer {op.name!r}: computes in {kind}, which drops bits. Expected float32; build the layer with "
            "dtype='float32'"
        )


def flat_inputs(model: Any, node: Any) -> list[Any]:
    """Tensors of the call of a model, in the order of `model.inputs`.

    Keras takes a dict of tensors by the inputs' names, and flattens any other structure. Raises FirmwareError when the
    number of tensors differs.
    """
    arguments = node.arguments
    given = arguments.args[0] if arguments.args else arguments.kwargs.get("inputs")
    struct = getattr(model, "_inputs_struct", None)
    if isinstance(given, dict) and not isinstance(struct, dict):
        missing = [tensor.name for tensor in model.inputs if tensor.name not in given]
        if missing:
            raise FirmwareError(f"layer {model.name!r}: called without its inputs {', '.join(missing)}")
        found = [given[tensor.name] for tensor in model.inputs]
    else:
        found = keras.tree.flatten(given)
    if len(found) != len(model.inputs) or not all(isinstance(x, keras.KerasTensor) for x in found):
        raise FirmwareError(
            f"layer {model.name!r}: a model of {len(model.inputs)} inputs, called on {len(found)}; expected a tensor "
            "for each"
        )
    return found
