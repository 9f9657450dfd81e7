"""Targets of a regression in units in which the outputs of a network are of the order of 1."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from trigger_lut.cards.stage_cards import TargetSummary
from trigger_lut.config.data_set.model import DataSet
from trigger_lut.data.moments import Moments
from trigger_lut.errors import DataError


def scales_of(data_set: DataSet, spreads: ArrayLike) -> list[float]:
    """Return the value of an output of 1 for each target.

    By default it is the power of two nearest to the standard deviation. The output of the firmware is then the
    target itself, with the binary point moved.

    Parameters
    ----------
    data_set : DataSet
    spreads : array_like (T,)
        Standard deviations in the training split.

    Returns
    -------
    list of float

    Raises
    ------
    DataError
        If a target does not vary.
    """
    scales = []
    for target, spread in zip(data_set.regression_targets or [], np.asarray(spreads), strict=True):
        if not spread > 0:
            raise DataError(f"data set {data_set.name}: target {target.name!r} has one value in the training split")
        scales.append(target.scale if target.scale is not None else 2.0 ** round(math.log2(spread)))
    return scales


def target_summaries(data_set: DataSet, of_all: Moments, *, scales: Sequence[float]) -> list[TargetSummary]:
    """Return the entries of the card; of_all: targets of all events. Empty for a classification."""
    return [
        TargetSummary(
            name=target.name,
            unit=target.unit,
            scale=scales[n],
            minimum=float(of_all.minimum[n]),
            maximum=float(of_all.maximum[n]),
            mean=float(of_all.mean[n]),
            spread=float(of_all.spread[n]),
        )
        for n, target in enumerate(data_set.regression_targets or [])
    ]
