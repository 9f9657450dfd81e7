"""Reading branches of ROOT files in chunks; every fault is answered with file, tree and branch."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from trigger_lut.errors import DataError, nearest
from trigger_lut.events.expressions import value_kind

BIG_FILE = 1_000_000  # from this file version on, positions in the header have 64 bits


def count_entries(path: Path, tree: str, branches: Mapping[str, str]) -> int:
    """Entries of a tree that has all the branches. `branches` says for each what it is needed for.

    Raises DataError when the file is missing, not ROOT or truncated, or lacks the tree or a branch.
    """
    with _open_tree(path, tree) as opened:
        for name, purpose in branches.items():
            _branch(opened, path, tree, name, purpose)
        return int(opened.num_entries)


def chunks(path: Path, tree: str, branches: Mapping[str, str], size: int) -> Iterator[tuple[int, dict[str, Any]]]:
    """(first entry, arrays by branch) for at most `size` entries at a time: all that is held of the file.

    A branch with one number an entry is a NumPy array (n,), one with a list an entry an awkward array.
    Raises DataError as `count_entries`, and when a branch cannot be read or holds something other than numbers.
    """
    with _open_tree(path, tree) as opened:
        for start in range(0, int(opened.num_entries), size):
            stop = min(start + size, int(opened.num_entries))
            yield start, {b: _read(opened, path, tree, b, why, start, stop) for b, why in branches.items()}


def _read(opened: Any, path: Path, tree: str, name: str, purpose: str, start: int, stop: int) -> Any:
    import awkward as ak

    where = f"{path}: tree {tree!r}, branch {name!r} ({purpose})"
    held = _branch(opened, path, tree, name, purpose)
    try:
        array = held.array(entry_start=start, entry_stop=stop, library="ak")
    except MemoryError:
        raise
    except Exception as error:  # uproot and the decompressors raise many kinds
        raise DataError(f"{where}: entries {start} to {stop - 1} cannot be read: {_first_line(error)}") from error
    if value_kind(array) not in "biuf":
        raise DataError(f"{where}: expected numbers, found {getattr(held, 'typename', None) or ak.type(array)}")
    if len(array) != stop - start:
        raise DataError(f"{where}: expected {stop - start} entries from {start} on, found {len(array)}")
    if array.ndim > 1:
        return array
    if ak.any(ak.is_none(array)):
        raise DataError(f"{where}: entry {start + int(np.argmax(ak.to_numpy(ak.is_none(array))))} has no value")
    return ak.to_numpy(array)


def _branch(opened: Any, path: Path, tree: str, name: str, purpose: str) -> Any:
    from uproot.exceptions import KeyInFileError

    try:
        return opened[name]
    except (KeyInFileError, KeyError) as error:
        known = sorted(opened.keys())
        raise DataError(f"{path}: tree {tree!r} has no branch {name!r} ({purpose}){nearest(name, known)}") from error


@contextmanager
def _open_tree(path: Path, tree: str) -> Iterator[Any]:
    import uproot
    from uproot.exceptions import KeyInFileError

    check_header(path)
    try:
        # No caches: they would keep arrays of chunks that are done with.
        file = uproot.open({path: None}, object_cache=None, array_cache=None)
    except Exception as error:
        raise DataError(f"{path}: a ROOT file that cannot be opened: {_first_line(error)}") from error
    with file:
        try:
            opened = file[tree]
        except KeyInFileError as error:
            kinds = file.classnames(cycle=False)
            trees = [name for name, kind in kinds.items() if kind == "TTree" or "RNTuple" in kind]
            raise DataError(f"{path}: no tree {tree!r}{nearest(tree, trees)}") from error
        except Exception as error:
            raise DataError(f"{path}: tree {tree!r} cannot be read: {_first_line(error)}") from error
        if not hasattr(opened, "num_entries"):
            raise DataError(f"{path}: {tree!r} is a {opened.classname}, expected a TTree or RNTuple")
        yield opened


def check_header(path: Path) -> None:
    """Raises DataError when the file is missing, not a ROOT file, or shorter than its header says."""
    try:
        with path.open("rb") as file:
            header = file.read(24)
        size = path.stat().st_size
    except FileNotFoundError as error:
        there = [p.as_posix() for p in sorted(path.parent.glob("*.root"))] if path.parent.is_dir() else []
        raise DataError(f"{path}: no such file{nearest(path.as_posix(), there)}") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    if header[:4] != b"root":
        found = f"found {header[:4]!r}" if header else "the file is empty"
        raise DataError(f"{path}: not a ROOT file: expected b'root' at the beginning, {found}")
    if len(header) < 24:
        raise DataError(f"{path}: truncated: {size} bytes are less than the header of a ROOT file")
    version, _, end = struct.unpack(">iii", header[4:16])
    if version >= BIG_FILE:
        end = struct.unpack(">q", header[12:20])[0]
    if size < end:
        raise DataError(f"{path}: truncated: {end} bytes according to its header, {size} found")


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else ''}"
