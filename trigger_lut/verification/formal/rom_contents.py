"""Entries of a table's Verilog module: its case statement, as Yosys reads it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from trigger_lut.fixed_point.formats import IntArray
from trigger_lut.verification.formal.normal_form import FormError

UNDEFINED = -1
MOST_ADDRESS_BITS = 20
MOST_OUTPUT_BITS = 62
FOLLOWED: dict[str, tuple[int, Callable[..., Any]]] = {
    "$eq": (2, np.equal),
    "$logic_not": (1, lambda a: a == 0),
    "$logic_and": (2, lambda a, b: (a != 0) & (b != 0)),
    "$xor": (2, np.bitwise_xor),
}
"""Cells of a table by type: number of operands, all without a sign, and what they compute."""

Bit = int | str


def table_entries(module: dict[str, Any], fault: int = 0) -> IntArray:
    """Read the entries of a table by address, UNDEFINED where the case statement gives none or one with x.

    Parameters
    ----------
    module
        In Yosys' JSON, with the ports `in` and `out`.
    fault
        At the port `fault`, where there is one (see `instrument`).

    Returns
    -------
    IntArray
        Of shape (2**address bits,).

    Raises
    ------
    FormError
        For another kind of module.
    """
    ports = module["ports"]
    if set(ports) - {"fault"} != {"in", "out"}:
        raise FormError(f"a module with the ports {', '.join(ports)} is not followed")
    address, out = ports["in"]["bits"], ports["out"]["bits"]
    if len(address) > MOST_ADDRESS_BITS or len(out) > MOST_OUTPUT_BITS:
        raise FormError(f"a table of {len(address)} address bits and {len(out)} output bits is not followed")
    return _Table(
        address, {bit: fault >> n & 1 for n, bit in enumerate(ports.get("fault", {"bits": []})["bits"])}
    ).read(module, out)


class _Table:
    """The nets of a table, as values by address; `_one`: those that are 1 at one address only, which it is."""

    def __init__(self, address: list[Bit], known: dict[Bit, int]) -> None:
        self._address = address
        self._codes = np.arange(1 << len(address), dtype=np.int64)
        nothing = np.zeros_like(self._codes)
        self._values: dict[Bit, IntArray] = {"0": nothing, "1": nothing + 1, "x": nothing + UNDEFINED}
        self._values |= {bit: (self._codes >> n) & 1 for n, bit in enumerate(address)}
        self._values |= {bit: nothing + value for bit, value in known.items()}
        self._one: dict[Bit, int] = {}

    def read(self, module: dict[str, Any], out: list[Bit]) -> IntArray:
        """Return the entries by address."""
        waiting = list(module["cells"].values())
        while waiting:
            later = []
            for cell in waiting:
                read = [b for port, bits in cell["connections"].items() if port != "Y" for b in bits]
                if all(b in self._values or b in self._one for b in read):
                    self._evaluate(cell)
                else:
                    later.append(cell)
            if len(later) == len(waiting):
                raise FormError("a table is not a case statement")
            waiting = later
        if any(bit not in self._values and bit not in self._one for bit in out):
            raise FormError("nothing drives an output of a table")
        return self._whole(out)

    def _evaluate(self, cell: dict[str, Any]) -> None:
        nets, kind = cell["connections"], cell["type"]
        if kind in ("$eq", "$logic_not") and nets["A"] == self._address:
            constant = _constant(nets.get("B", ["0"] * len(nets["A"])))
            if constant is not None and constant >= 0 and len(nets["Y"]) == 1:
                self._one[nets["Y"][0]] = constant
                return
        word = self._choice(nets) if kind in ("$pmux", "$mux") else self._computed(cell)
        for n, bit in enumerate(nets["Y"]):
            self._values[bit] = np.where(word < 0, UNDEFINED, (word >> n) & 1)

    def _bit(self, bit: Bit) -> IntArray:
        return (self._codes == self._one[bit]).astype(np.int64) if bit in self._one else self._values[bit]

    def _whole(self, bits: Sequence[Bit]) -> IntArray:
        """Return some nets as a number; UNDEFINED where one of them is."""
        if len(bits) > MOST_OUTPUT_BITS:
            raise FormError(f"a table with a word of {len(bits)} bits is not followed")
        total, unknown = np.zeros_like(self._codes), np.zeros(len(self._codes), dtype=bool)
        for n, bit in enumerate(bits):
            value = self._bit(bit)
            unknown |= value < 0
            total |= value << n
        total[unknown] = UNDEFINED
        return total

    def _choice(self, nets: dict[str, list[Bit]]) -> IntArray:
        """Return the operand that is selected, of which Yosys wants one at most to be."""
        width, word = len(nets["Y"]), self._whole(nets["A"]).copy()
        chosen = np.zeros(len(self._codes), dtype=np.int64)
        for n, select in enumerate(nets["S"]):
            operand = nets["B"][n * width : (n + 1) * width]
            constant = _constant(operand)
            if select in self._one and constant is not None:
                at = self._one[select]
                if at < len(word):
                    word[at] = constant
                    chosen[at] += 1
                continue
            value = self._bit(select)
            word = np.where(value == 1, self._whole(operand), np.where(value < 0, UNDEFINED, word))
            chosen += value != 0
        if (chosen > 1).any():
            raise FormError("a table with two entries for one address is not followed")
        return word

    def _computed(self, cell: dict[str, Any]) -> IntArray:
        kind, nets = cell["type"], cell["connections"]
        operands = [self._whole(nets[port]) for port in ("A", "B") if port in nets]
        signed = any(int(cell["parameters"].get(f"{port}_SIGNED", "0"), 2) for port in "AB")
        if kind not in FOLLOWED or len(operands) != FOLLOWED[kind][0] or signed:
            raise FormError(f"a table with {kind} is not followed")
        unknown = np.stack(operands).min(axis=0) < 0
        return np.where(unknown, UNDEFINED, FOLLOWED[kind][1](*operands).astype(np.int64))


def _constant(bits: Sequence[Bit]) -> int | None:
    """Return constants as a number, UNDEFINED with an x; None where one is a net."""
    if not all(isinstance(bit, str) for bit in bits) or len(bits) > MOST_OUTPUT_BITS:
        return None
    return int("".join(map(str, reversed(bits))), 2) if set(bits) <= {"0", "1"} else UNDEFINED
