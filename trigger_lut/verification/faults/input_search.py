"""Inputs that bring an integer to chosen values, where it is a sum of functions of one input each: by counting up."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from trigger_lut.fixed_point.formats import IntArray
from trigger_lut.verification.formal.normal_form import LARGEST_SPAN, Algebra, Form, FormError


def reaching(
    algebra: Algebra,
    form: Form,
    *,
    wanted: Callable[[IntArray], NDArray[np.bool_]],
    count: int,
    rng: np.random.Generator,
) -> list[dict[int, int]] | None:
    """Draw inputs (number of the base: its value) with which an integer has a wanted value, `count` of them at random.

    Returns None where the integer is not such a sum, or too wide; an empty list where no input gives a wanted value.
    """
    try:
        base, values = algebra.root(form)
    except FormError:
        return None
    if base is None:
        return None
    root = algebra.bases[base]
    targets = np.flatnonzero(wanted(values)) + root.lo
    if root.form is None:
        return None if root.members else [{base: int(t)} for t in rng.permutation(targets)[:count]]
    parts = [(part, algebra.values(function)) for part, function in root.form.parts]
    if any(algebra.bases[part].form is not None or algebra.bases[part].members for part, _ in parts):
        return None
    if sum(int(np.ptp(values)) for _, values in parts) >= LARGEST_SPAN // len(parts):
        return None  # the sums of the first parts would take too much memory
    reached = _reached(parts)
    low = reached[-1][0]
    taken = [t for t in targets if 0 <= t - low < len(reached[-1][1]) and reached[-1][1][t - low]]
    return [_back(algebra, parts, reached, int(rng.choice(taken)), rng) for _ in range(count)] if taken else []


def _reached(parts: list[tuple[int, IntArray]]) -> list[tuple[int, NDArray[np.bool_]]]:
    """Return for the sums of the first n parts, for each n, the smallest, and which values from it on are reached."""
    reached = [(0, np.ones(1, dtype=bool))]
    for _, values in parts:
        low, taken = reached[-1]
        least, most = int(values.min()), int(values.max())
        more = np.zeros(len(taken) + most - least, dtype=bool)
        for v in np.unique(values):
            more[v - least : v - least + len(taken)] |= taken
        reached.append((low + least, more))
    return reached


def _back(
    algebra: Algebra,
    parts: list[tuple[int, IntArray]],
    reached: list[tuple[int, NDArray[np.bool_]]],
    target: int,
    rng: np.random.Generator,
) -> dict[int, int]:
    """Return values of the parts' bases that add up to a value that is reached."""
    codes = {}
    for (part, values), (low, taken) in zip(reversed(parts), reversed(reached[:-1]), strict=True):
        before = target - values - low
        fits = (before >= 0) & (before < len(taken))
        fits[fits] = taken[before[fits]]
        n = int(rng.choice(np.flatnonzero(fits)))
        codes[part] = algebra.bases[part].lo + n
        target -= int(values[n])
    return codes
