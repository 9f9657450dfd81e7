"""Features against values worked out by hand and against sums written a second time, from the definitions."""

import itertools
import math

import numpy as np
import pytest

from trigger_lut.simulation.jets.correlators import CORRELATORS, energy_correlators
from trigger_lut.simulation.jets.substructure import FEATURES, Particles, jet_features, mass, ratios, zlogz


def particles(*jets):
    """Jets from lists of (pt, rapidity, phi, mass)."""
    pt, y, phi, m = (np.array([p[n] for jet in jets for p in jet], dtype=float) for n in range(4))
    transverse = np.hypot(pt, m)
    offsets = np.cumsum([0] + [len(jet) for jet in jets])
    return Particles(pt * np.cos(phi), pt * np.sin(phi), transverse * np.sinh(y), transverse * np.cosh(y), offsets)


def random_jet(rng, count):
    return [(rng.uniform(1, 300), rng.uniform(-0.4, 0.4), rng.uniform(2.9, 3.6), 0.14) for _ in range(count)]


def features(*jets):
    return jet_features(particles(*jets), particles(*jets))


def distance(a, b):
    across = abs(a[2] - b[2])
    return math.hypot(a[1] - b[1], min(across, 2 * math.pi - across))


def from_definitions(jet):
    """C1, C2, D2, M2, N2 as the papers write them: unnormalized sums for C and D, smallest angles for M and N."""

    def ecf(n, beta, angles=None):
        total = 0.0
        for members in itertools.combinations(jet, n):
            all_angles = sorted(distance(a, b) ** beta for a, b in itertools.combinations(members, 2))
            total += math.prod(p[0] for p in members) * math.prod(all_angles[:angles])
        return total

    pt = ecf(1, 0)
    by_name = {f"c1_b{b}": ecf(2, b) / pt**2 for b in (0, 1, 2)}
    for b in (1, 2):
        by_name[f"c2_b{b}"] = ecf(3, b) * pt / ecf(2, b) ** 2
        by_name[f"d2_b{b}"] = ecf(3, b) * pt**3 / ecf(2, b) ** 3
        by_name[f"d2_a1_b{b}"] = ecf(3, 1) / pt**3 / (ecf(2, b) / pt**2) ** (3 / b)
        by_name[f"m2_b{b}"] = (ecf(3, b, angles=1) / pt**3) / (ecf(2, b) / pt**2)
        by_name[f"n2_b{b}"] = (ecf(3, b, angles=2) / pt**3) / (ecf(2, b) / pt**2) ** 2
    return by_name


@pytest.mark.parametrize("count", [3, 4, 7, 12])
def test_correlator_ratios_equal_the_definitions(count):
    rng = np.random.default_rng(count)
    jets = [random_jet(rng, count) for _ in range(4)]
    computed = features(*jets)
    for n, jet in enumerate(jets):
        for name, value in from_definitions(jet).items():
            assert computed[name][n] == pytest.approx(value, rel=1e-9), name


def test_definitions_notice_a_wrong_angle():
    jet = random_jet(np.random.default_rng(0), 5)
    wrong = [(*jet[0][:2], jet[0][2] + 0.05, 0.14), *jet[1:]]
    expected = from_definitions(jet)
    computed = features(wrong)
    assert all(
        computed[name][0] != pytest.approx(value, rel=1e-4) for name, value in expected.items() if name != "c1_b0"
    )


def test_compiled_and_interpreted_sums_agree():
    jets = particles(*(random_jet(np.random.default_rng(n), n + 1) for n in range(6)))
    arguments = (jets.pt, jets.rapidity, jets.phi, jets.offsets)
    np.testing.assert_allclose(energy_correlators(*arguments), energy_correlators.py_func(*arguments), rtol=1e-12)


def test_three_equal_particles_by_hand():
    # An equilateral triangle of side 0.2: every angle is 0.2, every z is 1/3.
    side = 0.2
    jet = [(100, 0, 0, 0), (100, side, 0, 0), (100, side / 2, side * math.sqrt(3) / 2, 0)]
    computed = {name: values[0] for name, values in features(jet).items()}
    e2, z3 = side / 3, 1 / 27
    assert computed["c1_b0"] == pytest.approx(1 / 3)
    assert computed["c1_b1"] == pytest.approx(e2)
    assert computed["c2_b1"] == pytest.approx(z3 * side**3 / e2**2)
    assert computed["d2_b1"] == pytest.approx(1.0)
    assert computed["d2_a1_b1"] == pytest.approx(1.0)
    assert computed["d2_a1_b2"] == pytest.approx(z3 * side**3 / (side**2 / 3) ** 1.5)
    assert computed["m2_b1"] == pytest.approx(1 / 9)
    assert computed["n2_b1"] == pytest.approx(1 / 3)
    assert computed["multiplicity"] == 3


def test_azimuth_wraps_around():
    here = features([(50, 0, 3.1, 0), (40, 0.1, -3.1, 0), (30, -0.1, 3.0, 0)])
    turned = features([(50, 0, 0.1, 0), (40, 0.1, 0.1 + 2 * math.pi - 6.2, 0), (30, -0.1, 0.0, 0)])
    for name in FEATURES:
        np.testing.assert_allclose(here[name], turned[name], rtol=1e-9)


def test_two_prongs_have_small_d2_and_n2():
    rng = np.random.default_rng(1)

    def prong(pt, y):
        return [(pt / 5, y + rng.normal(0, 0.005), rng.normal(0, 0.005), 0) for _ in range(5)]

    spread = [(40, rng.uniform(-0.3, 0.3), rng.uniform(-0.3, 0.3), 0) for _ in range(25)]
    computed = features(prong(600, -0.08) + prong(400, 0.08), spread)
    for name in ("c2_b1", "d2_b1", "n2_b1", "m2_b1"):
        assert computed[name][0] < 0.3 * computed[name][1]


def test_one_and_two_particles_give_zero_and_never_nan():
    computed = features([(100, 0.3, 1, 0.14)], [(60, 0, 0, 0), (40, 0.2, 0, 0)], [(60, 0, 0, 0), (40, 0, 0, 0)])
    for name in FEATURES:
        assert np.isfinite(computed[name]).all(), name
        if name[:2] in ("c2", "d2", "m2", "n2"):
            assert (computed[name] == 0).all(), name
    np.testing.assert_allclose(computed["c1_b0"], [0, 0.24, 0.24])
    np.testing.assert_allclose(computed["c1_b2"], [0, 0.24 * 0.04, 0], atol=1e-15)
    np.testing.assert_allclose(computed["zlogz"][0], 0, atol=1e-15)


def test_zlogz_of_equal_shares_is_minus_ln_of_their_number():
    np.testing.assert_allclose(zlogz(particles([(10, 0, x, 0) for x in range(8)])), [-math.log(8)])


def test_mass_of_two_particles():
    # m^2 = 2 pt1 pt2 (cosh dy - cos dphi) for massless particles
    expected = math.sqrt(2 * 60 * 40 * (math.cosh(0.3) - math.cos(0.4)))
    np.testing.assert_allclose(mass(particles([(60, 0.1, 0, 0), (40, 0.4, 0.4, 0)])), [expected])


def test_groomed_and_whole_jet_each_feed_their_own_features():
    whole, groomed = particles([(60, 0, 0, 0), (40, 0.2, 0, 0)]), particles([(60, 0, 0, 0.14)])
    computed = jet_features(whole, groomed)
    assert list(computed) == list(FEATURES)
    assert computed["multiplicity"] == 2
    assert computed["zlogz"] < -0.5
    assert computed["c1_b0"] == 0
    np.testing.assert_allclose(computed["mass_mmdt"], 0.14, rtol=1e-6)


def test_rapidity_survives_high_energy():
    jet = particles([(1e-3, 12.0, 0, 0), (5, -3.0, 0, 4.0), (7, 0.0, 1, 0)])
    np.testing.assert_allclose(jet.rapidity, [12.0, -3.0, 0.0], atol=1e-4)


def test_ratios_name_all_but_three_features():
    assert set(ratios(np.ones((1, len(CORRELATORS))))) == set(FEATURES) - {"zlogz", "mass_mmdt", "multiplicity"}
