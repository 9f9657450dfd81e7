"""One operation of a Keras model as a small integer network of its own: what it reads are the network's inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from trigger_lut.conversion.keras_model import Walk
from trigger_lut.errors import FirmwareError
from trigger_lut.fixed_point.formats import KIF
from trigger_lut.layers.base import TableLayer
from trigger_lut.network.network import PADDING, Network
from trigger_lut.network.simplify import with_proven_overflow


@dataclass(frozen=True)
class _Sources:
    """What stands for a model whose inputs are these tensors."""

    inputs: list[Any]
    name: str


def layer_network(
    op: Any, in_tensors: Sequence[Any], out_tensor: Any, inputs: Mapping[str, Sequence[KIF]] | None = None
) -> Network:
    """The integer form of one call of a Keras operation.

    Its inputs are the values of `in_tensors`, flat one after the other, in the narrowest formats that hold what the
    operations before can give; its outputs those of `out_tensor`, where PADDING stands for 0. inputs: formats of the
    values of each input layer of the model that the tensors belong to, by its name, where they are known.

    What stands before a layer of tables may be unknown: then anything can enter it. Raises FirmwareError for another
    operation, named in the message, without an integer form.
    """
    sources = _sources(in_tensors)
    names = [tensor._keras_history.operation.name for tensor in sources]
    given = None if inputs is None else [kif for name in names for kif in inputs[name]]
    try:
        return _local(Walk(_Sources(sources, op.name), given), in_tensors, out_tensor)
    except FirmwareError:
        if not isinstance(op, TableLayer) or inputs is not None:
            raise
    return _local(Walk(_Sources(list(in_tensors), op.name), None), in_tensors, out_tensor)


def _sources(tensors: Sequence[Any]) -> list[Any]:
    """Inputs of the model that tensors belong to, in the order of their layers' making."""
    found: dict[int, Any] = {}
    waiting, seen = list(tensors), set()
    while waiting:
        tensor = waiting.pop()
        if id(tensor) in seen:
            continue
        seen.add(id(tensor))
        history = tensor._keras_history
        node = history.operation._inbound_nodes[history.node_index]
        if type(history.operation).__name__ == "InputLayer":
            found[id(tensor)] = tensor
        waiting += node.input_tensors
    return list(found.values())


def _local(walk: Walk, in_tensors: Sequence[Any], out_tensor: Any) -> Network:
    read = np.concatenate([walk.of(tensor).reshape(-1) for tensor in in_tensors])
    before, end = len(walk.layers), walk.end
    outputs = walk.of(out_tensor).reshape(-1)
    known = Network(walk.formats(), tuple(walk.layers)).ranges.formats()
    kifs = tuple(KIF(0, 1, 0) if v == PADDING else known[v] for v in read)
    number = np.full(walk.end + 1, PADDING, dtype=np.int64)  # the last entry answers for PADDING, -1
    number[end : walk.end] = len(read) + np.arange(walk.end - end)
    number[read[read != PADDING]] = np.flatnonzero(read != PADDING)
    layers = tuple(replace(layer, sites=number[layer.sites]) for layer in walk.layers[before:])
    network = Network(kifs, layers, outputs=number[outputs])
    # Formats that are not given are the channels' own: anything can enter an input, so what saturates stays.
    guessed = not walk.given and ((read >= 0) & (read < len(walk.known))).any()
    return network if guessed else with_proven_overflow(network)
