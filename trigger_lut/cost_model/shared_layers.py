"""Layers that share hardware, by name: kept while the network changes.

The choice among all cuts estimates the network many times. Training changes a network in small steps, so it chooses
now and then, and cuts all networks until the next choice at the same layers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trigger_lut.cost_model.delay import DelayModel
from trigger_lut.cost_model.latency import network_cycles, network_stages, output_stages
from trigger_lut.cost_model.time_sharing import block_cycles
from trigger_lut.network.network import Network
from trigger_lut.network.time_sharing import Block, Part, shareable, split


@dataclass(frozen=True)
class SharedLayers:
    """Layers of one block.

    Attributes
    ----------
    layers
        Their names.
    positions, instances
        Positions, and those that are computed in one cycle.
    """

    layers: tuple[str, ...]
    positions: int
    instances: int


def shared_layers(parts: Sequence[Part]) -> tuple[SharedLayers, ...]:
    """List the layers that share hardware in these parts.

    Parameters
    ----------
    parts : sequence of Network or Block
        Parts of a network.

    Returns
    -------
    tuple of SharedLayers
        One per block; empty where nothing is shared.
    """
    blocks = [part for part in parts if isinstance(part, Block)]
    return tuple(SharedLayers(_names(block), block.positions, block.instances) for block in blocks)


def _names(block: Block) -> tuple[str, ...]:
    """Return the names of a block's layers; the step also has sums and maxima behind them."""
    names = tuple(layer.name for layer in block.step.layers)
    return next(names[:n] for n in range(1, len(names) + 1) if "+".join(names[:n]) == block.name)


def cut_at(network: Network, shared: Sequence[SharedLayers]) -> tuple[Part, ...]:
    """Cut a network at the layers that share hardware.

    Parameters
    ----------
    network : Network
        The integer network.
    shared : sequence of SharedLayers
        Layers of a network with the same names.

    Returns
    -------
    tuple of Network or Block
        Parts in order. A block whose first layer has other positions in this network stays parallel.
    """
    parts: tuple[Part, ...] = (network,)
    for block in shared:
        parts = _with_block(parts, block)
    return parts


def _with_block(parts: tuple[Part, ...], block: SharedLayers) -> tuple[Part, ...]:
    for n, part in enumerate(parts):
        if isinstance(part, Block):
            continue
        for members in shareable(part):
            if part.layers[members.layers[0]].name == block.layers[0] and members.positions == block.positions:
                return (*parts[:n], *split(part, members, instances=block.instances), *parts[n + 1 :])
    return parts


def parts_stages(network: Network, parts: Sequence[Part], *, model: DelayModel) -> list[NDArray[np.float64]]:
    """Return when each output of each layer is ready within its part, in pipeline stages.

    Parameters
    ----------
    network : Network
        The whole network.
    parts : sequence of Network or Block
        Its parts.
    model : DelayModel
        Delays of the target's family at its clock.

    Returns
    -------
    list of numpy.ndarray
        Times (C_out,), one array per layer of the network, at the latest position. 0 for layers without hardware of
        their own, such as sums that are accumulators.
    """
    if len(parts) == 1 and isinstance(parts[0], Network):
        return network_stages(parts[0], model)
    stages_by_layer = [np.zeros(layer.shape[1]) for layer in network.layers]
    left = list(range(len(network.layers)))
    for part in parts:
        inner = part.step if isinstance(part, Block) else part
        for layer, times in zip(inner.layers, network_stages(inner, model), strict=True):
            own = (n for n in left if network.layers[n].name == layer.name and len(stages_by_layer[n]) == len(times))
            if (n := next(own, None)) is not None:
                stages_by_layer[n] = times
                left.remove(n)
    return stages_by_layer


def total_stages(parts: Sequence[Part], model: DelayModel) -> float:
    """Return when the last output of the last part is ready, in pipeline stages.

    Parameters
    ----------
    parts : sequence of Network or Block
        Parts of a network.
    model : DelayModel
        Delays of the target's family at its clock.

    Returns
    -------
    float
        Of several parts an integer: each ends with a register.
    """
    if len(parts) == 1 and isinstance(parts[0], Network):
        return output_stages(parts[0], model)
    return float(sum(part_cycles(part, model) for part in parts))


def part_cycles(part: Part, model: DelayModel) -> int:
    """Return the latency of a part in cycles; of a block with all its words."""
    if isinstance(part, Block):
        return network_cycles(part.step, model) + block_cycles(part, model)
    return network_cycles(part, model)


def fraction_built(shared: Sequence[SharedLayers], layer: str) -> float:
    """Return the instances of a layer of a Keras model, divided by its positions.

    Parameters
    ----------
    shared : sequence of SharedLayers
        Layers that share hardware in the network that the model is converted to.
    layer : str
        Name of the layer. Its integer layers have this name, or are parts of it.

    Returns
    -------
    float
        1 for a layer that is not shared.
    """
    own = re.compile(rf"{re.escape(layer)}(_part\d+)?")
    for block in shared:
        if any(own.fullmatch(name) for name in block.layers):
            return block.instances / block.positions
    return 1.0
