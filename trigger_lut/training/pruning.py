"""Removing edges until a network fits: the guarantee behind the budget, used when widths are frozen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from trigger_lut.fixed_point import saturate, shift_floor
from trigger_lut.network import LUTDenseTables, Network

Marks = list[np.ndarray]
"""One boolean (C_in, C_out) array a layer: True for an edge to be removed."""


def saliency(network: Network, codes: np.ndarray) -> list[np.ndarray]:
    """Standard deviation of each edge's table output over the events, one (C_in, C_out) array a layer, real units.

    codes (N, C_in) integers of the network's input. Pruned edges have 0.
    """
    values, fractions = np.asarray(codes, dtype=np.int64), [kif.f for kif in network.inputs]
    found = []
    for layer in network.layers:
        spread = np.zeros(layer.shape)
        sums = np.tile(layer.bias, (len(values), 1))
        for i, kif in enumerate(layer.inputs):
            code = saturate(shift_floor(values[:, i], fractions[i] - kif.f), kif) - kif.lo
            for o in np.flatnonzero(layer.widths[i]):
                output = layer.table(i, int(o))[code >> (kif.bits - int(layer.widths[i, o]))]
                spread[i, o] = output.std() * 2.0 ** -float(layer.fraction[o])
                sums[:, o] += output
        found.append(spread)
        values, fractions = sums, list(layer.fraction)
    return found


def edges_to_prune(network: Network, scores: list[np.ndarray], fits: Callable[[Network], bool]) -> Marks:
    """The edges of lowest score that must go so that the network fits, as few as bisection finds.

    scores: one (C_in, C_out) array a layer, compared across layers relative to the mean over its live edges.
    fits: whether a network is within budget; it must hold once all edges are gone.
    """
    live = [layer.widths > 0 for layer in network.layers]
    relative = [s / max(s[k].mean(), 1e-30) if k.any() else s for k, s in zip(live, scores, strict=True)]
    order = np.sort(np.concatenate([r[k] for k, r in zip(live, relative, strict=True)]))

    def marked(count: int) -> Marks:
        threshold = order[count - 1] if count else -1.0
        return [k & (r <= threshold) for k, r in zip(live, relative, strict=True)]

    few, many = -1, len(order)
    while many - few > 1:
        middle = (few + many) // 2
        if fits(without(network, marked(middle))):
            many = middle
        else:
            few = middle
    return marked(many)


def without(network: Network, marks: Marks) -> Network:
    """The network with the marked edges removed."""
    return replace(network, layers=tuple(_remove(x, gone) for x, gone in zip(network.layers, marks, strict=True)))


def _remove(layer: LUTDenseTables, gone: np.ndarray) -> LUTDenseTables:
    widths = np.where(gone, 0, layer.widths)
    tables = np.where(gone[..., None], 0, layer.tables)[:, :, : 1 << int(widths.max(initial=0))]
    return replace(layer, widths=widths, tables=tables)
