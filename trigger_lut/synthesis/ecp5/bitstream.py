"""Bitstream for an ECP5 with the pins of a board: nextpnr and ecppack (WebAssembly, from PyPI)."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from trigger_lut.errors import DataError, ToolFailedError, ToolMissingError
from trigger_lut.synthesis.ecp5 import nextpnr

DEVICES = {"12k": "--12k", "25k": "--25k", "45k": "--45k", "85k": "--85k"}
"""Options of nextpnr by size of the device."""


@dataclass(frozen=True)
class Board:
    """Device and pins of a board.

    Attributes
    ----------
    device
        Key of `DEVICES`.
    package
        Housing, such as CABGA381.
    speed
        Speed grade.
    pins
        Constraint file of the board (LPF).
    """

    device: str
    package: str
    speed: int
    pins: Path


def write_bitstream(netlist: Path, board: Board, *, clock_mhz: float, seed: int, bitstream: Path) -> nextpnr.Routed:
    """Place and route a netlist on the pins of a board, and pack the bitstream.

    Parameters
    ----------
    netlist
        Netlist as JSON. Other files are written next to it.
    board
        The board.
    clock_mhz
        Clock of the board. A bitstream that does not reach it is refused.
    seed
        Seed of the placement.
    bitstream
        File to write.

    Returns
    -------
    Routed
        Resources and Fmax.

    Raises
    ------
    DataError
        If the constraint file is missing.
    ToolMissingError
        Without nextpnr.
    ToolFailedError
        With nextpnr's message: pins that the file lacks, a design that is too large, a clock that is not reached.
    """
    nextpnr.check_installed()
    if not board.pins.is_file():
        raise DataError(f"{board.pins}: no such constraint file. Expected the board's LPF file.")
    folder, report = netlist.parent, netlist.with_name("report.json")
    shutil.copyfile(board.pins, folder / "pins.lpf")
    _run(
        folder,
        "run_nextpnr_ecp5",
        *(DEVICES[board.device], "--speed", str(board.speed), "--package", board.package),
        *("--json", netlist.name, "--lpf", "pins.lpf", "--freq", f"{clock_mhz:g}", "--seed", str(seed)),
        *("--textcfg", "routed.config", "--report", report.name),
    )
    _run(folder, "run_ecppack", "--compress", "routed.config", "routed.bit")
    shutil.copyfile(folder / "routed.bit", bitstream)
    return nextpnr.read_report(report)


def _run(folder: Path, function: str, *arguments: str) -> None:
    """Run a program of the package; it sees the folder that it is run in, and nothing else."""
    code = f"import sys, {nextpnr.MODULE} as n; sys.exit(n.{function}(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    if "has no attribute" in done.stdout:
        raise ToolMissingError(f"{nextpnr.PACKAGE}: no {function} in this version. {nextpnr.INSTALL}")
    if done.returncode:
        errors = re.findall(r"^ERROR:.*$", done.stdout, re.MULTILINE) or done.stdout.strip().splitlines()[-10:]
        name = function.removeprefix("run_")
        raise ToolFailedError(f"{name} ended with status {done.returncode}:\n" + "\n".join(errors))
