"""Which bits of its inputs a network reads: decided from its integers for all codes, not from samples.

A bit of an input is read when there is a code for which flipping it changes an entry that a table of the first layer
looks up, or the code that an arithmetic or selecting layer computes with after its conversion. A bit that is not read
can change no output. The reverse is not claimed: what is read may be lost in a later layer.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from trigger_lut.fixed_point.formats import IntArray
from trigger_lut.network.network import Layer, LinearLayer, Network, TableLayer
from trigger_lut.network.reference_model import converted
from trigger_lut.network.simplify import without_unread

Edge = tuple[int, int, int]
"""Number of the layer, its channel, its output."""


@dataclass
class Reads:
    """What reads one input channel.

    bits      (bits,) of the channel's format, the most significant first: whether it is read
    kept      edges that read the channel: tables, weights that are not 0, values that are compared
    possible  the edges that there could be: those of every output of the layers that read the channel
    """

    bits: NDArray[np.bool_]
    kept: set[Edge] = field(default_factory=set)
    possible: set[Edge] = field(default_factory=set)


def input_reads(network: Network) -> list[Reads]:
    """One entry a channel of the network's inputs. Edges into values that nothing reads do not count."""
    needed = without_unread(network)
    found = [Reads(np.zeros(kif.bits, dtype=np.bool_)) for kif in needed.inputs]
    for value in map(int, needed.output_values):
        if value < len(found):
            found[value].bits[:] = True
    for n, layer in enumerate(needed.layers):
        for i in range(layer.shape[0]):
            outputs = _outputs(layer, i)
            known: dict[object, NDArray[np.bool_]] = {}  # places of a convolution read inputs of one format
            for channel in map(int, np.unique(needed.gather_index[n][:, i])):
                if not 0 <= channel < len(found):
                    continue
                kif = needed.inputs[channel]
                if kif not in known:
                    known[kif] = _deciding(needed, n, i, channel, outputs)
                found[channel].bits |= known[kif]
                found[channel].kept |= {(n, i, o) for o in outputs}
                found[channel].possible |= {(n, i, o) for o in _possible(layer, i)}
    return found


def _outputs(layer: Layer, i: int) -> list[int]:
    """Outputs that channel i enters."""
    if isinstance(layer, TableLayer):
        return list(map(int, np.flatnonzero(layer.widths[i])))
    if isinstance(layer, LinearLayer):
        return list(map(int, np.flatnonzero(layer.weights[i])))
    return [int(layer.output_of[i])] if layer.output_of[i] >= 0 else []


def _possible(layer: Layer, i: int) -> list[int]:
    """Outputs that channel i could enter: of a selection one at most."""
    return list(range(layer.shape[1])) if isinstance(layer, TableLayer | LinearLayer) else _outputs(layer, i)


def _deciding(network: Network, n: int, i: int, channel: int, outputs: list[int]) -> NDArray[np.bool_]:
    """(bits,) of an input channel: whether flipping it changes what channel i of layer n gives, for any code."""
    layer, kif = network.layers[n], network.inputs[channel]
    found = np.zeros(kif.bits, dtype=np.bool_)
    if not outputs:
        return found
    every = np.arange(kif.lo, kif.hi + 1, dtype=np.int64)
    codes = converted(every, network.fraction_of(channel), layer.inputs[i], layer.overflow[i], layer.rounding)
    if not isinstance(layer, TableLayer):
        return _changes(codes)
    inside = layer.inputs[i]
    for o in outputs:
        found |= _changes(layer.table(i, o)[(codes - inside.lo) >> (inside.bits - int(layer.widths[i, o]))])
    return found


def _changes(values: IntArray) -> NDArray[np.bool_]:
    """(bits,) of values (2**bits,) by rising code: whether any two differ whose codes differ in that bit alone.

    In rising order the codes count from the smallest on; flipping a bit of that count flips the same bit of the code.
    """
    bits = len(values).bit_length() - 1
    pairs = [values.reshape(-1, 2, 1 << bit) for bit in reversed(range(bits))]
    return np.array([(pair[:, 0] != pair[:, 1]).any() for pair in pairs], dtype=np.bool_)
