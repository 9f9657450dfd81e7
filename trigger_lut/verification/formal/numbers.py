"""Signed integers with known bounds as words of gates."""

from __future__ import annotations

from dataclasses import dataclass

from trigger_lut.verification.formal.gates import FALSE, Bits, Gates, constant, extended


@dataclass(frozen=True)
class Number:
    """A signed integer from lo to hi, as the shortest word in two's complement that holds these."""

    bits: Bits
    lo: int
    hi: int


def number(bits: Bits, lo: int, *, hi: int) -> Number:
    """Cut a signed word to the width that its bounds need."""
    width = max(max(hi, -lo - 1, 0).bit_length() + 1, 1)
    return Number(extended(bits, width, signed=True), lo, hi)


def fixed(value: int) -> Number:
    """Return a constant."""
    return number(constant(value, value.bit_length() + 1), value, hi=value)


def added(gates: Gates, a: Number, *, b: Number) -> Number:
    """Return the sum of two numbers."""
    width = max(len(a.bits), len(b.bits)) + 1
    total = gates.sum(extended(a.bits, width, signed=True), extended(b.bits, width, signed=True))
    return number(total, a.lo + b.lo, hi=a.hi + b.hi)


def raised(a: Number, up: int) -> Number:
    """Return a number times 2**up."""
    return Number([FALSE] * up + a.bits, a.lo << up, a.hi << up)


def larger(gates: Gates, a: Number, *, b: Number) -> Number:
    """Return the larger of two numbers."""
    first, second = _alike(a, b)
    return number(gates.chosen(gates.less(first, second), second, no=first), max(a.lo, b.lo), hi=max(a.hi, b.hi))


def smaller(gates: Gates, a: Number, *, b: Number) -> Number:
    """Return the smaller of two numbers."""
    first, second = _alike(a, b)
    return number(gates.chosen(gates.less(first, second), first, no=second), min(a.lo, b.lo), hi=min(a.hi, b.hi))


def _alike(a: Number, b: Number) -> tuple[Bits, Bits]:
    width = max(len(a.bits), len(b.bits))
    return extended(a.bits, width, signed=True), extended(b.bits, width, signed=True)


def negated(gates: Gates, a: Number) -> Number:
    """Return the negative of a number."""
    wide = extended(a.bits, len(a.bits) + 1, signed=True)
    return number(gates.sum([bit ^ 1 for bit in wide], constant(1, len(wide))), -a.hi, hi=-a.lo)
