"""Lists that belong together as objects in slots: NanoAOD's Jet_pt, Jet_eta, ... and what is named like them.

The objects are sorted by their momentum, the first few kept, and empty slots padded, as trigger hardware delivers them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trigger_lut.config.data_set.expressions import parse
from trigger_lut.config.data_set.features import Objects
from trigger_lut.data.object_slots import slots
from trigger_lut.data.scaffold.branch_names import MOMENTA, VARIABLES, group, identifier, key, term
from trigger_lut.data.scaffold.inspect import Branch
from trigger_lut.data.scaffold.proposal import MANY_NOT_FINITE, Feature, ProposedObjects, described, percent

MOST_CHANNELS = 64  # of all objects together: a start
MOST_SLOTS = 8
HELD = 0.95  # of the entries whose objects all find a slot
MOST_INPUTS = 64  # of an inner list
IMPORTANT = {"dxy", "dz", "z0", "d0", "charge", "hwqual", "hwiso", "puppiweight"}
MOST_MENTIONED = 40  # further lists of one kind of objects, in comments


def variable(name: str) -> int:
    """Place of a list's variable in VARIABLES; behind the last one for others."""
    word = key(group(name)[1] or name)
    return VARIABLES.index(word) if word in VARIABLES else len(VARIABLES)


def propose_objects(
    groups: Mapping[str, Sequence[str]], branches: Mapping[str, Branch], *, left_out: dict[str, str]
) -> dict[str, ProposedObjects]:
    """Objects by group, as many as MOST_CHANNELS allow. What cannot be part of them is added to `left_out`.

    groups: names of lists by object, the most important first. Only those with a momentum become objects.
    """
    proposed: dict[str, ProposedObjects] = {}
    room = MOST_CHANNELS
    for head, names in groups.items():
        ordered = sorted(names, key=variable)
        if variable(ordered[0]) < len(MOMENTA) and group(ordered[0])[1]:
            without: dict[str, str] = {}
            candidate = _objects(
                head, ordered, branches=branches, left_out=without, room=room, taken={o.name for o in proposed.values()}
            )
            if candidate is not None:
                proposed[head] = candidate
                room -= candidate.count * len(candidate.used)
                left_out |= without
    return proposed


def _objects(
    head: str,
    ordered: Sequence[str],
    *,
    branches: Mapping[str, Branch],
    left_out: dict[str, str],
    room: int,
    taken: set[str],
) -> ProposedObjects | None:
    """Return slots of the lists of one object, by rising `variable`; None for nothing to use or no room."""
    import awkward as ak

    momentum = ordered[0]
    lengths = ak.to_numpy(ak.num(branches[momentum].values))
    as_long = [
        name
        for name in ordered
        if len(values := branches[name].values) == len(lengths) and (ak.to_numpy(ak.num(values)) == lengths).all()
    ]
    select = crossing(as_long, branches)
    chosen = _selected(select, momentum, branches)
    held_lengths = ak.to_numpy(ak.num(chosen))
    count = max(1, min(MOST_SLOTS, int(np.quantile(held_lengths, HELD, method="higher"))))
    features: list[Feature] = []
    bad = np.zeros(len(lengths), dtype=np.bool_)
    mentioned = 0
    for name in ordered:
        if name not in as_long:
            left_out[name] = f"not as long as {momentum}"
            continue
        usual = variable(name) < len(VARIABLES) or key(group(name)[1]) in IMPORTANT
        mentioned += not usual
        if mentioned > MOST_MENTIONED and not usual:
            left_out[name] = f"more of {head}"
            continue
        word = _unique(identifier(group(name)[1]), {feature.name for feature in features})
        proposed, nan = _feature(word, name, momentum=momentum, count=count, branches=branches, select=select)
        if isinstance(proposed, str):
            left_out[name] = proposed
            continue
        use = variable(name) < len(VARIABLES) and proposed.not_finite <= MANY_NOT_FINITE
        if use:
            bad |= nan
        features.append(Feature(proposed.name, proposed.expression, proposed.comment, proposed.not_finite, use))
    used = [feature for feature in features if feature.used]
    if not used or (fits := room // len(used)) < 1:
        return None
    count = min(count, fits)
    falling = bool(ak.all(chosen[:, 1:] <= chosen[:, :-1]))
    lengths = held_lengths
    return ProposedObjects(
        name=_unique(identifier(head), taken),
        count=count,
        number=f"{lengths.min()} to {lengths.max()} per entry; {count} hold all of them in "
        f"{percent(float((lengths <= count).mean()))} of the entries",
        sort_by=term(momentum),
        order="largest first" + (", as in the file" if falling else "; the file has another order"),
        empty=f"of all features of an empty slot; {percent(1 - float(np.minimum(lengths, count).mean()) / count)} are",
        features=tuple(features),
        not_finite=float(bad.mean()),
        select=select,
        selected=_other_crossings(select, branches[momentum].values, chosen),
    )


def crossing(names: Sequence[str], branches: Mapping[str, Branch]) -> str:
    """Return the condition for objects of the triggered crossing; empty where no list `bx` has other values than 0."""
    import awkward as ak

    for name in names:
        if key(group(name)[1]) == "bx" and not ak.all(branches[name].values == 0, axis=None):
            return f"{term(name)} == 0"
    return ""


def _selected(select: str, momentum: str, branches: Mapping[str, Branch]) -> Any:
    """Return the momentum of the objects that a condition keeps."""
    if not select:
        return branches[momentum].values
    expression = parse(f"{term(momentum)}[{select}]")
    return expression.evaluate({name: branches[name].values for name in expression.names})


def _other_crossings(select: str, before: Any, after: Any) -> str:
    import awkward as ak

    total = int(ak.sum(ak.num(before)))
    other = 1 - int(ak.sum(ak.num(after))) / max(total, 1)
    return f"{percent(other)} of the objects are of other crossings" if select else ""


def propose_arrays(
    arrays: Mapping[str, Branch], objects: Mapping[str, ProposedObjects], *, left_out: dict[str, str]
) -> dict[str, ProposedObjects]:
    """Return slots from lists of lists whose inner lists are all as long: constituents with a row of inputs each.

    What cannot be part of them is added to `left_out`.
    """
    import awkward as ak

    proposed: dict[str, ProposedObjects] = {}
    room = MOST_CHANNELS - sum(one.count * len(one.used) for one in objects.values())
    for name, branch in arrays.items():
        values = branch.values
        widths = ak.to_numpy(ak.flatten(ak.num(values, axis=2), axis=None)) if values.ndim == 3 else np.zeros(0)
        if not len(widths) or widths.min() != widths.max() or not 1 <= widths[0] <= MOST_INPUTS:
            left_out[name] = "lists of lists; reduce them, as in sum(...), or take elements, as in x[:, :, 0]"
            continue
        features = []
        for n in range(int(widths[0])):
            column = ak.to_numpy(ak.flatten(values[:, :, n], axis=None)).astype(np.float32)
            finite = column[np.isfinite(column)]
            if not len(finite) or finite.min() == finite.max():
                left_out[f"{name}[:, :, {n}]"] = f"always {finite[0]:g}" if len(finite) else "no finite value"
                continue
            share = 1 - len(finite) / len(column)
            comment = described(branch.type, finite, not_finite=share)
            features.append(Feature(f"{identifier(name)}_{n}", f"{term(name)}[:, :, {n}]", comment, share))
        lengths = ak.to_numpy(ak.num(values, axis=1))
        count = max(1, int(np.quantile(lengths, HELD, method="higher")))
        use = min(len(features), room // count)
        if use < 1:
            left_out[name] = "more channels than a start has room for"
            continue
        room -= use * count
        proposed[name] = ProposedObjects(
            name=_unique(identifier(name), {o.name for o in (*objects.values(), *proposed.values())}),
            count=count,
            number=f"{lengths.min()} to {lengths.max()} per entry",
            sort_by="",
            order="",
            empty="of all features of an empty slot",
            features=tuple(replace(f, used=n < use) for n, f in enumerate(features)),
            not_finite=float(max(f.not_finite for f in features[:use])),
        )
    return proposed


def _feature(
    word: str, name: str, *, momentum: str, count: int, branches: Mapping[str, Branch], select: str
) -> tuple[Feature | str, NDArray[np.bool_]]:
    """Return the feature, or why it is none, and whether an entry has a value that is not finite in its slots."""
    content: dict[str, Any] = {
        "count": count,
        "sort_by": term(momentum),
        "features": [{"name": word, "expression": term(name)}],
    }
    of_condition = parse(select).names if select else ()
    if select:
        content["select"] = select
    read: dict[str, Any] = {n: branches[n].values for n in (name, momentum, *of_condition)}
    entries = np.arange(len(branches[momentum].values), dtype=np.int64)
    values, kept = slots(word, Objects.model_validate(content), branches=read, entry=entries)
    with np.errstate(over="ignore"):
        column = values[..., 0].astype(np.float32)
    filled = np.arange(count) < kept[:, None]
    fine = np.isfinite(column)
    nan: NDArray[np.bool_] = np.asarray((~fine & filled).any(axis=1))
    finite = column[fine & filled]
    if not len(finite):
        return "no finite value", nan
    if finite.min() == finite.max():
        return f"always {finite[0]:g}", nan
    share = float(nan.mean())
    comment = described(branches[name].type, finite, not_finite=share)
    comment += "; too often not finite for nonfinite: drop" if share > MANY_NOT_FINITE else ""
    return Feature(word, term(name), comment, share), nan


def _unique(word: str, taken: set[str]) -> str:
    candidate, count = word, 2
    while candidate in taken:
        candidate, count = f"{word}_{count}", count + 1
    return candidate
