"""Energy correlation functions of jets, over all pairs and triples of constituents.

With z_i = pt_i / sum pt and R_ij the distance in rapidity and azimuth, normalized as in arXiv:1609.07483
(I. Moult, L. Necib, J. Thaler), section 2::

    e2(b)     = sum_{i<j}   z_i z_j     R_ij^b
    v_e3(b)   = sum_{i<j<k} z_i z_j z_k (product of the v smallest of R_ij, R_ik, R_jk)^b,   v = 1, 2, 3

3_e3 is the e3 of arXiv:1305.0007 (A. Larkoski, G. Salam, J. Thaler) and arXiv:1409.6298.
"""

from __future__ import annotations

import math

import numba
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
CORRELATORS = ("e2_b0", "e2_b1", "e2_b2", "1e3_b1", "1e3_b2", "2e3_b1", "2e3_b2", "3e3_b1", "3e3_b2")


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def energy_correlators(pt: Floats, rapidity: Floats, phi: Floats, offsets: NDArray[np.int64]) -> Floats:
    """Compute the correlators of every jet.

    Parameters
    ----------
    pt, rapidity, phi : (constituents,) ndarray
        Constituents of all jets, one jet after the other.
    offsets : (jets + 1,) ndarray of int
        Jet j has the constituents offsets[j] to offsets[j + 1] - 1.

    Returns
    -------
    (jets, 9) ndarray
        In the order of `CORRELATORS`.
    """
    out = np.zeros((len(offsets) - 1, 9))
    for jet in range(len(offsets) - 1):
        first, n = offsets[jet], offsets[jet + 1] - offsets[jet]
        z = pt[first : first + n] / np.sum(pt[first : first + n])
        r2 = np.zeros((n, n))
        for i in range(n):
            for j in range(i):
                across = abs(phi[first + i] - phi[first + j]) % (2 * math.pi)
                across = min(across, 2 * math.pi - across)
                along = rapidity[first + i] - rapidity[first + j]
                r2[i, j] = along * along + across * across
        r = np.sqrt(r2)
        for i in range(n):
            for j in range(i):
                z_ij = z[i] * z[j]
                out[jet, 0] += z_ij
                out[jet, 1] += z_ij * r[i, j]
                out[jet, 2] += z_ij * r2[i, j]
                for k in range(j):
                    weight = z_ij * z[k]
                    a, b, c = r[i, j], r[i, k], r[j, k]
                    smallest, largest = min(a, b, c), max(a, b, c)
                    all_three = a * b * c
                    two = all_three / largest if largest > 0 else 0.0
                    out[jet, 3] += weight * smallest
                    out[jet, 4] += weight * smallest * smallest
                    out[jet, 5] += weight * two
                    out[jet, 6] += weight * two * two
                    out[jet, 7] += weight * all_three
                    out[jet, 8] += weight * all_three * all_three
    return out
