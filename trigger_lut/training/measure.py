"""What a network in training really takes: built as Verilog, synthesized, and set against the surrogate.

The surrogate counts LUTs in milliseconds, and is off by some percent, differently for each network. A measurement takes
seconds, so training takes a few, and corrects the surrogate by them. The pipeline is the one that the firmware stage
writes: cut until its netlist reaches the target's clock.
"""

from __future__ import annotations

from dataclasses import dataclass

from trigger_lut.config.budget import Spec
from trigger_lut.cost_model.luts import Cost
from trigger_lut.network.network import Network
from trigger_lut.synthesis.timing_closure import close_timing


@dataclass(frozen=True)
class Built:
    """A network as it was built and synthesized.

    luts            after Yosys
    latency_cycles  from valid input to valid output; where no cut within the latency budget reaches the clock, those
                    that the next cut takes
    fmax_mhz        by the delay model on the netlist
    ff              registers of the pipeline before synthesis
    cuts            that were synthesized
    obstacle        why no cut within the budget reaches the clock; empty where one does
    """

    luts: int
    latency_cycles: int
    fmax_mhz: float
    ff: int
    cuts: int = 1
    obstacle: str = ""


def measure(network: Network, spec: Spec) -> Built:
    """Build and synthesize a network for the design's target, as the firmware stage does.

    Raises FirmwareError when it cannot be built, ToolMissingError without pyosys, ToolFailedError when Yosys fails.
    """
    found = close_timing(network, spec)
    return Built(found.luts, found.cycles_needed, found.fmax_mhz, found.ff, found.syntheses, found.obstacle)


@dataclass(frozen=True)
class Correction:
    """What turns the surrogate's figures into measured ones: `luts` times, `cycles` more."""

    luts: float = 1.0
    cycles: int = 0

    def luts_of(self, cost: Cost) -> float:
        return self.luts * cost.luts

    def cycles_of(self, cost: Cost) -> int:
        return cost.latency_cycles + self.cycles


def correction(built: Built, cost: Cost) -> Correction:
    """The correction that maps the cost of a network to what was measured of it; no factor where either is 0 LUTs."""
    factor = built.luts / cost.luts if built.luts > 0 and cost.luts > 0 else 1.0
    return Correction(factor, built.latency_cycles - cost.latency_cycles)
