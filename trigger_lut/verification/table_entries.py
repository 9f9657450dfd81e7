"""Vectors that look up every entry of every table, and the count of those that nothing can look up.

What a value can be is followed as a set of codes, not as an interval: a sum of tables of different channels takes the
sums of their entries (the Minkowski sum of the sets), as if channels were independent. That is exact for a layer that
reads network inputs, and more than what occurs behind it, so an entry outside the set is proven unreachable.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trigger_lut.fixed_point import IntArray
from trigger_lut.network import PADDING, LUTDenseTables, Network
from trigger_lut.reference import all_values, channel_codes, converted

Set = tuple[int, NDArray[np.bool_]]
"""Codes that a value can take: the first one, and a flag for each from there on."""

WIDEST = 1 << 20  # sets that span more are taken as whole intervals
POOL = 20_000  # vectors that a search starts from
TRIES = 256  # changed vectors a round of a search
ROUNDS = 12


@dataclass(frozen=True)
class Coverage:
    """Table entries of all live edges: how many there are, which were looked up, and which cannot be."""

    entries: int
    reached: int
    unreachable: int

    @property
    def missed(self) -> int:
        """Entries that may be reachable and were not reached."""
        return self.entries - self.reached - self.unreachable


@dataclass(frozen=True)
class Entry:
    """Entry `entry` of the table of edge (channel, output) in layer number `layer`, and the channel's codes there."""

    layer: int
    channel: int
    output: int
    entry: int
    first: int
    last: int


def possible(network: Network) -> list[Set]:
    """For each value of the network a set of codes that holds all it can take."""
    sets: list[Set] = [(kif.lo, np.ones(kif.hi - kif.lo + 1, dtype=np.bool_)) for kif in network.inputs]
    ranges = network.ranges
    for n, layer in enumerate(network.layers):
        made: list[Set] = []
        known: dict[tuple[object, ...], list[Set]] = {}
        for place in range(layer.places):
            if not isinstance(layer, LUTDenseTables):
                made += [_interval(ranges.one(len(sets) + len(made) + o)) for o in range(layer.shape[1])]
                continue
            seen = _channels(network, n, place, sets)
            key = tuple((first, flags.tobytes()) for first, flags in seen)
            if key not in known:
                known[key] = [_prefixes(layer, o, seen)[-1] for o in range(layer.shape[1])]
            made += known[key]
        sets += made
    return sets


def _interval(codes: tuple[int, int, int]) -> Set:
    lo, hi, _ = codes
    return lo, np.ones(min(hi - lo + 1, WIDEST), dtype=np.bool_)


def _channels(network: Network, n: int, place: int, sets: list[Set]) -> list[Set]:
    """Sets of codes in the formats of layer n's channels at a place."""
    layer = network.layers[n]
    found: list[Set] = []
    for i, (source, kif) in enumerate(zip(map(int, network.sites[n][place]), layer.inputs, strict=True)):
        flags = np.zeros(kif.hi - kif.lo + 1, dtype=np.bool_)
        if source == PADDING:
            flags[min(max(0, kif.lo), kif.hi) - kif.lo] = True
        elif len(sets[source][1]) >= WIDEST:
            flags[:] = True
        else:
            first, given = sets[source]
            codes = first + np.flatnonzero(given)
            kept = converted(codes, network.fraction_of(source), kif, layer.overflow[i], layer.rounding)
            flags[kept - kif.lo] = True
        found.append((kif.lo, flags))
    return found


def _prefixes(layer: LUTDenseTables, o: int, seen: list[Set]) -> list[Set]:
    """Sets of the sums of output o over the first k live channels, k from 0 on."""
    bias = int(layer.bias[o])
    sums: list[Set] = [(bias, np.ones(1, dtype=np.bool_))]
    for i in map(int, np.flatnonzero(layer.widths[:, o])):
        values = np.unique(layer.table(i, o)[_addresses(layer, i, o, seen[i])])
        first, flags = sums[-1]
        lo, hi = int(values[0]), int(values[-1])
        size = len(flags) + hi - lo
        if size >= WIDEST or len(flags) >= WIDEST:
            sums.append((first + lo, np.ones(WIDEST, dtype=np.bool_)))
            continue
        added = np.zeros(size, dtype=np.bool_)
        for value in map(int, values):
            added[value - lo : value - lo + len(flags)] |= flags
        sums.append((first + lo, added))
    return sums


def _addresses(layer: LUTDenseTables, i: int, o: int, seen: Set) -> IntArray:
    """Addresses of the table of edge (i, o) that a channel with these codes reaches."""
    drop = layer.inputs[i].bits - int(layer.widths[i, o])
    found: IntArray = np.unique(np.flatnonzero(seen[1]) >> drop)
    return found


def open_entries(network: Network, codes: IntArray, sets: list[Set]) -> tuple[list[Entry], Coverage]:
    """Entries that vectors (N, C_in) do not reach and that are not proven unreachable, and the whole count.

    sets: as of `possible`.
    """
    values = all_values(network, codes)
    missing: list[Entry] = []
    entries = reached = unreachable = 0
    for n, layer in enumerate(network.layers):
        if not isinstance(layer, LUTDenseTables):
            continue
        can = [np.zeros(kif.hi - kif.lo + 1, dtype=np.bool_) for kif in layer.inputs]
        did = [np.zeros_like(flags) for flags in can]
        for place in range(layer.places):
            seen = channel_codes(network, n, values, place)
            for i, (_, flags) in enumerate(_channels(network, n, place, sets)):
                can[i] |= flags
                did[i][seen[:, i] - layer.inputs[i].lo] = True
        for i, o in layer.edges():
            width = int(layer.widths[i, o])
            share = 1 << (layer.inputs[i].bits - width)
            may = np.asarray(can[i].reshape(-1, share).any(axis=1))
            has = np.asarray(did[i].reshape(-1, share).any(axis=1))
            entries += len(may)
            reached += int(has.sum())
            unreachable += int((~may).sum())
            for entry in map(int, np.flatnonzero(may & ~has)):
                first = layer.inputs[i].lo + entry * share
                missing.append(Entry(n, i, o, entry, first, first + share - 1))
    return missing, Coverage(entries, reached, unreachable)


def vectors_for_entries(network: Network, codes: IntArray, seed: int) -> tuple[IntArray, Coverage]:
    """More vectors (M, C_in) that reach entries which the given ones do not, and what all of them reach together.

    codes: (N, C_in). A sum over network inputs is solved for the code that is wanted; behind that, vectors are changed
    step by step towards it, which can fail.
    """
    rng = np.random.default_rng(seed)
    found: list[IntArray] = []
    sets = possible(network)
    missing, coverage = open_entries(network, codes, sets)
    if missing:
        pool = codes[rng.choice(len(codes), min(POOL, len(codes)), replace=False)]
        values = all_values(network, pool)
        seen: dict[tuple[int, int, int], bool] = {}
        for entry in missing:
            key = (entry.layer, entry.channel, entry.first)
            if key not in seen:
                vector = _vector_for(network, entry, pool, values, sets, rng)
                seen[key] = vector is not None
                found += [] if vector is None else [vector]
    more = np.array(found, dtype=np.int64).reshape(-1, codes.shape[1])
    if found:
        coverage = open_entries(network, np.concatenate([codes, more]), sets)[1]
    return more, coverage


def _vector_for(
    network: Network, entry: Entry, pool: IntArray, values: IntArray, sets: list[Set], rng: np.random.Generator
) -> IntArray | None:
    layer = network.layers[entry.layer]
    for place in map(int, rng.permutation(layer.places)):
        source = int(network.sites[entry.layer][place][entry.channel])
        if source == PADDING:
            continue
        first, flags = sets[source]
        kif = layer.inputs[entry.channel]
        wanted = first + np.flatnonzero(flags)
        kept = converted(wanted, network.fraction_of(source), kif, layer.overflow[entry.channel], layer.rounding)
        wanted = wanted[(kept >= entry.first) & (kept <= entry.last)]
        if not len(wanted):
            continue
        base: IntArray = pool[rng.integers(len(pool))].copy()
        if source < len(network.inputs):
            base[source] = rng.choice(wanted)
            return base
        solved = _solved(network, source, wanted, base, sets, rng)
        if solved is None:
            solved = _searched(network, source, wanted, pool, values, rng)
        if solved is not None:
            return solved
    return None


def _solved(
    network: Network, value: int, wanted: IntArray, base: IntArray, sets: list[Set], rng: np.random.Generator
) -> IntArray | None:
    """A vector that gives a value one of the wanted codes, where a table layer sums over distinct network inputs."""
    n = int(np.searchsorted(network.starts, value, side="right")) - 1
    layer = network.layers[n]
    if not isinstance(layer, LUTDenseTables):
        return None
    place, o = divmod(value - network.starts[n], layer.shape[1])
    live = list(map(int, np.flatnonzero(layer.widths[:, o])))
    sources = [int(network.sites[n][place][i]) for i in live]
    inputs = [s for s in sources if s != PADDING]
    if max(inputs, default=0) >= len(network.inputs) or len(set(inputs)) < len(inputs):
        return None
    seen = _channels(network, n, place, sets)
    sums = _prefixes(layer, o, seen)
    if any(len(flags) >= WIDEST for _, flags in sums):
        return None
    first, flags = sums[-1]
    inside = wanted[(wanted >= first) & (wanted < first + len(flags))]
    inside = inside[flags[inside - first]]
    if not len(inside):
        return None
    total = int(rng.choice(inside))
    found: IntArray = base.copy()
    for i, source, (before, possible_sums) in reversed(list(zip(live, sources, sums, strict=False))):
        addresses = _addresses(layer, i, o, seen[i])
        rest = total - layer.table(i, o)[addresses] - before
        fits = (rest >= 0) & (rest < len(possible_sums))
        fits[fits] = possible_sums[rest[fits]]
        address = int(rng.choice(addresses[fits]))
        total -= int(layer.table(i, o)[address])
        if source != PADDING:
            kif = layer.inputs[i]
            raw = sets[source][0] + np.flatnonzero(sets[source][1])
            kept = converted(raw, network.fraction_of(source), kif, layer.overflow[i], layer.rounding) - kif.lo
            found[source] = rng.choice(raw[kept >> (kif.bits - int(layer.widths[i, o])) == address])
    return found


def _searched(
    network: Network, value: int, wanted: IntArray, pool: IntArray, values: IntArray, rng: np.random.Generator
) -> IntArray | None:
    """A vector that gives a value one of the wanted codes, by changes of a few inputs at a time; None: not found."""

    def distance(codes: IntArray) -> IntArray:
        at = np.clip(np.searchsorted(wanted, codes), 1, len(wanted) - 1) if len(wanted) > 1 else np.zeros_like(codes)
        near: IntArray = np.abs(codes - wanted[at])
        below: IntArray = np.abs(codes - wanted[np.maximum(at - 1, 0)])
        return np.minimum(near, below)

    far = distance(values[:, value])
    best: IntArray = pool[int(far.argmin())]
    least = int(far.min())
    lo, hi = (np.array([getattr(kif, end) for kif in network.inputs]) for end in ("lo", "hi"))
    for _ in range(ROUNDS):
        if least == 0:
            return best
        tried = np.repeat(best[None], TRIES, axis=0)
        # One input at a time, or a few: some codes need two to change at once.
        changed = rng.random(tried.shape) < rng.choice([1, 2, 4], (TRIES, 1)) / tried.shape[1]
        tried = np.where(changed, rng.integers(lo, hi + 1, tried.shape), tried)
        far = distance(all_values(network, tried)[:, value])
        if int(far.min()) < least:
            best, least = tried[int(far.argmin())], int(far.min())
    return best if least == 0 else None
