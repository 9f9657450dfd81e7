"""A simulated muon chamber: options, and division of its events into files."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from trigger_lut.cards.base import StrictModel
from trigger_lut.config.simulation import MAX_FILES_PER_CLASS, PlannedFile

MUON = "muon"
Length = Annotated[float, Field(gt=0, le=1e5)]
Probability = Annotated[float, Field(ge=0, le=1)]


class MuonChamber(StrictModel):
    """The `simulate_muons` block of a data set description: thin-gap chambers in three stations.

    The defaults are made like the chamber of arXiv:2202.04976. It has seven gas gaps in groups of 3, 2 and 2, the first
    and the last 1.5 m apart. Each has 50 channels of 18 to 20 mm. That paper simulates the detector with Geant4. Here
    its effects are options: inefficiency, charge shared between channels, noise, and scattering between the stations.
    """

    muons: int = Field(60_000, gt=0, description="Events, one muon in each.")
    files: int = Field(2, ge=1, le=MAX_FILES_PER_CLASS, description="ROOT files.")
    seed: int = Field(1, ge=0, le=800_000, description="Seed of the whole data set; each file has its own from it.")
    channels: int = Field(50, ge=4, le=128, description="Channels of a gap.")
    z_mm: list[float] = Field(
        [0.0, 45.0, 90.0, 1080.0, 1125.0, 1455.0, 1500.0], min_length=2, description="Where the gaps are, rising."
    )
    pitch_mm: list[Length] = Field([18.0, 18.0, 18.0, 19.4, 19.4, 20.0, 20.0], description="Width of a channel, a gap.")
    offset: list[Annotated[float, Field(ge=-1, le=1)]] = Field(
        [0.0, 0.3333, -0.3333, 0.0, 0.5, 0.0, 0.5], description="Shift of a gap's channels, in channels: staggering."
    )
    stations: list[Annotated[int, Field(ge=1)]] = Field([3, 2, 2], description="Gaps in each group, from the first on.")
    angle_mrad: Annotated[float, Field(gt=0, le=300)] = Field(40.0, description="Angles are flat within this of zero.")
    scattering_mrad: Annotated[float, Field(ge=0, le=100)] = Field(
        1.0, description="Standard deviation of the change of angle half way between stations."
    )
    efficiency: Probability = Field(0.95, description="That a gap sees the muon.")
    shared_mm: Annotated[float, Field(ge=0)] = Field(
        2.0, description="A muon this near to the edge of a channel is seen by the neighbor too."
    )
    noise: Annotated[float, Field(ge=0, lt=1)] = Field(0.002, description="That a channel is hit without a muon.")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        gaps = len(self.z_mm)
        for key in ("pitch_mm", "offset"):
            if len(getattr(self, key)) != gaps:
                raise ValueError(
                    f"{key}: expected one for each of {gaps} gaps in z_mm, found {len(getattr(self, key))}"
                )
        if sum(self.stations) != gaps:
            raise ValueError(f"stations: expected {gaps} gaps as in z_mm, found {sum(self.stations)}")
        if any(b <= a for a, b in zip(self.z_mm, self.z_mm[1:], strict=False)):
            raise ValueError(f"z_mm: expected rising positions, found {self.z_mm}")
        if self.muons < self.files:
            raise ValueError(f"muons: expected at least {self.files}, one for each file, found {self.muons}")
        return self


def planned_muon_files(chamber: MuonChamber) -> list[PlannedFile]:
    """List the files of the data set.

    Parameters
    ----------
    chamber : MuonChamber
        Numbers of muons and files, and the seed of the data set.

    Returns
    -------
    list of PlannedFile
        Files with unique seeds; a file's seed is also the branch `run` of its muons.
    """
    share, rest = divmod(chamber.muons, chamber.files)
    return [
        PlannedFile(MUON, part, share + (part < rest), 1 + 1000 * chamber.seed + part) for part in range(chamber.files)
    ]
