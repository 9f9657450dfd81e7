"""What the checks of a release share: its lists of integers, and how two of them are compared."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from trigger_lut.errors import DataError, NotReproducibleError
from trigger_lut.fixed_point import IntArray

STRICT = ("-std=c++17", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror")
VHDL_VECTORS = 1000


def codes_in(path: Path) -> IntArray:
    """(N, C) codes of a file, one vector a line. Raises DataError for anything else."""
    try:
        codes = np.loadtxt(path, dtype=np.int64, ndmin=2)
    except (OSError, ValueError) as error:
        raise DataError(f"{path.name}: not lines of integers ({error})") from error
    if not len(codes):
        raise DataError(f"{path.name}: no vectors")
    return codes


def same(expected: IntArray, found: IntArray) -> str:
    """What to say of equal arrays. Raises NotReproducibleError with count and first place of differences."""
    if found.shape != expected.shape:
        raise NotReproducibleError(f"expected outputs of shape {expected.shape}, found {found.shape}")
    places = np.argwhere(found != expected)
    if len(places):
        vector, output = places[0]
        raise NotReproducibleError(
            f"{len(places)} differences in {len(expected)} vectors, first at vector {vector}, output {output}: "
            f"expected {expected[vector, output]}, found {found[vector, output]}"
        )
    return f"0 differences in {len(expected)} vectors"
