"""What a regression aims at, in units in which the outputs of a network are of the order of 1."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from trigger_lut.errors import DataError
from trigger_lut.events.codes import EventCodes
from trigger_lut.events.description import DataSet
from trigger_lut.records import TargetSummary


def scales_of(data_set: DataSet, train: NDArray[np.float32]) -> list[float]:
    """What an output of 1 stands for, a target. train: (N, T) targets of the training split.

    By default the power of two that is nearest to the standard deviation: the firmware's output is then the target
    itself, with the binary point moved. Raises DataError for a target that does not vary.
    """
    found = []
    for n, target in enumerate(data_set.targets or []):
        spread = float(train[:, n].astype(np.float64).std())
        if not spread > 0:
            raise DataError(f"data set {data_set.name}: target {target.name!r} has one value in the training split")
        found.append(target.scale if target.scale is not None else 2.0 ** round(math.log2(spread)))
    return found


def target_summaries(data_set: DataSet, events: EventCodes) -> list[TargetSummary]:
    """The card's entries; empty for a classification."""
    if events.aims is None:
        return []
    values = events.aims.astype(np.float64) * np.array(events.scales)
    return [
        TargetSummary(
            name=target.name,
            unit=target.unit,
            scale=events.scales[n],
            minimum=float(values[:, n].min()),
            maximum=float(values[:, n].max()),
            mean=float(values[:, n].mean()),
            spread=float(values[:, n].std()),
        )
        for n, target in enumerate(data_set.targets or [])
    ]
