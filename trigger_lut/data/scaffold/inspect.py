"""Trees of ROOT files, and the branches of one tree with a sample of their values.

A huge file takes as long as a small one: values are read at a few places that are spread over files and entries.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from trigger_lut.config.data_set.functions import as_lists, value_kind
from trigger_lut.config.validation import LONGEST_TEXT
from trigger_lut.data.branches import Branches
from trigger_lut.data.read import MAX_DEPTH, count_entries
from trigger_lut.data.root_files import check_header
from trigger_lut.data.scaffold.branch_names import BOOKKEEPING, INTERNAL, key, role
from trigger_lut.errors import DataError, nearest

ENTRIES = 20_000  # entries to read
FILES, PLACES = 8, 5  # files in which values are read, and places in each of them
READS = 2_000  # branches times places; of more branches fewer places are read, but of identities and labels
VALUES = 4_000_000  # branches times entries
CLOSELY = ("run", "lumi", "event", "index", "label")


@dataclass(frozen=True)
class Branch:
    """A branch and a sample of it.

    kind    number: one per entry; list: of numbers, of any length; array: of fixed length; nested: lists of lists;
            text; other: cannot be a feature
    values  the sample: NumPy (n,) of a number, awkward (n, lists) of a list, None otherwise
    reason  why it is `other`
    """

    name: str
    kind: Literal["number", "list", "array", "nested", "text", "other"]
    type: str
    values: Any = None
    reason: str = ""


@dataclass(frozen=True)
class TreeSample:
    """One tree of some files.

    trees         Entries of every tree, over all files.
    entries_read  Entries of identities and labels. Of many other branches fewer are read.
    branches      Branches of all files, in the order of the first.
    partial       Number of files of each other branch.
    file          (entries_read,) number of the file of each entry.
    friend        Tree with the identity, if it is another one.
    """

    paths: tuple[Path, ...]
    tree: str
    trees: dict[str, int]
    entries_read: int
    branches: dict[str, Branch]
    partial: dict[str, int]
    file: NDArray[np.int64]
    friend: str = ""

    @property
    def entries(self) -> int:
        """Entries of the tree, over all files."""
        return self.trees[self.tree]


def sample_tree(paths: Sequence[Path], tree: str | None = None) -> TreeSample:
    """Read a sample of a tree.

    Parameters
    ----------
    paths : sequence of Path
    tree : str, optional
        Default: the one with most entries, but not one like NanoAOD's Runs.

    Returns
    -------
    TreeSample

    Raises
    ------
    DataError
        If a file is missing, not ROOT, truncated, or lacks the tree.
        If the tree has no entries, or the files have no branch in common.
    """
    with closing(_Files()) as files:
        return _sample(paths, tree, files)


def _sample(paths: Sequence[Path], tree: str | None, files: _Files) -> TreeSample:
    chosen = tree is None
    by_file = [files.trees(path) for path in paths]
    trees: Counter[str] = Counter()
    for tree_counts in by_file:
        for name, count in tree_counts.items():
            trees[name] += count
    if tree is None:
        tree = max(trees, key=lambda name: (trees[name] > 0, *_preference(name), trees[name]))
    counts = [
        tree_counts[tree] if tree in tree_counts else count_entries(path, tree, branches={})
        for path, tree_counts in zip(paths, by_file, strict=True)
    ]
    if not sum(counts):
        raise DataError(f"{paths[0]}: tree {tree!r} has no entries" + ", as in all files" * (len(paths) > 1))
    names = [files.names(path, tree) for path in paths]
    having = Counter(name for parts_of_branch in names for name in parts_of_branch)
    common = [name for name in names[0] if having[name] == len(paths)]
    if not common:
        raise DataError(f"tree {tree!r}: {len(paths)} files have no branch in common; first {paths[0]}")
    close = spread(counts, FILES * PLACES, entries=ENTRIES)
    number = max(1, min(len(close), READS // len(common)))
    wide = spread(counts, number, entries=max(1, min(ENTRIES, VALUES // len(common))))
    parts: dict[str, list[Branch]] = {name: [] for name in common}
    for index, path in enumerate(paths):
        todo = [(name, at) for name in common for at in (close if role(name) in CLOSELY else wide) if at[0] == index]
        if todo:
            opened = files.branches(path, tree)
            for name, (_, start, stop) in todo:
                parts[name].append(_look_at(opened, name, start, stop))
    friend = _identity_tree(paths, tree, by_file, common, files) if chosen else ""
    if friend:
        parts |= _identities(paths, friend, common, close, files)
    return TreeSample(
        friend=friend,
        paths=tuple(paths),
        tree=tree,
        trees=dict(trees.most_common()),
        entries_read=sum(stop - start for _, start, stop in close),
        branches={name: _together(parts_of_branch) for name, parts_of_branch in parts.items()},
        partial={name: count for name, count in having.items() if count < len(paths)},
        file=np.repeat([index for index, _, _ in close], [stop - start for _, start, stop in close]),
    )


def _identity_tree(
    paths: Sequence[Path], tree: str, by_file: Sequence[dict[str, int]], branches: Sequence[str], files: _Files
) -> str:
    """Return another tree of the files, entry by entry, that has the event number; empty for none or no need."""
    if any(role(name) == "event" for name in branches):
        return ""
    for other in by_file[0]:
        same = all(trees.get(other) == trees[tree] for trees in by_file)
        if other != tree and same and not INTERNAL.match(other):
            names = [files.names(path, other) for path in paths]
            if any(role(name) == "event" and all(name in tree_names for tree_names in names) for name in names[0]):
                return other
    return ""


def _identities(
    paths: Sequence[Path], tree: str, taken: Sequence[str], places: Sequence[tuple[int, int, int]], files: _Files
) -> dict[str, list[Branch]]:
    """Read the identity of entries from a friend; names that the main tree has are skipped."""
    parts: dict[str, list[Branch]] = {}
    for index, path in enumerate(paths):
        opened = files.branches(path, tree)
        names = [name for name in files.names(path, tree) if role(name) in ("run", "lumi", "event")]
        for name in names:
            for _, start, stop in (place for place in places if place[0] == index and name not in taken):
                parts.setdefault(name, []).append(_look_at(opened, name, start, stop))
    return {
        name: parts_of_branch
        for name, parts_of_branch in parts.items()
        if all(b.kind == "number" for b in parts_of_branch)
    }


def _preference(name: str) -> tuple[bool, bool, bool]:
    """Return what makes a tree likely to hold the events: no bookkeeping, objects of level 1, hardware first."""
    usual = not INTERNAL.match(name) and key(name) not in BOOKKEEPING
    return usual, "upgrade" in name.lower(), "emu" not in name.lower()


def spread(counts: Sequence[int], places: int, *, entries: int) -> list[tuple[int, int, int]]:
    """(file, first entry, end) of at most `places` places, which hold about `entries` entries, evenly over files.

    A file gets PLACES at most, and FILES files at most get any; none overlap.
    """
    filled = [index for index, count in enumerate(counts) if count]
    chosen = sorted({filled[round(x)] for x in np.linspace(0, len(filled) - 1, min(places, FILES, len(filled)))})
    each = min(PLACES, max(1, places // len(chosen)))
    size = max(1, entries // (each * len(chosen)))
    ranges = []
    for index in chosen:
        if counts[index] <= each * size:
            ranges.append((index, 0, counts[index]))
        else:
            starts = np.linspace(0, counts[index] - size, each).astype(int)
            ranges += [(index, int(start), int(start) + size) for start in starts]
    return ranges


def _open(path: Path) -> Any:
    import uproot

    check_header(path)
    try:
        return uproot.open({path: None}, object_cache=None, array_cache=None)
    except Exception as error:
        raise DataError(f"{path}: a ROOT file that cannot be opened: {_reason(error)}") from error


class _Files:
    """Files, of which the last one stays open with its trees: to read a tree of a thousand branches takes a second."""

    def __init__(self) -> None:
        self._path: Path | None = None
        self._file: Any = None
        self._read: dict[str, Any] = {}
        self._branches: dict[str, Branches] = {}

    def trees(self, path: Path) -> dict[str, int]:
        """Return the entries of the trees of a file."""
        file = self._opened(path)
        kinds = file.classnames(cycle=False)
        trees = [name for name, kind in kinds.items() if kind in ("TTree", "TNtuple", "TNtupleD") or "RNTuple" in kind]
        if not trees:
            raise DataError(f"{path}: no tree (TTree or RNTuple) in this file{nearest('', kinds)}")
        try:
            self._read = {name: file[name] for name in trees}
            return {name: int(tree.num_entries) for name, tree in self._read.items()}
        except Exception as error:
            raise DataError(f"{path}: its trees cannot be read: {_reason(error)}") from error

    def branches(self, path: Path, tree: str) -> Branches:
        """Return the branches of a tree."""
        file = self._opened(path)
        if tree not in self._branches:
            self._branches[tree] = Branches(self._read[tree] if tree in self._read else file[tree])
        return self._branches[tree]

    def names(self, path: Path, tree: str) -> list[str]:
        """Return the branches of a tree, each by the shortest name that means it alone."""
        branches = self.branches(path, tree)
        return list(dict.fromkeys(branches.shortest(branch) or branch.path for branch in branches.all))

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
        self._path, self._file, self._read, self._branches = None, None, {}, {}

    def _opened(self, path: Path) -> Any:
        if path != self._path:
            self.close()
            self._path, self._file = path, _open(path)
        return self._file


def _holds_objects(branch: Any) -> bool:
    """Return whether entries are objects of a class: uproot reads these slowly, and they are no numbers."""
    import uproot

    model = getattr(getattr(branch, "interpretation", None), "model", None)
    while isinstance(model, uproot.containers.AsContainer):
        model = getattr(model, "values", None)
    return isinstance(model, type)


def _look_at(opened: Branches, name: str, start: int, stop: int) -> Branch:
    import awkward as ak

    if not name.isprintable() or len(name) > LONGEST_TEXT:
        return Branch(name, "other", "", reason="its name is too long, or holds control characters")
    matches = opened.fitting(name)
    if len(matches) != 1:
        return Branch(name, "other", "", reason=f"{len(matches)} branches have this path")
    opened_branch, kind = matches[0].opened, ""
    try:
        kind = str(getattr(opened_branch, "typename", None) or "")
        if _holds_objects(opened_branch):
            return Branch(name, "other", kind, reason="objects of a class, not numbers")
        array = opened_branch.array(entry_start=start, entry_stop=stop, library="ak")
    except MemoryError:
        raise
    except Exception as error:  # uproot and the decompressors raise many kinds
        return Branch(name, "other", kind, reason=f"cannot be read: {_reason(error)}")
    kind = kind or str(ak.type(array).content)
    if len(array) != stop - start:
        return Branch(name, "other", kind, reason="it has fewer entries than its tree")
    if value_kind(array) == "U" and array.ndim == 1 and not ak.any(ak.is_none(array)):
        return Branch(name, "text", kind, array)
    if value_kind(array) not in "biuf":
        return Branch(name, "other", kind, reason="not numbers")
    if array.ndim > MAX_DEPTH + 1:
        return Branch(name, "other", kind, reason=f"more than {MAX_DEPTH} lists within lists")
    if array.ndim > 2:
        return Branch(name, "nested", kind, as_lists(array))
    if array.ndim == 2:
        fixed = re.fullmatch(r"[^\[\]]*\[\d+\]", kind) or kind.startswith("std::array")
        return Branch(name, "array" if fixed else "list", kind, as_lists(array))
    if ak.any(ak.is_none(array)):
        return Branch(name, "other", kind, reason="entries without a value")
    return Branch(name, "number", kind, ak.to_numpy(array))


def _together(parts: list[Branch]) -> Branch:
    """One branch of what was found of it at several places."""
    import awkward as ak

    first = next((part for part in parts if part.kind == "other"), parts[0])
    if other := next((part for part in parts if part.kind not in ("other", first.kind)), None):
        if first.kind == "other":
            return first
        return Branch(first.name, "other", first.type, reason=f"{first.kind} in one file, {other.kind} in another")
    if first.values is None:
        return first
    values = [part.values for part in parts]
    together = np.concatenate(values) if first.kind == "number" else ak.concatenate(values)
    return Branch(first.name, first.kind, first.type, together)


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0]}"
