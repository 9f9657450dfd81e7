"""LUTs and registers of a design on devices that Yosys maps but this package has no delays of.

The netlist serves for the count alone: proofs, simulation of the netlist and the pipeline's cut use LUT6 cells.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from trigger_lut.cards.base import NOT_MEASURED, Measured
from trigger_lut.cards.firmware import DeviceCount
from trigger_lut.cost_model.delay import UNMEASURED, Unmeasured
from trigger_lut.errors import ToolFailedError
from trigger_lut.synthesis.netlist import cell_counts
from trigger_lut.synthesis.yosys import netlist_modules, run_yosys

if TYPE_CHECKING:
    from trigger_lut.synthesis.synthesizers import VerilogSources

# A multiplexer of four inputs takes two LUT4. An ARI1 is the LUT4 of a carry chain.
LUTS = {r"MISTRAL_ALUT[2-6]|MISTRAL_ALUT_ARITH": 1, r"CFG[1-4]|ARI1|MX2": 1, "MX4": 2}
REGISTERS = re.compile(r"MISTRAL_FF|SLE")
WIRING = re.compile(r"MISTRAL_NOT|CLKBUF|CLKINT")  # an inverter becomes part of the cell behind it


def device_count(project: VerilogSources, family: str, *, lut6: int) -> DeviceCount | None:
    """Count the cells of a design on a device whose clock is not measured.

    Parameters
    ----------
    project
        Verilog files and the name of their top module.
    family
        Family of the target.
    lut6
        LUT6 of the netlist of the family that it is planned as.

    Returns
    -------
    DeviceCount or None
        None for a family with delay figures, whose netlist is that of the card.

    Raises
    ------
    ToolMissingError, ToolFailedError
        For Yosys.
    """
    if family not in UNMEASURED:
        return None
    how = UNMEASURED[family]
    if not how.mapping:
        nothing = Measured(value=None, source=NOT_MEASURED)
        same = Measured(value=lut6, source="estimate")
        return DeviceCount(luts=same, ff=nothing, counts=how.counts, mapping="", cells={})
    cells = _cells(project, how)
    luts, registers = counted(cells)
    source = "estimate" if "estimate" in how.counts else "yosys"
    return DeviceCount(
        luts=Measured(value=luts, source=source),
        ff=Measured(value=registers, source=source),
        counts=how.counts,
        mapping=how.mapping,
        cells=cells,
    )


def counted(cells: Mapping[str, int]) -> tuple[int, int]:
    """Count LUTs and registers.

    Parameters
    ----------
    cells
        Counts by type of cell.

    Returns
    -------
    tuple of int
        LUTs and registers.

    Raises
    ------
    ToolFailedError
        For an unknown type of cell: a wrong count is worse than none.
    """
    luts = registers = 0
    for kind, count in cells.items():
        weight = next((weight for pattern, weight in LUTS.items() if re.fullmatch(pattern, kind)), None)
        if weight is not None:
            luts += weight * count
        elif REGISTERS.fullmatch(kind):
            registers += count
        elif not WIRING.fullmatch(kind):
            raise ToolFailedError(
                f"netlist: {count} cells {kind} cannot be counted. Expected LUTs, registers and wiring of a device "
                "with ALMs or LUT4. Use the pinned pyosys, and report the design that makes these cells."
            )
    return luts, registers


def _cells(project: VerilogSources, how: Unmeasured) -> dict[str, int]:
    with tempfile.TemporaryDirectory(prefix="trigger_lut_device_") as folder:
        netlist = Path(folder, "netlist.json")
        commands = [
            "read_verilog -defer -sv " + " ".join(f'"{name}"' for name in project.files),
            f"hierarchy -check -top {project.top}",
            "proc",
            "memory_collect",  # a table stays in its pipeline stage
            "memory_map",
            f"{how.mapping} -top {project.top}",
            f'write_json -selected "{netlist}"',
        ]
        run_yosys(commands, netlist, what=project.top)
        return cell_counts(netlist_modules(netlist)[project.top])
