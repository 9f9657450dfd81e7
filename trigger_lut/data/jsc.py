"""The public jet substructure data sets (16 features, classes g q W Z t), from HDF5 or ARFF to a TTree.

Three layouts: ARFF with a nominal attribute `class` (OpenML 42468). HDF5 with one compound data set `t_allpar_new`
(CERNBox). HDF5 with a matrix `jets` and the names of its columns, `jetFeatureNames` (Zenodo 3602260). In HDF5 names
start with j_, and the class is one of the columns j_g, j_q, j_w, j_z, j_t that is 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trigger_lut.errors import ConfigurationError, DataError, nearest
from trigger_lut.utils.files import atomic_path

CLASSES = ("g", "q", "w", "z", "t")
FEATURES = (
    "zlogz",
    *(f"c{n}_b{b}_mmdt" for n, b in ((1, 0), (1, 1), (1, 2), (2, 1), (2, 2))),
    *("d2_b1_mmdt", "d2_b2_mmdt", "d2_a1_b1_mmdt", "d2_a1_b2_mmdt"),
    *("m2_b1_mmdt", "m2_b2_mmdt", "n2_b1_mmdt", "n2_b2_mmdt", "mass_mmdt", "multiplicity"),
)
TREE = "jets"
STEP = 50_000  # jets that are written at a time
HDF5 = b"\x89HDF\r\n\x1a\n"


def convert(sources: Sequence[Path], root: Path) -> str:
    """Write the jets of all sources, in their order, to a TTree of a new file.

    Branches: `entry` (int64, number of the jet, from 0), `label` (int32, index into CLASSES), and FEATURES (float32).
    Jets of none of the classes are skipped.

    Parameters
    ----------
    sources : sequence of Path
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
    if root.exists():
        raise ConfigurationError(f"{root}: exists already. Remove it, or give another folder.")
    read = [_jets(source) for source in sources]
    labels = np.concatenate([label for label, _ in read])
    values = np.concatenate([value for _, value in read])
    kept = labels >= 0
    if not kept.any():
        raise DataError(f"{sources[0]}: no jet of a class in {', '.join(CLASSES)}")
    labels, values = labels[kept], values[kept]
    columns = {"entry": np.arange(len(labels)), "label": labels, **dict(zip(FEATURES, values.T, strict=True))}
    _write(root, columns)
    counts = ", ".join(f"{name} {(labels == k).sum():,}" for k, name in enumerate(CLASSES))
    left = f"; {(~kept).sum():,} of no class skipped" if not kept.all() else ""
    return f"{root}: tree {TREE}, {len(labels):,} jets ({counts}){left}"


def _jets(source: Path) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """(N,) labels, -1 for none of the classes, and (N, 16) features."""
    try:
        with source.open("rb") as file:
            start = file.read(len(HDF5))
    except FileNotFoundError as error:
        known = [str(path) for path in source.parent.glob("*")] if source.parent.is_dir() else []
        raise DataError(f"{source}: no such file{nearest(str(source), known)}") from error
    except OSError as error:
        raise DataError(f"{source}: cannot be read: {error.strerror}") from error
    try:
        if start == HDF5:
            return _of_hdf5(source)
        if start.lstrip()[:1] in (b"%", b"@"):
            return _of_arff(source)
    except DataError:
        raise
    except Exception as error:  # h5py and SciPy raise many kinds
        first = (str(error).strip().splitlines() or [""])[0]
        raise DataError(f"{source}: cannot be read: {type(error).__name__}: {first}") from error
    raise DataError(f"{source}: expected HDF5 or ARFF, found a file that starts with {start!r}")


def _of_hdf5(source: Path) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    import h5py

    with h5py.File(source) as file:
        if "t_allpar_new" in file:
            table = file["t_allpar_new"]
            known: dict[str, Any] = {name: name for name in table.dtype.names or ()}
            chosen = _chosen(source, known, [f"j_{name}" for name in (*CLASSES, *FEATURES)])
            rows = table[:]
            values = np.stack([np.asarray(rows[name], np.float64) for name in chosen], axis=1)
        elif "jets" in file and "jetFeatureNames" in file:
            names = [name.decode() if isinstance(name, bytes) else str(name) for name in file["jetFeatureNames"][:]]
            known = {name: n for n, name in enumerate(names)}
            chosen = _chosen(source, known, [f"j_{name}" for name in (*CLASSES, *FEATURES)])
            values = np.asarray(file["jets"][:], np.float64)[:, chosen]
        else:
            keys = ", ".join(file) or "nothing"
            raise DataError(f"{source}: expected t_allpar_new, or jets with jetFeatureNames, found {keys}")
    hot, features = values[:, : len(CLASSES)], values[:, len(CLASSES) :]
    bad = ~np.isin(hot, (0, 1)).all(axis=1) | (hot.sum(axis=1) > 1)
    if bad.any():
        row = int(np.argmax(bad))
        raise DataError(f"{source}: row {row}: expected at most one 1 in j_g, j_q, j_w, j_z, j_t, found {hot[row]}")
    return np.where(hot.any(axis=1), hot.argmax(axis=1), -1).astype(np.int32), features.astype(np.float32)


def _of_arff(source: Path) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    from scipy.io import arff

    rows, _ = arff.loadarff(source)
    known = {name.removeprefix("j_"): name for name in rows.dtype.names}
    *chosen, kind = _chosen(source, known, [*FEATURES, "class"])
    words = np.char.lower(np.char.strip(rows[kind].astype(str), "'\" "))
    if not set(words.tolist()) <= set(CLASSES):
        unknown = ", ".join(sorted(set(words.tolist()) - set(CLASSES))[:5])
        raise DataError(f"{source}: attribute {kind}: expected {', '.join(CLASSES)}, found {unknown}")
    labels = np.argmax(words[:, None] == np.array(CLASSES), axis=1)
    return labels.astype(np.int32), np.stack([rows[name].astype(np.float32) for name in chosen], axis=1)


def _chosen(source: Path, known: Mapping[str, Any], names: Sequence[str]) -> list[Any]:
    for name in names:
        if name not in known:
            raise DataError(f"{source}: no column {name!r}{nearest(name, known)}")
    return [known[name] for name in names]


def _write(root: Path, columns: dict[str, NDArray[Any]]) -> None:
    import uproot

    with atomic_path(root) as part, uproot.recreate(part) as file:
        tree = file.mktree(TREE, {name: column.dtype for name, column in columns.items()})
        for start in range(0, len(columns["entry"]), STEP):
            tree.extend({name: column[start : start + STEP] for name, column in columns.items()})
