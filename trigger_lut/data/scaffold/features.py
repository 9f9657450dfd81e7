"""Proposal of the identity, the label and the features of a data set from a tree, for a person to edit."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trigger_lut.config.data_set.expressions import parse
from trigger_lut.data.scaffold.branch_names import (
    LABEL,
    LEVEL_1,
    MOMENTA,
    OBJECTS,
    VARIABLES,
    group,
    identifier,
    is_truth,
    key,
    role,
    term,
)
from trigger_lut.data.scaffold.inspect import Branch, TreeSample
from trigger_lut.data.scaffold.objects import crossing, propose_arrays, propose_objects, variable
from trigger_lut.data.scaffold.proposal import (
    MANY_NOT_FINITE,
    Feature,
    Proposal,
    ProposedObjects,
    ProposedTargets,
    described,
    percent,
    span,
)
from trigger_lut.data.scaffold.targets import propose_targets, targets_of_objects
from trigger_lut.data.split import hash_columns
from trigger_lut.errors import DataError

MAX_FEATURES = 20  # a start; more are in comments
MAX_FLAT_WITH_LISTS = 8  # features from flat branches where there are lists too
GROUPS = 4  # objects that a start is made with
MAX_CLASSES = 20
MAX_ELEMENTS = 64  # of an array, as features
ENERGY_SUMS = {0: "total_et", 1: "total_ht", 2: "missing_et", 3: "missing_ht"}  # etSumType of level 1

LIKE_LABEL, MAYBE_LABEL = re.compile(r"is[_A-Z]"), "; may be a label, as none was recognized"
REASONS = {
    "weight": "named like a weight",
    "truth": "named like the truth of a simulation, which a trigger does not have",
    "label": "named like a label",
    "decision": "a decision of a trigger or filter",
    "tagger": "output of another tagger, which a trigger does not have",
}


def propose(sample: TreeSample, by_class: Mapping[str, Sequence[int]] | None = None) -> Proposal:
    """Identity, label, features and objects, from names and from the sample of values.

    by_class: numbers of the files of each class, where names of files tell it; a branch that is a label goes first.
    """
    lists = [name for name, b in sample.branches.items() if b.kind != "number"]
    heads = {group(name)[0] for name in lists} | {f"n{name}" for name in lists}  # lengths of lists
    flat = {name: b for name, b in sample.branches.items() if b.kind == "number" and name not in heads}
    event_id, split_by, id_note = _identity(flat, sample.entries_read)
    texts = {name: b for name, b in sample.branches.items() if b.kind == "text"}
    label, classes, values, label_note = _label({n: b for n, b in (flat | texts).items() if n not in event_id})
    of_files = by_class if by_class and not label else {}
    targets = ProposedTargets() if label or of_files else propose_targets(flat)
    if not label:
        label_note = targets.note or label_note + _of_objects(sample) + targets_of_objects(sample.branches)
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
    left_out |= dict.fromkeys(targets.branches, "a target of the regression, proposed or in comments")
    features, objects = _features({n: b for n, b in sample.branches.items() if n not in left_out}, left_out)
    if not (label or of_files):
        features = [_with(f, used=False, doubt=MAYBE_LABEL) if LIKE_LABEL.match(f.name) else f for f in features]
    return Proposal(
        tree=sample.tree,
        event_id=event_id,
        split_by=split_by,
        label=term(label) if label else "",
        classes=tuple(of_files) or classes,
        values=() if of_files else values,
        numbered=not event_id and not _may_be_identity(flat),
        friend=sample.friend if event_id else "",
        features=tuple(features),
        objects=tuple(objects),
        notes={"event_id": id_note, "label": label_note},
        left_out=left_out,
        files={name: [sample.paths[n].as_posix() for n in files] for name, files in of_files.items()},
        apart=apart,
        targets=targets,
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


def _may_be_identity(flat: dict[str, Branch]) -> bool:
    """Return whether a branch is named like an identity, though its values may repeat."""
    integers = [name for name, b in flat.items() if b.values.dtype.kind in "iu"]
    return any(role(name) in ("run", "lumi", "event", "index") for name in integers)


def _label(flat: dict[str, Branch]) -> tuple[str, tuple[str, ...], tuple[str, ...], str]:
    """Return branch, classes, values of classes and a note. No branch where none named like a label has few values."""
    named = [name for name in flat if role(name) == "label"]
    named.sort(key=lambda name: LABEL.index(key(name)) if key(name) in LABEL else len(LABEL))
    for name in named:
        others = [other for other in named if other != name]
        also = f"; also named like a label: {', '.join(others)}" if others else ""
        if classes := _classes(flat[name].values) if flat[name].kind == "number" else 0:
            note = f"{flat[name].type}, 0 to {classes - 1}"
            return name, tuple(f"class_{k}" for k in range(classes)), (), note + also
        if values := _values(flat[name]):
            note = f"{flat[name].type}; rename and merge the classes; entries of other values are dropped and counted"
            return name, tuple(f"class_{k}" for k in range(len(values))), values, note + also
    if named:
        spans = {name: span(flat[name].values) if flat[name].kind == "number" else "text" for name in named}
        descriptions = ", ".join(f"{name} {text}" for name, text in spans.items())
        return "", (), (), f"named like a label, but not 2 to {MAX_CLASSES} values: {descriptions}"
    numbers = {name: b for name, b in flat.items() if b.kind == "number"}
    few = [name for name, b in numbers.items() if not (role(name) or _counter_of(name)) and _classes(b.values)]
    few += [name for name, b in flat.items() if role(name) == "truth" and _values(b)]
    hint = f"; those that hold few values are: {', '.join(few[:10])}" if few else ""
    return "", (), (), f"no flat branch is named like a label{hint}"


def _values(branch: Branch) -> tuple[str, ...]:
    """Return the values of a label as YAML; nothing where these are not 2 to MAX_CLASSES."""
    if branch.kind == "text":
        import awkward as ak

        texts = sorted(set(ak.to_list(branch.values)))
        return tuple(json.dumps(text) for text in texts) if 2 <= len(texts) <= MAX_CLASSES else ()
    values = np.unique(np.asarray(branch.values, np.float64))
    integers = np.array_equal(values, np.floor(values))
    return tuple(f"{value:g}" for value in values) if integers and 2 <= len(values) <= MAX_CLASSES else ()


def _of_objects(sample: TreeSample) -> str:
    """Return a hint where lists have a label for each object, such as Jet_hadronFlavour."""
    import awkward as ak

    for name, b in sample.branches.items():
        head, tail = group(name)
        if b.kind == "list" and tail and "flav" in tail.lower() and not is_truth(head):
            values = _values(replace(b, kind="number", values=ak.to_numpy(ak.flatten(b.values, axis=None))))
            if values:
                return f"; to classify each {head}, write rows: {head} and the label {name} of {', '.join(values)}"
    return ""


def _classes(values: Any) -> int:
    """K of values that are 0 to K-1, each at least once, with K from 2 to MAX_CLASSES; otherwise 0."""
    different = np.unique(np.asarray(values, np.float64))
    fits = 2 <= len(different) <= MAX_CLASSES and np.array_equal(different, np.arange(len(different)))
    return len(different) if fits else 0


def _left_out(sample: TreeSample, event_id: tuple[str, ...], label: str, lengths: set[str]) -> dict[str, str]:
    """Branches that can be no feature, with the reason. `lengths` are names of lengths of lists."""
    reasons = {name: f"in {count} of {len(sample.paths)} files alone" for name, count in sample.partial.items()}
    flat = {name: b for name, b in sample.branches.items() if b.kind == "number" and name not in lengths}
    for name, b in sample.branches.items():
        branch_role = role(name)
        if name == label:
            reasons[name] = "the label"
        elif name in event_id:
            reasons[name] = "part of event_id"
        elif b.values is None:
            reasons[name] = b.reason
        elif name in flat and branch_role in ("run", "lumi", "event", "index") and flat[name].values.dtype.kind in "iu":
            reasons[name] = "named like an identity"
        elif branch_role in ("weight", "truth", "tagger") or (branch_role == "label" and b.kind == "number"):
            reasons[name] = REASONS[branch_role]
        elif branch_role == "decision" and b.kind == "number" and b.values.dtype.kind == "b":
            reasons[name] = REASONS["decision"]
    return reasons


def _features(branches: dict[str, Branch], left_out: dict[str, str]) -> tuple[list[Feature], list[ProposedObjects]]:
    """All features that may be used, those of a start marked, and objects; what cannot be used goes to `left_out`."""
    branches = _arrays_as_lists(branches)
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
            proposed = _feature(identifier(name) if term(name) != name else name, term(name), [b], taken)
            if isinstance(proposed, str):
                left_out[name] = proposed
            else:
                flat.append(proposed)
        elif b.kind == "array":
            flat += _elements(name, b, taken, left_out)
        elif b.kind == "text":
            left_out[name] = "text"
    sums = {head: names for head, names in groups.items() if _sum_types(names)}
    for head, names in sums.items():
        flat += _energy_sums(head, _sum_types(names), names, branches, taken)
    groups = {head: names for head, names in groups.items() if head not in sums}
    ranked = sorted(groups, key=lambda head: _rank(head, groups[head]))
    objects = propose_objects({head: groups[head] for head in ranked[:GROUPS]}, branches, left_out=left_out)
    objects |= propose_arrays(
        {name: b for name, b in branches.items() if b.kind == "nested"}, objects, left_out=left_out
    )
    jagged: dict[str, list[Feature]] = {}
    for head, names in groups.items():
        counter = counters.get(_counted(head))
        for name, expression, used in _reductions(head, names, counter, crossing(names, branches)):
            if head in objects and "nth(" in expression:
                continue  # is in a slot
            read = [branches[n] for n in parse(expression).names]
            proposed = _feature(name, expression, read, taken)
            if not isinstance(proposed, str):
                jagged.setdefault(head, []).append(_with(proposed, used=used))
            elif used or "nth(" in expression:
                left_out[expression] = proposed
    started = sorted(jagged, key=ranked.index)[:GROUPS]
    jagged = {
        head: [_with(f, used=f.used and head in started) for f in candidates] for head, candidates in jagged.items()
    }
    room = MAX_FLAT_WITH_LISTS if jagged else MAX_FEATURES
    room = max(room, MAX_FEATURES - sum(f.used for candidates in jagged.values() for f in candidates))
    flat = [_with(f, used=f.not_finite <= MANY_NOT_FINITE) for f in flat]
    flat = [_with(f, used=f.used and sum(g.used for g in flat[:n]) < room) for n, f in enumerate(flat)]
    left = MAX_FEATURES - sum(f.used for f in flat)
    ordered = [f for head in sorted(jagged, key=ranked.index) for f in jagged[head]]
    chosen = [f.name for f in ordered if f.used and f.not_finite <= MANY_NOT_FINITE][:left]
    candidates = flat + [_with(f, used=f.name in chosen) for f in ordered]
    return candidates, _named_apart(list(objects.values()), candidates)


def _named_apart(objects: list[ProposedObjects], features: list[Feature]) -> list[ProposedObjects]:
    """Return the objects, renamed where a channel would have the name of a feature or of another's channel."""
    taken, kept = {feature.name for feature in features}, []
    for one in objects:
        while taken & one.channels():
            one = replace(one, name=f"{one.name}_objects")
        taken |= one.channels()
        kept.append(one)
    return kept


def _reductions(head: str, names: list[str], counter: str | None, select: str) -> Iterator[tuple[str, str, bool]]:
    """Return (name, expression, whether for a start) of one number each from the lists of an object."""
    word, kept = identifier(head), f"[{select}]" if select else ""
    yield (
        f"n{word}" if group(names[0])[1] else f"{word}_num",
        term(counter) if counter and not kept else f"num({term(names[0])}{kept})",
        True,
    )
    for name in sorted(names, key=variable):
        alone = not group(name)[1]
        yield f"{identifier(name)}_0", f"nth({term(name)}{kept}, 0, 0.0)", alone or variable(name) < len(VARIABLES)
        if alone or variable(name) < len(MOMENTA):
            yield f"{identifier(name)}_sum", f"sum({term(name)}{kept})", variable(name) < len(MOMENTA)


def _arrays_as_lists(branches: dict[str, Branch]) -> dict[str, Branch]:
    """Turn arrays that are variables of objects, such as Jet_pt[10] and Jet_eta[10], into lists."""
    heads: dict[str, list[str]] = {}
    for name, b in branches.items():
        if b.kind == "array" and group(name)[1]:
            heads.setdefault(group(name)[0], []).append(name)
    objects = {
        name
        for names in heads.values()
        if len(names) > 1 and variable(min(names, key=variable)) < len(MOMENTA)
        for name in names
    }
    return {name: replace(b, kind="list") if name in objects else b for name, b in branches.items()}


def _elements(name: str, branch: Branch, taken: set[str], left_out: dict[str, str]) -> list[Feature]:
    """Return a feature for each element of an array of fixed length."""
    size = len(branch.values[0])
    if size > MAX_ELEMENTS:
        left_out[name] = f"an array of {size}; take elements, as in {term(name)}[:, 0]"
        return []
    proposed = [_feature(f"{identifier(name)}_{n}", f"{term(name)}[:, {n}]", [branch], taken) for n in range(size)]
    for n, feature in enumerate(proposed):
        if isinstance(feature, str):
            left_out[f"{name}[:, {n}]"] = feature
    return [feature for feature in proposed if isinstance(feature, Feature)]


def _sum_types(names: Sequence[str]) -> str:
    """Return the list that says the type of energy sums, as in L1EtSum of NanoAOD; empty for other objects."""
    return next((name for name in names if key(group(name)[1]) == "etsumtype"), "")


def _energy_sums(
    head: str, types: str, names: Sequence[str], branches: dict[str, Branch], taken: set[str]
) -> list[Feature]:
    """Return the usual energy sums of level 1, one feature each."""
    momentum = min(names, key=variable)
    select = crossing(names, branches)
    sums = []
    for number, word in ENERGY_SUMS.items():
        condition = f"({term(types)} == {number})" + f" & ({select})" * bool(select)
        read = [branches[name] for name in (momentum, *parse(condition).names)]
        proposed = _feature(f"{identifier(head)}_{word}", f"sum({term(momentum)}[{condition}])", read, taken)
        if isinstance(proposed, Feature):
            sums.append(proposed)
    return sums


def _rank(head: str, names: list[str]) -> tuple[bool, float]:
    """Objects with a momentum first, the usual ones before others."""
    word = head.lower()
    place = float(OBJECTS.index(word) if word in OBJECTS else len(OBJECTS))
    if word.startswith("l1") and word not in OBJECTS:  # of level 1, so before those of later reconstruction
        place = len(LEVEL_1) - 0.5
    return min(map(variable, names)) >= len(MOMENTA), place


def _counted(head: str) -> str:
    return key(head).rstrip("s")


def _counter_of(name: str) -> str:
    """Return the object that a flat branch counts by its name: 'jet' of nJet, n_jets, Jet_size; '' of any other."""
    word = name.rsplit("/", 1)[-1]
    for start in ("num_", "n_", "n"):
        if word.startswith(start):
            return _counted(word.removeprefix(start))
    return _counted(word.removesuffix("_size")) if word.endswith("_size") else ""


def _feature(name: str, expression: str, read: list[Branch], taken: set[str]) -> Feature | str:
    """Return the feature, or why it is none."""
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
    comment = described(read[0].type, finite, not_finite=share)
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


def _with(feature: Feature, used: bool, doubt: str = "") -> Feature:
    return replace(feature, used=used, comment=feature.comment + doubt)
