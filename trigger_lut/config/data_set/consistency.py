"""Contradictions between the fields of a data set description."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from trigger_lut.config.crossings import CROSSING_CLASSES, shares
from trigger_lut.config.data_set.files import scheme_mistake
from trigger_lut.config.data_set.heads import CLASS_HEAD
from trigger_lut.config.data_set.tagging import tagging_mistakes
from trigger_lut.config.data_set.trigger_paths import PREDICTED, path_mistakes
from trigger_lut.config.data_set.uses import belongs, branches
from trigger_lut.config.simulation import SIMULATED_CLASSES
from trigger_lut.errors import ConfigurationError, nearest

if TYPE_CHECKING:
    from trigger_lut.config.data_set.model import DataSet
    from trigger_lut.config.data_set.trigger import Trigger


def inconsistencies(data_set: DataSet, truth: bool = True) -> list[str]:
    """Return contradictions between the fields.

    Parameters
    ----------
    data_set : DataSet
    truth : bool
        Whether label or targets are needed; they are for training.

    Returns
    -------
    list of str
        Lines of the form "key: problem"; empty when there is none.
    """
    lines = []
    ways = ("files", "files_by_class", "simulate", "simulate_muons", "simulate_crossings")
    sources = [key for key in ways if getattr(data_set, key) is not None]
    if len(sources) != 1:
        given = " and ".join(sources) or "none"
        lines.append(f"files: give one of {', '.join(ways[:-1])} and {ways[-1]}, found {given}")
    if not data_set.features and not data_set.objects:
        lines.append("features: expected at least one, here or under objects")
    if data_set.simulated() and data_set.friends is not None:
        lines.append("friends: only with files, not simulate")
    if data_set.event_ids_repeat_across_classes and data_set.files_by_class is None:
        lines.append("event_ids_repeat_across_classes: only with files_by_class")
    named = [("files", data_set.files or [])]
    named += [(f"files_by_class.{name}", files) for name, files in (data_set.files_by_class or {}).items()]
    named += [(f"friends.{n}.files", friends.files) for n, friends in enumerate(data_set.friends or [])]
    lines += [
        f"{key}.{n}: {wrong}" for key, files in named for n, f in enumerate(files) if (wrong := scheme_mistake(f))
    ]
    lines += _label_mistakes(data_set, truth)
    lines += _head_mistakes(data_set)
    if data_set.trigger is not None and data_set.label is None:
        owner = "with targets" if data_set.regression_targets is not None else "without label"
        lines.append(f"trigger: not {owner}; rates need classes")
    elif data_set.trigger is not None and data_set.label is not None:
        lines += [f"trigger.{line}" for line in data_set.trigger.mistakes(data_set.label.classes, data_set.background)]
        lines += [f"trigger.{line}" for line in _unknown_variables(data_set, data_set.trigger)]
    if data_set.simulated() and data_set.public_data_set is not None:
        lines.append(f"public_data_set: simulated data are no public data set, found {data_set.public_data_set!r}")
    for block, class_names in ((data_set.simulate, SIMULATED_CLASSES), (data_set.simulate_crossings, CROSSING_CLASSES)):
        if block is not None and data_set.truth_names and tuple(data_set.label_classes) != class_names:
            lines.append(f"label.classes: simulated data have {list(class_names)}, found {data_set.label_classes}")
    lines += _anomaly_mistakes(data_set)
    for path, names in (
        ("label.classes", [] if data_set.label is None else data_set.label.classes),
        ("regression_targets", [target.name for target in data_set.regression_targets or []]),
        ("features", [f.name for f in data_set.features]),
        ("event_id", data_set.id_branches),
        ("split_by", data_set.split_by or []),
        *(
            (f"objects.{kind}.features", [*(f.name for f in o.features), *([o.mask] if o.mask else [])])
            for kind, o in data_set.objects.items()
        ),
    ):
        lines += [f"{path}: {name!r} occurs twice" for name, count in Counter(names).items() if count > 1]
    lines += [
        f"split_by: {name!r} is not in event_id{nearest(name, data_set.id_branches)}"
        for name in data_set.split_by or []
        if name not in data_set.id_branches
    ]
    lines += _row_mistakes(data_set)
    lines += _tagging_mistakes(data_set)
    lines += _fraction_mistakes(data_set)
    total = data_set.split.train + data_set.split.validation + data_set.split.test
    if abs(total - 1) > 1e-9:
        lines.append(f"split: train + validation + test is {total:g}, expected 1")
    ranges = [("quantiles", data_set.quantiles)]
    every = [(f"features.{n}", feature) for n, feature in enumerate(data_set.features)]
    for kind, objects in data_set.objects.items():
        every += [(f"objects.{kind}.features.{n}", feature) for n, feature in enumerate(objects.features)]
    for place, feature in every:
        ranges.append((f"{place}.quantiles", feature.quantiles or (0.0, 1.0)))
        if feature.format is not None and feature.scale is not None:
            lines.append(f"{place}.scale: not together with format")
        elif feature.given is not None:
            lines += [
                f"{place}.{key}: only for format: auto"
                for key in ("width", "quantiles")
                if getattr(feature, key) is not None
            ]
    lines += [f"{path}: expected low < high, found {low:g}, {high:g}" for path, (low, high) in ranges if low >= high]
    return lines


def _anomaly_mistakes(data_set: DataSet) -> list[str]:
    """Return what the `anomaly` block does not fit, and fractions that differ from simulated crossings."""
    lines = []
    trigger, anomaly = data_set.trigger, data_set.anomaly
    if anomaly is not None and data_set.regression_targets is not None:
        lines.append("anomaly: not with targets, found both. Remove one of them")
    elif anomaly is not None and data_set.label is not None:
        lines += [f"anomaly.{line}" for line in anomaly.mistakes(data_set.label.classes)]
        if data_set.balance_classes or data_set.weight is not None or data_set.reweight is not None:
            lines.append("anomaly: not with weight, reweight or balance_classes; `flatten` gives the weights")
        if trigger is not None and set(trigger.signal) & set(data_set.background):
            lines.append("trigger.signal: holds classes of anomaly.background")
    if data_set.simulate_crossings is not None and trigger is not None and trigger.shares is not None:
        right = shares(data_set.simulate_crossings.pileup)
        lines += [
            f"trigger.shares.{name}: expected {right[name]:.4g} at a pileup of {data_set.simulate_crossings.pileup:g}, "
            f"found {share:g}"
            for name, share in trigger.shares.items()
            if name in right and abs(share / right[name] - 1) > 0.01
        ]
    return lines


def _fraction_mistakes(data_set: DataSet) -> list[str]:
    """Return what does not fit `class_fractions`: unknown classes, and rates of a mixture that they would change."""
    classes = data_set.label_classes
    lines = [
        f"class_fractions: no class {name!r}{nearest(name, classes)}"
        for name in data_set.class_fractions
        if name not in classes
    ]
    trigger = data_set.trigger
    if trigger is not None and trigger.paths and data_set.rows is not None and data_set.class_fractions:
        lines.append("class_fractions: not with trigger.paths and rows; events would lose objects")
    if trigger is not None and trigger.cross_section_pb is None and trigger.shares is None:
        background = {data_set.class_fractions.get(name, 1.0) for name in classes if name not in trigger.signal}
        if len(background) > 1:
            lines.append("class_fractions: expected one fraction for all background; their mixture is a rate")
    return lines


def _row_mistakes(data_set: DataSet) -> list[str]:
    """Return what does not fit `event_id: entry` and `rows`."""
    lines = []
    if data_set.event_id == "entry" and data_set.event_ids_repeat_across_classes:
        lines.append("event_ids_repeat_across_classes: not with event_id: entry, which never repeats")
    if data_set.rows is None:
        return lines
    names = list(branches(data_set))
    if not any(belongs(data_set.rows, name) for name in names):
        heads = list(dict.fromkeys(re.split(r"[_./:]", name)[0] for name in names))
        lines.append(f"rows: no branch of the description belongs to {data_set.rows!r}{nearest(data_set.rows, heads)}")
    if data_set.trigger is not None and data_set.trigger.filled_fraction is not None:
        lines.append("trigger.filled_fraction: not with rows; a row is an object, not a crossing")
    return lines


def _tagging_mistakes(data_set: DataSet) -> list[str]:
    """Return what does not fit `tagging` and `baselines`."""
    from trigger_lut.config.data_set.channels import channels

    try:
        names = [channel.name for channel in channels(data_set)]
    except ConfigurationError:  # two channels of one name, which the plan refuses
        return []
    observables = list(data_set.observables)
    return tagging_mistakes(
        data_set.tagging,
        data_set.baselines,
        classes=data_set.scored_classes,
        observables=observables,
        channels=names,
    )


def _unknown_variables(data_set: DataSet, trigger: Trigger) -> list[str]:
    """Names of variables and paths that are neither observables nor channels, and what else is wrong with paths."""
    from trigger_lut.config.data_set.channels import channels

    try:
        known = [*data_set.observables, *(channel.name for channel in channels(data_set))]
    except ConfigurationError:  # two channels of one name, which the plan refuses
        return []
    predicted = [PREDICTED + target.name for target in data_set.regression_targets or []]
    mistakes = path_mistakes(trigger, known, rows=data_set.rows is not None, predicted=predicted)
    return trigger.unknown_variables(known) + mistakes


def _head_mistakes(data_set: DataSet) -> list[str]:
    """Return what does not fit classes and targets together: names, and `loss_weights`."""
    lines, targets = [], [target.name for target in data_set.regression_targets or []]
    if data_set.label is not None:
        lines += [
            f"regression_targets: {name!r} is a class too, or the name of the head of classes"
            for name in targets
            if name in (CLASS_HEAD, *data_set.label.classes)
        ]
    heads = [head.name for head in data_set.truth_heads]
    if data_set.loss_weights is not None and len(heads) < 2:
        lines.append("loss_weights: expected several heads: classes and targets, or several targets")
    elif isinstance(data_set.loss_weights, dict):
        lines += [
            f"loss_weights: no head {name!r}{nearest(name, heads)}. Expected some of {', '.join(heads)}"
            for name in data_set.loss_weights
            if name not in heads
        ]
    return lines


def _label_mistakes(data_set: DataSet, truth: bool) -> list[str]:
    if not truth and data_set.label is None and data_set.regression_targets is None:
        return [] if data_set.files_by_class is None else ["files_by_class: not without label; give files"]
    if data_set.label is None and data_set.regression_targets is None:
        return ["label: give label, regression_targets, or both, found neither"]
    if data_set.label is None:
        wrong = [] if data_set.files_by_class is None else ["files_by_class: not with targets; give files"]
        return wrong + ["balance_classes: not with targets"] * data_set.balance_classes
    classes = data_set.label.classes
    if len(classes) < 2 and data_set.anomaly is None:
        return [f"label.classes: expected at least two classes, found {classes}. One class needs `anomaly`"]
    if data_set.files_by_class is None:
        missing = "label.expression: missing; give it, or files_by_class instead of files"
        stated = data_set.label.expression is not None or data_set.label.conditions is not None
        simulated = bool(data_set.simulated())
        return [] if stated or (len(classes) == 1 and not simulated) else [missing]
    mistakes = [
        f"files_by_class: no class {name!r} in label.classes{nearest(name, classes)}"
        for name in data_set.files_by_class
        if name not in classes
    ]
    if truth:
        without = [name for name in classes if name not in data_set.files_by_class]
        mistakes += [f"files_by_class: no files of class {name!r}" for name in without]
    if data_set.label.expression is not None or data_set.label.conditions is not None:
        mistakes.append("label.expression: not together with files_by_class")
    return mistakes
