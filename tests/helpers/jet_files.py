"""Small files of jets in the layouts of the public jet data sets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from trigger_lut.data.jsc import CLASSES, FEATURES

COUNT = 400


def jets(count: int = COUNT, seed: int = 0) -> tuple[Any, Any]:
    """(count,) labels and (count, 16) features."""
    rng = np.random.default_rng(seed)
    values = rng.gamma(2.0, 1.0, (count, len(FEATURES))).astype(np.float32)
    values[:, 0] *= -1
    return rng.permutation(np.arange(count) % 5), values


def arff(path: Path, labels: Any, values: Any, kinds: str = "g,q,w,z,t") -> Path:
    lines = ["% a comment", "@RELATION jets", *(f"@ATTRIBUTE {name} REAL" for name in FEATURES)]
    lines += [f"@ATTRIBUTE class {{{kinds}}}", "@DATA"]
    names = kinds.split(",")
    lines += [",".join([*(repr(float(x)) for x in row), names[k]]) for row, k in zip(values, labels, strict=True)]
    path.write_text("\n".join(lines) + "\n")
    return path


def named(labels: Any, values: Any) -> dict[str, Any]:
    hot = {f"j_{name}": (labels == k).astype(np.float32) for k, name in enumerate(CLASSES)}
    features = {f"j_{name}": values[:, n] for n, name in enumerate(FEATURES)}
    return {"j_pt": np.ones(len(labels), np.float32), **features, **hot, "j_undef": np.zeros(len(labels), np.float32)}


def cernbox(path: Path, columns: dict[str, Any]) -> Path:
    table = np.zeros(len(columns["j_pt"]), [(name, np.float32) for name in columns])
    for name, column in columns.items():
        table[name] = column
    with h5py.File(path, "w") as file:
        file["t_allpar_new"] = table
    return path


def zenodo(path: Path, columns: dict[str, Any]) -> Path:
    with h5py.File(path, "w") as file:
        file["jets"] = np.stack(list(columns.values()), axis=1)
        file["jetFeatureNames"] = np.array([name.encode() for name in columns])
        file["jetConstituentList"] = np.zeros((3, 2, 16))
    return path
