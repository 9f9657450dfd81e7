"""Level-1 objects from towers and muons: jets, e/gamma, missing transverse momentum.

The algorithms are simple forms of those of a calorimeter trigger. A jet is a window of 9 x 9 towers around its highest
tower. Pile-up is subtracted as in CMS' calorimeter trigger ("chunky donut"): four strips of 3 x 9 towers adjoin the
window, and the three lower ones have its area together. An e/gamma is a window of 3 x 3 EM towers around its highest
tower, with little energy in HAD.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from trigger_lut.simulation.detector import EM, ETA_MAX, HAD, TOWER, Floats, Muons

JET, EGAMMA = 9, 3  # towers across
JET_SEED_GEV, JET_MIN_GEV, EGAMMA_SEED_GEV, EGAMMA_MIN_GEV = 4.0, 15.0, 2.0, 5.0
MAX_HAD_FRACTION = 0.25  # HAD over EM energy in the window of an e/gamma
MOST_JETS, MOST_OTHERS = 10, 4


class Objects(NamedTuple):
    """Objects of crossings, (N, K) each, largest pt first: pt in GeV (0: no object), eta, phi in radians."""

    pt: Floats
    eta: Floats
    phi: Floats


def sums(towers: Floats, eta: int, *, phi: int) -> Floats:
    """Sum windows of eta x phi towers (odd numbers) around each tower (N, E, P); beyond the ends in eta are zeros."""
    half_eta, half_phi = eta // 2, phi // 2
    wrapped = np.concatenate([towers[..., -half_phi:], towers, towers[..., :half_phi]], axis=-1) if half_phi else towers
    total = np.cumsum(np.pad(wrapped, ((0, 0), (0, 0), (1, 0))), axis=-1)
    across = total[..., phi:] - total[..., :-phi]
    total = np.cumsum(np.pad(across, ((0, 0), (half_eta + 1, half_eta), (0, 0))), axis=-2)
    return np.asarray(total[:, eta:] - total[:, :-eta])


def highest(towers: Floats, size: int) -> NDArray[np.bool_]:
    """Select towers (N, E, P) above all others of a window of size x size; the last of equal towers is selected."""
    from scipy.ndimage import maximum_filter1d

    order = np.arange(towers[0].size).reshape(towers[0].shape)
    distinct = towers + 1e-6 * order  # energies are multiples of 0.5
    most = maximum_filter1d(distinct, size, axis=2, mode="wrap")
    most = maximum_filter1d(most, size, axis=1, mode="constant", cval=0.0)
    return np.asarray(distinct == most)


def jets(towers: Floats) -> Objects:
    """Find jets in towers (N, E, P), the sum of both layers."""
    inside = sums(towers, JET, phi=JET)
    along_phi, along_eta = sums(towers, 3, phi=JET), sums(towers, JET, phi=3)
    shift = (JET + 3) // 2
    strips = [np.roll(along_eta, shift, axis=2), np.roll(along_eta, -shift, axis=2)]
    for step in (shift, -shift):
        moved = np.zeros_like(along_phi)
        if step > 0:
            moved[:, step:] = along_phi[:, :-step]
        else:
            moved[:, :step] = along_phi[:, -step:]
        strips.append(moved)
    around = np.stack(strips)
    pileup = around.sum(axis=0) - around.max(axis=0)
    pt = np.where(highest(towers, JET) & (towers >= JET_SEED_GEV), inside - pileup, 0.0)
    return _first(np.where(pt >= JET_MIN_GEV, pt, 0.0), MOST_JETS)


def egammas(towers: Floats) -> Objects:
    """Find e/gammas in towers (N, 2, E, P)."""
    em = towers[:, EM]
    inside, behind = sums(em, EGAMMA, phi=EGAMMA), sums(towers[:, HAD], EGAMMA, phi=EGAMMA)
    good = highest(em, EGAMMA) & (em >= EGAMMA_SEED_GEV) & (behind <= MAX_HAD_FRACTION * inside)
    return _first(np.where(good & (inside >= EGAMMA_MIN_GEV), inside, 0.0), MOST_OTHERS)


def _first(pt: Floats, most: int) -> Objects:
    flat = pt.reshape(len(pt), -1)
    towers = np.argsort(-flat, axis=1, kind="stable")[:, :most]
    energies = np.take_along_axis(flat, towers, axis=1)
    eta, phi = np.unravel_index(towers, pt.shape[1:])
    there = energies > 0
    azimuth = (phi + 0.5) * TOWER
    return Objects(
        energies,
        np.where(there, (eta + 0.5) * TOWER - ETA_MAX, 0.0),
        np.where(there, np.where(azimuth > np.pi, azimuth - 2 * np.pi, azimuth), 0.0),
    )


def muon_slots(muons: Muons, crossings: int) -> Objects:
    """Fill the muons of each crossing into slots, largest pt first."""
    order = np.lexsort((-muons.pt, muons.of))
    of = muons.of[order]
    rank = np.arange(len(of)) - np.searchsorted(of, of)
    kept = rank < MOST_OTHERS
    slots_of_muons = Objects(*np.zeros((3, crossings, MOST_OTHERS)))
    for slots, values in zip(slots_of_muons, (muons.pt, muons.eta, muons.phi), strict=True):
        slots[of[kept], rank[kept]] = values[order][kept]
    return slots_of_muons


def missing(towers: Floats) -> tuple[Floats, Floats]:
    """Return magnitude in GeV and phi, (N,) each, of minus the vector sum of towers (N, E, P)."""
    azimuth = (np.arange(towers.shape[2]) + 0.5) * TOWER
    in_phi = towers.sum(axis=1)
    x, y = -in_phi @ np.cos(azimuth), -in_phi @ np.sin(azimuth)
    return np.hypot(x, y), np.arctan2(y, x)
