"""Writing a description of one's own files to start from: a proposal as commented YAML."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import yaml
from pydantic import TypeAdapter, ValidationError

from trigger_lut.cards.base import write_text
from trigger_lut.config.budget import Name, validate
from trigger_lut.config.data_set.channels import channels
from trigger_lut.config.data_set.consistency import inconsistencies
from trigger_lut.config.data_set.files import expand
from trigger_lut.config.data_set.model import DataSet
from trigger_lut.config.validation import NAME_EXPECTED
from trigger_lut.data.scaffold.branch_names import identifier
from trigger_lut.data.scaffold.classes import classes_of, patterns
from trigger_lut.data.scaffold.features import propose
from trigger_lut.data.scaffold.inspect import TreeSample, sample_tree
from trigger_lut.data.scaffold.proposal import QUANTILES, WIDTH, Feature, Proposal, ProposedObjects, percent
from trigger_lut.errors import ConfigurationError, DataError

DATA_SETS = Path("config/data_sets")
EMPTY = {
    # A text where a list is expected, or one that is no expression, is refused with these words.
    "event_id": "FILL IN: integer branches that together name an entry",
    "label": "FILL IN: branch or expression that is 0 for the first class, 1 for the second, ...",
    "classes": "FILL IN: names of the classes, from 0 on",
    "features": "FILL IN: the inputs of the network",
}
SHOWN = 40  # names of skipped branches in one comment


def start(files: Sequence[str], tree: str | None, *, name: str | None, output: Path | None) -> str:
    """Read samples of files, write a description, and return a summary for people.

    Parameters
    ----------
    files : sequence of str
        Paths or globs.
    tree : str or None
    name : str or None
        Default: that of `output` without .yaml, or of the first file.
    output : Path or None

    Returns
    -------
    str

    Raises
    ------
    ConfigurationError
        For an unfit name, and where the output exists; nothing is written then.
    DataError
        For remote or faulty files.
    """
    name = name or (output.stem if output else _name_of(files[0]))
    try:
        TypeAdapter(Name).validate_python(name)
    except ValidationError as error:
        raise ConfigurationError(f"--name: {NAME_EXPECTED}, found {name!r}") from error
    output = output or DATA_SETS / f"{name}.yaml"
    if output.stem != name:
        raise ConfigurationError(f"--output: expected a file {name}.yaml, as the data set's name, found {output}")
    if os.path.lexists(output):
        raise ConfigurationError(f"{output}: exists already and is left as it is; give another --name or --output")
    expanded = expand(f"data set {name}", files)
    if remote := [file for file in expanded if isinstance(file, str)]:
        raise DataError(f"{remote[0]}: init reads local files alone. Name a local file first")
    paths = sorted(file for file in expanded if isinstance(file, Path))
    sample, classes = sample_tree(paths, tree), classes_of(paths)
    numbers = {path: n for n, path in enumerate(paths)}
    proposal = propose(sample, {name: [numbers[file] for file in class_files] for name, class_files in classes.items()})
    if proposal.files:
        proposal = replace(proposal, files=patterns(classes, files))
    text = description(output, files, sample=sample, proposal=proposal)
    if not _open_places(proposal):
        data_set = validate(DataSet, yaml.safe_load(text), path=output)
        wrong = inconsistencies(data_set)
        assert not wrong, wrong
        channels(data_set)
    write_text(output, text)
    return summary(output, sample, proposal=proposal)


def _name_of(file: str) -> str:
    """Return a name from that of a file, or of its folder where a glob is all there is."""
    words = [re.sub(r"[^A-Za-z0-9_-]", "", part) for part in (Path(file).stem, Path(file).parent.name)]
    fit = [word.strip("_-") for word in words if word.strip("_-")]
    return identifier(fit[0]) if fit else "mine"


def description(output: Path, files: Sequence[str], *, sample: TreeSample, proposal: Proposal) -> str:
    """Return the YAML text."""
    lines = ["# yaml-language-server: $schema=../data_set.schema.json"] * (output.parent.name == DATA_SETS.name)
    lines += [_comment(line) for line in _head(output, sample, proposal)]
    lines += [f"name: {_text(output.stem)}", *_files(files, proposal), f"tree: {_text(sample.tree)}"]
    if others := {n: c for n, c in sample.trees.items() if n != sample.tree}:
        lines.append(
            _comment("other trees, with their entries: " + ", ".join(f"{n} ({c:,})" for n, c in others.items()))
        )
    if proposal.friend:
        same = [entry for entries in proposal.files.values() for entry in entries] or list(files)
        lines += ["friends:   # the same files, entry by entry"]
        lines += [f"  - {{files: [{', '.join(map(_text, same))}], tree: {_text(proposal.friend)}}}"]
    ids = ", ".join(map(_text, proposal.event_id))
    lines += ["", _comment(f"event_id: {proposal.notes['event_id']}")]
    if proposal.numbered:
        lines.append(
            _comment("Entries are numbered in each file: the split changes when files are added or reordered,")
        )
        lines.append(_comment("and entries of one event, if there are any, may come into different splits."))
        lines.append("event_id: entry")
    else:
        lines.append(f"event_id: [{ids}]" if ids else f"event_id: {_text(EMPTY['event_id'])}")
    if proposal.split_by:
        lines.append(
            f"split_by: [{', '.join(map(_text, proposal.split_by))}]   # what is of one event stays in one split"
        )
    lines += ["", _comment(f"label: {proposal.notes['label']}"), *_label(proposal)]
    targets = proposal.targets
    if targets.cut:
        lines += ["", f"cut: {_text(targets.cut)}   # {percent(targets.without)} of the entries have no target"]
    else:
        lines += ["", "# cut: pt > 20   # optional: keep only the entries for which this is true"]
    remark = "NaN or infinite values were seen" if proposal.nonfinite == "drop" else "none were seen"
    lines.append(f"nonfinite: {proposal.nonfinite}   # of NaN and infinities, {remark}; refuse, drop or {{replace: 0}}")
    lines += ["split: {train: 0.6, validation: 0.2, test: 0.2}", ""]
    lines.append("# Automatic formats: the power-of-two range that holds these quantiles of the training split.")
    lines += [f"width: {WIDTH}", f"quantiles: [{QUANTILES[0]}, {QUANTILES[1]}]"]
    nothing = "features: []" if proposal.objects else f"features: {_text(EMPTY['features'])}"
    lines.append("features:" if proposal.used else nothing)
    lines += [_line(feature) for feature in proposal.features]
    lines += _objects(proposal.objects)
    return "\n".join([*lines, *_left_out(proposal)]) + "\n"


def _label(proposal: Proposal) -> list[str]:
    """Return the label with its classes, or the targets of a regression."""
    if proposal.targets.targets:
        return [
            "# For classes instead, replace regression_targets by label. A network finds the target from the features;",
            "# its output is judged by R2 and by the resolution, next to the float network and boosted trees.",
            "regression_targets:",
            *map(_line, proposal.targets.targets),
        ]
    lines = ["label:"]
    if not proposal.classes:
        lines = [
            "# Data without labels? Replace label by `anomaly: {}`: a network then finds what is unusual in them, and",
            "# the last of `units` in the budget file is 1.",
            *lines,
        ]
    if not proposal.files:
        lines.append(f"  expression: {_text(proposal.label or EMPTY['label'])}")
    named = ", ".join(map(_text, proposal.classes))
    if proposal.values:
        pairs = zip(proposal.classes, proposal.values, strict=True)
        lines.append(f"  classes: {{{', '.join(f'{_text(name)}: [{value}]' for name, value in pairs)}}}")
    else:
        lines.append(f"  classes: [{named}]   # names from 0 on" if named else f"  classes: {_text(EMPTY['classes'])}")
    lines += [
        "# A regression from the same network? Add regression_targets: [{name: pt, expression: BRANCH}]; the last of",
        "# `units` in the budget file is then the number of classes plus that of the targets.",
    ]
    if proposal.files:
        lines.append("# balance_classes: true   # optional: each class weighs the same in training, whatever its size")
    return lines


def _files(entries: Sequence[str], proposal: Proposal) -> list[str]:
    """Where the entries come from, by class where names of files tell it."""
    if not proposal.files:
        return [f"files: [{', '.join(map(_text, entries))}]"]
    lines = [
        "# No branch says the class, but names of files tell processes apart. Check that each class has its files, and",
        "# no part of the data occurs under another name; classes can be renamed, here and under label.classes.",
        "files_by_class:",
    ]
    lines += [f"  {_text(name)}: [{', '.join(map(_text, entries))}]" for name, entries in proposal.files.items()]
    if proposal.apart:
        lines.append("event_ids_repeat_across_classes: true   # event_id is unique in one class only")
    return lines


def _objects(proposed: Sequence[ProposedObjects]) -> list[str]:
    """Objects in slots, with the reasons for what is proposed."""
    if not proposed:
        return []
    lines = [
        "",
        "# Lists as objects in slots, as trigger hardware delivers them: sorted by a key, the first `count` kept,",
        "# empty slots padded. All slots of a feature have one format. A network whose layers share their tables",
        "# between slots (input_shape: [slots, features], as in config/examples/jets_particles.yaml) takes one kind of",
        "# objects and no other features.",
        "objects:",
    ]
    for one in proposed:
        lines += [
            f"  {_text(one.name)}:",
            _commented(f"    count: {one.count}", one.number),
            *([_commented(f"    sort_by: {_text(one.sort_by)}", one.order)] if one.sort_by else []),
            *_selection(one),
            _commented("    pad: 0", one.empty),
            _commented(
                "    # mask: present", "optional: one more bit a slot, 1 where it holds an object, 0 where it is padded"
            ),
            "    features:",
            *(f"    {_line(feature)}" for feature in one.features),
        ]
    return lines


def _selection(one: ProposedObjects) -> list[str]:
    if one.select:
        return [_commented(f"    select: {_text(one.select)}", one.selected)]
    if not one.sort_by:
        return []
    return [_commented(f"    # select: {one.sort_by} > 20", "optional: objects for which this is false are skipped")]


def _commented(line: str, comment: str) -> str:
    return f"{line:36} {_comment(comment)}"


def _head(output: Path, sample: TreeSample, proposal: Proposal) -> list[str]:
    files = f"{len(sample.paths)} file" + "s" * (len(sample.paths) != 1)
    lines = [
        f"Proposed by `trigger-lut init` from names and values in {files}, tree {sample.tree}: "
        f"{sample.entries_read:,} of {sample.entries:,} entries read.",
        "",
        "Next:",
    ]
    steps = [f"fill in {what}" for what in _open_places(proposal)]
    steps += ["read what is proposed below, and change it to what your trigger has"]
    steps += [f"move this file to {DATA_SETS}"] * (output.parent.name != DATA_SETS.name)
    steps += [
        f"put `data_set: {output.stem}` into config/budget.yaml; the last of `units` there is the number of "
        + ("targets" if proposal.targets.targets else "classes")
    ]
    steps += ["snakemake -n, which says all that is wrong, and then: snakemake --cores all"]
    return lines + [f"{n}. {step}" for n, step in enumerate(steps, 1)] + [""]


def _open_places(proposal: Proposal) -> list[str]:
    """Keys that the user must fill in."""
    inputs, known = proposal.used or proposal.objects, proposal.classes or proposal.targets.targets
    places = {"event_id": proposal.event_id or proposal.numbered, "label": known, "features": inputs}
    return [key for key, value in places.items() if not value]


def _known(proposal: Proposal) -> str:
    """Return the line of the summary on targets, or on the origin of the class of an entry."""
    if proposal.targets.targets:
        used = ", ".join(target.name for target in proposal.targets.targets if target.used)
        return f"regression_targets: {used} (label: {proposal.notes['label']})"
    by_file = ", ".join(f"{name} {' '.join(entries)}" for name, entries in proposal.files.items())
    return f"label: {by_file or proposal.label or 'none proposed'} ({proposal.notes['label']})"


def _line(feature: Feature) -> str:
    if feature.expression is None:
        entry = f"- name: {_text(feature.name)}"
    else:
        entry = f"- {{name: {_text(feature.name)}, expression: {_text(feature.expression)}}}"
    return f"  {'' if feature.used else '# '}{entry:50} {_comment(feature.comment)}"


def _left_out(proposal: Proposal) -> list[str]:
    by_reason: dict[str, list[str]] = {}
    for branch, reason in proposal.left_out.items():
        by_reason.setdefault(reason, []).append(branch)
    lines = ["", "# Skipped:"] if by_reason else []
    for reason, names in by_reason.items():
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        lines.append(_comment(f"- {reason}: {', '.join(names[:SHOWN])}{more}"))
    return lines


def _text(text: str) -> str:
    """Return a YAML scalar, quoted where a plain one could be read as something else."""
    if re.fullmatch(r"[A-Za-z_][\w./-]*", text, re.ASCII) and yaml.safe_load(text) == text and text.lower() not in "yn":
        return text
    if text.isprintable():
        return "'" + text.replace("'", "''") + "'"
    return yaml.safe_dump(text, default_style='"', width=2**31).strip()


def _comment(text: str) -> str:
    return ("# " + "".join(c if c.isprintable() else "?" for c in text)).rstrip()


def summary(output: Path, sample: TreeSample, *, proposal: Proposal) -> str:
    """Return the proposal in a few lines."""
    others = [f"{n} ({c:,})" for n, c in sample.trees.items() if n != sample.tree]
    numbered = "entry" if proposal.numbered else "none proposed"
    lines = [
        f"tree: {sample.tree}, {sample.entries:,} entries in {len(sample.paths)} file(s), {sample.entries_read:,} read"
        + (f"; other trees: {', '.join(others)}" if others else ""),
        f"event_id: {', '.join(proposal.event_id) or numbered} ({proposal.notes['event_id']})",
        _known(proposal),
        *([f"friends: tree {proposal.friend} of the same files"] if proposal.friend else []),
        f"features: {len(proposal.used)} proposed, {len(proposal.features) - len(proposal.used)} more in comments, "
        f"{len(proposal.left_out)} skipped; nonfinite: {proposal.nonfinite}",
        *(f"objects: {o.name}, {o.count} slots of {', '.join(f.name for f in o.used)}" for o in proposal.objects),
    ]
    if sample.partial:
        lines.append(f"branches that not all files have, skipped: {', '.join(list(sample.partial)[:SHOWN])}")
    if todo := _open_places(proposal):
        lines.append(f"to be filled in: {', '.join(todo)}")
    lines.append(f"written: {output}; its head lists the next steps")
    return "\n".join(lines)
