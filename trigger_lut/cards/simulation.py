"""Cards of the simulations."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from trigger_lut.cards.base import Card, StrictModel


class CrossingFileCard(Card):
    """One simulated ROOT file of crossings."""

    stage: Literal["simulate_crossings"] = "simulate_crossings"
    process: str = Field(description="Class of its crossings.")
    seed: int = Field(description="Seed of this file.")
    crossings: int = Field(description="Entries in the file.")
    generated: dict[str, int] = Field(description="Collisions that were generated, by kind.")
    sigma_mb: dict[str, float] = Field(description="Cross sections that Pythia found, by kind.")


class CrossingClass(StrictModel):
    """Statistics of the crossings of one class."""

    crossings: int = Field(description="Entries.")
    fraction: float | None = Field(description="Of all filled crossings, the fraction of this kind; null: signal.")
    collisions: float = Field(description="Mean number of collisions.")
    objects: dict[str, float] = Field(description="Mean number of jets, e/gammas and muons.")
    met_gev: float = Field(description="Mean missing transverse momentum.")
    leading_jet: list[int] = Field(
        description="Crossings by pt of the first jet, 0 without; beyond count in the last bin."
    )
    met: list[int] = Field(description="Crossings by missing transverse momentum; beyond count in the last bin.")


class CrossingCheck(Card):
    """Check of simulated crossings. The card exists only if all checks pass."""

    stage: Literal["check_crossings"] = "check_crossings"
    pileup: float = Field(description="Mean number of collisions that was asked for.")
    sigma_mb: dict[str, float] = Field(description="Cross sections that Pythia found, by kind of collision.")
    expected_mb: dict[str, float] = Field(description="Those that the fractions rest on.")
    edges_gev: list[float] = Field(description="Edges of the histograms' bins.")
    classes: dict[str, CrossingClass] = Field(description="By class.")


class Resonance(StrictModel):
    """Where a mass peak belongs and where it is looked for."""

    mass_gev: float = Field(description="Mass of the particle (Particle Data Group, 2024).")
    search_gev: tuple[float, float] = Field(description="Window in which the peak is looked for.")
    half_width_gev: float = Field(description="Half width of the window that is centered on the peak.")
    tolerance_gev: float = Field(description="Largest distance of the peak from the mass.")


class MassPeak(StrictModel):
    """The peak of one class in the groomed jet mass."""

    expected: Resonance = Field(description="Where the peak belongs and is looked for.")
    found_gev: float = Field(description="Center of the peak.")
    uncertainty_gev: float = Field(description="Standard error of the mean of the masses in the peak.")
    jets_in_peak: int = Field(description="Jets within half_width_gev of the center.")
    jets_in_sidebands: int = Field(description="Jets in the two windows of half_width_gev that adjoin the peak.")
    fraction_in_peak: float = Field(description="The same as a fraction of all jets of the class.")


class PhysicsCheck(Card):
    """Groomed (mMDT) jet mass of each class, and its peaks. Made only when all peaks are where they belong."""

    stage: Literal["check_simulation"] = "check_simulation"
    jets: dict[str, int] = Field(description="Jets per class.")
    mass_edges_gev: list[float] = Field(description="Edges of the histograms' bins.")
    mass_counts: dict[str, list[int]] = Field(description="Jets per bin, by class.")
    mass_overflow: dict[str, int] = Field(description="Jets above the last edge, by class.")
    peaks: dict[str, MassPeak] = Field(description="By class: W, Z and t.")


class MuonFileCard(Card):
    """One simulated ROOT file of muons."""

    stage: Literal["simulate_muons"] = "simulate_muons"
    seed: int = Field(description="Seed of this file.")
    muons: int = Field(description="Entries in the file.")


class MuonCheck(Card):
    """Check of simulated muons. The card exists only if all checks pass."""

    stage: Literal["check_muons"] = "check_muons"
    muons: int = Field(description="Muons that were checked.")
    efficiency: list[float] = Field(description="Fraction of muons with a hit within one channel, a gap.")
    hits: list[float] = Field(description="Mean number of channels hit, a gap.")
    fit_width_mrad: float = Field(
        description="Half of the central 68.3 % of fitted minus true angle, least squares on the muon's own hits."
    )
    fit_fraction: float = Field(description="Fraction of muons that can be fitted.")
    angle_edges_mrad: list[float] = Field(description="Edges of bins of the true angle.")
    angle_counts: list[int] = Field(description="Muons in them.")
    residual_edges_mrad: list[float] = Field(description="Edges of bins of fitted minus true angle.")
    residual_counts: list[int] = Field(description="Muons in them; those beyond count in the end bins.")
