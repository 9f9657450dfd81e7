"""Real values of codes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from trigger_lut.fixed_point.formats import KIF, decode

EXACT_BITS = 24  # of integers in float32: what fewer bits decode to is exact in any order of operations


def decoded(codes: np.ndarray, formats: Sequence[KIF]) -> np.ndarray:
    """Real values (N, C) float32 of codes (N, C), each column in its format."""
    if all(kif.bits <= EXACT_BITS for kif in formats):
        return codes.astype(np.float32) * np.array([kif.step for kif in formats], np.float32)
    return np.stack([decode(codes[:, i], kif) for i, kif in enumerate(formats)], axis=1).astype(np.float32)
