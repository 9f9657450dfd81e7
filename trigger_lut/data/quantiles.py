"""Quantiles of more values than memory holds, exact: the values that sorting all of them would find.

Two passes count. The bits of a float32, with the sign bit turned around and negative numbers inverted, are
integers in the order of the values. The first pass counts by the upper 16 bits. The second one counts by the lower 16
bits among the values that share their upper bits with a quantile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
HALF, SIGN = np.uint32(16), np.uint32(1 << 31)
BINS = 1 << 16


def ordered(values: Floats) -> NDArray[np.uint32]:
    """Return (N,) integers in the order of finite values (N,)."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    return np.where(bits & SIGN, ~bits, bits | SIGN)


def _value(key: int) -> float:
    bits = np.uint32(key)
    return float(np.array([bits ^ SIGN if bits & SIGN else ~bits], np.uint32).view(np.float32)[0])


def quantiles(
    blocks: Callable[[], Iterable[Mapping[str, Floats]]], wanted: Mapping[str, Sequence[float]]
) -> dict[str, list[float]]:
    """By name the values that are nearest to the wanted quantiles; empty for a name without values.

    blocks: gives all values, block by block, as often as it is called; each block has them by name. As
    `numpy.quantile(values, wanted, method="nearest")` of all.
    """
    upper = {name: np.zeros(BINS, np.int64) for name in wanted}
    for block in blocks():
        for name, values in block.items():
            upper[name] += np.bincount(ordered(values) >> HALF, minlength=BINS)
    places = {name: _places(counts, wanted[name]) for name, counts in upper.items()}
    lower = {name: [np.zeros(BINS, np.int64) for _ in ranks] for name, ranks in places.items()}
    for block in blocks():
        for name, values in block.items():
            keys = ordered(values)
            for (bin_, _), counts in zip(places[name], lower[name], strict=True):
                counts += np.bincount(keys[keys >> HALF == bin_] & np.uint32(BINS - 1), minlength=BINS)
    return {
        name: [
            _value((bin_ << 16) + int(np.searchsorted(np.cumsum(counts), rank, side="right")))
            for (bin_, rank), counts in zip(ranks, lower[name], strict=True)
        ]
        for name, ranks in places.items()
    }


def _places(counts: NDArray[np.int64], wanted: Sequence[float]) -> list[tuple[int, int]]:
    """(bin, rank within it) of each quantile; empty without values."""
    ends = np.cumsum(counts)
    if not ends[-1]:
        return []
    ranks = [int(np.rint((int(ends[-1]) - 1) * q)) for q in wanted]  # half to even, as NumPy does
    bins = [int(np.searchsorted(ends, rank, side="right")) for rank in ranks]
    return [(b, rank - int(ends[b] - counts[b])) for b, rank in zip(bins, ranks, strict=True)]
