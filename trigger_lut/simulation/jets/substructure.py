"""The 16 high-level features of the jet substructure benchmark (JSC), from the constituents of jets.

The set is that of arXiv:1804.06913 (J. Duarte et al.), section 2. `zlogz` and `multiplicity` are of the whole jet, the
other fourteen of the jet groomed with the modified mass drop tagger.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from trigger_lut.simulation.jets.correlators import CORRELATORS, Floats, energy_correlators

FEATURES = (
    "zlogz",
    "c1_b0",
    "c1_b1",
    "c1_b2",
    "c2_b1",
    "c2_b2",
    "d2_b1",
    "d2_b2",
    "d2_a1_b1",
    "d2_a1_b2",
    "m2_b1",
    "m2_b2",
    "n2_b1",
    "n2_b2",
    "mass_mmdt",
    "multiplicity",
)


class Particles(NamedTuple):
    """Constituents of jets: jet j has the constituents offsets[j] to offsets[j + 1] - 1, at least one.

    Momenta and energy, (constituents,) each, in GeV.
    """

    px: Floats
    py: Floats
    pz: Floats
    energy: Floats
    offsets: NDArray[np.int64]

    @property
    def pt(self) -> Floats:
        """Transverse momentum."""
        return np.hypot(self.px, self.py)

    @property
    def phi(self) -> Floats:
        """Azimuth."""
        return np.arctan2(self.py, self.px)

    @property
    def rapidity(self) -> Floats:
        """Rapidity, 0.5 ln((E + pz) / (E - pz)), in a form that is exact at high energy."""
        transverse2 = np.maximum(self.energy**2 - self.pz**2, 1e-300)
        return np.asarray(np.sign(self.pz) * np.log((self.energy + np.abs(self.pz)) / np.sqrt(transverse2)))

    def per_jet(self, values: Floats) -> Floats:
        """Sum a quantity of the constituents over each jet, (jets,)."""
        return np.asarray(np.add.reduceat(values, self.offsets[:-1]))


def mass(particles: Particles) -> Floats:
    """Compute the (jets,) invariant mass of each jet in GeV."""
    energy, px, py, pz = (particles.per_jet(x) for x in (particles.energy, particles.px, particles.py, particles.pz))
    return np.asarray(np.sqrt(np.maximum(energy**2 - px**2 - py**2 - pz**2, 0.0)))


def zlogz(particles: Particles) -> Floats:
    """Compute the (jets,) sum of z ln z, with z the energy fraction of a constituent (arXiv:1804.06913)."""
    counts = np.diff(particles.offsets)
    z = particles.energy / np.repeat(particles.per_jet(particles.energy), counts)
    return particles.per_jet(z * np.log(z))


def ratios(correlators: Floats) -> dict[str, Floats]:
    """Compute the thirteen ratios by feature name from an array (jets, 9) of `energy_correlators`.

    Definitions::

        C1(b) = e2(b), C2(b) = e3(b) / e2(b)^2                      arXiv:1305.0007
        D2(b) = e3(b) / e2(b)^3                                     arXiv:1409.6298
        D2(a, b) = e3(a) / e2(b)^(3a/b), so D2(1, 1) is D2(1)       arXiv:1609.07483
        M2(b) = 1_e3(b) / e2(b), N2(b) = 2_e3(b) / e2(b)^2          arXiv:1609.07483

    A jet of one or two constituents has no triple, so e3 = 0: its C2, D2, M2 and N2 are 0. For one constituent, and for
    collinear ones, e2 is 0 as well. The ratio 0/0 is set to 0, its limit for jets of two constituents.
    """
    e = dict(zip(CORRELATORS, correlators.T, strict=True))

    def ratio(above: Floats, below: Floats) -> Floats:
        return np.divide(above, below, out=np.zeros_like(above), where=(above > 0) & (below > 0))

    ratios_by_name = {"c1_b0": e["e2_b0"], "c1_b1": e["e2_b1"], "c1_b2": e["e2_b2"]}
    for b in ("b1", "b2"):
        e2 = e[f"e2_{b}"]
        ratios_by_name[f"c2_{b}"] = ratio(e[f"3e3_{b}"], e2**2)
        ratios_by_name[f"d2_{b}"] = ratio(e[f"3e3_{b}"], e2**3)
        ratios_by_name[f"m2_{b}"] = ratio(e[f"1e3_{b}"], e2)
        ratios_by_name[f"n2_{b}"] = ratio(e[f"2e3_{b}"], e2**2)
    ratios_by_name["d2_a1_b1"] = ratio(e["3e3_b1"], e["e2_b1"] ** 3)
    ratios_by_name["d2_a1_b2"] = ratio(e["3e3_b1"], e["e2_b2"] ** 1.5)
    return ratios_by_name


def jet_features(whole: Particles, groomed: Particles) -> dict[str, Floats]:
    """Compute the 16 features of each jet.

    Parameters
    ----------
    whole : Particles
        Constituents of the jets as clustered.
    groomed : Particles
        Constituents of the same jets after the modified mass drop tagger (arXiv:1307.0007).

    Returns
    -------
    dict of (jets,) ndarray
        In the order of `FEATURES`; the mass in GeV.
    """
    correlators = energy_correlators(groomed.pt, groomed.rapidity, groomed.phi, groomed.offsets)
    features = {
        "zlogz": zlogz(whole),
        **ratios(correlators),
        "mass_mmdt": mass(groomed),
        "multiplicity": np.diff(whole.offsets).astype(np.float64),
    }
    return {name: features[name] for name in FEATURES}
