"""Verilog that is to be proven is plain: what some tool reads differently is refused, with file and line."""

import pytest
from small_pipeline import TEXT, small_project

from trigger_lut.verification.formal.source_check import source_refusal

OUTPUT = "assign data_out[2:0] = {stage[2:0]};"
REFUSED = {
    "ifdef": (OUTPUT, f"`ifdef YOSYS\n{OUTPUT}\n`else\n`endif"),
    "define": ("`timescale 1 ns / 1 ps", "`timescale 1 ns / 1 ps\n`define A 1"),
    "a directive behind code": (OUTPUT, OUTPUT + " `timescale 1 ns / 1 ps"),
    "celldefine": (OUTPUT, OUTPUT + "\n`celldefine"),
    "another timescale": ("1 ns / 1 ps", "1 ns / 1 ps `undef A"),
    "translate_off": (OUTPUT, f"// synthesis translate_off\n{OUTPUT}\n// synthesis translate_on"),
    "pragma in a block": (OUTPUT, f"/* synopsys translate_off */ {OUTPUT}"),
    "translate_off of an unknown tool": (OUTPUT, f"// mytool translate_off\n{OUTPUT}"),
    "a pragma of Verilator": (OUTPUT, f"/*verilator public*/ {OUTPUT}"),
    "lint_off and more": (OUTPUT, f"// verilator lint_off WIDTH public\n{OUTPUT}"),
    "a continued comment": (OUTPUT, f"// comment \\\n{OUTPUT}"),
    "a comment in a comment": (OUTPUT, f"/* a /* b */ {OUTPUT}"),
    "a comment of two lines": (OUTPUT, f"/* a\n b */ {OUTPUT}"),
    "a line separator in a comment": (OUTPUT, f"// a\u2028{OUTPUT}"),
    "a carriage return in a comment": (OUTPUT, f"// a\r{OUTPUT}"),
    "full_case": ("case (in)", "(* full_case *) case (in)"),
    "an unknown attribute": ("(* shreg_extract", "(* blackbox, shreg_extract"),
    "an attribute's value": ('"no"', '"no\\"'),
    "an escaped identifier": ("wire [2:0] looked_up;", "wire [2:0] looked_up; wire \\a+b ;"),
    "a null byte": (OUTPUT, OUTPUT + "\0"),
    "a byte order mark": ("`timescale", "\ufeff`timescale"),
    "a letter that is not ASCII": ("op_1", "\u043ep_1"),
    "a vertical tab": (OUTPUT, "\x0b" + OUTPUT),
    "an implicit net": ("(data_in, looked_up", "(data_im, looked_up"),
    "a net before its declaration": ("wire [2:0] looked_up;", "assign later = 1'b0; wire later; wire [2:0] looked_up;"),
    "a second declaration": ("wire [2:0] looked_up;", "wire [2:0] looked_up; wire [2:0] looked_up;"),
    "a second module": ("module small_table_a", "module small_top(input a, output b); endmodule module small_table_a"),
    "modules alike but for case": (
        "module small_table_a",
        "module Small_top(output b); endmodule module small_table_a",
    ),
    "a module in itself": (OUTPUT, OUTPUT + " small_top again (clk, valid_in, data_in, valid_out, data_out);"),
    "a hierarchical name": (OUTPUT, "assign data_out = op_1.out;"),
    "a falling edge": ("@(posedge clk) begin", "@(negedge clk) begin"),
    "two edges": ("@(posedge clk) begin", "@(posedge clk or posedge valid_in) begin"),
    "an edge of a bit": ("@(posedge clk) begin", "@(posedge data_in[0]) begin"),
    "an enable": ("stage[2:0] <= looked_up", "if (valid_in) stage[2:0] <= looked_up"),
    "a blocking assignment at the clock": ("stage[2:0] <= looked_up", "stage[2:0] = looked_up"),
    "a delay": ("stage[2:0] <= looked_up", "stage[2:0] <= #1 looked_up"),
    "a delay of a net": ("wire [2:0] looked_up;", "wire #(1) looked_up;"),
    "a late table": ("always @(*) case", "always @(in) case"),
    "a selection between parameters": (OUTPUT, "localparam A = 0; localparam B = 2; assign data_out = stage[A:B];"),
    "bits that are assigned between parameters": (
        OUTPUT,
        "localparam A = 0; localparam B = 2; assign data_out[A:B] = stage;",
    ),
    "a selection by a condition": (OUTPUT, "assign data_out = stage[1'b1 ? 0 : 0 : 2];"),
    "a load of a parameter": (OUTPUT, f"{OUTPUT} localparam P = 3'd0; always @(posedge clk) P <= looked_up;"),
    "an assignment to an input": (OUTPUT, f"{OUTPUT} assign data_in = 2'd0;"),
    "a table of a parameter": (
        "wire [2:0] looked_up;",
        "localparam P = 2'd1; wire [2:0] looked_up; reg [2:0] z; always @(*) case (P)\n2'h1: z = 3'h0;\n"
        "default: z = 3'h7;\nendcase",
    ),
    "a table of a net": (
        "wire [2:0] looked_up;",
        "wire [2:0] looked_up; reg [2:0] z; always @(*) case (data_in)\ndefault: z = 3'h7;\nendcase",
    ),
    "casez": ("case (in)", "casez (in)"),
    "a wildcard": ("2'h3:", "2'b1?:"),
    "z": ("3'h0;", "3'hz;"),
    "x outside tables": (OUTPUT, "assign data_out = stage ^ 3'bx;"),
    "an initial block": ("initial valid = 1'b0;", "initial begin valid = 1'b0; end"),
    "an initial value of a net": ("initial valid = 1'b0;", "initial valid = 1'b0; wire n; initial n = 1'b1;"),
    "force": (OUTPUT, OUTPUT + " initial force data_out = 3'b0;"),
    "a system function": (OUTPUT, "assign data_out = stage ^ $random;"),
    "a four-state comparison": (OUTPUT, "assign data_out = stage === 3'b1;"),
    "wired logic": ("wire [2:0] looked_up;", "wand [2:0] looked_up;"),
    "a strength": ("assign valid_out", "assign (weak0, weak1) valid_out"),
    "a gate": (OUTPUT, OUTPUT + " and g (data_out[0], clk, clk);"),
    "inout": ("input wire valid_in", "inout wire valid_in"),
    "a function": (OUTPUT, "function f; input a; f = a; endfunction " + OUTPUT),
    "defparam": (OUTPUT, "defparam op_1.a = 1; " + OUTPUT),
    "an assertion": (OUTPUT, "assert property (valid_in); " + OUTPUT),
    "a loop": (OUTPUT, "genvar n; for (n = 0; n < 1; n = n + 1) begin : a end " + OUTPUT),
    "a number wider than its size": ("3'h7;", "3'hF;"),
    "a wide number of no size": (OUTPUT, "assign data_out = 'h123456789;"),
    "a number with a space": (OUTPUT, "assign data_out = 3 'h1;"),
    "a function that is called": (OUTPUT, "assign data_out = stage (valid_in);"),
    "a word that counts up": ("wire [2:0] looked_up;", "wire [0:2] looked_up;"),
    "a word that ends above 0": ("reg [2:0] stage;", "reg [3:1] stage;"),
    "a port that counts up": ("output wire [2:0] data_out", "output wire [0:2] data_out"),
    "a selection that counts up": ("{stage[2:0]}", "{stage[0:2]}"),
    "a target that counts up": ("assign data_out[2:0]", "assign data_out[0:2]"),
    "a port twice": ("(data_in, looked_up[2:0])", "(.in(data_in), .in(data_in), .out(looked_up))"),
    "a table of two words": ("2'h3: out", "2'h3: in"),
    "no end": ("endmodule\n\n//", "\n\n//"),
    "brackets without end": (OUTPUT, "assign data_out = " + "(" * 5000 + "1'b1" + ")" * 5000 + ";"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_verilog_that_tools_read_differently_is_refused(tmp_path, what):
    refusal = source_refusal(small_project(tmp_path, REFUSED[what]).files)
    assert refusal
    assert len(refusal) < 200


def test_refusal_names_file_line_and_construct(tmp_path):
    refusal = source_refusal(small_project(tmp_path, (OUTPUT, f"`ifdef A\n{OUTPUT}\n`endif")).files)
    assert refusal == "small_top.v:32: the directive '`ifdef A' is not allowed in Verilog that is to be proven"


def test_a_file_of_another_kind_is_refused(tmp_path):
    (tmp_path / "small_top.cpp").write_text(TEXT)
    assert "small_top.cpp: expected Verilog in a file *.v" in source_refusal([tmp_path / "small_top.cpp"])


def test_bytes_that_are_no_text_are_refused(tmp_path):
    project = small_project(tmp_path)
    project.files[0].write_bytes(TEXT.encode() + b"// \xff\n")
    assert source_refusal(project.files) == "small_top.v: expected UTF-8 text, found the byte 0xff"


ALLOWED = {
    "as it is": ("", ""),
    "a name in another alphabet, in a comment": ("a comment", "data_in[1:0]  ufixed<2,2>  p\u209c of \u03bc\u207a"),
    "attributes of tools for RAM": ("module small_table_a", '(* rom_style = "distributed" *) module small_table_a'),
    "an entry in another notation": ("2'h3: out = 3'h0;", "2'b11 : out=3'd0;"),
    "an entry of x": ("2'h3: out = 3'h0;", "2'h3: out = 3'hX;"),
    "a generated block": (OUTPUT, f"localparam A = 1; generate if (A == 1) begin : a\n{OUTPUT}\nend endgenerate"),
}


@pytest.mark.parametrize("what", ALLOWED)
def test_plain_verilog_is_not_refused(tmp_path, what):
    assert source_refusal(small_project(tmp_path, ALLOWED[what]).files) == ""
