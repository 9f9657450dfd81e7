"""Properties of formats and of the integers in them."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from networks import encode

from trigger_lut.errors import ConfigurationError
from trigger_lut.fixed_point.formats import (
    KIF,
    decode,
    kif_for_range,
    kif_from_fixed,
    parse_fixed,
    wrap,
)


@st.composite
def kifs(draw: st.DrawFn) -> KIF:
    k = draw(st.integers(0, 1))
    value_bits = draw(st.integers(1, 20))
    i = draw(st.integers(-20, 20))
    return KIF(k, i, value_bits - i)


reals = st.floats(-1e9, 1e9, allow_nan=False, allow_subnormal=False)  # halving a subnormal may give 0
integers = st.integers(-(2**40), 2**40)


@given(kifs())
def test_kif_and_fixed_convert_both_ways(kif: KIF) -> None:
    width, integer = kif.fixed()
    assert kif_from_fixed(bool(kif.k), width, integer=integer) == kif
    assert parse_fixed(str(kif)) == kif
    assert parse_fixed("ap_" + str(kif)) == kif


@given(st.booleans(), st.integers(2, 30), st.integers(-30, 30))
def test_fixed_to_kif_and_back(signed: bool, width: int, integer: int) -> None:
    kif = kif_from_fixed(signed, width, integer=integer)
    assert kif.fixed() == (width, integer)
    assert kif.bits == width
    assert kif.hi - kif.lo + 1 == 2**width
    assert (kif.hi + 1) * kif.step == 2.0 ** (integer - signed)


@pytest.mark.parametrize(
    ("text", "kif"),
    [("fixed<8,3>", KIF(1, 2, 5)), ("ufixed<6,-1>", KIF(0, -1, 7)), (" ap_fixed< 4 , 6 > ", KIF(1, 5, -2))],
)
def test_known_formats(text: str, kif: KIF) -> None:
    assert parse_fixed(text) == kif


@pytest.mark.parametrize("text", ["", "8,3", "fixed<8>", "float<8,3>", "fixed<8,3> x", "fixed<-8,3>"])
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="expected a format such as 'fixed<8,3>'"):
        parse_fixed(text)


def test_a_sign_alone_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"^a signed format needs a width of at least 2, found 1$"):
        kif_from_fixed(True, 1, integer=1)
    assert kif_from_fixed(False, 1, integer=1) == KIF(0, 1, 0)


@given(kifs(), st.data())
def test_decode_then_encode_is_the_identity(kif: KIF, data: st.DataObject) -> None:
    code = data.draw(st.integers(kif.lo, kif.hi))
    assert encode(decode(code, kif), kif) == code


@given(kifs(), reals)
def test_encode_rounds_down_and_saturates(kif: KIF, value: float) -> None:
    exact = math.floor(Fraction(value) * Fraction(2) ** kif.f)
    assert encode(value, kif) == min(max(exact, kif.lo), kif.hi)


@given(kifs(), reals)
def test_encode_loses_less_than_one_step_inside_the_range(kif: KIF, value: float) -> None:
    if kif.lo * kif.step <= value < (kif.hi + 1) * kif.step:
        assert 0 <= Fraction(value) - Fraction(float(decode(encode(value, kif), kif))) < Fraction(2) ** -kif.f


@given(kifs(), integers)
def test_wrap_is_congruent_and_inside(kif: KIF, code: int) -> None:
    got = int(wrap(code, kif))
    assert kif.lo <= got <= kif.hi
    assert (got - code) % 2**kif.bits == 0


@given(kifs(), st.data())
def test_wrap_keeps_codes_inside(kif: KIF, data: st.DataObject) -> None:
    code = data.draw(st.integers(kif.lo, kif.hi))
    assert wrap(code, kif) == code


def test_wrap_outside() -> None:
    assert wrap([4, -5], KIF(1, 2, 0)).tolist() == [-4, 3]


@given(integers, integers, st.integers(-10, 10))
def test_range_format_is_the_narrowest(a: int, b: int, f: int) -> None:
    lo, hi = min(a, b), max(a, b)
    kif = kif_for_range(lo, hi, f=f)
    assert kif.f == f
    assert kif.lo <= lo <= hi <= kif.hi
    assert kif.k == (lo < 0)
    if kif.i + kif.f > (not kif.k):  # one bit less no longer holds the range
        narrower = KIF(kif.k, kif.i - 1, f)
        assert narrower.lo > lo or narrower.hi < hi


def test_arrays_keep_their_shape_and_are_int64() -> None:
    codes = encode(np.zeros((3, 2), np.float32), KIF(1, 2, 5))
    assert codes.shape == (3, 2)
    assert codes.dtype == np.int64
