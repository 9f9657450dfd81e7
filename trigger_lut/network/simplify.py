"""Simplification of an integer network, with the same outputs.

It removes saturation where nothing can overflow, and edges that nothing reads.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from trigger_lut.fixed_point.formats import KIF
from trigger_lut.fixed_point.ranges import converted_range, fits, limits
from trigger_lut.network.network import Network, with_layer


def with_proven_overflow(network: Network) -> Network:
    """Return the network with WRAP for every channel whose values provably fit its format at all positions.

    Parameters
    ----------
    network : Network
        The integer network; it stays as it is.

    Returns
    -------
    Network
    """
    for n, layer in enumerate(network.layers):
        read = network.input_ranges(n)
        overflow = tuple(
            "WRAP" if all(_never_clipped(read.one(p, i), kif, mode, layer.rounding) for p in range(len(read))) else mode
            for i, (kif, mode) in enumerate(zip(layer.inputs, layer.overflow, strict=True))
        )
        if overflow != layer.overflow:
            network = with_layer(network, n, overflow=overflow)
    return network


def _never_clipped(codes: tuple[int, int, int], kif: KIF, overflow: str, rounding: str) -> bool:
    """Return whether codes (lo, hi, f) fit the format; with SAT_SYM its lowest code is clipped as well."""
    lowest, _ = converted_range(codes, kif, overflow="WRAP", rounding=rounding)
    return fits(*codes, kif=kif, rounding=rounding) and lowest >= limits(kif, overflow)[0]


def without_unread(network: Network) -> Network:
    """Return the network without edges into values that nothing reads; its outputs stay the same.

    An output of a layer with several positions is removed when nothing reads it at any of them.

    Parameters
    ----------
    network : Network
        The integer network; it stays as it is.

    Returns
    -------
    Network
    """
    read = np.zeros(network.first_value[-1], dtype=bool)
    read[network.output_values] = True
    layers = list(network.layers)
    for n in reversed(range(len(layers))):
        layer, gather_index = layers[n], network.gather_index[n]
        start, end = network.first_value[n], network.first_value[n + 1]
        unread: NDArray[np.bool_] = np.logical_not(read[start:end].reshape(len(gather_index), -1).any(axis=0))
        if unread.any():
            layers[n] = layer = layer.without_outputs(unread)
        wanted = gather_index[:, layer.used_channels()]
        read[wanted[wanted >= 0]] = True
    return with_proven_overflow(replace(network, layers=tuple(layers)))
