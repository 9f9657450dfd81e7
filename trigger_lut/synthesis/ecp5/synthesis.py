"""Synthesis by Yosys for ECP5, the device that nextpnr places and routes on."""

from __future__ import annotations

from pathlib import Path

from trigger_lut.synthesis.yosys import ADDERS_STAY, TABLES_STAY, run_yosys


def synthesize_ecp5(files: list[Path], top: str, *, netlist: Path) -> None:
    """Synthesize Verilog for nextpnr, with tables in LUTs.

    Parameters
    ----------
    files
        Verilog files.
    top
        Name of the top module.
    netlist
        File that is written, as JSON.

    Raises
    ------
    ToolMissingError
        Without pyosys.
    ToolFailedError
        With Yosys' message, when it fails.
    """
    commands = [
        "read_verilog -defer -sv " + " ".join(f'"{name}"' for name in files),
        f"hierarchy -check -top {top}",
        "proc",
        *TABLES_STAY,
        *ADDERS_STAY,
        f"synth_ecp5 -top {top} -nobram -nolutram -nodsp -abc9",
        "check -assert",
        f'write_json "{netlist}"',
    ]
    run_yosys(commands, netlist, what=top)
