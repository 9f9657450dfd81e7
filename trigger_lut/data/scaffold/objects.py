"""Lists that belong together as objects in slots: NanoAOD's Jet_pt, Jet_eta, ... and what is named like them.

The objects are sorted by their momentum, the first few kept, and empty slots padded, as trigger hardware delivers them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trigger_lut.config.data_set.features import Objects
from trigger_lut.data.object_slots import slots
from trigger_lut.data.scaffold.branch_names import MOMENTA, VARIABLES, group, identifier, key, term
from trigger_lut.data.scaffold.inspect import Branch
from trigger_lut.data.scaffold.proposal import MANY_NOT_FINITE, Feature, ProposedObjects, described, percent

MOST_CHANNELS = 64  # of all objects together: a start
MOST_SLOTS = 8
HELD = 0.95  # of the entries whose objects all find a slot
MOST_MENTIONED = 12  # further lists of one kind of objects, in comments


def variable(name: str) -> int:
    """Place of a list's variable in VARIABLES; behind the last one for others."""
    word = key(group(name)[1] or name)
    return VARIABLES.index(word) if word in VARIABLES else len(VARIABLES)


def propose_objects(
    groups: Mapping[str, Sequence[str]], branches: Mapping[str, Branch], left_out: dict[str, str]
) -> dict[str, ProposedObjects]:
    """Objects by group, as many as MOST_CHANNELS allow. What cannot be part of them is added to `left_out`.

    groups: names of lists by object, the most important first. Only those with a momentum become objects.
    """
    found: dict[str, ProposedObjects] = {}
    room = MOST_CHANNELS
    for head, names in groups.items():
        ordered = sorted(names, key=variable)
        if variable(ordered[0]) < len(MOMENTA) and group(ordered[0])[1]:
            without: dict[str, str] = {}
            made = _objects(head, ordered, branches, without, room, {o.name for o in found.values()})
            if made is not None:
                found[head] = made
                room -= made.count * len(made.used)
                left_out |= without
    return found


def _objects(
    head: str,
    ordered: Sequence[str],
    branches: Mapping[str, Branch],
    left_out: dict[str, str],
    room: int,
    taken: set[str],
) -> ProposedObjects | None:
    """Of the lists of one object, by rising `variable`; None where there is nothing to use or no room."""
    import awkward as ak

    momentum = ordered[0]
    lengths = ak.to_numpy(ak.num(branches[momentum].values))
    count = max(1, min(MOST_SLOTS, int(np.quantile(lengths, HELD, method="higher"))))
    features: list[Feature] = []
    bad = np.zeros(len(lengths), dtype=np.bool_)
    mentioned = 0
    for name in ordered:
        held = branches[name]
        if len(held.values) != len(lengths) or (ak.to_numpy(ak.num(held.values)) != lengths).any():
            left_out[name] = f"not as long as {momentum}"
            continue
        usual = variable(name) < len(VARIABLES)
        mentioned += not usual
        if mentioned > MOST_MENTIONED and not usual:
            left_out[name] = f"more of {head}"
            continue
        word = _unique(identifier(group(name)[1]), {feature.name for feature in features})
        made, nan = _feature(word, name, momentum, count, branches)
        if isinstance(made, str):
            left_out[name] = made
            continue
        use = usual and made.not_finite <= MANY_NOT_FINITE
        if use:
            bad |= nan
        features.append(Feature(made.name, made.expression, made.comment, made.not_finite, use))
    used = [feature for feature in features if feature.used]
    if not used or (fits := room // len(used)) < 1:
        return None
    count = min(count, fits)
    values = branches[momentum].values
    falling = bool(ak.all(values[:, 1:] <= values[:, :-1]))
    return ProposedObjects(
        name=_unique(identifier(head), taken),
        count=count,
        number=f"{lengths.min()} to {lengths.max()} an entry; {count} hold all of them in "
        f"{percent(float((lengths <= count).mean()))} of the entries",
        sort_by=term(momentum),
        order="largest first" + (", as in the file" if falling else "; the file has another order"),
        empty=f"of all features of an empty slot; {percent(1 - float(np.minimum(lengths, count).mean()) / count)} are",
        features=tuple(features),
        not_finite=float(bad.mean()),
    )


def _feature(
    word: str, name: str, momentum: str, count: int, branches: Mapping[str, Branch]
) -> tuple[Feature | str, NDArray[np.bool_]]:
    """(The feature, or why it is none; whether an entry has a value that is not finite in its slots)."""
    content = {"count": count, "sort_by": term(momentum), "features": [{"name": word, "expression": term(name)}]}
    read: dict[str, Any] = {n: branches[n].values for n in (name, momentum)}
    entries = np.arange(len(branches[momentum].values), dtype=np.int64)
    values, kept = slots(word, Objects.model_validate(content), read, entries)
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
    comment = described(branches[name].type, finite, share)
    comment += "; too often not finite for nonfinite: drop" if share > MANY_NOT_FINITE else ""
    return Feature(word, term(name), comment, share), nan


def _unique(word: str, taken: set[str]) -> str:
    found, count = word, 2
    while found in taken:
        found, count = f"{word}_{count}", count + 1
    return found
