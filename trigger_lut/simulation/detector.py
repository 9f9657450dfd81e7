"""Toy detector, one function for each effect: a solenoid, calorimeter towers and muon chambers.

The parameters are round numbers, similar to the level-1 view of a general-purpose LHC detector:

acceptance   towers to |eta| < 2.97, muons to |eta| < 2.4
field        a charged particle is deflected in phi, or does not reach the calorimeter: `deflection`
layers       electrons and photons deposit transverse energy in EM towers, other particles except muons in HAD
resolution   of each tower's transverse energy: `smeared`
towers       thresholds, multiples of 0.5 GeV, saturation: `digitized`
muons        inefficiency and resolution of 1/pt: `muons_seen`
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PHI_TOWERS = 72
ETA_TOWERS = 68
TOWER = 2 * math.pi / PHI_TOWERS  # 0.087, in eta as well
ETA_MAX = TOWER * ETA_TOWERS / 2
EM, HAD = 0, 1
STOCHASTIC, CONSTANT = (0.10, 1.00), (0.01, 0.05)  # sigma / ET = stochastic / sqrt(ET) (+) constant, EM and HAD
LSB_GEV, THRESHOLD_GEV, LARGEST_GEV = 0.5, 0.5, 255.5  # of a tower's layer: 9 bits

FIELD_TESLA, RADIUS_M = 3.8, 1.29
CURL_GEV = 0.3 * FIELD_TESLA * RADIUS_M / 2  # pt of a track that just reaches the calorimeter, in GeV

MUON_ETA_MAX, MUON_PT_MIN_GEV = 2.4, 3.0
MUON_EFFICIENCY, MUON_RESOLUTION = 0.95, 0.15  # standard deviation of the relative change of 1/pt

ELECTRON, MUON, PHOTON = 11, 13, 22
INVISIBLE = (12, 14, 16, 9900012)
POSITIVE = (211, 321, 2212, 3222, -ELECTRON, -MUON, -3112, -3312, -3334)  # stable particles of charge +1


class Deposits(NamedTuple):
    """Energies of C collisions in the towers; collision c has the deposits offsets[c] to offsets[c + 1] - 1.

    Attributes
    ----------
    eta, phi : (D,) ndarray of int
        Indices of the towers.
    layer : (D,) ndarray of int
        EM or HAD.
    et_gev : (D,) ndarray
        Transverse energy before resolution and thresholds.
    offsets : (C + 1,) ndarray of int
        First deposit of each collision.
    """

    eta: Ints
    phi: Ints
    layer: Ints
    et_gev: Floats
    offsets: Ints


class Muons(NamedTuple):
    """Muons of collisions or crossings, (M,) each: index `of` the collision, pt in GeV, eta, phi in radians."""

    of: Ints
    pt: Floats
    eta: Floats
    phi: Floats


def charges(pdg_id: NDArray[Any]) -> Ints:
    """Return the charges of final particles by PDG id: -1, 0 or 1."""
    return np.isin(pdg_id, POSITIVE).astype(np.int64) - np.isin(-pdg_id, POSITIVE)


def deflection(pt_gev: Floats, charge: Ints) -> Floats:
    """Return how much smaller phi is at the calorimeter than at the collision; NaN for tracks that do not reach it.

    A track of radius R = pt / (0.3 B) leaves a cylinder of radius r, centered on its start, at the angle asin(r / 2R).
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        return charge.astype(np.float64) * np.arcsin(np.where(charge == 0, 0.0, CURL_GEV / pt_gev))


def in_towers(
    pt: Floats, eta: Floats, *, phi: Floats, pdg_id: NDArray[Any], collision: Ints, collisions: int
) -> Deposits:
    """Deposit the energy of final particles, (P,) each in the order of their collisions, in towers.

    Each particle is treated as massless. Muons and neutrinos deposit nothing.
    """
    kind = np.abs(pdg_id)
    turned = phi - deflection(pt, charges(pdg_id))
    visible = (np.abs(eta) < ETA_MAX) & np.isfinite(turned) & (kind != MUON) & ~np.isin(kind, INVISIBLE)
    return Deposits(
        eta=np.floor((eta[visible] + ETA_MAX) / TOWER).astype(np.int64).clip(0, ETA_TOWERS - 1),
        phi=np.floor(turned[visible] / TOWER).astype(np.int64) % PHI_TOWERS,
        layer=np.where(np.isin(kind[visible], (ELECTRON, PHOTON)), EM, HAD),
        et_gev=pt[visible],
        offsets=np.searchsorted(collision[visible], np.arange(collisions + 1)),
    )


def smeared(et_gev: Floats, random: np.random.Generator) -> Floats:
    """Smear tower energies (N, 2, eta, phi) with the resolution of each layer; the result is not negative."""
    energies = et_gev.copy()
    hit = energies > 0
    layer = np.nonzero(hit)[1]
    et = energies[hit]
    sigma = np.sqrt(np.array(STOCHASTIC)[layer] ** 2 * et + np.array(CONSTANT)[layer] ** 2 * et**2)
    energies[hit] = np.maximum(et + sigma * random.standard_normal(len(et)), 0.0)
    return energies


def digitized(et_gev: Floats) -> Floats:
    """Digitize tower energies: multiples of 0.5 GeV, rounded down, saturated; 0 below the threshold."""
    digits = np.floor(np.minimum(et_gev, LARGEST_GEV) / LSB_GEV) * LSB_GEV
    return np.where(digits < THRESHOLD_GEV, 0.0, digits)


def muons_seen(muons: Muons, random: np.random.Generator) -> Muons:
    """Apply acceptance, pt threshold, inefficiency and resolution of the muon chambers."""
    efficient = random.random(len(muons.pt)) < MUON_EFFICIENCY
    change = np.maximum(1 + MUON_RESOLUTION * random.standard_normal(len(muons.pt)), 0.1)
    pt = muons.pt / change
    kept = efficient & (np.abs(muons.eta) < MUON_ETA_MAX) & (pt >= MUON_PT_MIN_GEV)
    return Muons(muons.of[kept], pt[kept], muons.eta[kept], muons.phi[kept])
