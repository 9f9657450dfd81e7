"""Muons in a chamber of thin gaps: straight lines with kinks between stations, and their hits.

Each effect of the detector is a function; `MuonChamber` has its parameters.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from trigger_lut.config.muons import MuonChamber

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


class Muons(NamedTuple):
    """Simulated muons.

    Attributes
    ----------
    angle_mrad : (N,) ndarray
        Angle at the first gap, against the normal.
    position_mm : (N,) ndarray
        Position at the first gap, from the middle of the chamber.
    crossings_mm : (N, G) ndarray
        Position in each gap.
    hits : (N, G, C) ndarray of bool
        True for channels that are hit.
    """

    angle_mrad: Floats
    position_mm: Floats
    crossings_mm: Floats
    hits: Bools


def simulate_muons(chamber: MuonChamber, count: int, *, seed: int) -> Muons:
    """Simulate muons with uniform angles whose undeflected line crosses all gaps; the seed determines the muons."""
    rng = np.random.default_rng(seed)
    angle = rng.uniform(-chamber.angle_mrad, chamber.angle_mrad, count)
    position = start_positions(chamber, angle, rng=rng)
    crossings = crossing_points(chamber, angle, position_mm=position, rng=rng)
    hits = with_noise(chamber, seen_by(chamber, crossings, rng=rng), rng=rng)
    return Muons(angle, position, crossings, hits)


def half_widths_mm(chamber: MuonChamber) -> Floats:
    """Compute half of the width (G,) that all staggered gaps cover."""
    pitch, offset = np.array(chamber.pitch_mm), np.array(chamber.offset)
    return np.asarray(pitch * (chamber.channels / 2 - np.abs(offset)), np.float64)


def start_positions(chamber: MuonChamber, angle_mrad: Floats, *, rng: np.random.Generator) -> Floats:
    """Draw (N,) positions at the first gap, uniform where the straight line stays inside every gap."""
    way = np.array(chamber.z_mm) - chamber.z_mm[0]
    shift = np.tan(angle_mrad / 1000)[:, None] * way
    half = half_widths_mm(chamber)
    low, high = (-half - shift).max(axis=1), (half - shift).min(axis=1)
    return np.asarray(low + (high - low) * rng.random(len(angle_mrad)), np.float64)


def crossing_points(
    chamber: MuonChamber, angle_mrad: Floats, *, position_mm: Floats, rng: np.random.Generator
) -> Floats:
    """Compute positions (N, G) of lines with one Gaussian change of angle between neighboring stations."""
    z = np.array(chamber.z_mm)
    slope = np.tan(angle_mrad / 1000)
    crossings: Floats = position_mm[:, None] + slope[:, None] * (z - z[0])
    ends = np.cumsum(chamber.stations)[:-1]
    for first in map(int, ends):
        kink_at = (z[first - 1] + z[first]) / 2
        change = rng.normal(0, chamber.scattering_mrad, len(slope)) / 1000
        crossings[:, first:] += change[:, None] * (z[first:] - kink_at)
    return crossings


def channel_positions(chamber: MuonChamber, crossings_mm: Floats) -> Floats:
    """Convert positions (N, G) to channels: 0 to 1 is channel 0."""
    positions: Floats = crossings_mm / np.array(chamber.pitch_mm) + chamber.channels / 2 + np.array(chamber.offset)
    return positions


def seen_by(chamber: MuonChamber, crossings_mm: Floats, *, rng: np.random.Generator) -> Bools:
    """Select channels (N, G, C) that see the muon: the crossed one, and a neighbor near its edge."""
    at = channel_positions(chamber, crossings_mm)
    own = np.floor(at).astype(np.int64)
    near = chamber.shared_mm / np.array(chamber.pitch_mm)
    efficient = rng.random(at.shape) < chamber.efficiency
    hits: Bools = np.zeros((*at.shape, chamber.channels), dtype=bool)
    neighbors = (
        (own, efficient),
        (own - 1, efficient & (at - own < near)),
        (own + 1, efficient & (own + 1 - at < near)),
    )
    for channel, yes in neighbors:
        n, g = np.nonzero(yes & (channel >= 0) & (channel < chamber.channels))
        hits[n, g, channel[n, g]] = True
    return hits


def with_noise(chamber: MuonChamber, hits: Bools, *, rng: np.random.Generator) -> Bools:
    """Add random hits."""
    return hits | (rng.random(hits.shape) < chamber.noise)


def fitted_angles_mrad(chamber: MuonChamber, crossings_mm: Floats, *, hits: Bools) -> Floats:
    """Fit (N,) angles by least squares to the mean hit within one channel of the muon in each gap.

    The fit uses the truth to select hits, so that it gives the best resolution of the chamber. The result is NaN with
    hits in fewer than two stations.
    """
    z, pitch = np.array(chamber.z_mm), np.array(chamber.pitch_mm)
    middle = np.arange(chamber.channels) + 0.5
    at = channel_positions(chamber, crossings_mm)
    own = hits & (np.abs(middle - at[:, :, None]) < 1.5)
    count = own.sum(axis=2)
    center = (own * middle).sum(axis=2) / np.maximum(count, 1)
    x = (center - chamber.channels / 2 - np.array(chamber.offset)) * pitch
    weight = (count > 0) / pitch**2
    total = weight.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean_z, mean_x = (weight * z).sum(axis=1) / total, (weight * x).sum(axis=1) / total
        slope = (weight * (z - mean_z[:, None]) * (x - mean_x[:, None])).sum(axis=1)
        slope /= (weight * (z - mean_z[:, None]) ** 2).sum(axis=1)
    station = np.repeat(np.arange(len(chamber.stations)), chamber.stations)
    stations = np.stack([(count[:, station == s] > 0).any(axis=1) for s in range(len(chamber.stations))]).sum(axis=0)
    return np.where(stations >= 2, 1000 * np.arctan(slope), np.nan)
