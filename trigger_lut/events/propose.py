"""What of a tree may be the identity, the label and the features of a data set: a start for a person to edit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from trigger_lut.errors import DataError
from trigger_lut.events.expressions import parse
from trigger_lut.events.formats import automatic_format
from trigger_lut.events.look import Branch, Looked
from trigger_lut.events.names import LABEL, MOMENTA, OBJECTS, VARIABLES, group, identifier, key, role, term
from trigger_lut.events.split import hash_columns

MAX_FEATURES = 20  # a start; more stand in comments
FLAT_BESIDE_LISTS = 8  # features from flat branches where there are lists too
GROUPS = 4  # objects that a start is made with
MAX_CLASSES = 20
WIDTH, QUANTILES = 8, (0.001, 0.999)
MANY_NOT_FINITE = 0.1  # dropping more than this share of the entries is not proposed

REASONS = {
    "weight": "named like a weight",
    "truth": "named like the truth of a simulation, which a trigger does not have",
    "label": "named like a label",
    "decision": "a decision of a trigger or filter",
}


@dataclass(frozen=True)
class Feature:
    """A feature that may be used. `used` is false for one that is only mentioned, in a comment."""

    name: str
    expression: str | None
    comment: str
    not_finite: float
    used: bool = True


@dataclass(frozen=True)
class Proposal:
    """A start for a description. Empty `event_id`, `classes` or used features are for the user to fill in.

    notes     what is to be known about event_id and about the label, by these words
    left_out  reason by branch
    """

    tree: str
    event_id: tuple[str, ...]
    split_by: tuple[str, ...]
    label: str
    classes: int
    features: tuple[Feature, ...]
    notes: dict[str, str]
    left_out: dict[str, str]

    @property
    def used(self) -> list[Feature]:
        return [feature for feature in self.features if feature.used]

    @property
    def nonfinite(self) -> str:
        return "drop" if any(feature.not_finite for feature in self.used) else "refuse"


def propose(looked: Looked) -> Proposal:
    """Identity, label and features, from names and from the sample of values."""
    lists = [name for name, b in looked.branches.items() if b.kind != "number"]
    heads = {group(name)[0] for name in lists} | {f"n{name}" for name in lists}  # lengths of lists
    flat = {name: b for name, b in looked.branches.items() if b.kind == "number" and name not in heads}
    event_id, split_by, id_note = _identity(flat, looked.looked)
    label, classes, label_note = _label({name: b for name, b in flat.items() if name not in event_id})
    left_out = _left_out(looked, event_id, label, heads)
    features = _features({name: b for name, b in looked.branches.items() if name not in left_out}, left_out)
    return Proposal(
        tree=looked.tree,
        event_id=event_id,
        split_by=split_by,
        label=term(label) if label else "",
        classes=classes,
        features=tuple(features),
        notes={"event_id": id_note, "label": label_note},
        left_out=left_out,
    )


def _identity(flat: dict[str, Branch], looked: int) -> tuple[tuple[str, ...], tuple[str, ...], str]:
    """(event_id, split_by, note). Empty where nothing named like an identity is unique."""
    whole = {name: b for name, b in flat.items() if b.values.dtype.kind in "iu"}
    by_role: dict[str, list[str]] = {}
    for name in whole:
        by_role.setdefault(role(name) or "", []).append(name)
    outer = [by_role[r][0] for r in ("run", "lumi") if r in by_role]
    bases = [[*outer, name] for name in by_role.get("event", [])] or [outer]
    base = bases[0]
    index = sorted(by_role.get("index", []), key=_usual_index)
    tried = [*bases, *([*base, name] for name in index)]
    for names in filter(None, tried):
        if not _repeated([whole[name].values for name in names]):
            inner = "event" in by_role and names not in bases
            note = f"unique over the {looked:,} entries looked at"
            return tuple(names), tuple(base) if inner else (), note
    if not base and not index:
        return (), (), "no integer branch is named like run, luminosityBlock, event or an index"
    names = base or index[:1]
    repeated = _repeated([whole[name].values for name in names])
    return (), (), f"{', '.join(names)} is not unique: {repeated:,} of {looked:,} entries have that of another"


def _usual_index(name: str) -> bool:
    return key(name) in ("bunchcrossing", "bx", "orbit", "orbitnumber", "timestamp")


def _repeated(columns: list[Any]) -> int:
    hashes = hash_columns(columns)
    return len(hashes) - len(np.unique(hashes))


def _label(flat: dict[str, Branch]) -> tuple[str, int, str]:
    """(branch, classes, note). No branch where none named like a label holds 0 to K-1."""
    named = [name for name in flat if role(name) == "label"]
    named.sort(key=lambda name: LABEL.index(key(name)) if key(name) in LABEL else len(LABEL))
    for name in named:
        if classes := _classes(flat[name].values):
            others = [other for other in named if other != name]
            note = f"{flat[name].type}, 0 to {classes - 1}"
            return name, classes, note + (f"; also named like a label: {', '.join(others)}" if others else "")
    if named:
        found = ", ".join(f"{name} {_range(flat[name].values)}" for name in named)
        return "", 0, f"named like a label, but not 0, 1, ... up to at most {MAX_CLASSES - 1}: {found}"
    few = [name for name, b in flat.items() if not (role(name) or _counter_of(name)) and _classes(b.values)]
    hint = f"; those that hold 0, 1, ... are: {', '.join(few[:10])}" if few else ""
    return "", 0, f"no flat branch is named like a label{hint}"


def _classes(values: Any) -> int:
    """K of values that are 0 to K-1, each at least once, with K from 2 to MAX_CLASSES; otherwise 0."""
    found = np.unique(np.asarray(values, np.float64))
    fits = 2 <= len(found) <= MAX_CLASSES and np.array_equal(found, np.arange(len(found)))
    return len(found) if fits else 0


def _left_out(looked: Looked, event_id: tuple[str, ...], label: str, lengths: set[str]) -> dict[str, str]:
    """Branches that can be no feature, with the reason. `lengths` are names of lengths of lists."""
    found = {name: f"in {count} of {len(looked.paths)} files alone" for name, count in looked.partial.items()}
    flat = {name: b for name, b in looked.branches.items() if b.kind == "number" and name not in lengths}
    for name, b in looked.branches.items():
        said = role(name)
        if name == label:
            found[name] = "the label"
        elif name in event_id:
            found[name] = "part of event_id"
        elif b.values is None:
            found[name] = b.reason
        elif name in flat and said in ("run", "lumi", "event", "index") and flat[name].values.dtype.kind in "iu":
            found[name] = "named like an identity"
        elif said in ("weight", "truth") or (said == "label" and b.kind == "number"):
            found[name] = REASONS[said]
        elif said == "decision" and b.kind == "number" and b.values.dtype.kind == "b":
            found[name] = REASONS["decision"]
    return found


def _features(branches: dict[str, Branch], left_out: dict[str, str]) -> list[Feature]:
    """All features that may be used, those of a start marked; what cannot be used is added to `left_out`."""
    lists = {name: b for name, b in branches.items() if b.kind == "list"}
    groups: dict[str, list[str]] = {}
    for name in lists:
        groups.setdefault(group(name)[0], []).append(name)
    flats = [name for name, b in branches.items() if b.kind == "number"]
    counters = {_counted(group(name)[0]): f"n{name}" for name in lists if f"n{name}" in flats}
    counters |= {_counter_of(name): name for name in flats} | {_counted(name): name for name in flats if name in groups}
    taken: set[str] = set()
    flat: list[Feature] = []
    own = {f"n{name}" for name in lists} | {counters[word] for word in map(_counted, groups) if word in counters}
    for name, b in branches.items():
        if b.kind == "number" and name not in own:
            made = _feature(identifier(name) if term(name) != name else name, term(name), [b], taken)
            if isinstance(made, str):
                left_out[name] = made
            else:
                flat.append(made)
    jagged: dict[str, list[Feature]] = {}
    for head, names in groups.items():
        counter = counters.get(_counted(head))
        for name, expression, used in _reductions(head, names, counter):
            read = [branches[n] for n in parse(expression).names]
            made = _feature(name, expression, read, taken)
            if not isinstance(made, str):
                jagged.setdefault(head, []).append(_with(made, used=used))
            elif used or "nth(" in expression:
                left_out[expression] = made
    started = sorted(jagged, key=lambda head: _rank(head, groups[head]))[:GROUPS]
    jagged = {head: [_with(f, used=f.used and head in started) for f in found] for head, found in jagged.items()}
    room = FLAT_BESIDE_LISTS if jagged else MAX_FEATURES
    room = max(room, MAX_FEATURES - sum(f.used for found in jagged.values() for f in found))
    flat = [_with(f, used=f.not_finite <= MANY_NOT_FINITE) for f in flat]
    flat = [_with(f, used=f.used and sum(g.used for g in flat[:n]) < room) for n, f in enumerate(flat)]
    left = MAX_FEATURES - sum(f.used for f in flat)
    ordered = [f for head in sorted(jagged, key=lambda head: _rank(head, groups[head])) for f in jagged[head]]
    chosen = [f.name for f in ordered if f.used and f.not_finite <= MANY_NOT_FINITE][:left]
    return flat + [_with(f, used=f.name in chosen) for f in ordered]


def _reductions(head: str, names: list[str], counter: str | None) -> Iterator[tuple[str, str, bool]]:
    """(name, expression, whether for a start) of one number each from the lists of an object."""
    word = identifier(head)
    yield (
        f"n{word}" if group(names[0])[1] else f"{word}_num",
        term(counter) if counter else f"num({term(names[0])})",
        True,
    )
    ordered = sorted(names, key=_variable)
    for name in ordered:
        yield (
            f"{identifier(name)}_0",
            f"nth({term(name)}, 0, 0.0)",
            not group(name)[1] or _variable(name) < len(VARIABLES),
        )
        if not group(name)[1] or _variable(name) < len(MOMENTA):
            yield f"{identifier(name)}_sum", f"sum({term(name)})", _variable(name) < len(MOMENTA)


def _variable(name: str) -> int:
    word = key(group(name)[1] or name)
    return VARIABLES.index(word) if word in VARIABLES else len(VARIABLES)


def _rank(head: str, names: list[str]) -> tuple[bool, int]:
    """Objects with a momentum first, the usual ones before others."""
    word = head.lower()
    return min(map(_variable, names)) >= len(MOMENTA), OBJECTS.index(word) if word in OBJECTS else len(OBJECTS)


def _counted(head: str) -> str:
    return key(head).rstrip("s")


def _counter_of(name: str) -> str:
    """The object that a flat branch counts by its name: 'jet' of nJet, n_jets, Jet_size; '' of any other."""
    word = name.rsplit("/", 1)[-1]
    for start in ("num_", "n_", "n"):
        if word.startswith(start):
            return _counted(word.removeprefix(start))
    return _counted(word.removesuffix("_size")) if word.endswith("_size") else ""


def _feature(name: str, expression: str, read: list[Branch], taken: set[str]) -> Feature | str:
    """The feature, or why it is none."""
    try:
        values = np.asarray(parse(expression).evaluate({b.name: b.values for b in read}), np.float64)
    except DataError as error:
        return str(error)
    with np.errstate(over="ignore"):
        values = values.astype(np.float32)
    finite = values[np.isfinite(values)]
    if not len(finite):
        return "no finite value"
    if finite.min() == finite.max():
        return f"always {finite[0]:g}"
    share = 1 - len(finite) / len(values)
    kif = automatic_format(finite, WIDTH, QUANTILES)
    comment = f"{read[0].type}, {_range(finite)}, {_percent(share)} not finite; auto: {kif}"
    if share > MANY_NOT_FINITE:
        comment += "; too often not finite for nonfinite: drop"
    if "nth(" in expression:
        import awkward as ak

        comment += f"; 0.0 where the list is empty ({_percent(float(ak.mean(ak.num(read[0].values) == 0)))})"
    count = 2
    unique = name
    while unique in taken:
        unique, count = f"{name}_{count}", count + 1
    taken.add(unique)
    return Feature(unique, None if expression == unique else expression, comment, share)


def _with(feature: Feature, used: bool) -> Feature:
    return Feature(feature.name, feature.expression, feature.comment, feature.not_finite, used)


def _range(values: Any) -> str:
    finite = np.asarray(values, np.float64)
    finite = finite[np.isfinite(finite)]
    return f"{finite.min():.6g} to {finite.max():.6g}" if len(finite) else "no finite value"


def _percent(share: float) -> str:
    return "0 %" if not share else f"{100 * share:.2g} %" if share > 1e-4 else "< 0.01 %"
