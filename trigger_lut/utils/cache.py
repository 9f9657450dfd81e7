"""Compiled files in the user's cache folder, named by what they are made of."""

from __future__ import annotations

import functools
import hashlib
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from trigger_lut.utils.files import locked_folder, sha256

LOG = logging.getLogger(__name__)

MOST_BYTES = 1 << 30
"""Size of the cache above which the files that were not used for the longest time are removed."""


def cached(name: str, made_of: Iterable[str | bytes], *, build: Callable[[Path], None]) -> Path:
    """Return a file from the user's cache, or build it now.

    The name of the file has the checksums of what it is made of and of its content. So it appears by one rename, and a
    file that was changed or cut off is not returned: it is removed and built again. Each process builds in a temporary
    folder of its own, so that several can build at the same time. Where the cache is full, the file stays in one.

    Parameters
    ----------
    name : str
        Name of the file; the checksums are added to the stem.
    made_of : iterable of str or bytes
        Everything that decides the content: sources, compiler, options.
    build : callable
        Function that writes the file at a path.

    Returns
    -------
    Path
        File.
    """
    folder, stem, suffix = user_cache_folder(), Path(name).stem, Path(name).suffix
    start = f"{stem}-{key_of(made_of)}-"
    for path in sorted(folder.glob(f"{start}*{suffix}")):
        if _is_whole(path, start):
            return path
    with tempfile.TemporaryDirectory(prefix="trigger_lut_building_") as scratch:
        built = Path(scratch, name)
        build(built)
        path = folder / f"{start}{sha256(built)}{suffix}"
        try:
            with locked_folder(folder, ".building-") as part:
                shutil.copy(built, part / name)
                (part / name).replace(path)
            _remove_oldest(folder, keep=path)
        except OSError as error:  # the user's folder is full: this process alone has the file
            LOG.warning(f"trigger_lut: {folder}: cannot keep {name} ({error.strerror}); it will be built again")
            path = Path(tempfile.mkdtemp(prefix="trigger_lut_built_"), name)
            shutil.move(built, path)
    return path


def key_of(made_of: Iterable[str | bytes]) -> str:
    """Return a checksum of parts, in their order.

    Parameters
    ----------
    made_of : iterable of str or bytes
        Parts. Each is hashed alone, so that the same bytes in other parts have another checksum.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    parts = (part if isinstance(part, bytes) else part.encode() for part in made_of)
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()


def _is_whole(path: Path, start: str) -> bool:
    """Compare a file with the checksum in its name, and mark it as used; remove one that differs."""
    try:
        if sha256(path) == path.stem.removeprefix(start):
            os.utime(path)
            return True
        path.unlink()
    except OSError:  # another process removed it, or it cannot be read
        pass
    return False


def _remove_oldest(folder: Path, keep: Path) -> None:
    """Remove files until `MOST_BYTES` are left, those first that were not used for the longest time."""
    entries = []
    for path in folder.iterdir():
        try:
            status = path.stat()
        except OSError:  # another process removed it
            continue
        if path.is_file() and path != keep:
            entries.append((status.st_mtime_ns, status.st_size, path))
    total = keep.stat().st_size + sum(size for _, size, _ in entries)
    for _, size, path in sorted(entries):
        if total <= MOST_BYTES:
            return
        path.unlink(missing_ok=True)
        total -= size


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
