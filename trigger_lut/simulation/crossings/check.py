"""Check of simulated crossings: kind of the hardest collision, number of collisions, cross sections."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from trigger_lut.cards.base import Stopwatch, read_card, write_card
from trigger_lut.cards.simulation import CrossingCheck, CrossingClass, CrossingFileCard
from trigger_lut.config.crossings import (
    BACKGROUND,
    CROSSING_CLASSES,
    INELASTIC_MB,
    SLICES,
    SOFT,
    Crossings,
    planned_crossing_files,
    shares,
)
from trigger_lut.config.validation import read_block
from trigger_lut.errors import DataError
from trigger_lut.simulation.crossings.files import OBJECTS, TREE

PTHAT_TOLERANCE = 0.02  # Pythia's pT-hat lies up to 1.2 % below the requested window (114,000 crossings)
SIGMA_TOLERANCE = 0.05  # of Pythia's cross sections against those of the rates, plus their statistical error
EDGES_GEV = np.concatenate([np.arange(0, 100, 5), np.arange(100, 300, 20), np.arange(300, 601, 50)]).astype(float)


def check_crossings(description: Path, files: list[Path], *, card: Path) -> None:
    """Check all files with their cards, and write a `CrossingCheck`.

    The mean number of collisions must agree within five standard errors. Cross sections must agree within 5 % plus
    1 / sqrt(n), with n the number of generated collisions.

    Parameters
    ----------
    description : Path
        Description of the data set.
    files : list of Path
        ROOT files, each with its card.
    card : Path
        Card to write.

    Raises
    ------
    DataError
        If a file lacks crossings, or if a check fails. No card is written then.
    """
    watch = Stopwatch()
    crossings = read_block(description, "simulate_crossings", model=Crossings)
    planned = {file.name: file for file in planned_crossing_files(crossings)}
    problems: list[str] = []
    entries_by_class: dict[str, list[Any]] = {name: [] for name in CROSSING_CLASSES}
    cards = [read_card(CrossingFileCard, path.with_suffix(".json")) for path in files]
    for path in files:
        entries = _read(path)
        file = planned[path.name]
        if len(entries) != file.jets:
            problems.append(f"{path}: expected {file.jets} crossings, found {len(entries)}")
        entries_by_class[file.process].append(entries)
    summaries = {}
    for name, parts in entries_by_class.items():
        entries = {key: np.concatenate([part[key] for part in parts]) for key in parts[0].dtype.names}
        problems += _mistakes(crossings, name, entries)
        summaries[name] = _summary(crossings, name, entries)
    sigma, generated = _sigma(cards)
    expected = {SOFT: INELASTIC_MB, **{name: piece.sigma_mb for name, piece in SLICES.items()}}
    problems += [
        f"cross section of {name}: expected {expected[name]:.3g} mb, found {sigma[name]:.3g} mb"
        for name in BACKGROUND
        if abs(sigma[name] / expected[name] - 1) > SIGMA_TOLERANCE + generated[name] ** -0.5
    ]
    if problems:
        raise DataError("simulated crossings: " + "; ".join(problems))
    check_card = CrossingCheck(
        pileup=crossings.pileup,
        sigma_mb=sigma,
        expected_mb=expected,
        edges_gev=EDGES_GEV.tolist(),
        classes=summaries,
        **watch.provenance([description, *files], "numpy", "uproot"),
    )
    write_card(check_card, card)


def _read(path: Path) -> Any:
    """Read collisions, hardest_pthat, met_pt, pt of the leading jet, and numbers of objects."""
    import awkward as ak
    import uproot

    try:
        with uproot.open(path) as file:
            names = ["collisions", "hardest_pthat", "met_pt", "jet_pt", *(f"n{name}" for name in OBJECTS)]
            arrays = file[TREE].arrays(names)
    except (OSError, ValueError, KeyError, uproot.exceptions.KeyInFileError) as error:
        raise DataError(f"{path}: not a ROOT file with the tree {TREE!r}: {error}") from error
    first = ak.fill_none(ak.firsts(arrays.jet_pt), 0.0)
    columns = {"leading": ak.to_numpy(first), **{n: ak.to_numpy(arrays[n]) for n in names if n != "jet_pt"}}
    records = np.empty(len(arrays), dtype=[(name, np.float64) for name in columns])
    for name, values in columns.items():
        records[name] = values
    return records


def _mistakes(crossings: Crossings, name: str, entries: dict[str, Any]) -> list[str]:
    pthat = entries["hardest_pthat"]
    low, high = 0.0, np.inf
    if name == SOFT:
        high = next(iter(SLICES.values())).low_gev
    elif name in SLICES:
        low, high = SLICES[name].low_gev, SLICES[name].high_gev or np.inf
    mistakes = []
    if ((pthat < (1 - PTHAT_TOLERANCE) * low) | (pthat > (1 + PTHAT_TOLERANCE) * high)).any():
        mistakes.append(
            f"{name}: hardest collisions of {pthat.min():.1f} to {pthat.max():.1f} GeV, expected {low} to {high}"
        )
    expected = _collisions(crossings, name)
    mean, error = entries["collisions"].mean(), (expected / len(pthat)) ** 0.5
    if abs(mean - expected) > 5 * error:
        mistakes.append(f"{name}: expected {expected:.2f} collisions on average, found {mean:.2f}")
    return mistakes


def _collisions(crossings: Crossings, name: str) -> float:
    """Return the mean number of collisions of a class."""
    mean = {n: crossings.pileup * piece.sigma_mb / INELASTIC_MB for n, piece in SLICES.items()}
    soft = crossings.pileup - sum(mean.values())
    if name not in BACKGROUND:
        return crossings.pileup + 1
    below = [] if name == SOFT else list(SLICES)[: list(SLICES).index(name)]
    own = 0.0 if name == SOFT else mean[name] / -float(np.expm1(-mean[name]))
    return float(soft + sum(mean[n] for n in below) + own)


def _summary(crossings: Crossings, name: str, entries: dict[str, Any]) -> CrossingClass:
    def histogram(values: Any) -> list[int]:
        return [int(n) for n in np.histogram(np.minimum(values, EDGES_GEV[-1] - 1e-6), EDGES_GEV)[0]]

    return CrossingClass(
        crossings=len(entries["met_pt"]),
        fraction=shares(crossings.pileup).get(name),
        collisions=float(entries["collisions"].mean()),
        objects={kind: float(entries[f"n{kind}"].mean()) for kind in OBJECTS},
        met_gev=float(entries["met_pt"].mean()),
        leading_jet=histogram(entries["leading"]),
        met=histogram(entries["met_pt"]),
    )


def _sigma(cards: list[CrossingFileCard]) -> tuple[dict[str, float], dict[str, int]]:
    """Return by kind the mean cross section, weighted with generated collisions, and their number."""
    cross_sections, generated = {}, {}
    for kind in CROSSING_CLASSES:
        parts = [(c.sigma_mb[kind], c.generated[kind]) for c in cards if c.generated.get(kind)]
        if parts:
            generated[kind] = sum(n for _, n in parts)
            cross_sections[kind] = sum(s * n for s, n in parts) / generated[kind]
    return cross_sections, generated
