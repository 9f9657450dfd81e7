"""Crossings: which collisions each of them has, and what the towers and muon chambers see of all together."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from trigger_lut.config.crossings import INELASTIC_MB, SLICES, SOFT, Crossings
from trigger_lut.simulation.crossings.collisions import Collisions
from trigger_lut.simulation.detector import EM, ETA_TOWERS, HAD, PHI_TOWERS, TOWER, Floats, Ints, Muons

LAYERS = len((EM, HAD))


class Numbers(NamedTuple):
    """How many collisions each of N crossings has: soft ones, and by slice."""

    soft: Ints
    slices: dict[str, Ints]


class Overlay(NamedTuple):
    """Collisions in crossings, (K,) each: the crossing, the collision in its sample, towers it is turned, mirrored."""

    crossing: Ints
    collision: Ints
    turned: Ints
    mirrored: NDArray[np.bool_]


def numbers(crossings: Crossings, process: str, count: int, random: np.random.Generator) -> Numbers:
    """Poisson numbers of collisions of `count` crossings of a class. `config.crossings` has the kinds of background.

    Of a kind of background, the slice that names it has at least one collision, and those above it none. A signal's own
    collision comes in addition.
    """
    mean = {name: crossings.pileup * found.sigma_mb / INELASTIC_MB for name, found in SLICES.items()}
    drawn: dict[str, Ints] = {}
    for name in SLICES:
        drawn[name] = random.poisson(mean[name], count)
        if name == process:
            drawn[name] = at_least_one(mean[name], count, random)
    if process == SOFT or process in SLICES:
        names = list(SLICES)
        above = names[names.index(process) + 1 :] if process in SLICES else names
        for name in above:
            drawn[name] = np.zeros(count, np.int64)
    return Numbers(random.poisson(crossings.pileup - sum(mean.values()), count), drawn)


def at_least_one(mean: float, count: int, random: np.random.Generator) -> Ints:
    """(count,) Poisson numbers given that they are not 0: the first arrival falls within the mean, others after it."""
    first = -np.log1p(random.random(count) * np.expm1(-mean))  # exponential, given that it is below `mean`
    return np.asarray(1 + random.poisson(mean - first), np.int64)


def drawn(count: Ints, pool: int, random: np.random.Generator) -> Overlay:
    """For each crossing, so many collisions of a pool, each turned and mirrored at random."""
    crossing = np.repeat(np.arange(len(count)), count)
    return Overlay(
        crossing,
        random.integers(pool, size=len(crossing)),
        random.integers(PHI_TOWERS, size=len(crossing)),
        random.random(len(crossing)) < 0.5,
    )


def in_order(count: Ints) -> Overlay:
    """The collisions of a sample one by one, as they are."""
    crossing = np.repeat(np.arange(len(count)), count)
    return Overlay(
        crossing, np.arange(len(crossing)), np.zeros(len(crossing), np.int64), np.zeros(len(crossing), np.bool_)
    )


def towers_of(sample: Collisions, overlay: Overlay, crossings: int) -> Floats:
    """(crossings, 2, eta, phi) transverse energy in GeV."""
    held = sample.deposits
    start = held.offsets[overlay.collision]
    length = held.offsets[overlay.collision + 1] - start
    of = np.repeat(np.arange(len(length)), length)
    which = np.arange(len(of)) - np.repeat(np.cumsum(length) - length, length) + start[of]
    eta = np.where(overlay.mirrored[of], ETA_TOWERS - 1 - held.eta[which], held.eta[which])
    phi = (held.phi[which] + overlay.turned[of]) % PHI_TOWERS
    cell = ((overlay.crossing[of] * LAYERS + held.layer[which]) * ETA_TOWERS + eta) * PHI_TOWERS + phi
    shape = (crossings, LAYERS, ETA_TOWERS, PHI_TOWERS)
    return np.asarray(np.bincount(cell, held.et_gev[which], minlength=int(np.prod(shape))).reshape(shape), np.float64)


def muons_of(sample: Collisions, overlay: Overlay) -> Muons:
    """The muons of the collisions, `of` the crossing."""
    held = sample.muons
    start = np.searchsorted(held.of, overlay.collision)
    length = np.searchsorted(held.of, overlay.collision, side="right") - start
    of = np.repeat(np.arange(len(length)), length)
    which = np.arange(len(of)) - np.repeat(np.cumsum(length) - length, length) + start[of]
    phi = held.phi[which] + overlay.turned[of] * TOWER
    return Muons(
        overlay.crossing[of],
        held.pt[which],
        np.where(overlay.mirrored[of], -held.eta[which], held.eta[which]),
        np.mod(phi + np.pi, 2 * np.pi) - np.pi,
    )
