"""Comparable events of two data sets, with weights.

If the classes of both data sets are known, only common classes are compared. New events are weighted so that each class
has the same fraction as in the trained data set. Otherwise another mixture of classes would look like a drift.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trigger_lut.data.event_codes import TEST, EventCodes
from trigger_lut.errors import DataError
from trigger_lut.fixed_point.formats import IntArray
from trigger_lut.metrics.distances import Floats, Histogram
from trigger_lut.network.network import Network
from trigger_lut.network.reference_model import evaluate


@dataclass(frozen=True)
class Sample:
    """Selected events of a data set.

    Attributes
    ----------
    events : EventCodes
        All N events.
    taken : (N,) ndarray of bool
        True for the M selected events.
    weights : (N,) ndarray
        Weights of the events; 0 for all others.
    """

    events: EventCodes
    taken: NDArray[np.bool_]
    weights: Floats

    @property
    def count(self) -> int:
        """Number of selected events."""
        return int(self.taken.sum())

    @property
    def effective(self) -> float:
        """Number of events of equal weight with the same statistical error."""
        return float(self.weights.sum() ** 2 / (self.weights**2).sum())

    @property
    def labels(self) -> NDArray[np.int64]:
        """(M,) classes of the selected events."""
        return np.asarray(self.events.labels[self.taken])

    @property
    def taken_weights(self) -> Floats:
        """(M,) weights of the selected events."""
        return self.weights[self.taken]

    def histograms(self) -> list[Histogram]:
        """Return the weights by code, from the lowest code of the format, for each input."""
        sums, squares = (_counts(self.events, weights) for weights in (self.weights, self.weights**2))
        return [Histogram(*pair) for pair in zip(sums, squares, strict=True)]

    def sums(self, groups: Sequence[Sequence[int]]) -> list[IntArray]:
        """Return the (M,) sum of the codes of each group of inputs."""
        blocks = [[codes[:, list(group)].sum(axis=1) for group in groups] for codes in self._blocks()]
        return [np.concatenate(parts) for parts in zip(*blocks, strict=True)]

    def outputs(self, network: Network) -> IntArray:
        """Return the (M, O) output codes of the selected events."""
        return np.concatenate([evaluate(network, codes) for codes in self._blocks()])

    def _blocks(self) -> Iterator[IntArray]:
        """Yield the input codes of the selected events, block by block."""
        start = 0
        for block in self.events.blocks():
            stop = start + len(block.codes)
            yield block.codes[self.taken[start:stop]].astype(np.int64)
            start = stop


def code_counts(events: EventCodes) -> list[Floats]:
    """Return the (2**bits,) number of events of all splits with each code, for each input."""
    return _counts(events, None)


def _counts(events: EventCodes, weights: Floats | None) -> list[Floats]:
    counts = [np.zeros(1 << kif.bits) for kif in events.formats]
    start = 0
    for block in events.blocks():
        stop = start + len(block.codes)
        of_block = None if weights is None else weights[start:stop]
        for n, kif in enumerate(events.formats):
            counts[n] += np.bincount(block.codes[:, n] - kif.lo, of_block, 1 << kif.bits)
        start = stop
    return counts


def both_labeled(trained: EventCodes, new: EventCodes) -> bool:
    """Check that the classes of all events are known.

    Parameters
    ----------
    trained, new : EventCodes
        Both data sets.

    Returns
    -------
    bool
        True if both have labels.
    """
    return trained.labeled and new.labeled


def common_classes(trained: Sample, new: Sample) -> list[int]:
    """List the classes that both samples have.

    Parameters
    ----------
    trained, new : Sample
        Events of both data sets.

    Returns
    -------
    list of int
        Indices of the classes; empty if they are not known.
    """
    if not both_labeled(trained.events, new.events):
        return []
    return sorted(set(np.unique(trained.labels).tolist()) & set(np.unique(new.labels).tolist()))


def comparable_samples(trained: EventCodes, new: EventCodes) -> tuple[Sample, Sample]:
    """Select and weight the events to compare.

    Parameters
    ----------
    trained, new : EventCodes
        Both data sets.

    Returns
    -------
    tuple of Sample
        Test split of the trained data set, and all events of the new one.

    Raises
    ------
    DataError
        If the data sets have no class with weight in common.
    """
    first, second = trained.split == TEST, np.ones(len(new.codes), bool)
    weights, others = _weights(trained), _weights(new)
    if both_labeled(trained, new):
        classes = len(trained.label_names)
        before = np.bincount(trained.labels[first], weights[first], classes)
        now = np.bincount(new.labels, others, classes)
        both = (before > 0) & (now > 0)
        first, second = first & both[trained.labels], both[new.labels]
        others = others * np.divide(before, now, out=np.zeros(classes), where=both)[new.labels]
    samples = Sample(trained, first, weights * first), Sample(new, second, others * second)
    if not all(sample.weights.any() for sample in samples):
        raise DataError(
            f"no events to compare. Expected a class of {trained.label_names} with weight in both data sets, found none"
        )
    return samples


def _weights(events: EventCodes) -> Floats:
    """Weights of the events; 1 in anomaly detection, where weights apply to training only."""
    plain = events.weights is None or bool(events.label_classes)
    return np.ones(len(events.codes)) if plain else np.asarray(events.weights, np.float64)
