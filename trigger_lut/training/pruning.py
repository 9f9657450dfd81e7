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


def relative(network: Network, scores: list[np.ndarray]) -> list[np.ndarray]:
    """Scores in units of the mean over a layer's live edges, so that layers can be compared."""
    live = [layer.widths > 0 for layer in network.layers]
    return [s / max(s[k].mean(), 1e-30) if k.any() else s for k, s in zip(live, scores, strict=True)]


def edges_to_prune(network: Network, scores: list[np.ndarray], fits: Callable[[Network], bool]) -> Marks:
    """The edges of lowest score that must go so that the network fits, as few as bisection finds.

    scores: one (C_in, C_out) array a layer, compared across layers as `relative` says.
    fits: whether a network is within budget; it must hold once all edges are gone.
    """
    live = [layer.widths > 0 for layer in network.layers]
    compared = relative(network, scores)
    order = np.sort(np.concatenate([r[k] for k, r in zip(live, compared, strict=True)]))

    def marked(count: int) -> Marks:
        threshold = order[count - 1] if count else -1.0
        return [k & (r <= threshold) for k, r in zip(live, compared, strict=True)]

    few, many = -1, len(order)
    while many - few > 1:
        middle = (few + many) // 2
        if fits(without(network, marked(middle))):
            many = middle
        else:
            few = middle
    return marked(many)


def edges_to_shorten(
    network: Network, scores: list[np.ndarray], stages: Callable[[Network], list[np.ndarray]], budget: float
) -> Marks:
    """Edges that must go so that the last output is ready within `budget` pipeline stages.

    One after the other, the edge of lowest score goes among those into the latest outputs of each layer.
    stages: when each output of each layer is ready, one (C_out,) array a layer, in pipeline stages.
    """
    compared = relative(network, scores)
    marks = [np.zeros(layer.shape, dtype=bool) for layer in network.layers]
    while True:
        left = without(network, marks)
        times = stages(left)
        if times[-1].max() <= budget + 1e-9 or not any(layer.edges() for layer in left.layers):
            return marks
        critical = [
            np.where((layer.widths > 0) & (t >= t.max() - 1e-9), r, np.inf)
            for layer, t, r in zip(left.layers, times, compared, strict=True)
        ]
        n = min(range(len(critical)), key=lambda n: critical[n].min())
        marks[n][np.unravel_index(critical[n].argmin(), critical[n].shape)] = True


def without(network: Network, marks: Marks) -> Network:
    """The network with the marked edges removed."""
    return replace(network, layers=tuple(_remove(x, gone) for x, gone in zip(network.layers, marks, strict=True)))


def _remove(layer: LUTDenseTables, gone: np.ndarray) -> LUTDenseTables:
    widths = np.where(gone, 0, layer.widths)
    tables = np.where(gone[..., None], 0, layer.tables)[:, :, : 1 << int(widths.max(initial=0))]
    return replace(layer, widths=widths, tables=tables)
