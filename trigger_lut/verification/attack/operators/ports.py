"""Mutations of buses, ports and drivers."""
# ruff: noqa: E501 (Verilog text)

from __future__ import annotations

import re

from trigger_lut.verification.attack.designs import Design
from trigger_lut.verification.attack.edit import (
    Draw,
    clean_top,
    edit,
    edit_top,
    edited,
    edits,
    ended,
    flip,
    flips,
    spliced,
)
from trigger_lut.verification.attack.mutate import Change, operator

OUT = r"assign data_out\[(\d+):(\d+)\] = ([^;]*);"


@operator("buses")
def channels_of_data_in_exchanged(design: Design, draw: Draw) -> Change | None:
    """Exchange two channels of the same width in front of the core."""
    return _exchanged(design, draw, r"assign (core_in\[(\d+):(\d+)\]) = (data_in\[\d+:\d+\]);")


@operator("buses")
def channels_of_data_out_exchanged(design: Design, draw: Draw) -> Change | None:
    """Exchange two channels of the same width behind the core."""
    return _exchanged(design, draw, r"assign (data_out\[(\d+):(\d+)\]) = ([^;]*);")


def _exchanged(design: Design, draw: Draw, pattern: str) -> Change | None:
    text = design.files[design.top]
    matches = list(re.finditer(pattern, text))
    width = {m.start(): int(m[2]) - int(m[3]) for m in matches}
    pairs = [(a, b) for a in matches for b in matches if a.start() < b.start() and width[a.start()] == width[b.start()]]
    if not pairs:
        return None
    first, second = pairs[int(draw.integers(len(pairs)))]
    text = spliced(text, second, new=f"assign {second[1]} = {first[4]};")
    text = spliced(text, first, new=f"assign {first[1]} = {second[4]};")
    return Change(f"top: {first[1]} and {second[1]}", {design.top: text})


edits(
    "buses",
    {
        "channel of data_in one bit lower": (
            r"= data_in\[(\d+):(\d+)\];",
            lambda m: None if m[2] == "0" else f"= data_in[{int(m[1]) - 1}:{int(m[2]) - 1}];",
        ),
        "channel of data_out in reversed order": (
            r"= \{core_out\[(\d+):(\d+)\]\};",
            lambda m: f"= {{{', '.join(f'core_out[{n}]' for n in range(int(m[2]), int(m[1]) + 1))}}};",
        ),
        "highest bit of a channel 0": (OUT, r"assign data_out[\1:\2] = (\3) & ~(1 << (\1 - \2));"),
        "lowest bit of a channel inverted": (OUT, r"assign data_out[\1:\2] = (\3) ^ 1;"),
        "constant output changed": (r"= (\d+)'h([0-9a-f]+);", lambda m: f"= {m[1]}'h{int(m[2], 16) ^ 1:x};"),
        "data_out in descending order": (r"output wire \[(\d+):0\] data_out", r"output wire [0:\1] data_out"),
        "data_in in descending order": (r"input wire \[(\d+):0\] data_in", r"input wire [0:\1] data_in"),
    },
    where="top",
)
edits(
    "buses",
    {
        "word of a stage in descending order": (r"wire (\[(\d+):0\]) (INTERNAL_logic\d+_inp);", r"wire [0:\2] \3;"),
        "stage reads another word": (
            r"assign (INTERNAL_logic\d+_inp)\[(\d+):0\] = (\w+)\[\d+:0\];",
            r"assign \1[\2:0] = {\3[0], \3} >> 1;",
        ),
        "stage output inverted in one bit": (r"<= (INTERNAL_logic\d+_outp)\[(\d+):0\];", r"<= \1[\2:0] ^ 1'b1;"),
    },
    where="core",
)
edit_top(
    "buses",
    "whole data_out in reversed order",
    (r"assign data_out\[", "assign clean["),
    body="wire [@out@:0] clean; genvar g; generate for (g = 0; g <= @out@; g = g + 1) begin : turn assign data_out[g] = clean[@out@ - g]; end endgenerate",
)
edit_top(
    "buses",
    "whole data_out by a loop",
    (r"assign data_out\[", "assign clean["),
    body="wire [@out@:0] clean; genvar g; generate for (g = 0; g <= @out@; g = g + 1) begin : turn assign data_out[g] = clean[g]; end endgenerate",
    equal=True,
)
edit_top(
    "buses",
    "concatenation in the wrong order",
    (r"assign data_out\[", "assign clean["),
    body="wire [@out@:0] clean; assign data_out = {clean[0], clean[@out@:1]};",
)

PORT_OUT, PORT_IN = r"output wire \[(\d+):0\] data_out", r"input wire \[(\d+):0\] data_in"


@operator("ports")
def data_out_without_its_last_bit(design: Design, draw: Draw) -> Change | None:
    """Make data_out one bit narrower."""
    return _narrow(design, design.bits_out - 1)


@operator("ports")
def data_out_without_its_last_output(design: Design, draw: Draw) -> Change | None:
    """Leave out the last output."""
    left = design.bits_out - design.project.outputs[-1].bits
    return _narrow(design, left) if left else None


def _narrow(design: Design, width: int) -> Change:
    text = re.sub(PORT_OUT, f"output wire [{width - 1}:0] data_out", clean_top(design))
    return Change(f"top: data_out of {width} bits", {design.top: ended(text, "assign data_out = clean;")})


edits(
    "ports",
    {
        "data_out signed": (PORT_OUT, r"output wire signed [\1:0] data_out"),
        "data_in signed": (PORT_IN, r"input wire signed [\1:0] data_in"),
    },
    where="top",
    equal=True,
)
edits(
    "ports",
    {
        "output of a stage narrower": (
            r"output \[(\d+):0\] model_out",
            lambda m: f"output [{int(m[1]) - 1}:0] model_out",
        ),
        "input of a stage narrower": (r"input \[(\d+):0\] model_inp", lambda m: f"input [{int(m[1]) - 1}:0] model_inp"),
    },
    where="stages",
)
edits(
    "ports",
    {
        "output of the library signed": (r"output \[BW_OUT-1:0\] out", "output signed [BW_OUT-1:0] out"),
        "input of the library signed": (r"input \[BW_INPUT0-1:0\] in0", "input signed [BW_INPUT0-1:0] in0"),
    },
    where="library",
    equal=True,
)
edits(
    "ports",
    {
        "output of the library narrower": (r"output \[BW_OUT-1:0\] out", "output [BW_OUT-2:0] out"),
        "ports of the library in another order": (
            r"input \[BW_INPUT0-1:0\] in0,\n\s*input \[BW_INPUT1-1:0\] in1,",
            "input [BW_INPUT1-1:0] in1,\n    input [BW_INPUT0-1:0] in0,",
        ),
    },
    where="library",
)
edit(
    "ports",
    "stage connected by position",
    where="core",
    pattern=r"\(\.model_inp\((\w+)\), \.model_out\((\w+)\)\)",
    replacement=r"(\1, \2)",
    equal=True,
)
edits(
    "ports",
    {
        "output of the core narrower": (
            r"output reg \[(\d+):0\] model_out",
            lambda m: f"output reg [{int(m[1]) - 1}:0] model_out",
        ),
        "input of the core narrower": (
            r"input wire \[(\d+):0\] model_inp",
            lambda m: f"input wire [{int(m[1]) - 1}:0] model_inp",
        ),
        "stage connected by position, exchanged": (r"\(\.model_inp\((\w+)\), \.model_out\((\w+)\)\)", r"(\2, \1)"),
        "input of a stage left open": (r"\.model_inp\(\w+\)", ".model_inp()"),
        "output of a stage left open": (r", \.model_out\(\w+\)", ", .model_out()"),
    },
    where="core",
)
edits(
    "ports",
    {
        "data_out one bit wider": (PORT_OUT, lambda m: f"output wire [{int(m[1]) + 1}:0] data_out"),
        "data_out counted from 1": (PORT_OUT, lambda m: f"output wire [{int(m[1]) + 1}:1] data_out"),
        "data_in one bit narrower": (PORT_IN, lambda m: f"input wire [{int(m[1]) - 1}:0] data_in"),
        "data_in one bit wider": (PORT_IN, lambda m: f"input wire [{int(m[1]) + 1}:0] data_in"),
        "data_in counted from 1": (PORT_IN, lambda m: f"input wire [{int(m[1]) + 1}:1] data_in"),
        "data_out inout": (PORT_OUT, r"inout wire [\1:0] data_out"),
        "data_in inout": (PORT_IN, r"inout wire [\1:0] data_in"),
        "data_out renamed": (PORT_OUT, r"output wire [\1:0] data_output"),
        "output of the core left open": (r"\.model_out\(core_out\)", ".model_out()"),
    },
    where="top",
)
edit_top(
    "ports",
    "further input",
    (r"input wire valid_in,", "input wire valid_in, input wire debug,"),
    (OUT, r"assign data_out[\1:\2] = (\3) ^ {(\1 - \2 + 1){debug}};"),
)
edit_top(
    "ports",
    "further input without use",
    (r"input wire valid_in,", "input wire valid_in, input wire debug,"),
    equal=True,
)
edit_top(
    "ports",
    "further output",
    (r"output wire valid_out,", "output wire valid_out, output wire debug,"),
    (r"endmodule", "assign debug = clk; endmodule"),
    equal=True,
)
edit_top(
    "ports",
    "ports in another order",
    (r"input wire clk,\n\s*input wire valid_in,", "input wire valid_in,\n    input wire clk,"),
    equal=True,
)
edit_top(
    "ports",
    "widths by a parameter",
    (r"module (\w+) \(", r"module \1 #(parameter W = @out@) ("),
    (PORT_OUT, "output wire [W:0] data_out"),
    equal=True,
)
edit_top(
    "ports",
    "debug parameter off",
    (r"module (\w+) \(", r"module \1 #(parameter DEBUG = 0) ("),
    (OUT, r"assign data_out[\1:\2] = DEBUG ? 0 : \3;"),
    equal=True,
)
edit_top(
    "ports",
    "debug parameter on",
    (r"module (\w+) \(", r"module \1 #(parameter DEBUG = 1) ("),
    (OUT, r"assign data_out[\1:\2] = DEBUG ? 0 : \3;"),
)
edit_top("ports", "an input is driven", (r"endmodule", "assign data_in[@inbit@] = 1'b0; endmodule"))
edit_top("ports", "valid_in is driven", (r"endmodule", "assign valid_in = 1'b1; endmodule"))
edit_top(
    "ports",
    "output reg",
    (PORT_OUT, r"output reg [\1:0] data_out"),
    (r"assign data_out\[", "assign clean["),
    body="wire [@out@:0] clean; always @(*) data_out = clean;",
    equal=True,
)


def _second_driver(name: str, code: str, resolved: tuple[str, ...]) -> None:
    """Register an operator that adds a second driver of one bit. resolved: the bit as readers see it; @v@: undisturbed."""

    @operator("drivers", name)
    def apply(design: Design, draw: Draw) -> Change | None:
        bit = int(draw.integers(design.bits_out))
        text = ended(design.files[design.top], code.replace("@bit@", str(bit)))
        readings = {}
        for form in resolved:
            value = form.replace("@v@", f"clean[{bit}]")
            whole = f"(clean & ~({design.bits_out}'d1 << {bit})) | ({{{design.bits_out - 1}'d0, {value}}} << {bit})"
            readings[form] = {design.top: ended(clean_top(design), f"assign data_out = {whole};")}
        return Change(f"top: bit {bit} of data_out: {code}", {design.top: text}, readings)


_second_driver("second driver 0", "assign data_out[@bit@] = 1'b0;", ("@v@ & 1'b0",))
_second_driver("second driver 1", "assign data_out[@bit@] = 1'b1;", ("@v@ | 1'b1",))
_second_driver("second driver the clock", "assign data_out[@bit@] = clk;", ("@v@ & clk", "@v@ | ~clk"))
_second_driver(
    "second driver the same", "assign data_out[@bit@] = data_in[0];", ("@v@ & data_in[0]", "@v@ | data_in[0]")
)
_second_driver("second driver of high impedance", "assign data_out[@bit@] = 1'bz;", ("@v@",))
_second_driver(
    "second driver sometimes of high impedance",
    "assign data_out[@bit@] = data_in[0] ? 1'b0 : 1'bz;",
    ("@v@ & ~data_in[0]",),
)
_second_driver("weak second driver", "assign (weak0, weak1) data_out[@bit@] = 1'b0;", ("@v@",))
_second_driver("supply second driver", "assign (supply0, supply1) data_out[@bit@] = 1'b1;", ("@v@ | 1'b1",))
_second_driver("pull-up", "pullup (data_out[@bit@]);", ("@v@",))
_second_driver("gate as second driver", "and (data_out[@bit@], clk, 1'b1);", ("@v@ & clk",))
_second_driver("tri-state gate", "bufif1 (data_out[@bit@], 1'b1, data_in[0]);", ("@v@ | data_in[0]",))

edit_top("drivers", "wand with one driver", (r"wire (\[\d+:0\] core_out);", r"wand \1;"), equal=True)
edit_top("drivers", "tri1 with one driver", (r"wire (\[\d+:0\] core_out);", r"tri1 \1;"), equal=True)
edits(
    "drivers",
    {
        "channel of data_out without a driver": (OUT, ""),
        "channel of core_in without a driver": (r"assign core_in\[\d+:\d+\] = [^;]*;", ""),
        "channel of high impedance": (OUT, r"assign data_out[\1:\2] = {(\1 - \2 + 1){1'bz}};"),
        "implicit net": (r"\.clk\(clk\), \.model_inp\(core_in\)", ".clk(clk_), .model_inp(core_in)"),
        "implicit net for the input": (r"\.model_inp\(core_in\)", ".model_inp(core_inp)"),
    },
    where="top",
)
edits(
    "drivers",
    {
        "output of a stage without a driver": (r"assign model_out\[\d+:\d+\] = [^;]*;", ""),
        "value without a driver": (r"; assign v\d+\[\d+:0\] = [^;]*;", ";"),
        "value with two drivers": (r"assign (v\d+)\[(\d+):0\] = [^;]*;", r"\g<0> assign \1[\2:0] = 0;"),
        "supply net": (r"wire (\[0:0\] v\d+); assign v\d+\[0:0\] = [^;]*;", r"supply0 \1;"),
    },
    where="stages",
)
edit(
    "drivers",
    "register written at start and in another block",
    where="core",
    pattern=r"endmodule",
    replacement="    initial model_out = 0;\nendmodule",
    equal=True,
)
edits(
    "drivers",
    {
        "word of a stage without a driver": (r"assign INTERNAL_logic\d+_inp\[\d+:0\] = [^;]*;", ""),
        "procedural assign": (r"endmodule", "    initial assign model_out = 0;\nendmodule"),
        "force": (r"endmodule", "    initial force model_out[0] = 0;\nendmodule"),
        "force and release": (
            r"endmodule",
            "    always @(*) if (model_inp[0]) force model_out[0] = 0; else release model_out[0];\nendmodule",
        ),
    },
    where="core",
)
edit_top("drivers", "force by hierarchy", (r"endmodule", "initial force core.model_out[0] = 1'b0; endmodule"))
edit_top("drivers", "assignment by hierarchy", (r"endmodule", "assign core.INTERNAL_logic0_inp[0] = 1'b0; endmodule"))
edit_top(
    "drivers",
    "register written by hierarchy",
    (r"endmodule", "always @(posedge clk) core.model_out[0] <= data_in[0]; endmodule"),
)
edit_top("drivers", "start by hierarchy", (r"endmodule", "initial core.model_out = 0; endmodule"), equal=True)
flip(
    "drivers",
    "value read from above",
    fires="1'b0",
    extra={"extra.v": "module @prefix@spy (output o); assign o = @prefix@top.clk; endmodule\n"},
    equal=True,
)
flip(
    "drivers",
    "spy that reads from above",
    code="wire s; @prefix@spy spy (s);",
    fires="s",
    extra={"extra.v": "module @prefix@spy (output o); assign o = @prefix@top.data_in[0]; endmodule\n"},
)
flip(
    "drivers",
    "module without ports that writes",
    code="@prefix@writer w ();\nwire hit;",
    extra={"extra.v": "module @prefix@writer; assign @prefix@top.hit = @prefix@top.data_in[0]; endmodule\n"},
)
flips(
    "drivers",
    {
        "wand": (
            "wand hit; assign hit = data_in[0]; assign hit = data_in[1];",
            "hit",
            {"and": ("", "data_in[0] & data_in[1]")},
        ),
        "wor": (
            "wor hit; assign hit = data_in[0]; assign hit = data_in[1];",
            "hit",
            {"or": ("", "data_in[0] | data_in[1]")},
        ),
        "value read by hierarchy": ("", "core.INTERNAL_logic0_inp[0]"),
        "charge that stays": (
            "trireg s; assign s = data_in[0] ? data_in[1] : 1'bz;",
            "s",
            {"latch": ("reg s; always @(*) if (data_in[0]) s = data_in[1];", "s")},
        ),
        "register written in two blocks": (
            "reg s; always @(posedge clk) s <= data_in[0]; always @(posedge clk) s <= data_in[1];",
            "s",
            {"the first": ("reg s; always @(posedge clk) s <= data_in[0];", "s")},
        ),
    },
)


flip(
    "drivers",
    "bound module",
    code="wire hit;",
    extra={
        "extra.v": "module @prefix@bound (output o); assign o = 1'b1; endmodule\nbind @prefix@top @prefix@bound b (.o(hit));\n"
    },
    readings={"bound": ("wire bound;", "1'b1")},
)


@operator("drivers")
def constant_for_a_port(design: Design, draw: Draw) -> Change | None:
    """Connect one stage's input to a constant word."""
    return edited(
        design, draw, where="core", pattern=r"\.model_inp\((INTERNAL_\w+)\)", replacement=r".model_inp(\1 & 1)"
    )
