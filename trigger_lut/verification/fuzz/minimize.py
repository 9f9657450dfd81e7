"""From a network that shows a difference to a smaller one that still does."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from trigger_lut.errors import TriggerLutError
from trigger_lut.network.network import Network

SECONDS = 120.0  # for one search
Edge = tuple[int, int, int]
"""Layer, channel and output."""


def shrink_network(network: Network, fails: Callable[[Network], bool]) -> Network:
    """Remove outputs and live edges of a network as long as it still shows a difference.

    Parameters
    ----------
    network
        Network that shows the difference.
    fails
        Function that says if a smaller network shows it.

    Returns
    -------
    Network
        Smallest network that was found.
    """
    end = time.monotonic() + SECONDS

    def tried(smaller: Network) -> bool:
        return time.monotonic() < end and _holds(fails, smaller)

    for value in network.output_values.tolist():
        one = replace(network, outputs=np.array([value]))
        if len(network.output_values) > 1 and tried(one):
            network = one
            break
    live = _edges(network)
    share = len(live)
    while share > 1:  # delta debugging: remove ever smaller parts of the live edges
        share = max(share // 2, 1)
        start = 0
        while start < len(live):
            left = live[:start] + live[start + share :]
            if left and tried(_without(network, set(_edges(network)) - set(left))):
                live = left
            else:
                start += share
    return _without(network, set(_edges(network)) - set(live))


def first_failing(models: Sequence[Any], fails: Callable[[Any], bool]) -> Any | None:
    """Find the first of some models that fails.

    Parameters
    ----------
    models
        Models, the smallest first.
    fails
        Function that says if a model fails.

    Returns
    -------
    model or None
        None where none fails in the time.
    """
    end = time.monotonic() + SECONDS
    for model in models:
        if time.monotonic() < end and _holds(fails, model):
            return model
    return None


def beginnings(model: Any) -> list[Any]:
    """Return the models up to the flat output of each layer, without the complete model."""
    import keras

    models = []
    for layer in model.layers[:-1]:
        if type(layer).__name__ == "InputLayer":
            continue
        output = layer.output
        flat = output if len(output.shape) == 2 else keras.layers.Flatten()(output)
        models.append(keras.Model(model.inputs if len(model.inputs) > 1 else model.inputs[0], flat))
    return models


def _holds(fails: Callable[[Any], bool], candidate: Any) -> bool:
    """Return whether a candidate fails. One that cannot be built at all has another fault than the one searched for."""
    try:
        return fails(candidate)
    except (TriggerLutError, ValueError, AssertionError):
        return False


def _edges(network: Network) -> list[Edge]:
    return [(n, i, o) for n, layer in enumerate(network.layers) for i, o in layer.edges()]


def _without(network: Network, removed: set[Edge]) -> Network:
    layers = list(network.layers)
    for n, layer in enumerate(layers):
        mask = np.zeros(layer.shape, dtype=np.bool_)
        for m, i, o in removed:
            if m == n:
                mask[i, o] = True
        layers[n] = layer.without_edges(mask) if mask.any() else layer
    return replace(network, layers=tuple(layers))
