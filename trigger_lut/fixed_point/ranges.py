"""What integers can be, and what becomes of that in another fixed-point format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from trigger_lut.fixed_point.formats import KIF, IntArray, kif_for_range

OVERFLOWS = ("WRAP", "SAT", "SAT_SYM")
ROUNDINGS = ("TRN", "RND")


@dataclass(frozen=True)
class Ranges:
    """What values can be: smallest code, largest code, fractional bits; integer arrays of one shape."""

    lo: IntArray
    hi: IntArray
    f: IntArray

    def __getitem__(self, key: Any) -> Ranges:
        return Ranges(self.lo[key], self.hi[key], self.f[key])

    def __len__(self) -> int:
        return len(self.lo)

    def one(self, *index: int) -> tuple[int, int, int]:
        """(lo, hi, f) of one value."""
        return int(self.lo[index]), int(self.hi[index]), int(self.f[index])

    def formats(self) -> tuple[KIF, ...]:
        """The narrowest format of each value; the arrays have one axis."""
        return tuple(kif_for_range(*self.one(n)) for n in range(len(self)))


def fits(lo: int, hi: int, f: int, kif: KIF, rounding: str = "TRN") -> bool:
    """Whether every code from lo to hi with f fractional bits, rounded into the format, lies in it."""
    scale = 2.0 ** (kif.f - f)
    half = 0.5 if rounding == "RND" else 0.0
    return bool(np.floor(lo * scale + half) >= kif.lo and np.floor(hi * scale + half) <= kif.hi)


def limits(kif: KIF, overflow: str) -> tuple[int, int]:
    """Smallest and largest code after saturation."""
    return (-kif.hi if overflow == "SAT_SYM" and kif.k else kif.lo), kif.hi


def converted_range(codes: tuple[int, int, int], kif: KIF, overflow: str, rounding: str = "TRN") -> tuple[int, int]:
    """Smallest and largest code after conversion of codes (lo, hi, f) into a format."""
    lo, hi, f = codes
    least, most = limits(kif, overflow)
    if overflow == "WRAP" and not fits(lo, hi, f, kif, rounding):
        return least, most
    half = 0.5 if rounding == "RND" else 0.0
    ends = [int(np.floor(code * 2.0 ** (kif.f - f) + half)) for code in (lo, hi)]
    return min(max(ends[0], least), most), max(min(ends[1], most), least)
