"""Changes that keep the function: the proof should not refuse them."""
# ruff: noqa: E501 (Verilog text)

from __future__ import annotations

import re

from trigger_lut.verification.attack.designs import Design
from trigger_lut.verification.attack.edit import (
    ADDER,
    MUX,
    SLICE,
    TABLE,
    Draw,
    edit,
    edited,
    edited_everywhere,
    edits,
    flip,
    flips,
    part,
)
from trigger_lut.verification.attack.mutate import Change, operator

KIND = "equal"


def _all(name: str, where: str, pattern: str, replacement: str) -> None:
    @operator(KIND, name)
    def apply(design: Design, draw: Draw) -> Change | None:
        files = edited_everywhere(design, where, pattern=pattern, replacement=replacement)
        return Change(f"{where}: all", files, equal=True) if files else None


_all("values renamed", "stages", r"\bv(\d+)\b", r"value_\1")
_all("instances renamed", "stages", r"\bop_(\d+)\b", r"unit_\1")
_all("comments removed", "all", r"//[^\n]*", "")
_all("empty lines removed", "all", r"\n\s*\n", "\n")
_all("tabs", "all", r"    ", "\t")
_all("line ends of another system", "all", r"\n", "\r\n")
_all("comments added", "stages", r";", "; /* a comment */")
_all("stages renamed", "core", r"INTERNAL_", "own_")
_all("registers renamed", "core", r"stage(\d+)_inp", r"pipe_\1")

_all("always_comb", "tables", r"always @\(\*\)", "always_comb")
_all("logic for reg", "tables", r"output reg", "output logic")
_all("no attributes", "all", r"\(\* shreg_extract = \"no\" \*\) ", "")
_all("no defaults in the tables", "tables", r"default: [^\n]*\n", "")
edits(
    KIND,
    {
        "inverted twice": (SLICE, r"\g<to>[\g<high_to>:0] = ~(~\g<of>[\g<high>:\g<low>]);"),
        "exclusive or with 0": (SLICE, r"\g<to>[\g<high_to>:0] = \g<of>[\g<high>:\g<low>] ^ 1'b0;"),
        "slice by a shift": (SLICE, r"\g<to>[\g<high_to>:0] = \g<of> >> \g<low>;"),
        "sum with 0": (SLICE, r"\g<to>[\g<high_to>:0] = \g<of>[\g<high>:\g<low>] + 1'b0;"),
        "inversion by a comparison": (r"= ~(v\d+);", r"= (\1 == 1'b0);"),
    },
    where="stages",
    equal=True,
)
edit(
    KIND,
    "register by way of a wire",
    where="core",
    pattern=r"<= (\w+\[\d+:0\]);",
    replacement=r"<= (\1 | \1);",
    equal=True,
)
edits(
    KIND,
    {
        "key inverted, choices exchanged": (
            r"\(key\) \? (in0_ext\[BW_OUT-1:0\]) : (in1_ext\[BW_OUT-1:0\])",
            r"(~key) ? \2 : \1",
        ),
        "sum of the library with its operands exchanged": (r"in0_ext \+ in1_ext", "in1_ext + in0_ext"),
        "difference of the library by the complement": (r"in0_ext - in1_ext", "in0_ext + ~in1_ext + 1'b1"),
    },
    where="library",
    equal=True,
)
edit(KIND, "name of an instance", where="top", pattern=r"core \(\.clk", replacement="the_core (.clk", equal=True)
flips(
    KIND,
    {
        "wires that nothing reads": ("wire [3:0] spare = data_in[0] ? 4'd3 : 4'd5;", "1'b0"),
        "register that nothing reads": ("reg [3:0] spare; always @(posedge clk) spare <= spare + data_in[0];", "1'b0"),
        "condition that never holds": ("", "data_in[0] & ~data_in[0]"),
        "event that never happens": ("wire [1:0] s = data_in[0] + data_in[1];", "s == 2'd3"),
    },
    equal=True,
)
flip(
    KIND,
    "module that nothing uses",
    fires="1'b0",
    extra={"extra.v": "module @prefix@spare (input clk, output reg o); always @(posedge clk) o <= ~o; endmodule\n"},
    equal=True,
)


@operator(KIND)
def adder_with_its_operands_exchanged(design: Design, draw: Draw) -> Change | None:
    """Exchange the operands of a sum without a shift, with their parameters."""

    def new(match: re.Match[str]) -> str | None:
        v, ports = match["parameters"].split(","), match["ports"].split(",")
        if int(v[6]) or int(v[7]):
            return None
        v[0], v[1], v[2], v[3] = v[1], v[0], v[3], v[2]
        return f"_shift_adder #({','.join(v)}) {match['name']} ({ports[1]},{ports[0]},{ports[2]});"

    return _equal(edited(design, draw, where="stages", pattern=ADDER, replacement=new))


@operator(KIND)
def adder_written_as_an_expression(design: Design, draw: Draw) -> Change | None:
    """Write a sum without the library."""

    def new(match: re.Match[str]) -> str | None:
        v = [int(x) for x in match["parameters"].split(",")]
        one, two, out = match["ports"].split(",")
        if v[5] or "'" in one + two:
            return None
        words = [
            f"$signed({port})" if signed else f"$signed({{1'b0, {port}}})"
            for port, signed in ((one, v[2]), (two, v[3]))
        ]
        shifts = max(-v[6], 0), max(v[6], 0)
        width = v[4] + 24
        terms = [f"(({width}'sd0 + {word}) <<< {shift})" for word, shift in zip(words, shifts, strict=True)]
        return f"assign {out} = {terms[0]} {'-' if v[7] else '+'} {terms[1]};"

    pattern = r"(?<=; )\w+" + ADDER
    return _equal(edited(design, draw, where="stages", pattern=pattern, replacement=new))


@operator(KIND)
def choice_written_as_an_expression(design: Design, draw: Draw) -> Change | None:
    """Write a choice without the library."""

    def new(match: re.Match[str]) -> str | None:
        v = [int(x) for x in match["parameters"].split(",")]
        key, one, two, out = match["ports"].split(",")
        if v[5] or v[0] != v[1] or v[4] != v[0]:
            return None
        return f"assign {out} = {key} ? {one} : {two};"

    return _equal(edited(design, draw, where="stages", pattern=r"(?<=; )\w+" + MUX, replacement=new))


@operator(KIND)
def table_written_in_place(design: Design, draw: Draw) -> Change | None:
    """Write a table as a constant that the address shifts."""
    entries: dict[str, list[tuple[int, int]]] = {}
    for file in part(design, "tables"):
        for module in re.finditer(r"module (\w+)\((?:.|\n)*?endmodule", design.files[file]):
            entries[module[1]] = [
                (int(m[1]), int(m[2], 16)) for m in re.finditer(r"out = (\d+)'h([0-9A-F]+);", module[0])
            ]

    def new(match: re.Match[str]) -> str | None:
        values = entries.get(match["module"])
        if not values:
            return None
        bits = values[0][0]
        whole = sum(value << (bits * n) for n, (_, value) in enumerate(values))
        return f"assign {match['out']} = {bits * len(values)}'h{whole:x} >> ({match['address']} * 8'd{bits});"

    return _equal(edited(design, draw, where="stages", pattern=TABLE, replacement=new))


@operator(KIND)
def files_in_another_order(design: Design, draw: Draw) -> Change | None:
    """Give the files in another order."""
    names = list(design.files)
    return Change("all files", {}, order=tuple(names[::-1]), equal=True) if len(names) > 1 else None


@operator(KIND)
def all_in_one_file(design: Design, draw: Draw) -> Change | None:
    """Put all modules into one file."""
    text = "".join(design.files.values())
    return Change("all files", {design.top: text}, order=(design.top,), equal=True)


@operator(KIND)
def entries_in_another_order(design: Design, draw: Draw) -> Change | None:
    """Turn round the order of the entries of all tables."""
    files = {}
    for file in part(design, "tables"):
        files[file] = re.sub(
            r"(?<=case \(in\)\n)((?:\d+'h.*\n)+)",
            lambda m: "".join(m[1].splitlines(keepends=True)[::-1]),
            design.files[file],
        )
    return Change("tables: all", files, equal=True) if files else None


@operator(KIND)
def wrapped_core(design: Design, draw: Draw) -> Change | None:
    """Put a module between the top-level module and the core."""
    text = design.files[design.top]
    match = re.search(rf"{design.prefix}core core \(.*\);", text)
    widths = [re.search(rf"wire \[(\d+):0\] {name};", text) for name in ("core_in", "core_out")]
    if match is None or None in widths:
        return None
    inner = f"module {design.prefix}wrapped (input clk, input [{widths[0][1]}:0] i, output [{widths[1][1]}:0] o); {design.prefix}core core (.clk(clk), .model_inp(i), .model_out(o)); endmodule\n"  # type: ignore[index]
    text = text.replace(match[0], f"{design.prefix}wrapped wrapped (clk, core_in, core_out);")
    return Change("top: core", {design.top: text, "extra.v": inner}, equal=True)


def _equal(change: Change | None) -> Change | None:
    return None if change is None else Change(change.place, change.files, equal=True)
