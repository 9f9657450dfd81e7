"""One flipped bit of a network: the negative control of each comparison and proof.

The bit is in a table entry, or in a weight of a network without tables.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trigger_lut.errors import FirmwareError
from trigger_lut.fixed_point.formats import IntArray, kif_for_range
from trigger_lut.network.network import Network, TableLayer, with_layer
from trigger_lut.network.reference_model import all_values, channel_codes, evaluate

ATTEMPTS = 500


@dataclass(frozen=True)
class BitFlip:
    """One bit of a table entry, or of a weight, that is inverted.

    Attributes
    ----------
    layer
        Number of the layer, from 0.
    channel, output
        Edge of the table or weight.
    entry
        Entry of the table; 0 for a weight.
    bit
        Number of the bit, from the least significant one on.
    """

    layer: int
    channel: int
    output: int
    entry: int
    bit: int

    def constant(self, network: Network) -> tuple[str, tuple[int, ...], str]:
        """Return field, index and name of the constant that has the bit.

        Parameters
        ----------
        network : Network
            Network that the flip was chosen for.

        Returns
        -------
        tuple
            Field of the layer, index into its array, name for messages.
        """
        constant = network.layers[self.layer].edge_constant(self.channel, self.output, entry=self.entry)
        assert constant is not None, network.layers[self.layer].name
        return constant

    def describe(self, network: Network) -> str:
        """Describe the flip, with the values before and after it.

        Parameters
        ----------
        network : Network
            Network without the flip.

        Returns
        -------
        str
        """
        field, index, name = self.constant(network)
        layer = network.layers[self.layer]
        before = int(getattr(layer, field)[index])
        return f"bit {self.bit} of {name} in {layer.name}: {before} became {before ^ (1 << self.bit)}"


def table_layer(network: Network, n: int) -> TableLayer:
    """Return layer number n, which must be a table layer.

    Parameters
    ----------
    network : Network
        The integer network.
    n : int
        Number of the layer, from 0.

    Returns
    -------
    TableLayer
    """
    layer = network.layers[n]
    assert isinstance(layer, TableLayer), layer.name
    return layer


def flipped(network: Network, flip: BitFlip) -> Network:
    """Copy a network with one bit flipped.

    Parameters
    ----------
    network
        Integer network; it stays as it is.
    flip
        The bit.

    Returns
    -------
    Network
        The copy.
    """
    field, index, _ = flip.constant(network)
    values = getattr(network.layers[flip.layer], field).copy()
    values[index] ^= 1 << flip.bit
    return with_layer(network, flip.layer, **{field: values})


def choose_flip(network: Network, codes: IntArray, *, seed: int) -> BitFlip:
    """Choose a bit whose flip changes an output of the reference model for some vector.

    Entries whose flipped value stays within its table's range come first, so that no sum leaves its bounds.

    Parameters
    ----------
    network
        Integer network.
    codes : IntArray of shape (N, C_in)
        Vectors; the entry is one that they reach.
    seed
        Seed of the choice.

    Returns
    -------
    BitFlip
        The bit.

    Raises
    ------
    FirmwareError
        If no flip changes an output, for example because every edge is pruned.
    """
    rng = np.random.default_rng(seed)
    expected = evaluate(network, codes)
    candidates = [_candidates(network, codes, rng, inside) for inside in (True, False)]
    for flips in (*candidates, _weights(network, rng)):
        for flip in flips:
            if (evaluate(flipped(network, flip), codes) != expected).any():
                return flip
    raise FirmwareError(
        f"no negative control: flipping a bit of a table entry that the {len(codes)} vectors reach changes no output"
    )


def _candidates(network: Network, codes: IntArray, rng: np.random.Generator, inside: bool) -> list[BitFlip]:
    flips = []
    values = all_values(network, codes)
    for n, layer in enumerate(network.layers):
        if not isinstance(layer, TableLayer):
            continue
        read = channel_codes(network, n, values=values, place=int(rng.integers(layer.n_positions)))
        for i, o in layer.edges():
            kif, table = layer.inputs[i], layer.table(i, o)
            for entry in np.unique((read[:, i] - kif.lo) >> (kif.bits - int(layer.widths[i, o]))):
                for bit in range(max(_signed_bits(table) - 1, 1)):
                    value = int(table[entry]) ^ (1 << bit)
                    if not inside or table.min() <= value <= table.max():
                        flips.append(BitFlip(n, i, o, int(entry), bit))
    return _sample(flips, rng)


def _weights(network: Network, rng: np.random.Generator) -> list[BitFlip]:
    """List flips of weights, which leave bounds unproven: only where no table is left."""
    flips = []
    for n, layer in enumerate(network.layers):
        for i, o in layer.edges():
            if not layer.reads_addresses and layer.edge_constant(i, o, entry=0) is not None:
                flips.append(BitFlip(n, i, o, 0, 0))
    return _sample(flips, rng)


def _sample(flips: list[BitFlip], rng: np.random.Generator) -> list[BitFlip]:
    return [flips[k] for k in rng.permutation(len(flips))[:ATTEMPTS]]


def _signed_bits(entries: IntArray) -> int:
    """Return the width of a signed integer that represents every entry of a table."""
    return kif_for_range(min(int(entries.min()), -1), int(entries.max()), f=0).bits
