"""One value of a network for given vectors, from the tables that it depends on alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np

from trigger_lut.fixed_point.formats import IntArray
from trigger_lut.network.back_ends import REFERENCE_MODEL
from trigger_lut.network.network import PADDING, IntegerLayer, Network, TableLayer
from trigger_lut.network.reference_model import channel_codes

MOST_LAYERS = 64  # of which the tables are kept side by side
BLOCK = 1 << 22  # look-ups at a time
NARROW = 30  # bits of codes and of places of entries that need no 64 bits

Outputs = tuple[int, ...]


@dataclass(frozen=True)
class LookUps:
    """Tables of some outputs of a layer, one after the other, in the order of these outputs.

    Attributes
    ----------
    channels, shifts, lowest, starts : IntArray of shape (E,)
        Of each edge: its channel, the bits that are not part of the address, the channel's lowest code, and where the
        table begins.
    entries : IntArray
        All tables.
    bias : IntArray of shape (O,)
        Bias of each output.
    live : IntArray of shape (L,)
        Outputs with an edge, by number among the chosen ones.
    firsts : IntArray of shape (L,)
        First edge of each of these.
    """

    channels: IntArray
    shifts: IntArray
    lowest: IntArray
    starts: IntArray
    entries: IntArray
    bias: IntArray
    live: IntArray
    firsts: IntArray

    @classmethod
    def of(cls, layer: IntegerLayer, outputs: Outputs) -> LookUps:
        """Take the tables of some outputs."""
        assert isinstance(layer, TableLayer)
        edges = [(i, o) for o in outputs for i in np.flatnonzero(layer.widths[:, o]).tolist()]
        widths = np.array([layer.widths[edge] for edge in edges], dtype=np.int64)
        bits = np.array([layer.inputs[i].bits for i, _ in edges], dtype=np.int64)
        ends = np.cumsum(1 << widths)
        small = not edges or (bits.max() < NARROW and ends[-1] < 1 << NARROW)
        kind = np.int32 if small else np.int64  # gathers of narrow numbers take half the time
        counts = np.array([np.count_nonzero(layer.widths[:, o]) for o in outputs])
        tables = [layer.tables[edge][: 1 << width] for edge, width in zip(edges, widths.tolist(), strict=True)]
        return cls(
            channels=np.array([i for i, _ in edges], dtype=np.int64),
            shifts=(bits - widths).astype(kind),
            lowest=np.array([layer.inputs[i].lo for i, _ in edges], dtype=kind),
            starts=np.concatenate([[0], ends[:-1]]).astype(kind),
            entries=np.concatenate([np.zeros(0, dtype=np.int64), *tables]),
            bias=layer.bias[list(outputs)].astype(np.int64),
            live=np.flatnonzero(counts),
            firsts=np.concatenate([[0], np.cumsum(counts[counts > 0])[:-1]]).astype(np.int64),
        )

    def sums(self, codes: IntArray) -> IntArray:
        """Return the outputs (N, O) for the layer's codes (N, C_in)."""
        totals = np.tile(self.bias, (len(codes), 1))
        if not len(self.channels):
            return totals
        size = max(1, BLOCK // len(self.channels))
        for start in range(0, len(codes), size):
            block = slice(start, start + size)
            at = codes[block].astype(self.starts.dtype)[:, self.channels]
            at -= self.lowest
            at >>= self.shifts
            at += self.starts
            totals[block][:, self.live] += np.add.reduceat(self.entries[at], self.firsts, axis=1, dtype=np.int64)
        return totals


class Cones:
    """Values of a network, each from the layers and outputs that it depends on."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.needed = cache(self._needed)
        self.cost = cache(self._cost)
        self._look_ups = lru_cache(MOST_LAYERS)(lambda n, outputs: LookUps.of(network.layers[n], outputs))

    def value(self, number: int, *, codes: IntArray) -> IntArray:
        """Evaluate one value.

        Parameters
        ----------
        number
            Number of the value, as in `Network`.
        codes : IntArray of shape (N, C_in)
            Vectors.

        Returns
        -------
        IntArray of shape (N,)
            The value for each vector, as `all_values` gives it.
        """
        network = self.network
        values = np.zeros((len(codes), network.first_value[-1]), dtype=np.int64)
        values[:, : codes.shape[1]] = codes
        for n, place, outputs in self.needed(number):
            layer = network.layers[n]
            channels = channel_codes(network, n, values=values, place=place)
            first = network.first_value[n] + place * layer.shape[1]
            if isinstance(layer, TableLayer):
                values[:, first + np.array(outputs)] = self._look_ups(n, outputs).sums(channels)
            else:
                values[:, first : first + layer.shape[1]] = REFERENCE_MODEL(layer, channels)
        return values[:, number]

    def _cost(self, number: int) -> int:
        """Return the number of sums and table look-ups for one vector."""
        total = 0
        for n, _, outputs in self.needed(number):
            layer = self.network.layers[n]
            if isinstance(layer, TableLayer):
                total += len(outputs) + int(np.count_nonzero(layer.widths[:, list(outputs)]))
            else:
                total += layer.shape[0] * layer.shape[1]
        return total

    def _needed(self, number: int) -> tuple[tuple[int, int, Outputs], ...]:
        """Return layer, place and outputs that a value depends on, itself included, in the order of evaluation."""
        network, inputs = self.network, len(self.network.inputs)
        needed: dict[tuple[int, int], set[int]] = {}
        waiting = [number] if number >= inputs else []
        while waiting:
            value = waiting.pop()
            n = int(np.searchsorted(network.first_value, value, side="right")) - 1
            layer = network.layers[n]
            place, o = divmod(value - network.first_value[n], layer.shape[1])
            outputs = needed.setdefault((n, place), set())
            if o in outputs:
                continue
            outputs.add(o)
            entering = layer.entering(o) if layer.is_sum else range(len(layer.inputs))
            sources = (int(network.gather_index[n][place][i]) for i in entering)
            waiting += [source for source in sources if source != PADDING and source >= inputs]
        return tuple((n, place, tuple(sorted(needed[n, place]))) for n, place in sorted(needed))
