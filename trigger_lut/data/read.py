"""Reading branches of ROOT files in chunks; every fault is answered with file, tree and branch.

A fault of the file itself (out of reach, not ROOT, cut off, damaged, changed while it is read) is a BadFileError. What
is sound but does not fit the description (no such tree or branch, strings, friends that do not line up) is a DataError.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from trigger_lut.config.data_set.files import Address
from trigger_lut.config.data_set.functions import value_kind
from trigger_lut.data.branches import Branches
from trigger_lut.data.root_files import first_line, open_file, stamp
from trigger_lut.errors import BadFileError, DataError, nearest

Friends = Sequence[tuple[Address, str]]  # file and tree of each
MAX_DEPTH = 3  # lists within lists


@dataclass(frozen=True)
class _Tree:
    file: Address
    name: str
    opened: Any
    entries: int
    branches: Branches

    def __str__(self) -> str:
        return f"{self.file}: tree {self.name!r}"


@dataclass(frozen=True)
class _Branch:
    tree: _Tree
    name: str
    purpose: str
    opened: Any

    def __str__(self) -> str:
        return f"{self.tree}, branch {self.name!r} ({self.purpose})"


def count_entries(path: Address, tree: str, *, branches: Mapping[str, str], friends: Friends = ()) -> int:
    """Return the entries of a tree that has, with its friends, all the branches.

    Parameters
    ----------
    path : Path or str
        File or address.
    tree : str
    branches : mapping of str to str
        Branches, each with its purpose.
    friends : sequence of tuple
        File and tree of each friend.

    Returns
    -------
    int

    Raises
    ------
    BadFileError
        If a file is out of reach, not ROOT, truncated or damaged.
    DataError
        If a file lacks the tree or a branch, or friends do not line up.
    ToolMissingError
        If a package for remote files is not installed.
    """
    with _opened(path, tree, friends) as trees:
        for name, purpose in branches.items():
            _branch(trees, name, purpose)
        return trees[0].entries


def chunks(
    path: Address,
    tree: str,
    *,
    branches: Mapping[str, str],
    size: int,
    friends: Friends = (),
    expected: int | None = None,
    texts: Collection[str] = (),
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Read branches, `size` entries at a time.

    Parameters
    ----------
    path, tree, branches, friends
        As in `count_entries`.
    size : int
        Entries of a chunk; bounds the memory.
    expected : int, optional
        Entries that were counted before.
    texts : collection of str
        Branches that may hold text.

    Yields
    ------
    tuple of int and dict
        First entry and arrays by branch: NumPy (n,) where there is one number per entry, awkward where there are lists
        (up to MAX_DEPTH deep) or text.

    Raises
    ------
    BadFileError
        As in `count_entries`, and when entries cannot be read or the file changes meanwhile.
    DataError
        As in `count_entries`, and when a branch holds something other than numbers.
    """
    files = [path, *(file for file, _ in friends)]
    before = {file: stamp(file) for file in files}
    with _opened(path, tree, friends) as trees:
        entries = trees[0].entries
        if expected is not None and entries != expected:
            raise BadFileError(
                f"{trees[0]}: changed while it was read. Expected {expected} entries as at first, found {entries}. "
                "Run again when the file is complete."
            )
        opened = [_branch(trees, name, purpose) for name, purpose in branches.items()]
        readers = [(branch, _arrays(branch, size)) for branch in opened]
        for start in range(0, entries, size):
            stop = min(start + size, entries)
            yield start, {b.name: _read(b, arrays, start, stop, b.name in texts) for b, arrays in readers}
    for file in files:
        if (now := stamp(file)) != before[file]:
            raise BadFileError(
                f"{file}: changed while it was read. Expected {before[file]} as at first, found {now}. Run again when "
                "the file is complete."
            )


def _arrays(branch: _Branch, size: int) -> Iterator[Any]:
    """Read the branch, `size` entries at a time. A basket that continues in the next chunk is decoded once."""
    # The `iterate` of uproot finds branches by their last names, and so reads another one where names repeat.
    import awkward as ak
    import uproot
    from uproot.interpretation.identify import UnknownInterpretation

    one, entries = branch.opened, branch.tree.entries
    if isinstance(getattr(one, "interpretation", None), UnknownInterpretation):
        raise one.interpretation
    baskets = one.entry_offsets if isinstance(one, uproot.TBranch) and not one.branches else []
    decoded, first, end = None, 0, 0  # decoded entries from first to end
    for start in range(0, entries, size):
        stop = min(start + size, entries)
        if end < stop:
            # the end of the basket that holds the last entry of this chunk
            further = int(baskets[bisect_left(baskets, stop)]) if baskets else stop
            read = one.array(entry_start=end, entry_stop=further, library="ak")
            decoded = read if decoded is None or end <= start else ak.concatenate([decoded[start - first :], read])
            first, end = start, further
        yield decoded[start - first : stop - first]  # type: ignore[index]


def _read(branch: _Branch, arrays: Iterator[Any], start: int, stop: int, text: bool) -> Any:
    import awkward as ak
    from uproot.interpretation.identify import UnknownInterpretation
    from uproot.interpretation.objects import CannotBeAwkward

    where = str(branch)
    try:
        array = next(arrays)
    except MemoryError as error:
        raise DataError(
            f"{where}: entries {start} to {stop - 1} do not fit into memory: the file is damaged, or a smaller chunk "
            "is needed"
        ) from error
    except (UnknownInterpretation, CannotBeAwkward) as error:
        raise DataError(f"{where}: expected numbers, found what uproot cannot read: {first_line(error)}") from error
    except Exception as error:  # uproot and the decompressors raise many kinds
        raise BadFileError(f"{where}: entries {start} to {stop - 1} cannot be read: {first_line(error)}") from error
    if value_kind(array) not in ("biufU" if text else "biuf"):
        kind = getattr(branch.opened, "typename", None) or ak.type(array)
        hint = "; text is compared with text, as in process == 'ttbar'" if value_kind(array) == "U" else ""
        raise DataError(f"{where}: expected numbers, found {kind}{hint}")
    if len(array) != stop - start:
        raise BadFileError(f"{where}: expected {stop - start} entries from {start} on, found {len(array)}")
    if array.ndim > MAX_DEPTH + 1:
        raise DataError(f"{where}: expected at most {MAX_DEPTH} lists within lists, found {ak.type(array).content}")
    if (missing := _without_value(array)) is not None:
        raise DataError(f"{where}: entry {start + missing} has no value")
    return array if array.ndim > 1 or value_kind(array) == "U" else ak.to_numpy(array)


def _without_value(array: Any) -> int | None:
    """Return the first entry that is None or has None in its lists; the layout says whether there can be any."""
    import awkward as ak

    layout, possible = array.layout, False
    while layout.is_option or layout.is_indexed or layout.is_list:
        possible |= layout.is_option
        layout = layout.content
    if not possible:
        return None
    missing = np.zeros(len(array), bool)
    for axis in range(array.ndim):
        none = ak.is_none(array, axis=axis)
        while none.ndim > 1:
            none = ak.fill_none(ak.any(none, axis=-1), True)
        missing |= ak.to_numpy(none)
    return int(np.argmax(missing)) if missing.any() else None


def _branch(trees: Sequence[_Tree], name: str, purpose: str) -> _Branch:
    """Find the one branch of this name in the main tree or its friends. Raises DataError for none and for several."""
    matches = [(tree, branch) for tree in trees for branch in tree.branches.fitting(name)]
    if not matches:
        known = sorted({branch.path for tree in trees for branch in tree.branches.all})
        hint = (
            "; to number the entries write event_id: entry, without brackets"
            if (purpose, name) == ("event_id", "entry")
            else ""
        )
        beside = ", nor have its friends" if len(trees) > 1 else ""
        raise DataError(f"{trees[0]} has no branch {name!r}{beside} ({purpose}){nearest(name, known)}{hint}")
    paths = [branch.path for _, branch in matches]
    if len(matches) > 1 and len({str(tree) for tree, _ in matches}) == len(matches) and len(set(paths)) == 1:
        raise DataError(f"branch {name!r} ({purpose}) occurs in two trees: {matches[0][0]} and {matches[1][0]}")
    if len(matches) > 1:
        places = [f"{branch.path!r} of {tree}" for tree, branch in matches]
        raise DataError(
            f"branch {name!r} ({purpose}): expected one branch, found {len(matches)}: {', '.join(places)}. "
            + _how_to_tell_apart(paths)
        )
    branch = _Branch(matches[0][0], name, purpose, matches[0][1].opened)
    entries = int(getattr(branch.opened, "num_entries", branch.tree.entries))
    if entries != branch.tree.entries:
        raise BadFileError(f"{branch}: {entries} entries, the tree has {branch.tree.entries}")
    return branch


def _how_to_tell_apart(paths: Sequence[str]) -> str:
    if len(set(paths)) == len(paths):
        return f"Give the whole path, such as {'/' * ('/' not in paths[0]) + paths[0]!r}"
    return "They have the same path, so that no name tells them apart; write the file again with other names"


@contextmanager
def _opened(path: Address, tree: str, friends: Friends) -> Iterator[list[_Tree]]:
    """Yield the main tree and its friends, all with as many entries."""
    with ExitStack() as stack:
        trees = [stack.enter_context(_open_tree(*place)) for place in ((path, tree), *friends)]
        for friend in trees[1:]:
            if friend.entries != trees[0].entries:
                raise DataError(
                    f"{trees[0]} has {trees[0].entries} entries, its friend {friend} has {friend.entries}; "
                    "expected as many, one for each entry"
                )
        yield trees


@contextmanager
def _open_tree(path: Address, name: str) -> Iterator[_Tree]:
    from uproot.exceptions import KeyInFileError

    with open_file(path) as file:
        try:
            opened = file[name]
        except KeyInFileError as error:
            kinds = file.classnames(cycle=False)
            trees = [key for key, kind in kinds.items() if kind == "TTree" or "RNTuple" in kind]
            raise DataError(f"{path}: no tree {name!r}{nearest(name, trees)}") from error
        except Exception as error:
            raise BadFileError(f"{path}: tree {name!r} cannot be read: {first_line(error)}") from error
        try:
            entries = int(opened.num_entries) if hasattr(opened, "num_entries") else None
            # of an RNTuple it is only now that its header is read
            branches = Branches(opened) if entries is not None else None
        except Exception as error:
            raise BadFileError(f"{path}: tree {name!r} cannot be read: {first_line(error)}") from error
        if entries is None or branches is None:
            raise DataError(
                f"{path}: {name!r} is a {getattr(opened, 'classname', 'folder')}, expected a TTree or RNTuple"
            )
        claimed = _entries_of_footer(opened)
        if entries < 0 or claimed not in (None, entries):
            expected = "0 or more" if claimed is None else claimed
            raise BadFileError(f"{path}: tree {name!r} is damaged: expected {expected} entries, found {entries}")
        yield _Tree(path, name, opened, entries, branches)


def _entries_of_footer(opened: Any) -> int | None:
    """Entries by an RNTuple's footer, whose checksum uproot compares; it counts in lists of pages."""
    footer = getattr(opened, "footer", None)
    return sum(record.entry_span for record in footer.cluster_group_records) if footer is not None else None
