"""Compiled files in the user's cache folder, named by what they are made of."""

from __future__ import annotations

import functools
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from trigger_lut.utils.files import locked_folder


def cached(name: str, made_of: Iterable[str | bytes], build: Callable[[Path], None]) -> Path:
    """Return a file from the user's cache, or build it now.

    Each process builds in a folder of its own and renames the result, so that several can build at the same time.

    Parameters
    ----------
    name : str
        Name of the file; its contents' key is added to the stem.
    made_of : iterable of str or bytes
        Everything that decides the contents: sources, compiler, options.
    build : callable
        Function that writes the file at a path.

    Returns
    -------
    Path
        File.
    """
    parts = (part if isinstance(part, bytes) else part.encode() for part in made_of)
    key = hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]
    folder = user_cache_folder()
    path = folder / f"{Path(name).stem}-{key}{Path(name).suffix}"
    if not path.is_file():
        with locked_folder(folder, ".building-") as made:
            build(made / path.name)
            (made / path.name).replace(path)
    return path


def user_cache_folder() -> Path:
    """Return `trigger_lut` in the user's cache folder, or a folder of this process where that cannot be written."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    try:
        (base / "trigger_lut").mkdir(parents=True, exist_ok=True)
        if os.access(base / "trigger_lut", os.W_OK):
            return base / "trigger_lut"
    except OSError:
        pass
    return _temporary_folder()


@functools.cache
def _temporary_folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="trigger_lut-"))
