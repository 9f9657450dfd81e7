"""Weights of entries in training: as given, flat in a variable, and the same for all classes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trigger_lut.config.data_set.model import DataSet
from trigger_lut.data.records import Rows, has, weights


class TrainingWeights:
    """Sums of weights over the training split, and the weights that follow from them.

    Parameters
    ----------
    data_set : DataSet
        The description.
    """

    def __init__(self, data_set: DataSet) -> None:
        bins = 1 if data_set.reweight is None else len(data_set.reweight.bins) - 1
        self.data_set = data_set
        self.sums = np.zeros((len(data_set.label_classes), bins))
        self.entries = np.zeros(self.sums.shape, np.int64)
        self.negative = 0

    def add(self, rows: Rows) -> None:
        """Add entries of the training split.

        Parameters
        ----------
        rows : (N,) numpy.ndarray
            Their records.
        """
        places, given = self._places(rows), weights(rows)
        self.sums += np.bincount(places, given, minlength=self.sums.size).reshape(self.sums.shape)
        self.entries += np.bincount(places, minlength=self.sums.size).reshape(self.sums.shape)
        self.negative += int((given < 0).sum())

    def problem(self) -> str | None:
        """Return why the entries cannot be weighted; None where they can."""
        names, trained = self.data_set.label_classes, np.array(self.data_set.trained_on)
        weightless = (self.sums.sum(axis=1) <= 0) & trained
        if weightless.any():
            return f"class {names[int(np.argmax(weightless))]!r} has no weight in the training split"
        if self.data_set.reweight is None:
            return None
        wrong = np.argwhere((self.sums <= 0) & (self.entries > 0) & trained[:, None])
        for k, n in wrong[:1].tolist():
            low, high = self.data_set.reweight.bins[n : n + 2]
            return f"reweight: class {names[k]!r} has no positive weight from {low:g} to {high:g}. Merge this bin"
        return None

    def warnings(self) -> list[str]:
        """Return a line about negative weights; empty where there are none."""
        if not self.negative:
            return []
        share = 100 * self.negative / max(int(self.entries.sum()), 1)
        return [
            f"weight: {self.negative} entries of the training split ({share:.1f} %) have negative weights. They count "
            "with their sign, so that figures have larger errors"
        ]

    def of(self, rows: Rows, events: int) -> NDArray[np.float32] | None:
        """Return the weights of entries of any split.

        Parameters
        ----------
        rows : (N,) numpy.ndarray
            Their records.
        events : int
            Number of entries in the training split, over which the mean weight is 1.

        Returns
        -------
        (N,) numpy.ndarray or None
            Weights; None: all are 1. Entries of a class in a bin that has none of it in training get 0.
        """
        described = self.data_set
        if described.weight is None and not described.balance_classes and described.reweight is None:
            return None
        factors = self._factors()
        factors = factors * (events / (self.sums * factors).sum())
        return np.asarray(weights(rows) * factors.ravel()[self._places(rows)], np.float32)

    def _places(self, rows: Rows) -> NDArray[np.int64]:
        """Return (N,) class and bin of entries as one number."""
        bins = rows["bin"].astype(np.int64) if has(rows, "bin") else np.zeros(len(rows), np.int64)
        return rows["label"].astype(np.int64) * self.sums.shape[1] + bins

    def _factors(self) -> NDArray[np.float64]:
        """Return (classes, bins) factors on the weights of entries."""
        factors = np.ones(self.sums.shape)
        if self.data_set.reweight is not None:
            filled = self.entries > 0
            total = self.sums.sum(axis=1, keepdims=True)
            flat = np.divide(
                total, filled.sum(axis=1, keepdims=True) * self.sums, where=filled, out=np.zeros_like(factors)
            )
            factors = np.minimum(flat, self.data_set.reweight.max_weight)
        if self.data_set.balance_classes:
            factors = factors / (self.sums * factors).sum(axis=1, keepdims=True)
        return factors
