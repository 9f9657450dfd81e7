"""Simulated muons: each effect of the chamber against what it must do, and the ROOT files made of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

from trigger_lut.cards.base import read_card
from trigger_lut.cards.simulation import MuonCheck, MuonFileCard
from trigger_lut.config.muons import MuonChamber, planned_muon_files
from trigger_lut.errors import ConfigurationError, DataError
from trigger_lut.metrics.resolution import central_width
from trigger_lut.simulation.muons.chamber import (
    channel_positions,
    crossing_points,
    fitted_angles_mrad,
    half_widths_mm,
    seen_by,
    simulate_muons,
    start_positions,
    with_noise,
)
from trigger_lut.simulation.muons.files import TREE, check_muons, simulate_muon_file

COUNT = 20_000


def chamber(**changes: object) -> MuonChamber:
    return MuonChamber.model_validate({"muons": 3000, **changes})


def test_angles_are_flat_and_undeflected_lines_stay_inside() -> None:
    still = chamber(scattering_mrad=0)
    muons = simulate_muons(still, COUNT, seed=1)
    counts = np.histogram(muons.angle_mrad, 10, (-40, 40))[0]
    assert np.abs(counts - COUNT / 10).max() < 5 * (COUNT / 10) ** 0.5
    assert (np.abs(muons.crossings_mm) <= half_widths_mm(still) + 1e-9).all()
    at = channel_positions(still, muons.crossings_mm)
    assert (at >= 0).all()
    assert (at <= 50).all()
    slope = (muons.crossings_mm[:, -1] - muons.crossings_mm[:, 0]) / 1500
    np.testing.assert_allclose(1000 * np.arctan(slope), muons.angle_mrad, atol=1e-9)


def test_scattering_widens_deviations_behind_the_first_station() -> None:
    rng = np.random.default_rng(0)
    kinked = chamber(scattering_mrad=2.0)
    angle = np.zeros(COUNT)
    crossings = crossing_points(kinked, angle, position_mm=np.zeros(COUNT), rng=rng)
    assert (crossings[:, :3] == 0).all()
    # Station 2 begins at 1080 mm, half way from 90 mm is 585 mm: a lever arm of 495 mm.
    assert crossings[:, 3].std() == pytest.approx(2.0e-3 * 495, rel=0.03)
    second = 2.0e-3 * np.hypot(1500 - 585, 1500 - (1125 + 1455) / 2)
    assert crossings[:, 6].std() == pytest.approx(second, rel=0.03)


def test_muon_hits_its_channel_and_near_an_edge_the_neighbor() -> None:
    plain = chamber(efficiency=1.0, shared_mm=2.0, noise=0.0)
    at = np.array([10.5, 10.05, 10.95])  # in channels; 2 mm of 18 mm are 0.11 channels
    crossings = np.tile(((at - 25) * 18.0)[:, None], (1, 7))
    crossings[:, 1:] = 0
    hits = seen_by(plain, crossings, rng=np.random.default_rng(0))
    assert [np.flatnonzero(h).tolist() for h in hits[:, 0]] == [[10], [9, 10], [10, 11]]
    blind = seen_by(chamber(efficiency=0.0), crossings, rng=np.random.default_rng(0))
    assert not blind.any()


def test_efficiency_and_noise_are_as_asked() -> None:
    rng = np.random.default_rng(3)
    some = chamber(efficiency=0.8, noise=0.01, shared_mm=0.0, scattering_mrad=0)
    angle = rng.uniform(-20, 20, COUNT)
    crossings = crossing_points(some, angle, position_mm=start_positions(some, angle, rng=rng), rng=rng)
    hits = seen_by(some, crossings, rng=rng)
    efficiency = hits.any(axis=2).mean(axis=0)
    np.testing.assert_allclose(efficiency, 0.8, atol=5 * (0.16 / COUNT) ** 0.5)
    assert hits.sum(axis=2).max() == 1
    noisy = with_noise(some, np.zeros_like(hits), rng=rng)
    assert noisy.mean() == pytest.approx(0.01, rel=0.02)


def test_the_fit_is_as_good_as_the_channels_allow() -> None:
    """Without scattering and noise a hit is off by pitch / sqrt(12) on average, as if hits were independent."""
    clean = chamber(efficiency=1.0, noise=0.0, shared_mm=0.0, scattering_mrad=0.0)
    muons = simulate_muons(clean, COUNT, seed=5)
    width = central_width(fitted_angles_mrad(clean, muons.crossings_mm, hits=muons.hits) - muons.angle_mrad)
    z, pitch = np.array(clean.z_mm), np.array(clean.pitch_mm)
    weight = 12 / pitch**2
    mean = (weight * z).sum() / weight.sum()
    independent = 1000 / np.sqrt((weight * (z - mean) ** 2).sum())
    assert 0.5 * independent < width < 1.3 * independent
    scattered = chamber(efficiency=1.0, noise=0.0, shared_mm=0.0, scattering_mrad=5.0)
    more = simulate_muons(scattered, COUNT, seed=5)
    assert (
        central_width(fitted_angles_mrad(scattered, more.crossings_mm, hits=more.hits) - more.angle_mrad) > 1.4 * width
    )
    lost = simulate_muons(chamber(efficiency=0.2, noise=0.0), 2000, seed=5)
    assert np.isnan(fitted_angles_mrad(chamber(), lost.crossings_mm, hits=lost.hits)).any()


def described(folder: Path, **changes: object) -> Path:
    path = folder / "simulation.json"
    path.write_text(yaml.safe_dump({"simulate_muons": {"muons": 3000, **changes}}))
    return path


def test_files_hold_the_planned_muons_and_follow_the_seed(tmp_path: Path) -> None:
    import uproot

    description = described(tmp_path, files=2)
    files = []
    for part in (0, 1):
        files.append(tmp_path / f"muon_{part}.root")
        simulate_muon_file(description, part=part, root_file=files[-1], card=tmp_path / f"{part}.json")
        assert read_card(MuonFileCard, tmp_path / f"{part}.json").muons == 1500
    trees = [uproot.open({path: TREE}).arrays(library="np") for path in files]
    assert trees[0]["hits"].shape == (1500, 350)
    assert set(np.unique(trees[0]["hits"])) == {0, 1}
    assert {int(tree["run"][0]) for tree in trees} == {1001, 1002}
    assert (trees[0]["hits"] != trees[1]["hits"]).any()
    muons = simulate_muons(chamber(), 1500, seed=1001 * 1000)
    np.testing.assert_array_equal(trees[0]["hits"].reshape(1500, 50, 7), muons.hits.transpose(0, 2, 1))
    simulate_muon_file(description, part=0, root_file=tmp_path / "again.root", card=tmp_path / "again.json")
    again = uproot.open({tmp_path / "again.root": TREE}).arrays(library="np")
    for name, values in again.items():
        np.testing.assert_array_equal(values, trees[0][name])
    check_muons(description, files, card=tmp_path / "check.json")
    card = read_card(MuonCheck, tmp_path / "check.json")
    assert card.muons == 3000
    assert sum(card.angle_counts) == 3000
    assert 0.5 < card.fit_width_mrad < 4
    with pytest.raises(DataError, match=r"muon_1\.root: expected 1500 muons, found 1500|efficiency|flat"):
        check_muons(described(tmp_path, files=2, angle_mrad=80.0), files, card=tmp_path / "other.json")
    assert not (tmp_path / "other.json").exists()


def test_descriptions_that_contradict_themselves_are_refused(tmp_path: Path) -> None:
    for changes, message in (
        ({"pitch_mm": [18.0]}, "pitch_mm: expected one for each of 7 gaps in z_mm, found 1"),
        ({"stations": [3, 3]}, "stations: expected 7 gaps as in z_mm, found 6"),
        ({"z_mm": [0, 5, 5, 7, 8, 9, 10]}, "z_mm: expected rising positions"),
        ({"muons": 1, "files": 2}, "muons: expected at least 2, one for each file, found 1"),
    ):
        with pytest.raises(ValueError, match=message):
            chamber(**changes)
    with pytest.raises(ConfigurationError, match=r"simulate_muons: no file muon_7\.root; .*'muon_0\.root'"):
        simulate_muon_file(described(tmp_path), part=7, root_file=tmp_path / "a.root", card=tmp_path / "a.json")
    (tmp_path / "empty.json").write_text("{}")
    with pytest.raises(ConfigurationError, match=r"simulate_muons: missing"):
        simulate_muon_file(tmp_path / "empty.json", part=0, root_file=tmp_path / "a.root", card=tmp_path / "a.json")


def test_planned_files_share_the_muons() -> None:
    files = planned_muon_files(chamber(muons=11, files=3, seed=4))
    assert [f.jets for f in files] == [4, 4, 3]
    assert [f.seed for f in files] == [4001, 4002, 4003]
    assert files[0].name == "muon_0.root"
