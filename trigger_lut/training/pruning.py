"""Removal of edges until a network fits: the guarantee behind the budget, used when widths are frozen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from trigger_lut.network.network import IntegerLayer, Network
from trigger_lut.network.reference_model import all_values, channel_codes

Marks = list[np.ndarray]
"""One boolean (C_in, C_out) array a layer: True for an edge to be removed. Layers without tables have no True."""

SAMPLES = 8192  # entries read of each edge, over events and positions, at most
REFILLED = 32  # edges at most of which it is tried whether they fit after all
AT_ONCE = 0.02  # fraction of the edges into the latest outputs of a layer that goes between two readings of the time


def saliency(network: Network, codes: np.ndarray) -> list[np.ndarray]:
    """Return the standard deviation of each edge's output over events and positions: (C_in, C_out) a layer, real units.

    codes (N, C_in) integers of the network's input. Pruned edges have 0, and so do all edges of a layer without tables.
    """
    values, spreads = all_values(network, np.asarray(codes, dtype=np.int64)), []
    for n, layer in enumerate(network.layers):
        spread = np.zeros(layer.shape)
        if layer.prunable:
            channels = _seen(network, n, values)
            for i, o in layer.edges():
                spread[i, o] = layer.term(i, o, codes=channels[:, i]).std() * 2.0 ** -float(layer.fraction_bits[o])
        spreads.append(spread)
    return spreads


def _seen(network: Network, n: int, values: np.ndarray) -> np.ndarray:
    """Return codes (M, C_in) that layer n reads, over events and positions."""
    places = network.layers[n].n_positions
    events = values[: max(SAMPLES // places, 1)]
    chosen = np.unique(np.linspace(0, places - 1, min(places, SAMPLES)).astype(int))
    return np.concatenate([channel_codes(network, n, values=events, place=int(p)) for p in chosen])


def live(layer: IntegerLayer) -> np.ndarray:
    """Return (C_in, C_out) True where an edge can be removed."""
    return layer.edge_mask if layer.prunable else np.zeros(layer.shape, dtype=bool)


def relative(network: Network, scores: list[np.ndarray]) -> list[np.ndarray]:
    """Return scores in units of the mean over a layer's live edges, so that layers can be compared.

    Infinite scores, of edges that cannot be removed, do not count.
    """
    marks = [live(layer) & np.isfinite(s) for layer, s in zip(network.layers, scores, strict=True)]
    return [s / max(s[k].mean(), 1e-30) if k.any() else s for k, s in zip(marks, scores, strict=True)]


def edges_to_prune(network: Network, scores: list[np.ndarray], *, fits: Callable[[Network], bool]) -> Marks:
    """Return the edges of lowest score to remove so that the network fits, as few as bisection finds.

    Up to REFILLED of them are then tried, the best one first, and stay where the network still fits. One edge can be a
    large part of a small network. With its edges a network also loses the hidden values that nothing reads any more.

    scores: one (C_in, C_out) array a layer, compared across layers by `relative`.
    fits: returns whether a network is within budget; if it accepts none, all edges are marked.
    """
    compared = relative(network, scores)
    alive = [live(layer) & np.isfinite(r) for layer, r in zip(network.layers, compared, strict=True)]
    order = np.sort(np.concatenate([r[k] for k, r in zip(alive, compared, strict=True)]))

    def marked(count: int) -> Marks:
        threshold = order[count - 1] if count else -1.0
        return [k & (r <= threshold) for k, r in zip(alive, compared, strict=True)]

    few, many = -1, len(order)
    while many - few > 1:
        middle = (few + many) // 2
        if fits(without(network, marked(middle))):
            many = middle
        else:
            few = middle
    marks = marked(many)
    gone = [
        (r[edge], n, edge)
        for n, (mark, r) in enumerate(zip(marks, compared, strict=True))
        for edge in map(tuple, np.argwhere(mark))
    ]
    for _, n, edge in sorted(gone, key=lambda x: -x[0])[:REFILLED]:
        marks[n][edge] = False
        marks[n][edge] = not fits(without(network, marks))
    return marks


def edges_to_shorten(
    network: Network,
    scores: list[np.ndarray],
    *,
    stages: Callable[[Network], list[np.ndarray]],
    finished: Callable[[Network], float],
    budget: float,
) -> Marks:
    """Return edges to remove so that the last output is ready within `budget` pipeline stages.

    Of the edges into the latest outputs of each layer, those of lowest score are removed, few at a time.

    stages: returns when each output of each layer is ready, one (C_out,) array a layer, in pipeline stages.
    finished: returns when the network's last output is ready.
    """
    compared = relative(network, scores)
    marks = [np.zeros(layer.shape, dtype=bool) for layer in network.layers]
    while True:
        left = without(network, marks)
        alive = [live(layer) & np.isfinite(r) for layer, r in zip(left.layers, compared, strict=True)]
        if finished(left) <= budget + 1e-9 or not any(k.any() for k in alive):
            return marks
        critical = [
            np.where(k & (t >= t[k.any(axis=0)].max(initial=0.0) - 1e-9), r, np.inf)
            for k, t, r in zip(alive, stages(left), compared, strict=True)
        ]
        n = min(range(len(critical)), key=lambda n: critical[n].min(initial=np.inf))
        count = max(int(AT_ONCE * np.isfinite(critical[n]).sum()), 1)
        lowest = np.argsort(critical[n], axis=None, kind="stable")[:count]
        marks[n][np.unravel_index(lowest, critical[n].shape)] = True


def without(network: Network, marks: Marks) -> Network:
    """Return the network with the marked edges removed."""
    return replace(
        network,
        layers=tuple(
            layer.without_edges(np.asarray(removed)) if layer.prunable else layer
            for layer, removed in zip(network.layers, marks, strict=True)
        ),
    )
