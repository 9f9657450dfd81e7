"""What a network in training really takes: built as Verilog, synthesised by Yosys, and set against the surrogate.

The surrogate counts LUTs in milliseconds, and is off by some percent, differently for each network. A measurement takes
seconds, so training takes a few, and corrects the surrogate by them.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from trigger_lut.budget import Spec
from trigger_lut.errors import ToolMissingError
from trigger_lut.firmware.rtl import write_rtl
from trigger_lut.netlist import cell_counts, resources
from trigger_lut.network import Network
from trigger_lut.surrogate import Cost
from trigger_lut.yosys import synthesise


@dataclass(frozen=True)
class Built:
    """LUTs after Yosys, and cycles from valid input to valid output of the Verilog that was synthesised."""

    luts: int
    latency_cycles: int


def need_yosys() -> None:
    """Raises ToolMissingError, so that a training does not end halfway for want of Yosys."""
    if find_spec("pyosys") is None:
        raise ToolMissingError(
            "training measures its networks with Yosys, which is not installed; install it with: "
            "pip install pyosys==0.70"
        )


def measure(network: Network, spec: Spec) -> Built:
    """Build and synthesise a network for the design's target in a temporary folder.

    Raises FirmwareError when it cannot be built, ToolMissingError without pyosys, ToolFailedError when Yosys fails.
    """
    with tempfile.TemporaryDirectory(prefix="trigger_lut_measure_") as folder:
        project = write_rtl(network, Path(folder, "rtl"), spec)
        module = synthesise(list(project.files), project.top, spec.target.family, bram18=spec.budget.bram18)
    return Built(resources(cell_counts(module)).luts, project.latency_cycles_planned)


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
