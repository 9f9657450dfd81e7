"""Sites of one-bit faults in generated Verilog: table entries, operands of adders, registers, outputs."""

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
BLOCK = re.compile(r"^    reg \[\d+:0\] count;$", re.MULTILINE)
"""A module that uses a step in several cycles has a counter."""
STORED = re.compile(r"^    (?:\(\* shreg_extract = \"no\" \*\) )?reg (?:\[(\d+):0\] )?(\w+);$", re.MULTILINE)
FIELD = re.compile(r"^    assign data_out\[(\d+):(\d+)\] = (.*);$", re.MULTILINE)


@dataclass(frozen=True)
class Fault:
    """One fault.

    Attributes
    ----------
    kind
        Kind of the site.
    module
        Verilog module that contains it.
    place
        Site: the table, the adder's instance and operand, the register, or the bus.
    bit
        Number of the faulty bit; of a table: in the entry.
    change
        Change of the bit: 'inverted', 'stuck at 0', 'stuck at 1', 'from the next bit', 'a cycle early', or
        'a cycle late'.
    entry
        Address in a table; 0 for other kinds.
    """

    kind: Kind
    module: str
    place: str
    bit: int
    change: str
    entry: int = 0

    def describe(self) -> str:
        """Return the module, the bit, the site and the change as text."""
        where = f"entry {self.entry}" if self.kind == "table" else self.place
        return f"{self.module}: bit {self.bit} of {where} {self.change}"


def candidates(texts: dict[str, str], top: str) -> dict[Kind, list[Fault]]:
    """Find all sites of faults in a design's Verilog, with every change that each allows.

    Parameters
    ----------
    texts
        Verilog by file.
    top
        Name of the top-level module.

    Returns
    -------
    dict of Kind to list of Fault
        Faults by kind.
    """
    faults: dict[Kind, list[Fault]] = {kind: [] for kind in KINDS}
    for text in texts.values():
        for name, _, high, body in TABLE.findall(text):
            for _, address in ENTRY.findall(body):
                faults["table"] += [
                    Fault("table", name, name, bit, "inverted", int(address, 16)) for bit in range(int(high) + 1)
                ]
    for module, text in texts.items():
        for match in ADDER.finditer(text):
            for n in (0, 1):
                faults["adder"] += _operand(module, match[4], n, match[5 + n])
    for module, text in texts.items():
        if module.endswith("_core"):
            for high, name in REGISTER.findall(text):
                faults["register"] += [
                    Fault("register", module, name, bit, change)
                    for bit in range(int(high) + 1)
                    for change in ("stuck at 0", "stuck at 1", "a cycle early", "a cycle late")
                ]
        elif BLOCK.search(text):
            for high, name in STORED.findall(text):
                faults["register"] += [
                    Fault("register", module, name, bit, change)
                    for bit in range(int(high or 0) + 1)
                    for change in ("stuck at 0", "stuck at 1")
                ]
    faults["register"] += [
        Fault("register", top, "valid_out", 0, c) for c in ("stuck at 0", "stuck at 1", "a cycle late")
    ]
    for high, low, _ in FIELD.findall(texts[top]):
        for bit in range(int(low), int(high) + 1):
            faults["output"] += [
                Fault("output", top, "data_out", bit, change)
                for change in ("stuck at 0", "stuck at 1", *(["from the next bit"] if bit < int(high) else []))
            ]
    return faults


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


def draw(faults_by_kind: dict[Kind, list[Fault]], count: int, *, seed: int) -> list[Fault]:
    """Draw faults at random, with the fractions of `SHARES` for the kinds.

    Parameters
    ----------
    faults_by_kind
        Faults by kind to draw from.
    count
        Number of faults.
    seed
        Seed of the draw.

    Returns
    -------
    list of Fault
        Different faults. Where a kind has too few, tables and then the other kinds give the rest.
    """
    rng = np.random.default_rng(seed)
    order = {kind: [faults[n] for n in rng.permutation(len(faults))] for kind, faults in faults_by_kind.items()}
    taken = {kind: min(int(count * SHARES[kind]), len(order[kind])) for kind in KINDS}
    for kind in KINDS:
        rest = count - sum(taken.values())
        taken[kind] += min(rest, len(order[kind]) - taken[kind])
    return [fault for kind in KINDS for fault in order[kind][: taken[kind]]]
