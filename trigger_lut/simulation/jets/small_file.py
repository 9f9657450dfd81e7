"""A small ROOT file of simulated jets: features without constituents, rounded to the bits that a trigger reads.

`python -m trigger_lut.simulation.jets.small_file data/jets_simulated/*.root config/data_sets/jets.root` wrote the file
of the default data set.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from trigger_lut.data.formats import automatic_format
from trigger_lut.simulation.jets.correlators import Floats
from trigger_lut.simulation.jets.files import TREE
from trigger_lut.simulation.jets.substructure import FEATURES
from trigger_lut.utils.files import atomic_path

BITS = 9
"""Bits of a rounded feature: one more than the default data set gives its inputs, so its codes stay the same."""

QUANTILES = (0.005, 0.995)
"""Quantiles that the power-of-two range of a feature holds. Values beyond it become its lowest or highest value."""

OBSERVABLE_STEPS = {"pt": 1.0, "eta": 2.0**-6}
IDS = ("run", "event", "jet", "label")


def rounded(values: Floats) -> Floats:
    """Round values down to the steps of an automatic format of `BITS` bits, and saturate them at its range.

    Parameters
    ----------
    values : (jets,) ndarray of float
        Values of a feature.

    Returns
    -------
    (jets,) ndarray of float
        Multiples of a power of two.
    """
    sign = 1 if values.max() > 0 else -1  # zlogz is never positive, and its negative needs no sign bit
    kif = automatic_format(sign * values, BITS, quantiles=QUANTILES)
    return sign * np.clip(np.floor(sign * values / kif.step), kif.lo, kif.hi) * kif.step


def write_small_file(sources: Sequence[Path], path: Path) -> int:
    """Write the rounded features, the ids, `pt` and `eta` of the jets in files of the simulation.

    Parameters
    ----------
    sources : sequence of Path
        Files of `write_jets`.
    path : Path
        File to write. An earlier one stays until the new one is complete.

    Returns
    -------
    int
        Jets written.
    """
    import uproot

    names = [*IDS, *OBSERVABLE_STEPS, *FEATURES]
    jets = uproot.concatenate([f"{source}:{TREE}" for source in sources], names, library="np")
    for name, step in OBSERVABLE_STEPS.items():
        jets[name] = np.floor(jets[name] / step) * step
    for name in FEATURES:
        jets[name] = rounded(jets[name].astype(np.float64))
    columns = {name: jets[name].astype(np.int32 if name in IDS else np.float32) for name in names}
    with atomic_path(path) as part, uproot.recreate(part, compression=uproot.LZMA(9)) as file:
        tree = file.mktree(TREE, {name: column.dtype for name, column in columns.items()}, title="simulated jets")
        tree.extend(columns)
    return len(columns["label"])


if __name__ == "__main__":
    *files, target = map(Path, sys.argv[1:])
    print(f"{target}: {write_small_file(files, target)} jets")
