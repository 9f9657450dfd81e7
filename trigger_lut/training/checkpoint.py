"""Checkpoints: an interrupted training continues from the last one with the same result."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from trigger_lut.errors import CardError
from trigger_lut.utils.files import atomic_path

NAME = "checkpoint.npz"


def fingerprint(*parts: str) -> str:
    """Return a digest of what a checkpoint belongs to: the specification, the data, and the code that trains.

    Parameters
    ----------
    *parts : str
        Texts that identify these.

    Returns
    -------
    str
        SHA-256 in hexadecimal.
    """
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def save_checkpoint(
    folder: Path, belongs_to: str, *, arrays: list[np.ndarray], state: dict[str, Any], name: str = NAME
) -> None:
    """Write arrays and a JSON-able state atomically, even if the process is killed while it writes.

    The arrays are concatenated into one, since writing hundreds of small ones is slow.

    Parameters
    ----------
    folder : Path
        Folder of the checkpoint.
    belongs_to : str
        Result of `fingerprint`.
    arrays : list of numpy.ndarray
        Arrays of any shape and type.
    state : dict
        JSON-able values.
    name : str
        Name of the file.
    """
    described = [[a.dtype.str, list(a.shape)] for a in arrays]
    meta = json.dumps({"belongs_to": belongs_to, "state": state, "arrays": described})
    content = np.frombuffer(b"".join(a.tobytes() for a in arrays), dtype=np.uint8)
    with atomic_path(folder / name) as part, part.open("wb") as out:
        np.savez(out, meta=np.array(meta), content=content)


def load_checkpoint(
    folder: Path, belongs_to: str, *, name: str = NAME
) -> tuple[list[np.ndarray], dict[str, Any]] | None:
    """Read the last checkpoint.

    Parameters
    ----------
    folder : Path
        Folder of the checkpoint.
    belongs_to : str
        Result of `fingerprint`.
    name : str
        Name of the file.

    Returns
    -------
    tuple or None
        Arrays and state; None when there is no checkpoint, or it belongs to something else.

    Raises
    ------
    CardError
        If the file is damaged.
    """
    path = folder / name
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as archive:
            meta = json.loads(str(archive["meta"]))
            arrays = _unpacked(archive["content"].tobytes(), meta["arrays"])
    except Exception as error:
        raise CardError(f"{path}: damaged checkpoint ({error}); remove it to train from the start") from error
    return (arrays, meta["state"]) if meta["belongs_to"] == belongs_to else None


def _unpacked(content: bytes, described: list[Any]) -> list[np.ndarray]:
    arrays, at = [], 0
    for name, shape in described:
        kind, count = np.dtype(name), math.prod(shape)
        arrays.append(np.frombuffer(content, kind, count, at).reshape(shape))
        at += kind.itemsize * count
    return arrays
