"""Inputs of a network that give one of its values a wanted code: solved where sums allow it, else searched."""

from __future__ import annotations

from functools import cache

import numpy as np

from trigger_lut.fixed_point.formats import IntArray
from trigger_lut.network.network import PADDING, Network
from trigger_lut.verification.code_sets import (
    WIDEST,
    Set,
    channels,
    in_channel,
    members,
    sums,
)
from trigger_lut.verification.cone import Cones

TRIES = 256  # changed vectors a round of a search
ROUNDS = 60
PATIENCE = 10  # rounds without progress
MOST = 20_000  # vectors of a sweep over all inputs


class Solver:
    """Solver and search for inputs of one network that give a value a wanted code.

    Parameters
    ----------
    network
        Network.
    sets
        Sets of codes by value, from `code_sets.possible`.
    rng
        Source of the random choices.

    Attributes
    ----------
    look_ups : int
        Table look-ups of all searches up to now: a measure of their time that is the same on every machine.
    """

    def __init__(self, network: Network, sets: list[Set], *, rng: np.random.Generator) -> None:
        self.network, self.sets, self.rng = network, sets, rng
        self.support = cache(self._support)
        self.cones = Cones(network)
        self.look_ups = 0

    def solved(self, value: int, wanted: IntArray, *, base: IntArray) -> IntArray | None:
        """Solve for a vector in which a value has one of the wanted codes.

        Parameters
        ----------
        value
            Number of the value.
        wanted : IntArray of shape (K,)
            Codes, of which the value can take each.
        base : IntArray of shape (C_in,)
            Vector whose other inputs are kept.

        Returns
        -------
        IntArray of shape (C_in,) or None
            None unless the value is a tree of sums whose branches read different network inputs, down to these.
        """
        vector: IntArray = base.copy()
        return vector if self._assign(value, wanted, vector) else None

    def _assign(self, value: int, wanted: IntArray, vector: IntArray) -> bool:
        if value < len(self.network.inputs):
            vector[value] = self.rng.choice(wanted)
            return True
        n, place, o = self._origin(value)
        layer = self.network.layers[n]
        if not layer.is_sum:
            return False
        read, entering = list(map(int, self.network.gather_index[n][place])), layer.entering(o)
        if not self._apart([read[i] for i in entering]):
            return False
        channel_sets = channels(self.network, n, place=place, sets=self.sets)
        before = sums(layer, o, channel_sets=channel_sets)
        if any(len(flags) >= WIDEST for _, flags in before):
            return False
        totals = members(before[-1])
        final = np.maximum(totals, 0) if layer.clips_below_zero else totals
        totals = totals[np.isin(final, wanted)]
        if not len(totals):
            return False
        total = int(self.rng.choice(totals))
        for i, (first, flags) in reversed(list(zip(entering, before, strict=False))):
            codes = members(channel_sets[i])
            adds = layer.term(i, o, codes=codes)
            rest = total - adds - first
            fits = (rest >= 0) & (rest < len(flags))
            fits[fits] = flags[rest[fits]]
            chosen = int(self.rng.choice(np.unique(adds[fits])))
            total -= chosen
            if read[i] != PADDING:
                raw = members(self.sets[read[i]])
                raw = raw[np.isin(in_channel(self.network, n, i=i, source=read[i], codes=raw), codes[adds == chosen])]
                if not self._assign(read[i], raw, vector):
                    return False
        return True

    def _origin(self, value: int) -> tuple[int, int, int]:
        """Return the layer, place and output of a value."""
        n = int(np.searchsorted(self.network.first_value, value, side="right")) - 1
        place, o = divmod(value - self.network.first_value[n], self.network.layers[n].shape[1])
        return n, place, o

    def _apart(self, sources: list[int]) -> bool:
        """Return whether no two values read the same network input."""
        inputs: set[int] = set()
        for source in sources:
            own = self.support(source) if source != PADDING else frozenset()
            if inputs & own:
                return False
            inputs |= own
        return True

    def _support(self, value: int) -> frozenset[int]:
        """Return the network inputs that a value may depend on."""
        if value < len(self.network.inputs):
            return frozenset([value])
        n, place, o = self._origin(value)
        layer = self.network.layers[n]
        entering = layer.entering(o) if layer.is_sum else range(len(layer.inputs))
        sources = (int(self.network.gather_index[n][place][i]) for i in entering)
        return frozenset().union(*(self.support(s) for s in sources if s != PADDING))

    def _repeat(self, vectors: IntArray) -> None:
        """Give some places of a shared layer what another one reads: sums over places then go to their ends."""
        for layer, gather_index in zip(self.network.layers, self.network.gather_index, strict=True):
            if layer.n_positions < 2 or gather_index.min() < 0 or gather_index.max() >= len(self.network.inputs):
                continue
            for vector in vectors:
                given = vector[gather_index[self.rng.integers(layer.n_positions)]]
                vector[gather_index[self.rng.random(layer.n_positions) < self.rng.random()]] = given
            return

    def _neighbors(self, vector: IntArray) -> IntArray:
        """Return every vector that differs in one input, or MOST of them by chance."""
        blocks = []
        for i, kif in enumerate(self.network.inputs):
            changed = np.repeat(vector[None], kif.hi - kif.lo + 1, axis=0)
            changed[:, i] = np.arange(kif.lo, kif.hi + 1)
            blocks.append(changed)
        every = np.concatenate(blocks)
        return every if len(every) <= MOST else every[self.rng.choice(len(every), MOST, replace=False)]

    def searched(self, value: int, wanted: IntArray, *, pool: IntArray, values: IntArray) -> IntArray | None:
        """Search for a vector in which a value has one of the wanted codes, by changes of a few inputs at a time.

        Parameters
        ----------
        value
            Number of the value.
        wanted : IntArray of shape (K,)
            Codes in rising order.
        pool : IntArray of shape (N, C_in)
            Vectors to start from.
        values : IntArray of shape (N,)
            This value for these vectors.

        Returns
        -------
        IntArray of shape (C_in,) or None
            None where the search found no such vector.
        """
        far = _distance(values.astype(np.int64), wanted)
        best: IntArray = pool[int(far.argmin())]
        least = int(far.min())
        lo, hi = (np.array([getattr(kif, end) for kif in self.network.inputs]) for end in ("lo", "hi"))
        idle = 0
        for _ in range(ROUNDS):
            if least == 0 or idle == PATIENCE:
                break
            tried = np.repeat(best[None], TRIES, axis=0)
            # One input at a time, or a few: some codes need two to change at once. Half of them as in another vector.
            changed = self.rng.random(tried.shape) < self.rng.choice([1, 2, 4, 8], (TRIES, 1)) / tried.shape[1]
            others = self.rng.integers(lo, hi + 1, tried.shape)
            others[::2] = pool[self.rng.integers(len(pool), size=len(others[::2]))]
            tried = self._neighbors(best) if idle == PATIENCE - 1 else np.where(changed, others, tried)
            self._repeat(tried[1::4])
            self.look_ups += len(tried) * self.cones.cost(value)
            far = _distance(self.cones.value(value, codes=tried), wanted)
            idle = 0 if int(far.min()) < least else idle + 1
            if not idle:
                best, least = tried[int(far.argmin())], int(far.min())
        return best if least == 0 else None


def _distance(codes: IntArray, wanted: IntArray) -> IntArray:
    """Return the distance of each code to the nearest of the wanted ones, which rise."""
    at = np.clip(np.searchsorted(wanted, codes), 1, len(wanted) - 1) if len(wanted) > 1 else np.zeros_like(codes)
    near: IntArray = np.abs(codes - wanted[at])
    below: IntArray = np.abs(codes - wanted[np.maximum(at - 1, 0)])
    return np.minimum(near, below)
