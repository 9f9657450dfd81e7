"""Vectors that look up every entry of every table, and the count of those that nothing can look up."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trigger_lut.fixed_point.formats import IntArray
from trigger_lut.network.network import PADDING, Network, TableLayer
from trigger_lut.network.reference_model import all_values, channel_codes
from trigger_lut.utils.progress import watched
from trigger_lut.verification.code_sets import Set, channels, in_channel, members, possible
from trigger_lut.verification.input_search import Solver

LOG = logging.getLogger(__name__)
POOL = 20_000  # vectors that a search starts from
MOST_LOOK_UPS = 10**10  # of all searches for a network; 90 s for one of 93,000 LUTs
BLOCK_BYTES = 1 << 26
"""Most bytes of all values of the vectors that are evaluated at once."""


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


def open_entries(network: Network, codes: IntArray, *, sets: list[Set]) -> tuple[list[Entry], Coverage]:
    """Find table entries that vectors do not reach and that are not proven unreachable.

    Parameters
    ----------
    network
        Network with the tables.
    codes : IntArray of shape (N, C_in)
        Vectors.
    sets
        Sets of codes by value, from `code_sets.possible`.

    Returns
    -------
    missing : list of Entry
        These entries.
    coverage : Coverage
        Counts of all entries of live edges.
    """
    did = _looked_up(network, codes)
    missing: list[Entry] = []
    entries = reached = unreachable = 0
    for n, layer in enumerate(network.layers):
        if not isinstance(layer, TableLayer):
            continue
        can = [np.zeros(kif.hi - kif.lo + 1, dtype=np.bool_) for kif in layer.inputs]
        for place in range(layer.n_positions):
            for i, (_, flags) in enumerate(channels(network, n, place=place, sets=sets)):
                can[i] |= flags
        for i, o in layer.edges():
            width = int(layer.widths[i, o])
            share = 1 << (layer.inputs[i].bits - width)
            may = np.asarray(can[i].reshape(-1, share).any(axis=1))
            has = np.asarray(did[n][i].reshape(-1, share).any(axis=1))
            entries += len(may)
            reached += int(has.sum())
            unreachable += int((~may).sum())
            for entry in map(int, np.flatnonzero(may & ~has)):
                first = layer.inputs[i].lo + entry * share
                missing.append(Entry(n, i, o, entry, first, first + share - 1))
    return missing, Coverage(entries, reached, unreachable)


def _looked_up(network: Network, codes: IntArray) -> dict[int, list[NDArray[np.bool_]]]:
    """Return by number of a table layer, for each channel, which codes vectors give it. In blocks: values are many."""
    did = {
        n: [np.zeros(kif.hi - kif.lo + 1, dtype=np.bool_) for kif in layer.inputs]
        for n, layer in enumerate(network.layers)
        if isinstance(layer, TableLayer)
    }
    for _, values in _all_values(network, codes):
        for n, seen_codes in did.items():
            layer = network.layers[n]
            for place in range(layer.n_positions):
                channel_values = channel_codes(network, n, values=values, place=place)
                for i, kif in enumerate(layer.inputs):
                    seen_codes[i][channel_values[:, i] - kif.lo] = True
    return did


def _all_values(network: Network, codes: IntArray) -> Iterator[tuple[slice, IntArray]]:
    """Evaluate all values of vectors, in blocks of at most BLOCK_BYTES, at least one vector."""
    size = max(1, BLOCK_BYTES // (8 * network.first_value[-1]))
    for start in range(0, len(codes), size):
        yield slice(start, start + size), all_values(network, codes[start : start + size])


def vectors_for_entries(network: Network, codes: IntArray, *, seed: int) -> tuple[IntArray, Coverage]:
    """Make vectors for table entries that the given vectors do not look up.

    Sums over different network inputs are solved for the wanted code. Elsewhere vectors are changed step by step
    towards it, which can fail. After MOST_LOOK_UPS the rest of the entries is solved or left.

    Parameters
    ----------
    network
        Network with the tables.
    codes : IntArray of shape (N, C_in)
        Given vectors.
    seed
        Seed of the search.

    Returns
    -------
    more : IntArray of shape (M, C_in)
        Further vectors.
    coverage : Coverage
        Entries that all vectors look up together.
    """
    rng = np.random.default_rng(seed)
    vectors: list[IntArray] = []
    sets = possible(network)
    missing, coverage = open_entries(network, codes, sets=sets)
    if missing:
        pool = codes[rng.choice(len(codes), min(POOL, len(codes)), replace=False)]
        values, solver = _read_values(network, missing, pool), Solver(network, sets, rng=rng)
        different: dict[tuple[int, int, int], Entry] = {}
        for entry in missing:
            different.setdefault((entry.layer, entry.channel, entry.first), entry)
        for entry in watched(list(different.values()), "vectors: table entries"):
            vector = _vector_for(solver, entry, pool, values)
            vectors += [] if vector is None else [vector]
        if solver.look_ups > MOST_LOOK_UPS:
            LOG.info(
                f"vectors: the search ended after {solver.look_ups:,} look-ups; "
                "entries not reached by then count as uncovered"
            )
    more = np.array(vectors, dtype=np.int64).reshape(-1, codes.shape[1])
    if vectors:
        coverage = open_entries(network, np.concatenate([codes, more]), sets=sets)[1]
    return more, coverage


def _read_values(network: Network, entries: list[Entry], codes: IntArray) -> dict[int, IntArray]:
    """Return the values that the channels of entries read, by number, each in the smallest type that holds it."""
    read = {int(v) for e in entries for v in network.gather_index[e.layer][:, e.channel]} - {PADDING}
    values_by_number = {}
    for value in sorted(read):
        lo, hi, _ = network.ranges.one(value)
        values_by_number[value] = np.empty(
            len(codes), dtype=np.result_type(np.min_scalar_type(lo), np.min_scalar_type(-hi - 1))
        )
    for block, values in _all_values(network, codes):
        for value, kept in values_by_number.items():
            kept[block] = values[:, value]
    return values_by_number


def _vector_for(solver: Solver, entry: Entry, pool: IntArray, values: Mapping[int, IntArray]) -> IntArray | None:
    network, rng = solver.network, solver.rng
    for place in map(int, rng.permutation(network.layers[entry.layer].n_positions)):
        source = int(network.gather_index[entry.layer][place][entry.channel])
        if source == PADDING:
            continue
        wanted = members(solver.sets[source])
        kept = in_channel(network, entry.layer, i=entry.channel, source=source, codes=wanted)
        wanted = wanted[(kept >= entry.first) & (kept <= entry.last)]
        if not len(wanted):
            continue
        vector = solver.solved(source, wanted, base=pool[rng.integers(len(pool))])
        if vector is None and solver.look_ups <= MOST_LOOK_UPS:
            vector = solver.searched(source, wanted, pool=pool, values=values[source])
        if vector is not None:
            return vector
    return None
