"""A pipeline of one table and one register, written by hand as the generator writes it, to be changed by tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from trigger_lut.firmware.rtl.project import RtlProject
from trigger_lut.fixed_point.formats import KIF
from trigger_lut.network.network import Network, TableLayer

ENTRIES = (5, 1, 7, 0)
TEXT = """`timescale 1 ns / 1 ps
module small_table_a(input [1:0] in, output reg [2:0] out);
always @(*) case (in)
2'h0: out = 3'h5;
2'h1: out = 3'h1;
2'h2: out = 3'h7;
2'h3: out = 3'h0;
default: out = {3{1'bx}};
endcase
endmodule

// small_top: a comment
module small_top (
    input wire clk,
    input wire valid_in,
    // verilator lint_off UNUSEDSIGNAL
    input wire [1:0] data_in,
    // verilator lint_on UNUSEDSIGNAL
    output wire valid_out,
    output wire [2:0] data_out
);
    (* shreg_extract = "no" *) reg [0:0] valid;
    initial valid = 1'b0;
    always @(posedge clk) valid <= valid_in;
    assign valid_out = valid[0];
    wire [2:0] looked_up;
    small_table_a op_1 (data_in, looked_up[2:0]);
    reg [2:0] stage;
    always @(posedge clk) begin
        stage[2:0] <= looked_up[2:0];
    end
    assign data_out[2:0] = {stage[2:0]};
endmodule
"""


def small_network() -> Network:
    """The network that the pipeline computes."""
    none, kif = np.zeros(1, dtype=int), KIF(0, 2, 0)
    table = TableLayer("t", (kif,), ("SAT",), np.array([[2]]), np.array([[ENTRIES]]), none, fraction_bits=none)
    return Network((kif,), (table,))


def small_project(folder: Path, *changes: tuple[str, str]) -> RtlProject:
    """The pipeline with some texts of it replaced, as a project with a latency of one cycle."""
    text = TEXT
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    path = folder / "small_top.v"
    path.write_bytes(text.encode())
    network = small_network()
    return RtlProject(folder, "small_top", (path,), (), network.inputs, network.output_formats(), 1, 0.0)
