"""Mutations of registers, clocks, states and the valid bit."""
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
    edited_everywhere,
    ended,
    flip,
    flips,
    in_body,
    marked,
    part,
)
from trigger_lut.verification.attack.mutate import Change, operator

REGISTER = r"(?P<to>stage\d+_inp|model_out)\[(?P<high>\d+):0\] <= (?P<of>\w+)\[\d+:0\];"


def _register(name: str, code: str, declared: str = "", *, equal: bool = False) -> None:
    """Register an operator that writes one word of registers anew. @to@, @of@: registers and their input, @high@."""

    @operator("registers", name)
    def apply(design: Design, draw: Draw) -> Change | None:
        def new(match: re.Match[str]) -> str:
            known = {**match.groupdict(), "bit": str(int(draw.integers(int(match["high"]) + 1)))}
            declarations.append(marked(declared, known))
            return marked(code, known)

        declarations: list[str] = []
        change = edited(design, draw, where="core", pattern=REGISTER, replacement=new)
        if change is None:
            return None
        ((file, text),) = change.files.items()
        return Change(change.place, {file: in_body(text, declarations[-1])}, equal=equal)


EXTRA = "reg [@high@:0] extra;"
_register("word a cycle late", "extra <= @of@; @to@ <= extra;", EXTRA)
_register("one bit a cycle late", "extra <= @of@; @to@ <= @of@; @to@[@bit@] <= extra[@bit@];", EXTRA)
_register("word kept where one bit is set", "if (!@of@[@bit@]) @to@ <= @of@;")
_register(
    "word kept while valid_in is low by hierarchy", "if (design_valid) @to@ <= @of@;", "wire design_valid = |model_inp;"
)
_register("bit fed back", "@to@ <= @of@; @to@[@bit@] <= @of@[@bit@] ^ (@to@[@bit@] & @of@[0]);")
_register("bit kept by itself", "@to@ <= @of@; @to@[@bit@] <= @to@[@bit@];")
_register("bit set and never cleared", "@to@ <= @of@; if (@to@[@bit@]) @to@[@bit@] <= 1'b1;")
_register("word reset by a data bit", "@to@ <= @of@; if (&model_inp) @to@ <= 0;")
_register("order of writes", "@to@ <= ~@of@; @to@ <= @of@;", equal=True)
_register("last write wins", "@to@ <= @of@; @to@[@bit@] <= 1'b0;")
_register("inverted on both sides of a register", "@to@ <= @of@; extra <= ~@of@;", EXTRA, equal=True)
_register("blocking assignment", "@to@ = @of@;", equal=True)
_register("bits crossed in a register", "@to@ <= {@of@[0], @of@[@high@:0]} >> 1;")
_register("bit not stored", "@to@ <= @of@; @to@[@bit@] <= 1'bx;")


@operator("registers")
def word_not_registered(design: Design, draw: Draw) -> Change | None:
    """Make wires of one word of registers."""
    change = edited(
        design, draw, where="core", pattern=r"(stage\d+_inp)\[(\d+):0\] <= (\w+)\[\d+:0\];", replacement=r"/*\1 \3*/"
    )
    if change is None:
        return None
    ((file, text),) = change.files.items()
    mark = re.search(r"/\*(\w+) (\w+)\*/", text)
    assert mark is not None
    text = re.sub(rf"reg (\[\d+:0\] {mark[1]};)", r"wire \1", text)
    return Change(change.place, {file: text.replace("endmodule", f"    assign {mark[1]} = {mark[2]};\nendmodule")})


@operator("registers")
def latches_for_registers(design: Design, draw: Draw) -> Change | None:
    """Make latches, open while the clock is high, of all registers of the core."""
    files = edited_everywhere(design, "core", pattern=r"always @\(posedge clk\)", replacement="always @(*) if (clk)")
    return Change("core", files) if files else None


@operator("registers")
def registers_in_two_blocks_with_blocking_assignments(design: Design, draw: Draw) -> Change | None:
    """Let two blocks race for a register behind data_out: simulators may take either order."""
    text = clean_top(design, f" reg [{design.bits_out - 1}:0] b; reg c;")
    forms = [
        "always @(posedge clk) c = data_in[0]; always @(posedge clk) b = c;",
        "always @(posedge clk) begin c = data_in[0]; b = c; end",
        "always @(posedge clk) begin b = c; c = data_in[0]; end",
    ]
    variants = [
        {design.top: text.replace("endmodule", f"{form} assign data_out = clean ^ b;\nendmodule")} for form in forms
    ]
    return Change("top: blocking assignments", variants[0], {"one order": variants[1], "other order": variants[2]})


def _clocked(name: str, replacement: str, *, equal: bool = False) -> None:
    """Register an operator that replaces the head of the core's registers."""
    edit("clocks", name, where="core", pattern=r"always @\(posedge clk\)", replacement=replacement, equal=equal)


_clocked("falling edge in the core", "always @(negedge clk)")
_clocked("both edges in the core", "always @(posedge clk or negedge clk)")
_clocked("any change of the clock", "always @(clk)")
_clocked("asynchronous edge of the data", "always @(posedge clk or posedge model_inp[0])")
_clocked("core clocked by a data bit", "always @(posedge model_inp[0])")
_clocked("clock by way of a wire", "wire c; assign c = clk; always @(posedge c)", equal=True)
_clocked("clock inverted twice", "wire c; assign c = ~~clk; always @(posedge c)", equal=True)
_clocked("clock gated by a data bit", "wire c; assign c = clk & model_inp[0]; always @(posedge c)")
_clocked("clock or data bit", "wire c; assign c = clk | model_inp[0]; always @(posedge c)")
_clocked(
    "clock exclusive or a state", "reg s; always @(posedge clk) s <= s; wire c; assign c = clk ^ s; always @(posedge c)"
)
_clocked("clock divided by two", "reg half; always @(posedge clk) half <= ~half; always @(posedge half)")
_clocked(
    "clock gated by a state", "reg on; always @(posedge clk) on <= on; wire c; assign c = clk & on; always @(posedge c)"
)
_clocked(
    "register behind a gated clock",
    "reg on; always @(negedge clk) on <= ~model_inp[0]; wire c; assign c = clk & on; always @(posedge c)",
)
_clocked("constant clock", "wire c; assign c = 1'b0; always @(posedge c)")
edit(
    "clocks",
    "enable",
    where="core",
    pattern=r"always @\(posedge clk\) begin",
    replacement="always @(posedge clk) if (|model_inp) begin",
)
edit(
    "clocks",
    "enable that is always on",
    where="core",
    pattern=r"always @\(posedge clk\) begin",
    replacement="always @(posedge clk) if (1'b1) begin",
    equal=True,
)
_clocked("clock name in capitals", "wire CLK; always @(posedge CLK)")
_clocked("always_ff", "always_ff @(posedge clk)", equal=True)
edit_top("clocks", "all clocked by valid_in", (r"\.clk\(clk\)", ".clk(valid_in)"), (r"posedge clk", "posedge valid_in"))
edit_top(
    "clocks",
    "all clocked by a data bit",
    (r"\.clk\(clk\)", ".clk(data_in[@inbit@])"),
    (r"posedge clk", "posedge data_in[@inbit@]"),
)
edit_top(
    "clocks",
    "all gated by valid_in",
    (r"\.clk\(clk\)", ".clk(g)"),
    (r"posedge clk", "posedge g"),
    body="wire g = clk & valid_in;",
)
edit_top("clocks", "core clocked by valid_in", (r"\.clk\(clk\)", ".clk(valid_in)"))
edit_top("clocks", "core clocked by the inverted clock", (r"\.clk\(clk\)", ".clk(~clk)"))
edit_top(
    "clocks", "all on falling edges", (r"\.clk\(clk\)", ".clk(n)"), (r"posedge clk", "posedge n"), body="wire n = ~clk;"
)
edit_top("clocks", "core without a clock", (r"\.clk\(clk\)", ".clk()"))
edit_top("clocks", "core clocked by 0", (r"\.clk\(clk\)", ".clk(1'b0)"))
edit_top("clocks", "valid clocked by a falling edge", (r"posedge clk", "negedge clk"))
edit_top(
    "clocks",
    "core clocked by a register",
    (r"\.clk\(clk\)", ".clk(r)"),
    body="reg r; always @(posedge clk or negedge clk) r <= clk;",
)
edit_top(
    "clocks",
    "valid and data clocked by a gate",
    (r"posedge clk\)", "posedge c)"),
    body="wire c; and gate (c, clk, 1'b1);",
    equal=True,
)


def _bomb(bits: int) -> tuple[str, str, dict[str, tuple[str, str]]]:
    code, near = f"reg [{bits - 1}:0] n; always @(posedge clk) n <= n + 1'b1;", (1 << bits) - 40
    return code, "&n", {"from another state": (f"{code} initial begin n = {bits}'d{near}; end", "&n")}


for _bits in (4, 16, 32, 64):
    _code, _fires, _readings = _bomb(_bits)
    flip("states", f"counter of {_bits} bits fires once a turn", code=_code, fires=_fires, readings=_readings)
flip(
    "states",
    "fires after an event for ever",
    code="reg s; initial begin s = 0; end always @(posedge clk) if (data_in == @a@) s <= 1'b1;",
    fires="s",
    events=[(1, "@a@"), (1, "@b@")],
)
flip(
    "states",
    "an event leaks into the next",
    code="reg [@in@:0] p; always @(posedge clk) p <= data_in; reg q; always @(posedge clk) q <= (p == @a@) & (data_in == @b@);",
    fires="q",
    events=[(1, "@a@"), (1, "@b@")],
)
flip(
    "states",
    "an event leaks over a gap",
    code="reg [@in@:0] p; always @(posedge clk) if (valid_in) p <= data_in; reg q; always @(posedge clk) q <= valid_in & (p == @a@) & (data_in == @b@);",
    fires="q",
    events=[(1, "@a@"), (0, "0"), (0, "0"), (1, "@b@")],
)
flip(
    "states",
    "data of a gap leak",
    code="reg [@in@:0] p; reg v; always @(posedge clk) begin p <= data_in; v <= valid_in; end reg q; always @(posedge clk) q <= valid_in & !v & (p == @a@);",
    fires="q",
    events=[(0, "@a@"), (1, "@b@")],
)
flip(
    "states",
    "an event leaks 20 cycles later",
    code="reg [19:0] p; always @(posedge clk) p <= {p[18:0], data_in == @a@};",
    fires="p[19]",
    events=[(1, "@a@")],
)
flip(
    "states",
    "same event twice",
    code="reg [@in@:0] p; always @(posedge clk) p <= data_in; reg q; always @(posedge clk) q <= p == data_in;",
    fires="q",
    events=[(1, "@a@"), (1, "@a@")],
)
flip(
    "states",
    "parity of all events",
    code="reg p; always @(posedge clk) p <= p ^ (data_in == @a@);",
    fires="p",
    events=[(1, "@a@")],
)
flip(
    "states",
    "states that never differ",
    code="reg s, t; always @(posedge clk) begin s <= data_in[0]; t <= data_in[0]; end",
    fires="s ^ t",
    equal=True,
)
flip(
    "states",
    "long gap",
    code="reg [5:0] n; always @(posedge clk) if (valid_in) n <= 0; else if (!(&n)) n <= n + 1'b1;",
    fires="&n",
    events=[(0, "0")] * 70 + [(1, "@a@")],
)
flip(
    "states",
    "long burst",
    code="reg [5:0] n; always @(posedge clk) if (!valid_in) n <= 0; else if (!(&n)) n <= n + 1'b1;",
    fires="&n",
    events=[(1, "@a@")] * 70,
)
flip("states", "output depends on the valid bit", fires="valid_out", events=[(1, "@a@")])
flips(
    "states",
    {
        "counter that starts at 0": (
            "reg [15:0] n; initial n = 0; always @(posedge clk) n <= n + 1'b1;",
            "n == 16'd999",
            {
                "from another state": (
                    "reg [15:0] n; initial begin n = 960; end always @(posedge clk) n <= n + 1'b1;",
                    "n == 16'd999",
                )
            },
        ),
        "counter of valid events": ("reg [7:0] n; always @(posedge clk) if (valid_in) n <= n + 1'b1;", "&n"),
        "feedback register that starts at 0": (
            "reg [15:0] s; initial begin s = 0; end always @(posedge clk) s <= {s[14:0], s[15] ^ s[13]};",
            "s[15]",
            {"from another state": ("reg [15:0] s; always @(posedge clk) s <= {s[14:0], s[15] ^ s[13]};", "s[15]")},
        ),
        "state that holds itself": (
            "reg s; initial begin s = 0; end always @(posedge clk) s <= s;",
            "s",
            {"from another state": ("reg s; initial begin s = 1; end always @(posedge clk) s <= s;", "s")},
        ),
        "two states that exchange": ("reg s, t; always @(posedge clk) begin s <= t; t <= s; end", "s"),
        "sum of two events": (
            "reg [@in@:0] p; always @(posedge clk) p <= data_in; reg q; always @(posedge clk) q <= &(p + data_in);",
            "q",
        ),
        "register that is never written": ("reg s;", "s"),
        "memory that is never written": ("reg m [0:3];", "m[data_in[0]]"),
        "memory of events": ("reg m [0:1]; always @(posedge clk) m[data_in[0]] <= data_in[1];", "m[~data_in[0]]"),
        "state and its complement": (
            "reg s, t; initial begin s = 0; t = 1; end always @(posedge clk) begin s <= s; t <= t; end",
            "s == t",
            {"from another state": ("reg s, t; always @(posedge clk) begin s <= s; t <= t; end", "s == t")},
        ),
        "one-hot ring": (
            "reg [2:0] r; initial begin r = 1; end always @(posedge clk) r <= {r[1:0], r[2]};",
            "r == 3'd3",
            {
                "from another state": (
                    "reg [2:0] r; initial begin r = 3; end always @(posedge clk) r <= {r[1:0], r[2]};",
                    "r == 3'd3",
                )
            },
        ),
        "latch": ("reg s; always @(*) if (data_in[@inbit@]) s = data_in[0];", "s"),
        "loop of gates": ("wire s, t; assign s = ~(t | data_in[0]); assign t = ~(s | data_in[1]);", "s"),
        "asynchronous set": (
            "reg s; always @(posedge clk or posedge data_in[@inbit@]) if (data_in[@inbit@]) s <= 1; else s <= 0;",
            "s",
        ),
        "output depends on data of now": ("", "data_in[@inbit@]"),
        "output depends on the clock": ("", "clk & data_in[@inbit@]"),
        "output depends on valid_in of now": ("", "valid_in"),
        "output changes where it is not valid": ("", "!valid_out"),
    },
)


def _valid_out(name: str, replacement: str) -> None:
    """Register an operator that replaces the assignment of valid_out."""
    edit_top("valid", name, (r"assign valid_out = (valid\[\d+\]);", replacement))


_valid_out("valid_out always 1", "assign valid_out = 1'b1;")
_valid_out("valid_out always 0", "assign valid_out = 1'b0;")
_valid_out("valid_out is valid_in", "assign valid_out = valid_in;")
_valid_out("valid_out inverted", r"assign valid_out = ~\1;")
_valid_out("valid_out a cycle late", r"reg late; always @(posedge clk) late <= \1; assign valid_out = late;")
_valid_out(
    "valid_out a cycle early", "wire [@cycles@:0] both = {valid, valid_in}; assign valid_out = both[@cycles@ - 1];"
)
_valid_out("valid_out needs data", r"assign valid_out = \1 & (|data_out);")
_valid_out(
    "valid_out only where data change",
    r"reg [@out@:0] last; always @(posedge clk) last <= data_out; assign valid_out = \1 & (last != data_out);",
)
_valid_out("valid_out stays 1", r"reg s; initial s = 0; always @(posedge clk) s <= s | \1; assign valid_out = s | \1;")
_valid_out("valid_out is data", "assign valid_out = data_out[@bit@];")
_valid_out("valid_out toggles", r"reg s; always @(posedge clk) if (\1) s <= ~s; assign valid_out = \1 & s;")
edit_top(
    "valid",
    "valid_in lost after a pair",
    (r"valid <= ", "valid <= {@cycles@{~(v & valid_in & (data_in == @a@))}} & "),
    body="reg v; always @(posedge clk) v <= valid_in;",
    events=[(1, "@a@"), (1, "@a@"), (1, "@a@")],
)
_valid_out("valid_out x where not valid", r"assign valid_out = \1 ? 1'b1 : 1'bx;")
edit_top(
    "valid",
    "valid reset by data",
    (r"always @\(posedge clk\) valid <= ", "always @(posedge clk) if (data_in == @a@) valid <= 0; else valid <= "),
    events=[(1, "@a@"), (1, "@b@")],
)
edit_top("valid", "valid starts at 1", (r"initial valid = (\d+)'b0;", r"initial valid = ~\1'b0;"), equal=True)
edit_top("valid", "valid without a start", (r"initial valid = (\d+)'b0;", ""), equal=True)
edit_top("valid", "valid inverted twice", (r"valid_in\};", "~n};"), body="wire n = ~valid_in;", equal=True)
edit_top("valid", "valid_in replaced by a data bit", (r"valid_in\};", "data_in[@inbit@]};"))
edit_top(
    "valid",
    "data_out 0 where not valid",
    (r"assign data_out\[", "assign clean["),
    body="wire [@out@:0] clean; assign data_out = valid_out ? clean : 0;",
)
edit_top(
    "valid",
    "data_in 0 where not valid",
    (r"= data_in\[", "= masked["),
    body="wire [@in@:0] masked = data_in & {@bits@{valid_in}};",
)
edit_top(
    "valid",
    "data_in kept where not valid",
    (r"= data_in\[", "= masked["),
    body="reg [@in@:0] kept; always @(posedge clk) if (valid_in) kept <= data_in; wire [@in@:0] masked = valid_in ? data_in : kept;",
)


@operator("registers")
def data_out_a_cycle_late(design: Design, draw: Draw) -> Change | None:
    """Put a register behind data_out alone."""
    code = f"reg [{design.bits_out - 1}:0] r; always @(posedge clk) r <= clean; assign data_out = r;"
    return Change("top: data_out", {design.top: ended(clean_top(design), code)})


@operator("registers")
def all_a_cycle_late(design: Design, draw: Draw) -> Change | None:
    """Put a register behind data_out and valid_out."""
    text = clean_top(design, " wire ready;").replace("assign valid_out", "assign ready")
    code = (
        f"reg [{design.bits_out}:0] r; always @(posedge clk) r <= {{ready, clean}}; assign {{valid_out, data_out}} = r;"
    )
    return Change("top: data_out and valid_out", {design.top: ended(text, code)})


@operator("registers")
def register_moved_across_an_inversion(design: Design, draw: Draw) -> Change | None:
    """Store a word inverted and invert it behind the register."""
    file = part(design, "core")[0] if part(design, "core") else ""
    if not file:
        return None
    text = re.sub(r"model_out(\[\d+:0\]) <= ", r"kept <= ~", design.files[file]).replace("output reg", "output")
    high = re.search(r"output \[(\d+):0\] model_out", text)
    if high is None:
        return None
    text = in_body(text, f"    reg [{high[1]}:0] kept; assign model_out = ~kept;")
    return Change(f"{file}: model_out", {file: text}, equal=True)
