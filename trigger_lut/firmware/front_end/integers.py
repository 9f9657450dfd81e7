"""Expressions of a data set as Verilog on integers, where these give exactly what 64-bit floating point gives.

A number on wires is n * 2**-fraction, with n of known range. While n stays below 2**53, sums, products, comparisons and
shifts of floating point are exact, so the same integers come out. Everything else is refused, or becomes a table of all
values of one branch.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from trigger_lut.errors import FirmwareError

EXACT_BITS = 53
"""Bits of an integer that 64-bit floating point holds exactly."""


@dataclass(frozen=True)
class Number:
    """Exact number on a signed wire, or a constant: n * 2**-fraction.

    Attributes
    ----------
    text
        Name of the wire; empty for a constant.
    lo, hi
        Smallest and largest n.
    fraction
        Fractional bits; negative where low bits are not there.
    truth
        Whether it is a truth value.
    raw
        Whether it is an integer as read: operators on bits take only these.
    """

    text: str
    lo: int
    hi: int
    fraction: int = 0
    truth: bool = False
    raw: bool = False

    @property
    def bits(self) -> int:
        """Width of the wire, the sign included."""
        return signed_bits(self.lo, self.hi)

    def extended(self, bits: int) -> str:
        """Write it with so many bits, at least its own."""
        if not self.text:
            return literal(self.lo, bits)
        more = bits - self.bits
        return f"{{{{{more}{{{self.text}[{self.bits - 1}]}}}}, {self.text}}}" if more else self.text


def signed_bits(lo: int, hi: int) -> int:
    """Return the width of a signed integer from `lo` to `hi`."""
    return max((~lo if lo < 0 else lo).bit_length(), (~hi if hi < 0 else hi).bit_length()) + 1


def literal(value: int, bits: int) -> str:
    """Write an integer in two's complement."""
    return f"{bits}'h{value & ((1 << bits) - 1):x}"


@dataclass
class Wires:
    """Wires of a part of a module, and the branches that expressions in it read.

    Attributes
    ----------
    branches
        Numbers by branch.
    prefix
        Beginning of the names of wires.
    lines
        Declarations.
    """

    branches: Mapping[str, Number]
    prefix: str
    lines: list[str] = field(default_factory=list)

    def wire(self, text: str, lo: int, *, hi: int, fraction: int = 0) -> Number:
        """Declare a wire with the value of a text of its width; constants need none.

        Raises
        ------
        FirmwareError
            If floating point does not have all of its values.
        """
        if max(-lo, hi) > 1 << EXACT_BITS:
            raise FirmwareError(f"a value needs more than {EXACT_BITS} bits, so that floating point rounds it")
        if lo == hi:
            return Number("", lo, hi, fraction)
        name, bits = f"{self.prefix}{len(self.lines)}", signed_bits(lo, hi)
        self.lines.append(f"wire signed [{bits - 1}:0] {name} = {text};")
        return Number(name, lo, hi, fraction)

    def truth(self, text: str) -> Number:
        """Declare a truth value: a wire of 0 and 1."""
        return replace(self.wire(f"{{1'b0, {text}}}", 0, hi=1), truth=True)

    def compute(self, text: str) -> Number:
        """Compute an expression.

        Parameters
        ----------
        text
            Expression of the data set.

        Returns
        -------
        Number

        Raises
        ------
        FirmwareError
            If it is not exact in integers.
        """
        return _value(self, ast.parse(text.strip(), mode="eval").body)


def scaled(wires: Wires, number: Number, *, shift: int, half_up: bool = False) -> Number:
    """Multiply by 2**shift and round to an integer.

    Parameters
    ----------
    wires
        Wires.
    number
        Number.
    shift
        Exponent.
    half_up
        Whether to round to the nearest integer, a half up; otherwise down.

    Returns
    -------
    Number
        Integer, without fractional bits.
    """
    places = shift - number.fraction
    if places >= 0:
        return _aligned(wires, replace(number, fraction=0), places)
    half = 1 << (-places - 1) if half_up else 0
    lo, hi = number.lo + half, number.hi + half
    if half and number.text:
        bits = signed_bits(lo, hi)
        number = wires.wire(f"{number.extended(bits)} + {literal(half, bits)}", lo, hi=hi)
    lo, hi = lo >> -places, hi >> -places
    if lo == hi:
        return Number("", lo, hi)
    return wires.wire(f"{number.text}[{number.bits - 1}:{min(-places, number.bits - 1)}]", lo, hi=hi)


def saturated(wires: Wires, number: Number, *, lo: int, hi: int) -> Number:
    """Limit an integer to a range.

    Parameters
    ----------
    wires
        Wires.
    number
        Integer.
    lo, hi
        Smallest and largest value.

    Returns
    -------
    Number
    """
    low = Number("", lo, lo)
    if number.lo < lo:
        number = _chosen(wires, _compared(wires, number, "<", low), low, number, hi=max(number.hi, lo), lo=lo)
    high = Number("", hi, hi)
    if number.hi > hi:
        number = _chosen(wires, _compared(wires, number, ">", high), high, number, lo=min(number.lo, hi), hi=hi)
    return number


def _aligned(wires: Wires, number: Number, places: int) -> Number:
    """Append zeros below."""
    if places == 0:
        return number
    lo, hi = number.lo << places, number.hi << places
    if not number.text:
        return replace(number, lo=lo, hi=hi)
    return wires.wire(f"{{{number.text}, {literal(0, places)}}}", lo, hi=hi)


def _constant(value: Any) -> Number:
    if isinstance(value, bool):
        return Number("", int(value), int(value), truth=True)
    if isinstance(value, str):
        raise FirmwareError("integers cannot hold text")
    over, under = float(value).as_integer_ratio()
    zeros = (over & -over).bit_length() - 1 if over else 0
    return Number("", over >> zeros, over >> zeros, under.bit_length() - 1 - zeros, raw=type(value) is int)


def _value(wires: Wires, node: ast.expr) -> Number:
    if isinstance(node, ast.Constant):
        return _constant(node.value)
    if isinstance(node, ast.Name):
        return wires.branches[node.id]
    if isinstance(node, ast.BinOp):
        if isinstance(node.op, ast.BitAnd | ast.BitOr):
            return _bits(wires, _value(wires, node.left), _value(wires, node.right), isinstance(node.op, ast.BitAnd))
        if isinstance(node.op, ast.LShift | ast.RShift):
            return _shifted(wires, node)
        return _arithmetic(wires, node)
    if isinstance(node, ast.UnaryOp):
        number = _value(wires, node.operand)
        if isinstance(node.op, ast.Invert):
            return _inverted(wires, number)
        plain = replace(number, truth=False, raw=False)
        return _difference(wires, Number("", 0, 0), plain) if isinstance(node.op, ast.USub) else plain
    if isinstance(node, ast.Compare):
        numbers = [_value(wires, one) for one in (node.left, *node.comparators)]
        comparisons = [
            _compared(wires, a, COMPARE[type(op)], b) for op, a, b in zip(node.ops, numbers, numbers[1:], strict=False)
        ]
        whole = comparisons[0]
        for one in comparisons[1:]:
            whole = _bits(wires, whole, one, True)
        return whole
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        name = node.func.id
        if name == "branch":
            (quoted,) = node.args
            assert isinstance(quoted, ast.Constant)
            return wires.branches[str(quoted.value)]
        if name in FUNCTIONS:
            return FUNCTIONS[name](wires, *(replace(_value(wires, one), raw=False) for one in node.args))
        raise FirmwareError(f"integer logic cannot compute the function {name} exactly")
    raise FirmwareError(f"integer logic cannot compute {ast.unparse(node)} exactly")


COMPARE = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="}


def _arithmetic(wires: Wires, node: ast.BinOp) -> Number:
    left, right = (replace(_value(wires, one), truth=False, raw=False) for one in (node.left, node.right))
    if isinstance(node.op, ast.Add):
        return _sum(wires, left, right)
    if isinstance(node.op, ast.Sub):
        return _difference(wires, left, right)
    if isinstance(node.op, ast.Mult):
        return _product(wires, left, right)
    if isinstance(node.op, ast.Pow) and (right.text, right.lo, right.fraction) == ("", 1, -1):
        return _product(wires, left, left)
    if isinstance(node.op, ast.Div) and not right.text and abs(right.lo) == 1:
        return _product(wires, left, replace(right, fraction=-right.fraction))
    raise FirmwareError(f"integer logic cannot compute {ast.unparse(node)} exactly")


def _same_point(wires: Wires, *numbers: Number) -> tuple[int, list[Number]]:
    """Bring numbers to the most fractional bits of all of them."""
    fraction = max(number.fraction for number in numbers)
    return fraction, [
        _aligned(wires, replace(number, fraction=fraction), fraction - number.fraction) for number in numbers
    ]


def _sum(wires: Wires, left: Number, right: Number) -> Number:
    fraction, (a, b) = _same_point(wires, left, right)
    lo, hi = a.lo + b.lo, a.hi + b.hi
    bits = max(signed_bits(lo, hi), a.bits, b.bits)
    return _narrowed(wires, f"{a.extended(bits)} + {b.extended(bits)}", lo=lo, hi=hi, bits=bits, fraction=fraction)


def _difference(wires: Wires, left: Number, right: Number) -> Number:
    fraction, (a, b) = _same_point(wires, left, right)
    lo, hi = a.lo - b.hi, a.hi - b.lo
    bits = max(signed_bits(lo, hi), a.bits, b.bits)
    return _narrowed(wires, f"{a.extended(bits)} - {b.extended(bits)}", lo=lo, hi=hi, bits=bits, fraction=fraction)


def _narrowed(wires: Wires, text: str, *, lo: int, hi: int, bits: int, fraction: int) -> Number:
    """Compute in `bits` bits, and keep those that the range needs."""
    if bits == signed_bits(lo, hi) or lo == hi:
        return wires.wire(text, lo, hi=hi, fraction=fraction)
    wide = wires.wire(text, -(1 << (bits - 1)), hi=(1 << (bits - 1)) - 1)
    return wires.wire(f"{wide.text}[{signed_bits(lo, hi) - 1}:0]", lo, hi=hi, fraction=fraction)


def _product(wires: Wires, left: Number, right: Number) -> Number:
    fraction = left.fraction + right.fraction
    ends = [a * b for a in (left.lo, left.hi) for b in (right.lo, right.hi)]
    for one, other in ((left, right), (right, left)):
        if (one.text, one.lo) == ("", 1):
            return replace(other, fraction=fraction)
    bits = max(signed_bits(min(ends), max(ends)), left.bits, right.bits)
    text = f"{left.extended(bits)} * {right.extended(bits)}"
    return _narrowed(wires, text, lo=min(ends), hi=max(ends), bits=bits, fraction=fraction)


def _compared(wires: Wires, left: Number, sign: str, right: Number) -> Number:
    _, (a, b) = _same_point(wires, left, right)
    bits = max(a.bits, b.bits)
    return wires.truth(f"$signed({a.extended(bits)}) {sign} $signed({b.extended(bits)})")


def _chosen(wires: Wires, test: Number, yes: Number, no: Number, *, lo: int, hi: int) -> Number:
    """Choose between numbers with one binary point; the caller knows the range."""
    bits = max(signed_bits(lo, hi), yes.bits, no.bits)
    text = f"{_bit(test)} ? {yes.extended(bits)} : {no.extended(bits)}"
    return _narrowed(wires, text, lo=lo, hi=hi, bits=bits, fraction=yes.fraction)


def _bit(truth: Number) -> str:
    return f"{truth.text}[0]" if truth.text else literal(truth.lo, 1)


def _where(wires: Wires, test: Number, yes: Number, no: Number) -> Number:
    if not test.truth:
        test = _compared(wires, test, "!=", Number("", 0, 0))
    fraction, (a, b) = _same_point(wires, yes, no)
    choice = _chosen(
        wires,
        test,
        replace(a, fraction=fraction),
        replace(b, fraction=fraction),
        lo=min(a.lo, b.lo),
        hi=max(a.hi, b.hi),
    )
    return replace(choice, truth=yes.truth and no.truth)


def _minimum(wires: Wires, left: Number, right: Number) -> Number:
    fraction, (a, b) = _same_point(wires, left, right)
    a, b = replace(a, fraction=fraction, truth=False), replace(b, fraction=fraction, truth=False)
    return _chosen(wires, _compared(wires, a, "<", b), a, b, lo=min(a.lo, b.lo), hi=min(a.hi, b.hi))


def _maximum(wires: Wires, left: Number, right: Number) -> Number:
    fraction, (a, b) = _same_point(wires, left, right)
    a, b = replace(a, fraction=fraction, truth=False), replace(b, fraction=fraction, truth=False)
    return _chosen(wires, _compared(wires, a, ">", b), a, b, lo=max(a.lo, b.lo), hi=max(a.hi, b.hi))


def _absolute(wires: Wires, number: Number) -> Number:
    plain = replace(number, truth=False)
    return plain if number.lo >= 0 else _maximum(wires, plain, _difference(wires, Number("", 0, 0), plain))


def _clipped(wires: Wires, number: Number, low: Number, high: Number) -> Number:
    return _minimum(wires, _maximum(wires, number, low), high)


def _floor(wires: Wires, number: Number) -> Number:
    plain = replace(number, truth=False)
    return scaled(wires, plain, shift=0) if number.fraction > 0 else plain


FUNCTIONS: dict[str, Callable[..., Number]] = {
    "abs": _absolute,
    "clip": _clipped,
    "floor": _floor,
    "maximum": _maximum,
    "minimum": _minimum,
    "where": _where,
}


def _inverted(wires: Wires, number: Number) -> Number:
    if not number.truth:
        raise FirmwareError("~ needs truth values, found numbers")
    return wires.truth(f"!{_bit(number)}") if number.text else Number("", 1 - number.lo, 1 - number.lo, truth=True)


def _integer(number: Number) -> Number:
    """Return an integer as read, its low zeros written out."""
    if not number.raw:
        raise FirmwareError("& | << >> need a branch of integers, found a computed number")
    if number.fraction < 0:
        return replace(number, lo=number.lo << -number.fraction, hi=number.hi << -number.fraction, fraction=0)
    return number


def _bits(wires: Wires, left: Number, right: Number, both: bool) -> Number:
    """Compute & or | of truth values, or of the bits of integers."""
    sign = "&" if both else "|"
    if left.truth and right.truth:
        return wires.truth(f"({_bit(left)} {sign} {_bit(right)})")
    left, right = _integer(left), _integer(right)
    if left.lo < 0 or right.lo < 0:
        raise FirmwareError("& and | need integers from 0, found a branch that may be negative")
    bits = max(left.bits, right.bits)
    hi = min(left.hi, right.hi) if both else (1 << (bits - 1)) - 1
    result = _narrowed(
        wires, f"{left.extended(bits)} {sign} {right.extended(bits)}", lo=0, hi=hi, bits=bits, fraction=0
    )
    return replace(result, raw=True)


def _shifted(wires: Wires, node: ast.BinOp) -> Number:
    number, places = _integer(_value(wires, node.left)), _value(wires, node.right)
    if places.text or places.fraction > 0 or places.lo < 0:
        raise FirmwareError(f"{ast.unparse(node)}: << and >> need a constant, at least 0, on their right")
    count = places.lo << -places.fraction
    if count >= EXACT_BITS:
        raise FirmwareError(f"{ast.unparse(node)}: expected a shift by less than {EXACT_BITS} bits, found {count}")
    result = scaled(wires, number, shift=-count) if isinstance(node.op, ast.RShift) else _aligned(wires, number, count)
    return replace(result, raw=True)
