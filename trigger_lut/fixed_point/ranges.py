"""Ranges of integers, before and after their conversion into another fixed-point format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from trigger_lut.fixed_point.formats import KIF, IntArray, kif_for_range

OVERFLOWS = ("WRAP", "SAT", "SAT_SYM")
ROUNDINGS = ("TRN", "RND")


@dataclass(frozen=True)
class Ranges:
    """Bounds of values: smallest code, largest code, fraction bits; integer arrays of one shape."""

    lo: IntArray
    hi: IntArray
    f: IntArray

    def __getitem__(self, key: Any) -> Ranges:
        return Ranges(self.lo[key], self.hi[key], self.f[key])

    def __len__(self) -> int:
        return len(self.lo)

    def one(self, *index: int) -> tuple[int, int, int]:
        """Return (lo, hi, f) of one value.

        Parameters
        ----------
        *index : int
            Position of the value, one number per axis.

        Returns
        -------
        tuple of int
        """
        return int(self.lo[index]), int(self.hi[index]), int(self.f[index])

    def formats(self) -> tuple[KIF, ...]:
        """Return the narrowest format of each value; the arrays have one axis."""
        return tuple(kif_for_range(*self.one(n)) for n in range(len(self)))


def fits(lo: int, hi: int, f: int, *, kif: KIF, rounding: str = "TRN") -> bool:
    """Return whether a format contains every code from lo to hi after rounding.

    Parameters
    ----------
    lo, hi : int
        Smallest and largest code.
    f : int
        Fraction bits of the codes.
    kif : KIF
        The format.
    rounding : str
        'TRN' (down) or 'RND' (half up).

    Returns
    -------
    bool
    """
    scale = 2.0 ** (kif.f - f)
    half = 0.5 if rounding == "RND" else 0.0
    return bool(np.floor(lo * scale + half) >= kif.lo and np.floor(hi * scale + half) <= kif.hi)


def limits(kif: KIF, overflow: str) -> tuple[int, int]:
    """Return the smallest and largest code after saturation.

    Parameters
    ----------
    kif : KIF
        The format.
    overflow : str
        'SAT', or 'SAT_SYM', which excludes the lowest code of a signed format.

    Returns
    -------
    tuple of int
    """
    return (-kif.hi if overflow == "SAT_SYM" and kif.k else kif.lo), kif.hi


def converted_range(codes: tuple[int, int, int], kif: KIF, *, overflow: str, rounding: str = "TRN") -> tuple[int, int]:
    """Return the smallest and largest code after conversion into a format.

    Parameters
    ----------
    codes : tuple of int
        Smallest code, largest code and fraction bits before conversion.
    kif : KIF
        The format.
    overflow : str
        'WRAP', 'SAT' or 'SAT_SYM'.
    rounding : str
        'TRN' (down) or 'RND' (half up).

    Returns
    -------
    tuple of int
        All codes of the format where WRAP changes a code.
    """
    lo, hi, f = codes
    least, most = limits(kif, overflow)
    if overflow == "WRAP" and not fits(lo, hi, f=f, kif=kif, rounding=rounding):
        return least, most
    half = 0.5 if rounding == "RND" else 0.0
    ends = [int(np.floor(code * 2.0 ** (kif.f - f) + half)) for code in (lo, hi)]
    return min(max(ends[0], least), most), max(min(ends[1], most), least)
