"""Functions of alkaid's small Verilog modules: as forms, and as Verilog of our own that SAT compares them with."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trigger_lut.verification.formal.netlist_graph import netlist_graph, read_netlist
from trigger_lut.verification.formal.normal_form import Algebra, Form
from trigger_lut.verification.formal.sat import equivalent

KINDS = {"shift_adder": "sum", "negative": "sum", "mux": "choice"}
PARAMETERS = {
    "shift_adder": {"BW_INPUT0", "BW_INPUT1", "SIGNED0", "SIGNED1", "BW_OUT", "DROP_LSBS", "SHIFT1", "IS_SUB"},
    "negative": {"BW_IN", "BW_OUT", "IN_SIGNED"},
    "mux": {"BW_INPUT0", "BW_INPUT1", "SIGNED0", "SIGNED1", "BW_OUT", "SHIFT1"},
}
MOST_SHIFT = 4096


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

    Attributes
    ----------
    module
        Name of the module.
    parameters
        Values of the parameters by name.
    kind
        "sum": the sum of the operands, the last one times `sign`. "choice": the first operand where `key` is set, else
        the second.
    operands
        Ports of the operands.
    bits
        Width of the output; higher bits of the result are cut off.
    sign
        Factor of the last operand of a sum.
    drop
        Number of low bits of a sum that are cut off.
    """

    module: str
    parameters: tuple[tuple[str, int], ...]
    kind: str
    operands: tuple[Operand, ...]
    bits: int
    sign: int = 1
    drop: int = 0


def part_of(module: str, parameters: Mapping[str, str]) -> Part | None:
    """Recognize a module by its name and its parameters as Yosys writes them; None for one of another kind.

    The name only selects what the module is compared with: see `library_holds`.
    """
    name = next((name for name in KINDS if module.endswith(name)), None)
    if name is None or any(set(text) - {"0", "1"} for text in parameters.values()):
        return None
    known = {key: _number(text) for key, text in parameters.items()}
    if not PARAMETERS[name] <= known.keys() or min((v for k, v in known.items() if k.startswith("BW_")), default=0) < 1:
        return None
    given = tuple(sorted(known.items()))
    if name == "negative":
        operand = Operand("in", known["BW_IN"], bool(known["IN_SIGNED"]))
        return Part(module, given, KINDS[name], (operand,), known["BW_OUT"], sign=-1)
    shift, drop = known["SHIFT1"], known.get("DROP_LSBS", 0)
    if max(abs(shift), abs(drop)) > MOST_SHIFT or drop < 0:
        return None
    operands = (
        Operand("in0", known["BW_INPUT0"], bool(known["SIGNED0"]), max(-shift, 0)),
        Operand("in1", known["BW_INPUT1"], bool(known["SIGNED1"]), max(shift, 0)),
    )
    sign = -1 if known.get("IS_SUB") else 1
    return Part(module, given, KINDS[name], operands, known["BW_OUT"], sign, drop)


def _number(text: str) -> int:
    value = int(text, 2)
    return value - (1 << 32) if len(text) == 32 and text[0] == "1" else value


def shifted(part: Part, algebra: Algebra, *, forms: Sequence[Form]) -> list[Form]:
    """Return the operands as they enter the sum or the choice."""
    return [algebra.scale(form, 1 << operand.shift) for form, operand in zip(forms, part.operands, strict=True)]


def sum_of(part: Part, algebra: Algebra, *, forms: Sequence[Form]) -> Form:
    """Return the result of a "sum" modulo 2**bits."""
    *first, last = shifted(part, algebra, forms=forms)
    form = algebra.add(*first, algebra.scale(last, part.sign))
    whole = algebra.divided(form, 1 << part.drop)
    return algebra.apply(form, lambda v: v >> part.drop) if whole is None else whole


def library_holds(modules: Mapping[str, Any], parts: Mapping[str, Part], *, seconds: float) -> bool:
    """Say whether SAT shows that modules compute what is said of them here.

    Parameters
    ----------
    modules
        In Yosys' JSON: the netlists that were read, whatever their names are.
    parts
        What each of them is to compute, by its name in `modules`.
    seconds
        For SAT.

    Raises
    ------
    ToolMissingError, ToolFailedError
        Of Yosys and ABC.
    """
    if not parts:
        return True
    cells, bits, at, out = {}, 2, 0, 0  # nets 0 and 1 would read as constants
    width_in = sum(1 + sum(o.bits for o in part.operands) for part in parts.values())
    inputs = list(range(bits, bits + width_in))
    outputs: list[int] = []
    lines: list[str] = []
    for n, (name, part) in enumerate(parts.items()):
        nets, texts = {"key": inputs[at : at + 1]}, {"key": f"data_in[{at}]"}
        at += 1
        for operand in part.operands:
            nets[operand.port] = inputs[at : at + operand.bits]
            texts[operand.port] = f"data_in[{at + operand.bits - 1}:{at}]"
            at += operand.bits
        if part.kind != "choice":
            del nets["key"]
        nets["out"] = list(range(bits + width_in + out, bits + width_in + out + part.bits))
        texts["out"] = f"data_out[{out + part.bits - 1}:{out}]"
        out += part.bits
        outputs += nets["out"]
        ports = {port: ("output" if port == "out" else "input", len(own)) for port, own in nets.items()}
        if ports != {p: (port["direction"], len(port["bits"])) for p, port in modules[name]["ports"].items()}:
            return False
        directions = {port: direction for port, (direction, _) in ports.items()}
        cells[f"part{n}"] = {"type": name, "connections": nets, "port_directions": directions, "parameters": {}}
        lines.append(_meaning(n, part, texts))
    instances = {"cells": cells, "ports": {"data_in": {"bits": inputs}, "data_out": {"bits": outputs}}}
    actual = netlist_graph({**modules, "found": instances}, "found", groups=[out])
    if actual.outputs[-1]:
        return False  # a value that is not defined
    head = f"module wanted (input wire [{at - 1}:0] data_in, output wire [{out - 1}:0] data_out);"
    with tempfile.TemporaryDirectory(prefix="trigger_lut_library_") as folder:
        source = Path(folder, "wanted.v")
        source.write_text("\n".join([head, *lines, "endmodule", ""]), encoding="utf-8")
        wanted = netlist_graph(read_netlist(source, "wanted"), "wanted", groups=[out], own=True)
    return equivalent(actual, wanted, seconds=seconds).verdict == "proven"


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
