"""Simulation of the generated VHDL in GHDL, clock cycle by clock cycle, under a small harness of our own."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path

import numpy as np

from trigger_lut.errors import NotReproducibleError, ToolMissingError
from trigger_lut.firmware.rtl.project import RtlProject
from trigger_lut.firmware.rtl.verilator import Words, bus_words, measured, scratch_folder
from trigger_lut.fixed_point.formats import IntArray
from trigger_lut.utils.programs import run_program

GHDL_MISSING = "GHDL is not on PATH (Debian and Ubuntu: apt-get install ghdl)"
STANDARD = "--std=08"
HARNESS = """library ieee;
use ieee.std_logic_1164.all;
use std.textio.all;

entity harness is
    generic (stimulus: string; response: string);
end entity harness;

architecture simulation of harness is
    signal clk, valid_in, valid_out: std_logic := '0';
    signal data_in: std_logic_vector({high_in} downto 0) := (others => '0');
    signal data_out: std_logic_vector({high_out} downto 0);
begin
    design: entity work.{top} port map (clk, valid_in, data_in, valid_out, data_out);

    process
        file source: text open read_mode is stimulus;
        file found: text open write_mode is response;
        variable given, seen: line;
        variable valid: std_logic;
        variable data: std_logic_vector({wide_in} downto 0);
        variable result: std_logic_vector({wide_out} downto 0) := (others => '0');
    begin
        while not endfile(source) loop
            readline(source, given);
            read(given, valid);
            hread(given, data);
            valid_in <= valid;
            data_in <= data({high_in} downto 0);
            wait for 1 ns;
            write(seen, valid_out);
            write(seen, ' ');
            result({high_out} downto 0) := data_out;
            hwrite(seen, result);
            writeline(found, seen);
            clk <= '1';
            wait for 1 ns;
            clk <= '0';
        end loop;
        wait;
    end process;
end architecture simulation;
"""


def has_ghdl() -> bool:
    """Return whether GHDL is on PATH."""
    return shutil.which("ghdl") is not None


def simulate_vhdl(project: RtlProject, codes: IntArray) -> tuple[IntArray, int, int]:
    """Run vectors through the VHDL.

    Registers start undefined ('U'), and no valid output may have an undefined bit.

    Parameters
    ----------
    project
        RTL project.
    codes : IntArray of shape (N, C_in)
        Input codes.

    Returns
    -------
    tuple
        Outputs (N, C_out), latency and initiation interval in cycles, as `simulate_rtl` returns them.

    Raises
    ------
    ToolMissingError
        Without GHDL.
    ToolFailedError
        If GHDL refuses the VHDL.
    NotReproducibleError
        As `simulate_rtl`.
    """
    return measured(project, codes, run=lambda stimulus: run_vhdl(project, stimulus))


def run_vhdl(project: RtlProject, stimulus: Words) -> Words:
    """Run clock cycles through the VHDL of a project.

    Parameters
    ----------
    project
        RTL project.
    stimulus : Words of shape (cycles, 1 + words)
        valid_in and data_in.

    Returns
    -------
    Words of shape (cycles, 1 + words)
        valid_out and data_out.

    Raises
    ------
    ToolMissingError
        Without GHDL.
    """
    if not has_ghdl():
        raise ToolMissingError(GHDL_MISSING)
    return _drive(_analyzed(project), project, stimulus)


def _analyzed(project: RtlProject) -> Path:
    """Folder of the analyzed VHDL, harness included; made once a process for the same VHDL."""
    digest = hashlib.sha256(b"\0".join(path.read_bytes() for path in project.vhdl)).hexdigest()
    folder = scratch_folder() / f"ghdl_{digest[:16]}"
    if (folder / "done").is_file():
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    wide_in, wide_out = (sum(kif.bits for kif in formats) for formats in (project.inputs, project.outputs))
    harness = folder / "harness.vhd"
    harness.write_text(
        HARNESS.format(
            top=project.top,
            high_in=wide_in - 1,
            high_out=wide_out - 1,
            wide_in=32 * bus_words(project.inputs) - 1,
            wide_out=32 * bus_words(project.outputs) - 1,
        )
    )
    # GHDL reads the sources again when it runs, so they have to stay where they were analyzed.
    sources = [Path(shutil.copy(path, folder)) for path in project.vhdl]
    run_program(["ghdl", "-a", STANDARD, f"--workdir={folder}", *sources, harness], what="GHDL, analysis")
    (folder / "done").touch()
    return folder


def _drive(library: Path, project: RtlProject, stimulus: Words) -> Words:
    """Rows (cycles, 1 + words) of valid_in and data_in; gives those of valid_out and data_out."""
    with tempfile.TemporaryDirectory(dir=library) as scratch:
        source, result = Path(scratch, "in.txt"), Path(scratch, "out.txt")
        source.write_text("".join(f"{row[0]} {_hex(row[1:])}\n" for row in stimulus))
        command = ["ghdl", "-r", STANDARD, f"--workdir={library}", "harness"]
        run_program([*command, f"-gstimulus={source}", f"-gresponse={result}"], what="GHDL, simulation")
        lines = result.read_text().split("\n")[: len(stimulus)]
    words = bus_words(project.outputs)
    rows = np.zeros((len(stimulus), 1 + words), dtype=np.uint32)
    for n, line in enumerate(lines):
        if line[0] == "1":
            text = line[2:]
            try:
                rows[n, 1:] = [int(text[8 * w : 8 * w + 8], 16) for w in reversed(range(words))]
            except ValueError as error:
                raise NotReproducibleError(
                    f"{project.top}: cycle {n}: bits of a valid output are undefined: {text}"
                ) from error
            rows[n, 0] = 1
    return rows


def _hex(words: Words) -> str:
    return "".join(f"{word:08X}" for word in reversed(words))
