"""Branches and expressions that a data set description reads, each with its purpose for messages."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

from trigger_lut.config.data_set.expressions import Expression, parse
from trigger_lut.config.data_set.model import DataSet

SEPARATORS = ("_", ".", "/", ":")  # between an object and its variable: Jet_pt, Jet.PT


def expressions(data_set: DataSet) -> Iterator[tuple[str, Expression]]:
    """Yield every expression of a description.

    Parameters
    ----------
    data_set : DataSet

    Yields
    ------
    tuple of str and Expression
        Purpose, such as "feature 'pt'", and the expression.
    """
    for feature in data_set.features:
        yield f"feature {feature.name!r}", feature.parsed()
    for kind, objects in data_set.objects.items():
        for feature in objects.features:
            yield f"objects {kind!r}, feature {feature.name!r}", feature.parsed()
        for key, text in (("sort_by", objects.sort_by), ("select", objects.select)):
            if text is not None:
                yield f"objects {kind!r}, {key}", parse(text)
    label = data_set.label
    if label is not None and label.expression is not None:
        yield "label", parse(label.expression)
    for name, text in ((label and label.conditions) or {}).items():
        yield f"label, class {name!r}", parse(text)
    for key, text in (("cut", data_set.cut), ("weight", data_set.weight)):
        if text is not None:
            yield key, parse(text)
    if data_set.reweight is not None:
        yield "reweight", parse(data_set.reweight.variable)
    for name, text in data_set.shown_values.items():
        yield f"{'baseline' if name in data_set.baselines else 'observable'} {name!r}", parse(text)
    for target in data_set.regression_targets or []:
        yield f"target {target.name!r}", parse(target.expression)


def branches(data_set: DataSet) -> dict[str, str]:
    """Return the branches that a description reads.

    Parameters
    ----------
    data_set : DataSet

    Returns
    -------
    dict of str to str
        Purpose of the first use by branch.
    """
    purposes = dict.fromkeys(data_set.id_branches, "event_id")
    for purpose, expression in expressions(data_set):
        for name in expression.names:
            purposes.setdefault(name, purpose)
    return purposes


def texts(data_set: DataSet) -> frozenset[str]:
    """Return the branches that may hold text: what is compared with text, and a label that is one branch.

    Parameters
    ----------
    data_set : DataSet

    Returns
    -------
    frozenset of str
    """
    names = {name for _, expression in expressions(data_set) for name in expression.texts}
    if data_set.label is not None and data_set.label.expression is not None:
        label = parse(data_set.label.expression)
        names |= set(label.names) if label.is_branch else set()
    return frozenset(names)


def belongs(rows: str, name: str) -> bool:
    """Return whether a branch is of the objects that `rows` names.

    Parameters
    ----------
    rows : str
        Beginning of the name (Jet of Jet_pt and Jet.PT), the branch itself, or a pattern with `*`.
    name : str
        Name of a branch.

    Returns
    -------
    bool
    """
    if "*" in rows:
        return fnmatchcase(name, rows)
    last = name.rsplit("/", 1)[-1]
    return any(text == rows or text.startswith(tuple(rows + mark for mark in SEPARATORS)) for text in (name, last))
