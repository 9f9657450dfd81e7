"""Inputs that bring a sum to a value: found where there are some, and shown to be none where there are none."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trigger_lut.verification.faults.input_search import reaching
from trigger_lut.verification.formal.normal_form import Algebra


@given(st.integers(0, 10_000), st.integers(-40, 40))
def test_what_all_inputs_say(seed, target):
    rng = np.random.default_rng(seed)
    algebra = Algebra()
    inputs = [algebra.input(0, 3) for _ in range(3)]
    tables = rng.integers(-12, 13, (3, 4))
    total = algebra.add(*(algebra.apply(x, lambda v, t=t: t[v]) for x, t in zip(inputs, tables, strict=True)))
    sums = {codes: sum(tables[n][c] for n, c in enumerate(codes)) for codes in itertools.product(range(4), repeat=3)}
    solutions = reaching(algebra, total, wanted=lambda v: v == target, count=5, rng=rng)
    assert solutions is not None
    assert bool(solutions) == (target in sums.values())
    for values in solutions:
        whole = [algebra.values(f)[values[b] - algebra.bases[b].lo] if b in values else None for b, f in total.parts]
        assert None not in whole
        assert total.constant + sum(whole) == target


def test_a_function_of_one_input():
    algebra = Algebra()
    square = algebra.apply(algebra.input(-3, 3), lambda v: v * v)
    solutions = reaching(algebra, square, wanted=lambda v: v == 4, count=9, rng=np.random.default_rng(0))
    assert sorted(values[0] for values in solutions) == [-2, 2]
    assert reaching(algebra, square, wanted=lambda v: v == 5, count=9, rng=np.random.default_rng(0)) == []


@pytest.mark.parametrize("kind", ["a sum of sums", "a maximum", "a constant"])
def test_of_others_nothing_is_said(kind):
    algebra = Algebra()
    a, b, c = (algebra.input(0, 7) for _ in range(3))
    low = algebra.apply(algebra.add(a, b), lambda v: v >> 1)
    form = {
        "a sum of sums": algebra.add(low, algebra.apply(algebra.add(b, c), lambda v: v & 3)),
        "a maximum": algebra.larger(a, b),
        "a constant": algebra.constant(3),
    }[kind]
    assert reaching(algebra, form, wanted=lambda v: v == 3, count=2, rng=np.random.default_rng(0)) is None
