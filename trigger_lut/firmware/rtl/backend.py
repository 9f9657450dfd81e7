"""Back ends of the pipelined Verilog in Verilator, and of the same pipeline as VHDL in GHDL."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from trigger_lut.errors import NotReproducibleError, ToolMissingError
from trigger_lut.firmware.backend import Delivery, Design, NetworkBackend, Prediction
from trigger_lut.firmware.rtl.build import write_rtl
from trigger_lut.firmware.rtl.ghdl import GHDL_MISSING, has_ghdl, simulate_vhdl
from trigger_lut.firmware.rtl.project import PROJECT_FILE, RtlProject, read_project
from trigger_lut.firmware.rtl.verilator import simulate_rtl
from trigger_lut.fixed_point.formats import IntArray

FOLDER = "rtl"
BLOCK = 250_000  # vectors in one simulation


class Verilog(NetworkBackend):
    """Verilog, simulated by Verilator."""

    title = "Verilog"
    delivery: Delivery = "firmware"
    clocked = True

    def write(self, design: Design, folder: Path) -> None:
        """Write Verilog and VHDL; see `Backend.write`."""
        write_rtl(
            design.network,
            folder / FOLDER,
            spec=design.spec,
            stages=design.stages,
            cuts=design.cuts,
            version=design.version,
        )

    def predict(self, folder: Path, codes: IntArray) -> Prediction:
        """Simulate the pipeline; see `Backend.predict`.

        Raises
        ------
        NotReproducibleError
            If simulations differ in latency or initiation interval.
        """
        project = read_project(folder / FOLDER)
        results = [self._simulate(project, codes[n : n + BLOCK]) for n in range(0, len(codes), BLOCK)]
        cycles = {(latency, ii) for _, latency, ii in results}
        if len(cycles) != 1:
            raise NotReproducibleError(
                f"{project.folder}: latency and II in cycles differ between simulations: {cycles}"
            )
        latency, ii = cycles.pop()
        return Prediction(np.concatenate([outputs for outputs, _, _ in results]), {"latency_cycles": latency, "ii": ii})

    def _simulate(self, project: RtlProject, codes: IntArray) -> tuple[IntArray, int, int]:
        return simulate_rtl(project, codes)


class Vhdl(Verilog):
    """VHDL, simulated by GHDL, which interprets it."""

    title = "VHDL"
    sampled = True

    def require(self) -> None:
        """Raise ToolMissingError without GHDL."""
        if not has_ghdl():
            raise ToolMissingError(GHDL_MISSING)

    def write(self, design: Design, folder: Path) -> None:
        """Write Verilog and VHDL, unless the Verilog's back end has already done so; see `Backend.write`."""
        if not (folder / FOLDER / PROJECT_FILE).is_file():
            super().write(design, folder)

    def _simulate(self, project: RtlProject, codes: IntArray) -> tuple[IntArray, int, int]:
        return simulate_vhdl(project, codes)
