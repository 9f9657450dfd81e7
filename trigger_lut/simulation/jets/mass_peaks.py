"""Check of simulated jets: mass peaks of W, Z and top."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trigger_lut.cards.base import Stopwatch, write_card
from trigger_lut.cards.simulation import MassPeak, PhysicsCheck, Resonance
from trigger_lut.config.simulation import SIMULATED_CLASSES
from trigger_lut.errors import DataError, nearest

Floats = NDArray[np.float64]
BIN_GEV = 2.0
HIGHEST_GEV = 250.0
FEWEST_JETS = 20
LEAST_CONTRAST = 1.5


RESONANCES = {
    "W": Resonance(mass_gev=80.4, search_gev=(60, 110), half_width_gev=8, tolerance_gev=2.5),
    "Z": Resonance(mass_gev=91.2, search_gev=(60, 120), half_width_gev=8, tolerance_gev=2.5),
    "t": Resonance(mass_gev=172.8, search_gev=(140, 210), half_width_gev=12, tolerance_gev=5),
}


def find_peak(mass_gev: Floats, expected: Resonance) -> MassPeak | None:
    """Find the mass peak of a class by mean shift (K. Fukunaga, L. Hostetler, IEEE Trans. Inf. Theory 21 (1975) 32).

    The center starts at the highest bin of the search window. It moves to the mean of the masses within
    `half_width_gev` until it converges. Return None if the peak has fewer than 20 jets, or fewer than 1.5 times the
    jets of the two adjoining windows of `half_width_gev`.
    """
    low, high = expected.search_gev
    counts, edges = np.histogram(mass_gev, bins=np.arange(low, high + BIN_GEV, BIN_GEV))
    top = int(np.argmax(counts))
    center = float(edges[top] + edges[top + 1]) / 2
    for _ in range(100):
        near = mass_gev[np.abs(mass_gev - center) < expected.half_width_gev]
        if len(near) < FEWEST_JETS:
            return None
        moved = float(near.mean()) - center
        center += moved
        if abs(moved) < 1e-3:
            break
    distance = np.abs(mass_gev - center)
    beside = int(np.sum((distance >= expected.half_width_gev) & (distance < 2 * expected.half_width_gev)))
    if len(near) < LEAST_CONTRAST * beside:
        return None
    return MassPeak(
        expected=expected,
        found_gev=round(center, 3),
        uncertainty_gev=round(float(near.std()) / len(near) ** 0.5, 3),
        jets_in_peak=len(near),
        jets_in_sidebands=beside,
        fraction_in_peak=round(len(near) / len(mass_gev), 4),
    )


def check_simulation(files: list[Path], card: Path) -> None:
    """Histogram the groomed jet mass of each class over all files, find the peaks, and write a `PhysicsCheck`.

    Parameters
    ----------
    files : list of Path
        ROOT files of the data set.
    card : Path
        Card to write.

    Raises
    ------
    DataError
        If a file cannot be read, a class has no jets, or a peak is outside its tolerance. No card is written then.
    """
    watch = Stopwatch()
    mass, label = _read(files)
    edges = np.arange(0.0, HIGHEST_GEV + BIN_GEV, BIN_GEV)
    by_class = {name: mass[label == n] for n, name in enumerate(SIMULATED_CLASSES)}
    if empty := [name for name, values in by_class.items() if not len(values)]:
        raise DataError(f"simulated jets: no jets of class {', '.join(empty)} in {', '.join(map(str, files))}")
    peaks: dict[str, MassPeak] = {}
    problems = []
    for name, expected in RESONANCES.items():
        peak = find_peak(by_class[name], expected)
        if peak is None:
            low, high = expected.search_gev
            problems.append(f"{name}: no peak from {low:g} to {high:g} GeV in {len(by_class[name])} jets")
            continue
        peaks[name] = peak
        if abs(peak.found_gev - expected.mass_gev) > expected.tolerance_gev:
            problems.append(
                f"{name}: expected {expected.mass_gev:g} +- {expected.tolerance_gev:g} GeV, found {peak.found_gev:.1f}"
            )
    if problems:
        raise DataError("simulated jets: mass peaks are outside their tolerance: " + "; ".join(problems))
    write_card(
        PhysicsCheck(
            jets={name: len(values) for name, values in by_class.items()},
            mass_edges_gev=[float(e) for e in edges],
            mass_counts={
                name: [int(c) for c in np.histogram(values, bins=edges)[0]] for name, values in by_class.items()
            },
            mass_overflow={name: int(np.sum(values > edges[-1])) for name, values in by_class.items()},
            peaks=peaks,
            **watch.provenance(files, "numpy", "uproot"),
        ),
        card,
    )


def _read(files: list[Path]) -> tuple[Floats, NDArray[np.int32]]:
    import uproot

    from trigger_lut.simulation.jets.files import TREE

    mass, label = [np.zeros(0)], [np.zeros(0, dtype=np.int32)]
    for path in files:
        try:
            with uproot.open(path) as file:
                tree = file[TREE]
                for branch in ("mass_mmdt", "label"):
                    if branch not in tree:
                        raise DataError(f"{path}: {TREE}: no branch {branch!r}{nearest(branch, tree.keys())}")
                mass.append(tree["mass_mmdt"].array(library="np").astype(np.float64))
                label.append(tree["label"].array(library="np"))
        except (OSError, ValueError, KeyError) as error:
            raise DataError(f"{path}: not a ROOT file with the tree {TREE!r}: {error}") from error
    return np.concatenate(mass), np.concatenate(label)
