"""The public events for anomaly detection at level 1 (arXiv:2107.02157), from HDF5 to a TTree.

Each file holds the events of one process: `Particles`, (N, 19, 4), with pt, eta, phi and a code of the kind. Row 0 is
the missing transverse momentum, rows 1 to 4 electrons, 5 to 8 muons, 9 to 18 jets. Empty rows are 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trigger_lut.errors import ConfigurationError, DataError
from trigger_lut.utils.files import atomic_path

TREE = "events"
NAME = "Particles"
SHAPE = (19, 4)
OBJECTS = {"electron": slice(1, 5), "muon": slice(5, 9), "jet": slice(9, 19)}
VARIABLES = ("pt", "eta", "phi")
EVENTS_AT_ONCE = 100_000


def convert(sources: Sequence[Path], root: Path) -> str:
    """Write the events of all sources, in their order, to a TTree of a new file.

    Branches of integers: `entry`, number of the event from 0, and `label`, number of the source.
    Branches of float32: `met_pt`, `met_phi`, and lists such as `electron_pt` (4 values) and `jet_phi` (10 values).

    Parameters
    ----------
    sources : sequence of Path
        One file for each process.
    root : Path
        File to write.

    Returns
    -------
    str
        Summary for people.

    Raises
    ------
    DataError
        If a source is missing or of another layout; nothing is written then.
    ConfigurationError
        If the output exists.
    """
    import uproot

    if root.exists():
        raise ConfigurationError(f"{root}: exists already. Remove it, or give another folder.")
    counts = [0] * len(sources)
    with atomic_path(root) as part, uproot.recreate(part) as file:
        tree: Any = None
        for label, source in enumerate(sources):
            for events in _chunks(source):
                columns = _columns(events, label=label, first=sum(counts))
                if tree is None:
                    tree = file.mktree(TREE, {n: np.dtype((c.dtype, c.shape[1:])) for n, c in columns.items()})
                tree.extend(columns)
                counts[label] += len(events)
    counts_by_source = ", ".join(f"{source.name} {count:,}" for source, count in zip(sources, counts, strict=True))
    return f"{root}: tree {TREE}, {sum(counts):,} events ({counts_by_source})"


def _columns(events: NDArray[np.float32], *, label: int, first: int) -> dict[str, NDArray[Any]]:
    """Return the branches of events (N, 19, 4)."""
    count = len(events)
    columns: dict[str, NDArray[Any]] = {
        "entry": np.arange(first, first + count, dtype=np.int64),
        "label": np.full(count, label, np.int32),
        "met_pt": events[:, 0, 0],
        "met_phi": events[:, 0, 2],
    }
    for name, rows in OBJECTS.items():
        columns |= {f"{name}_{variable}": events[:, rows, n] for n, variable in enumerate(VARIABLES)}
    return columns


def _chunks(source: Path) -> Iterator[NDArray[np.float32]]:
    """Yield events (N, 19, 4) of a file, at most `EVENTS_AT_ONCE` at once."""
    import h5py

    if not source.is_file():
        raise DataError(f"{source}: no such file")
    try:
        with h5py.File(source) as file:
            table = file.get(NAME)
            shape = getattr(table, "shape", None)
            if shape is None or shape[1:] != SHAPE or not shape[0]:
                content = f"{NAME} of {shape}" if shape else ", ".join(file) or "nothing"
                raise DataError(f"{source}: expected {NAME} of (events, 19, 4), found {content}")
            for start in range(0, shape[0], EVENTS_AT_ONCE):
                yield np.asarray(table[start : start + EVENTS_AT_ONCE], np.float32)
    except OSError as error:
        raise DataError(f"{source}: cannot be read as HDF5: {error}") from error
