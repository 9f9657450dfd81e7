"""Where a fault of one bit can be put into generated Verilog: table entries, operands of adders, registers, outputs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import numpy as np

Kind = Literal["table", "adder", "register", "output"]
KINDS: tuple[Kind, ...] = ("table", "adder", "register", "output")
SHARES = {"table": 0.4, "adder": 0.25, "register": 0.2, "output": 0.15}

TABLE = re.compile(
    r"module (\w*table_\w+)\(input \[(\d+):0\] in, output reg \[(\d+):0\] out\);\n(.*?)endmodule", re.DOTALL
)
ENTRY = re.compile(r"^(\d+)'h([0-9A-Fa-f]+): out =", re.MULTILINE)
ADDER = re.compile(
    r"^( *wire [^;]*;) (\w+shift_adder) (#\([^)]*\)) (op_\d+) \(([^,]+),([^,]+),([^)]+)\);$", re.MULTILINE
)
SLICE = re.compile(r"(\w+)\[(\d+)(?::(\d+))?\]")
REGISTER = re.compile(r"reg \[(\d+):0\] (\w+)[;,\n]")
FIELD = re.compile(r"^    assign data_out\[(\d+):(\d+)\] = (.*);$", re.MULTILINE)


@dataclass(frozen=True)
class Fault:
    """One fault.

    module  Verilog module it is in
    place   what is hit: the table, the adder's instance and operand, the register, the bus
    bit     which bit of it (of a table: of the entry)
    change  'inverted', 'stuck at 0', 'stuck at 1', 'from the next bit', 'a cycle early', 'a cycle late'
    entry   address in a table
    """

    kind: Kind
    module: str
    place: str
    bit: int
    change: str
    entry: int = 0

    def describe(self) -> str:
        where = f"entry {self.entry}" if self.kind == "table" else self.place
        return f"{self.module}: bit {self.bit} of {where} {self.change}"


def candidates(texts: dict[str, str], top: str) -> dict[Kind, list[Fault]]:
    """All faults of a design, by kind. texts: Verilog by file; top: name of the top-level module."""
    found: dict[Kind, list[Fault]] = {kind: [] for kind in KINDS}
    for text in texts.values():
        for name, _, high, body in TABLE.findall(text):
            for _, address in ENTRY.findall(body):
                found["table"] += [
                    Fault("table", name, name, bit, "inverted", int(address, 16)) for bit in range(int(high) + 1)
                ]
    for module, text in texts.items():
        for match in ADDER.finditer(text):
            for n in (0, 1):
                found["adder"] += _operand(module, match[4], n, match[5 + n])
    for module, text in texts.items():
        if module.endswith("_core"):
            for high, name in REGISTER.findall(text):
                found["register"] += [
                    Fault("register", module, name, bit, change)
                    for bit in range(int(high) + 1)
                    for change in ("stuck at 0", "stuck at 1", "a cycle early", "a cycle late")
                ]
    found["register"] += [
        Fault("register", top, "valid_out", 0, c) for c in ("stuck at 0", "stuck at 1", "a cycle late")
    ]
    for high, low, _ in FIELD.findall(texts[top]):
        for bit in range(int(low), int(high) + 1):
            found["output"] += [
                Fault("output", top, "data_out", bit, change)
                for change in ("stuck at 0", "stuck at 1", *(["from the next bit"] if bit < int(high) else []))
            ]
    return found


def _operand(module: str, instance: str, n: int, text: str) -> list[Fault]:
    match = SLICE.fullmatch(text.strip())
    if not match:
        return []
    width = int(match[2]) - int(match[3] or match[2]) + 1
    return [
        Fault("adder", module, f"{instance}, operand {n}", bit, change)
        for bit in range(width)
        for change in ("stuck at 0", "stuck at 1", *(["from the next bit"] if bit + 1 < width else []))
    ]


def draw(found: dict[Kind, list[Fault]], count: int, seed: int) -> list[Fault]:
    """So many faults, by their fractions; where a kind has too few, tables and then the others give the rest."""
    rng = np.random.default_rng(seed)
    order = {kind: [faults[n] for n in rng.permutation(len(faults))] for kind, faults in found.items()}
    taken = {kind: min(int(count * SHARES[kind]), len(order[kind])) for kind in KINDS}
    for kind in KINDS:
        rest = count - sum(taken.values())
        taken[kind] += min(rest, len(order[kind]) - taken[kind])
    return [fault for kind in KINDS for fault in order[kind][: taken[kind]]]
