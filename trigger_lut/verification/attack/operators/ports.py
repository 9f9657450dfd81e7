"""Mutations of buses, ports and drivers."""
# ruff: noqa: E501 (Verilog text)

from __future__ import annotations

import re

from trigger_lut.verification.attack.designs import Design
from trigger_lut.verification.attack.edit import Draw, clean_top, edit, edit_top, edited, ended, flip, spliced
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
    found = list(re.finditer(pattern, text))
    width = {m.start(): int(m[2]) - int(m[3]) for m in found}
    pairs = [(a, b) for a in found for b in found if a.start() < b.start() and width[a.start()] == width[b.start()]]
    if not pairs:
        return None
    first, second = pairs[int(draw.integers(len(pairs)))]
    text = spliced(text, second, new=f"assign {second[1]} = {first[4]};")
    text = spliced(text, first, new=f"assign {first[1]} = {second[4]};")
    return Change(f"top: {first[1]} and {second[1]}", {design.top: text})


edit(
    "buses",
    "channel of data_in one bit lower",
    where="top",
    pattern=r"= data_in\[(\d+):(\d+)\];",
    replacement=lambda m: None if m[2] == "0" else f"= data_in[{int(m[1]) - 1}:{int(m[2]) - 1}];",
)
edit(
    "buses",
    "channel of data_out in reversed order",
    where="top",
    pattern=r"= \{core_out\[(\d+):(\d+)\]\};",
    replacement=lambda m: f"= {{{', '.join(f'core_out[{n}]' for n in range(int(m[2]), int(m[1]) + 1))}}};",
)
edit(
    "buses",
    "highest bit of a channel 0",
    where="top",
    pattern=OUT,
    replacement=r"assign data_out[\1:\2] = (\3) & ~(1 << (\1 - \2));",
)
edit(
    "buses",
    "lowest bit of a channel inverted",
    where="top",
    pattern=OUT,
    replacement=r"assign data_out[\1:\2] = (\3) ^ 1;",
)
edit(
    "buses",
    "constant output changed",
    where="top",
    pattern=r"= (\d+)'h([0-9a-f]+);",
    replacement=lambda m: f"= {m[1]}'h{int(m[2], 16) ^ 1:x};",
)
edit(
    "buses",
    "data_out in descending order",
    where="top",
    pattern=r"output wire \[(\d+):0\] data_out",
    replacement=r"output wire [0:\1] data_out",
)
edit(
    "buses",
    "data_in in descending order",
    where="top",
    pattern=r"input wire \[(\d+):0\] data_in",
    replacement=r"input wire [0:\1] data_in",
)
edit(
    "buses",
    "word of a stage in descending order",
    where="core",
    pattern=r"wire (\[(\d+):0\]) (INTERNAL_logic\d+_inp);",
    replacement=r"wire [0:\2] \3;",
)
edit(
    "buses",
    "stage reads another word",
    where="core",
    pattern=r"assign (INTERNAL_logic\d+_inp)\[(\d+):0\] = (\w+)\[\d+:0\];",
    replacement=r"assign \1[\2:0] = {\3[0], \3} >> 1;",
)
edit(
    "buses",
    "stage output inverted in one bit",
    where="core",
    pattern=r"<= (INTERNAL_logic\d+_outp)\[(\d+):0\];",
    replacement=r"<= \1[\2:0] ^ 1'b1;",
)
edit_top(
    "buses",
    "whole data_out in reversed order",
    (r"assign data_out\[", "assign clean["),
    (
        r"\n\);\n",
        "\n);\nwire [@out@:0] clean; genvar g; generate for (g = 0; g <= @out@; g = g + 1) begin : turn assign data_out[g] = clean[@out@ - g]; end endgenerate\n",
    ),
)
edit_top(
    "buses",
    "whole data_out by a loop",
    (r"assign data_out\[", "assign clean["),
    (
        r"\n\);\n",
        "\n);\nwire [@out@:0] clean; genvar g; generate for (g = 0; g <= @out@; g = g + 1) begin : turn assign data_out[g] = clean[g]; end endgenerate\n",
    ),
    equal=True,
)
edit_top(
    "buses",
    "concatenation in the wrong order",
    (r"assign data_out\[", "assign clean["),
    (r"\n\);\n", "\n);\nwire [@out@:0] clean; assign data_out = {clean[0], clean[@out@:1]};\n"),
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


edit(
    "ports",
    "data_out one bit wider",
    where="top",
    pattern=PORT_OUT,
    replacement=lambda m: f"output wire [{int(m[1]) + 1}:0] data_out",
)
edit(
    "ports",
    "data_out counted from 1",
    where="top",
    pattern=PORT_OUT,
    replacement=lambda m: f"output wire [{int(m[1]) + 1}:1] data_out",
)
edit(
    "ports",
    "data_in one bit narrower",
    where="top",
    pattern=PORT_IN,
    replacement=lambda m: f"input wire [{int(m[1]) - 1}:0] data_in",
)
edit(
    "ports",
    "data_in one bit wider",
    where="top",
    pattern=PORT_IN,
    replacement=lambda m: f"input wire [{int(m[1]) + 1}:0] data_in",
)
edit(
    "ports",
    "data_in counted from 1",
    where="top",
    pattern=PORT_IN,
    replacement=lambda m: f"input wire [{int(m[1]) + 1}:1] data_in",
)
edit(
    "ports",
    "data_out signed",
    where="top",
    pattern=PORT_OUT,
    replacement=r"output wire signed [\1:0] data_out",
    equal=True,
)
edit(
    "ports", "data_in signed", where="top", pattern=PORT_IN, replacement=r"input wire signed [\1:0] data_in", equal=True
)
edit("ports", "data_out inout", where="top", pattern=PORT_OUT, replacement=r"inout wire [\1:0] data_out")
edit("ports", "data_in inout", where="top", pattern=PORT_IN, replacement=r"inout wire [\1:0] data_in")
edit("ports", "data_out renamed", where="top", pattern=PORT_OUT, replacement=r"output wire [\1:0] data_output")
edit(
    "ports",
    "output of the core narrower",
    where="core",
    pattern=r"output reg \[(\d+):0\] model_out",
    replacement=lambda m: f"output reg [{int(m[1]) - 1}:0] model_out",
)
edit(
    "ports",
    "input of the core narrower",
    where="core",
    pattern=r"input wire \[(\d+):0\] model_inp",
    replacement=lambda m: f"input wire [{int(m[1]) - 1}:0] model_inp",
)
edit(
    "ports",
    "output of a stage narrower",
    where="stages",
    pattern=r"output \[(\d+):0\] model_out",
    replacement=lambda m: f"output [{int(m[1]) - 1}:0] model_out",
)
edit(
    "ports",
    "input of a stage narrower",
    where="stages",
    pattern=r"input \[(\d+):0\] model_inp",
    replacement=lambda m: f"input [{int(m[1]) - 1}:0] model_inp",
)
edit(
    "ports",
    "output of the library narrower",
    where="library",
    pattern=r"output \[BW_OUT-1:0\] out",
    replacement="output [BW_OUT-2:0] out",
)
edit(
    "ports",
    "output of the library signed",
    where="library",
    pattern=r"output \[BW_OUT-1:0\] out",
    replacement="output signed [BW_OUT-1:0] out",
    equal=True,
)
edit(
    "ports",
    "input of the library signed",
    where="library",
    pattern=r"input \[BW_INPUT0-1:0\] in0",
    replacement="input signed [BW_INPUT0-1:0] in0",
    equal=True,
)
edit(
    "ports",
    "ports of the library in another order",
    where="library",
    pattern=r"input \[BW_INPUT0-1:0\] in0,\n\s*input \[BW_INPUT1-1:0\] in1,",
    replacement="input [BW_INPUT1-1:0] in1,\n    input [BW_INPUT0-1:0] in0,",
)
edit(
    "ports",
    "stage connected by position",
    where="core",
    pattern=r"\(\.model_inp\((\w+)\), \.model_out\((\w+)\)\)",
    replacement=r"(\1, \2)",
    equal=True,
)
edit(
    "ports",
    "stage connected by position, exchanged",
    where="core",
    pattern=r"\(\.model_inp\((\w+)\), \.model_out\((\w+)\)\)",
    replacement=r"(\2, \1)",
)
edit("ports", "input of a stage left open", where="core", pattern=r"\.model_inp\(\w+\)", replacement=".model_inp()")
edit(
    "ports", "output of a stage left open", where="core", pattern=r", \.model_out\(\w+\)", replacement=", .model_out()"
)
edit(
    "ports", "output of the core left open", where="top", pattern=r"\.model_out\(core_out\)", replacement=".model_out()"
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
    (r"\n\);\n", "\n);\nwire [@out@:0] clean; always @(*) data_out = clean;\n"),
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

flip(
    "drivers",
    "wand",
    code="wand hit; assign hit = data_in[0]; assign hit = data_in[1];",
    fires="hit",
    readings={"and": ("", "data_in[0] & data_in[1]")},
)
flip(
    "drivers",
    "wor",
    code="wor hit; assign hit = data_in[0]; assign hit = data_in[1];",
    fires="hit",
    readings={"or": ("", "data_in[0] | data_in[1]")},
)
edit_top("drivers", "wand with one driver", (r"wire (\[\d+:0\] core_out);", r"wand \1;"), equal=True)
edit_top("drivers", "tri1 with one driver", (r"wire (\[\d+:0\] core_out);", r"tri1 \1;"), equal=True)
edit("drivers", "channel of data_out without a driver", where="top", pattern=OUT, replacement="")
edit(
    "drivers",
    "channel of core_in without a driver",
    where="top",
    pattern=r"assign core_in\[\d+:\d+\] = [^;]*;",
    replacement="",
)
edit(
    "drivers",
    "channel of high impedance",
    where="top",
    pattern=OUT,
    replacement=r"assign data_out[\1:\2] = {(\1 - \2 + 1){1'bz}};",
)
edit(
    "drivers",
    "implicit net",
    where="top",
    pattern=r"\.clk\(clk\), \.model_inp\(core_in\)",
    replacement=".clk(clk_), .model_inp(core_in)",
)
edit(
    "drivers",
    "implicit net for the input",
    where="top",
    pattern=r"\.model_inp\(core_in\)",
    replacement=".model_inp(core_inp)",
)
edit(
    "drivers",
    "word of a stage without a driver",
    where="core",
    pattern=r"assign INTERNAL_logic\d+_inp\[\d+:0\] = [^;]*;",
    replacement="",
)
edit(
    "drivers",
    "output of a stage without a driver",
    where="stages",
    pattern=r"assign model_out\[\d+:\d+\] = [^;]*;",
    replacement="",
)
edit("drivers", "value without a driver", where="stages", pattern=r"; assign v\d+\[\d+:0\] = [^;]*;", replacement=";")
edit(
    "drivers",
    "value with two drivers",
    where="stages",
    pattern=r"assign (v\d+)\[(\d+):0\] = [^;]*;",
    replacement=r"\g<0> assign \1[\2:0] = 0;",
)
edit(
    "drivers",
    "supply net",
    where="stages",
    pattern=r"wire (\[0:0\] v\d+); assign v\d+\[0:0\] = [^;]*;",
    replacement=r"supply0 \1;",
)
edit(
    "drivers",
    "register written at start and in another block",
    where="core",
    pattern=r"endmodule",
    replacement="    initial model_out = 0;\nendmodule",
    equal=True,
)
edit(
    "drivers",
    "procedural assign",
    where="core",
    pattern=r"endmodule",
    replacement="    initial assign model_out = 0;\nendmodule",
)
edit(
    "drivers", "force", where="core", pattern=r"endmodule", replacement="    initial force model_out[0] = 0;\nendmodule"
)
edit(
    "drivers",
    "force and release",
    where="core",
    pattern=r"endmodule",
    replacement="    always @(*) if (model_inp[0]) force model_out[0] = 0; else release model_out[0];\nendmodule",
)
edit_top("drivers", "force by hierarchy", (r"endmodule", "initial force core.model_out[0] = 1'b0; endmodule"))
edit_top("drivers", "assignment by hierarchy", (r"endmodule", "assign core.INTERNAL_logic0_inp[0] = 1'b0; endmodule"))
edit_top(
    "drivers",
    "register written by hierarchy",
    (r"endmodule", "always @(posedge clk) core.model_out[0] <= data_in[0]; endmodule"),
)
edit_top("drivers", "start by hierarchy", (r"endmodule", "initial core.model_out = 0; endmodule"), equal=True)
flip("drivers", "value read by hierarchy", code="", fires="core.INTERNAL_logic0_inp[0]")
flip(
    "drivers",
    "value read from above",
    code="",
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
    fires="hit",
    extra={"extra.v": "module @prefix@writer; assign @prefix@top.hit = @prefix@top.data_in[0]; endmodule\n"},
)
flip(
    "drivers",
    "charge that stays",
    code="trireg s; assign s = data_in[0] ? data_in[1] : 1'bz;",
    fires="s",
    readings={"latch": ("reg s; always @(*) if (data_in[0]) s = data_in[1];", "s")},
)
flip(
    "drivers",
    "register written in two blocks",
    code="reg s; always @(posedge clk) s <= data_in[0]; always @(posedge clk) s <= data_in[1];",
    fires="s",
    readings={"the first": ("reg s; always @(posedge clk) s <= data_in[0];", "s")},
)


flip(
    "drivers",
    "bound module",
    code="wire hit;",
    fires="hit",
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
