"""Measured cost of a network after synthesis, and the correction of the surrogate that follows from it.

The surrogate is fast, and is off by some percent, differently for each network. A measurement is slow, so training
takes a few, and corrects the surrogate by them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from trigger_lut.cost_model.luts import Cost
from trigger_lut.network.network import Network


@dataclass(frozen=True)
class Built:
    """A network as it was built and synthesized.

    luts            After Yosys.
    latency_cycles  From valid input to valid output. If no cut within the latency budget reaches the clock: of the next
                    cut.
    fmax_mhz        By the delay model on the netlist.
    ff              Registers of the pipeline before synthesis.
    cuts            Number of cuts that were synthesized.
    obstacle        Reason why no cut within the budget reaches the clock; empty where one does.
    """

    luts: int
    latency_cycles: int
    fmax_mhz: float
    ff: int
    cuts: int = 1
    obstacle: str = ""


class Measure(Protocol):
    """Function that builds and synthesizes a network. Training gets it from its stage."""

    def __call__(self, network: Network, *, first_cut: bool = False) -> Built:
        """Build and synthesize a network.

        Parameters
        ----------
        network
            Integer network.
        first_cut
            True if the first cut is enough where the latency budget leaves cycles for others.

        Returns
        -------
        Built
        """
        ...


@dataclass(frozen=True)
class Correction:
    """Map from the surrogate's figures to measured ones: `luts` times, `cycles` more."""

    luts: float = 1.0
    cycles: int = 0

    def luts_of(self, cost: Cost) -> float:
        """Return the corrected LUTs of a cost.

        Parameters
        ----------
        cost : Cost
            Estimate of the surrogate.

        Returns
        -------
        float
        """
        return self.luts * cost.luts

    def cycles_of(self, cost: Cost) -> int:
        """Return the corrected cycles of a cost.

        Parameters
        ----------
        cost : Cost
            Estimate of the surrogate.

        Returns
        -------
        int
        """
        return cost.latency_cycles + self.cycles


def correction(built: Built, cost: Cost) -> Correction:
    """Return the correction that maps the cost of a network to its measurement; no factor where either has 0 LUTs.

    Parameters
    ----------
    built : Built
        The measurement.
    cost : Cost
        Estimate of the surrogate.

    Returns
    -------
    Correction
    """
    factor = built.luts / cost.luts if built.luts > 0 and cost.luts > 0 else 1.0
    return Correction(factor, built.latency_cycles - cost.latency_cycles)
