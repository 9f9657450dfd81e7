"""The key `reweight` of a data set: the same distribution of a variable for all classes."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Self

from pydantic import Field, model_validator

from trigger_lut.cards.base import StrictModel
from trigger_lut.config.data_set.features import ExpressionText

MOST_BINS = 1000


class Reweight(StrictModel):
    """Weights that make a variable flat in each class, so that its spectrum tells nothing of the class."""

    variable: ExpressionText = Field(description="Branch or expression, one number per entry, such as Jet_pt.")
    bins: Annotated[list[float], Field(min_length=2, max_length=MOST_BINS)] = Field(
        description="Rising edges of bins. Each bin gets the same total weight in a class; entries beyond the first "
        "and last edge belong to the end bins."
    )
    max_weight: float = Field(50.0, ge=1, description="Largest factor on the weight of an entry, before it is scaled.")

    @model_validator(mode="after")
    def _rising(self) -> Self:
        for low, high in pairwise(self.bins):
            if not low < high:
                raise ValueError(f"bins: expected rising edges, found {high:g} after {low:g}")
        return self
