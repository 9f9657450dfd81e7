"""Reading of a release from a stranger: a zip or a folder becomes plain bytes by path, or is refused with a reason.

Nothing is written and nothing is run here. Names that mean different files on different systems are refused, and so is
a zip whose two lists of content differ.
"""

from __future__ import annotations

import os
import re
import stat
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

from trigger_lut.cards.provenance import SNAKEMAKE_STAMP
from trigger_lut.errors import DataError

MOST_FILES = 20_000
MOST_BYTES = 1 << 30  # of all files together, as they are unpacked
DEEPEST = 12
LONGEST = 240  # characters of a path
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # names of devices on Windows
ENCRYPTED, REGULAR = 0x1, (0, stat.S_IFREG)
KNOWN = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)

Files = dict[str, bytes]


class UnsoundError(DataError):
    """Release with content that no release may have: links, unusual names, two files of one name, too much."""


def read_release(release: Path) -> Files:
    """Read all files of a release.

    Parameters
    ----------
    release : Path
        A zip, or a folder. In a folder Snakemake's timestamp is skipped.

    Returns
    -------
    dict of str to bytes
        Content by path in the release.

    Raises
    ------
    DataError
        When it does not exist or is damaged.
    UnsoundError
        When it is too large, or holds anything but regular files with plain names, each once.
    """
    if not release.exists():
        raise DataError(f"{release}: no such release. Expected a zip or a folder.")
    return _from_folder(release) if release.is_dir() else _from_zip(release)


def check_names(release: Path, names: Iterable[str]) -> None:
    """Raise DataError for names that are not plain, occur twice, or differ in ways that some systems ignore."""
    names_by_key: dict[str, str] = {}
    folders: dict[str, str] = {}
    for count, name in enumerate(names, 1):
        if count > MOST_FILES:
            _refuse(release, name, f"too many files. Expected at most {MOST_FILES}, found more")
        if problem := _unusual(name):
            _refuse(release, name, problem)
        key = unicodedata.normalize("NFC", name).casefold()
        if key in names_by_key:
            _refuse(
                release,
                name,
                f"two files of one name. Expected each path once, found {names_by_key[key]!r} and {name!r}",
            )
        names_by_key[key] = name
        parts = key.split("/")
        folders |= {"/".join(parts[:n]): name for n in range(1, len(parts))}
    for key, name in names_by_key.items():
        if key in folders:
            _refuse(release, name, f"a file and a folder. Expected one of them, found {folders[key]!r} as well")


def _unusual(name: str) -> str | None:
    """Return what is wrong with a path; None: nothing."""
    parts = name.split("/")
    if not name or name.startswith("/") or re.match(r"[A-Za-z]:", name):
        return "an absolute path. Expected a path below the release"
    if not name.isprintable() or any(letter in name for letter in '\\:*?"<>|'):
        return "an unusual character. Expected letters, digits, and . _ - / alone"
    if any(part in ("", ".", "..") for part in parts):
        return "no plain path. Expected no empty part, '.' or '..'"
    if any(part != part.rstrip(" .") or RESERVED.fullmatch(part) for part in parts):
        return "a name that some systems change or reserve. Expected another one"
    if len(parts) > DEEPEST or len(name) > LONGEST:
        return f"too deep or too long. Expected at most {DEEPEST} parts and {LONGEST} characters"
    return None


def _refuse(release: Path, name: str, problem: str) -> NoReturn:
    raise UnsoundError(f"{release}: {name!r}: {problem}. Nothing of it was run.")


def _from_folder(release: Path) -> Files:
    files: Files = {}
    left = MOST_BYTES
    for folder, folders, names in os.walk(release, followlinks=False):
        for name in sorted((*folders, *names)):
            path = Path(folder, name)
            inside = path.relative_to(release).as_posix()
            mode = path.lstat().st_mode
            if stat.S_ISDIR(mode) or inside == SNAKEMAKE_STAMP:
                continue
            if not stat.S_ISREG(mode):
                _refuse(release, inside, "a link or a special file. Expected regular files alone")
            if len(files) >= MOST_FILES:
                _refuse(release, inside, f"too many files. Expected at most {MOST_FILES}, found more")
            with path.open("rb") as file:
                content = file.read(left + 1)
            left -= len(content)
            if left < 0:
                _refuse(release, inside, f"too large. Expected at most {MOST_BYTES} bytes in all, found more")
            files[inside] = content
    check_names(release, files)
    return files


def _from_zip(release: Path) -> Files:
    try:
        with zipfile.ZipFile(release) as archive:
            entries = archive.infolist()
            check_names(release, (entry.orig_filename for entry in entries))
            for entry in entries:
                _check_entry(release, entry)
            if sum(entry.file_size for entry in entries) > MOST_BYTES:
                _refuse(release, "", f"too large. Expected at most {MOST_BYTES} bytes in all, found more")
            _check_layout(release, entries)
            return {entry.filename: _content(release, archive, entry) for entry in entries}
    except (zipfile.BadZipFile, EOFError, OSError, NotImplementedError, RuntimeError, ValueError, zlib.error) as error:
        raise DataError(f"{release}: no zip of a release, or a damaged one ({error}). Fetch it again.") from error


def _check_entry(release: Path, entry: zipfile.ZipInfo) -> None:
    mode = entry.external_attr >> 16
    if stat.S_IFMT(mode) not in REGULAR:
        _refuse(release, entry.filename, "a link or a special file. Expected regular files alone")
    if entry.flag_bits & ENCRYPTED:
        _refuse(release, entry.filename, "encrypted. Expected plain files")
    if entry.compress_type not in KNOWN:
        _refuse(release, entry.filename, f"unknown compression {entry.compress_type}. Expected stored or deflated")


def _check_layout(release: Path, entries: list[zipfile.ZipInfo]) -> None:
    """Refuse entries that share bytes of the zip: a small zip could hold a huge content."""
    end = 0
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        if entry.header_offset < end:
            _refuse(release, entry.filename, "shares bytes with another file. Expected each file in a place of its own")
        end = entry.header_offset + entry.compress_size


def _content(release: Path, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """Return the content of an entry, never more than the zip's own list says."""
    with archive.open(entry) as file:
        content = file.read(entry.file_size + 1)
    if len(content) != entry.file_size:
        _refuse(release, entry.filename, f"wrong size. Expected {entry.file_size} bytes, found {len(content)} or more")
    return content
