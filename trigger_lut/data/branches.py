"""Branches of a tree by their names: a name that fits several branches is never resolved silently.

uproot looks a name up depth first and returns the first branch that fits. Split objects often repeat a name (`a/v` and
`b/v`). So this module keeps the path of each branch and reports every branch that a name fits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any


@dataclass(frozen=True)
class NamedBranch:
    """A branch of a TTree, or a field of an RNTuple.

    pieces  names from the top of the tree to the branch; a name may hold a slash itself
    opened  uproot's object
    """

    pieces: tuple[str, ...]
    opened: Any

    @property
    def path(self) -> str:
        """Names from the top of the tree, with slashes between."""
        return "/".join(self.pieces)

    @property
    def name(self) -> str:
        """Last piece of the path."""
        return self.pieces[-1]


@dataclass(frozen=True)
class StructMember:
    """One member of a struct that a branch holds as a whole, with the interface of uproot's branches.

    Attributes
    ----------
    branch : uproot.TBranch
        The branch of the struct.
    name : str
        Name of the member.
    """

    branch: Any
    name: str
    branches: tuple[Any, ...] = ()

    @property
    def num_entries(self) -> int:
        """Number of entries of the branch."""
        return int(self.branch.num_entries)

    @property
    def typename(self) -> str:
        """Type of the struct, with the member."""
        return f"{self.branch.typename}, member {self.name}"

    def array(self, **options: Any) -> Any:
        """Read the branch with the options of uproot; return the member."""
        return self.branch.array(**options)[self.name]


class Branches:
    """All branches of an opened tree, sub-branches included, in the order of the file."""

    def __init__(self, tree: Any) -> None:
        self.all = list(_walk(tree, ()))
        # The path of a field is written with dots in ROOT, with slashes here; both are accepted.
        self._dotted = hasattr(tree, "fields")

    @cached_property
    def _by_path(self) -> dict[str, list[NamedBranch]]:
        branches_by_path: dict[str, list[NamedBranch]] = {}
        for branch in self.all:
            branches_by_path.setdefault(branch.path, []).append(branch)
        return branches_by_path

    @cached_property
    def _by_end(self) -> dict[str, list[NamedBranch]]:
        branches_by_end: dict[str, list[NamedBranch]] = {}
        for branch in self.all:
            for first in range(1, len(branch.pieces)):
                branches_by_end.setdefault("/".join(branch.pieces[first:]), []).append(branch)
        return branches_by_end

    def fitting(self, name: str) -> list[NamedBranch]:
        """Find every branch that a name may mean.

        Parameters
        ----------
        name : str
            A whole path (`a/v`), or its end (`v`). A whole path counts first. `/v` is the whole path `v` and no end.

        Returns
        -------
        list of NamedBranch
            One where the name is clear, none where there is no such branch, all of them where it is ambiguous.
        """
        end = self._normal(name)
        if whole := self._by_path.get(end) or self._by_path.get(end.removeprefix("/")):
            return whole
        return [] if end.startswith("/") else self._by_end.get(end, [])

    def shortest(self, branch: NamedBranch) -> str | None:
        """Return the shortest name that means this branch alone; None where two branches have its whole path."""
        names = ["/".join(branch.pieces[n:]) for n in reversed(range(len(branch.pieces)))]
        return next((name for name in names if self.fitting(name) == [branch]), None)

    def _normal(self, name: str) -> str:
        return name.replace(".", "/") if self._dotted else name


def _walk(node: Any, above: tuple[str, ...]) -> Iterator[NamedBranch]:
    """Yield the branches below a node, each before those within it."""
    for branch in node.fields if hasattr(node, "fields") else node.branches:
        hidden = getattr(branch, "is_anonymous", False) or getattr(branch, "in_variant", False)
        pieces = above if hidden else (*above, str(branch.name))
        if not hidden:
            yield NamedBranch(pieces, branch)
        yield from _walk(branch, pieces)
        for name in _members(branch):
            yield NamedBranch((*pieces, name), StructMember(branch, name))


def _members(branch: Any) -> tuple[str, ...]:
    """Return the members of a struct without branches of their own; uproot reads these as one structured number."""
    try:
        interpretation = getattr(branch, "interpretation", None)
        numbers = getattr(interpretation, "content", interpretation)  # of a list of structs
        return getattr(getattr(numbers, "to_dtype", None), "names", None) or ()
    except Exception:  # uproot does not know its type: reading it says so
        return ()
