"""Differentiable cost of a model in training: estimates of its LUTs and its depth, for any graph of layers.

Layers of tables leave records of their calls (`trigger_lut.layers.soft_cost`). Layers of HGQ2 count effective bit
operations (EBOPs) and add them, times their `beta`, to the model's losses. The derivative of that penalty with respect
to beta is the number of EBOPs, through which gradients to the bit widths flow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

import keras
import tensorflow as tf

from trigger_lut.layers.soft_cost import EBOPS_TO_LUTS, Record, soft_levels, soft_luts, soft_saturation

Links = dict[int, list[tuple[Any, bool]]]
"""By id of a layer: the nearest layers of tables before it, and whether nothing lies between."""


def counting_layers(model: keras.Model) -> list[Any]:
    """Return the layers of HGQ2 in a model that count EBOPs."""
    layers = model._flatten_layers(include_self=False)
    return [x for x in layers if getattr(x, "enable_ebops", False) and getattr(x, "_beta", None) is not None]


def model_cost(
    records: Sequence[Record],
    links: Links | None,
    *,
    ebops: tf.Tensor | float,
    built: Mapping[int, tf.Tensor] | None = None,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return LUTs of a model, 1 or more, and its levels of adders and saturation along the longest path; both scalars.

    links: None means a chain in the order of calls.
    built: by id of a layer, its instances over its positions; a layer that is not in it has all its positions built.

    `maximum` takes levels two by two. The gradient of `reduce_max` divides by the number of entries equal to the
    result. That number is 0 where XLA recomputes the entries for the comparison and rounds otherwise.
    """
    luts, depth = 1.0 + EBOPS_TO_LUTS * tf.convert_to_tensor(ebops, tf.float32), {}
    latest: tuple[Any, bool] | None = None
    record_of: dict[int, Record] = {}
    for r in records:
        edges, present = soft_luts(r.table, r.m, f=r.f)
        copies = float(r.n_positions) if not built else r.n_positions * built.get(id(r.layer), 1.0)
        luts += copies * tf.reduce_sum(edges)
        before = ([latest] if latest else []) if links is None else links.get(id(r.layer), [])
        arrivals = [
            depth[id(layer)] + (_saturation(record_of[id(layer)], r.layer) if direct else 0.0)
            for layer, direct in before
            if id(layer) in depth
        ]
        own = soft_levels(tf.reshape(present, (-1, len(r.layer.formats), r.layer.units)))
        depth[id(r.layer)] = own + (reduce(tf.maximum, arrivals) if arrivals else 0.0)
        record_of[id(r.layer)], latest = r, (r.layer, True)
    levels = reduce(tf.maximum, depth.values()) if depth else tf.constant(0.0)
    return luts, levels


def _saturation(before: Record, layer: Any) -> tf.Tensor | float:
    """Return levels of saturation between two layers; 0 where the channels of one are not the outputs of the other."""
    lowest, highest = layer.limits()
    if len(lowest) != before.layer.units or getattr(layer, "overflow", "SAT") != "SAT":
        return 0.0
    bias = before.layer.bias
    bias = tf.zeros(before.layer.units) if bias is None else tf.convert_to_tensor(bias)
    c_in = len(before.layer.formats)
    if before.table.shape[0] == c_in:
        return soft_saturation(before.table, bias, lowest=lowest, highest=highest)
    tables = tf.reshape(before.table, (-1, c_in, *before.table.shape[1:]))
    return tf.reduce_mean(tf.map_fn(lambda table: soft_saturation(table, bias, lowest=lowest, highest=highest), tables))


def links_of(model: keras.Model, layers: Sequence[Any]) -> Links | None:
    """Return, for each of these layers, the layers before it on some path; None where the model does not say.

    Models that are written as a class of their own, and models within models, do not.
    """
    operations = getattr(getattr(model, "_functional", None) or model, "operations", None)
    if operations is None or any(not any(x is op for op in operations) for x in layers):
        return None
    wanted, known = {id(x) for x in layers}, {id(op) for op in operations}
    links: Links = {}

    def before(operation: Any) -> list[tuple[Any, bool]]:
        if id(operation) not in links:
            sources: dict[int, tuple[Any, bool]] = {}
            for node in operation._inbound_nodes:
                for parent in node.parent_nodes:
                    above = parent.operation
                    if id(above) not in known:
                        continue
                    if id(above) in wanted:
                        sources[id(above)] = (above, True)
                        continue
                    for layer, _ in before(above):
                        sources.setdefault(id(layer), (layer, False))
            links[id(operation)] = list(sources.values())
        return links[id(operation)]

    for layer in layers:
        before(layer)
    return links
