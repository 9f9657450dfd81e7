"""Which bits of its inputs a network reads: decided from its integers for all codes, not from samples.

A bit of an input is read when flipping it for some code changes what the first layer computes with. That is an entry
of a table, or a code after conversion in an arithmetic or selecting layer. A bit that is not read can change no
output. The reverse is not claimed: what is read may be lost in a later layer.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from trigger_lut.fixed_point.formats import IntArray
from trigger_lut.network.back_ends import DECIDING_BITS
from trigger_lut.network.network import Network, TableLayer
from trigger_lut.network.reference_model import converted
from trigger_lut.network.simplify import without_unread

Edge = tuple[int, int, int]
"""Number of the layer, its channel, its output."""


@dataclass
class Reads:
    """Readers of one input channel.

    bits      (bits,) of the channel's format, the most significant first: True if it is read.
    kept      Edges that read the channel: tables, weights that are not 0, values that are compared.
    possible  Edges that there could be: to every output of the layers that read the channel.
    """

    bits: NDArray[np.bool_]
    kept: set[Edge] = field(default_factory=set)
    possible: set[Edge] = field(default_factory=set)


def input_reads(network: Network) -> list[Reads]:
    """Find the readers of each input channel. Edges into values that nothing reads do not count.

    Parameters
    ----------
    network : Network
        The integer network.

    Returns
    -------
    list of Reads
        One entry per channel of the network's inputs.
    """
    needed = without_unread(network)
    reads = [Reads(np.zeros(kif.bits, dtype=np.bool_)) for kif in needed.inputs]
    for value in map(int, needed.output_values):
        if value < len(reads):
            reads[value].bits[:] = True
    for n, layer in enumerate(needed.layers):
        for i in range(layer.shape[0]):
            outputs = np.flatnonzero(layer.edge_mask[i]).tolist()
            known: dict[object, NDArray[np.bool_]] = {}  # positions of a convolution read inputs of one format
            for channel in map(int, np.unique(needed.gather_index[n][:, i])):
                if not 0 <= channel < len(reads):
                    continue
                kif = needed.inputs[channel]
                if kif not in known:
                    known[kif] = _deciding(needed, n, i, channel, outputs)
                reads[channel].bits |= known[kif]
                reads[channel].kept |= {(n, i, o) for o in outputs}
                reads[channel].possible |= {(n, i, o) for o in np.flatnonzero(layer.possible_edges[i]).tolist()}
    return reads


def _deciding(network: Network, n: int, i: int, channel: int, outputs: list[int]) -> NDArray[np.bool_]:
    """Return (bits,) of an input channel: True if flipping it changes what channel i of layer n gives, for any code."""
    layer, kif = network.layers[n], network.inputs[channel]
    deciding = np.zeros(kif.bits, dtype=np.bool_)
    if not outputs:
        return deciding
    every = np.arange(kif.lo, kif.hi + 1, dtype=np.int64)
    codes = converted(
        every, network.fraction_of(channel), kif=layer.inputs[i], overflow=layer.overflow[i], rounding=layer.rounding
    )
    for values in DECIDING_BITS(layer, i, codes):
        deciding |= _changes(values)
    return deciding


@DECIDING_BITS.register(TableLayer)
def _entries(layer: TableLayer, i: int, codes: IntArray) -> list[IntArray]:
    """Return entries that the tables of channel i give for its codes."""
    return [layer.table(i, o)[layer.addresses(i, o, codes=codes)] for o in np.flatnonzero(layer.edge_mask[i]).tolist()]


def _changes(values: IntArray) -> NDArray[np.bool_]:
    """Return (bits,) of values (2**bits,) by rising code: True if any two differ whose codes differ in that bit alone.

    In rising order the codes count from the smallest on; flipping a bit of that count flips the same bit of the code.
    """
    bits = len(values).bit_length() - 1
    pairs = [values.reshape(-1, 2, 1 << bit) for bit in reversed(range(bits))]
    return np.array([(pair[:, 0] != pair[:, 1]).any() for pair in pairs], dtype=np.bool_)
