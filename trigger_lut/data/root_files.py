"""Opening ROOT files, here and over a network; what is wrong with a file as a whole is a BadFileError."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from trigger_lut.config.data_set.files import Address
from trigger_lut.errors import BadFileError, ToolMissingError, nearest

BIG_FILE = 1_000_000  # from this file version on, positions in the header have 64 bits
XROOTD = {"fsspec_xrootd": "fsspec-xrootd", "XRootD": "xrootd"}  # packages by module


@contextmanager
def open_file(path: Address) -> Iterator[Any]:
    """Open a file with uproot.

    Parameters
    ----------
    path : Path or str
        File or address.

    Yields
    ------
    uproot.ReadOnlyDirectory

    Raises
    ------
    BadFileError
        If the file is out of reach or damaged.
    ToolMissingError
        If a package for remote files is not installed.
    """
    import uproot
    from uproot.source.http import HTTPSource

    options: dict[str, Any] = {}
    if isinstance(path, Path):
        check_header(path)
    elif path.startswith(("http://", "https://")):
        options["handler"] = HTTPSource  # fsspec's own would need aiohttp
    else:
        _refuse_without_xrootd(path)
    try:
        # No caches: they would keep arrays of chunks that are done with.
        file = uproot.open({path: None}, object_cache=None, array_cache=None, **options)
    except Exception as error:
        what = "a ROOT file that cannot be opened" if isinstance(path, Path) else "cannot be opened"
        raise BadFileError(f"{path}: {what}: {first_line(error)}") from error
    with file:
        yield file


def file_uuid(address: Address) -> str:
    """Return the identifier that ROOT gave a file when it was made.

    Parameters
    ----------
    address : Path or str

    Returns
    -------
    str

    Raises
    ------
    BadFileError, ToolMissingError
        As in `open_file`.
    """
    with open_file(address) as file:
        return str(file.file.uuid)


def check_header(path: Path) -> None:
    """Raise BadFileError when the file is missing, not a ROOT file, or shorter than its header says."""
    try:
        with path.open("rb") as file:
            header = file.read(24)
        size = path.stat().st_size
    except FileNotFoundError as error:
        there = [p.as_posix() for p in sorted(path.parent.glob("*.root"))] if path.parent.is_dir() else []
        raise BadFileError(f"{path}: no such file{nearest(path.as_posix(), there)}") from error
    except OSError as error:
        raise BadFileError(f"{path}: cannot be read: {error.strerror}") from error
    if header[:4] != b"root":
        beginning = f"found {header[:4]!r}" if header else "the file is empty"
        raise BadFileError(f"{path}: not a ROOT file: expected b'root' at the beginning, {beginning}")
    if len(header) < 24:
        raise BadFileError(f"{path}: truncated: {size} bytes are less than the header of a ROOT file")
    version, _, end = struct.unpack(">iii", header[4:16])
    if version >= BIG_FILE:
        end = struct.unpack(">q", header[12:20])[0]
    if size < end:
        raise BadFileError(f"{path}: truncated: {end} bytes according to its header, {size} found")


def stamp(file: Address) -> str | None:
    """Size and time of a file here, to see whether it changes; of a remote one nothing is known."""
    if not isinstance(file, Path):
        return None
    try:
        status = file.stat()
    except OSError as error:
        return f"gone ({error.strerror})"
    return f"{status.st_size} bytes of {np.datetime64(status.st_mtime_ns, 'ns')}"


def first_line(error: Exception) -> str:
    """Return the kind and the first line of an error."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else ''}"


def _refuse_without_xrootd(address: str) -> None:
    missing = [package for module, package in XROOTD.items() if find_spec(module) is None]
    if missing:
        raise ToolMissingError(
            f"{address}: reading over XRootD needs {' and '.join(missing)}: pip install -e '.[remote]'"
        )
