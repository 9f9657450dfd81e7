"""Which files a data set is read from: plain paths, globs, lists of files, and remote addresses.

An entry of `files` is one of

* a path or a glob, from the working directory;
* `@list.txt`: a text file with one entry per line: a path, glob or address, from the working directory. Empty lines and
  lines that begin with # are skipped. A file whose own name begins with @ is written ./@name;
* an address: http://, https:// or root://.
"""

from __future__ import annotations

import glob
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from trigger_lut.errors import ConfigurationError, DataError, nearest

SCHEMES = ("http", "https", "root")
Address = Path | str  # a file here, or a remote address


@dataclass(frozen=True)
class Source:
    """A file of the main tree.

    friends  File and tree of each of its friends.
    kind     Its class, where files say the class.
    place    Its position among the files of the data set.
    """

    file: Address
    friends: tuple[tuple[Address, str], ...] = ()
    kind: int | None = None
    place: int = 0

    def all_files(self) -> list[Address]:
        """Return the file and its friends."""
        return [self.file, *(file for file, _ in self.friends)]

    def text(self) -> str:
        """Return the source as text for a command line."""
        friends = [[str(file), tree] for file, tree in self.friends]
        return json.dumps({"file": str(self.file), "friends": friends, "kind": self.kind, "place": self.place})

    @classmethod
    def of(cls, text: str) -> Source:
        """Read what `text` wrote.

        Parameters
        ----------
        text : str

        Returns
        -------
        Source

        Raises
        ------
        ConfigurationError
            For another text.
        """
        try:
            fields = json.loads(text)
            friends = tuple((_address(file), str(tree)) for file, tree in fields["friends"])
            return cls(_address(fields["file"]), friends, fields["kind"], fields["place"])
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigurationError(f"expected JSON with file, friends, kind and place, found {text!r}") from error


def _address(text: str) -> Address:
    return text if "://" in text else Path(text)


def scheme_mistake(entry: str) -> str | None:
    """Return the problem of an address; None for a good one and for other entries."""
    scheme, mark, rest = entry.partition("://")
    if not mark:
        return None
    if scheme not in SCHEMES:
        return f"addresses begin with {', '.join(s + '://' for s in SCHEMES)}, found {entry!r}"
    return None if rest.strip("/") else f"no host in {entry!r}"


def expand(owner: str, entries: Iterable[str]) -> list[Address]:
    """Return files and addresses in the order of the entries, those of a glob sorted, each once.

    Parameters
    ----------
    owner : str
        Beginning of messages.
    entries : iterable of str

    Returns
    -------
    list of Path or str

    Raises
    ------
    DataError
        For a list or a file that is missing, a glob without match, a broken link, a folder, or a wrong address.
        For a name with control characters, and two names of one file.
    """
    files: dict[Address, None] = {}
    for where, entry in _entries(owner, entries):
        if "://" in entry:
            if problem := scheme_mistake(entry):
                raise DataError(f"{where}: {problem}")
            files[entry] = None
        else:
            files.update(dict.fromkeys(_matches(where, entry)))
    for file in files:
        if not str(file).isprintable():
            raise DataError(
                f"{owner}: {str(file)!r}: expected printable characters in the name of a file. Rename the file, or "
                "give a link to it"
            )
    _refuse_two_names(owner, [file for file in files if isinstance(file, Path)])
    return list(files)


def lists(entries: Iterable[str]) -> list[Path]:
    """Return the lists of files among the entries."""
    return [Path(entry[1:]) for entry in entries if entry.startswith("@")]


def line_up(
    owner: str, tree: str, *, main: Sequence[Address], friends: Sequence[tuple[str, Sequence[Address]]]
) -> list[Source]:
    """Return each main file with the friends at its position.

    Parameters
    ----------
    owner, tree : str
        For messages.
    main : sequence of Path or str
    friends : sequence of tuple
        Tree and files of each list.

    Returns
    -------
    list of Source

    Raises
    ------
    DataError
        If a list of friends is not as long as the main one.
    """
    for name, files in friends:
        if len(files) != len(main):
            raise DataError(
                f"{owner}: friends of tree {name!r}: {len(files)} files, expected {len(main)}, one for each file of "
                f"tree {tree!r}"
            )
    return [Source(file, tuple((files[n], name) for name, files in friends)) for n, file in enumerate(main)]


def _entries(owner: str, entries: Iterable[str]) -> Iterator[tuple[str, str]]:
    """(beginning of a message, entry) with the lists read."""
    for entry in entries:
        if not entry.startswith("@"):
            yield owner, entry
            continue
        path = Path(entry[1:])
        try:
            lines = path.read_text(encoding="utf-8-sig").splitlines()
        except FileNotFoundError as error:
            there = [p.as_posix() for p in sorted(path.parent.glob("*.txt"))] if path.parent.is_dir() else []
            raise DataError(f"{owner}: no such list of files: {path}{nearest(path.as_posix(), there)}") from error
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{owner}: {path}: not a list of files: {error}") from error
        numbered = [(n, line.strip()) for n, line in enumerate(lines, 1)]
        numbered = [(n, line) for n, line in numbered if line and not line.startswith("#")]
        if not numbered:
            raise DataError(f"{owner}: {path}: the list names no file")
        for n, line in numbered:
            if line.startswith("@"):
                raise DataError(f"{owner}: {path}, line {n}: a list within a list: {line}")
            yield f"{owner}: {path}, line {n}", line


def _matches(where: str, pattern: str) -> list[Path]:
    literal = Path(pattern)
    names = [literal] if os.path.lexists(literal) else map(Path, sorted(glob.glob(pattern, recursive=True)))  # noqa: PTH207
    matches = []
    for path in sorted(names):
        if path.is_file():
            matches.append(path)
        elif path.is_symlink() and not path.exists():
            raise DataError(f"{where}: {path} is a link to {path.readlink()}, which does not exist")
        elif path.is_dir() and path == literal:
            raise DataError(f"{where}: {path} is a folder, expected a ROOT file or a glob such as {path}/*.root")
    if not matches:
        what = "nothing matches" if glob.has_magic(pattern) else "no such file:"
        folder = literal.parent
        there = [p.as_posix() for p in sorted(folder.glob("*.root"))] if folder.is_dir() else []
        unread = pattern.startswith("~") or "$" in pattern
        hint = ". ~ and $ are not expanded: write the whole path" if unread else nearest(pattern, there)
        raise DataError(f"{where}: {what} {pattern}{hint}")
    return matches


def _refuse_two_names(owner: str, paths: Sequence[Path]) -> None:
    """Refuse a file under two names (a link, another way to its folder), which would count twice."""
    paths_by_inode: dict[tuple[int, int], Path] = {}
    for path in paths:
        status = path.stat()
        other = paths_by_inode.setdefault((status.st_dev, status.st_ino), path)
        if other is not path:
            raise DataError(f"{owner}: {other} and {path} are one file under two names")
