"""The decision's module as one with the network's ports: its bits lie above the outputs on data_out.

So it runs in the simulators as any network does. Its thresholds can be moved by some codes: a negative control.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from trigger_lut.cards.base import write_text
from trigger_lut.firmware.decision.module import binary, literal
from trigger_lut.firmware.decision.project import DecisionProject
from trigger_lut.firmware.rtl.project import RtlProject
from trigger_lut.fixed_point.formats import KIF, IntArray

BIT = KIF(0, 1, 0)

VERILOG = """module {name} (
    input wire clk, input wire valid_in, input wire [{high_in}:0] data_in,
    output wire valid_out, output wire [{high_out}:0] data_out
);
    {top} #({moved}) device (
        .clk(clk), .valid_in(valid_in), .data_in(data_in), .valid_out(valid_out),
        .data_out(data_out[{high}:0]), .decision(data_out[{high_out}:{high} + 1])
    );
endmodule
"""
VHDL = """library ieee;
use ieee.std_logic_1164.all;
use ieee.numeric_std.all;
entity {name} is port (
    clk, valid_in: in std_logic; data_in: in std_logic_vector({high_in} downto 0);
    valid_out: out std_logic; data_out: out std_logic_vector({high_out} downto 0)
);
end entity;
architecture rtl of {name} is begin
    device: entity work.{top} generic map ({moved}) port map (
        clk, valid_in, data_in, valid_out, data_out({high} downto 0), data_out({high_out} downto {high} + 1)
    );
end architecture;
"""


def flat(decision: DecisionProject, rtl: RtlProject, *, folder: Path, moved: int = 0) -> RtlProject:
    """Describe the module as a project whose outputs are those of the network, then a bit per working point.

    Parameters
    ----------
    decision
        Decision in firmware.
    rtl
        The network's firmware.
    folder
        Folder for the files.
    moved
        Number that is added to each threshold.

    Returns
    -------
    RtlProject
        Project with the additional outputs.
    """
    name, wide = f"{decision.top}_flat", decision.score.bits
    # What is not moved is what the delivered file says.
    codes = {n: code + moved for n, code in enumerate(decision.thresholds) if moved and code is not None}
    outputs = (*rtl.outputs, *(BIT for _ in decision.thresholds))
    known = {
        "name": name,
        "top": decision.top,
        "high_in": sum(kif.bits for kif in rtl.inputs) - 1,
        "high": sum(kif.bits for kif in rtl.outputs) - 1,
        "high_out": sum(kif.bits for kif in outputs) - 1,
    }
    by_kind = {
        "v": (VERILOG, ", ".join(f".THRESHOLD_{n}({literal(code, wide)})" for n, code in codes.items())),
        "vhd": (VHDL, ", ".join(f"threshold_{n} => {binary(code, wide)}" for n, code in codes.items())),
    }
    for kind, (text, parameters) in by_kind.items():
        text = text if parameters else text.replace(" #({moved})", "").replace(" generic map ({moved})", "")
        write_text(folder / f"{name}.{kind}", text.format(**known, moved=parameters))
    return dataclasses.replace(
        rtl,
        folder=folder,
        top=name,
        files=(*rtl.files, decision.verilog, folder / f"{name}.v"),
        vhdl=(*rtl.vhdl, decision.vhdl, folder / f"{name}.vhd"),
        outputs=outputs,
        latency_cycles_planned=decision.latency_cycles,
    )


def expected(decision: DecisionProject, outputs: IntArray) -> IntArray:
    """Compute the outputs of the module that `flat` describes.

    Parameters
    ----------
    decision
        Decision in firmware.
    outputs : IntArray of shape (N, C_out)
        The network's outputs.

    Returns
    -------
    IntArray of shape (N, C_out + working points)
        Outputs and bits.
    """
    return np.concatenate([outputs, decision.score.decided(outputs, decision.thresholds)], axis=1)
