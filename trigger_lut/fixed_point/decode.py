"""Real values of codes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from trigger_lut.fixed_point.formats import KIF, decode

EXACT_BITS = 24  # of integers in float32: what fewer bits decode to is exact in any order of operations


def decoded(codes: np.ndarray, formats: Sequence[KIF]) -> np.ndarray:
    """Return real values of codes.

    Values are exact in float32 as long as every format has at most `EXACT_BITS` bits.

    Parameters
    ----------
    codes : numpy.ndarray of int, shape (N, C)
        Codes, each column in its format.
    formats : sequence of KIF, length C
        Formats of the columns.

    Returns
    -------
    numpy.ndarray of float32, shape (N, C)
    """
    if all(kif.bits <= EXACT_BITS for kif in formats):
        return codes.astype(np.float32) * np.array([kif.step for kif in formats], np.float32)
    return np.stack([decode(codes[:, i], kif) for i, kif in enumerate(formats)], axis=1).astype(np.float32)
