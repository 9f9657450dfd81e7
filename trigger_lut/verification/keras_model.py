"""Keras model of a network as one of its implementations: predictions for codes, and a flipped bit."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from trigger_lut.errors import FirmwareError
from trigger_lut.fixed_point.formats import IntArray
from trigger_lut.network.bit_flip import BitFlip, table_layer
from trigger_lut.network.network import Network

BATCH = 16384


def run_keras(model: Any, network: Network, *, codes: IntArray) -> NDArray[np.float64]:
    """Evaluate a Keras model in float32.

    Parameters
    ----------
    model
        Keras model.
    network
        Integer network of the model, for the formats of inputs and outputs.
    codes : IntArray of shape (N, C_in)
        Input codes.

    Returns
    -------
    NDArray of shape (N, C_out)
        Outputs in steps of each output: integers if the model is exact.

    Raises
    ------
    FirmwareError
        If Keras cannot evaluate the model.
    """
    try:
        predicted = model.predict(values_of(model, network, codes=codes, kind=np.float32), batch_size=BATCH, verbose=0)
    except (TypeError, ValueError) as error:
        lines = [line for line in str(error).splitlines() if line.strip()]
        raise FirmwareError(
            f"model {model.name!r}: Keras cannot evaluate it ({type(error).__name__}: {' '.join(lines[:2])}). Expected "
            "inputs of dtype float32"
        ) from error
    return outputs_of(predicted, network, events=len(codes))


def values_of(model: Any, network: Network, *, codes: IntArray, kind: type[np.floating[Any]]) -> Any:
    """Decode codes to real inputs of a model, in the structure that it takes.

    Parameters
    ----------
    model
        Keras model, with one or several input tensors.
    network
        Integer network of the model, for the formats of the inputs.
    codes : IntArray of shape (N, C_in)
        Input codes.
    kind
        Floating-point type of the values.

    Returns
    -------
    array, list of array, or dict
        Values by input tensor.
    """
    import keras

    values = (codes * 2.0 ** -np.array([float(kif.f) for kif in network.inputs])).astype(kind)
    sizes = [int(np.prod(tensor.shape[1:])) for tensor in model.inputs]
    parts = np.split(values, np.cumsum(sizes)[:-1], axis=1)
    inputs = [part.reshape(-1, *tensor.shape[1:]) for part, tensor in zip(parts, model.inputs, strict=True)]
    struct = getattr(model, "_inputs_struct", None)
    if isinstance(struct, dict):
        return keras.tree.pack_sequence_as(struct, inputs)
    return inputs if len(inputs) > 1 else inputs[0]


def outputs_of(predicted: Any, network: Network, *, events: int) -> NDArray[np.float64]:
    """Convert a model's outputs to one array.

    Parameters
    ----------
    predicted
        Output tensor of a model, or a structure of several.
    network
        Integer network of the model, for the formats of the outputs.
    events
        Number of events N.

    Returns
    -------
    NDArray of shape (N, C_out)
        Outputs in steps of each output.
    """
    import keras

    parts = [np.asarray(y, dtype=np.float64).reshape(events, -1) for y in keras.tree.flatten(predicted)]
    return np.concatenate(parts, axis=1) * 2.0 ** network.fractions.astype(np.float64)


def flip_keras(model: Any, network: Network, *, flip: BitFlip) -> None:
    """Flip the bit in the table that a Keras model reads.

    Parameters
    ----------
    model
        Keras model, which is changed in place.
    network
        Integer network of the model.
    flip
        Bit to flip; all rows of the model's table that repeat the entry change.

    Raises
    ------
    FirmwareError
        If the model has no such table or entry.
    """
    form = table_layer(network, flip.layer)
    name, _, place = form.name.partition("_place") if form.name not in _names(model) else (form.name, "", "")
    layer = _names(model).get(name)
    if layer is None or layer.table.shape[-3::2] != form.shape:
        raise FirmwareError(f"model {model.name!r} has other layers than the integer network")
    layer.refresh()
    tables = np.array(layer.table)
    table = tables[int(place)] if place else tables
    scale = 2.0 ** int(form.fraction_bits[flip.output])
    positions = 1 << int(layer.channel_bits[flip.channel])
    repeated = positions >> int(form.widths[flip.channel, flip.output])
    if repeated < 1:
        raise FirmwareError(f"layer {layer.name!r}, channel {flip.channel}: {positions} entries are too few")
    rows = slice(flip.entry * repeated, (flip.entry + 1) * repeated)
    entry = round(float(table[flip.channel, rows.start, flip.output]) * scale) ^ (1 << flip.bit)
    table[flip.channel, rows, flip.output] = entry / scale
    layer.table.assign(tables)


def _names(model: Any) -> dict[str, Any]:
    """Map names to layers of tables, those of inner models as well."""
    return {layer.name: layer for layer in model._flatten_layers(recursive=True) if hasattr(layer, "table")}
