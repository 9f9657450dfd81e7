"""Integers as sums of functions of one number each: a normal form in which equal integers look alike.

    x = c + sum_b f_b(b)

A base b is an input, a largest of several integers, or an integer that is such a sum of two or more parts itself. f_b
is the list of its values from the base's smallest to its largest value. Sums, products with constants, and any
function of a single integer stay in this form, in whatever order they are made. Such functions are slices of bits,
tables, saturation and ReLU. A network of tables and constant weights is made of nothing else. So two descriptions of
it can be compared integer by integer, in a time that grows with their size.

Each integer has one form: f_b is 0 at the smallest value, and c contains the rest. Where b is a sum itself, f_b is 0
at the second smallest value too: the straight line through both is written as that sum's own parts.

Bounds of an integer are kept with its form: what a sum can reach is not always seen from its parts.

The arithmetic is exact. Constants and bounds are Python's integers. Functions are arrays of 64 bits, and before each
operation on them its result is bounded with Python's integers: what may leave 62 bits raises FormError.

Functions are limited by the memory that all of them take together, `WORD_BYTES`. A function of 2**24 values takes at
most 128 MiB, and six times that while it is made.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trigger_lut.fixed_point.formats import IntArray
from trigger_lut.utils.memory import gigabytes

WORD_BYTES = 4 << 30
"""Memory for the functions of one algebra: 4 GiB, twenty-six functions of 2**24 values in 64 bits."""
BYTES_TO_MAKE = 48
"""A value, while a function is made: six arrays of 64 bits."""
LARGEST_SPAN = WORD_BYTES // BYTES_TO_MAKE
"""Values of one function, where nothing else takes memory: 89 million, more than 2**26."""
LARGEST = 1 << 56
EXACT = 1 << 62
"""Below this in size, two numbers can be added or subtracted in 64 bits."""
INT = (np.int8, np.int16, np.int32, np.int64)


class FormError(Exception):
    """An integer has no form here: too many values, or a function of several numbers that is none of those above."""


@dataclass(frozen=True)
class Form:
    """An integer: `constant`, and (base, function) by rising base; `lo` and `hi` bound it."""

    constant: int
    parts: tuple[tuple[int, int], ...]
    lo: int = field(compare=False)
    hi: int = field(compare=False)


def _moved(form: Form, by: int) -> Form:
    """Return the sum of a form and a constant."""
    return replace(form, constant=form.constant + by, lo=form.lo + by, hi=form.hi + by)


@dataclass(frozen=True)
class Base:
    """A number from `lo` to `hi`. `form`: the sum that it is; `members`: those that it is the largest of."""

    lo: int
    hi: int
    form: Form | None = None
    members: tuple[Form, ...] = ()


def check_exact(*results: int) -> None:
    """Raise FormError where a result may not fit into the 62 bits that arrays are used for."""
    if any(abs(result) >= EXACT for result in results):
        raise FormError("an integer of more than 62 bits")


class Algebra:
    """Forms and operations on them. Forms of one algebra are the same integer where they are equal."""

    def __init__(self, memory_bytes: int = WORD_BYTES) -> None:
        self.bases: list[Base] = []
        self._memory_bytes, self._used_bytes = memory_bytes, 0
        self._known: dict[tuple[object, ...], int] = {}  # bases by what they are
        self._functions: dict[tuple[int, bytes], int] = {}
        self._values: list[NDArray[np.signedinteger[Any]]] = []
        self._ends: list[tuple[int, int]] = []
        self._contents: dict[int, int] = {}

    def constant(self, value: int) -> Form:
        """Return the form of a constant."""
        return Form(value, (), value, value)

    def input(self, lo: int, hi: int) -> Form:
        """Return the form of a new, independent number from `lo` to `hi`."""
        if lo == hi:
            return self.constant(lo)
        check_exact(lo, hi)
        self._check_room(hi - lo + 1)
        self.bases.append(Base(lo, hi))
        return self._function(len(self.bases) - 1, np.arange(lo, hi + 1, dtype=np.int64))

    def add(self, *forms: Form) -> Form:
        """Return the sum."""
        varying = [form for form in forms if form.parts]
        offset = sum(form.constant for form in forms if not form.parts)
        if not varying:
            return self.constant(offset)
        total = varying[0]
        for form in varying[1:]:
            constant, parts = total.constant + form.constant, dict(total.parts)
            for base, function in form.parts:
                if base not in parts:
                    parts[base] = function
                else:
                    own = parts.pop(base)
                    check_exact(*(a + b for a, b in zip(self._ends[own], self._ends[function], strict=True)))
                    values = self.values(own) + self.values(function)
                    if values.any():
                        parts[base] = self._intern(values)
            total = self._bounded(constant, parts, total.lo + form.lo, total.hi + form.hi)
        if not offset:
            return total
        return Form(total.constant + offset, total.parts, total.lo + offset, total.hi + offset)

    def scale(self, form: Form, by: int) -> Form:
        """Return the product with a constant."""
        if by == 1:
            return form
        if by == 0:
            return self.constant(0)
        check_exact(*(end * by for _, function in form.parts for end in self._ends[function]))
        parts = {base: self._intern(self.values(function) * by) for base, function in form.parts}
        lo, hi = sorted((form.lo * by, form.hi * by))
        return self._bounded(form.constant * by, parts, lo, hi)

    def less(self, one: Form, other: Form) -> Form:
        """Return `one` - `other`."""
        return self.add(one, self.scale(other, -1))

    def content(self, form: Form) -> int:
        """Return the largest number that divides all parts; 0 for a constant."""
        for _, f in form.parts:
            if f not in self._contents:
                self._contents[f] = int(np.gcd.reduce(self.values(f)))
        return math.gcd(*(self._contents[f] for _, f in form.parts))

    def divided(self, form: Form, by: int) -> Form | None:
        """Return the quotient where there is no remainder, whatever the inputs are; else None."""
        if form.constant % by or self.content(form) % by:
            return None
        parts = {base: self._intern(self.values(function) // by) for base, function in form.parts}
        lo, hi = sorted((form.lo // by, form.hi // by))
        return self._bounded(form.constant // by, parts, lo, hi)

    def apply(self, form: Form, function: Callable[[IntArray], IntArray]) -> Form:
        """Apply a function of one integer, given for arrays of its values, each below 2**62 in size.

        The function itself must be exact on them (`check_exact`). Raises FormError where the integer has too many.
        """
        return self.apply_all([form], lambda values: function(values[0]))

    def apply_all(self, forms: Sequence[Form], function: Callable[[list[IntArray]], IntArray]) -> Form:
        """Apply a function of several integers that are all functions of the same base.

        Parameters
        ----------
        forms
            Forms of the integers.
        function
            Function from arrays of their values, over all values of the base, to the results.

        Returns
        -------
        Form
            Form of the result.

        Raises
        ------
        FormError
            If the integers have no common base, or a result has more than 62 bits.
        """
        common = self._common(forms)
        if common is None:
            raise FormError("a function of several numbers")
        base, base_values = common
        values = np.asarray(function(base_values), dtype=np.int64)
        check_exact(int(values.min()), int(values.max()))
        return self.constant(int(values[0])) if base is None else self._function(base, values)

    def larger(self, one: Form, other: Form) -> Form:
        """Return the larger of two. The order in which the largest of several is taken does not matter."""
        if one.lo >= other.hi:
            return one
        if other.lo >= one.hi:
            return other
        if not (one.parts and other.parts):
            return self.apply_all([one, other], lambda v: np.maximum(*v))
        candidates: list[Form] = []
        for form in (*self._members(one), *self._members(other)):
            for n, known in enumerate(candidates):
                if self.alike(known, form):
                    candidates[n] = self.apply_all([known, form], lambda v: np.maximum(*v))
                    break
            else:
                candidates.append(form)
        if len(candidates) == 1:
            return candidates[0]
        least = max(form.lo for form in candidates)
        candidates = [f for f in candidates if f.hi > least]
        if not candidates:
            return self.constant(least)
        shift = candidates[0].constant
        by = math.gcd(*(x for f in candidates for x in (self.content(f), f.constant - shift)))
        quotients = [q for f in candidates if (q := self.divided(_moved(f, -shift), by)) is not None]
        assert len(quotients) == len(candidates), "it divides all of them"
        quotients.sort(key=lambda f: (f.parts, f.constant))  # after the division: the order depends on no factor
        shift += by * quotients[0].constant
        members = tuple(_moved(f, -quotients[0].constant) for f in quotients)
        key = ("largest", members)
        base = self._base(key, Base(max(f.lo for f in members), max(f.hi for f in members), None, members))
        largest = self.bases[base]
        whole = self._function(base, self._line(largest, by, shift))
        return whole if max(f.lo for f in candidates) >= least else self.apply(whole, lambda v: np.maximum(v, least))

    def alike(self, *forms: Form) -> bool:
        """Return whether all follow from one number."""
        try:
            return self._common(forms) is not None
        except FormError:
            return False

    def values(self, function: int) -> IntArray:
        """Return the values of a function by number."""
        return self._values[function].astype(np.int64)

    def bounded(self, form: Form, lo: int, *, hi: int) -> Form:
        """Return the same integer with bounds that are known from elsewhere."""
        return replace(form, lo=max(form.lo, lo), hi=min(form.hi, hi))

    def _members(self, form: Form) -> list[Form]:
        if len(form.parts) != 1 or not self.bases[form.parts[0][0]].members:
            return [form]
        base, values = self.root(form)
        assert base is not None
        by = int(values[1] - values[0])
        if by <= 0 or (np.diff(values) != by).any():
            return [form]
        offset = self.constant(int(values[0]) - by * self.bases[base].lo)
        return [self.add(self.scale(m, by), offset) for m in self.bases[base].members]

    def root(self, form: Form) -> tuple[int | None, IntArray]:
        """Return the base that a form is a function of, and its values over all values of the base."""
        if not form.parts:
            check_exact(form.constant)
            return None, np.array([form.constant], dtype=np.int64)
        top, function = form.parts[-1]
        whole = self.bases[top].form
        if len(form.parts) == 1:
            check_exact(*(form.constant + end for end in self._ends[function]))
            return top, form.constant + self.values(function)
        if whole is not None:  # a part that bends, and a multiple of the base itself
            slope = self._ratio(form.parts[:-1], whole.parts)
            if slope is not None:
                line = self._line(self.bases[top], slope, form.constant)
                check_exact(*(int(v) + end for v in (line.min(), line.max()) for end in self._ends[function]))
                return top, self.values(function) + line
        by = self.content(form) * self._sign(form)
        parts = {base: self._intern(self.values(f) // by) for base, f in form.parts}
        lo, hi = sorted(((form.lo - form.constant) // by, (form.hi - form.constant) // by))
        whole = self._bounded(0, parts, lo, hi)
        base = self._base(("sum", whole.parts), Base(whole.lo, whole.hi, whole))
        return base, self._line(self.bases[base], by, form.constant)

    def _line(self, base: Base, slope: int, constant: int) -> IntArray:
        """Return constant + slope * base, for all values of the base."""
        check_exact(base.lo, base.hi, slope * base.lo, slope * base.hi)
        check_exact(constant + slope * base.lo, constant + slope * base.hi)
        line = np.arange(base.lo, base.hi + 1, dtype=np.int64)
        line *= slope
        if abs(constant) >= EXACT:  # the sum fits, the constant alone does not
            raise FormError("an integer of more than 62 bits")
        line += constant
        return line

    def _check_room(self, count: int) -> None:
        """Raise FormError where there is no memory for one more function of so many values."""
        if self._used_bytes + BYTES_TO_MAKE * count > self._memory_bytes:
            raise FormError(
                f"an integer of {count} values: with {gigabytes(self._used_bytes)} in use, its functions would exceed "
                f"the limit of {gigabytes(self._memory_bytes)} of memory"
            )

    def _base(self, key: tuple[object, ...], base: Base) -> int:
        self._check_room(base.hi - base.lo + 1)
        if key not in self._known:
            self._known[key] = len(self.bases)
            self.bases.append(base)
        return self._known[key]

    def _common(self, forms: Sequence[Form]) -> tuple[int | None, list[IntArray]] | None:
        """Return one base that all forms are functions of, and their values over all of its values; None if none is."""
        roots = [self.root(form) for form in forms]
        bases = {base for base, _ in roots if base is not None}
        if len(bases) > 1:
            return None
        if not bases:
            return None, [values for _, values in roots]
        (base,) = bases
        size = self.bases[base].hi - self.bases[base].lo + 1
        return base, [np.broadcast_to(values, size) for _, values in roots]

    def _ratio(self, parts: tuple[tuple[int, int], ...], unit: tuple[tuple[int, int], ...]) -> int | None:
        """Return the integer factor between `parts` and `unit`; None where there is none."""
        if [b for b, _ in parts] != [b for b, _ in unit]:
            return None
        first, one = self._values[parts[0][1]], self._values[unit[0][1]]
        at = int(np.flatnonzero(one)[0])
        by = int(first[at]) // int(one[at])
        for (_, f), (_, u) in zip(parts, unit, strict=True):
            if sorted(by * end for end in self._ends[u]) != list(self._ends[f]):
                return None  # also where the product would not fit
            if not np.array_equal(self._values[f], by * self.values(u)):
                return None
        return by

    def _sign(self, form: Form) -> int:
        values = self._values[form.parts[0][1]]
        return 1 if values[np.flatnonzero(values)[0]] > 0 else -1

    def _function(self, base: int, values: IntArray) -> Form:
        """Return the form of a function of a base."""
        base_form = self.bases[base]
        lo, hi, first = int(values.min()), int(values.max()), int(values[0])
        if lo == hi:
            return self.constant(lo)
        if base_form.form is None:
            return Form(first, ((base, self._intern(values - first)),), lo, hi)
        slope = int(values[1]) - first
        rest = values - self._line(Base(0, len(values) - 1), slope, first)
        check_exact(int(rest.min()), int(rest.max()))
        linear = self.add(self.constant(first - slope * base_form.lo), self.scale(base_form.form, slope))
        if rest.any():
            function = self._intern(rest)
            linear = self.add(linear, Form(0, ((base, function),), *self._ends[function]))
        return replace(linear, lo=lo, hi=hi)

    def _bounded(self, constant: int, parts: dict[int, int], lo: int, hi: int) -> Form:
        ends = [self._ends[function] for function in parts.values()]
        lo = max(lo, constant + sum(e[0] for e in ends))
        hi = min(hi, constant + sum(e[1] for e in ends))
        if max(-lo, hi) > LARGEST:
            raise FormError("an integer of more than 56 bits")
        return Form(constant, tuple(sorted(parts.items())), lo, hi)

    def _intern(self, values: IntArray) -> int:
        """Return the number of a function, which is kept in the smallest integer type that fits its values."""
        ends = int(values.min()), int(values.max())
        check_exact(*ends)
        kind = next(kind for kind in INT if np.iinfo(kind).min <= ends[0] and ends[1] <= np.iinfo(kind).max)
        data = np.ascontiguousarray(values, dtype=kind).tobytes()
        key = (np.dtype(kind).itemsize, data)
        if key not in self._functions:
            self._check_room(len(values))
            self._functions[key] = len(self._values)
            self._values.append(np.frombuffer(data, dtype=kind))
            self._ends.append(ends)
            self._used_bytes += len(data)
        return self._functions[key]
