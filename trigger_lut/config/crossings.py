"""Simulated bunch crossings: options, rate of each kind, and division into files.

A crossing has a Poisson number of proton collisions. Nearly all are soft. A trigger fires on the few hard ones, which
are rare in a sample of crossings at their natural rates. Crossings are therefore made in kinds, by their hardest
collision. The user sets the number of each kind, and each kind represents the rate at which it occurs.

The cross section of a slice over the inelastic one is its fraction s_n. The numbers of collisions in a crossing are
Poisson and independent, with mean mu * s_n. Let above_n be the fraction of all slices above slice n. The hardest slice
is n with the probability exp(-mu * above_n) * (1 - exp(-mu * s_n)).
"""

from __future__ import annotations

import math
from typing import Annotated, NamedTuple, Self

from pydantic import Field, model_validator

from trigger_lut.cards.base import StrictModel
from trigger_lut.config.simulation import PlannedFile

ENERGY_TEV = 13.6
INELASTIC_MB = 78.6
MAX_FILES = 100  # of a class


class Slice(NamedTuple):
    """Hard QCD collisions in a window of Pythia's pTHat; None: without an upper end."""

    low_gev: float
    high_gev: float | None
    sigma_mb: float


# Cross sections of Pythia 8.317 at 13.6 TeV (SoftQCD:inelastic, HardQCD:all); `check_simulation` compares them with
# those of each run.
SLICES = {
    "pt20": Slice(20, 40, 0.712),
    "pt40": Slice(40, 80, 0.0547),
    "pt80": Slice(80, None, 0.00366),
}
SOFT = "soft"
BACKGROUND = (SOFT, *SLICES)
SIGNALS = ("fourleptons", "ditau", "taunu", "leptoquarks")
CROSSING_CLASSES = (*BACKGROUND, *SIGNALS)

Count = Annotated[int, Field(ge=0)]


class Crossings(StrictModel):
    """The `simulate_crossings` block of a data set description: level-1 objects of whole crossings.

    Signals: a scalar of 300 GeV to ZZ to four leptons (fourleptons) or to tau pairs (ditau). A charged boson of 300 GeV
    to a tau and its neutrino (taunu). Pairs of leptoquarks of 400 GeV, each to b tau (leptoquarks). Each
    signal collision comes with the collisions of an ordinary crossing. Detector: `simulation/detector.py`.
    """

    background: dict[str, Count] = Field(
        {"soft": 60_000, "pt20": 45_000, "pt40": 30_000, "pt80": 15_000},
        description="Crossings of each kind, named by the lowest pTHat of the hardest collision.",
    )
    signal: Count = Field(3000, description="Crossings of each of the signals.")
    files_per_class: int = Field(2, ge=1, le=MAX_FILES, description="ROOT files of each class.")
    seed: int = Field(1, ge=0, le=800_000, description="Seed of the whole data set; each file has its own from it.")
    pileup: Annotated[float, Field(gt=0, le=250)] = Field(60.0, description="Mean number of collisions in a crossing.")
    pool: int = Field(
        4000, ge=100, le=200_000, description="Soft collisions per file; crossings draw from them, turned and mirrored."
    )

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if set(self.background) != set(BACKGROUND):
            raise ValueError(f"background: expected {', '.join(BACKGROUND)}, found {', '.join(self.background)}")
        fewest = min(*self.background.values(), self.signal)
        if fewest < self.files_per_class:
            raise ValueError(f"files_per_class: expected at most the fewest crossings of a class ({fewest})")
        return self

    def crossings(self, process: str) -> int:
        """Return the number of crossings of a class.

        Parameters
        ----------
        process : str
            Kind of background or name of a signal. All signals have the same number.

        Returns
        -------
        int
            Crossings to simulate.
        """
        return self.background.get(process, self.signal)


def shares(pileup: float) -> dict[str, float]:
    """Return the fractions of filled crossings that are of each kind (formula at the top of the file).

    Parameters
    ----------
    pileup : float
        Mean number of collisions in a crossing.

    Returns
    -------
    dict of str to float
        Fraction by kind of background, the soft one first. They add up to 1.
    """
    above, fractions = 0.0, {}
    for name in reversed(SLICES):
        each = SLICES[name].sigma_mb / INELASTIC_MB
        fractions[name] = math.exp(-pileup * above) * -math.expm1(-pileup * each)
        above += each
    return {SOFT: 1 - sum(fractions.values()), **{name: fractions[name] for name in SLICES}}


def planned_crossing_files(crossings: Crossings) -> list[PlannedFile]:
    """List the files of the data set, class by class.

    Parameters
    ----------
    crossings : Crossings
        Numbers of crossings and files, and the seed of the data set.

    Returns
    -------
    list of PlannedFile
        Files with unique seeds; a file's seed is also the branch `run` of its crossings.
    """
    planned = []
    for n, process in enumerate(CROSSING_CLASSES):
        share, rest = divmod(crossings.crossings(process), crossings.files_per_class)
        planned += [
            PlannedFile(process, part, share + (part < rest), 1 + 1000 * crossings.seed + MAX_FILES * n + part)
            for part in range(crossings.files_per_class)
        ]
    return planned
