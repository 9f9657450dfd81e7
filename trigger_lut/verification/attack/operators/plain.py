"""Mutations in plain Verilog, which no check of the text can refuse: start of long chains, widths and signs of ports."""
# ruff: noqa: E501 (Verilog text)

from __future__ import annotations

from trigger_lut.verification.attack.edit import ENTRY, edit, edits, flip, flips
from trigger_lut.verification.attack.operators.arithmetic import BITS0, BITS1, SHIFT, instance

CHAIN = "reg [11:0] s; always @(posedge clk) s <= {s[10:0], 1'b0};"
TWO = "reg [11:0] s, t; always @(posedge clk) s <= {s[10:0], data_in[0]}; always @(posedge clk) t <= {t[10:0], data_in[0]};"


flip(
    "states",
    "chain as long as the pipeline that gives 0",
    code="reg [@cycles@:0] s; always @(posedge clk) s <= {s[@cycles@ - 1:0], 1'b0};",
    fires="s[@cycles@ - 1]",
    equal=True,
)
flip(
    "states",
    "state that data can only set",
    code="reg s; always @(posedge clk) s <= s | (data_in == @a@);",
    fires="s",
    events=[(1, "@a@"), (1, "@b@")],
)
flips(
    "states",
    {
        "constant behind a chain longer than the pipeline": (CHAIN, "s[11]"),
        "same data behind two chains longer than the pipeline": (
            TWO.replace("s, t;", "s; reg [11:0] t;"),
            "s[11] ^ t[11]",
        ),
        "data and their complement behind long chains": (
            "reg [11:0] s; reg [11:0] t; always @(posedge clk) s <= {s[10:0], data_in[0]}; always @(posedge clk) t <= {t[10:0], ~data_in[0]};",
            "s[11] ~^ t[11]",
        ),
        "first load removed": (
            "reg on; reg [11:0] s; always @(posedge clk) on <= 1'b1; always @(posedge clk) s <= {s[10:0], on ? 1'b0 : 1'b1};",
            "s[@cycles@ - 1]",
        ),
        "data times 0 behind a long chain": (
            "reg [11:0] s; always @(posedge clk) s <= {s[10:0], data_in[0] & ~data_in[0]};",
            "s[11]",
        ),
        "state and data": (
            "reg s; always @(posedge clk) s <= s & data_in[0];",
            "s",
            {"rarely reset": ("reg [2:0] s; always @(posedge clk) s <= {s[1:0], s[2] & data_in[0]};", "s[2]")},
        ),
        "choice of a state or itself": ("reg s; always @(posedge clk) s <= data_in[0] ? s : 1'b0;", "s"),
        "masked state": ("reg s; always @(posedge clk) s <= ~s;", "s & data_in[0]"),
    },
)
flips(
    "unknown",
    {
        "block without inputs": ("reg k; always @(*) k = 1'b0;", "k", {"never runs, x as 1": ("", "1'b1")}),
        "block with an output that it sets in part": ("reg [1:0] k; always @(*) k[0] = data_in[0];", "k[1]"),
        "word set in part": ("wire [1:0] k; assign k[0] = data_in[0];", "k[1]", {"1": ("", "1'b1")}),
        "slice beyond a word": (
            "wire [1:0] k; assign k = 2'd0; wire [1:0] m; assign m = k[2:1];",
            "m[1]",
            {"1": ("", "1'b1")},
        ),
        "bit before a word": ("wire [2:1] k; assign k = 2'd0; wire m; assign m = k[0];", "m", {"1": ("", "1'b1")}),
    },
)
flips(
    "wide words",
    {
        "concatenation of signed words": (
            "wire signed [1:0] k; assign k = {data_in[0], 1'b0}; wire signed [3:0] m; assign m = {k}; reg d; always @(posedge clk) d <= m[3];",
            "d",
        ),
        "slice of a signed word": (
            "wire signed [1:0] k; assign k = {data_in[0], 1'b0}; wire signed [3:0] m; assign m = k[1:0]; reg d; always @(posedge clk) d <= m[3];",
            "d",
        ),
        "signed word extended next to an unsigned one": (
            "wire signed [1:0] k; assign k = {data_in[0], 1'b0}; wire [3:0] m; assign m = k + 1'b0; reg d; always @(posedge clk) d <= m[3];",
            "d",
        ),
        "choice of a signed and an unsigned word": (
            "wire signed [1:0] k; assign k = {data_in[0], 1'b0}; wire signed [3:0] m; assign m = data_in[1] ? k : 2'b00; reg d; always @(posedge clk) d <= m[3];",
            "d",
        ),
        "comparison with a negative number": (
            "wire signed [2:0] k; assign k = {3{data_in[0]}}; reg d; always @(posedge clk) d <= k < 3'b000;",
            "d",
        ),
    },
    equal=True,
)
flips(
    "wide words",
    {
        "unsized constants": (
            "wire [39:0] k; assign k = {8'd0, 'h80000000} + {8'd0, 'h80000000}; reg d; always @(posedge clk) d <= k[32] & data_in[0];",
            "d",
        ),
        "signed word extended": (
            "wire signed [1:0] k; assign k = {data_in[0], 1'b0}; wire [3:0] m; assign m = k; reg d; always @(posedge clk) d <= m[3];",
            "d",
        ),
        "choice of two signed words": (
            "wire signed [1:0] k; assign k = {data_in[0], 1'b0}; wire signed [3:0] m; assign m = data_in[1] ? k : $signed(2'b00); reg d; always @(posedge clk) d <= m[3];",
            "d",
        ),
        "inverted word in a wide context": (
            "wire [1:0] k; assign k = {1'b1, data_in[0]}; reg d; always @(posedge clk) d <= ~k == 4'b1100;",
            "d",
        ),
        "negated word in a wide context": (
            "wire [1:0] k; assign k = {1'b0, data_in[0]}; reg d; always @(posedge clk) d <= -k == 4'b1111;",
            "d",
        ),
        "shift out of a word in a wide context": (
            "wire [1:0] k; assign k = {data_in[0], 1'b0}; reg d; always @(posedge clk) d <= (k << 1) == 4'b0100;",
            "d",
        ),
    },
)

SIGNED_PORT = r"_shift_adder #\((\d+)(,\d+,\d+,\d+,\d+,\d+,-?\d+,\d+)\) (op_\d+) \((v\d+)\[(\d+):0\],"
edit(
    "signs",
    "signed operand as wide as its port",
    where="stages",
    pattern=SIGNED_PORT,
    replacement=lambda m: f"_shift_adder #({m[1]}{m[2]}) {m[3]} ($signed({m[4]}[{m[5]}:0]),",
    equal=True,
)
edits(
    "signs",
    {
        "signed operand narrower than its port": (
            SIGNED_PORT,
            lambda m: f"_shift_adder #({int(m[1]) + 2}{m[2]}) {m[3]} ($signed({m[4]}[{m[5]}:0]),",
        ),
        "operand narrower than its port": (
            SIGNED_PORT,
            lambda m: f"_shift_adder #({int(m[1]) + 2}{m[2]}) {m[3]} ({m[4]}[{m[5]}:0],",
        ),
        "shift as an unsigned number": (
            r"(_shift_adder #\((?:\d+,){6})-(\d+),",
            lambda m: f"{m[1]}32'd{(1 << 32) - int(m[2])},",
        ),
        "width as a number of few bits": (r"(_shift_adder #\()(\d+),(\d+),", lambda m: f"{m[1]}4'd{m[2]},4'd{m[3]},"),
    },
    where="stages",
)
edit(
    "adders",
    "last parameters removed",
    where="stages",
    pattern=r"(_shift_adder #\((?:\d+,){5})\d+,-?\d+,\d+\)",
    replacement=lambda m: m[1][:-1] + ")",
)
edit("ports", "last port removed", where="stages", pattern=r"(op_\d+ \([^;,]*,[^;,]*),[^;]*\);", replacement=r"\1);")
edit(
    "entries",
    "label wider than the address",
    where="tables",
    pattern=ENTRY,
    replacement=lambda m: (
        f"{int(m['address'].split(chr(39))[0]) + 4}'h{m['address'].split('h')[1]}: out = {m['bits']}'h{m['value']};\n"
    ),
    equal=True,
)
edits(
    "entries",
    {
        "label that never matches": (
            ENTRY,
            lambda m: (
                f"{int(m['bits']) and int(m['address'].split(chr(39))[0]) + 1}'h{int(m['address'].split('h')[1], 16) + (1 << int(m['address'].split(chr(39))[0])):X}: out = {m['bits']}'h{m['value']};\n"
            ),
        ),
        "entry without its highest bit": (
            ENTRY,
            lambda m: (
                None
                if m["bits"] == "1"
                else f"{m['address']}: out = {int(m['bits']) - 1}'h{int(m['value'], 16) % (1 << (int(m['bits']) - 1)):X};\n"
            ),
        ),
    },
    where="tables",
)
edits(
    "registers",
    {
        "registers of two stages exchanged": (
            r"(stage\d+_inp)(\[\d+:0\]) <= (\w+)(\[\d+:0\]);\n(\s*)(\w+)(\[\d+:0\]) <= (\w+)(\[\d+:0\]);",
            r"\1\2 <= \8\9;\n\5\6\7 <= \3\4;",
        ),
        "stage removed": (
            r"assign (INTERNAL_logic\d+_inp)(\[\d+:0\]) = stage(\d+)_inp\[\d+:0\];",
            r"assign \1\2 = INTERNAL_logic0_outp;",
        ),
    },
    where="core",
)
edit(
    "clocks",
    "clock and its copy",
    where="core",
    pattern=r"(stage1_inp\[\d+:0\] <= \w+\[\d+:0\];)",
    replacement=r"end wire copy; assign copy = clk; always @(posedge copy) begin \1",
    equal=True,
)


def _wider(values: list[int], ports: list[str]) -> bool:
    if "'" in ports[0] + ports[1] or values[SHIFT]:
        return False
    values[BITS0], values[BITS1] = values[BITS0] + 1, values[BITS1] + 1
    return True


instance(
    "adders",
    "operands narrower than both ports",
    pattern=r"_shift_adder #\((?P<parameters>[^)]*)\) (?P<name>op_\d+) \((?P<ports>[^;]*)\);",
    change=_wider,
)
