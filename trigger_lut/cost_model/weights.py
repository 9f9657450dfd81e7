"""The weights of the surrogate's parts, and the fit that finds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from trigger_lut.cards.base import StrictModel, read_card

ROUNDS, SMALL_ERROR = 30, 0.05  # of the fit; errors below this one count as their squares
DATA = Path(__file__).with_name("weights.json")


class Parts(StrictModel):
    """Parts of a network, in LUTs without weights; as weights: the factor on each such LUT."""

    tables: float = Field(description="LUTs of tables, each distinct one once.")
    absorbed: float = Field(description="Of these, in tables that an adder can absorb.")
    adders: float = Field(description="Bits of the adders that add tables.")
    conversions: float = Field(description="Rounding and saturation.")
    arithmetic: float = Field(description="Bits of the adders of arithmetic layers.")
    selections: float = Field(description="Bits of the comparisons and choices of selections.")

    def luts(self, weights: Parts) -> float:
        """Return the weighted sum.

        Parameters
        ----------
        weights : Parts
            Factor on each part.

        Returns
        -------
        float
        """
        return float(np.dot(self.row(), weights.row()))

    def row(self) -> list[float]:
        """Return the parts in the order of the fields."""
        return [self.tables, self.absorbed, self.adders, self.conversions, self.arithmetic, self.selections]


COUNTED = Parts(tables=1.0, absorbed=-1.0, adders=1.0, conversions=1.0, arithmetic=1.0, selections=1.0)
"""Every LUT as it is counted."""


class Network(StrictModel):
    """One network of the calibration."""

    name: str = Field(description="Kind and seed, or how it was trained.")
    parts: Parts
    luts: int = Field(description="By Yosys.")
    ff: int = Field(description="Flip-flops, by Yosys.")
    ff_estimate: int
    latency_cycles: int = Field(description="Of the Verilog.")
    latency_cycles_estimate: int


class Calibration(StrictModel):
    """trigger_lut/cost_model/weights.json."""

    family: str = Field(description="Family as Yosys names it.")
    clock_mhz: float
    versions: dict[str, str]
    weights: Parts
    networks: list[Network]


@cache
def load() -> Calibration:
    """Return the calibration that is shipped."""
    return read_card(Calibration, DATA)


def fit(networks: Sequence[Network]) -> Parts:
    """Fit weights of least absolute relative error, by repeated weighted least squares; outliers do not dominate it.

    Parameters
    ----------
    networks : sequence of Network
        Networks with LUTs by Yosys.

    Returns
    -------
    Parts
    """
    luts = np.array([n.luts for n in networks], dtype=np.float64)
    rows = np.array([n.parts.row() for n in networks]) / luts[:, None]
    trust = np.ones(len(luts))
    solution: NDArray[np.floating] = np.zeros(rows.shape[1])
    for _ in range(ROUNDS):
        root = np.sqrt(trust)
        solution = np.linalg.lstsq(rows * root[:, None], root, rcond=None)[0]
        trust = 1.0 / np.maximum(np.abs(rows @ solution - 1.0), SMALL_ERROR)
    return Parts(**dict(zip(Parts.model_fields, np.round(solution, 4).tolist(), strict=True)))


def errors(networks: Sequence[Network], weights: Parts) -> Mapping[str, float]:
    """Return the relative errors of the weighted sums.

    Parameters
    ----------
    networks : sequence of Network
        Networks with LUTs by Yosys.
    weights : Parts
        Factor on each part.

    Returns
    -------
    mapping of str to float
        Median and 95th percentile of their magnitude, and the median with its sign (bias).
    """
    relative = np.array([n.parts.luts(weights) / n.luts - 1.0 for n in networks])
    size = np.abs(relative)
    return {
        "median": float(np.median(size)),
        "p95": float(np.quantile(size, 0.95)),
        "bias": float(np.median(relative)),
    }
