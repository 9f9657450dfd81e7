"""ROOT files of simulated muons, and the check of all files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from trigger_lut.cards.base import Stopwatch, write_card
from trigger_lut.cards.simulation import MuonCheck, MuonFileCard
from trigger_lut.config.muons import MUON, MuonChamber, planned_muon_files
from trigger_lut.config.simulation import PlannedFile, file_named
from trigger_lut.config.validation import read_block
from trigger_lut.errors import DataError
from trigger_lut.metrics.resolution import central_width
from trigger_lut.simulation.muons.chamber import fitted_angles_mrad, simulate_muons
from trigger_lut.simulation.root_file import write_tree

TREE = "muons"
BATCH = 20_000


def simulate_muon_file(description: Path, *, part: int, root_file: Path, card: Path) -> None:
    """Write one file of the data set with its card.

    Branches: run, event, angle_mrad, position_mm, and `hits` of length channels * gaps, with the index
    channel * gaps + gap.

    Parameters
    ----------
    description : Path
        Description of the data set.
    part : int
        Number of the file.
    root_file, card : Path
        Files to write.

    Raises
    ------
    ConfigurationError
        If the description is invalid or has no such file.
    """
    watch = Stopwatch()
    chamber = read_block(description, "simulate_muons", model=MuonChamber)
    file = file_named(planned_muon_files(chamber), f"{MUON}_{part}.root", where=f"{description}: simulate_muons")
    write_tree(root_file, TREE, title="simulated muons", batches=_batches(chamber, file))
    file_card = MuonFileCard(seed=file.seed, muons=file.jets, **watch.provenance([description], "numpy", "uproot"))
    write_card(file_card, card)


def _batches(chamber: MuonChamber, file: PlannedFile) -> Iterator[dict[str, Any]]:
    for start in range(0, file.jets, BATCH):
        count = min(BATCH, file.jets - start)
        muons = simulate_muons(chamber, count, seed=file.seed * 1000 + start // BATCH)
        yield {
            "run": np.full(count, file.seed, np.int64),
            "event": np.arange(start, start + count, dtype=np.int64),
            "angle_mrad": muons.angle_mrad.astype(np.float32),
            "position_mm": muons.position_mm.astype(np.float32),
            "hits": muons.hits.transpose(0, 2, 1).reshape(count, -1).astype(np.uint8),
        }


def check_muons(description: Path, files: list[Path], *, card: Path) -> None:
    """Check all files and a new sample of muons, and write a `MuonCheck`.

    Efficiencies must agree within five standard errors, and angles must be uniform.

    Parameters
    ----------
    description : Path
        Description of the data set.
    files : list of Path
        ROOT files of the data set.
    card : Path
        Card to write.

    Raises
    ------
    DataError
        If a file lacks muons, or if a check fails. No card is written then.
    """
    import uproot

    watch = Stopwatch()
    chamber = read_block(description, "simulate_muons", model=MuonChamber)
    planned = planned_muon_files(chamber)
    angles_by_file = [uproot.open({path: TREE})["angle_mrad"].array(library="np") for path in files]
    for path, angles, file in zip(files, angles_by_file, planned, strict=True):
        if len(angles) != file.jets:
            raise DataError(f"{path}: expected {file.jets} muons, found {len(angles)}")
    angles = np.concatenate(angles_by_file)
    edges = np.linspace(-chamber.angle_mrad, chamber.angle_mrad, 21)
    counts = np.histogram(angles, edges)[0]
    problems = []
    expected = len(angles) / len(counts)
    if np.abs(counts - expected).max() > 5 * expected**0.5 + 1:
        problems.append(f"angles are not flat: {counts.min()} to {counts.max()} in bins of {expected:.0f}")
    muons = simulate_muons(chamber, min(len(angles), BATCH), seed=planned[0].seed * 1000)
    quiet = simulate_muons(
        chamber.model_copy(update={"noise": 0.0}), len(muons.angle_mrad), seed=planned[0].seed * 1000
    )
    efficiency = quiet.hits.any(axis=2).mean(axis=0)
    error = (max(chamber.efficiency * (1 - chamber.efficiency), 1e-9) / len(muons.angle_mrad)) ** 0.5
    scattered = np.abs(muons.crossings_mm).max(axis=0) > (np.array(chamber.pitch_mm) * chamber.channels / 2)
    for gap, measured in enumerate(efficiency):
        if abs(measured - chamber.efficiency) > 5 * error + 0.01 * scattered[gap]:
            problems.append(f"gap {gap}: expected an efficiency of {chamber.efficiency:g}, found {measured:.4f}")
    if problems:
        raise DataError("simulated muons: " + "; ".join(problems))
    fitted = fitted_angles_mrad(chamber, muons.crossings_mm, hits=muons.hits) - muons.angle_mrad
    good = fitted[np.isfinite(fitted)]
    width = central_width(good)
    bins = np.linspace(-5 * width, 5 * width, 61)
    write_card(
        MuonCheck(
            muons=len(angles),
            efficiency=efficiency.tolist(),
            hits=muons.hits.sum(axis=2).mean(axis=0).tolist(),
            fit_width_mrad=width,
            fit_fraction=len(good) / len(fitted),
            angle_edges_mrad=edges.tolist(),
            angle_counts=counts.tolist(),
            residual_edges_mrad=bins.tolist(),
            residual_counts=np.histogram(np.clip(good, bins[0], bins[-1]), bins)[0].tolist(),
            **watch.provenance([description, *files], "numpy", "uproot"),
        ),
        card,
    )
