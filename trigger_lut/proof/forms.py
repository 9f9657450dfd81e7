"""Integers as sums of functions of one number each: a normal form in which equal integers look alike.

    x = c + sum_b f_b(b)

A base b is an input, a largest of several integers, or an integer that is such a sum of two or more parts itself; f_b
is the list of its values from the base's smallest to its largest value. Sums, products with constants, and any
function of a single integer (slices of bits, tables, saturation, ReLU) stay in this form, whatever order they are
made in. That is all that a network of tables and constant weights is made of, so two descriptions of it can be
compared integer by integer, in a time that grows with their size.

Each integer has one form: f_b is 0 at the smallest value, the rest of it stands in c. Where b is a sum itself, f_b is 0
at the second smallest value too: the straight line through both is written as that sum's own parts.

Bounds of an integer are kept beside its form: what a sum can reach is not always seen from its parts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from trigger_lut.fixed_point import IntArray

LARGEST_SPAN = 1 << 18
"""Values of a base that a function is written down for."""
LARGEST = 1 << 56


class FormError(Exception):
    """An integer has no form here: too many values, or a function of several numbers that is none of those above."""


@dataclass(frozen=True)
class Form:
    """An integer: `constant`, and (base, function) by rising base; `lo` and `hi` bound it."""

    constant: int
    parts: tuple[tuple[int, int], ...]
    lo: int = field(compare=False)
    hi: int = field(compare=False)


@dataclass(frozen=True)
class Base:
    """A number from `lo` to `hi`. `form`: the sum that it is; `members`: those that it is the largest of."""

    lo: int
    hi: int
    form: Form | None = None
    members: tuple[Form, ...] = ()


class Algebra:
    """Forms, and what is done with them. Forms of one algebra are the same integer where they are equal."""

    def __init__(self) -> None:
        self.bases: list[Base] = []
        self._known: dict[tuple[object, ...], int] = {}  # bases by what they are
        self._functions: dict[bytes, int] = {}
        self._values: list[IntArray] = []
        self._ends: list[tuple[int, int]] = []

    def constant(self, value: int) -> Form:
        return Form(value, (), value, value)

    def input(self, lo: int, hi: int) -> Form:
        """A number that is nothing but itself."""
        if lo == hi:
            return self.constant(lo)
        self.bases.append(Base(lo, hi))
        return self._function(len(self.bases) - 1, np.arange(lo, hi + 1, dtype=np.int64))

    def add(self, *forms: Form) -> Form:
        """The sum."""
        varying = [form for form in forms if form.parts]
        offset = sum(form.constant for form in forms if not form.parts)
        if not varying:
            return self.constant(offset)
        found = varying[0]
        for form in varying[1:]:
            constant, parts = found.constant + form.constant, dict(found.parts)
            for base, function in form.parts:
                if base not in parts:
                    parts[base] = function
                else:
                    values = self._values[parts.pop(base)] + self._values[function]
                    if values.any():
                        parts[base] = self._intern(values)
            found = self._bounded(constant, parts, found.lo + form.lo, found.hi + form.hi)
        if not offset:
            return found
        return Form(found.constant + offset, found.parts, found.lo + offset, found.hi + offset)

    def scale(self, form: Form, by: int) -> Form:
        """The product with a number."""
        if by == 1:
            return form
        if by == 0:
            return self.constant(0)
        parts = {base: self._intern(self._values[function] * by) for base, function in form.parts}
        lo, hi = sorted((form.lo * by, form.hi * by))
        return self._bounded(form.constant * by, parts, lo, hi)

    def less(self, one: Form, other: Form) -> Form:
        """one - other."""
        return self.add(one, self.scale(other, -1))

    def content(self, form: Form) -> int:
        """The largest number that divides all parts; 0 for a constant."""
        return int(np.gcd.reduce([np.gcd.reduce(self._values[f]) for _, f in form.parts])) if form.parts else 0

    def divided(self, form: Form, by: int) -> Form | None:
        """The quotient where there is no remainder, whatever the inputs are; else None."""
        if form.constant % by or self.content(form) % by:
            return None
        parts = {base: self._intern(self._values[function] // by) for base, function in form.parts}
        return self._bounded(form.constant // by, parts, form.lo // by, form.hi // by)

    def apply(self, form: Form, function: Callable[[IntArray], IntArray]) -> Form:
        """A function of one integer, given for arrays of its values. Raises FormError where it has too many."""
        return self.apply_all([form], lambda values: function(values[0]))

    def apply_all(self, forms: Sequence[Form], function: Callable[[list[IntArray]], IntArray]) -> Form:
        """A function of several integers that all follow from one. Raises FormError where they do not."""
        found = self._common(forms)
        if found is None:
            raise FormError("a function of several numbers")
        base, held = found
        values = np.asarray(function(held), dtype=np.int64)
        return self.constant(int(values[0])) if base is None else self._function(base, values)

    def larger(self, one: Form, other: Form) -> Form:
        """The larger of two. Of several, it does not matter in which order they are taken."""
        if one.lo >= other.hi:
            return one
        if other.lo >= one.hi:
            return other
        if not (one.parts and other.parts):
            return self.apply_all([one, other], lambda v: np.maximum(*v))
        found: list[Form] = []
        for form in (*self._members(one), *self._members(other)):
            for n, known in enumerate(found):
                if self.alike(known, form):
                    found[n] = self.apply_all([known, form], lambda v: np.maximum(*v))
                    break
            else:
                found.append(form)
        if len(found) == 1:
            return found[0]
        least = max(form.lo for form in found)
        found = sorted((f for f in found if f.hi > least), key=lambda f: (f.parts, f.constant))
        if not found:
            return self.constant(least)
        shift = found[0].constant
        found = [replace(f, constant=f.constant - shift, lo=f.lo - shift, hi=f.hi - shift) for f in found]
        by = int(np.gcd.reduce([x for f in found for x in (self.content(f), f.constant)]))
        members = tuple(m for f in found if (m := self.divided(f, by)) is not None)
        assert len(members) == len(found), "it divides all of them"
        key = ("largest", members)
        base = self._base(key, Base(max(f.lo for f in members), max(f.hi for f in members), None, members))
        held = self.bases[base]
        whole = self._function(base, by * np.arange(held.lo, held.hi + 1, dtype=np.int64) + shift)
        return whole if max(f.lo for f in found) + shift >= least else self.apply(whole, lambda v: np.maximum(v, least))

    def alike(self, *forms: Form) -> bool:
        """Whether all follow from one number."""
        try:
            return self._common(forms) is not None
        except FormError:
            return False

    def values(self, function: int) -> IntArray:
        """Values of a function by number."""
        return self._values[function]

    def bounded(self, form: Form, lo: int, hi: int) -> Form:
        """The same integer with bounds that are known of it otherwise."""
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
        """The base that a form is a function of, and its values over all values of the base."""
        if not form.parts:
            return None, np.array([form.constant], dtype=np.int64)
        top, function = form.parts[-1]
        whole = self.bases[top].form
        if len(form.parts) == 1:
            return top, form.constant + self._values[function]
        if whole is not None:  # a part that bends, and a multiple of the base itself
            slope = self._ratio(form.parts[:-1], whole.parts)
            if slope is not None:
                held = self.bases[top]
                line = slope * np.arange(held.lo, held.hi + 1, dtype=np.int64)
                return top, form.constant + self._values[function] + line
        by = self.content(form) * self._sign(form)
        parts = {base: self._intern(self._values[f] // by) for base, f in form.parts}
        lo, hi = sorted(((form.lo - form.constant) // by, (form.hi - form.constant) // by))
        whole = self._bounded(0, parts, lo, hi)
        base = self._base(("sum", whole.parts), Base(whole.lo, whole.hi, whole))
        held = self.bases[base]
        return base, form.constant + by * np.arange(held.lo, held.hi + 1, dtype=np.int64)

    def _base(self, key: tuple[object, ...], base: Base) -> int:
        if base.hi - base.lo >= LARGEST_SPAN:
            raise FormError(f"an integer of {base.hi - base.lo + 1} values")
        if key not in self._known:
            self._known[key] = len(self.bases)
            self.bases.append(base)
        return self._known[key]

    def _common(self, forms: Sequence[Form]) -> tuple[int | None, list[IntArray]] | None:
        """One base that all forms are functions of, and their values over all of its values; None: there is none."""
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
        """What `parts` are a whole multiple of `unit` by; None where they are not."""
        if [b for b, _ in parts] != [b for b, _ in unit]:
            return None
        first, one = self._values[parts[0][1]], self._values[unit[0][1]]
        at = int(np.flatnonzero(one)[0])
        by = int(first[at]) // int(one[at])
        pairs = zip(parts, unit, strict=True)
        return by if all(np.array_equal(self._values[f], by * self._values[u]) for (_, f), (_, u) in pairs) else None

    def _sign(self, form: Form) -> int:
        values = self._values[form.parts[0][1]]
        return 1 if values[np.flatnonzero(values)[0]] > 0 else -1

    def _function(self, base: int, values: IntArray) -> Form:
        """The form of a function of a base."""
        held = self.bases[base]
        lo, hi, first = int(values.min()), int(values.max()), int(values[0])
        if lo == hi:
            return self.constant(lo)
        if held.form is None:
            return Form(first, ((base, self._intern(values - first)),), lo, hi)
        slope = int(values[1]) - first
        rest = values - (first + slope * np.arange(len(values), dtype=np.int64))
        found = self.add(self.constant(first - slope * held.lo), self.scale(held.form, slope))
        if rest.any():
            function = self._intern(rest)
            found = self.add(found, Form(0, ((base, function),), *self._ends[function]))
        return replace(found, lo=lo, hi=hi)

    def _bounded(self, constant: int, parts: dict[int, int], lo: int, hi: int) -> Form:
        ends = [self._ends[function] for function in parts.values()]
        lo = max(lo, constant + sum(e[0] for e in ends))
        hi = min(hi, constant + sum(e[1] for e in ends))
        if max(-lo, hi) > LARGEST:
            raise FormError("an integer of more than 56 bits")
        return Form(constant, tuple(sorted(parts.items())), lo, hi)

    def _intern(self, values: IntArray) -> int:
        """The number of a function."""
        data = np.ascontiguousarray(values, dtype=np.int64).tobytes()
        if data not in self._functions:
            self._functions[data] = len(self._values)
            held: IntArray = np.frombuffer(data, dtype=np.int64)
            self._values.append(held)
            self._ends.append((int(held.min()), int(held.max())))
        return self._functions[data]
