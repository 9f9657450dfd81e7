"""Which split an event belongs to: a stable hash of its identity, never its place in a file.

The hash is the finaliser of SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators",
OOPSLA 2014), chained over the identity's columns: h = mix(h + GAMMA + column), all modulo 2**64. For one column it is
a bijection; for several, two of N events share a hash with a probability of about N**2 / 2**65.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trigger_lut.data.event_codes import TEST, TRAIN, VALIDATION

U64 = NDArray[np.uint64]
GAMMA = np.uint64(0x9E3779B97F4A7C15)
SPLIT_SALT = np.uint64(0x5350_4C49_5400_0001)  # the split must not follow from the sorting order


def mix(x: U64) -> U64:
    """SplitMix64's finaliser of each element."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def hash_columns(columns: Sequence[NDArray[np.integer]]) -> U64:
    """(N,) hash of N identities from integer columns (N,); their order counts, their integer type does not."""
    h = np.zeros(len(columns[0]), dtype=np.uint64)
    for column in columns:
        h = mix(h + GAMMA + column.astype(np.int64, copy=False).view(np.uint64))
    return h


def assign(hashes: U64, train: float, *, validation: float) -> NDArray[np.uint8]:
    """Choose TRAIN, VALIDATION or TEST (N,) in the given fractions, from hashes of what must stay together."""
    uniform = (mix(hashes ^ SPLIT_SALT) >> np.uint64(11)).astype(np.float64) * 2.0**-53
    choice = np.where(uniform < train, TRAIN, np.where(uniform < train + validation, VALIDATION, TEST))
    return choice.astype(np.uint8)
