"""The outputs of generated Verilog as forms: Yosys reads it, here its cells become integers, word by word.

Yosys elaborates and flattens the modules; alkaid's small modules (`cell_library`) and the tables stay as they are. A
register changes no integer, but counts: what meets in a cell must have crossed as many.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from trigger_lut.errors import ToolFailedError
from trigger_lut.firmware.rtl.project import RtlProject
from trigger_lut.fixed_point.formats import KIF, IntArray
from trigger_lut.verification.formal.cell_library import Part, part_of, shifted, sum_of
from trigger_lut.verification.formal.netlist_reader import read_design
from trigger_lut.verification.formal.nets import Bit, Nets, Word, together
from trigger_lut.verification.formal.normal_form import Algebra, Form, FormError
from trigger_lut.verification.formal.rom_contents import UNDEFINED, table_entries
from trigger_lut.verification.formal.structure import TABLE_PORTS

PAIRS: dict[str, Callable[..., IntArray]] = {"$and": np.bitwise_and, "$or": np.bitwise_or, "$xor": np.bitwise_xor}
COMPARED: dict[str, Callable[..., Any]] = {
    "$eq": np.equal,
    "$ne": np.not_equal,
    "$lt": np.less,
    "$le": np.less_equal,
    "$gt": np.greater,
    "$ge": np.greater_equal,
}
BOXES = ("*table_*", "*shift_adder", "*mux", "*negative")
"""Modules that stay as they are, by name. What they compute is read from them; the name does not decide it."""
NO_SUCH_MODULE = re.compile(rf'Selection "({"|".join(map(re.escape, BOXES))})" did not match any module\.')
SECONDS = 600.0
"""For Yosys to read a project."""
REDUCED = ("$logic_not", "$reduce_or", "$reduce_bool", "$reduce_and")


def read_modules(project: RtlProject, boxes: Sequence[str] = BOXES) -> dict[str, Any]:
    """Read the modules of a project's Verilog, as in Yosys' JSON.

    Yosys must have no doubt: a warning is an error here, and each net must have one driver.

    Parameters
    ----------
    project
        Name of the top-level module, and the files.
    boxes
        Modules that stay as they are, by name; all others are flattened.

    Raises
    ------
    ToolMissingError, ToolLimitError
        Without pyosys, and when Yosys reaches a limit of memory or time.
    ToolFailedError
        When Yosys refuses the Verilog, or warns of it.
    """
    passes = [
        "proc -norom",
        "check -assert",
        f"setattr -mod -set keep_hierarchy 1 {' '.join(boxes)}",
        "flatten",
        "check -assert",
        "opt_clean",
    ]
    modules, warnings = read_design(project.files, project.top, passes=passes, seconds=SECONDS)
    if serious := [text for text in warnings if not NO_SUCH_MODULE.fullmatch(text)]:
        raise ToolFailedError(f"Yosys warns of {project.top}: {serious[0]}")
    return modules


class Circuit:
    """The top-level module, its cells evaluated where a word is asked for. fault: see `instrument`; 0: none."""

    def __init__(self, modules: dict[str, Any], top: str, *, algebra: Algebra, fault: int = 0) -> None:
        self.algebra, self.nets, self._fault = algebra, Nets(algebra), fault
        self._cells, self._ports = modules[top]["cells"], modules[top]["ports"]
        self._modules = modules
        self._parts = {
            name: part_of(str(module["attributes"].get("hdlname", name)), module.get("parameter_default_values", {}))
            for name, module in modules.items()
        }
        self._tables: dict[str, IntArray] = {}
        clocks = {
            (*cell["connections"]["CLK"], int(cell["parameters"]["CLK_POLARITY"], 2))
            for cell in self._cells.values()
            if cell["type"] == "$dff"
        }
        self._one_clock = len(clocks) < 2
        self.addresses: dict[str, list[Form]] = {}  # of tables by module, as far as they have been evaluated
        # What drives a net: a cell, and where a register reads itself (a chain of bits in one cell) the one bit of it.
        chains = {
            name
            for name, c in self._cells.items()
            if {*c["connections"].get("Q", ())} & {*c["connections"].get("D", ())}
        }
        self._driver: dict[Bit, tuple[str, int | None]] = {
            bit: (name, n if name in chains else None)
            for name, cell in self._cells.items()
            for port, bits in cell["connections"].items()
            if cell["port_directions"][port] == "output"
            for n, bit in enumerate(bits)
        }

    @property
    def parts(self) -> dict[str, Part]:
        """The modules of alkaid's library in use, by their names in the netlist."""
        used = dict.fromkeys(cell["type"] for cell in self._cells.values())
        return {name: part for name in used if (part := self._parts.get(name)) is not None}

    def port(self, name: str) -> list[Bit]:
        """Return the nets of a port, the lowest bit first."""
        bits: list[Bit] = self._ports[name]["bits"]
        return bits

    def fields(self, name: str, formats: Sequence[KIF]) -> list[list[Bit]]:
        """Return the nets of a bus, one list per channel."""
        nets, at, fields = self.port(name), 0, []
        for kif in formats:
            fields.append(nets[at : at + kif.bits])
            at += kif.bits
        return fields

    def give(self, nets: Sequence[Bit], form: Form) -> None:
        """Say what integer some nets carry before the first register."""
        self.nets.put(nets, Word(form, 0 if form.parts else None))

    def word(self, nets: Sequence[Bit]) -> Word:
        """Return the integer that some nets carry, modulo 2**nets. Raises FormError where none is known."""
        waiting = self._missing(nets)
        begun: set[tuple[str, int | None]] = set()
        while waiting:
            name, n = waiting[-1]
            cell = self._cells[name]
            ports, directions = cell["connections"], cell["port_directions"]
            (out,) = (bits for port, bits in ports.items() if directions[port] == "output")
            read = [bit for port, bits in ports.items() if directions[port] == "input" for bit in bits]
            if cell["type"] == "$dff":
                read, out = (ports["D"], out) if n is None else ([ports["D"][n]], [out[n]])
            if needed := self._missing(read):
                if (name, n) in begun:  # all that it needs was evaluated since, unless that needs itself
                    raise FormError("a net that depends on itself")
                begun.add((name, n))
                waiting += needed
                continue
            waiting.pop()
            if all(bit in self.nets for bit in out):
                continue
            if cell["type"] == "$dff":
                if self._one_clock:
                    self.nets.join(read, out, registers=1)
                else:
                    self.nets.put(out, "registers have several clocks")
                continue
            if (same := self._passed_on(cell["type"], ports)) is not None:
                self.nets.join(same, out)
                continue
            try:
                self.nets.put(out, self._evaluate(cell, len(out)))
            except FormError as error:
                self.nets.put(out, str(error))
        return self.nets.read(nets, "modulo")

    def _missing(self, nets: Sequence[Bit]) -> list[tuple[str, int | None]]:
        """Return the cells that must be evaluated before some nets are known."""
        return list(dict.fromkeys(self._driver[n] for n in nets if n in self._driver and n not in self.nets))

    def _passed_on(self, kind: str, ports: dict[str, list[Bit]]) -> list[Bit] | None:
        """Return the nets that a choice or a bitwise operation passes on, where constants make it mere wires."""
        if kind not in ("$mux", "$and", "$or") or not len(ports["A"]) == len(ports["B"]) == len(ports["Y"]):
            return None
        known = self.nets.constant
        key = known(ports["S"][0]) if kind == "$mux" else None
        sources: list[Bit] = []
        for a, b in zip(ports["A"], ports["B"], strict=True):
            values = known(a), known(b)
            if key is not None:
                sources.append(b if key else a)
            elif kind == "$mux" and values in ((0, 0), (1, 1)):
                sources.append(str(values[0]))
            elif kind == "$mux" and values == (0, 1):
                sources.append(ports["S"][0])
            elif kind != "$mux" and (dominant := int(kind == "$or")) in values:
                sources.append(str(dominant))
            elif kind != "$mux" and 1 - dominant in values:
                sources.append(b if values[0] == 1 - dominant else a)
            else:
                return None
        return sources

    def _evaluate(self, cell: dict[str, Any], bits: int) -> Word:
        kind, nets = cell["type"], cell["connections"]
        if kind in self._modules:
            part = self._parts[kind]
            if part is None and not nets.keys() >= TABLE_PORTS:
                raise FormError(f"a module with the ports {', '.join(nets)} is not followed")
            return self._lookup(kind, nets["in"]) if part is None else self._part(part, nets)
        signed = {port: bool(int(cell["parameters"].get(f"{port}_SIGNED", "0"), 2)) for port in "AB"}

        def exact(port: str) -> Word:
            return self.nets.read(nets[port], "signed" if signed[port] else "unsigned")

        def wide(port: str) -> Word:
            return exact(port) if len(nets[port]) < bits else self.nets.read(nets[port], "modulo")

        if kind in ("$add", "$sub") and signed["A"] == signed["B"]:
            return self._of(self.algebra.add if kind == "$add" else self.algebra.less, wide("A"), wide("B"))
        if kind in ("$neg", "$not"):
            last = self.algebra.constant(-int(kind == "$not"))
            return self._of(lambda a: self.algebra.add(last, self.algebra.scale(a, -1)), wide("A"))
        if kind == "$mux":
            return self._of(self._choice, self.nets.read(nets["S"], "unsigned"), wide("B"), wide("A"))
        if kind in PAIRS and signed["A"] == signed["B"]:
            return self._of(
                lambda a, b: self.algebra.apply_all([a, b], lambda v: PAIRS[kind](*v)), wide("A"), wide("B")
            )
        if kind in COMPARED and signed["A"] == signed["B"]:
            difference = self._of(self.algebra.less, exact("A"), exact("B"))
            return self._of(lambda d: self.algebra.apply(d, lambda v: COMPARED[kind](v, 0)), difference)
        if kind in REDUCED:
            test = (1 << len(nets["A"])) - 1 if kind == "$reduce_and" else 0
            same = kind in ("$logic_not", "$reduce_and")
            word = self.nets.read(nets["A"], "unsigned")
            return self._of(lambda a: self.algebra.apply(a, lambda v: (v == test) == same), word)
        raise FormError(f"{kind} is not followed")

    @staticmethod
    def _of(function: Callable[..., Form], *words: Word) -> Word:
        return Word(function(*(word.form for word in words)), together([word.registers for word in words]))

    def _part(self, part: Part, nets: dict[str, list[Bit]]) -> Word:
        words = [self.nets.read(nets[o.port], "signed" if o.signed else "unsigned") for o in part.operands]
        if part.kind == "sum":
            return self._of(lambda *forms: sum_of(part, self.algebra, forms=forms), *words)
        key = self.nets.read(nets["key"], "unsigned")
        return self._of(lambda k, *forms: self._choice(k, *shifted(part, self.algebra, forms=forms)), key, *words)

    def _choice(self, key: Form, one: Form, other: Form) -> Form:
        """Return the first where the key is 1, the other where it is 0."""
        algebra = self.algebra
        if key.lo == key.hi:
            return one if key.lo else other
        difference = algebra.less(one, other)
        if not difference.parts:
            return algebra.add(other, algebra.scale(key, difference.constant))
        if algebra.alike(key, one, other):
            return algebra.apply_all([key, one, other], lambda v: np.where(v[0] == 1, v[1], v[2]))
        step = algebra.apply_all([key, difference], lambda v: v[0] * v[1])
        if step == algebra.apply(difference, lambda v: np.maximum(v, 0)):
            return algebra.larger(one, other)
        total = algebra.add(other, step)
        return algebra.bounded(total, min(one.lo, other.lo), hi=max(one.hi, other.hi))

    def _lookup(self, module: str, nets: list[Bit]) -> Word:
        if module not in self._tables:
            self._tables[module] = table_entries(self._modules[module], self._fault)
        entries, word = self._tables[module], self.nets.read(nets, "unsigned")
        self.addresses.setdefault(module, []).append(word.form)
        word_read = self._of(lambda a: self.algebra.apply(a, lambda v: entries[v]), word)
        if word_read.form.lo == UNDEFINED:
            raise FormError("a table is read where it has no entry")
        return word_read
