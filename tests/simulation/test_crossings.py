"""Simulated crossings without Pythia: fractions of kinds, numbers of collisions, detector, level-1 objects."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.stats import poisson

from trigger_lut.config.crossings import (
    BACKGROUND,
    CROSSING_CLASSES,
    INELASTIC_MB,
    SLICES,
    SOFT,
    Crossings,
    planned_crossing_files,
    shares,
)
from trigger_lut.simulation.crossings import level1
from trigger_lut.simulation.crossings.collisions import Collisions, together
from trigger_lut.simulation.crossings.pileup import at_least_one, drawn, in_order, muons_of, numbers, towers_of
from trigger_lut.simulation.detector import (
    CURL_GEV,
    EM,
    ETA_MAX,
    ETA_TOWERS,
    HAD,
    PHI_TOWERS,
    TOWER,
    Deposits,
    Muons,
    charges,
    deflection,
    digitized,
    in_towers,
    muons_seen,
    smeared,
)

# ---------------------------------------------------------------- kinds of crossings


@pytest.mark.parametrize("pileup", [0.5, 60.0, 200.0])
def test_shares_are_those_of_crossings_drawn_as_they_come(pileup):
    fractions = shares(pileup)
    assert list(fractions) == list(BACKGROUND)
    assert sum(fractions.values()) == pytest.approx(1)
    rng, count = np.random.default_rng(1), 400_000
    hardest = np.zeros(count, int)
    for n, piece in enumerate(SLICES.values(), start=1):
        there = rng.poisson(pileup * piece.sigma_mb / INELASTIC_MB, count) > 0
        hardest[there] = n
    for n, (name, share) in enumerate(fractions.items()):
        error = (share * (1 - share) / count) ** 0.5
        assert abs((hardest == n).mean() - share) < 5 * error, name
    other = shares(2 * pileup)
    assert any(abs(other[name] - share) > 5 * (share / count) ** 0.5 for name, share in fractions.items()), "control"


@pytest.mark.parametrize("process", CROSSING_CLASSES)
def test_a_crossing_has_the_collisions_of_its_kind(process):
    numbers_drawn = numbers(Crossings(), process, count=20_000, random=np.random.default_rng(2))
    names = list(SLICES)
    if process in SLICES:
        assert numbers_drawn.slices[process].min() == 1
    own = names.index(process) if process in SLICES else -1
    for n, name in enumerate(names):
        expected = 60 * SLICES[name].sigma_mb / INELASTIC_MB
        if process in BACKGROUND and n > own:
            assert not numbers_drawn.slices[name].any()
        elif n != own:
            assert abs(numbers_drawn.slices[name].mean() - expected) < 5 * (expected / 20_000) ** 0.5
    assert abs(numbers_drawn.soft.mean() - 59.4) < 0.5


@pytest.mark.parametrize("mean", [0.01, 0.5, 4.0])
def test_numbers_that_are_not_zero(mean):
    counts = at_least_one(mean, 200_000, random=np.random.default_rng(3))
    assert counts.min() == 1
    for k in (1, 2, 3):
        share = poisson.pmf(k, mean) / -math.expm1(-mean)
        assert abs((counts == k).mean() - share) < 5 * (share / 200_000) ** 0.5


def test_files_have_their_own_seeds_and_names():
    crossings = Crossings(background={"soft": 11, "pt20": 10, "pt40": 10, "pt80": 10}, signal=4, files_per_class=3)
    planned = planned_crossing_files(crossings)
    assert len({file.seed for file in planned}) == len({file.name for file in planned}) == 3 * len(CROSSING_CLASSES)
    assert [file.jets for file in planned[:3]] == [4, 4, 3]
    assert sum(file.jets for file in planned) == 11 + 30 + 4 * 4


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"background": {"soft": 10}}, "background: expected soft, pt20, pt40, pt80, found soft"),
        ({"signal": 1}, "files_per_class: expected at most the fewest crossings of a class \\(1\\)"),
        ({"pileup": 0}, "greater than 0"),
    ],
)
def test_what_cannot_be_simulated_is_refused(wrong, reason):
    with pytest.raises(ValidationError, match=reason):
        Crossings(**wrong)


# ---------------------------------------------------------------- detector


def test_the_field_turns_charged_particles():
    """The track is a circle: from the origin, in the direction of phi = 0, it leaves the cylinder at -angle."""
    for charge in (-1, 1):
        pt = np.array([1.0, 2.0, 10.0])
        angle = deflection(pt, np.full(3, charge))
        radius = pt / (0.3 * 3.8)
        x, y = 1.29 * np.cos(angle), -1.29 * np.sin(angle)
        assert np.hypot(x, y + charge * radius) == pytest.approx(radius)
    assert np.isnan(deflection(np.array([0.99 * CURL_GEV]), np.array([1])))[0]
    assert deflection(np.array([0.1]), np.array([0]))[0] == 0


def test_charges():
    assert charges(np.array([211, -211, 2212, -2212, 11, -11, 13, 22, 130, 2112, 3112, -3312])).tolist() == [
        *(1, -1, 1, -1, -1, 1, -1, 0, 0, 0, -1, 1)
    ]


def test_particles_in_towers():
    kind = np.array([22, 211, 13, 211, 22, 12, 11])
    pt = np.array([5.0, 6.0, 7.0, 0.5, 8.0, 9.0, 4.0])
    eta = np.array([0.01, -0.01, 0.0, 0.0, ETA_MAX + 0.01, 0.0, 1.0])
    towers = in_towers(
        pt, eta, phi=np.full(7, 0.5 * TOWER), pdg_id=kind, collision=np.array([0, 0, 0, 0, 0, 1, 1]), collisions=3
    )
    assert towers.et_gev.tolist() == [5, 6, 4]  # no muon, no curling track, nothing beyond the acceptance, no neutrino
    assert towers.layer.tolist() == [EM, HAD, EM]
    assert towers.eta.tolist() == [ETA_TOWERS // 2, ETA_TOWERS // 2 - 1, ETA_TOWERS // 2 + int(1 / TOWER)]
    assert towers.phi[0] == 0
    assert towers.phi[1] == (-1 - int(np.arcsin(CURL_GEV / 6) / TOWER - 0.5)) % PHI_TOWERS
    assert towers.offsets.tolist() == [0, 2, 3, 3]


def test_resolution_and_digits():
    rng = np.random.default_rng(5)
    towers = np.zeros((40_000, 2, 1, 1))
    towers[:, HAD] = 25.0
    energies = smeared(towers, rng)
    assert (energies[:, EM] == 0).all()
    assert energies[:, HAD].std() == pytest.approx((25 + (0.05 * 25) ** 2) ** 0.5, rel=0.02)
    assert digitized(np.array([0.49, 0.5, 0.99, 7.3, 1000.0])).tolist() == [0, 0.5, 0.5, 7.0, 255.5]


def test_muons_are_lost_and_smeared():
    muons = Muons(np.arange(40_000), np.full(40_000, 20.0), np.full(40_000, 1.0), np.zeros(40_000))
    measured = muons_seen(muons, np.random.default_rng(6))
    assert len(measured.pt) / 40_000 == pytest.approx(0.95, abs=0.01)
    assert (20 / measured.pt).std() == pytest.approx(0.15, rel=0.03)
    assert not len(muons_seen(muons._replace(eta=np.full(40_000, 2.5)), np.random.default_rng(6)).pt)


# ---------------------------------------------------------------- level-1 objects


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([(9, 9), (3, 9), (9, 3), (3, 3), (1, 1)]))
def test_sums_over_windows(seed, size):
    rng = np.random.default_rng(seed)
    towers = np.round(rng.exponential(1, (2, 11, 13)) * 2) / 2
    sums = level1.sums(towers, size[0], phi=size[1])
    at = rng.integers(11), rng.integers(13)
    expected = 0.0
    for e in range(at[0] - size[0] // 2, at[0] + size[0] // 2 + 1):
        for p in range(at[1] - size[1] // 2, at[1] + size[1] // 2 + 1):
            expected += towers[1, e, p % 13] if 0 <= e < 11 else 0.0
    assert sums[1][at] == expected


def test_one_highest_tower_in_a_plateau():
    towers = np.zeros((1, ETA_TOWERS, PHI_TOWERS))
    towers[0, 20:22, 30:32] = 8.0
    assert (level1.highest(towers, 9) & (towers > 0)).sum() == 1
    towers[0, 40, 71] = towers[0, 40, 0] = 5.0  # neighbors across the seam in phi
    assert (level1.highest(towers, 9) & (towers > 0)).sum() == 2


def test_a_jet_above_even_pileup():
    """The window holds the jet and 81 towers of pile-up, which the strips take away again."""
    towers = np.full((1, ETA_TOWERS, PHI_TOWERS), 0.5)
    towers[0, 34, 10] += 60.0
    jets = level1.jets(towers)
    assert jets.pt[0, 0] == 60.0
    assert jets.eta[0, 0] == pytest.approx(0.5 * TOWER)
    assert jets.phi[0, 0] == pytest.approx(10.5 * TOWER)
    assert jets.pt[0, 1:].max() < 25  # at the ends in eta, where a strip is missing
    assert level1.jets(np.full((1, ETA_TOWERS, PHI_TOWERS), 0.5)).pt[0, 0] < 60


def test_an_electron_and_not_a_pion():
    towers = np.zeros((2, 2, ETA_TOWERS, PHI_TOWERS))
    towers[0, EM, 30, 70], towers[0, EM, 30, 71], towers[0, HAD, 30, 70] = 20.0, 4.0, 2.0
    towers[1, EM, 30, 70], towers[1, HAD, 30, 70] = 20.0, 20.0
    egammas = level1.egammas(towers)
    assert egammas.pt[:, 0].tolist() == [24.0, 0.0]
    assert egammas.phi[0, 0] == pytest.approx(70.5 * TOWER - 2 * math.pi)


def test_missing_momentum_is_opposite():
    towers = np.zeros((1, ETA_TOWERS, PHI_TOWERS))
    towers[0, 3, 0] = 50.0
    magnitude, phi = level1.missing(towers)
    assert magnitude[0] == pytest.approx(50)
    assert abs(phi[0]) == pytest.approx(math.pi - 0.5 * TOWER)


def test_muons_in_slots():
    muons = Muons(np.array([1, 0, 1, 1, 1, 1]), np.array([3.0, 9, 7, 5, 11, 4]), np.arange(6.0), np.arange(6.0))
    slots = level1.muon_slots(muons, 2)
    assert slots.pt.tolist() == [[9, 0, 0, 0], [11, 7, 5, 4]]
    assert slots.eta.tolist() == [[1, 0, 0, 0], [4, 2, 3, 5]]


# ---------------------------------------------------------------- overlay


def collisions(count, seed, muon_of=()):
    rng = np.random.default_rng(seed)
    length = rng.integers(0, 5, count)
    total = int(length.sum())
    deposits = Deposits(
        rng.integers(ETA_TOWERS, size=total),
        rng.integers(PHI_TOWERS, size=total),
        rng.integers(2, size=total),
        rng.exponential(2, total),
        np.concatenate([[0], np.cumsum(length)]),
    )
    of = np.array(muon_of, int)
    return Collisions(rng.exponential(5, count), deposits, Muons(of, of + 3.0, of * 0.1, of * 0.2))


def test_towers_hold_all_collisions_turned_and_mirrored():
    sample = collisions(6, 7)
    overlay = drawn(np.array([3, 0, 4]), len(sample), random=np.random.default_rng(8))
    assert overlay.crossing.tolist() == [0, 0, 0, 2, 2, 2, 2]
    expected = np.zeros((3, 2, ETA_TOWERS, PHI_TOWERS))
    for crossing, c, turned, mirrored in zip(*overlay, strict=True):
        for d in range(sample.deposits.offsets[c], sample.deposits.offsets[c + 1]):
            eta, phi = sample.deposits.eta[d], (sample.deposits.phi[d] + turned) % PHI_TOWERS
            eta = ETA_TOWERS - 1 - eta if mirrored else eta
            expected[crossing, sample.deposits.layer[d], eta, phi] += sample.deposits.et_gev[d]
    assert towers_of(sample, overlay, crossings=3) == pytest.approx(expected)
    other = overlay._replace(turned=overlay.turned + 1)
    assert not np.allclose(towers_of(sample, other, crossings=3), expected)


def test_muons_follow_their_collisions():
    sample = collisions(4, 9, muon_of=[1, 1, 3])
    muons = muons_of(sample, in_order(np.array([2, 2])))
    assert muons.of.tolist() == [0, 0, 1]
    assert muons.pt.tolist() == [4, 4, 6]
    turned = in_order(np.array([2, 2]))._replace(turned=np.full(4, 36), mirrored=np.ones(4, bool))
    muons = muons_of(sample, turned)
    assert muons.eta.tolist() == pytest.approx([-0.1, -0.1, -0.3])
    assert muons.phi.tolist() == pytest.approx([0.2 - math.pi, 0.2 - math.pi, 0.6 - math.pi])


def test_samples_together():
    parts = [collisions(3, 1, muon_of=[0, 2]), collisions(2, 2, muon_of=[1])]
    both = together(parts)
    assert len(both) == 5
    assert both.muons.of.tolist() == [0, 2, 4]
    last = both.deposits
    assert (
        last.et_gev[last.offsets[3] : last.offsets[4]].tolist()
        == parts[1].deposits.et_gev[: parts[1].deposits.offsets[1]].tolist()
    )
    assert SOFT == "soft"
