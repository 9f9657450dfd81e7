"""Proton-proton collisions from Pythia8: visible particles, and the truth of the jets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from trigger_lut.config.simulation import Simulation
from trigger_lut.simulation.jets.correlators import Floats
from trigger_lut.simulation.jets.substructure import Particles
from trigger_lut.simulation.optional import require

HADRONIC_W = ("24:onMode = off", "24:onIfAny = 1 2 3 4 5")
HADRONIC_Z = ("23:onMode = off", "23:onIfAny = 1 2 3 4 5")

PROCESSES: dict[str, tuple[str, ...]] = {
    "g": ("HardQCD:gg2gg = on", "HardQCD:qqbar2gg = on"),
    "q": ("HardQCD:qq2qq = on", "HardQCD:gg2qqbar = on", "HardQCD:qqbar2qqbarNew = on"),
    "W": ("WeakDoubleBoson:ffbar2WW = on", *HADRONIC_W),
    "Z": ("WeakDoubleBoson:ffbar2gmZgmZ = on", "WeakZ0:gmZmode = 2", *HADRONIC_Z),
    "t": ("Top:gg2ttbar = on", "Top:qqbar2ttbar = on", *HADRONIC_W),
}
TRUTH_IDS = {"g": (21,), "q": (1, 2, 3), "W": (24,), "Z": (23,), "t": (6,)}
NEUTRINOS = (12, 14, 16)
AXES = ("px", "py", "pz", "e")
HARD = slice(5, 7)  # Pythia's record: 0 the event, 1-2 the protons, 3-4 the incoming and 5-6 the outgoing partons


class Events(NamedTuple):
    """Batch of events.

    Attributes
    ----------
    particles : Particles
        Visible final particles.
    pdg_id : (particles,) ndarray of int
        Their PDG ids.
    truth_id : (events, 2) ndarray of int
        PDG ids of the two outgoing partons, bosons or top quarks of the hard process.
    truth_y, truth_phi : (events, 2) ndarray
        Their rapidities and azimuths.
    """

    particles: Particles
    pdg_id: NDArray[np.int32]
    truth_id: NDArray[np.int32]
    truth_y: Floats
    truth_phi: Floats

    def __len__(self) -> int:
        return len(self.truth_id)


def settings(simulation: Simulation, process: str, *, seed: int) -> tuple[str, ...]:
    """Return Pythia's settings for pairs of one class: Monash 2013 tune, multi-parton interactions, hadronization."""
    low, high = simulation.parton_pt_gev
    return (
        "Print:quiet = on",
        "Random:setSeed = on",
        f"Random:seed = {seed}",
        f"Beams:eCM = {1000 * simulation.energy_tev}",
        f"PhaseSpace:pTHatMin = {low}",
        f"PhaseSpace:pTHatMax = {high}",
        *PROCESSES[process],
    )


def generate(simulation: Simulation, process: str, *, seed: int, batch: int) -> Iterator[Events]:
    """Generate endless batches of events; the same seed gives the same events, in batches of any size.

    Both outgoing particles of the hard process have a transverse momentum in `parton_pt_gev`. W, Z and the W of the top
    decay to quarks. Raises ToolMissingError if Pythia8 is not installed.

    Parameters
    ----------
    simulation : Simulation
        Energy and windows.
    process : str
        Class of the jets.
    seed : int
        Seed of Pythia.
    batch : int
        Events in a batch.

    Yields
    ------
    Events
        The next batch.
    """
    pythia = require("pythia8mc").Pythia("", False)
    for line in settings(simulation, process, seed=seed):
        assert pythia.readString(line), line
    assert pythia.init(), "Pythia8 did not start"
    while True:
        yield _events(pythia.nextBatch(batch))


def _events(record: Any) -> Events:
    import awkward as ak

    record = ak.drop_none(record)
    particles, hard = record.prt, record.prt[:, HARD]
    stable = particles.status > 0
    for neutrino in NEUTRINOS:
        stable = stable & (abs(particles.id) != neutrino)
    visible = particles[stable]
    px, py, pz, energy = (ak.to_numpy(ak.flatten(visible.p[axis])) for axis in AXES)
    offsets = np.concatenate([[0], np.cumsum(ak.to_numpy(ak.num(visible.id)))]).astype(np.int64)
    hard_px, hard_py, hard_pz, hard_energy = (ak.to_numpy(hard.p[axis]) for axis in AXES)
    return Events(
        particles=Particles(px, py, pz, energy, offsets),
        pdg_id=ak.to_numpy(ak.flatten(visible.id)).astype(np.int32),
        truth_id=ak.to_numpy(hard.id).astype(np.int32),
        truth_y=np.arctanh(hard_pz / hard_energy),
        truth_phi=np.arctan2(hard_py, hard_px),
    )
