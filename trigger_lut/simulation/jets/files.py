"""ROOT files of simulated jets: a tree `jets` with one entry for each jet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from trigger_lut.errors import nearest
from trigger_lut.simulation.jets.substructure import FEATURES
from trigger_lut.simulation.root_file import write_tree

TREE = "jets"
CONSTITUENTS = ("constituent_pt", "constituent_eta", "constituent_phi", "constituent_pdg_id")
FLAT: dict[str, np.dtype[Any]] = {
    "run": np.dtype(np.int64),
    "event": np.dtype(np.int64),
    "jet": np.dtype(np.int32),
    "label": np.dtype(np.int32),
    "pt": np.dtype(np.float32),
    "eta": np.dtype(np.float32),
    "phi": np.dtype(np.float32),
    "mass": np.dtype(np.float32),
    **{name: np.dtype(np.float32) for name in FEATURES},
}


def write_jets(path: Path, columns: dict[str, Any]) -> None:
    """Write the tree. An earlier file stays until the new one is complete.

    Parameters
    ----------
    path : Path
        File to write.
    columns : dict
        Arrays (jets,) for each name of `FLAT`, and jagged arrays (jets, var) for each name of `CONSTITUENTS`. uproot
        adds the branch `nconstituent`.
    """
    import awkward as ak

    for name in (*FLAT, *CONSTITUENTS):
        assert name in columns, f"no column {name!r}{nearest(name, columns)}"
    flat: dict[str, Any] = {name: np.asarray(columns[name]).astype(kind) for name, kind in FLAT.items()}
    for name, values in flat.items():
        assert np.isfinite(values).all(), f"column {name!r} holds values that are not finite"
    jagged = ak.zip({name.removeprefix("constituent_"): columns[name] for name in CONSTITUENTS})
    write_tree(path, TREE, title="simulated jets", batches=[{**flat, "constituent": jagged}])
