"""Edges and ranges of HGQ2's layers: which edges training can remove, how, and the integer bits that values need.

HGQ2's table layers (QDenseT, QConvT) copy each input to each edge, and each edge may quantize it in its own way. If the
quantizer of an edge has no bits, the edge is constant, and the firmware does not have it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from trigger_lut.conversion.keras_model import TableEdges, table_edges
from trigger_lut.fixed_point.formats import KIF
from trigger_lut.network.network import Network
from trigger_lut.training.pruning import Marks, live

SMALLEST_RANGE = -1e9  # integer bits, as HGQ2's own tracing begins
LOWEST_FRACTION = -24.0  # fraction bits of a quantizer without bits; the limit of HGQ2's own constraint


def removable_edges(model: keras.Model, inputs: Sequence[KIF]) -> list[TableEdges]:
    """Find the edges of HGQ2's table layers that have quantizers of their own.

    Parameters
    ----------
    model : keras.Model
        The model.
    inputs : sequence of KIF
        Formats of its inputs.

    Returns
    -------
    list of TableEdges
    """
    return [edges for edges in table_edges(model, inputs) if _quantizer_numbers(edges) is not None]


def remove_hgq_edges(edges: Sequence[TableEdges], network: Network, *, marks: Marks) -> None:
    """Take all bits from the quantizers of the marked edges, and of those that the network lacks already.

    An edge that several positions share goes at all of them.

    Parameters
    ----------
    edges : sequence of TableEdges
        Result of `removable_edges` for the model of the network.
    network : Network
        The network.
    marks : Marks
        Edges to remove.
    """
    gone = {form.name: mark | ~live(form) for form, mark in zip(network.layers, marks, strict=True)}
    for layer_edges in edges:
        numbers = _quantizer_numbers(layer_edges)
        assert numbers is not None, "edges without quantizers of their own are not removable"
        chosen = layer_edges.numbers[:, gone[layer_edges.name]]
        entries = np.unique(numbers.reshape(-1)[chosen[chosen >= 0]])
        _without_bits(layer_edges.op.iq.quantizer, entries)


def wrapping_quantizers(model: keras.Model) -> list[Any]:
    """Return the quantizers of HGQ2 that wrap, whose range follows from the values that they see."""
    return [layer for layer in model._flatten_layers() if hasattr(layer, "_i_decay_speed") and layer.trainable]


def forget_ranges(quantizers: Sequence[Any]) -> None:
    """Set quantizers to the smallest range, from which tracing widens them."""
    for quantizer in quantizers:
        quantizer._i.assign(np.full(quantizer._i.shape, SMALLEST_RANGE))
        quantizer._k.assign(np.zeros(quantizer._k.shape))


def _quantizer_numbers(edges: TableEdges) -> np.ndarray | None:
    """Return the number of the quantizer's entry of each edge, in their shape; None where edges share an entry."""
    inner = edges.op.iq.quantizer
    shape = tuple(inner._k.shape)
    entries = keras.ops.convert_to_tensor(np.arange(np.prod(shape), dtype=np.float32).reshape(shape))
    entry_of_edge = keras.ops.convert_to_numpy(inner.bw_mapper.bw_to_x(entries, (1, *edges.shape)))
    numbers = np.asarray(entry_of_edge)[0].astype(np.int64)
    of_position = edges.numbers[0][edges.numbers[0] >= 0]
    own = numbers.reshape(-1)[of_position]
    return numbers if len(np.unique(own)) == len(own) else None


def _without_bits(quantizer: Any, entries: np.ndarray) -> None:
    """Set entries of a quantizer to a format of no bits, which training and tracing keep."""
    lowest = {"_k": 0.0, "_b": 0.0, "_f": LOWEST_FRACTION, "_i": -LOWEST_FRACTION}
    for name, value in lowest.items():
        variable = getattr(quantizer, name, None)
        if variable is None or (name == "_i" and hasattr(quantizer, "_b")):
            continue
        values = np.array(variable)
        values.reshape(-1)[entries] = value
        variable.assign(values)
