"""Estimates with their intervals."""

from __future__ import annotations

from pydantic import Field

from trigger_lut.cards.base import StrictModel


class FmaxInterval(StrictModel):
    """Where the measured Fmax lies in published designs, when the estimate is this one."""

    low_mhz: float
    high_mhz: float
    probability: float = Field(description="Fraction of the published designs within the bounds.")
    designs: int = Field(description="Published designs behind the bounds.")

    def __str__(self) -> str:
        share = f"{100 * self.probability:.0f} % of {self.designs} published designs"
        return f"{self.low_mhz:.0f} to {self.high_mhz:.0f} MHz in {share}"
