"""What of a tree may be the identity, the label and the features of a data set: a start for a person to edit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trigger_lut.config.data_set.expressions import parse
from trigger_lut.data.scaffold.branch_names import (
    LABEL,
    MOMENTA,
    OBJECTS,
    VARIABLES,
    group,
    identifier,
    key,
    role,
    term,
)
from trigger_lut.data.scaffold.inspect import Branch, TreeSample
from trigger_lut.data.scaffold.objects import propose_objects, variable
from trigger_lut.data.scaffold.proposal import (
    MANY_NOT_FINITE,
    Feature,
    Proposal,
    ProposedObjects,
    described,
    percent,
    span,
)
from trigger_lut.data.split import hash_columns
from trigger_lut.errors import DataError

MAX_FEATURES = 20  # a start; more stand in comments
FLAT_BESIDE_LISTS = 8  # features from flat branches where there are lists too
GROUPS = 4  # objects that a start is made with
MAX_CLASSES = 20

REASONS = {
    "weight": "named like a weight",
    "truth": "named like the truth of a simulation, which a trigger does not have",
    "label": "named like a label",
    "decision": "a decision of a trigger or filter",
}


def propose(sample: TreeSample, by_class: Mapping[str, Sequence[int]] | None = None) -> Proposal:
    """Identity, label, features and objects, from names and from the sample of values.

    by_class: numbers of the files of each class, where names of files tell it; a branch that is a label goes first.
    """
    lists = [name for name, b in sample.branches.items() if b.kind != "number"]
    heads = {group(name)[0] for name in lists} | {f"n{name}" for name in lists}  # lengths of lists
    flat = {name: b for name, b in sample.branches.items() if b.kind == "number" and name not in heads}
    event_id, split_by, id_note = _identity(flat, sample.entries_read)
    label, classes, label_note = _label({name: b for name, b in flat.items() if name not in event_id})
    of_files = by_class if by_class and not label else {}
    apart = bool(of_files) and not event_id
    if apart:
        classed = np.zeros(len(sample.paths), np.int64)
        for number, files in enumerate(of_files.values()):
            classed[list(files)] = number
        event_id, split_by, note = _identity(flat, sample.entries_read, classed[sample.file])
        apart = bool(event_id)
        id_note = f"{note}, class by class: files of different classes repeat it" if apart else id_note
    if of_files:
        label_note = f"names of files tell {len(of_files)} classes; {label_note}"
    left_out = _left_out(sample, event_id, label, heads)
    features, objects = _features({n: b for n, b in sample.branches.items() if n not in left_out}, left_out)
    return Proposal(
        tree=sample.tree,
        event_id=event_id,
        split_by=split_by,
        label=term(label) if label else "",
        classes=tuple(of_files) or tuple(f"class_{k}" for k in range(classes)),
        features=tuple(features),
        objects=tuple(objects),
        notes={"event_id": id_note, "label": label_note},
        left_out=left_out,
        files={name: [sample.paths[n].as_posix() for n in files] for name, files in of_files.items()},
        apart=apart,
    )


def _identity(
    flat: dict[str, Branch], entries_read: int, classed: NDArray[np.int64] | None = None
) -> tuple[tuple[str, ...], tuple[str, ...], str]:
    """(event_id, split_by, note). Empty where nothing named like an identity is unique, or unique in each class.

    classed: (entries_read,) class of each entry, where that is to tell entries apart.
    """
    beside = [] if classed is None else [classed]
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
        if not _repeated([*beside, *(whole[name].values for name in names)]):
            inner = "event" in by_role and names not in bases
            note = f"unique over the {entries_read:,} entries read"
            return tuple(names), tuple(base) if inner else (), note
    if not base and not index:
        return (), (), "no integer branch is named like run, luminosityBlock, event or an index"
    names = base or index[:1]
    repeated = _repeated([whole[name].values for name in names])
    return (), (), f"{', '.join(names)} is not unique: {repeated:,} of {entries_read:,} entries have that of another"


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
        found = ", ".join(f"{name} {span(flat[name].values)}" for name in named)
        return "", 0, f"named like a label, but not 0, 1, ... up to at most {MAX_CLASSES - 1}: {found}"
    few = [name for name, b in flat.items() if not (role(name) or _counter_of(name)) and _classes(b.values)]
    hint = f"; those that hold 0, 1, ... are: {', '.join(few[:10])}" if few else ""
    return "", 0, f"no flat branch is named like a label{hint}"


def _classes(values: Any) -> int:
    """K of values that are 0 to K-1, each at least once, with K from 2 to MAX_CLASSES; otherwise 0."""
    found = np.unique(np.asarray(values, np.float64))
    fits = 2 <= len(found) <= MAX_CLASSES and np.array_equal(found, np.arange(len(found)))
    return len(found) if fits else 0


def _left_out(sample: TreeSample, event_id: tuple[str, ...], label: str, lengths: set[str]) -> dict[str, str]:
    """Branches that can be no feature, with the reason. `lengths` are names of lengths of lists."""
    found = {name: f"in {count} of {len(sample.paths)} files alone" for name, count in sample.partial.items()}
    flat = {name: b for name, b in sample.branches.items() if b.kind == "number" and name not in lengths}
    for name, b in sample.branches.items():
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


def _features(branches: dict[str, Branch], left_out: dict[str, str]) -> tuple[list[Feature], list[ProposedObjects]]:
    """All features that may be used, those of a start marked, and objects; what cannot be used goes to `left_out`."""
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
    ranked = sorted(groups, key=lambda head: _rank(head, groups[head]))
    objects = propose_objects({head: groups[head] for head in ranked[:GROUPS]}, branches, left_out)
    jagged: dict[str, list[Feature]] = {}
    for head, names in groups.items():
        counter = counters.get(_counted(head))
        for name, expression, used in _reductions(head, names, counter):
            if head in objects and "nth(" in expression:
                continue  # stands in a slot
            read = [branches[n] for n in parse(expression).names]
            made = _feature(name, expression, read, taken)
            if not isinstance(made, str):
                jagged.setdefault(head, []).append(_with(made, used=used))
            elif used or "nth(" in expression:
                left_out[expression] = made
    started = sorted(jagged, key=ranked.index)[:GROUPS]
    jagged = {head: [_with(f, used=f.used and head in started) for f in found] for head, found in jagged.items()}
    room = FLAT_BESIDE_LISTS if jagged else MAX_FEATURES
    room = max(room, MAX_FEATURES - sum(f.used for found in jagged.values() for f in found))
    flat = [_with(f, used=f.not_finite <= MANY_NOT_FINITE) for f in flat]
    flat = [_with(f, used=f.used and sum(g.used for g in flat[:n]) < room) for n, f in enumerate(flat)]
    left = MAX_FEATURES - sum(f.used for f in flat)
    ordered = [f for head in sorted(jagged, key=ranked.index) for f in jagged[head]]
    chosen = [f.name for f in ordered if f.used and f.not_finite <= MANY_NOT_FINITE][:left]
    found = flat + [_with(f, used=f.name in chosen) for f in ordered]
    return found, _named_apart(list(objects.values()), found)


def _named_apart(objects: list[ProposedObjects], features: list[Feature]) -> list[ProposedObjects]:
    """The objects, renamed where a channel would have the name of a feature or of another's channel."""
    taken, found = {feature.name for feature in features}, []
    for one in objects:
        while taken & one.channels():
            one = replace(one, name=f"{one.name}_objects")
        taken |= one.channels()
        found.append(one)
    return found


def _reductions(head: str, names: list[str], counter: str | None) -> Iterator[tuple[str, str, bool]]:
    """(name, expression, whether for a start) of one number each from the lists of an object."""
    word = identifier(head)
    yield (
        f"n{word}" if group(names[0])[1] else f"{word}_num",
        term(counter) if counter else f"num({term(names[0])})",
        True,
    )
    for name in sorted(names, key=variable):
        alone = not group(name)[1]
        yield f"{identifier(name)}_0", f"nth({term(name)}, 0, 0.0)", alone or variable(name) < len(VARIABLES)
        if alone or variable(name) < len(MOMENTA):
            yield f"{identifier(name)}_sum", f"sum({term(name)})", variable(name) < len(MOMENTA)


def _rank(head: str, names: list[str]) -> tuple[bool, int]:
    """Objects with a momentum first, the usual ones before others."""
    word = head.lower()
    return min(map(variable, names)) >= len(MOMENTA), OBJECTS.index(word) if word in OBJECTS else len(OBJECTS)


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
    comment = described(read[0].type, finite, share)
    if share > MANY_NOT_FINITE:
        comment += "; too often not finite for nonfinite: drop"
    if "nth(" in expression:
        import awkward as ak

        comment += f"; 0.0 where the list is empty ({percent(float(ak.mean(ak.num(read[0].values) == 0)))})"
    count = 2
    unique = name
    while unique in taken:
        unique, count = f"{name}_{count}", count + 1
    taken.add(unique)
    return Feature(unique, None if expression == unique else expression, comment, share)


def _with(feature: Feature, used: bool) -> Feature:
    return replace(feature, used=used)
