"""Sets of codes that the values of a network can take.

A value is followed as a set of codes, not as an interval. A sum takes the sums of what its terms take (the Minkowski
sum of the sets), as if channels were independent. That is exact where the terms depend on different network inputs.
Elsewhere the set has more codes than occur. So a code outside the set is proven not to occur.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trigger_lut.fixed_point.formats import IntArray
from trigger_lut.network.network import PADDING, IntegerLayer, Network
from trigger_lut.network.reference_model import converted

Set = tuple[int, NDArray[np.bool_]]
"""Codes that a value can take: the first one, and a flag for each from there on."""

WIDEST = 1 << 20  # sets that span more are taken as whole intervals


def possible(network: Network) -> list[Set]:
    """Compute sets of codes for all values of a network.

    Parameters
    ----------
    network
        Network.

    Returns
    -------
    list of Set
        For each value a set that contains all codes it can take. Those of inputs, of layers without sums, and of
        `WIDEST` codes or more are intervals.
    """
    sets: list[Set] = [(kif.lo, np.ones(kif.hi - kif.lo + 1, dtype=np.bool_)) for kif in network.inputs]
    ranges = network.ranges
    for n, layer in enumerate(network.layers):
        outputs: list[Set] = []
        known: dict[tuple[object, ...], list[Set]] = {}
        for place in range(layer.n_positions):
            if not layer.is_sum:
                outputs += [_interval(ranges.one(len(sets) + len(outputs) + o)) for o in range(layer.shape[1])]
                continue
            channel_sets = channels(network, n, place=place, sets=sets)
            key = tuple((first, flags.tobytes()) for first, flags in channel_sets)
            if key not in known:
                known[key] = [
                    _final(layer, sums(layer, o, channel_sets=channel_sets)[-1]) for o in range(layer.shape[1])
                ]
            outputs += known[key]
        sets += outputs
    return sets


def _interval(codes: tuple[int, int, int]) -> Set:
    lo, hi, _ = codes
    return lo, np.ones(min(hi - lo + 1, WIDEST), dtype=np.bool_)


def _final(layer: IntegerLayer, total: Set) -> Set:
    """Return the set of a layer's output for the set of its sum: a ReLU maps negative sums to 0."""
    first, flags = total
    if not layer.clips_below_zero or first >= 0 or len(flags) >= WIDEST:
        return total
    kept = flags[-first:].copy() if len(flags) > -first else np.zeros(1, dtype=np.bool_)
    kept[0] |= flags[: 1 - first].any()
    return 0, kept


def channels(network: Network, n: int, *, place: int, sets: list[Set]) -> list[Set]:
    """Convert the sets of values to the formats of a layer's channels at a place.

    Parameters
    ----------
    network
        Network.
    n
        Number of the layer.
    place
        Place, a row of the layer's gather index.
    sets
        Sets by value, from `possible`.

    Returns
    -------
    list of Set
        One set per channel.
    """
    layer = network.layers[n]
    channel_sets: list[Set] = []
    for i, (source, kif) in enumerate(zip(map(int, network.gather_index[n][place]), layer.inputs, strict=True)):
        flags = np.zeros(kif.hi - kif.lo + 1, dtype=np.bool_)
        if source == PADDING:
            flags[min(max(0, kif.lo), kif.hi) - kif.lo] = True
        elif len(sets[source][1]) >= WIDEST:
            flags[:] = True
        else:
            flags[in_channel(network, n, i=i, source=source, codes=members(sets[source])) - kif.lo] = True
        channel_sets.append((kif.lo, flags))
    return channel_sets


def members(code_set: Set) -> IntArray:
    """Return the codes of a set in rising order."""
    codes: IntArray = code_set[0] + np.flatnonzero(code_set[1])
    return codes


def in_channel(network: Network, n: int, *, i: int, source: int, codes: IntArray) -> IntArray:
    """Convert codes of a value to the format of channel i of layer n."""
    layer = network.layers[n]
    return converted(
        codes, network.fraction_of(source), kif=layer.inputs[i], overflow=layer.overflow[i], rounding=layer.rounding
    )


def sums(layer: IntegerLayer, o: int, *, channel_sets: Sequence[Set]) -> list[Set]:
    """Add the sets of an output's terms one after another.

    Parameters
    ----------
    layer
        Layer of sums.
    o
        Number of the output.
    channel_sets
        Sets of the channels, from `channels`.

    Returns
    -------
    list of Set
        Sets of the sums over the first k live channels, from k = 0, which has the bias alone.
    """
    totals: list[Set] = [(layer.offset(o), np.ones(1, dtype=np.bool_))]
    for i in layer.entering(o):
        values = np.unique(layer.term(i, o, codes=members(channel_sets[i])))
        first, flags = totals[-1]
        lo, hi = int(values[0]), int(values[-1])
        size = len(flags) + hi - lo
        if size >= WIDEST or len(flags) >= WIDEST:
            totals.append((first + lo, np.ones(WIDEST, dtype=np.bool_)))
            continue
        added = np.zeros(size, dtype=np.bool_)
        for value in map(int, values):
            added[value - lo : value - lo + len(flags)] |= flags
        totals.append((first + lo, added))
    return totals
