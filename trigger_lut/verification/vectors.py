"""Vectors that every evaluation gets: recorded or simulated events, corners of the input formats, random codes.

Codes that are all random drive wide sums into saturation, which hides what happens before it. So some vectors are
events in which a few channels are random.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trigger_lut.fixed_point.formats import KIF, IntArray, uniform
from trigger_lut.network.network import Network
from trigger_lut.verification.table_coverage import Coverage, vectors_for_entries

AT_LEAST = 100_000  # vectors together
RANDOM_AT_LEAST = 20_000
MOST_CHANGED = 3
BLOCK = 8192  # vectors that are sorted at once
COMBINATIONS = 2048  # of extremes, random once there are more


def make_vectors(
    formats: tuple[KIF, ...], test_split: NDArray[np.integer[Any]], *, seed: int, at_least: int = AT_LEAST
) -> tuple[IntArray, dict[str, int]]:
    """Make input codes from events, corners of the formats and random codes.

    Parameters
    ----------
    formats
        Formats of the C inputs.
    test_split : NDArray of shape (M, C)
        Codes of events, all of which are used.
    seed
        Seed of the random codes.
    at_least
        Smallest number of vectors.

    Returns
    -------
    vectors : IntArray of shape (N, C)
        Codes.
    counts : dict of str to int
        Number of vectors by origin, in their order: 'test', 'corners', 'changed', 'random'.
    """
    rng = np.random.default_rng(seed)
    corner = corners(formats, rng)
    count = max(at_least - len(test_split) - len(corner), min(RANDOM_AT_LEAST, at_least))
    events = np.asarray(test_split, dtype=np.int64)
    sizes = {"test": len(events), "corners": len(corner), "changed": count // 2 if len(events) else 0}
    sizes["random"] = count - sizes["changed"]
    ends = np.cumsum(list(sizes.values())).tolist()
    codes = np.empty((ends[-1], len(formats)), dtype=np.int64)  # filled part by part: there is no second copy
    codes[: ends[0]] = events
    codes[ends[0] : ends[1]] = corner
    codes[ends[1] : ends[2]] = _changed(events, formats, sizes["changed"], rng)
    codes[ends[2] :] = uniform(formats, sizes["random"], rng=rng)
    return codes, sizes


def _changed(events: IntArray, formats: tuple[KIF, ...], count: int, rng: np.random.Generator) -> IntArray:
    """Return (count, C) events in which MOST_CHANGED or fewer channels, at least one, are random."""
    if not count:
        return np.zeros((0, len(formats)), dtype=np.int64)
    vectors: IntArray = events[rng.integers(len(events), size=count)]
    order = rng.random(vectors.shape)
    changed = rng.integers(1, min(MOST_CHANGED, len(formats)) + 1, (count, 1))
    random = np.empty(vectors.shape, dtype=np.bool_)
    for start in range(0, count, BLOCK):
        block = slice(start, start + BLOCK)
        random[block] = order[block].argsort(axis=1) < changed[block]
    del order
    np.copyto(vectors, uniform(formats, count, rng=rng), where=random)
    return vectors


def all_vectors(
    network: Network, test_split: NDArray[np.integer[Any]], *, seed: int
) -> tuple[IntArray, dict[str, int], Coverage]:
    """Make the vectors of a network, with a set 'tables' for entries that those of `make_vectors` do not look up.

    Parameters
    ----------
    network
        Network.
    test_split : NDArray of shape (M, C)
        Codes of events.
    seed
        Seed of the random codes and of the search.

    Returns
    -------
    vectors : IntArray of shape (N, C)
        Codes.
    counts : dict of str to int
        Number of vectors by origin, in their order.
    coverage : Coverage
        Entries that all vectors look up together.
    """
    vectors, sets = make_vectors(network.inputs, test_split, seed=seed)
    more, coverage = vectors_for_entries(network, vectors, seed=seed)
    every = np.concatenate([vectors, more]) if len(more) else vectors
    return every, sets | {"tables": len(more)}, coverage


def special(kif: KIF) -> list[int]:
    """Return codes of a format where mistakes show: both ends, next to them, around zero, around the middle."""
    middle = (kif.lo + kif.hi + 1) // 2
    wanted = {kif.lo, kif.lo + 1, -1, 0, 1, middle - 1, middle, kif.hi - 1, kif.hi}
    return sorted(c for c in wanted if kif.lo <= c <= kif.hi)


def corners(formats: tuple[KIF, ...], rng: np.random.Generator) -> IntArray:
    """Return corners of the input formats.

    They are of three kinds: one channel at a special code, all at their ends, and all at random special codes. In the
    first kind, the other channels are at zero, in the middle, at either end, or at random. The second kind has every
    combination of ends, or a random choice of COMBINATIONS where there are more.
    """
    lo, hi = (np.array([getattr(kif, end) for kif in formats], dtype=np.int64) for end in ("lo", "hi"))
    rows = []
    for i, kif in enumerate(formats):
        for code in special(kif):
            for others in (np.zeros_like(lo), (lo + hi + 1) // 2, lo, hi, *uniform(formats, 4, rng=rng)):
                row = others.copy()
                row[i] = code
                rows.append(row)
    if 1 << len(formats) <= COMBINATIONS:
        ends = np.array(list(itertools.product((False, True), repeat=len(formats))))
    else:
        ends = rng.random((COMBINATIONS, len(formats))) < 0.5
        ends[:2] = [[False], [True]]
    anywhere = np.stack([rng.choice(special(kif), COMBINATIONS) for kif in formats], axis=1)
    return np.concatenate([np.stack(rows), np.where(ends, hi, lo), anywhere])
