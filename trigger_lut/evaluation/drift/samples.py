"""The events of both data sets that are compared, each with its weight.

Where the classes of both are known, like is compared with like: only classes that both have, and new events are
weighted so that each class has the share of the trained data set. Otherwise another mixture would look like a drift.
"""

from __future__ import annotations

from collections.abc import Sequence
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
    """taken: (N,) which events are looked at. weights: (N,) theirs, 0 for all others."""

    events: EventCodes
    taken: NDArray[np.bool_]
    weights: Floats

    @property
    def count(self) -> int:
        return int(self.taken.sum())

    @property
    def effective(self) -> float:
        """Number of events of equal weight that say as much."""
        return float(self.weights.sum() ** 2 / (self.weights**2).sum())

    @property
    def labels(self) -> NDArray[np.int64]:
        """Of the events that are looked at."""
        return np.asarray(self.events.labels[self.taken])

    def histograms(self) -> list[Histogram]:
        """By code from the lowest on, a channel."""
        sums, squares = (_counted(self.events, held) for held in (self.weights, self.weights**2))
        return [Histogram(*pair) for pair in zip(sums, squares, strict=True)]

    @property
    def taken_weights(self) -> Floats:
        """Of the events that are looked at."""
        return self.weights[self.taken]

    def sums(self, groups: Sequence[Sequence[int]]) -> list[IntArray]:
        """(M,) sum of the codes of a group's channels, of the events that are looked at, a group."""
        found: list[list[IntArray]] = [[] for _ in groups]
        start = 0
        for block in self.events.blocks():
            stop = start + len(block.codes)
            taken = block.codes[self.taken[start:stop]].astype(np.int64)
            for held, columns in zip(found, groups, strict=True):
                held.append(taken[:, list(columns)].sum(axis=1))
            start = stop
        return [np.concatenate(held) for held in found]

    def outputs(self, network: Network) -> IntArray:
        """(M, O) output codes of the events that are looked at."""
        found, start = [], 0
        for block in self.events.blocks():
            stop = start + len(block.codes)
            found.append(evaluate(network, block.codes[self.taken[start:stop]]))
            start = stop
        return np.concatenate(found)


def occurring(events: EventCodes) -> list[Floats]:
    """(2**bits,) how many events of all splits have each code, a channel."""
    return _counted(events, None)


def _counted(events: EventCodes, weights: Floats | None) -> list[Floats]:
    found = [np.zeros(1 << kif.bits) for kif in events.formats]
    start = 0
    for block in events.blocks():
        stop = start + len(block.codes)
        mine = None if weights is None else weights[start:stop]
        for n, kif in enumerate(events.formats):
            found[n] += np.bincount(block.codes[:, n] - kif.lo, mine, 1 << kif.bits)
        start = stop
    return found


def labelled(trained: EventCodes, new: EventCodes) -> bool:
    """Whether the classes of all events are known."""
    with_classes = not trained.regression or bool(trained.label_classes)
    return with_classes and bool(new.label_names)


def common_classes(trained: Sample, new: Sample) -> list[int]:
    """Numbers of the classes that both samples have; empty where they are not known."""
    if not labelled(trained.events, new.events):
        return []
    return sorted(set(np.unique(trained.labels).tolist()) & set(np.unique(new.labels).tolist()))


def samples(trained: EventCodes, new: EventCodes) -> tuple[Sample, Sample]:
    """(test split of the trained data set, all events of the new one).

    Raises DataError where they have no class in common, or the weights leave nothing.
    """
    first, second = trained.split == TEST, np.ones(len(new.codes), bool)
    weights, others = _weights(trained), _weights(new)
    if labelled(trained, new):
        classes = len(trained.label_names)
        mine = np.bincount(trained.labels[first], weights[first], classes)
        its = np.bincount(new.labels, others, classes)
        both = (mine > 0) & (its > 0)
        first, second = first & both[trained.labels], both[new.labels]
        others = others * np.divide(mine, its, out=np.zeros(classes), where=both)[new.labels]
    found = Sample(trained, first, weights * first), Sample(new, second, others * second)
    if not all(sample.weights.any() for sample in found):
        raise DataError(
            f"no events to compare: the data sets have no class with weight in common of {trained.label_names}"
        )
    return found


def _weights(events: EventCodes) -> Floats:
    """Those of the events; the weights of anomaly detection are of its training alone."""
    plain = events.weights is None or bool(events.label_classes)
    return np.ones(len(events.codes)) if plain else np.asarray(events.weights, np.float64)
