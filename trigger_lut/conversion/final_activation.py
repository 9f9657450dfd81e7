"""Removal of a softmax or sigmoid at the end of a model.

It changes neither the order of classes nor the side of a threshold: the largest logit is the largest probability, and
p > t is logit > log(t / (1 - t)) for a sigmoid.
"""

from __future__ import annotations

import math
from typing import Any

import keras

from trigger_lut.conversion.keras_graph import flat_inputs, inputs_structure, producer

MONOTONE = ("softmax", "log_softmax", "sigmoid", "log_sigmoid")
KINDS = {"Softmax": "softmax", "QSoftmax": "softmax", "LogSoftmax": "log_softmax", "Sigmoid": "sigmoid"}


def without_final_activation(model: Any) -> tuple[Any, str | None]:
    """Remove a softmax or sigmoid at the only output of a model.

    Parameters
    ----------
    model : keras.Model
        A functional or Sequential model. Its layers are shared with the result.

    Returns
    -------
    model : keras.Model
        The model with logits as outputs, or the same model.
    note : str or None
        The removal, for people; None where there is no such activation.
    """
    outputs = getattr(model, "outputs", None) or []
    if len(outputs) != 1:
        return model, None
    logits, note = _logits(outputs[0])
    if note is None:
        return model, None
    return as_functional(model, logits), note


def as_functional(model: Any, outputs: Any) -> Any:
    """Build a functional model that takes its inputs in the structure of another one.

    Parameters
    ----------
    model : keras.Model
        The other one.
    outputs
        Tensor, or structure of tensors, of its graph.

    Returns
    -------
    keras.Model
        Its layers are shared.
    """
    structure = inputs_structure(model)
    inputs = structure if isinstance(structure, dict) else model.inputs if len(model.inputs) > 1 else model.inputs[0]
    return keras.Model(inputs, outputs, name=model.name)


def _logits(tensor: Any) -> tuple[Any, str | None]:
    """Return the tensor before the activation that makes a tensor."""
    op, node, _ = producer(tensor)
    if isinstance(op, keras.Model):
        inner, note = without_final_activation(op)
        tensors = flat_inputs(op, node)
        return (tensor, None) if note is None else (inner(tensors if len(tensors) > 1 else tensors[0]), note)
    kind = type(op).__name__
    activation = getattr(getattr(op, "activation", None), "__name__", "")
    name = KINDS.get(kind) or (activation if activation in MONOTONE else None)
    if name is None or (name.endswith("softmax") and not _over_classes(op, tensor)):
        return tensor, None
    note = f"layer {op.name!r}: {name} at the end is not part of the firmware, which gives logits"
    if kind in KINDS or kind == "Activation":
        return node.input_tensors[0], note
    if getattr(op, "enable_oq", False):
        return tensor, None  # its quantizer is of probabilities
    config = keras.saving.serialize_keras_object(op)
    config["config"]["activation"] = "linear"
    linear = keras.saving.deserialize_keras_object(config)
    logits = linear(*node.input_tensors) if len(node.input_tensors) == 1 else linear(node.input_tensors)
    linear.set_weights(op.get_weights())
    return logits, note


def _over_classes(op: Any, tensor: Any) -> bool:
    """Return whether a softmax is over all outputs of an event, of which there are several."""
    axes = getattr(op, "axes", None) or getattr(op, "axis", -1)
    axes = {axis % len(tensor.shape) for axis in ([axes] if isinstance(axes, int) else axes)}
    return axes == set(range(1, len(tensor.shape))) and math.prod(tensor.shape[1:]) > 1
