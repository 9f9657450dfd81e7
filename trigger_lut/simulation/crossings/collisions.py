"""Proton collisions of one kind from Pythia8, as deposits in calorimeter towers and muons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from trigger_lut.config.crossings import ENERGY_TEV, SLICES, SOFT
from trigger_lut.simulation.detector import INVISIBLE, MUON, Deposits, Floats, Muons, in_towers
from trigger_lut.simulation.optional import require

BATCH = 500
HARDEST_SOFT_GEV = next(iter(SLICES.values())).low_gev

PROCESSES: dict[str, tuple[str, ...]] = {
    SOFT: ("SoftQCD:inelastic = on",),
    **{
        name: (
            "HardQCD:all = on",
            f"PhaseSpace:pTHatMin = {process.low_gev}",
            *([] if process.high_gev is None else [f"PhaseSpace:pTHatMax = {process.high_gev}"]),
        )
        for name, process in SLICES.items()
    },
    "fourleptons": (
        "HiggsSM:gg2H = on",
        *("25:m0 = 300", "25:onMode = off", "25:onIfMatch = 23 23", "23:onMode = off", "23:onIfAny = 11 13"),
    ),
    "ditau": ("HiggsSM:gg2H = on", "25:m0 = 300", "25:onMode = off", "25:onIfMatch = 15 -15"),
    "taunu": ("NewGaugeBoson:ffbar2Wprime = on", "34:m0 = 300", "34:onMode = off", "34:onIfAny = 15"),
    "leptoquarks": (
        *("LeptoQuark:gg2LQLQbar = on", "LeptoQuark:qqbar2LQLQbar = on", "42:m0 = 400"),
        "42:oneChannel = 1 1.0 0 5 15",
    ),
}


@dataclass(frozen=True)
class Collisions:
    """Some collisions of one kind.

    Attributes
    ----------
    pthat_gev : (C,) ndarray
        Transverse momentum of the hardest scattering.
    deposits : Deposits
        Energies in the towers.
    muons : Muons
        Muons before the chambers, in the order of the collisions.
    """

    pthat_gev: Floats
    deposits: Deposits
    muons: Muons

    def __len__(self) -> int:
        return len(self.pthat_gev)


class Generator:
    """Endless source of collisions of one kind; the same seed gives the same collisions.

    Soft collisions are inelastic ones whose hardest scattering is below the first of `SLICES`. Raises ToolMissingError
    if Pythia8 is not installed.
    """

    def __init__(self, process: str, seed: int) -> None:
        self.process = process
        self.pythia = require("pythia8mc").Pythia("", False)
        lines = ("Print:quiet = on", "Random:setSeed = on", f"Random:seed = {seed}", f"Beams:eCM = {1000 * ENERGY_TEV}")
        for line in (*lines, *PROCESSES[process]):
            assert self.pythia.readString(line), line
        assert self.pythia.init(), f"Pythia8 did not start: {process}"

    def take(self, count: int) -> Collisions:
        """Generate the next `count` collisions."""
        batches, taken = [], 0
        while taken < count:
            batches.append(self._batch(min(BATCH, count - taken)))
            taken += len(batches[-1])
        return together(batches)

    @property
    def sigma_mb(self) -> float:
        """Cross section by Pythia."""
        return float(self.pythia.infoPython().sigmaGen())

    def _batch(self, count: int) -> Collisions:
        import awkward as ak

        record = ak.drop_none(self.pythia.nextBatch(count))
        pthat = np.sqrt(ak.to_numpy(record.info.pT2Hat))
        if self.process == SOFT:
            record, pthat = record[pthat < HARDEST_SOFT_GEV], pthat[pthat < HARDEST_SOFT_GEV]
        final = record.prt[record.prt.status > 0]
        number = ak.to_numpy(ak.num(final.id))
        kind, px, py, pz = (ak.to_numpy(ak.flatten(x)) for x in (final.id, final.p.px, final.p.py, final.p.pz))
        return _collisions(kind, px, py=py, pz=pz, of=np.repeat(np.arange(len(number)), number), pthat=pthat)


def _collisions(kind: Any, px: Floats, *, py: Floats, pz: Floats, of: Any, pthat: Floats) -> Collisions:
    pt = np.hypot(px, py)
    visible = (pt > 0) & ~np.isin(np.abs(kind), INVISIBLE)
    kind, pt, px, py, pz, of = (x[visible] for x in (kind, pt, px, py, pz, of))
    eta, phi = np.arcsinh(pz / pt), np.arctan2(py, px)
    muon = np.abs(kind) == MUON
    return Collisions(
        pthat,
        in_towers(pt, eta, phi=phi, pdg_id=kind, collision=of, collisions=len(pthat)),
        Muons(of[muon], pt[muon], eta[muon], phi[muon]),
    )


def together(parts: list[Collisions]) -> Collisions:
    """Concatenate collisions in order."""
    starts = np.cumsum([0, *map(len, parts)])
    deposits = [part.deposits for part in parts]
    filled = np.cumsum([0, *(len(d.et_gev) for d in deposits)])
    offsets = [d.offsets[:-1] + start for d, start in zip(deposits, filled, strict=False)]
    eta, phi, layer, et_gev = (
        np.concatenate([getattr(d, name) for d in deposits]) for name in ("eta", "phi", "layer", "et_gev")
    )
    return Collisions(
        np.concatenate([part.pthat_gev for part in parts]),
        Deposits(eta, phi, layer, et_gev, np.concatenate([*offsets, filled[-1:]])),
        Muons(
            np.concatenate([part.muons.of + start for part, start in zip(parts, starts, strict=False)]),
            *(np.concatenate([getattr(part.muons, name) for part in parts]) for name in ("pt", "eta", "phi")),
        ),
    )
