"""Download of public data sets: resumed where it stopped, checked, and converted to ROOT files.

`public_files.json` lists the data sets. Records of Zenodo state names, addresses and checksums of their files. Where no
checksum is stated, `checksums.json` in the folder of the data records the one of the first download. Every later
download must have it.
"""

from __future__ import annotations

import fnmatch
import importlib
import json
import shutil
import tarfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from trigger_lut.errors import ConfigurationError, DataError, nearest
from trigger_lut.utils.files import atomic_path

REGISTRY = Path(__file__).with_name("public_files.json")
CHECKSUMS = "checksums.json"
CONVERTERS = {"jets": "trigger_lut.data.jsc", "particles": "trigger_lut.data.particle_lists"}
"""Module by layout. Its `convert(sources, root)` writes a ROOT file."""

TIMEOUT_S = 60
CHUNK = 1 << 16


def known() -> dict[str, dict[str, Any]]:
    """Return the public data sets by name, as `public_files.json` describes them."""
    content: dict[str, dict[str, Any]] = json.loads(REGISTRY.read_text(encoding="utf-8"))
    return content


def fetch(
    name: str, folder: Path, *, mirror: str | None = None, registry: Mapping[str, Mapping[str, Any]] | None = None
) -> str:
    """Download a data set into a folder of its name, and convert it where it is no ROOT file.

    Parameters
    ----------
    name : str
        Name of the data set.
    folder : Path
        Folder of all data; the files are written to `folder/name/`.
    mirror : str or None
        Address of a folder that holds `<name>/<file>` instead of the original places.
    registry : mapping or None
        Data sets; default: `known()`.

    Returns
    -------
    str
        Summary for people.

    Raises
    ------
    ConfigurationError
        For an unknown name, or a mirror that is no address.
    DataError
        If a file cannot be downloaded, has another checksum, or cannot be converted. What was downloaded remains, and
        the next call resumes there.
    """
    sets = known() if registry is None else registry
    if name not in sets:
        raise ConfigurationError(f"fetch: no public data set {name!r}{nearest(name, sets)}. Known: {', '.join(sets)}")
    if mirror is not None and not mirror.startswith(("http://", "https://")):
        raise ConfigurationError(f"fetch: --mirror: expected an address http:// or https://, found {mirror!r}")
    described, place = sets[name], folder / name
    root = place / described["root"] if "root" in described else None
    if root is not None and root.exists():
        return f"{root}: there already"
    place.mkdir(parents=True, exist_ok=True)
    downloaded = [_file(name, entry, place, mirror) for entry in described["files"]]
    if root is None:
        return "\n".join(f"{path}: {path.stat().st_size:,} bytes" for path in downloaded)
    sources = _unpacked(downloaded, described["members"], place) if "members" in described else downloaded
    converted: str = importlib.import_module(CONVERTERS[described.get("layout", "jets")]).convert(sources, root)
    return converted


def _file(name: str, entry: Mapping[str, Any], place: Path, mirror: str | None) -> Path:
    """Download one file with pooch, unless it is there; return its path."""
    import pooch
    import requests

    file = str(entry["name"])
    checksums = _recorded(place.parent)
    key = f"{name}/{file}"
    checksum = entry.get("sha256") or checksums.get(key)
    try:
        address, stated = _place(key, entry) if mirror is None else (f"{mirror.rstrip('/')}/{key}", None)
        first_time, checksum = checksum is None, checksum or stated
        store = pooch.create(place, base_url="", registry={file: checksum}, urls={file: address}, retry_if_failed=0)
        pooch.get_logger().setLevel("WARNING")
        path = Path(store.fetch(file, downloader=_resume))
    except (requests.RequestException, OSError) as error:
        first = (str(error).strip().splitlines() or [""])[0]
        raise DataError(
            f"{key}: cannot be downloaded: {type(error).__name__}: {first}. Run the command again; it resumes the "
            "download. --mirror names another place"
        ) from error
    except ValueError as error:  # pooch has removed the file
        raise DataError(
            f"{key}: another checksum than expected ({checksum}). The file at {address} changed, or the download "
            f"damaged it. Run the command again; if it repeats, remove the line from {place.parent / CHECKSUMS}"
        ) from error
    if first_time:
        _record(place.parent, key, pooch.file_hash(str(path), alg="sha256"))
    return path


def _place(key: str, entry: Mapping[str, Any]) -> tuple[str, str | None]:
    """Return the address of a file, and the checksum that its place states.

    Raises
    ------
    DataError
        If the place states no such file.
    """
    kind = next(kind for kind in PLACES if kind in entry)
    try:
        return PLACES[kind](entry)
    except (KeyError, TypeError, IndexError) as error:
        raise DataError(
            f"{key}: {entry[kind]}: states no address of the file. Expected a description by {kind}, found no entry "
            f"{error}. --mirror names another place"
        ) from error


def _stated(address: str) -> Any:
    """Return what a server states as JSON."""
    import requests

    answer = requests.get(address, timeout=TIMEOUT_S)
    answer.raise_for_status()
    return answer.json()


def _on_openml(entry: Mapping[str, Any]) -> tuple[str, str | None]:
    return str(_stated(entry["description"])["data_set_description"]["url"]), None


def _on_zenodo(entry: Mapping[str, Any]) -> tuple[str, str | None]:
    """Return address and checksum of the file that fits `pattern`: versions of a record have other names."""
    files = {str(file["key"]): file for file in _stated(entry["record"])["files"]}
    name = next(iter(fnmatch.filter(sorted(files), entry["pattern"])), entry["pattern"])
    return str(files[name]["links"]["self"]), files[name].get("checksum")


PLACES: dict[str, Callable[[Mapping[str, Any]], tuple[str, str | None]]] = {
    "url": lambda entry: (str(entry["url"]), None),
    "description": _on_openml,
    "record": _on_zenodo,
}
"""Function by the key of a file in `public_files.json`: its address, and its checksum where the place states one."""


def _resume(url: str, output_file: str, pooch: Any) -> None:
    """Download to `<file>.partial` from where an earlier download stopped, and move it to pooch's temporary file."""
    import requests

    partial = Path(pooch.path) / f"{next(iter(pooch.registry))}.partial"
    done = partial.stat().st_size if partial.exists() else 0
    headers = {"Range": f"bytes={done}-"} if done else {}
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT_S) as answer:
        if answer.status_code != requests.codes.requested_range_not_satisfiable:  # else all of it is there
            answer.raise_for_status()
            mode = "ab" if answer.status_code == requests.codes.partial_content else "wb"
            with partial.open(mode) as out:
                for piece in answer.iter_content(CHUNK):
                    out.write(piece)
    partial.replace(output_file)


def _unpacked(archives: Sequence[Path], pattern: str, place: Path) -> list[Path]:
    """Unpack the files of a pattern from archives; return their paths in order of their names."""
    paths = []
    for archive in archives:
        try:
            with tarfile.open(archive) as archive_file:
                for member in archive_file:
                    if member.isfile() and fnmatch.fnmatch(Path(member.name).name, pattern):
                        path = place / Path(member.name).name
                        source = archive_file.extractfile(member)
                        assert source is not None, member.name
                        with atomic_path(path) as part, part.open("wb") as out:
                            shutil.copyfileobj(source, out)
                        paths.append(path)
        except (tarfile.TarError, OSError, EOFError) as error:
            raise DataError(f"{archive}: cannot be unpacked: {error}. Remove it and run the command again") from error
    if not paths:
        raise DataError(f"{archives[0]}: expected files {pattern}, found none")
    return sorted(paths)


def _recorded(folder: Path) -> dict[str, str]:
    """Return the checksums of earlier downloads by 'data set/file'."""
    path = folder / CHECKSUMS
    if not path.exists():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{path}: not valid JSON: {error}. Correct or remove it") from error
    return {str(key): str(value) for key, value in content.items()}


def _record(folder: Path, key: str, digest: str) -> None:
    checksums = {**_recorded(folder), key: f"sha256:{digest}"}
    with atomic_path(folder / CHECKSUMS) as part:
        part.write_text(json.dumps(dict(sorted(checksums.items())), indent=2) + "\n", encoding="utf-8")
