"""Fixed-point formats and the integers in them. Two notations, one conversion.

`KIF` (keep-negative, integer bits without sign, fractional bits) is what the layers use;
`fixed<W,I>` is Vivado's, in which I counts the sign bit. A code `c` in a format represents the real
number `c * 2**-f`. `f` and `i` may be negative as long as the format has at least one bit.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
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
        """Width in bits, with the sign bit."""
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
        """Return (W, I) of Vivado's ap_fixed<W,I> or ap_ufixed<W,I>; I includes the sign bit."""
        return self.bits, self.k + self.i


def kif_from_fixed(signed: bool, width: int, *, integer: int) -> KIF:
    """Return the KIF of `ap_fixed<width, integer>` (signed) or `ap_ufixed<width, integer>`.

    Parameters
    ----------
    signed : bool
        True for ap_fixed.
    width : int
        W, all bits.
    integer : int
        I, bits above the binary point, with the sign bit.

    Returns
    -------
    KIF

    Raises
    ------
    ConfigurationError
        If the format has no value bits.
    """
    k = int(signed)
    if width - k < 1:
        raise ConfigurationError(
            f"a {'signed' if signed else 'unsigned'} format needs a width of at least {1 + k}, found {width}"
        )
    return KIF(k, integer - k, width - integer)


def parse_fixed(text: str) -> KIF:
    """Return the KIF of a text such as 'fixed<8,3>' or 'ufixed<6,-1>'.

    Parameters
    ----------
    text : str
        Format in Vivado's notation; an 'ap_' in front is optional.

    Returns
    -------
    KIF

    Raises
    ------
    ConfigurationError
        For any other text.
    """
    match = re.fullmatch(r"\s*(?:ap_)?(u?)fixed<\s*(\d+)\s*,\s*(-?\d+)\s*>\s*", text)
    if not match:
        raise ConfigurationError(f"expected a format such as 'fixed<8,3>' or 'ufixed<6,0>', found {text!r}")
    return kif_from_fixed(not match[1], int(match[2]), integer=int(match[3]))


def kif_for_range(lo: int, hi: int, f: int) -> KIF:
    """Return the narrowest format with `f` fraction bits that represents every code from lo to hi.

    Parameters
    ----------
    lo, hi : int
        Smallest and largest code.
    f : int
        Fraction bits.

    Returns
    -------
    KIF
        Unsigned if no code is negative.
    """
    k = int(lo < 0)
    value_bits = max(int(hi).bit_length() if hi > 0 else 0, int(-lo - 1).bit_length() if lo < 0 else 0)
    if not k:
        value_bits = max(value_bits, 1)
    return KIF(k, value_bits - f, f)


def hull(formats: Iterable[KIF]) -> KIF:
    """Return the narrowest format that represents every value of several formats.

    Parameters
    ----------
    formats : iterable of KIF
        At least one format.

    Returns
    -------
    KIF
    """
    return KIF(*(max(part) for part in zip(*formats, strict=True)))


def wrap(codes: ArrayLike, kif: KIF) -> IntArray:
    """Wrap codes into the format, modulo 2**bits (WRAP).

    Parameters
    ----------
    codes : array_like of int
        Codes of any shape.
    kif : KIF
        The format.

    Returns
    -------
    numpy.ndarray of int64
    """
    c = np.asarray(codes, dtype=np.int64)
    return ((c - kif.lo) & ((1 << kif.bits) - 1)) + kif.lo


def decode(codes: ArrayLike, kif: KIF) -> NDArray[np.float64]:
    """Return real values of codes, in float64.

    Parameters
    ----------
    codes : array_like of int
        Codes of any shape.
    kif : KIF
        The format.

    Returns
    -------
    numpy.ndarray of float64
    """
    return np.asarray(codes, dtype=np.float64) * 2.0**-kif.f


def uniform(formats: tuple[KIF, ...], count: int, *, rng: np.random.Generator) -> IntArray:
    """Draw codes, each uniform over its format.

    Parameters
    ----------
    formats : tuple of KIF, length C
        Formats of the columns.
    count : int
        Number of rows, N.
    rng : numpy.random.Generator
        Source of the draws.

    Returns
    -------
    numpy.ndarray of int64, shape (N, C)
    """
    codes = np.empty((count, len(formats)), dtype=np.int64)
    for n, kif in enumerate(formats):
        codes[:, n] = rng.integers(kif.lo, kif.hi + 1, count)
    return codes


def codes_of_bits(bits: Sequence[int], formats: Sequence[KIF]) -> IntArray:
    """Return the codes that the bits of a bus encode.

    Parameters
    ----------
    bits : sequence of int
        Bits, 0 or 1, from the lowest bit of the first format on.
    formats : sequence of KIF, length C
        Formats in the order of the bus.

    Returns
    -------
    numpy.ndarray of int64, shape (1, C)
    """
    codes, at = [], 0
    for kif in formats:
        code = sum(bit << n for n, bit in enumerate(bits[at : at + kif.bits]))
        codes.append(code - (1 << kif.bits) if code > kif.hi else code)
        at += kif.bits
    return np.array([codes], dtype=np.int64)
