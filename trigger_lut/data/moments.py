"""Smallest, largest, mean and spread of columns that are seen block by block."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


class Moments:
    """Moments of (N, T) values.

    Deviations are merged about the means of blocks (Chan, Golub, LeVeque, COMPSTAT 1982, 30).
    """

    def __init__(self, columns: int) -> None:
        self.count = 0
        self.mean, self.squares = np.zeros(columns), np.zeros(columns)
        self.minimum, self.maximum = np.full(columns, np.inf), np.full(columns, -np.inf)

    def add(self, values: ArrayLike) -> None:
        """Add a block.

        Parameters
        ----------
        values : array_like (N, T)
        """
        block = np.asarray(values, np.float64)
        if not len(block):
            return
        total, mean = self.count + len(block), block.mean(axis=0)
        apart = mean - self.mean
        self.squares += ((block - mean) ** 2).sum(axis=0) + apart**2 * self.count * len(block) / total
        self.mean = self.mean + apart * len(block) / total
        self.minimum = np.minimum(self.minimum, block.min(axis=0))
        self.maximum = np.maximum(self.maximum, block.max(axis=0))
        self.count = total

    @property
    def variance(self) -> NDArray[np.float64]:
        """(T,) variances."""
        return np.asarray(self.squares / max(self.count, 1))

    @property
    def spread(self) -> NDArray[np.float64]:
        """(T,) standard deviations."""
        return np.asarray(np.sqrt(self.variance))
