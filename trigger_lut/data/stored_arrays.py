"""Arrays that are written to a file piece by piece, because their length is not known or memory would not hold them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

PIECE_BYTES = 8 << 20


class Stored:
    """An array in a file of its own, in order of its first axis."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.dtype: np.dtype[Any] | None = None
        self.inner: tuple[int, ...] = ()
        self.length = 0

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of all elements so far."""
        return (self.length, *self.inner)

    def append(self, array: NDArray[Any]) -> None:
        """Further elements, of the first ones' type and shape."""
        if self.dtype is None:
            self.dtype, self.inner = array.dtype, array.shape[1:]
        assert (array.dtype, array.shape[1:]) == (self.dtype, self.inner), (array.dtype, array.shape)
        with self.path.open("ab") as file:
            file.write(np.ascontiguousarray(array).data)
        self.length += len(array)

    def pieces(self) -> Iterator[bytes]:
        """Its bytes in order."""
        with self.path.open("rb") as file:
            while piece := file.read(PIECE_BYTES):
                yield piece
