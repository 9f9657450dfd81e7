"""Comparison of a data set with the one that a network was trained on, for the frozen firmware to read it.

What is done to a value must be the same: selection, slots, formats. Where it is read may differ, for files may name
their branches differently; `other_expressions` says where it does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from trigger_lut.config.data_set.features import Feature, Objects
from trigger_lut.config.data_set.model import DataSet
from trigger_lut.config.validation import shown
from trigger_lut.errors import nearest

OF_OBJECTS = ("count", "sort_by", "select", "pad", "mask")


def differences(trained: DataSet, other: DataSet) -> list[str]:
    """Return what keeps `other` from being encoded as `trained` was.

    Parameters
    ----------
    trained, other : DataSet

    Returns
    -------
    list of str
        Lines of the form "key: problem"; empty when there is none.
    """
    lines = _other_truth(trained, other)
    lines += _other("rows", trained.rows, other.rows)
    lines += _other("cut", trained.cut, other.cut)
    lines += _other_features("features", trained, trained.features, other, other.features)
    lines += _other_names("objects", list(trained.objects), list(other.objects))
    for kind in trained.objects.keys() & other.objects.keys():
        lines += _other_objects(kind, trained, trained.objects[kind], other, other.objects[kind])
    return [f"{line}, as in data set {trained.name!r}" if "expected" in line else line for line in lines]


def other_expressions(trained: DataSet, other: DataSet) -> dict[str, tuple[str, str]]:
    """Return the features that are read differently; both data sets have the same features.

    Parameters
    ----------
    trained, other : DataSet

    Returns
    -------
    dict of str to tuple of str
        Expression in `trained` and in `other` by name of the feature.
    """
    pairs = [(f.name, f, g) for f, g in zip(trained.features, other.features, strict=True)]
    for kind, objects in trained.objects.items():
        of_slots = zip(objects.features, other.objects[kind].features, strict=True)
        pairs += [(f"{kind}.{f.name}", f, g) for f, g in of_slots]
    texts = {name: (f.expression or f.name, g.expression or g.name) for name, f, g in pairs}
    return {name: both for name, both in texts.items() if both[0] != both[1]}


def _other_truth(trained: DataSet, other: DataSet) -> list[str]:
    """Labels or targets of another kind; those that are missing are no fault."""
    lines = []
    if other.label is not None:
        if trained.label is None:
            return ["label: expected targets, or neither, found label"]
        lines = _other("label.classes", trained.label.classes, other.label.classes)
    if other.regression_targets is None:
        return lines
    if trained.regression_targets is None:
        return ["regression_targets: expected label, or neither, found targets"]
    lines += _other(
        "regression_targets", [t.name for t in trained.regression_targets], [t.name for t in other.regression_targets]
    )
    for n, (mine, its) in enumerate(zip(trained.regression_targets, other.regression_targets, strict=False)):
        lines += _other(f"regression_targets.{n}.unit", mine.unit, its.unit)
        lines += _other(f"regression_targets.{n}.scale", mine.scale, its.scale)
    return lines


def _other_objects(kind: str, trained: DataSet, mine: Objects, other: DataSet, its: Objects) -> list[str]:
    lines = []
    for key in OF_OBJECTS:
        lines += _other(f"objects.{kind}.{key}", getattr(mine, key), getattr(its, key))
    return lines + _other_features(f"objects.{kind}.features", trained, mine.features, other, its.features)


def _other_features(
    place: str, trained: DataSet, mine: Sequence[Feature], other: DataSet, its: Sequence[Feature]
) -> list[str]:
    if lines := _other_names(place, [f.name for f in mine], [f.name for f in its]):
        return lines
    for f, g in zip(mine, its, strict=True):
        for key in ("format", "scale"):
            lines += _other(f"{place}.{f.name}.{key}", f.model_dump()[key], g.model_dump()[key])
        wanted = f.nonfinite if f.nonfinite is not None else trained.nonfinite
        new_action = g.nonfinite if g.nonfinite is not None else other.nonfinite
        if wanted != "refuse":  # what was not there in training may be treated as one likes
            own = f.nonfinite is not None or g.nonfinite is not None
            lines += _other(f"{place}.{f.name}.nonfinite" if own else "nonfinite", wanted, new_action)
    return list(dict.fromkeys(lines))


def _other_names(place: str, mine: Sequence[str], its: Sequence[str]) -> list[str]:
    lines = [f"{place}: unknown {name!r}{nearest(name, mine)}" for name in its if name not in mine]
    lines += [f"{place}: {name!r} is missing" for name in mine if name not in its]
    return lines or _other(place, list(mine), list(its))


def _other(place: str, mine: Any, its: Any) -> list[str]:
    return [] if mine == its else [f"{place}: expected {_text(mine)}, found {_text(its)}"]


def _text(value: Any) -> str:
    return "none" if value is None else shown(value)
