"""Verilog as modules in Yosys' JSON. All proofs read it here, each with its own passes."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from trigger_lut.synthesis.yosys import netlist_modules, run_yosys
from trigger_lut.utils.memory import PROGRAM_BYTES
from trigger_lut.verification.formal.drivers import check_drivers


def read_design(
    files: Sequence[Path], top: str, *, passes: Sequence[str], seconds: float | None = None
) -> tuple[dict[str, Any], list[str]]:
    """Read Verilog in which each net has one driver.

    Parameters
    ----------
    files
        Verilog files.
    top
        Name of the top-level module.
    passes
        Yosys' commands between `hierarchy` and the end.
    seconds
        Limit of Yosys' time; None: no limit.

    Returns
    -------
    dict
        Modules by name, as in Yosys' JSON.
    list of str
        Yosys' warnings.

    Raises
    ------
    ToolMissingError, ToolLimitError
        Without pyosys, and when Yosys reaches a limit of memory or time.
    ToolFailedError
        When Yosys refuses the Verilog, and for a net with several drivers.
    """
    with tempfile.TemporaryDirectory(prefix="trigger_lut_netlist_") as folder:
        path, hierarchy = Path(folder, "netlist.json"), Path(folder, "hierarchy.il")
        commands = [
            "read_verilog -sv " + " ".join(f'"{name}"' for name in files),
            f"hierarchy -check -top {top}",
            f'write_rtlil "{hierarchy}"',
            *passes,
            f'write_json "{path}"',
        ]
        log = run_yosys(commands, path, what=top, memory_bytes=PROGRAM_BYTES, seconds=seconds)
        with hierarchy.open(encoding="utf-8") as lines:
            check_drivers(lines)
        return netlist_modules(path), re.findall(r"^.*Warning: (.*)$", log, re.MULTILINE)
