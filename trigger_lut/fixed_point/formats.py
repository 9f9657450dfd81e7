"""Fixed-point formats and the integers in them. Two notations, one conversion.

`KIF` (keep-negative, integer bits without sign, fractional bits) is what the layers use;
`fixed<W,I>` is Vivado's, in which I counts the sign bit. A code `c` in a format represents the real
number `c * 2**-f`. `f` and `i` may be negative as long as the format has at least one bit.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trigger_lut.errors import ConfigurationError

IntArray = NDArray[np.int64]


class KIF(NamedTuple):
    """Keep-negative (0 or 1), integer bits without sign, fractional bits."""

    k: int
    i: int
    f: int

    @property
    def bits(self) -> int:
        return self.k + self.i + self.f

    @property
    def lo(self) -> int:
        """Smallest code."""
        return -(1 << (self.i + self.f)) if self.k else 0

    @property
    def hi(self) -> int:
        """Largest code."""
        return (1 << (self.i + self.f)) - 1

    @property
    def step(self) -> float:
        """Real value of one code step, 2**-f."""
        return 2.0**-self.f

    def __str__(self) -> str:
        width, integer = self.fixed()
        return f"{'fixed' if self.k else 'ufixed'}<{width},{integer}>"

    def fixed(self) -> tuple[int, int]:
        """(W, I) of Vivado's ap_fixed<W,I> or ap_ufixed<W,I>; I includes the sign bit."""
        return self.bits, self.k + self.i


def kif_from_fixed(signed: bool, width: int, integer: int) -> KIF:
    """KIF of `ap_fixed<width, integer>` (signed) or `ap_ufixed<width, integer>`.

    Raises ConfigurationError when the format has no value bits.
    """
    k = int(signed)
    if width - k < 1:
        raise ConfigurationError(
            f"a {'signed' if signed else 'unsigned'} format needs a width of at least {1 + k}, found {width}"
        )
    return KIF(k, integer - k, width - integer)


def parse_fixed(text: str) -> KIF:
    """KIF of a text such as 'fixed<8,3>' or 'ufixed<6,-1>' (an 'ap_' in front may are).

    Raises ConfigurationError for any other text.
    """
    found = re.fullmatch(r"\s*(?:ap_)?(u?)fixed<\s*(\d+)\s*,\s*(-?\d+)\s*>\s*", text)
    if not found:
        raise ConfigurationError(f"expected a format such as 'fixed<8,3>' or 'ufixed<6,0>', found {text!r}")
    return kif_from_fixed(not found[1], int(found[2]), int(found[3]))


def kif_for_range(lo: int, hi: int, f: int) -> KIF:
    """The narrowest format with `f` fractional bits that holds every code from lo to hi."""
    k = int(lo < 0)
    value_bits = max(int(hi).bit_length() if hi > 0 else 0, int(-lo - 1).bit_length() if lo < 0 else 0)
    if not k:
        value_bits = max(value_bits, 1)
    return KIF(k, value_bits - f, f)


def shift_floor(codes: ArrayLike, shift: int) -> IntArray:
    """codes * 2**-shift, rounded towards minus infinity (TRN); a negative shift is exact."""
    c = np.asarray(codes, dtype=np.int64)
    return c >> shift if shift >= 0 else c << -shift


def saturate(codes: ArrayLike, kif: KIF) -> IntArray:
    """Codes clipped into the format (SAT)."""
    return np.clip(np.asarray(codes, dtype=np.int64), kif.lo, kif.hi)


def wrap(codes: ArrayLike, kif: KIF) -> IntArray:
    """Codes wrapped into the format, modulo 2**bits (WRAP)."""
    c = np.asarray(codes, dtype=np.int64)
    return ((c - kif.lo) & ((1 << kif.bits) - 1)) + kif.lo


def encode(values: ArrayLike, kif: KIF) -> IntArray:
    """Codes of finite real values: rounded towards minus infinity (TRN), saturated (SAT)."""
    scaled = np.floor(np.asarray(values, dtype=np.float64) * 2.0**kif.f)
    return np.clip(scaled, kif.lo, kif.hi).astype(np.int64)


def decode(codes: ArrayLike, kif: KIF) -> NDArray[np.float64]:
    """Real values of codes."""
    return np.asarray(codes, dtype=np.float64) * 2.0**-kif.f


def uniform(formats: tuple[KIF, ...], count: int, rng: np.random.Generator) -> IntArray:
    """(count, C) codes, each uniform over its format."""
    return np.stack([rng.integers(kif.lo, kif.hi + 1, count) for kif in formats], axis=1)


def codes_of_bits(bits: Sequence[int], formats: Sequence[KIF]) -> IntArray:
    """(1, C) codes of the bits of a bus, the first format's lowest bit first."""
    found, at = [], 0
    for kif in formats:
        code = sum(bit << n for n, bit in enumerate(bits[at : at + kif.bits]))
        found.append(code - (1 << kif.bits) if code > kif.hi else code)
        at += kif.bits
    return np.array([found], dtype=np.int64)
