"""Conversion of one Keras operation to an integer network of its own, whose inputs are the values that it reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from trigger_lut.conversion.keras_graph import producer
from trigger_lut.conversion.keras_model import GraphConverter
from trigger_lut.errors import FirmwareError
from trigger_lut.fixed_point.formats import KIF
from trigger_lut.layers.base import LookupLayer
from trigger_lut.network.network import PADDING, Network
from trigger_lut.network.simplify import with_proven_overflow


@dataclass(frozen=True)
class _Sources:
    """Tensors in the role of the inputs of a model."""

    inputs: list[Any]
    name: str


def layer_network(
    op: Any, in_tensors: Sequence[Any], *, out_tensor: Any, inputs: Mapping[str, Sequence[KIF]] | None = None
) -> Network:
    """Convert one call of a Keras operation.

    Parameters
    ----------
    op
        The operation.
    in_tensors : sequence of keras.KerasTensor
        Its inputs. Operations before them determine the formats of their values. A LUT layer is also converted if
        these operations have no integer form; then any value can enter it.
    out_tensor : keras.KerasTensor
        Its output.
    inputs : mapping, optional
        Formats of the values of each input layer of the model, by its name.

    Returns
    -------
    Network
        Its inputs are the values of `in_tensors`, flattened and concatenated, in the narrowest formats. Its outputs are
        the values of `out_tensor`, PADDING for 0.

    Raises
    ------
    FirmwareError
        If an operation has no integer form; the message names it.
    """
    sources = _sources(in_tensors)
    names = [producer(tensor)[0].name for tensor in sources]
    formats = None if inputs is None else [kif for name in names for kif in inputs[name]]
    try:
        return _local(GraphConverter(_Sources(sources, op.name), formats), in_tensors, out_tensor)
    except FirmwareError:
        if not isinstance(op, LookupLayer) or inputs is not None:
            raise
    return _local(GraphConverter(_Sources(list(in_tensors), op.name), None), in_tensors, out_tensor)


def _sources(tensors: Sequence[Any]) -> list[Any]:
    """Find the inputs of the model that tensors belong to, in the order in which their layers were built."""
    sources: dict[int, Any] = {}
    waiting, visited = list(tensors), set()
    while waiting:
        tensor = waiting.pop()
        if id(tensor) in visited:
            continue
        visited.add(id(tensor))
        op, node, _ = producer(tensor)
        if type(op).__name__ == "InputLayer":
            sources[id(tensor)] = tensor
        waiting += node.input_tensors
    return list(sources.values())


def _local(converter: GraphConverter, in_tensors: Sequence[Any], out_tensor: Any) -> Network:
    read = np.concatenate([converter.value_ids_of(tensor).reshape(-1) for tensor in in_tensors])
    before, start = len(converter.layers), converter.value_count
    outputs = converter.value_ids_of(out_tensor).reshape(-1)
    formats = Network(converter.formats(), tuple(converter.layers)).ranges.formats()
    kifs = tuple(KIF(0, 1, 0) if v == PADDING else formats[v] for v in read)
    number = np.full(converter.value_count + 1, PADDING, dtype=np.int64)  # the last entry is for PADDING, -1
    number[start : converter.value_count] = len(read) + np.arange(converter.value_count - start)
    number[read[read != PADDING]] = np.flatnonzero(read != PADDING)
    layers = tuple(replace(layer, gather_index=number[layer.gather_index]) for layer in converter.layers[before:])
    network = Network(kifs, layers, outputs=number[outputs])
    # Formats that are not given are the channels' own: any value can enter an input, so saturation stays.
    input_count = len(converter.input_formats)
    unknown = not converter.formats_given and ((read >= 0) & (read < input_count)).any()
    return network if unknown else with_proven_overflow(network)
