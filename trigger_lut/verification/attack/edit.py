"""Changes of Verilog text at random places."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from trigger_lut.verification.attack.designs import Design, Files
from trigger_lut.verification.attack.mutate import Change, Events, operator

Draw = np.random.Generator
Replacement = str | Callable[[re.Match[str]], str | None]

ADDER = r"_shift_adder #\((?P<parameters>[^)]*)\) (?P<name>op_\d+) \((?P<ports>[^;]*)\);"
MUX = r"_mux #\((?P<parameters>[^)]*)\) (?P<name>op_\d+) \((?P<ports>[^;]*)\);"
SLICE = r"(?<=assign )(?P<to>v\d+)\[(?P<high_to>\d+):0\] = (?P<of>v\d+)\[(?P<high>\d+):(?P<low>\d+)\];"
TABLE = r"(?P<module>\w+_table_[0-9a-f_]{36}) (?P<name>op_\d+) \((?P<address>v\d+), (?P<out>v\d+)\[(?P<high>\d+):0\]\);"
ENTRY = r"(?P<address>\d+'h[0-9A-F]+): out = (?P<bits>\d+)'h(?P<value>[0-9A-F]+);\n"


def part(design: Design, name: str) -> list[str]:
    """Return the names of the files of a part: top, core, stages, tables, library, decision, or all."""
    patterns = {
        "top": r"_top\.v$",
        "core": r"_core\.v$",
        "stages": r"_logic\d+\.v$",
        "tables": r"_core_tables\.v$",
        "library": r"_(shift_adder|mux|negative|binop)\.v$",
        "decision": r"_decide\.v$",
        "all": "",
    }
    return [file for file in design.files if re.search(patterns[name], file)]


def edited(design: Design, draw: Draw, *, where: str, pattern: str, replacement: Replacement) -> Change | None:
    """Replace one random match of a pattern in a part. None without a match that changes."""
    matches = [(file, m) for file in part(design, where) for m in re.finditer(pattern, design.files[file])]
    for n in draw.permutation(len(matches)).tolist():
        file, match = matches[n]
        new = match.expand(replacement) if isinstance(replacement, str) else replacement(match)
        if new is not None and new != match[0]:
            return Change(_place(file, match, new), {file: spliced(design.files[file], match, new=new)})
    return None


def edited_everywhere(design: Design, where: str, *, pattern: str, replacement: str) -> Files:
    """Replace all matches of a pattern in a part: the files that change."""
    changed = {file: re.sub(pattern, replacement, design.files[file]) for file in part(design, where)}
    return {file: text for file, text in changed.items() if text != design.files[file]}


def spliced(text: str, match: re.Match[str], *, new: str) -> str:
    """Return the text with a match replaced by `new`."""
    return text[: match.start()] + new + text[match.end() :]


def _place(file: str, match: re.Match[str], new: str) -> str:
    line = match.string.count("\n", 0, match.start()) + 1
    old, replaced = (" ".join(text.split())[:60] for text in (match[0], new))
    return f"{file}:{line}: {old} -> {replaced}"


def filled(text: str, design: Design, *, draw: Draw) -> str:
    """Put a design's figures for the marks @word@ in a text.

    @in@, @out@: highest bits of the buses; @bits@: width of data_in; @cycles@: latency; @bit@, @other@: two random
    bits of data_out, @inbit@: of data_in; @a@, @b@: two random inputs; @prefix@: of all modules.
    """
    known: dict[str, str | int] = {
        "in": design.bits_in - 1,
        "out": design.bits_out - 1,
        "bits": design.bits_in,
        "cycles": design.cycles,
        "bit": int(draw.integers(design.bits_out)),
        "other": int(draw.integers(design.bits_out)),
        "inbit": int(draw.integers(design.bits_in)),
        "a": int(draw.integers(1, 1 << design.bits_in)),
        "b": int(draw.integers(1, 1 << design.bits_in)),
        "prefix": design.prefix,
    }
    return marked(text, known)


def marked(text: str, known: Mapping[str, str | int]) -> str:
    """Put what is known for the marks @word@ in a text."""
    return re.sub(r"@(\w+)@", lambda m: str(known[m[1]]), text)


def _filled(
    texts: Sequence[str], events: Sequence[tuple[int, str]], design: Design, draw: Draw
) -> tuple[list[str], Events]:
    """Fill texts and the data of events, all with the same figures."""
    separator = "\n\0\n"
    filled_texts = filled(separator.join([*texts, *(data for _, data in events)]), design, draw=draw).split(separator)
    data = filled_texts[len(texts) :]
    return filled_texts[: len(texts)], tuple(
        (valid, int(value)) for (valid, _), value in zip(events, data, strict=True)
    )


def in_body(text: str, code: str) -> str:
    """Put code behind the ports of the first module of a text."""
    return text.replace("\n);\n", f"\n);\n{code}\n", 1)


def ended(text: str, code: str) -> str:
    """Put code at the end of each module of a text."""
    return text.replace("endmodule", f"    {code}\nendmodule")


def clean_top(design: Design, code: str = "") -> str:
    """Return the top-level module with its outputs on `clean`: nothing drives data_out. code: further declarations."""
    text = design.files[design.top].replace("assign data_out[", "assign clean[")
    return in_body(text, f"    wire [{design.bits_out - 1}:0] clean;{code}")


def inverted(design: Design, bit: int | str, *, fires: str) -> str:
    """Return Verilog of the outputs in `clean` with a bit inverted where `fires` is 1."""
    return f"clean ^ ({{{design.bits_out}{{{fires}}}}} & ({design.bits_out}'d1 << {bit}))"


def flip(
    kind: str,
    name: str,
    *,
    code: str = "",
    fires: str = "hit",
    events: Sequence[tuple[int, str]] = (),
    readings: dict[str, tuple[str, str]] | None = None,
    extra: dict[str, str] | None = None,
    equal: bool = False,
) -> None:
    """Register an operator that inverts one bit of data_out where `fires` is 1.

    Parameters
    ----------
    code, fires
        Verilog with the marks of `filled`.
    events
        valid_in and data_in (with marks) of consecutive cycles that make it fire.
    readings
        Code and condition as other readers see them.
    extra
        Text of other files by name, with marks; names of changed files are the design's.
    equal
        Whether it never fires.
    """

    @operator(kind, name)
    def apply(design: Design, draw: Draw) -> Change | None:
        forms = [(code, fires), *(readings or {}).values()]
        texts = ["@bit@", *(piece for form in forms for piece in form), *(extra or {}).values()]
        (bit, *filled_texts), given = _filled(texts, events, design, draw)
        top_files = [
            {
                design.top: ended(
                    clean_top(design, f"\n{declared}"), f"assign data_out = {inverted(design, bit, fires=when)};"
                )
            }
            for declared, when in zip(filled_texts[: 2 * len(forms) : 2], filled_texts[1::2], strict=False)
        ]
        added = dict(zip(extra or {}, filled_texts[2 * len(forms) :], strict=True))
        place = f"{design.top}: bit {bit} of data_out where {filled_texts[1][:60]}"
        return Change(
            place, top_files[0] | added, dict(zip(readings or {}, top_files[1:], strict=True)), given, (), equal
        )


def flips(
    kind: str, rows: Mapping[str, tuple[str, str] | tuple[str, str, dict[str, tuple[str, str]]]], *, equal: bool = False
) -> None:
    """Register operators of `flip` from a table: name to code, `fires` and readings."""
    for name, (code, fires, *readings) in rows.items():
        flip(kind, name, code=code, fires=fires, readings=readings[0] if readings else None, equal=equal)


def edit(kind: str, name: str, *, where: str, pattern: str, replacement: Replacement, equal: bool = False) -> None:
    """Register an operator that replaces one random match of a pattern in a part of the design."""

    @operator(kind, name)
    def apply(design: Design, draw: Draw) -> Change | None:
        change = edited(design, draw, where=where, pattern=pattern, replacement=replacement)
        return change if change is None or not equal else Change(change.place, change.files, equal=True)


def edits(kind: str, rows: Mapping[str, tuple[str, Replacement]], *, where: str, equal: bool = False) -> None:
    """Register operators of `edit` from a table: name to pattern and replacement."""
    for name, (pattern, replacement) in rows.items():
        edit(kind, name, where=where, pattern=pattern, replacement=replacement, equal=equal)


def edit_top(
    kind: str,
    name: str,
    *changes: tuple[str, str],
    body: str = "",
    equal: bool = False,
    events: Sequence[tuple[int, str]] = (),
) -> None:
    """Register an operator that replaces patterns, with the marks of `filled`, everywhere in the top-level module.

    body: code that comes behind the ports.
    """
    if body:
        changes = (*changes, (r"\n\);\n", f"\n);\n{body}\n"))

    @operator(kind, name)
    def apply(design: Design, draw: Draw) -> Change | None:
        parts, given = _filled([text for change in changes for text in change], events, design, draw)
        text = design.files[design.top]
        for pattern, replacement in zip(parts[::2], parts[1::2], strict=True):
            new = re.sub(pattern, replacement, text)
            if new == text:
                return None
            text = new
        place = f"{design.top}: {' '.join(parts[-1].split())[:60]}"
        return Change(place, {design.top: text}, {}, given, (), equal)
