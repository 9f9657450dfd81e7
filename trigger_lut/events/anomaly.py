"""Anomaly detection in a data set description: which classes are background, and how the teacher learns it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from trigger_lut.cards import Strict
from trigger_lut.errors import nearest

SCORE = "anomaly"  # name of the network's output


class Anomaly(Strict):
    """The `anomaly` block: a teacher learns what background is like, and networks learn its score.

    See `trigger_lut/teacher.py`.
    """

    background: list[str] = Field(min_length=1, description="Classes that are trained on; others are tested on alone.")
    units: list[Annotated[int, Field(gt=0, le=1024)]] = Field(
        [32, 6], min_length=1, description="Outputs of the teacher's layers, from its input to its narrowest one."
    )
    flatten: float = Field(
        20.0,
        ge=1,
        le=1000,
        description="Rare scores get more weight in training, up to so many times that of the most frequent; 1: none.",
    )
    seed: int = Field(1, ge=0, le=2**31 - 1, description="Of the teacher.")

    def mistakes(self, classes: list[str]) -> list[str]:
        """What does not fit the classes of a data set, as 'key: what is wrong'."""
        found = [f"background: no class {n!r}{nearest(n, classes)}" for n in self.background if n not in classes]
        if set(classes) <= set(self.background):
            found.append("background: all classes are background; an anomaly needs others to be tested on")
        return found
