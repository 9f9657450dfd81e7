"""What alkaid's small Verilog modules compute: as forms, and as Verilog of our own that SAT compares them with."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from trigger_lut.proof.aiger import write_aiger
from trigger_lut.proof.equivalence import equivalent, read_graph
from trigger_lut.proof.forms import Algebra, Form

KINDS = {"shift_adder": "sum", "negative": "sum", "mux": "choice"}


@dataclass(frozen=True)
class Operand:
    """A port: its width, whether its highest bit is a sign, and by how many bits it counts shifted to the left."""

    port: str
    bits: int
    signed: bool
    shift: int = 0


@dataclass(frozen=True)
class Part:
    """A module with its parameters.

    kind      "sum": the operands, the last one times `sign`; "choice": the first where `key` is set, else the second
    drop      low bits that are left out of a sum
    bits      of the output; what is above them is cut off
    """

    module: str
    parameters: tuple[tuple[str, int], ...]
    kind: str
    operands: tuple[Operand, ...]
    bits: int
    sign: int = 1
    drop: int = 0


def part_of(module: str, parameters: Mapping[str, str]) -> Part | None:
    """A module by its name and its parameters as Yosys writes them; None for one of another kind."""
    name = next((name for name in KINDS if module.endswith(name)), None)
    if name is None:
        return None
    known = {key: _number(text) for key, text in parameters.items()}
    given = tuple(sorted(known.items()))
    if name == "negative":
        operand = Operand("in", known["BW_IN"], bool(known["IN_SIGNED"]))
        return Part(module, given, KINDS[name], (operand,), known["BW_OUT"], sign=-1)
    shift = known["SHIFT1"]
    operands = (
        Operand("in0", known["BW_INPUT0"], bool(known["SIGNED0"]), max(-shift, 0)),
        Operand("in1", known["BW_INPUT1"], bool(known["SIGNED1"]), max(shift, 0)),
    )
    sign = -1 if known.get("IS_SUB") else 1
    return Part(module, given, KINDS[name], operands, known["BW_OUT"], sign, known.get("DROP_LSBS", 0))


def _number(text: str) -> int:
    value = int(text, 2)
    return value - (1 << 32) if len(text) == 32 and text[0] == "1" else value


def shifted(part: Part, algebra: Algebra, forms: Sequence[Form]) -> list[Form]:
    """The operands as they enter the sum or the choice."""
    return [algebra.scale(form, 1 << operand.shift) for form, operand in zip(forms, part.operands, strict=True)]


def sum_of(part: Part, algebra: Algebra, forms: Sequence[Form]) -> Form:
    """What a "sum" gives modulo 2**bits."""
    *first, last = shifted(part, algebra, forms)
    form = algebra.add(*first, algebra.scale(last, part.sign))
    whole = algebra.divided(form, 1 << part.drop)
    return algebra.apply(form, lambda v: v >> part.drop) if whole is None else whole


def library_holds(parts: Sequence[Part], sources: Sequence[Path], seconds: float) -> bool:
    """Whether SAT shows, within a time, that modules in Verilog files are what is said of them here.

    Raises ToolMissingError and ToolFailedError of Yosys and ABC.
    """
    if not parts:
        return True
    with tempfile.TemporaryDirectory(prefix="trigger_lut_library_") as folder:
        graphs = []
        for name, text in (("found", _instance), ("wanted", _meaning)):
            source, graph = Path(folder, f"{name}.v"), Path(folder, f"{name}.aig")
            source.write_text(_module(name, parts, text), encoding="utf-8")
            write_aiger([source, *sources], name, graph)
            graphs.append(read_graph(graph))
        return equivalent(graphs[0], graphs[1], seconds).verdict == "proven"


def _module(name: str, parts: Sequence[Part], text: Callable[[int, Part, Mapping[str, str]], str]) -> str:
    lines, at, out = [], 0, 0
    for n, part in enumerate(parts):
        ports = {"key": f"data_in[{at}]"}
        at += 1
        for operand in part.operands:
            ports[operand.port] = f"data_in[{at + operand.bits - 1}:{at}]"
            at += operand.bits
        ports["out"] = f"data_out[{out + part.bits - 1}:{out}]"
        out += part.bits
        lines.append(text(n, part, ports))
    head = f"module {name} (input wire [{at - 1}:0] data_in, output wire [{out - 1}:0] data_out);"
    return "\n".join([head, *lines, "endmodule", ""])


def _instance(n: int, part: Part, ports: Mapping[str, str]) -> str:
    values = ", ".join(f".{key}({value})" for key, value in part.parameters)
    wires = ", ".join(f".{port}({wire})" for port, wire in ports.items() if port != "key" or part.kind == "choice")
    return f"    {part.module} #({values}) part{n} ({wires});"


def _meaning(n: int, part: Part, ports: Mapping[str, str]) -> str:
    wide = max(operand.bits + operand.shift for operand in part.operands) + 2
    lines = []
    for operand in part.operands:
        whole = f"$signed({ports[operand.port]})" if operand.signed else f"$signed({{1'b0, {ports[operand.port]}}})"
        name = f"{operand.port}_{n}"
        lines.append(f"    wire signed [{wide - 1}:0] {name}_whole = {whole};")
        lines.append(f"    wire signed [{wide - 1}:0] {name} = {name}_whole <<< {operand.shift};")
    first, last = (f"{operand.port}_{n}" for operand in (part.operands[0], part.operands[-1]))
    if part.kind == "choice":
        value = f"{ports['key']} ? {first} : {last}"
    elif len(part.operands) == 1:
        value = f"-{last}" if part.sign < 0 else last
    else:
        value = f"{first} {'-' if part.sign < 0 else '+'} {last}"
    lines.append(f"    wire signed [{wide - 1}:0] value{n} = {value};")
    lines.append(f"    assign {ports['out']} = value{n} >>> {part.drop};")
    return "\n".join(lines)
