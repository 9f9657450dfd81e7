"""Anomaly detection in a data set description: which classes are background, and how the teacher learns it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from trigger_lut.cards.base import StrictModel
from trigger_lut.config.validation import Text
from trigger_lut.errors import nearest

SCORE = "anomaly"  # name of the network's output
DATA_CLASS = "data"  # of all entries where no label tells any apart


class Teacher(StrictModel):
    """Network that learns background without quantization; see `trigger_lut/stages/anomaly_score.py`."""

    units: list[Annotated[int, Field(gt=0, le=1024)]] | None = Field(
        default=None,
        min_length=1,
        description="Outputs of its layers, from the input to the narrowest one, which has fewer than there are "
        "channels. Default: 32, then half of the channels and at most 6.",
    )
    channels: list[Text] = Field(
        default=["*"],
        min_length=1,
        description="Channels that it reads, by name or pattern; angles, which are random, drown what is unusual.",
    )
    flatten: float = Field(
        default=20.0,
        ge=1,
        le=1000,
        description="Rare scores get more weight in training, up to so many times that of the most frequent; 1: none.",
    )
    seed: int = Field(default=1, ge=0, le=2**31 - 1, description="Of its weights and of the order of events.")


class Anomaly(StrictModel):
    """The `anomaly` block: a teacher learns what background is like, and networks learn its score."""

    background: list[str] | None = Field(
        None,
        min_length=1,
        description="Classes that are trained on; others are tested on alone. Default: all, as of data without signal.",
    )
    # Not written: another teacher is no reason to read the events again.
    teacher: Teacher = Field(default_factory=Teacher, exclude=True, description="Of the score.")

    def mistakes(self, classes: list[str]) -> list[str]:
        """Return what does not fit the classes of a data set.

        Parameters
        ----------
        classes : list of str

        Returns
        -------
        list of str
            Lines of the form "key: problem"; empty when there is none.
        """
        return [f"background: no class {n!r}{nearest(n, classes)}" for n in self.background or [] if n not in classes]
