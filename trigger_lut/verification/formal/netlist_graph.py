"""A netlist as an and-inverter graph, with registers as wires, and flags for reads of undefined values.

Yosys gives the netlist word by word (`circuit.read_modules`); the gates are made here. An x is never a 0 or a 1. Where
a table has no entry, or a choice would select an x, the graph has one more output, `undefined`. It is 1 for the inputs
that reach it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from trigger_lut.errors import ToolFailedError, ToolLimitError
from trigger_lut.fixed_point.formats import IntArray
from trigger_lut.utils.memory import PROGRAM_BYTES
from trigger_lut.verification.formal.netlist_reader import read_design
from trigger_lut.verification.formal.normal_form import FormError
from trigger_lut.verification.formal.rom_contents import UNDEFINED, table_entries
from trigger_lut.verification.formal.sat import Graph

MOST_GATES = PROGRAM_BYTES >> 9
"""A gate takes up to 512 bytes here: 8 million gates within 4 GiB."""

Bit = int | str
Literals = list[int]
"""2 * variable, + 1 where negated, as in AIGER: 0 is the constant 0, 1 the constant 1."""
NetLiterals = dict[Bit, int]


def read_netlist(source: Path, top: str) -> dict[str, Any]:
    """Read Verilog of our own as modules in Yosys' JSON. Raises ToolMissingError and ToolFailedError of Yosys."""
    modules, _ = read_design([source], top, passes=["proc -norom", "check -assert", "opt_clean"])
    return modules


class Gates:
    """And gates, none of them twice."""

    def __init__(self, inputs: int) -> None:
        self.inputs = inputs
        self._gates: list[tuple[int, int]] = []
        self._known: dict[tuple[int, int], int] = {}

    def graph(self, outputs: Sequence[int]) -> Graph:
        """Return the graph with some literals as outputs."""
        return Graph(self.inputs, tuple(outputs), np.array(self._gates, dtype=np.int64).reshape(-1, 2))

    def both(self, a: int, b: int) -> int:
        """Return the literal of a and b."""
        if a > b:
            a, b = b, a
        if a == 0 or a == b ^ 1:
            return 0
        if a == 1 or a == b:
            return b
        if (a, b) not in self._known:
            if len(self._gates) >= MOST_GATES:
                raise ToolLimitError(f"a graph of more than {MOST_GATES} gates takes more memory than SAT has here")
            self._gates.append((b, a))
            self._known[a, b] = 2 * (self.inputs + len(self._gates))
        return self._known[a, b]

    def either(self, a: int, b: int) -> int:
        """Return the literal of a or b."""
        return self.both(a ^ 1, b ^ 1) ^ 1

    def other(self, a: int, b: int) -> int:
        """Return the literal of a xor b."""
        return self.either(self.both(a, b ^ 1), self.both(a ^ 1, b))

    def choice(self, key: int, one: int, *, zero: int) -> int:
        """Return the literal of a choice: `one` where the key is 1, else `zero`."""
        if one == zero:
            return one
        if one ^ zero == 1:
            return self.other(key, zero)
        return self.either(self.both(key, one), self.both(key ^ 1, zero))

    def all_of(self, bits: Sequence[int]) -> int:
        """Return the literal that is 1 where all are, as a balanced tree."""
        literals = list(bits) or [1]
        while len(literals) > 1:
            literals = [
                self.both(*literals[n : n + 2]) if n + 1 < len(literals) else literals[n]
                for n in range(0, len(literals), 2)
            ]
        return literals[0]

    def any_of(self, bits: Sequence[int]) -> int:
        """Return the literal that is 1 where one is."""
        return self.all_of([bit ^ 1 for bit in bits]) ^ 1

    def sum(self, a: Literals, b: Literals, *, carry: int = 0) -> Literals:
        """Return a + b + carry modulo 2**bits."""
        total = []
        for x, y in zip(a, b, strict=True):
            half = self.other(x, y)
            total.append(self.other(half, carry))
            carry = self.either(self.both(x, y), self.both(half, carry))
        return total

    def negative(self, a: Literals) -> Literals:
        """Return -a modulo 2**bits."""
        return self.sum([0] * len(a), [bit ^ 1 for bit in a], carry=1)

    def below(self, a: Literals, b: Literals, *, signed: bool) -> int:
        """Return the literal of a < b, for words of the same width."""
        if signed:
            a, b = [*a[:-1], a[-1] ^ 1], [*b[:-1], b[-1] ^ 1]
        less = 0
        for x, y in zip(a, b, strict=True):
            less = self.choice(self.other(x, y), y, zero=less)
        return less

    def product(self, a: Literals, b: Literals) -> Literals:
        """Return a * b modulo 2**bits."""
        if all(bit < 2 for bit in a):
            a, b = b, a
        # A negative constant: its positive value has fewer ones, unless it is the least number, which has none.
        if all(bit < 2 for bit in b) and b[-1] == 1 and any(b[:-1]):
            value = (1 << len(b)) - sum(bit << n for n, bit in enumerate(b))
            return self.negative(self.product(a, [value >> n & 1 for n in range(len(b))]))
        total = [0] * len(a)
        for n, bit in enumerate(b):
            if bit:
                total = self.sum(total, [0] * n + [self.both(x, bit) for x in a[: len(a) - n]])
        return total

    def table(self, address: Literals, entries: IntArray, *, bits: int) -> Literals:
        """Return the word that is read at an address, the lowest bit first."""
        known: dict[bytes, int] = {}

        def looked_up(column: IntArray, level: int) -> int:
            if column[0] == column[-1] and (column == column[0]).all():
                return int(column[0])
            key = column.tobytes()
            if key not in known:
                half = len(column) // 2
                known[key] = self.choice(
                    address[level], looked_up(column[half:], level - 1), zero=looked_up(column[:half], level - 1)
                )
            return known[key]

        return [looked_up((entries >> n & 1).astype(np.int8), len(address) - 1) for n in range(bits)]


def copied(gates: Gates, graph: Graph, *, inputs: Sequence[int]) -> Literals:
    """Add a copy of a graph.

    Parameters
    ----------
    gates
        Gates to which it is added.
    graph
        The graph.
    inputs
        Literal for each of its inputs.

    Returns
    -------
    list of int
        Literal of each of its outputs.
    """
    literals = [0, *inputs]
    for a, b in graph.gates.tolist():
        literals.append(gates.both(literals[a >> 1] ^ (a & 1), literals[b >> 1] ^ (b & 1)))
    return [literals[output >> 1] ^ (output & 1) for output in graph.outputs]


class Blaster:
    """The gates of a module and of the modules in it.

    exclusive: no choice selects several operands, as is known of Verilog of our own; else that is undefined too.
    """

    def __init__(self, gates: Gates, modules: Mapping[str, Any], *, exclusive: bool = False) -> None:
        self.gates, self._modules, self._exclusive = gates, modules, exclusive
        self._entries: dict[str, IntArray | None] = {}

    def module(self, name: str, nets: NetLiterals) -> dict[Bit, int]:
        """Evaluate a module with some known nets: add the literals of all nets that depend on those alone.

        Parameters
        ----------
        name
            Name of the module.
        nets
            Literals by net, to which those of other nets are added.

        Returns
        -------
        dict of Bit to int
            Literals that are 1 where an undefined value is reached, by the net that would carry it.

        Raises
        ------
        ToolFailedError
            If a net depends on itself.
        """
        module = self._modules[name]
        flags: dict[Bit, int] = {}
        drivers = _drivers(module)
        done: set[int] = set()
        for start in module["cells"].values():
            waiting = [start]
            begun: set[int] = set()
            while waiting:
                cell = waiting[-1]
                if id(cell) in done or cell["type"] == "$scopeinfo":
                    waiting.pop()
                    continue
                read = [b for p, bits in cell["connections"].items() if _is_operand(cell, p) for b in bits]
                missing = [drivers[b] for b in read if b not in nets and b in drivers and id(drivers[b]) not in done]
                if missing:
                    if id(cell) in begun:
                        raise ToolFailedError(f"{name}: a net that depends on itself")
                    begun.add(id(cell))
                    waiting += missing
                    continue
                waiting.pop()
                done.add(id(cell))
                if all(b in nets or isinstance(b, str) for b in read):
                    self._cell(cell, nets, flags)
        return flags

    def _cell(self, cell: dict[str, Any], nets: NetLiterals, flags: dict[Bit, int]) -> None:
        """Evaluate a cell whose operands are known."""
        kind, ports = cell["type"], cell["connections"]
        if kind in self._modules:
            self._box(cell, nets, flags)
            return
        if kind in ("$mux", "$pmux"):
            literals, flag = self._selected(ports, nets)
        else:
            literals, flag = self._computed(cell, nets), 0
        for bit, literal in zip(ports["Y"], literals, strict=True):
            nets[bit] = literal
            if flag:
                flags[bit] = flag

    def _box(self, cell: dict[str, Any], nets: NetLiterals, flags: dict[Bit, int]) -> None:
        """Evaluate an instance of a module: a table by its entries, another one gate by gate."""
        name, ports = cell["type"], cell["connections"]
        inner: dict[str, list[Bit]] = {port: details["bits"] for port, details in self._modules[name]["ports"].items()}
        if name not in self._entries:
            try:
                self._entries[name] = table_entries(self._modules[name])
            except FormError:
                self._entries[name] = None
        entries = self._entries[name]
        if entries is not None:
            address, out = [literal_of(bit, nets) for bit in ports["in"]], ports["out"]
            for bit, literal in zip(out, self.gates.table(address, np.maximum(entries, 0), bits=len(out)), strict=True):
                nets[bit] = literal
            (flag,) = self.gates.table(address, (entries == UNDEFINED).astype(np.int64), bits=1)
            flags |= {bit: flag for bit in out if flag}
            return
        known: NetLiterals = {}
        for port, bits in ports.items():
            if cell["port_directions"][port] == "input":
                known |= dict(zip(inner[port], (literal_of(bit, nets) for bit in bits), strict=True))
        flag = self.gates.any_of(list(self.module(name, known).values()))
        for port, bits in ports.items():
            if cell["port_directions"][port] == "output":
                for bit, own in zip(bits, inner[port], strict=True):
                    nets[bit] = literal_of(own, known)
                    if flag:
                        flags[bit] = flag

    def _selected(self, ports: Mapping[str, list[Bit]], nets: NetLiterals) -> tuple[Literals, int]:
        """Return a choice, and the literal that makes it undefined: it selects an x, or several operands."""
        gates, width, keys = self.gates, len(ports["Y"]), [literal_of(bit, nets) for bit in ports["S"]]
        operands = [ports["B"][n * width : (n + 1) * width] for n in range(len(keys))]
        none = gates.any_of(keys) ^ 1
        flags = [key for key, operand in zip([none, *keys], [ports["A"], *operands], strict=True) if "x" in operand]
        before = 0
        for key in () if self._exclusive else keys:
            flags.append(gates.both(before, key))
            before = gates.either(before, key)
        literals = []
        for n in range(width):
            parts = [gates.both(k, literal_of(o[n], nets, undefined=0)) for k, o in zip(keys, operands, strict=True)]
            literals.append(gates.any_of([gates.both(none, literal_of(ports["A"][n], nets, undefined=0)), *parts]))
        return literals, gates.any_of(flags)

    def _computed(self, cell: dict[str, Any], nets: NetLiterals) -> Literals:
        kind, ports, gates = cell["type"], cell["connections"], self.gates
        width = len(ports["Y"])
        words = {p: [literal_of(bit, nets) for bit in ports[p]] for p in ("A", "B") if p in ports}
        signs = {p: bool(int(cell["parameters"].get(f"{p}_SIGNED", "0"), 2)) for p in words}
        shift = kind in ("$shl", "$sshl", "$shr", "$sshr")
        if len(set(signs.values())) > 1 and not shift and not kind.startswith(("$logic", "$reduce")):
            raise ToolFailedError(f"{kind} of operands with and without a sign is not followed")

        def extended(port: str, size: int) -> Literals:
            word = words[port]
            return word[:size] + [word[-1] if signs[port] else 0] * (size - len(word))

        if kind in BITWISE:
            a, b = extended("A", width), extended("B", width)
            return [BITWISE[kind](gates, x, y) for x, y in zip(a, b, strict=True)]
        if kind in ONE_BIT:
            return [ONE_BIT[kind](gates, *words.values()), *[0] * (width - 1)]
        if kind in COMPARED:
            size = max(map(len, words.values()))
            literal = COMPARED[kind](gates, extended("A", size), extended("B", size), signs["A"])
            return [literal, *[0] * (width - 1)]
        if kind in WORDS:
            return WORDS[kind](gates, *(extended(port, width) for port in words))
        if shift:
            return _shifted(kind, extended("A", max(width, len(words["A"]))), words["B"], signs["A"])[:width]
        raise ToolFailedError(f"a cell {kind} is not followed")


BITWISE: dict[str, Callable[[Gates, int, int], int]] = {
    "$and": Gates.both,
    "$or": Gates.either,
    "$xor": Gates.other,
    "$xnor": lambda g, a, b: g.other(a, b) ^ 1,
}
ONE_BIT: dict[str, Callable[..., int]] = {
    "$reduce_and": Gates.all_of,
    "$reduce_or": Gates.any_of,
    "$reduce_bool": Gates.any_of,
    "$logic_not": lambda g, a: g.any_of(a) ^ 1,
    "$logic_and": lambda g, a, b: g.both(g.any_of(a), g.any_of(b)),
    "$logic_or": lambda g, a, b: g.either(g.any_of(a), g.any_of(b)),
}
COMPARED: dict[str, Callable[[Gates, Literals, Literals, bool], int]] = {
    "$eq": lambda g, a, b, s: g.all_of([g.other(x, y) ^ 1 for x, y in zip(a, b, strict=True)]),
    "$ne": lambda g, a, b, s: g.any_of([g.other(x, y) for x, y in zip(a, b, strict=True)]),
    "$lt": lambda g, a, b, s: g.below(a, b, signed=s),
    "$ge": lambda g, a, b, s: g.below(a, b, signed=s) ^ 1,
    "$gt": lambda g, a, b, s: g.below(b, a, signed=s),
    "$le": lambda g, a, b, s: g.below(b, a, signed=s) ^ 1,
}
WORDS: dict[str, Callable[..., Literals]] = {
    "$pos": lambda g, a: a,
    "$not": lambda g, a: [bit ^ 1 for bit in a],
    "$neg": Gates.negative,
    "$add": Gates.sum,
    "$sub": lambda g, a, b: g.sum(a, [bit ^ 1 for bit in b], carry=1),
    "$mul": Gates.product,
}


def _shifted(kind: str, word: Literals, by: Literals, signed: bool) -> Literals:
    """Return a word shifted by a constant."""
    if any(bit > 1 for bit in by):
        raise ToolFailedError(f"{kind} by a number that is not constant is not followed")
    n = min(sum(bit << k for k, bit in enumerate(by)), len(word))
    if kind in ("$shl", "$sshl"):
        return [0] * n + word[: len(word) - n]
    return word[n:] + [word[-1] if kind == "$sshr" and signed else 0] * n


def _drivers(module: Mapping[str, Any]) -> dict[Bit, Any]:
    """Return the cell that drives each net."""
    return {
        bit: cell
        for cell in module["cells"].values()
        for port, bits in cell["connections"].items()
        if not _is_operand(cell, port)
        for bit in bits
    }


def _is_operand(cell: Mapping[str, Any], port: str) -> bool:
    is_input: bool = cell["port_directions"][port] == "input"
    return is_input


def without_registers(module: Mapping[str, Any]) -> dict[str, Any]:
    """Return a module with registers as wires. Raises ToolFailedError for a register that reads nothing but itself."""
    registers = [cell["connections"] for cell in module["cells"].values() if cell["type"] == "$dff"]
    before: dict[Bit, Bit] = {q: d for ports in registers for d, q in zip(ports["D"], ports["Q"], strict=True)}

    def origin(bit: Bit) -> Bit:
        for _ in range(len(before) + 1):
            if bit not in before:
                return bit
            bit = before[bit]
        raise ToolFailedError("a register that depends on itself")

    def wired(connections: Mapping[str, list[Bit]]) -> dict[str, list[Bit]]:
        return {port: [origin(bit) for bit in bits] for port, bits in connections.items()}

    cells = {
        n: {**c, "connections": wired(c["connections"])} for n, c in module["cells"].items() if c["type"] != "$dff"
    }
    ports = {name: {**port, "bits": [origin(bit) for bit in port["bits"]]} for name, port in module["ports"].items()}
    return {**module, "cells": cells, "ports": ports}


def literal_of(bit: Bit, nets: NetLiterals, *, undefined: int | None = None) -> int:
    """Return the literal of a net or constant.

    Parameters
    ----------
    bit
        Net or constant.
    nets
        Literals by net.
    undefined
        Literal of an x; None: there is none.

    Returns
    -------
    int
        The literal.

    Raises
    ------
    ToolFailedError
        For an x without a literal, and for a net that is not known.
    """
    if bit in ("0", "1"):
        return int(bit)
    if bit == "x" and undefined is not None:
        return undefined
    if bit not in nets:
        raise ToolFailedError("expected a net that depends on data_in alone, found another one")
    return nets[bit]


def netlist_graph(
    modules: Mapping[str, Any],
    top: str,
    *,
    groups: Sequence[int],
    ports: Sequence[str] = ("data_out",),
    own: bool = False,
) -> Graph:
    """Make the graph of a module from data_in to some of its outputs.

    Parameters
    ----------
    modules
        In Yosys' JSON.
    top
        Name of the module.
    groups
        Widths of the outputs that lie next to each other on these ports.
    ports
        Names of the ports, the first at the lowest bits.
    own
        The Verilog is our own: its case statements have no label twice.

    Returns
    -------
    Graph
        Inputs: the bits of data_in. Outputs: the bits of the ports, then a bit for each group: whether one of its bits
        depends on a value that is not defined.

    Raises
    ------
    ToolFailedError
        For a cell that is not followed, and where an output depends on anything but data_in.
    """
    wired = {**modules, top: without_registers(modules[top])}
    bits_in = wired[top]["ports"]["data_in"]["bits"]
    bits_out = [bit for port in ports for bit in wired[top]["ports"][port]["bits"]]
    gates = Gates(len(bits_in))
    nets: NetLiterals = {bit: 2 * (n + 1) for n, bit in enumerate(bits_in)}
    flags = Blaster(gates, wired, exclusive=own).module(top, nets)
    undefined, at = [], 0
    for width in groups:
        cone = _cone(wired[top], bits_out[at : at + width]) if flags else set()
        undefined.append(gates.any_of(sorted({flag for bit, flag in flags.items() if bit in cone})))
        at += width
    return gates.graph([*(literal_of(bit, nets) for bit in bits_out), *undefined])


def _cone(module: Mapping[str, Any], bits: Sequence[Bit]) -> set[Bit]:
    """Return the nets that some nets depend on, and these."""
    drivers = _drivers(module)
    cone: set[Bit] = set()
    waiting = list(bits)
    while waiting:
        bit = waiting.pop()
        if bit not in cone:
            cone.add(bit)
            if bit in drivers:
                cell = drivers[bit]
                waiting += [b for p, own in cell["connections"].items() if _is_operand(cell, p) for b in own]
    return cone
