"""One evaluation against the reference: how many outputs differ, and where first."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trigger_lut.cards.firmware import Comparison, Difference
from trigger_lut.errors import ToolFailedError
from trigger_lut.fixed_point.formats import IntArray


def differences(expected: IntArray, found: NDArray[np.generic]) -> tuple[int, Difference | None]:
    """Number of output values that differ, without tolerance, and the first of them in order of vector and output.

    expected: (N, C_out) integers. found: the same shape, integers or reals; a value that is not a whole number
    differs. Raises ToolFailedError when the shapes differ.
    """
    if found.shape != expected.shape:
        raise ToolFailedError(f"expected outputs of shape {expected.shape}, found {found.shape}")
    places = np.argwhere(found != expected)
    if not len(places):
        return 0, None
    vector, output = (int(n) for n in places[0])
    value = found[vector, output].item()
    number: int | float | None = value
    if isinstance(value, float):
        number = int(value) if value.is_integer() else value if np.isfinite(value) else None
    return len(places), Difference(vector=vector, output=output, expected=int(expected[vector, output]), found=number)


def largest_difference(expected: IntArray, found: NDArray[np.generic]) -> float | None:
    """Find the largest difference in steps of the output.

    Returns None where nothing differs, or where a value is not finite.
    """
    largest = float(np.abs(found.astype(np.float64) - expected).max(initial=0.0))
    return largest if largest and np.isfinite(largest) else None


def verdict(comparisons: list[Comparison]) -> str:
    """'bit-exact', or what is different, how often and where first; then what float rounding explains."""
    differing = [c for c in comparisons if c.mismatches]
    reasons = []
    if differing:
        total = sum(c.mismatches for c in differing)
        first = differing[0].first
        assert first is not None
        reasons.append(
            f"{total} difference{'s' if total != 1 else ''} in {', '.join(c.name for c in differing)}; first at vector "
            f"{first.vector}, output {first.output}: expected {first.expected}, found {first.found}"
        )
    if missed := [c.name for c in comparisons if not c.control_mismatches]:
        reasons.append(f"the flipped bit of the negative control was not caught by {', '.join(missed)}")
    reasons += [f"{c.name}: {c.note}" for c in differing if c.note]
    judged = ["not bit-exact: " + "; ".join(reasons) if reasons else "bit-exact"]
    rounded = [f"{c.name} differs {c.rounding_mismatches} times by float rounding" for c in comparisons]
    return "; ".join(judged + [text for text, c in zip(rounded, comparisons, strict=True) if c.rounding_mismatches])
