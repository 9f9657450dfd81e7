"""Mutations of tables and their entries."""
# ruff: noqa: E501 (Verilog text)

from __future__ import annotations

import re

from trigger_lut.verification.attack.designs import Design
from trigger_lut.verification.attack.edit import (
    ENTRY,
    TABLE,
    Draw,
    Replacement,
    edit,
    edited,
    edits,
    marked,
    part,
    spliced,
)
from trigger_lut.verification.attack.mutate import Change, operator

MODULE = (
    r"module (?P<name>\w+_table_\w+)\(input \[(?P<high>\d+):0\] in, output reg \[(?P<out>\d+):0\] out\);\n"
    r"always @\(\*\) case \(in\)\n(?P<entries>(?:.*\n)*?)default: (?P<default>.*)\nendcase\nendmodule\n"
)
FULL = {"synthesis": "always @(*) case (in)\n@without@default: out = @wrong@;\nendcase"}
"""The table where a synthesis tool fills the missing entry as it likes."""
DEFAULT = r"default: out = \{\d+\{1'bx\}\};\n"


def _literal(match: re.Match[str], value: int) -> str:
    bits = int(match["bits"])
    return f"{match['address']}: out = {bits}'h{value % (1 << bits):X};\n"


def _value(match: re.Match[str]) -> int:
    return int(match["value"], 16)


def _entry(name: str, replacement: Replacement, *, equal: bool = False) -> None:
    """Register an operator that replaces an entry of a table."""
    edit("entries", name, where="tables", pattern=ENTRY, replacement=replacement, equal=equal)


def _case(name: str, replacement: str, *, equal: bool = False) -> None:
    """Register an operator that replaces the head of a case statement."""
    edit("tables", name, where="tables", pattern=r"always @\(\*\) case", replacement=replacement, equal=equal)


_entry("entry off by one", lambda m: _literal(m, _value(m) + 1))
_entry("lowest bit of an entry", lambda m: _literal(m, _value(m) ^ 1))
_entry("highest bit of an entry", lambda m: _literal(m, _value(m) ^ (1 << (int(m["bits"]) - 1))))
_entry("entry negated", lambda m: _literal(m, -_value(m)))
_entry("entry written twice, the first wrong", lambda m: _literal(m, _value(m) + 1) + m[0])
_entry("entry written twice, the second wrong", lambda m: m[0] + _literal(m, _value(m) + 1), equal=True)
_entry("entry missing", "")
_entry(
    "entry of too many bits",
    lambda m: f"{m['address']}: out = {int(m['bits']) + 4}'h{_value(m) + (5 << int(m['bits'])):X};\n",
    equal=True,
)
_entry(
    "entry as a negative number",
    lambda m: f"{m['address']}: out = -{int(m['bits'])}'sd{-_value(m) % (1 << int(m['bits']))};\n",
    equal=True,
)
_entry("entry as an expression", lambda m: f"{m['address']}: out = {m['bits']}'d{_value(m)} + in[0];\n")
_entry("entry reads the output", lambda m: f"{m['address']}: out = out;\n")
_entry(
    "entry depends on an unknown bit",
    lambda m: f"{m['address']}: out = (1'bx === 1'b0) ? {m['bits']}'h0 : {m['bits']}'h{_value(m):X};\n",
    equal=True,
)
edits(
    "tables",
    {
        "default 0": (DEFAULT, "default: out = 0;\n"),
        "no default": (DEFAULT, ""),
        "output of a table wider": (r"output reg \[(\d+):0\] out", lambda m: f"output reg [{int(m[1]) + 2}:0] out"),
        "casez without marks": (r"always @\(\*\) case ", "always @(*) casez "),
    },
    where="tables",
    equal=True,
)
_case("one bit in the list of sensitivity", "always @(in[0]) case")
_case("list of sensitivity complete", "always @(in) case", equal=True)
_case("table at a rising edge of the address", "always @(posedge in[0]) case")
_case("table at both edges of one bit", "always @(posedge in[0] or negedge in[0]) case")
_case("table at a falling edge of the address", "always @(negedge in[0]) case")
_case("latch at a table", "always @(*) if (in != 1) case")
edits(
    "tables",
    {
        "address of a table narrower": (r"\(input \[(\d+):0\] in,", lambda m: f"(input [{int(m[1]) - 1}:0] in,"),
        "output of a table narrower": (
            r"output reg \[(\d+):0\] out",
            lambda m: None if m[1] == "0" else f"output reg [{int(m[1]) - 1}:0] out",
        ),
        "casez": (r"(always @\(\*\) )case( \(in\)\n\d+'h)([0-9A-F]+)", lambda m: f"{m[1]}casez{m[2]}?"),
        "casex with an entry x": (r"(always @\(\*\) )case( \(in\)\n\d+'h)([0-9A-F]+)", lambda m: f"{m[1]}casex{m[2]}x"),
        "nonblocking entries": (r"out = (\d+'h[0-9A-F]+;)", r"out <= \1"),
        "case of inverted address": (r"case \(in\)", "case (~in)"),
        "case 1 of expressions": (r"case \(in\)", "case (in + 1'b1)"),
    },
    where="tables",
)


def _swapped_address(match: re.Match[str]) -> str:
    return match[0].replace(f"({match['address']},", f"({{{match['address']}[0], {match['address']}[1]}},")


edits(
    "tables",
    {
        "address one bit shifted": (r"(?<= )op_(\d+) \((v\d+), ", r"op_\1 (\2 >> 1, "),
        "address one bit inverted": (r"(?<= )op_(\d+) \((v\d+), ", r"op_\1 (\2 ^ 1'b1, "),
        "two address bits alone, swapped": (TABLE, _swapped_address),
    },
    where="stages",
)


@operator("tables")
def tables_exchanged(design: Design, draw: Draw) -> Change | None:
    """Use the table of another instance with the same widths."""
    widths_by_module = {
        m["name"]: (m["high"], m["out"])
        for file in part(design, "tables")
        for m in re.finditer(MODULE, design.files[file])
    }

    def other(match: re.Match[str]) -> str | None:
        names = [
            name
            for name, widths in widths_by_module.items()
            if widths == widths_by_module.get(match["module"]) and name != match["module"]
        ]
        return match[0].replace(match["module"], names[int(draw.integers(len(names)))]) if names else None

    return edited(design, draw, where="stages", pattern=TABLE, replacement=other)


def _module(design: Design, draw: Draw) -> tuple[str, re.Match[str]] | None:
    matches = [(file, m) for file in part(design, "tables") for m in re.finditer(MODULE, design.files[file])]
    return matches[int(draw.integers(len(matches)))] if matches else None


def _rewritten(name: str, body: str, *, equal: bool = False, readings: dict[str, str] | None = None) -> None:
    """Register an operator that writes a table anew; @...@: see `apply`."""

    @operator("tables", name)
    def apply(design: Design, draw: Draw) -> Change | None:
        chosen_module = _module(design, draw)
        if chosen_module is None:
            return None
        file, match = chosen_module
        entries = list(re.finditer(ENTRY, match["entries"]))
        bits, chosen = int(match["out"]) + 1, int(draw.integers(len(entries)))
        known = {
            "name": match["name"],
            "high": match["high"],
            "out": match["out"],
            "entries": match["entries"],
            "without": "".join(m[0] for n, m in enumerate(entries) if n != chosen),
            "entry": str(entries[chosen]["address"]),
            "value": f"{bits}'h{_value(entries[chosen]):X}",
            "wrong": f"{bits}'h{_value(entries[chosen]) ^ 1:X}",
            "words": " ".join(f"m[{n}] = {bits}'h{_value(m):X};" for n, m in enumerate(entries)),
            "fewer": " ".join(f"m[{n}] = {bits}'h{_value(m):X};" for n, m in enumerate(entries) if n != chosen),
            "packed": f"{bits * len(entries)}'h{sum(_value(m) << (bits * n) for n, m in enumerate(entries)):X}",
            "width": str(bits),
            "last": str(len(entries) - 1),
            "list": "".join(m[0].replace("out =", "f =") for m in entries),
            "list_without": "".join(m[0].replace("out =", "f =") for n, m in enumerate(entries) if n != chosen),
        }
        head = f"module {match['name']}(input [{match['high']}:0] in, output reg [{match['out']}:0] out);\n"

        def text(code: str) -> str:
            new = head + marked(code, known) + "\nendmodule\n"
            return spliced(design.files[file], match, new=new)

        reading_files = {reading: {file: text(code)} for reading, code in (readings or {}).items()}
        return Change(f"{file}: {match['name'][-12:]}, entry {chosen}", {file: text(body)}, reading_files, equal=equal)


_rewritten(
    "entry missing, default right", "always @(*) case (in)\n@without@default: out = @value@;\nendcase", equal=True
)
_rewritten("entry missing, default wrong", "always @(*) case (in)\n@without@default: out = @wrong@;\nendcase")
_rewritten("entry missing, no default", "always @(*) case (in)\n@without@endcase")
_rewritten(
    "table as memory", "reg [@out@:0] m [0:@last@]; initial begin @words@ end always @(*) out = m[in];", equal=True
)
_rewritten(
    "table as memory without a word", "reg [@out@:0] m [0:@last@]; initial begin @fewer@ end always @(*) out = m[in];"
)
_rewritten("table as a constant", "always @(*) out = @packed@ >> (in * @width@);", equal=True)
_rewritten(
    "table as a constant, a narrow index",
    "wire [@high@:0] n = in * @width@; wire [@packed@ * 0 + 1023:0] c = @packed@; always @(*) out = c >> n;",
)
_rewritten(
    "memory that is written",
    "reg [@out@:0] m [0:@last@]; initial begin @words@ end always @(*) begin if (in == 0) m[@entry@] = @wrong@; out = m[in]; end",
)
_rewritten(
    "function that remembers",
    "function [@out@:0] f(input [@high@:0] a); case (a)\n@list_without@default: ;\nendcase endfunction\nalways @(*) out = f(in);",
)
_rewritten(
    "function",
    "function automatic [@out@:0] f(input [@high@:0] a); case (a)\n@list@endcase endfunction\nalways @(*) out = f(in);",
    equal=True,
)
_rewritten(
    "latch by two blocks",
    "always @(*) case (in)\n@entries@default: ;\nendcase\nalways @(*) if (in == @entry@) out = @wrong@;",
)
_rewritten(
    "overwritten in the same block",
    "always @(*) begin case (in)\n@entries@default: ;\nendcase\nif (in == @entry@) out = @wrong@; end",
)
_rewritten(
    "overwritten and corrected",
    "always @(*) begin out = @wrong@; case (in)\n@entries@default: ;\nendcase end",
    equal=True,
)
_rewritten(
    "entry x",
    "always @(*) case (in)\n@without@@entry@: out = {@width@{1'bx}};\ndefault: ;\nendcase",
    readings={
        "x as 0": "always @(*) case (in)\n@without@default: out = 0;\nendcase",
        "x as 1": "always @(*) case (in)\n@without@default: out = ~0;\nendcase",
    },
)
_rewritten(
    "one bit x",
    "always @(*) case (in)\n@without@@entry@: out = @value@ ^ 1'bx;\ndefault: ;\nendcase",
    readings={"x as 1": "always @(*) case (in)\n@without@default: out = @wrong@;\nendcase"},
)
_rewritten("full_case", "(* full_case *) always @(*) (* full_case *) case (in)\n@without@endcase", readings=FULL)
_rewritten("full_case in a comment", "always @(*) case (in) // synopsys full_case\n@without@endcase", readings=FULL)
_rewritten(
    "parallel_case",
    "always @(*) (* parallel_case *) case (in)\n@entries@@entry@: out = @wrong@;\nendcase",
    readings=FULL,
)
_rewritten(
    "parallel_case in a comment",
    "always @(*) case (in) // synopsys parallel_case full_case\n@entries@@entry@: out = @wrong@;\nendcase",
    readings=FULL,
)
_rewritten(
    "case equality with x",
    "always @(*) begin case (in)\n@entries@endcase if ((in[0] ^ 1'bx) === 1'bx) out = out ^ 1'b1; end",
    readings={"an x is equal to x": "always @(*) begin case (in)\n@entries@endcase out = out ^ 1'b1; end"},
)
_rewritten(
    "counter behind a table",
    "reg [3:0] n; always @(posedge in[0]) n <= n + 1'b1;\nalways @(*) begin case (in)\n@entries@endcase if (n == 7) out = ~out; end",
)
_rewritten(
    "memory of the last address",
    "reg last; always @(*) if (in == @entry@) last = 1; else if (in == 0) last = 0;\nalways @(*) begin case (in)\n@entries@endcase if (last && in != @entry@) out = out ^ 1'b1; end",
)
