"""Vectors that the check of a release runs, and their comparison with the results."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trigger_lut.errors import DataError, NotReproducibleError
from trigger_lut.fixed_point.formats import IntArray
from trigger_lut.utils.wording import counted

SAMPLED_VECTORS = 1000  # of back ends that are interpreted


@dataclass(frozen=True)
class Vectors:
    """Vectors that every back end is run for: those in the release, then fresh ones.

    Attributes
    ----------
    codes : IntArray of shape (N, C_in)
        Input codes.
    expected : IntArray of shape (N, C_out)
        Output codes. Those of fresh vectors come from our own reference model.
    shipped
        Number of vectors from the release.
    """

    codes: IntArray
    expected: IntArray
    shipped: int

    def some(self, count: int) -> Vectors:
        """Choose `count` of them, half of these fresh ones, each half spread over all of its kind."""
        first = min(self.shipped, max(count - (len(self.codes) - self.shipped), count // 2))
        second = min(len(self.codes) - self.shipped, count - first)
        old = np.linspace(0, self.shipped - 1, first, dtype=int)
        new = np.linspace(self.shipped, len(self.codes) - 1, second, dtype=int)
        chosen = np.concatenate([old, new])
        return Vectors(self.codes[chosen], self.expected[chosen], first)

    def same(self, expected: IntArray, actual: IntArray) -> str:
        """Compare results for all vectors; return a description.

        Raises
        ------
        NotReproducibleError
            With the number and the first place of differences, and the inputs of a fresh vector.
        """
        if actual.shape != expected.shape:
            raise NotReproducibleError(f"expected outputs of shape {expected.shape}, found {actual.shape}")
        same(expected[: self.shipped], actual[: self.shipped], kind="shipped vector")
        fresh = len(expected) - self.shipped
        try:
            same(expected[self.shipped :], actual[self.shipped :], kind="fresh vector")
        except NotReproducibleError as error:
            first = self.shipped + int((expected != actual)[self.shipped :].any(axis=1).argmax())
            inputs = " ".join(map(str, self.codes[first].tolist()))
            raise NotReproducibleError(f"{error}; its inputs: {inputs}") from error
        of_release = f"0 mismatches in {counted(self.shipped, 'vector')} of the release"
        return of_release + (f" and {counted(fresh, 'fresh vector')}" if fresh else "")


def codes_in(path: Path) -> IntArray:
    """Read the codes of a file, one vector per line.

    Parameters
    ----------
    path
        File of a release.

    Returns
    -------
    IntArray of shape (N, C)
        Codes.

    Raises
    ------
    DataError
        For a file that has other content, or no vector.
    """
    try:
        codes = np.loadtxt(path, dtype=np.int64, ndmin=2)
    except (OSError, ValueError) as error:
        raise DataError(f"{path.name}: expected lines of integers, found other content ({error}).") from error
    if not len(codes):
        raise DataError(f"{path.name}: expected at least one line of integers, found none.")
    return codes


def same(expected: IntArray, actual: IntArray, *, kind: str = "vector") -> str:
    """Compare arrays.

    Parameters
    ----------
    expected, actual : IntArray of shape (N, C)
        Expected and actual codes.
    kind
        Name of a row in the error.

    Returns
    -------
    str
        Description of the result.

    Raises
    ------
    NotReproducibleError
        With the number and the first position of the differences.
    """
    if actual.shape != expected.shape:
        raise NotReproducibleError(f"expected outputs of shape {expected.shape}, found {actual.shape}")
    places = np.argwhere(actual != expected)
    if len(places):
        vector, output = places[0]
        raise NotReproducibleError(
            f"{counted(len(places), 'mismatch', plural='mismatches')} in {counted(len(expected), kind)}, first at "
            f"{kind} {vector}, output {output}: expected {expected[vector, output]}, found {actual[vector, output]}"
        )
    return f"0 mismatches in {counted(len(expected), 'vector')}"
