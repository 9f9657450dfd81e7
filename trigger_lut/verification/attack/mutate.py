"""Mutants of generated Verilog: the registry of mutation operators, and the draw of mutants from it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import numpy as np

from trigger_lut.verification.attack.designs import Design, Files

Events = tuple[tuple[int, int], ...]
"""valid_in and data_in of consecutive cycles."""


@dataclass(frozen=True)
class Change:
    """Changed files of a design.

    Attributes
    ----------
    place
        Where the text differs.
    files
        Changed and added files; a name that does not end with ".v" is written but not given to the tools.
    readings
        The same files as a certain reader or state sees them, for the judge; files that are not named are as above.
    events
        Inputs that show the difference.
    order
        Names of the files in the order in which tools get them; empty: as generated, added ones last.
    equal
        Whether the function is the same by construction.
    """

    place: str
    files: Files
    readings: dict[str, Files] = field(default_factory=dict)
    events: Events = ()
    order: tuple[str, ...] = ()
    equal: bool = False


@dataclass(frozen=True)
class Mutant:
    """One changed design. files: all files in the order in which tools get them."""

    number: int
    design: Design
    operator: str
    kind: str
    change: Change
    files: Files

    @property
    def readings(self) -> dict[str, Files]:
        """All files of each reading."""
        return {"as written": self.files} | {
            name: self.files | changed for name, changed in self.change.readings.items()
        }

    def describe(self) -> str:
        """Return one line with number, design, operator and place."""
        return f"{self.number} ({self.design.name}): {self.operator}: {self.change.place}"


Operator = Callable[[Design, np.random.Generator], Change | None]
"""None where a design has no place for the change."""


@dataclass(frozen=True)
class Registered:
    """An operator with its kind."""

    kind: str
    apply: Operator


FEW, DESIGNS_OF_FEW = 100, 3
EQUAL_SHARE = 7
"""At most one mutant in so many is equal by construction."""
OPERATORS: dict[str, Registered] = {}


def operator(kind: str, name: str = "") -> Callable[[Operator], Operator]:
    """Register a mutation operator. name: default: the function's."""

    def register(function: Operator) -> Operator:
        known = name or function.__name__.replace("_", " ")
        assert known not in OPERATORS, known
        OPERATORS[known] = Registered(kind, function)
        return function

    return register


def load_operators() -> dict[str, Registered]:
    """Import all modules of operators, and return the operators by name, sorted by kind and name."""
    from trigger_lut.verification.attack import operators

    for module in sorted(iter_modules([str(Path(operators.__file__ or "").parent)]), key=lambda m: m.name):
        import_module(f"{operators.__name__}.{module.name}")
    return dict(sorted(OPERATORS.items(), key=lambda item: (item[1].kind, item[0])))


def draw_mutants(designs: Sequence[Design], count: int, *, seed: int) -> list[Mutant]:
    """Draw different mutants: the kinds in turn, within a kind its operators in turn, from a random one on.

    Each design costs a compilation: if `count` is below FEW, mutants are drawn of few designs, which the seed chooses.

    Parameters
    ----------
    designs
        Designs to change.
    count
        Number of mutants.
    seed
        Seed of the draw.

    Returns
    -------
    list of Mutant
        Fewer than `count` where no further mutant is found.
    """
    rng = np.random.default_rng(seed)
    if count < FEW:
        designs = [designs[n] for n in rng.permutation(len(designs))[:DESIGNS_OF_FEW].tolist()]
    by_kind: dict[str, list[str]] = {}
    known = load_operators()
    for name, registered in known.items():
        by_kind.setdefault(registered.kind, []).append(name)
    turns = [(name, float(n)) for names in by_kind.values() for n, name in enumerate(rng.permutation(names).tolist())]
    # Kinds in turn until each operator had its first turn, then all operators in turn.
    order = [name for name, _ in sorted(turns, key=lambda turn: turn[1])]
    mutants: list[Mutant] = []
    texts: set[tuple[str, ...]] = set()
    for _ in range(1 + 4 * count // len(order)):
        for name in order:
            if len(mutants) == count:
                return mutants
            change = _applied(designs, name, rng)
            if change is None:
                continue
            design, changed = change
            if changed.equal and sum(m.change.equal for m in mutants) >= count // EQUAL_SHARE:
                continue
            files = _ordered(design, changed)
            key = (design.name, *(f"{n}\0{text}" for n, text in files.items()))
            if key not in texts:
                texts.add(key)
                mutants.append(Mutant(len(mutants), design, name, known[name].kind, changed, files))
    return mutants


def _applied(designs: Sequence[Design], name: str, rng: np.random.Generator) -> tuple[Design, Change] | None:
    """Apply an operator to the first design that it applies to, from a random one on, and return its change."""
    start = int(rng.integers(len(designs)))
    for n in range(len(designs)):
        design = designs[(start + n) % len(designs)]
        change = OPERATORS[name].apply(design, rng)
        if change is not None:
            assert change_is_real(design, change), (name, design.name, change.place)
            return design, change
    return None


def change_is_real(design: Design, change: Change) -> bool:
    """Return whether some text or the order of the files differs from the generated Verilog."""
    return bool(change.order) or any(design.files.get(name) != text for name, text in change.files.items())


def _ordered(design: Design, change: Change) -> Files:
    files = design.files | change.files
    return {name: files[name] for name in change.order or files}
