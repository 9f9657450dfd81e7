"""Mutations of the decision's Verilog: the module around the network, and the logic behind it."""
# ruff: noqa: E501 (Verilog text)

from __future__ import annotations

import re

from trigger_lut.verification.attack.edit import Replacement, edit

CLOCKED = r"always @\(posedge clk\)"
LOAD = r"(decision\[\d+\]) <= (score >= [^;]*);"
DELAYED = r"always @\(posedge clk\) delayed <= [^;]*;"
STEP = r"reg (\[\d+:0\]) (\w+);\n    always @\(posedge clk\) \2 <= ([^;]*);"
NETWORK = r"\.data_in\(data_in\), \.valid_out\(valid\), \.data_out\(outputs\)"
BEHIND = r"\.valid_in\(valid\), \.data_in\(outputs\)"
THRESHOLD = r"(THRESHOLD_\d+ = (\d+)'h)([0-9a-f]+)(?=(?:.|\n)* network \()"  # of the combined module
ENDS = r"endmodule\n*\Z"


def _edit(kind: str, name: str, pattern: str, replacement: Replacement, *, equal: bool = False) -> None:
    edit(kind, f"decision: {name}", where="decision", pattern=pattern, replacement=replacement, equal=equal)


def _moved(by: int) -> Replacement:
    return lambda m: f"{m[1]}{(int(m[3], 16) + by) % (1 << int(m[2])):x}"


def _with_module(match: re.Match[str]) -> str:
    name = re.search(r"module (\w+)", match.string)
    assert name is not None
    return f"endmodule\nmodule {name[1]}_network (input a, output b); assign b = ~a; endmodule\n"


_edit("buses", "threshold a code up", THRESHOLD, _moved(1))
_edit("buses", "threshold far down", THRESHOLD, _moved(-9))
_edit("buses", "thresholds exchanged", r"\.THRESHOLD_0\(THRESHOLD_0\)", ".THRESHOLD_0(THRESHOLD_1)")
_edit("buses", "outputs of the network inverted", BEHIND, ".valid_in(valid), .data_in(~outputs)")
_edit("buses", "inputs of the network inverted", NETWORK, ".data_in(~data_in), .valid_out(valid), .data_out(outputs)")
_edit("buses", "bit of data_out inverted", r"assign data_out = ", "assign data_out = 1'b1 ^ ")
_edit(
    "wide words",
    "threshold passed with more bits",
    r"\.THRESHOLD_0\(THRESHOLD_0\)",
    ".THRESHOLD_0({3'b101, THRESHOLD_0})",
    equal=True,
)
_edit(
    "wide words", "threshold passed with fewer bits", r"\.THRESHOLD_1\(THRESHOLD_1\)", ".THRESHOLD_1(THRESHOLD_1[1:0])"
)
_edit("wide words", "score of fewer bits", r"reg \[(\d+):0\] score;", lambda m: f"reg [{int(m[1]) - 1}:0] score;")
_edit(
    "wide words",
    "parameter of fewer bits",
    r"parameter \[(\d+):0\] THRESHOLD_0",
    lambda m: f"parameter [{int(m[1]) - 1}:0] THRESHOLD_0",
)
_edit("signs", "sign of the threshold kept", r"\{~(THRESHOLD_\d+\[)", r"{\1")
_edit("signs", "sign of an output kept", r"\{~(data_in\[)", r"{\1")
_edit("signs", "signed comparison", r"<= score >= ([^;]*);", r"<= $signed(score) >= $signed(\1);")
_edit("adders", "above, not at", r"<= score >= ", "<= score > ")
_edit("adders", "below", r"<= score >= ", "<= score < ")
_edit("adders", "smaller output", r" > (\w+) \? ", r" < \1 ? ")
_edit("adders", "sum for a difference", r"(\{1'b1, \w+\}) - ", r"\1 + ")
_edit("registers", "step not registered", STEP, r"wire \1 \2; assign \2 = \3;")
_edit(
    "registers",
    "step a cycle late",
    STEP,
    r"reg \1 \2; reg \1 \2_early;\n    always @(posedge clk) \2_early <= \3; always @(posedge clk) \2 <= \2_early;",
)
_edit(
    "registers",
    "decision a cycle late",
    r"always @\(posedge clk\) begin\n +decision\[0\] <= ([^;]*);",
    r"reg early; always @(posedge clk) early <= \1;\n    always @(posedge clk) begin\n decision[0] <= early;",
)
_edit(
    "registers",
    "data_out a cycle early",
    r"delayed\[(\d+) \* (\d+) - 1:\1 \* \2 - \2\]",
    lambda m: f"delayed[{int(m[2]) * (int(m[1]) - 1)} - 1:{int(m[2]) * (int(m[1]) - 2)}]",
)
_edit(
    "registers",
    "data_out kept while valid_in is low",
    r"posedge clk\) delayed <=",
    "posedge clk) if (valid_in) delayed <=",
)
_edit("clocks", "falling edge", CLOCKED, "always @(negedge clk)")
_edit("clocks", "clocked by valid_in", CLOCKED, "always @(posedge valid_in)")
_edit(
    "clocks", "clocked by the inverted clock", DELAYED, lambda m: f"wire n; assign n = ~clk; {m[0].replace('clk', 'n')}"
)
_edit("clocks", "network without a clock", r"\.clk\(clk\), \.valid_in\(valid_in\)", ".clk(1'b0), .valid_in(valid_in)")
_edit("valid", "valid as data", LOAD, r"\1 <= valid[0] & \2;")
_edit("valid", "data as valid", r"valid_in\};", "valid_in | data_in[0]};")
_edit("valid", "valid around the network", BEHIND, ".valid_in(valid_in), .data_in(outputs)")
_edit("valid", "valid a cycle early", r"valid_out = valid\[(\d+) - 1\]", r"valid_out = valid[\1 - 2]")
_edit(
    "valid",
    "gate of valid that nothing reads",
    ENDS,
    "    wire [1:0] kept; assign kept = decision & {2{valid_out}};\nendmodule\n",
    equal=True,
)
_edit("states", "decision that stays 1", LOAD, r"\1 <= \1 | \2;")
_edit("states", "data of other events", r"<= (score >= )", r"<= (^delayed) ^ \1")
_edit(
    "states",
    "decision depends on a counter",
    ENDS,
    "    reg [3:0] n; always @(posedge clk) n <= n + 1'b1;\n    always @(posedge clk) if (&n) decision[0] <= ~decision[0];\nendmodule\n",
)
_edit("drivers", "second driver of the decision", ENDS, "    always @(posedge clk) decision[0] <= 1'b0;\nendmodule\n")
_edit(
    "drivers",
    "outputs driven by another name",
    r"    \w+_logic #\(",
    lambda m: f"    wire s; assign outputs[0] = s;\n{m[0]}",
)
_edit("drivers", "valid_out without a driver", r"    assign valid_out = [^;]*;\n", "")
_edit(
    "directives",
    "step between translate_off",
    LOAD,
    "// synthesis translate_off\n\\1 <= 1'b0;\n// synthesis translate_on",
)
_edit("directives", "ifdef", LOAD, "\n`ifdef SYNTHESIS\n\\1 <= \\2;\n`else\n\\1 <= 1'b0;\n`endif\n")
_edit("attributes", "blackbox on the logic", r"(?<=\n)module (?=\w+_logic\b)", "(* blackbox *) module ", equal=True)
_edit(
    "attributes",
    "start by attribute",
    r"shreg_extract = \"no\" \*\) reg (?=\[[^]]*\] valid)",
    "init = 1 *) reg ",
    equal=True,
)
_edit("names", "another module", ENDS, _with_module, equal=True)
_edit("unknown", "decision x", LOAD, r"\1 <= \2 ? 1'b1 : 1'bx;")
_edit("equal", "comparison written the other way", r"<= score >= ([^;]*);", r"<= \1 <= score;", equal=True)
_edit(
    "equal",
    "parameter for the thresholds' width",
    r"parameter \[\d+:0\] THRESHOLD_1",
    "parameter THRESHOLD_1",
    equal=True,
)
