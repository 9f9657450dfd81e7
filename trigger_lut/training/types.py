"""Types that several modules of training share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Window(NamedTuple):
    """Events in memory, and the order in which training visits them.

    x        (W, C) float32 values on the input grid; rows that no batch names are padding.
    y        (W, ...) `EventCodes.training_targets`.
    batches  (S, B) int32, the rows of each step.
    steps    Number of steps of S that are taken.
    """

    x: np.ndarray
    y: np.ndarray
    batches: np.ndarray
    steps: int


class Pressure(NamedTuple):
    """Settings of an epoch: learning rates, and multipliers on log(LUTs) and on depth.

    built: instances over positions of the layers that count (`Trainer.fractions_built`); empty: none is shared.
    """

    learning_rate: float
    width_rate: float
    luts: float
    depth: float
    built: Sequence[float] = ()
