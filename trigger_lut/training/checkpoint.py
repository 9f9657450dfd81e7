"""Checkpoints: an interrupted training goes on from the last one as if nothing had happened."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from trigger_lut.errors import CardError

NAME = "checkpoint.npz"


def fingerprint(*parts: str) -> str:
    """Digest of what a checkpoint belongs to: the specification, the data, and the code that trains."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def save_checkpoint(folder: Path, belongs_to: str, arrays: list[np.ndarray], state: dict[str, Any]) -> None:
    """Write arrays and a JSON-able state, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / (NAME + ".part")
    meta = json.dumps({"belongs_to": belongs_to, "state": state})
    with part.open("wb") as out:
        np.savez(out, meta=np.array(meta), **{f"a{n}": a for n, a in enumerate(arrays)})
    part.replace(folder / NAME)


def load_checkpoint(folder: Path, belongs_to: str) -> tuple[list[np.ndarray], dict[str, Any]] | None:
    """Arrays and state of the last checkpoint; None when there is none, or it belongs to something else.

    Raises CardError when the file is damaged.
    """
    path = folder / NAME
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as held:
            meta = json.loads(str(held["meta"]))
            arrays = [held[f"a{n}"] for n in range(len(held.files) - 1)]
    except Exception as error:
        raise CardError(f"{path}: damaged checkpoint ({error}); remove it to train from the start") from error
    return (arrays, meta["state"]) if meta["belongs_to"] == belongs_to else None
