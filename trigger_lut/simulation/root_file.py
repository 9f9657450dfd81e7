"""ROOT files of simulated data: one tree, written completely or not at all."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from trigger_lut.utils.files import atomic_path


def write_tree(path: Path, name: str, *, title: str, batches: Iterable[dict[str, Any]]) -> None:
    """Write a tree in batches of entries. An earlier file stays until the new one is complete.

    Parameters
    ----------
    path : Path
        File to write.
    name, title : str
        Name and title of the tree.
    batches : iterable of dict
        Columns of each batch by branch, arrays of NumPy or of awkward. The first batch gives the types.
    """
    import uproot

    with atomic_path(path) as part, uproot.recreate(part, compression=uproot.ZLIB(4)) as file:
        tree = None
        for columns in batches:
            if tree is None:
                tree = file.mktree(name, {key: _type(column) for key, column in columns.items()}, title=title)
            tree.extend(columns)


def _type(column: Any) -> Any:
    if isinstance(column, np.ndarray):
        return np.dtype((column.dtype, column.shape[1:]))
    return column.type.content
