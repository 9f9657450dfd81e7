"""Counting cells and the longest path, on small netlists written by hand."""

from __future__ import annotations

import pytest

from trigger_lut.cost_model.delay import FAMILIES
from trigger_lut.errors import ToolFailedError
from trigger_lut.synthesis import netlist
from trigger_lut.synthesis.yosys import netlist_modules

XCUP = FAMILIES["xcup"]
OUTPUTS = ("O", "Q", "CO")


def module(*cells: tuple[str, dict[str, list[int | str]]]) -> dict:
    return {
        "cells": {
            f"cell{n}": {
                "type": kind,
                "connections": ports,
                "port_directions": {p: "output" if p in OUTPUTS else "input" for p in ports},
            }
            for n, (kind, ports) in enumerate(cells)
        }
    }


def test_counts_as_documented():
    cells = {"LUT1": 1, "LUT6": 2, "FDRE": 3, "FDSE": 1, "CARRY4": 5, "CARRY8": 1, "INV": 7, "MUXF7": 4}
    cells |= {"DSP48E2": 2, "RAMB18E2": 1, "RAMB36E2": 2, "RAM32M": 1}
    assert netlist.resources(cells) == netlist.Resources(luts=3 + 4, ff=4, carry=6, dsp=2, bram18=5)


def test_scopeinfo_is_no_cell():
    assert netlist.cell_counts(module(("$scopeinfo", {}), ("INV", {"I": [2], "O": [3]}))) == {"INV": 1}


def test_path_through_luts_and_one_carry_chain():
    chain = module(
        ("FDRE", {"D": [9], "Q": [2]}),
        ("LUT2", {"I0": [2], "I1": [3], "O": [4]}),
        ("INV", {"I": [4], "O": [5]}),
        ("LUT3", {"I0": [5], "O": [6]}),
        ("CARRY4", {"S": [6], "CI": ["0"], "CO": [7]}),
        ("CARRY4", {"S": [3], "CI": [7], "O": [8]}),
        ("MUXF7", {"I0": [8], "O": [9]}),
    )
    path = netlist.longest_path(chain, "xcup")
    assert path.levels == 3
    expected = 2 * (XCUP.lut + XCUP.net) + XCUP.carry + 4 * XCUP.carry_bit + XCUP.wide_mux
    assert path.delay_ns == pytest.approx(expected)


def test_registers_end_a_path():
    lut = {"I0": [2], "O": [3]}
    together = module(("LUT1", lut), ("LUT1", {"I0": [3], "O": [4]}))
    apart = module(("LUT1", lut), ("FDRE", {"D": [3], "Q": [5]}), ("LUT1", {"I0": [5], "O": [4]}))
    assert (netlist.longest_path(together, "xcup").levels, netlist.longest_path(apart, "xcup").levels) == (2, 1)


def test_no_logic_at_all():
    assert netlist.longest_path(module(("FDRE", {"D": [2], "Q": [3]})), "xc7") == netlist.LongestPath(0, 0.0)


def test_a_loop_is_refused():
    loop = module(("LUT1", {"I0": [2], "O": [3]}), ("LUT1", {"I0": [3], "O": [2]}))
    with pytest.raises(ToolFailedError, match=r"^the synthesized logic has a loop through cell[01]$"):
        netlist.longest_path(loop, "xcup")


def test_netlist_modules_cut_off_file_is_named(tmp_path):
    """A full disk cuts Yosys' output off without an error of Yosys."""
    whole = '{"modules": {"top": {}}}'
    (tmp_path / "n.json").write_text(whole)
    assert netlist_modules(tmp_path / "n.json") == {"top": {}}
    (tmp_path / "n.json").write_text(whole[:-4])
    with pytest.raises(ToolFailedError, match=r"n\.json: Yosys did not write it to the end\. Expected JSON, found 20"):
        netlist_modules(tmp_path / "n.json")
