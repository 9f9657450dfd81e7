"""Options of simulated jets, and their division into files. Nothing heavy is imported here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Self

from pydantic import Field, model_validator

from trigger_lut.cards.base import StrictModel
from trigger_lut.errors import ConfigurationError, nearest

SIMULATED_CLASSES = ("g", "q", "W", "Z", "t")
MAX_FILES_PER_CLASS = 200


class Simulation(StrictModel):
    """The `simulate` block of a data set description.

    The defaults follow the public JSC data (arXiv:1804.06913, section 2): partons and bosons of 1 TeV with a
    spread of 1 %, jets of 0.8 to 1.6 TeV, anti-kT with R = 0.4.
    """

    jets: int = Field(40_000, gt=0, description="Jets over all classes, equally many of each.")
    files_per_class: int = Field(2, ge=1, le=MAX_FILES_PER_CLASS, description="ROOT files of each class.")
    seed: int = Field(1, ge=0, le=800_000, description="Seed of the whole data set; each file has its own from it.")
    energy_tev: float = Field(13.0, gt=0, le=100, description="Energy of the proton-proton collisions.")
    parton_pt_gev: tuple[float, float] = Field(
        (995.0, 1005.0), description="Window of the transverse momentum of the hard parton, boson or top quark."
    )
    pt_range_gev: tuple[float, float] = Field(
        (800.0, 1600.0), description="Window of the transverse momentum of the jets."
    )
    radius: float = Field(0.4, gt=0, le=1.5, description="Radius of the anti-kT jets.")

    @model_validator(mode="after")
    def _possible(self) -> Self:
        for key in ("parton_pt_gev", "pt_range_gev"):
            low, high = getattr(self, key)
            if not 20 <= low < high:
                raise ValueError(f"{key}: expected 20 <= low < high, found {low:g} and {high:g}")
        if self.parton_pt_gev[1] >= 500 * self.energy_tev:
            raise ValueError(
                f"parton_pt_gev: expected less than half of energy_tev ({500 * self.energy_tev:g} GeV), found "
                f"{self.parton_pt_gev[1]:g}"
            )
        if self.jets % len(SIMULATED_CLASSES):
            raise ValueError(f"jets: expected a multiple of {len(SIMULATED_CLASSES)} classes, found {self.jets}")
        if self.jets < self.files_per_class * len(SIMULATED_CLASSES):
            raise ValueError(
                f"jets: expected at least {self.files_per_class * len(SIMULATED_CLASSES)}, one for each file, found "
                f"{self.jets}"
            )
        return self


class PlannedFile(NamedTuple):
    """One ROOT file of the data set; `seed` is Pythia's seed and the branch `run` of its jets."""

    process: str
    part: int
    jets: int
    seed: int

    @property
    def name(self) -> str:
        """Name of the file, such as q_0.root."""
        return f"{self.process}_{self.part}.root"


def planned_files(simulation: Simulation) -> list[PlannedFile]:
    """List the files of the data set, class by class.

    Parameters
    ----------
    simulation : Simulation
        Numbers of jets and files, and the seed of the data set.

    Returns
    -------
    list of PlannedFile
        Files with seeds that are unique within the data set and among data sets with other seeds.
    """
    jets_per_class = simulation.jets // len(SIMULATED_CLASSES)
    share, rest = divmod(jets_per_class, simulation.files_per_class)
    return [
        PlannedFile(process, part, share + (part < rest), 1 + 1000 * simulation.seed + MAX_FILES_PER_CLASS * n + part)
        for n, process in enumerate(SIMULATED_CLASSES)
        for part in range(simulation.files_per_class)
    ]


def file_named(files: Sequence[PlannedFile], name: str, *, where: str) -> PlannedFile:
    """Find a file of a data set by its name.

    Parameters
    ----------
    files : sequence of PlannedFile
        Files of the data set.
    name : str
        Name of the file, such as q_0.root.
    where : str
        File and key of the description, for the error.

    Returns
    -------
    PlannedFile
        The file.

    Raises
    ------
    ConfigurationError
        If the data set has no such file.
    """
    for file in files:
        if file.name == name:
            return file
    raise ConfigurationError(f"{where}: no file {name}{nearest(name, [file.name for file in files])}")
