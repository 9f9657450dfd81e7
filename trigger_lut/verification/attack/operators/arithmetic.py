"""Mutations of adders, choices, signs and slices."""

from __future__ import annotations

import re
from collections.abc import Callable

from trigger_lut.verification.attack.designs import Design
from trigger_lut.verification.attack.edit import ADDER, MUX, SLICE, Draw, edit, edited, edits, part, spliced
from trigger_lut.verification.attack.mutate import Change, operator

Instance = Callable[[list[int], list[str]], bool]
"""Changes parameters and ports of an instance; False: does not apply."""

# Places of the parameters of alkaid's modules.
BITS0, BITS1, SIGNED0, SIGNED1, BITS_OUT, DROP, SHIFT, SUBTRACT = range(8)
MUX_SHIFT = 5


def instance(kind: str, name: str, *, pattern: str, change: Instance) -> None:
    """Register an operator that changes one instance of alkaid's library."""

    @operator(kind, name)
    def apply(design: Design, draw: Draw) -> Change | None:
        def new(match: re.Match[str]) -> str | None:
            values = [int(value) for value in match["parameters"].split(",")]
            ports = [port.strip() for port in match["ports"].split(",")]
            if not change(values, ports):
                return None
            head = match[0].split("#")[0]
            return f"{head}#({','.join(map(str, values))}) {match['name']} ({','.join(ports)});"

        return edited(design, draw, where="stages", pattern=pattern, replacement=new)


def _set(place: int, value: Callable[[int], int]) -> Instance:
    def change(values: list[int], ports: list[str]) -> bool:
        values[place] = value(values[place])
        return True

    return change


def _swap_ports(values: list[int], ports: list[str]) -> bool:
    ports[-3], ports[-2] = ports[-2], ports[-3]
    return True


def _swap_operands(values: list[int], ports: list[str]) -> bool:
    if values[SHIFT] or not values[SUBTRACT]:
        return False
    _swap_ports(values, ports)
    values[BITS0], values[BITS1] = values[BITS1], values[BITS0]
    values[SIGNED0], values[SIGNED1] = values[SIGNED1], values[SIGNED0]
    return True


def _same_operand_twice(values: list[int], ports: list[str]) -> bool:
    if values[BITS0] != values[BITS1]:
        return False
    ports[1] = ports[0]
    return True


def _one_bit_of_operand_inverted(values: list[int], ports: list[str]) -> bool:
    ports[0] = f"{ports[0]} ^ {values[BITS0]}'d1"
    return True


def _key_inverted(values: list[int], ports: list[str]) -> bool:
    ports[0] = f"~{ports[0]}"
    return True


def _key_is_a_data_bit(values: list[int], ports: list[str]) -> bool:
    ports[0] = re.sub(r"\[.*", "[0]", ports[1])
    return "'" not in ports[0]


def _reversed(match: re.Match[str]) -> str:
    return ", ".join(f"{match['of']}[{n}]" for n in range(int(match["low"]), int(match["high"]) + 1))


instance("adders", "sum for difference", pattern=ADDER, change=_set(SUBTRACT, lambda v: 1 - v))
instance("adders", "operand shifted one bit more", pattern=ADDER, change=_set(SHIFT, lambda v: v + 1))
instance("adders", "operand shifted one bit less", pattern=ADDER, change=_set(SHIFT, lambda v: v - 1))
instance("adders", "low bit of a sum dropped", pattern=ADDER, change=_set(DROP, lambda v: v + 1))
instance("adders", "high bit of a sum dropped", pattern=ADDER, change=_set(BITS_OUT, lambda v: v - 1))
instance("adders", "operand one bit narrower", pattern=ADDER, change=_set(BITS0, lambda v: v - 1))
instance("adders", "ports of an adder swapped", pattern=ADDER, change=_swap_ports)
instance("adders", "operands of a difference swapped", pattern=ADDER, change=_swap_operands)
instance("adders", "one operand twice", pattern=ADDER, change=_same_operand_twice)
instance("adders", "one bit of an operand inverted", pattern=ADDER, change=_one_bit_of_operand_inverted)
instance("adders", "key of a choice inverted", pattern=MUX, change=_key_inverted)
instance("adders", "key of a choice is a data bit", pattern=MUX, change=_key_is_a_data_bit)
instance("adders", "ports of a choice swapped", pattern=MUX, change=_swap_ports)
instance("adders", "operand of a choice shifted", pattern=MUX, change=_set(MUX_SHIFT, lambda v: v + 1))
instance("signs", "sign of operand 0", pattern=ADDER, change=_set(SIGNED0, lambda v: 1 - v))
instance("signs", "sign of operand 1", pattern=ADDER, change=_set(SIGNED1, lambda v: 1 - v))
instance("signs", "sign of the first choice", pattern=MUX, change=_set(SIGNED0, lambda v: 1 - v))
instance("signs", "sign of the second choice", pattern=MUX, change=_set(SIGNED1, lambda v: 1 - v))

edit(
    "adders",
    "constant changed",
    where="stages",
    pattern=r"= 'b([01]*)([01])([01]*);",
    replacement=lambda m: f"= 'b{m[1]}{1 - int(m[2])}{m[3]};",
)
edits(
    "adders",
    {
        "sum in the library is a difference": (r"in0_ext(\[[^]]*\])? \+ in1_ext", r"in0_ext\1 - in1_ext"),
        "sum in the library is a bitwise or": (r"in0_ext(\[[^]]*\])? \+ in1_ext", r"in0_ext\1 | in1_ext"),
        "difference in the library reversed": (r"in0_ext - in1_ext", "in1_ext - in0_ext"),
        "borrow lost": (r" - borrow;", ";"),
        "low bits of a shifted sum from the other operand": (r"= in0_ext\[ABS_SHIFT-1:0\]", "= in1_ext[ABS_SHIFT-1:0]"),
        "drop of low bits ignored": (r"accum\[BW_OUT-1\+DROP_LSBS:DROP_LSBS\]", "accum[BW_OUT-1:0]"),
        "choices in the library exchanged": (r"\(key\) \? in0_ext", "(!key) ? in0_ext"),
    },
    where="library",
)
edits(
    "signs",
    {
        "sign extension in the library with zeros": (
            r"\{IN(\d)_PAD_LEFT\{in\d\[BW_INPUT\d-1\]\}\}",
            r"{IN\1_PAD_LEFT{1'b0}}",
        ),
        "zero extension in the library with the sign": (
            r"\{IN(\d)_PAD_LEFT\{1'b0\}\}",
            r"{IN\1_PAD_LEFT{in\1[BW_INPUT\1-1]}}",
        ),
    },
    where="library",
)
edits(
    "signs",
    {
        "arithmetic shift in an unsigned context": (
            SLICE,
            lambda m: (
                None
                if m["low"] == "0"
                else f"{m['to']}[{m['high_to']}:0] = ($signed({m['of']}) >>> {m['low']}) + {int(m['high_to']) + 9}'d0;"
            ),
        ),
        "slice by an arithmetic shift": (
            SLICE,
            lambda m: None if m["low"] == "0" else f"{m['to']}[{m['high_to']}:0] = $signed({m['of']}) >>> {m['low']};",
        ),
        "sign of a comparison lost": (
            r"(?<=assign )(v\d+\[0:0\]) = (v\d+)\[([1-9]):\3\];",
            r"\1 = \2 < $signed(1'b0);",
        ),
    },
    where="stages",
)
edits(
    "slices",
    {
        "slice one bit higher": (
            SLICE,
            lambda m: f"{m['to']}[{m['high_to']}:0] = {m['of']}[{int(m['high']) + 1}:{int(m['low']) + 1}];",
        ),
        "slice one bit lower": (
            SLICE,
            lambda m: (
                None
                if m["low"] == "0"
                else f"{m['to']}[{m['high_to']}:0] = {m['of']}[{int(m['high']) - 1}:{int(m['low']) - 1}];"
            ),
        ),
        "highest bit of a slice is 0": (
            SLICE,
            lambda m: (
                None
                if m["high_to"] == "0"
                else f"{m['to']}[{m['high_to']}:0] = {m['of']}[{int(m['high']) - 1}:{m['low']}];"
            ),
        ),
        "slice in reversed order": (
            SLICE,
            lambda m: None if m["high_to"] == "0" else f"{m['to']}[{m['high_to']}:0] = {{{_reversed(m)}}};",
        ),
        "lowest bit of a slice inverted": (SLICE, lambda m: m[0][:-1] + " ^ 1'b1;"),
        "inversion lost": (r"= ~(v\d+)", r"= \1"),
        "inversion added": (r"(?<=assign )(v\d+\[0:0\]) = (v\d+\[\d+:\d+\]);", r"\1 = ~\2;"),
        "mask lost": (r" & \{\d+\{~v\d+\[\d+\]\}\}", ""),
        "input slice of a stage shifted": (
            r"= model_inp\[(\d+):(\d+)\];",
            lambda m: None if m[2] == "0" else f"= model_inp[{int(m[1]) - 1}:{int(m[2]) - 1}];",
        ),
        "slice at an index that the data choose": (
            SLICE,
            lambda m: f"{m['to']}[{m['high_to']}:0] = {m['of']}[{m['of']}[0] +: {int(m['high_to']) + 1}];",
        ),
    },
    where="stages",
)


@operator("slices")
def outputs_of_a_stage_exchanged(design: Design, draw: Draw) -> Change | None:
    """Exchange two words of the same width between the outputs of a stage."""
    pattern = r"(?<=assign )(model_out\[(\d+):(\d+)\]) = (v\d+)(\[\d+:0\]);"
    for file in draw.permutation(part(design, "stages")).tolist():
        text = design.files[file]
        assignments = list(re.finditer(pattern, text))
        pairs = [
            (a, b) for a in assignments for b in assignments if a.start() < b.start() and a[5] == b[5] and a[4] != b[4]
        ]
        if pairs:
            first, second = pairs[int(draw.integers(len(pairs)))]
            # From the end on, so that places before stay.
            text = spliced(text, second, new=f"{second[1]} = {first[4]}{first[5]};")
            text = spliced(text, first, new=f"{first[1]} = {second[4]}{second[5]};")
            return Change(f"{file}: {first[1]} and {second[1]}", {file: text})
    return None


@operator("adders")
def sum_without_carry_at_one_width(design: Design, draw: Draw) -> Change | None:
    """Leave the carry out where an adder has the width of one of the instances."""
    widths = {
        int(m["parameters"].split(",")[BITS_OUT])
        for file in part(design, "stages")
        for m in re.finditer(ADDER, design.files[file])
    }
    if not widths:
        return None
    width = sorted(widths)[int(draw.integers(len(widths)))]
    new = f"assign out = (BW_OUT == {width}) ? accum[BW_OUT-1+DROP_LSBS:DROP_LSBS] ^ &in0 : accum"
    return edited(design, draw, where="library", pattern=r"assign out = accum(?=\[BW_OUT-1\+DROP)", replacement=new)


@operator("adders")
def parameter_overridden_from_outside(design: Design, draw: Draw) -> Change | None:
    """Override IS_SUB of an instance with defparam."""
    return edited(
        design,
        draw,
        where="stages",
        pattern=ADDER,
        replacement=lambda m: f"{m[0]} defparam {m['name']}.IS_SUB = {1 - int(m['parameters'].split(',')[SUBTRACT])};",
    )
