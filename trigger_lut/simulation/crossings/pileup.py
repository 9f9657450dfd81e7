"""Overlay of collisions in crossings, and the resulting tower energies and muons."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from trigger_lut.config.crossings import INELASTIC_MB, SLICES, SOFT, Crossings
from trigger_lut.simulation.crossings.collisions import Collisions
from trigger_lut.simulation.detector import EM, ETA_TOWERS, HAD, PHI_TOWERS, TOWER, Floats, Ints, Muons

LAYERS = len((EM, HAD))


class Numbers(NamedTuple):
    """Numbers of collisions in each of N crossings: soft ones, and hard ones by slice."""

    soft: Ints
    slices: dict[str, Ints]


class Overlay(NamedTuple):
    """Placement of collisions, (K,) each: crossing, index in the sample, rotation in towers, mirrored in eta."""

    crossing: Ints
    collision: Ints
    turned: Ints
    mirrored: NDArray[np.bool_]


def numbers(crossings: Crossings, process: str, *, count: int, random: np.random.Generator) -> Numbers:
    """Draw numbers of collisions of `count` crossings of a class; `config.crossings` describes the background classes.

    A background class named after a slice has at least one collision of this slice, and none of higher slices. The
    collision of a signal is not counted here.
    """
    mean = {name: crossings.pileup * process.sigma_mb / INELASTIC_MB for name, process in SLICES.items()}
    drawn: dict[str, Ints] = {}
    for name in SLICES:
        drawn[name] = random.poisson(mean[name], count)
        if name == process:
            drawn[name] = at_least_one(mean[name], count, random=random)
    if process == SOFT or process in SLICES:
        names = list(SLICES)
        above = names[names.index(process) + 1 :] if process in SLICES else names
        for name in above:
            drawn[name] = np.zeros(count, np.int64)
    return Numbers(random.poisson(crossings.pileup - sum(mean.values()), count), drawn)


def at_least_one(mean: float, count: int, *, random: np.random.Generator) -> Ints:
    """Draw (count,) Poisson numbers above 0: the first arrival falls within the mean, others after it."""
    first = -np.log1p(random.random(count) * np.expm1(-mean))  # exponential, given that it is below `mean`
    return np.asarray(1 + random.poisson(mean - first), np.int64)


def drawn(count: Ints, pool: int, *, random: np.random.Generator) -> Overlay:
    """Draw `count` collisions of a pool for each crossing, rotated and mirrored at random."""
    crossing = np.repeat(np.arange(len(count)), count)
    return Overlay(
        crossing,
        random.integers(pool, size=len(crossing)),
        random.integers(PHI_TOWERS, size=len(crossing)),
        random.random(len(crossing)) < 0.5,
    )


def in_order(count: Ints) -> Overlay:
    """Place the collisions of a sample in order, without rotation."""
    crossing = np.repeat(np.arange(len(count)), count)
    return Overlay(
        crossing, np.arange(len(crossing)), np.zeros(len(crossing), np.int64), np.zeros(len(crossing), np.bool_)
    )


def towers_of(sample: Collisions, overlay: Overlay, *, crossings: int) -> Floats:
    """Add up transverse energies in GeV, (crossings, 2, eta, phi)."""
    deposits = sample.deposits
    start = deposits.offsets[overlay.collision]
    length = deposits.offsets[overlay.collision + 1] - start
    of = np.repeat(np.arange(len(length)), length)
    which = np.arange(len(of)) - np.repeat(np.cumsum(length) - length, length) + start[of]
    eta = np.where(overlay.mirrored[of], ETA_TOWERS - 1 - deposits.eta[which], deposits.eta[which])
    phi = (deposits.phi[which] + overlay.turned[of]) % PHI_TOWERS
    cell = ((overlay.crossing[of] * LAYERS + deposits.layer[which]) * ETA_TOWERS + eta) * PHI_TOWERS + phi
    shape = (crossings, LAYERS, ETA_TOWERS, PHI_TOWERS)
    return np.asarray(
        np.bincount(cell, deposits.et_gev[which], minlength=int(np.prod(shape))).reshape(shape), np.float64
    )


def muons_of(sample: Collisions, overlay: Overlay) -> Muons:
    """Collect the muons of the crossings."""
    muons = sample.muons
    start = np.searchsorted(muons.of, overlay.collision)
    length = np.searchsorted(muons.of, overlay.collision, side="right") - start
    of = np.repeat(np.arange(len(length)), length)
    which = np.arange(len(of)) - np.repeat(np.cumsum(length) - length, length) + start[of]
    phi = muons.phi[which] + overlay.turned[of] * TOWER
    return Muons(
        overlay.crossing[of],
        muons.pt[which],
        np.where(overlay.mirrored[of], -muons.eta[which], muons.eta[which]),
        np.mod(phi + np.pi, 2 * np.pi) - np.pi,
    )
