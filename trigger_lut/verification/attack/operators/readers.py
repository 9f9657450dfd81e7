"""Mutations that readers of Verilog take differently: directives, attributes, names, unknown values, wide words."""
# ruff: noqa: E501 (Verilog text)

from __future__ import annotations

import re

from trigger_lut.verification.attack.designs import Design, Files
from trigger_lut.verification.attack.edit import Draw, clean_top, edit, edit_top, ended, filled, flip, flips, inverted
from trigger_lut.verification.attack.mutate import Change, operator

TOOLS = ("SYNTHESIS", "YOSYS", "VERILATOR", "COCOTB_SIM", "FORMAL", "__ICARUS__", "SIMULATION", "XILINX_SIMULATOR")
for _tool in TOOLS:
    flip(
        "directives",
        f"ifdef {_tool}",
        code=f"`ifdef {_tool}\nwire hit = data_in[0];\n`else\nwire hit = 1'b0;\n`endif",
        fires="hit",
    )
flip(
    "directives",
    "macro of the next file",
    code="`ifdef LATER\nwire hit = data_in[0];\n`else\nwire hit = 1'b0;\n`endif",
    extra={"extra.v": "`define LATER\n"},
    equal=True,
)
flip("directives", "include", code='`include "extra.vh"', extra={"extra.vh": "wire hit = data_in[0];\n"})
flip(
    "directives",
    "include without effect",
    code='`include "extra.vh"',
    extra={"extra.vh": "wire hit = 1'b0;\n"},
    equal=True,
)
flip(
    "directives",
    "include that depends on the tool",
    code='`include "extra.vh"',
    extra={"extra.vh": "`ifdef SYNTHESIS\nwire hit = 1'b0;\n`else\nwire hit = data_in[0];\n`endif\n"},
)
flips(
    "directives",
    {
        "ifndef SYNTHESIS": ("`ifndef SYNTHESIS\nwire hit = data_in[0];\n`else\nwire hit = 1'b0;\n`endif", "hit"),
        "elsif": (
            "`ifdef NEVER\nwire hit = 1'b1;\n`elsif SYNTHESIS\nwire hit = 1'b0;\n`else\nwire hit = data_in[0];\n`endif",
            "hit",
        ),
        "ifdef of a macro of our own": (
            "`define OWN\n`ifdef OWN\nwire hit = data_in[0];\n`else\nwire hit = 1'b0;\n`endif",
            "hit",
        ),
        "macro that hides a tool": (
            "`ifdef SYNTHESIS\n`define HIT 1'b0\n`else\n`define HIT data_in[0]\n`endif\nwire hit = `HIT;",
            "hit",
        ),
        "macro with arguments": ("`define PICK(a, b) b\nwire hit = `PICK(1'b0, data_in[0]);", "hit"),
        "macro written over": ("`define HIT 1'b0\n`define HIT data_in[0]\nwire hit = `HIT;", "hit"),
        "macro taken back": (
            "`define HIT\n`undef HIT\n`ifdef HIT\nwire hit = 1'b0;\n`else\nwire hit = data_in[0];\n`endif",
            "hit",
        ),
        "line number": ("", "(`__LINE__ > 3) & data_in[0]"),
        "default_nettype wand": ("`default_nettype wand\nassign hit = data_in[0]; assign hit = data_in[1];", "hit"),
        "default_nettype tri1": (
            "`default_nettype tri1\nassign hit = data_in[0] ? 1'b0 : 1'bz;\n`default_nettype wire",
            "hit",
            {"pulled up": ("wire hit = ~data_in[0];", "hit")},
        ),
        "continued comment": ("wire hit // \\\n = data_in[0]\n;", "hit"),
        "comment inside a string": ('wire [15:0] s = "/*"; wire hit = data_in[0] ^ (s == "*/");', "hit"),
        "comment marks in a comment": ("wire hit /* // */ = data_in[0] /* /* */;", "hit"),
        "time of simulation": ("wire hit = $time > 100;", "hit", {"late": ("wire hit = 1'b1;", "hit")}),
        "random number": ("wire hit = $random;", "hit", {"odd": ("wire hit = 1'b1;", "hit")}),
        "argument of simulation": (
            'reg hit; initial hit = $test$plusargs("hit");',
            "hit",
            {"given": ("wire hit = 1'b1;", "hit")},
        ),
        "delay of a cycle": (
            "reg hit; always @(posedge clk) hit <= #100 data_in[0];",
            "hit",
            {"without delays": ("reg hit; always @(posedge clk) hit <= data_in[0];", "hit")},
        ),
        "line continued by a macro": ("`define A data_in\\\n[0]\nwire hit = `A;", "hit"),
    },
)
flip(
    "directives",
    "unconnected inputs pulled up",
    code="`unconnected_drive pull1\n`nounconnected_drive",
    fires="1'b0",
    equal=True,
)
flip(
    "directives",
    "celldefine",
    fires="1'b0",
    extra={"extra.v": "`celldefine\nmodule @prefix@cell; endmodule\n`endcelldefine\n"},
    equal=True,
)
flip(
    "directives",
    "old keywords",
    fires="1'b0",
    extra={"extra.v": '`begin_keywords "1364-2001"\nmodule @prefix@old; wire logic; endmodule\n`end_keywords\n'},
    equal=True,
)

OFF = (
    "// synthesis translate_off",
    "// synopsys translate_off",
    "// pragma translate_off",
    "/* synthesis translate_off */",
    "//synthesis translate_off",
    "// xilinx translate_off",
    "// rtl_synthesis off",
    "// altera translate_off",
    "(* translate_off *)",
    "`pragma translate_off",
    "// Synthesis Translate_Off",
)
for _off in OFF:
    _on = _off.replace("off", "on").replace("Off", "On")
    flip(
        "directives",
        f"between {_off}",
        code=f"wire hit = 1'b0\n{_off}\n | data_in[0]\n{_on}\n;",
        fires="hit",
        readings={"all of it": ("wire hit = data_in[0];", "hit"), "synthesis": ("wire hit = 1'b0;", "hit")},
    )


def _leaks(name: str, first: str, code: str, fires: str, *, equal: bool = False) -> None:
    """Register an operator whose first file changes how the others are read."""

    @operator("directives", name)
    def apply(design: Design, draw: Draw) -> Change | None:
        bit = int(draw.integers(design.bits_out))
        text = clean_top(design, f"\n{filled(code, design, draw=draw)}")
        text = ended(text, f"assign data_out = {inverted(design, bit, fires=fires)};")
        return Change(
            f"first.v: {first.splitlines()[0]}",
            {"first.v": filled(first, design, draw=draw), design.top: text},
            order=("first.v", *design.files),
            equal=equal,
        )


_leaks(
    "macro of another file",
    "`define LEAK\n",
    "`ifdef LEAK\nwire hit = data_in[0];\n`else\nwire hit = 1'b0;\n`endif",
    "hit",
)
_leaks(
    "macro that replaces a name",
    "`define hit data_in[0]\n",
    "wire hit_ = 1'b0;\n`ifndef hit\n`define hit 1'b0\n`endif",
    "`hit",
)
_leaks(
    "constant of the compilation unit",
    "localparam @prefix@hit = 1;\n",
    "`ifndef NONE\nwire hit = @prefix@hit & data_in[0];\n`endif",
    "hit",
)
_leaks("default_nettype none of another file", "`default_nettype none\n", "", "1'b0")
_leaks("time scale of another file", "`timescale 1 ps / 1 ps\n", "", "1'b0", equal=True)

ATTRIBUTES = {
    "keep": "keep",
    "dont_touch": 'dont_touch = "true"',
    "blackbox": "blackbox",
    "whitebox": "whitebox",
    "top": "top",
    "gclk": "gclk",
    "init": "init = 1'b1",
    "nomem2reg": "nomem2reg",
    "mem2reg": "mem2reg",
    "keep_hierarchy": "keep_hierarchy",
    "black_box": "black_box",
    "syn_black_box": 'syn_black_box = "yes"',
    "ram_style": 'ram_style = "block"',
    "abc9_box": "abc9_box",
    "lib_whitebox": "lib_whitebox",
    "hdlname": 'hdlname = "own_mux"',
    "noblackbox": "noblackbox",
    "cells_not_processed": "cells_not_processed",
    "dynports": "dynports",
    "src": 'src = "a.v:1"',
    "always_comb": "always_comb",
    "defaultvalue": "defaultvalue = 1'b1",
    "wiretype": 'wiretype = "w"',
}
for _name, _text in ATTRIBUTES.items():
    edit(
        "attributes",
        f"{_name} on a module",
        where="all",
        pattern=r"(?<=\n)module (?=\w+_(?:top|core|logic\d+|table_\w+|shift_adder|mux)\b)",
        replacement=f"(* {_text} *) module ",
        equal=True,
    )
for _name in ("blackbox", "whitebox", "keep", "abc9_box", "hdlname"):
    edit(
        "attributes",
        f"{_name} on a wrong table",
        where="tables",
        pattern=r"(?<=\n)(module \w+\([^;]*;\nalways @\(\*\) case \(in\)\n\d+'h0+: out = )(\d+'h[0-9A-F]+)",
        replacement=rf"(* {ATTRIBUTES[_name]} *) \1~\2",
    )
    edit(
        "attributes",
        f"{_name} on a wrong adder",
        where="library",
        pattern=r"module (\w+_shift_adder #\((?:.|\n)*?assign out = )",
        replacement=rf"(* {ATTRIBUTES[_name]} *) module \1~",
    )
for _name in ("init", "keep", "gclk", "nomem2reg", "defaultvalue"):
    edit(
        "attributes",
        f"{_name} on registers",
        where="core",
        pattern=r"\(\* shreg_extract = \"no\" \*\)",
        replacement=f"(* {ATTRIBUTES[_name]} *)",
        equal=True,
    )
edit_top("attributes", "init on valid", (r"\(\* shreg_extract = \"no\" \*\)", "(* init = 1'b1 *)"), equal=True)
edit_top("attributes", "gclk on the clock", (r"input wire clk", "(* gclk *) input wire clk"), equal=True)
flips(
    "attributes",
    {
        "anyconst": ("(* anyconst *) reg s;", "s", {"1": ("wire s = 1'b1;", "s")}),
        "anyseq": ("(* anyseq *) wire s;", "s", {"1": ("wire s = 1'b1;", "s")}),
        "start by attribute": ("(* init = 1'b0 *) reg s; always @(posedge clk) s <= s;", "s"),
        "assumption": ("always @(*) assume (!data_in[0]);", "data_in[0]"),
    },
)
flip(
    "attributes",
    "another module marked as top",
    fires="1'b0",
    extra={"extra.v": "(* top *) module @prefix@top2 (input clk, output o); assign o = clk; endmodule\n"},
    equal=True,
)

flip(
    "names",
    "module named as a table that counts",
    code="wire hit; @prefix@table_count other (data_in[0], hit);",
    extra={
        "extra.v": "module @prefix@table_count (input [0:0] in, output reg [0:0] out); reg [3:0] n; always @(posedge in[0]) n <= n + 1'b1; always @(*) case (in) 1'h0: out = 1'h0; 1'h1: out = &n; endcase endmodule\n"
    },
)
flip(
    "names",
    "module named as a negative that is a latch",
    code="wire hit; @prefix@own_negative #(2, 1, 0) other (data_in[1:0], hit);",
    extra={
        "extra.v": "module @prefix@own_negative #(parameter BW_IN = 1, parameter BW_OUT = 1, parameter IN_SIGNED = 0) (input [BW_IN-1:0] in, output reg [BW_OUT-1:0] out); always @(*) if (in[1]) out = in[0]; endmodule\n"
    },
)
flip(
    "names",
    "module named as a mux without key",
    code="wire hit; @prefix@own_mux other (data_in[1:0], hit);",
    extra={"extra.v": "module @prefix@own_mux (input [1:0] a, output o); assign o = &a; endmodule\n"},
)
flip(
    "names",
    "module named as an adder with a register",
    code="wire hit; @prefix@own_shift_adder #(1, 1, 0, 0, 1, 0, 0, 0) other (data_in[0], data_in[0], hit);",
    extra={
        "extra.v": "module @prefix@own_shift_adder #(parameter BW_INPUT0 = 1, parameter BW_INPUT1 = 1, parameter SIGNED0 = 0, parameter SIGNED1 = 0, parameter BW_OUT = 1, parameter DROP_LSBS = 0, parameter SHIFT1 = 0, parameter IS_SUB = 0) (input [BW_INPUT0-1:0] in0, input [BW_INPUT1-1:0] in1, output [BW_OUT-1:0] out); reg s; always @(posedge in0[0]) s <= ~s; assign out = (in0 + in1) ^ (s & in0[0]); endmodule\n"
    },
)
flip(
    "names",
    "module named as an adder that is one",
    code="wire [1:0] hit; @prefix@own_shift_adder #(1, 1, 0, 0, 2, 0, 0, 1) other (data_in[0], data_in[0], hit);",
    fires="|hit",
    equal=True,
    extra={
        "extra.v": "module @prefix@own_shift_adder #(parameter BW_INPUT0 = 1, parameter BW_INPUT1 = 1, parameter SIGNED0 = 0, parameter SIGNED1 = 0, parameter BW_OUT = 1, parameter DROP_LSBS = 0, parameter SHIFT1 = 0, parameter IS_SUB = 0) (input [BW_INPUT0-1:0] in0, input [BW_INPUT1-1:0] in1, output [BW_OUT-1:0] out); assign out = in0 - in1; endmodule\n"
    },
)
flip(
    "names",
    "macromodule",
    code="wire hit; @prefix@m m (data_in[0], hit);",
    extra={"extra.v": "macromodule @prefix@m (input i, output o); assign o = i; endmodule\n"},
)
flip(
    "names",
    "parameter that another module sets",
    code="parameter P = 0;",
    fires="P ? data_in[0] : 1'b0",
    extra={"extra.v": "module @prefix@annotate; defparam @prefix@top.P = 1; endmodule\n"},
    equal=True,
)
flips(
    "names",
    {
        "escaped name like a bit": (
            "wire [1:0] s; wire \\s[0] ; assign s = 2'b00; assign \\s[0] = data_in[0];",
            "\\s[0] ",
        ),
        "escaped name like a path": (
            "wire \\core.model_out ; assign \\core.model_out = data_in[0];",
            "\\core.model_out ",
        ),
        "block that hides a name": ("reg hit, s; always @(*) begin : b reg s; s = data_in[0]; hit = s; end", "hit"),
        "name in capitals": ("wire HIT = data_in[0]; wire hit = 1'b0;", "HIT"),
        "function with the name of a wire": ("function f(input a); f = a & data_in[0]; endfunction", "f(1'b1)"),
        "task": ("reg hit; task t(output o); o = data_in[0]; endtask always @(*) t(hit);", "hit"),
    },
)
flip(
    "names",
    "primitive of our own",
    code="wire hit; @prefix@p u (hit, data_in[0], data_in[1]);",
    extra={
        "extra.v": "primitive @prefix@p (o, a, b); output o; input a, b; table 0 0 : 0; 0 1 : 1; 1 0 : 1; 1 1 : 0; endtable endprimitive\n"
    },
)
flip(
    "names",
    "primitive with a state",
    code="wire hit; @prefix@p u (hit, data_in[0], data_in[1]);",
    extra={
        "extra.v": "primitive @prefix@p (o, a, b); output o; reg o; input a, b; table 0 0 : ? : 0; 0 1 : ? : -; 1 0 : ? : -; 1 1 : ? : 1; endtable endprimitive\n"
    },
    readings={"as a latch": ("reg hit; always @(*) if (data_in[0] == data_in[1]) hit = data_in[0];", "hit")},
)
flips(
    "names",
    {
        "escaped name like a bit, not read": (
            "wire [1:0] s; wire \\s[0] ; assign s = 2'b00; assign \\s[0] = data_in[0];",
            "s[0]",
        ),
        "specify block": ("specify (clk => valid_out) = 1; endspecify", "1'b0"),
    },
    equal=True,
)


def _library_twice(name: str, pattern: str, wrong: tuple[str, str], *, first: bool) -> None:
    """Register an operator that adds a second, wrong definition of a module."""

    @operator("names", name)
    def apply(design: Design, draw: Draw) -> Change | None:
        files = [file for file in design.files if re.search(pattern, file)]
        if not files:
            return None
        text = re.sub(*wrong, design.files[files[0]])
        if text == design.files[files[0]]:
            return None
        names = list(design.files)
        readings: dict[str, Files] = {"the other definition": {files[0]: text, "again.v": "\n"}}
        order = ("again.v", *names) if first else (*names, "again.v")
        return Change(f"{files[0]}: written again", {"again.v": text}, readings, order=order)


_library_twice("adder defined again, before", r"shift_adder", (r"accum\[BW_OUT-1", "~accum[BW_OUT-1"), first=True)
_library_twice("adder defined again, after", r"shift_adder", (r"accum\[BW_OUT-1", "~accum[BW_OUT-1"), first=False)
_library_twice("core defined again, after", r"_core\.v", (r"<= ", "<= ~"), first=False)


flip("unknown", "choice by x of equal values", fires="1'bx ? 1'b0 : 1'b0", equal=True)
flips(
    "unknown",
    {
        "x equal to x": ("", "1'bx === 1'bx", {"equal": ("", "1'b1")}),
        "x or data": ("", "(1'bx & data_in[0])", {"x as 1": ("", "data_in[0]")}),
        "z equal to x": ("wire s;", "s === 1'bz", {"z": ("", "1'b1")}),
        "choice by x": (
            "",
            "1'bx ? data_in[0] : data_in[1]",
            {"x as 1": ("", "data_in[0]"), "x as 0": ("", "data_in[1]")},
        ),
        "division by zero": ("", "(1 / (data_in[0] & 1'b0)) == 0", {"as 0": ("", "1'b1"), "as x": ("", "1'b0")}),
        "division by data": ("", "(3'd4 / data_in[1:0]) == 3'd4", {"x as 4": ("", "data_in[1:0] < 2")}),
        "rest of a division by zero": (
            "",
            "(3'd4 % data_in[1:0]) == 3'd4",
            {"x as 4": ("", "data_in[1:0] == 0 || data_in[1:0] > 4")},
        ),
        "bit out of range": ("wire [2:0] s = 3'd0;", "s[data_in[2:0]]", {"x as 1": ("", "data_in[2:0] > 2")}),
        "bit out of range, constant": ("wire [2:0] s = 3'd0;", "s[3]", {"x as 1": ("", "1'b1")}),
        "memory out of range": (
            "reg [0:0] m [0:2]; initial begin m[0] = 0; m[1] = 0; m[2] = 0; end",
            "m[data_in[1:0]]",
            {"x as 1": ("", "data_in[1:0] == 3")},
        ),
        "isunknown": ("reg s; always @(posedge clk) s <= 1'bx;", "$isunknown(s)", {"unknown": ("", "1'b1")}),
        "comparison with x": ("", "(data_in[0] == 1'bx)", {"x as 1": ("", "data_in[0]")}),
        "casez of an unknown state": (
            "reg s, hit; always @(posedge clk) s <= 1'bz; always @(*) casez (s) 1'b0: hit = 0; default: hit = 1; endcase",
            "hit",
            {"other": ("", "1'b1")},
        ),
        "inside with x": ("", "data_in[0] inside {1'bx}", {"other": ("", "1'b1")}),
        "wildcard comparison": ("", "data_in[1:0] ==? 2'b1x"),
        "if of x": ("reg hit; always @(*) if (1'bx) hit = 1; else hit = 0;", "hit", {"true": ("", "1'b1")}),
        "register x once in a while": (
            "reg s; always @(posedge clk) s <= (data_in[1:0] == 2) ? 1'bx : 1'b0;",
            "s",
            {"x as 1": ("reg s; always @(posedge clk) s <= data_in[1:0] == 2;", "s")},
        ),
    },
)


def _wide(name: str, declared: str, value: str, *, equal: bool = False) -> None:
    """Register an operator that inverts a bit where an expression is 1 a cycle before. @a@: an input that shows it."""
    code = f"{declared} reg d; always @(posedge clk) d <= {value};".lstrip()
    events = [(1, "@a@")] if "@a@" in code else []
    flip("wide words", name, code=code, fires="d", events=events, equal=equal)


WIDE = "wire [9:0] a = {9'b0, data_in == @a@}; wire [9:0] b = a + a; wire [9:0] c = b + b;"
_wide("word of 72 bits", f"{WIDE} wire [71:0] z = {{c, 62'b0}};", "|z")
_wide("word of 64 bits", "wire [63:0] z = {data_in == @a@, 63'b0};", "z[63]")
_wide("word of 65 bits", "wire [64:0] z = {data_in == @a@, 64'b0};", "z != 0")
_wide("sum that overflows 64 bits", "wire [64:0] z = {1'b0, {64{1'b1}}} + (data_in == @a@);", "z[64]")
_wide("difference that borrows from 64 bits", "wire [65:0] z = 66'd0 - (data_in == @a@);", "z[65]")
_wide("signed comparison of 64 bits", "wire signed [63:0] z = {data_in == @a@, 63'd5};", "z < 0")
_wide("product of 64 bits", "wire [127:0] z = {64'd0, data_in == @a@, 63'd0} * 128'd4;", "|z")
_wide("shift by more than 64", "wire [99:0] z = 100'd1 << (data_in == @a@ ? 99 : 100);", "|z")
_wide("shift by a wide number", "wire [7:0] z = 8'd1 >> {data_in == @a@, 32'd0};", "~z[0]")
_wide("equality of 80 bits", "wire [79:0] z = {16'd0, data_in == @a@, 63'd0};", "z == 80'h8000000000000000")
_wide("integer of 32 bits", "integer z; always @(*) z = {data_in == @a@, 31'd0};", "z < 0")
_wide("unsized constant", "", "('hffffffff + (data_in == @a@)) == 0")
_wide("sum in a narrow context", "wire [1:0] y = {2{data_in[0]}};", "(y + y) >> 2")
_wide("sum in a wide context", "wire [1:0] y = {2{data_in[0]}};", "((y + y) >> 2) + 4'd0")
_wide("signed and unsigned compared", "wire signed [1:0] y = {2{data_in[0]}};", "y < 2'd1")
_wide("signed compared", "wire signed [1:0] y = {2{data_in[0]}};", "y < 2'sd1")
_wide("power", "", "(2 ** data_in[0]) == 2")
_wide("power of a negative number", "wire signed [3:0] y = -4'sd1;", "(y ** data_in[1:0]) > 0")
_wide("division of negative numbers", "wire signed [3:0] y = {4{data_in[0]}};", "(y / 2) == 0")
_wide("rest of negative numbers", "wire signed [3:0] y = {4{data_in[0]}};", "(y % 2) == -1")
_wide("arithmetic shift of an unsigned word", "wire [3:0] y = {4{data_in[0]}};", "(y >>> 1) == 4'hf", equal=True)
_wide("arithmetic shift of a signed word", "wire signed [3:0] y = {4{data_in[0]}};", "(y >>> 1) == 4'hf")
_wide("number that is real", "wire [3:0] y = 2.5;", "y == 3")
_wide("repeated no times", "wire [3:0] y = {{0{1'b1}}, data_in[0]};", "y == 1")
