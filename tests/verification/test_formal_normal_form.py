"""Integers in normal form: equal whatever way they were made, and what they are said to be."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trigger_lut.verification.formal import normal_form
from trigger_lut.verification.formal.normal_form import Algebra, FormError

INPUTS = [(-8, 7), (0, 15), (0, 1), (-2, 1), (0, 3)]


def random_codes(rng, count=200):
    return np.stack([rng.integers(lo, hi + 1, count) for lo, hi in INPUTS], axis=1)


def value(algebra, form, codes, known=None):
    """Values (N,) of a form for inputs (N, C): by what its bases are."""
    known = {} if known is None else known
    total = np.full(len(codes), form.constant)
    for base, function in form.parts:
        if base not in known:
            base_form = algebra.bases[base]
            if base_form.members:
                known[base] = np.max([value(algebra, m, codes, known) for m in base_form.members], axis=0)
            elif base_form.form is not None:
                known[base] = value(algebra, base_form.form, codes, known)
            else:
                known[base] = codes[:, base]
        total = total + algebra._values[function][known[base] - algebra.bases[base].lo]
    return total


def random_expression(seed, steps=25):
    """Pairs of a form and its values, each step made of earlier ones."""
    rng = np.random.default_rng(seed)
    algebra, codes = Algebra(), random_codes(rng)
    terms = [(algebra.input(*ends), codes[:, n]) for n, ends in enumerate(INPUTS)]
    for _ in range(steps):
        (a, x), (b, y) = (terms[int(n)] for n in rng.integers(0, len(terms), 2))
        kind, k = rng.integers(0, 7), int(rng.integers(1, 4))
        try:
            if kind < 2:
                terms.append((algebra.add(a, b, algebra.constant(k)), x + y + k))
            elif kind == 2:
                terms.append((algebra.scale(a, k - 4), x * (k - 4)))
            elif kind == 3:
                terms.append((algebra.apply(a, lambda v, k=k: v >> k), x >> k))
            elif kind == 4:
                terms.append((algebra.apply(a, lambda v, k=k: np.clip(v, -k, 3 * k)), np.clip(x, -k, 3 * k)))
            elif kind == 5:
                terms.append((algebra.apply(a, lambda v, k=k: v & (2**k - 1)), x & (2**k - 1)))
            else:
                terms.append((algebra.larger(a, b), np.maximum(x, y)))
        except FormError:
            continue
    return algebra, codes, terms


@given(st.integers(0, 10_000))
def test_a_form_is_the_integer_that_it_was_made_as(seed):
    algebra, codes, terms = random_expression(seed)
    for form, values in terms:
        np.testing.assert_array_equal(value(algebra, form, codes), values)
        assert form.lo <= values.min()
        assert form.hi >= values.max()


@given(st.integers(0, 10_000))
def test_forms_that_are_equal_are_equal_integers(seed):
    """Negative control of the equality: unequal values never have one form."""
    _, _, terms = random_expression(seed, 40)
    for n, (form, values) in enumerate(terms):
        for other, others in terms[:n]:
            if form == other:
                np.testing.assert_array_equal(values, others)


def exact_value(algebra, form, code):
    """The value of a form for one input of every base, in Python's integers."""
    total = form.constant
    for base, function in form.parts:
        base_form = algebra.bases[base]
        if base_form.members:
            at = max(exact_value(algebra, m, code) for m in base_form.members)
        else:
            at = code[base] if base_form.form is None else exact_value(algebra, base_form.form, code)
        total += int(algebra.values(function)[at - base_form.lo])
    return total


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6))
def test_wide_integers_are_exact_or_refused(seed):
    """Up to and beyond 2**63, against Python's integers: a sum or product never wraps."""
    rng = np.random.default_rng(seed)
    algebra, codes = Algebra(memory_bytes=1 << 20), random_codes(rng, 20).tolist()
    terms = [(algebra.input(*ends), [code[n] for code in codes]) for n, ends in enumerate(INPUTS)]
    for _ in range(25):
        (a, x), (b, y) = (terms[int(n)] for n in rng.integers(0, len(terms), 2))
        k = (int(rng.integers(1, 8)) << int(rng.integers(0, 66))) * int(rng.choice([-1, 1]))
        shift = int(rng.integers(0, 60))
        kind = int(rng.integers(0, 7))
        try:
            if kind < 2:
                terms.append((algebra.add(a, b, algebra.constant(k)), [v + w + k for v, w in zip(x, y, strict=True)]))
            elif kind == 2:
                terms.append((algebra.scale(a, k), [v * k for v in x]))
            elif kind == 3:
                terms.append((algebra.less(a, b), [v - w for v, w in zip(x, y, strict=True)]))
            elif kind == 4:
                terms.append((algebra.apply(a, lambda v, s=shift: v >> s), [v >> shift for v in x]))
            elif kind == 5:
                terms.append((algebra.larger(a, b), [max(v, w) for v, w in zip(x, y, strict=True)]))
            elif (form := algebra.divided(a, k)) is not None:
                terms.append((form, [v // k for v in x]))
        except FormError:
            continue
    for form, values in terms:
        assert [exact_value(algebra, form, code) for code in codes] == values
        assert form.lo <= min(values)
        assert max(values) <= form.hi
        try:
            _, reached = algebra.root(form)
        except FormError:
            continue
        assert set(values) <= set(reached.tolist())


def test_a_product_that_leaves_64_bits_is_refused():
    algebra = Algebra()
    bit = algebra.input(0, 1)
    with pytest.raises(FormError, match="more than 62 bits"):
        algebra.scale(algebra.scale(bit, 4), 1 << 62)
    with pytest.raises(FormError, match="more than 62 bits"):
        algebra.apply(algebra.constant(1 << 70), lambda v: v)
    near = algebra.scale(bit, 1 << 55)
    with pytest.raises(FormError, match="more than 56 bits"):
        algebra.add(*[near] * 5)


@given(st.integers(0, 10_000), st.permutations(range(5)))
def test_the_order_of_a_sum_does_not_matter(seed, order):
    rng = np.random.default_rng(seed)
    algebra = Algebra()
    inputs = [algebra.input(*ends) for ends in INPUTS]
    tables = [rng.integers(-20, 20, hi - lo + 1) for lo, hi in INPUTS]
    terms = [
        algebra.apply(x, lambda v, t=t, lo=lo: t[v - lo]) for x, t, (lo, _) in zip(inputs, tables, INPUTS, strict=True)
    ]
    total = algebra.add(*terms)
    again = algebra.constant(0)
    for n in order:
        again = algebra.add(terms[n], again)
    assert total == again
    low = algebra.add(algebra.scale(algebra.apply(total, lambda v: v >> 2), 4), algebra.apply(total, lambda v: v & 3))
    assert low == total, "high and low bits together are the whole"
    assert algebra.apply(again, lambda v: np.maximum(v, 3)) == algebra.larger(total, algebra.constant(3))


@given(st.permutations(range(4)), st.integers(-3, 3))
def test_the_order_of_a_maximum_does_not_matter(order, offset):
    algebra = Algebra()
    inputs = [algebra.input(*ends) for ends in INPUTS[:4]]
    items = [algebra.add(inputs[n], inputs[(n + 1) % 4]) for n in range(4)]
    first = items[0]
    for item in items[1:]:
        first = algebra.larger(first, item)
    moved = [algebra.add(algebra.scale(items[n], 2), algebra.constant(offset)) for n in order]
    second = algebra.larger(algebra.larger(moved[0], moved[1]), algebra.larger(moved[2], moved[3]))
    assert second == algebra.add(algebra.scale(first, 2), algebra.constant(offset))


@given(st.permutations(range(4)), st.sampled_from([2, 8]))
def test_the_factor_of_a_maximum_does_not_matter(order, factor):
    algebra = Algebra()
    inputs = [algebra.input(*ends) for ends in INPUTS[:4]]

    def weighted(n, by):
        return algebra.add(algebra.scale(inputs[n], by * (3 + n)), algebra.scale(inputs[(n + 1) % 4], by))

    moved = [weighted(n, factor) for n in order]  # made first: its functions have other numbers
    second = algebra.larger(algebra.larger(moved[0], moved[1]), algebra.larger(moved[2], moved[3]))
    first = weighted(0, 1)
    for n in range(1, 4):
        first = algebra.larger(first, weighted(n, 1))
    assert second == algebra.scale(first, factor)


def test_other_integers_have_other_forms():
    algebra = Algebra()
    a, b = algebra.input(0, 7), algebra.input(0, 7)
    total = algebra.add(a, b)
    assert total != algebra.add(a, algebra.scale(b, 2))
    assert total != algebra.add(total, algebra.constant(1))
    assert algebra.apply(total, lambda v: np.minimum(v, 13)) != total
    assert algebra.apply(total, lambda v: np.minimum(v, 14)) == total, "it is at most 14"


def test_what_has_no_form_is_refused():
    algebra = Algebra(memory_bytes=normal_form.BYTES_TO_MAKE * 10)
    a, b = algebra.input(0, 7), algebra.input(0, 7)
    with pytest.raises(FormError, match="a function of several numbers"):
        algebra.apply_all([a, b], lambda v: v[0] * v[1])
    with pytest.raises(FormError, match=r"an integer of 15 values: .* limit of 0\.0 GB of memory"):
        algebra.apply(algebra.add(a, b), lambda v: v >> 1)


def test_a_quotient_is_exact_or_there_is_none():
    algebra = Algebra()
    a, b = algebra.input(0, 7), algebra.input(-4, 3)
    total = algebra.add(algebra.scale(a, 4), algebra.scale(b, 8), algebra.constant(-4))
    assert algebra.divided(total, 4) == algebra.add(a, algebra.scale(b, 2), algebra.constant(-1))
    assert algebra.divided(total, 8) is None
