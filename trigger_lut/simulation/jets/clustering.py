"""FastJet: anti-kT jets of events, matched to the truth, and groomed with the modified mass drop tagger."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from trigger_lut.config.simulation import Simulation
from trigger_lut.simulation.jets.correlators import Floats
from trigger_lut.simulation.jets.events import TRUTH_IDS, Events
from trigger_lut.simulation.jets.substructure import Particles, mass
from trigger_lut.simulation.optional import require

Z_CUT = 0.1


class Jets(NamedTuple):
    """Jets of a batch of events, in the order of events, within an event by falling transverse momentum.

    Attributes
    ----------
    constituents : Particles
        Constituents of each jet by falling transverse momentum.
    pdg_id : (constituents,) ndarray of int
        Their PDG ids.
    event : (jets,) ndarray of int
        Index of the event within the batch.
    rank : (jets,) ndarray of int
        0 or 1: order among the selected jets of the event.
    pt, eta, phi, mass : (jets,) ndarray
        Of the four-momentum sums, in GeV and radians.
    """

    constituents: Particles
    pdg_id: NDArray[np.int32]
    event: NDArray[np.int64]
    rank: NDArray[np.int64]
    pt: Floats
    eta: Floats
    phi: Floats
    mass: Floats

    def __len__(self) -> int:
        return len(self.event)


def find_jets(events: Events, simulation: Simulation, *, process: str) -> Jets:
    """Find anti-kT jets (arXiv:0802.1189) that match a truth particle of the class.

    The nearest jet in the window `pt_range_gev` within `radius` of a truth particle matches it. Raises ToolMissingError
    if FastJet is not installed.

    Parameters
    ----------
    events : Events
        Final particles and truth.
    simulation : Simulation
        Radius and window.
    process : str
        Class of the jets.

    Returns
    -------
    Jets
        The selected jets.
    """
    event, index, offsets = _cluster(events.particles, simulation)
    if not len(event):
        return _assemble(events, event, index, offsets, np.zeros(0, dtype=np.int64))
    constituents = _take(events.particles, index, offsets)
    px, py, pz, energy = _momenta(constituents)
    pt, phi, rapidity = np.hypot(px, py), np.arctan2(py, px), np.arctanh(pz / energy)
    low, high = simulation.pt_range_gev
    across = np.abs(phi[:, None] - events.truth_phi[event])
    across = np.minimum(across, 2 * np.pi - across)
    distance = np.hypot(rapidity[:, None] - events.truth_y[event], across)
    of_class = np.isin(np.abs(events.truth_id[event]), TRUTH_IDS[process])
    distance[(distance >= simulation.radius) | ~of_class] = np.inf
    distance[(pt < low) | (pt >= high)] = np.inf
    nearest = np.full((len(events), 2), np.inf)
    np.minimum.at(nearest, event, distance)
    chosen = (np.isfinite(distance) & (distance == nearest[event])).any(axis=1)
    order = np.lexsort((-pt, event))
    return _assemble(events, event, index, offsets, order[chosen[order]])


def mmdt(jets: Particles) -> Particles:
    """Groom jets with the modified mass drop tagger with z_cut = 0.1 (arXiv:1307.0007).

    Computed as soft drop with beta = 0 (arXiv:1402.2657) on the jet reclustered with Cambridge/Aachen. Every jet
    keeps at least one constituent. Raises ToolMissingError if FastJet is not installed.

    Parameters
    ----------
    jets : Particles
        Constituents of jets.

    Returns
    -------
    Particles
        Constituents of the groomed jets.
    """
    import awkward as ak

    if len(jets.offsets) == 1:
        return jets
    fastjet = require("fastjet")
    definition = fastjet.JetDefinition(fastjet.cambridge_algorithm, fastjet.JetDefinition.max_allowable_R)
    groomed = (
        fastjet.ClusterSequence(_awkward(jets), definition)
        .exclusive_jets_softdrop_grooming(njets=1, beta=0.0, symmetry_cut=Z_CUT)
        .constituents
    )
    counts = ak.to_numpy(ak.num(groomed))
    assert len(counts) == len(jets.offsets) - 1, "FastJet lost a jet"
    assert counts.min() > 0, "FastJet gave an empty groomed jet"
    px, py, pz, energy = (ak.to_numpy(ak.flatten(groomed[axis])) for axis in ("px", "py", "pz", "E"))
    return Particles(px, py, pz, energy, np.concatenate([[0], np.cumsum(counts)]).astype(np.int64))


def _awkward(particles: Particles) -> Any:
    import awkward as ak

    axes = {"px": particles.px, "py": particles.py, "pz": particles.pz, "E": particles.energy}
    counts = np.diff(particles.offsets)
    return ak.zip({key: ak.unflatten(x, counts) for key, x in axes.items()}, with_name="Momentum4D")


def _cluster(
    particles: Particles, simulation: Simulation
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the event of each jet, the particle of each constituent, and the offsets of the jets in the latter."""
    import awkward as ak

    fastjet = require("fastjet")
    definition = fastjet.JetDefinition(fastjet.antikt_algorithm, simulation.radius)
    constituents = fastjet.ClusterSequence(_awkward(particles), definition).constituent_index(
        min_pt=simulation.pt_range_gev[0]
    )
    jets_of_event = ak.to_numpy(ak.num(constituents, axis=1))
    event = np.repeat(np.arange(len(jets_of_event)), jets_of_event)
    counts = ak.to_numpy(ak.flatten(ak.num(constituents, axis=2))).astype(np.int64)
    within = ak.to_numpy(ak.flatten(constituents, axis=None)).astype(np.int64)
    index = within + np.repeat(particles.offsets[event], counts)
    return event, index, np.concatenate([[0], np.cumsum(counts)])


def _take(particles: Particles, index: NDArray[np.int64], offsets: NDArray[np.int64]) -> Particles:
    return Particles(particles.px[index], particles.py[index], particles.pz[index], particles.energy[index], offsets)


def _momenta(particles: Particles) -> tuple[Floats, Floats, Floats, Floats]:
    px, py, pz, energy = (particles.per_jet(x) for x in particles[:4])
    return px, py, pz, energy


def _assemble(
    events: Events,
    event: NDArray[np.int64],
    index: NDArray[np.int64],
    offsets: NDArray[np.int64],
    keep: NDArray[np.int64],
) -> Jets:
    """Collect the jets `keep`, in that order, with sorted constituents."""
    counts = np.diff(offsets)[keep]
    new_offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    jet = np.repeat(np.arange(len(keep)), counts)
    place = np.arange(new_offsets[-1]) - np.repeat(new_offsets[:-1], counts)
    particle = index[np.repeat(offsets[:-1][keep], counts) + place]
    pt = np.hypot(events.particles.px[particle], events.particles.py[particle])
    particle = particle[np.lexsort((particle, -pt, jet))]
    constituents = _take(events.particles, particle, new_offsets)
    if not len(keep):
        empty = np.zeros(0)
        none = np.zeros(0, dtype=np.int64)
        return Jets(constituents, events.pdg_id[particle], none, none, empty, empty, empty, empty)
    px, py, pz, _ = _momenta(constituents)
    jet_event = event[keep]
    rank = np.concatenate([[0], (jet_event[1:] == jet_event[:-1]).astype(np.int64)])
    jet_pt = np.hypot(px, py)
    return Jets(
        constituents=constituents,
        pdg_id=events.pdg_id[particle],
        event=jet_event,
        rank=rank,
        pt=jet_pt,
        eta=np.arcsinh(pz / jet_pt),
        phi=np.arctan2(py, px),
        mass=mass(constituents),
    )
