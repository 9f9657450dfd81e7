"""From chunks of branches to records of channels, labels and identities; only the records are kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trigger_lut.config.data_set.channels import Channel, channels
from trigger_lut.config.data_set.expressions import Expression, parse
from trigger_lut.config.data_set.files import Source
from trigger_lut.config.data_set.functions import is_jagged, value_kind
from trigger_lut.config.data_set.model import DataSet
from trigger_lut.data.object_slots import slots
from trigger_lut.data.read import chunks, count_entries
from trigger_lut.data.records import Rows, row_type
from trigger_lut.data.split import hash_columns
from trigger_lut.errors import DataError


@dataclass(frozen=True)
class Plan:
    """Which expressions to compute, and the branches that they read with what each is for.

    label: None where the files say the class, or there is none.
    """

    data_set: DataSet
    channels: list[Channel]
    label: Expression | None
    cut: Expression | None
    weight: Expression | None
    observables: dict[str, Expression]
    targets: dict[str, Expression]
    branches: dict[str, str]
    texts: frozenset[str]

    @classmethod
    def of(cls, data_set: DataSet) -> Plan:
        def parsed(text: str | None) -> Expression | None:
            return None if text is None else parse(text)

        label = parsed(data_set.label.expression) if data_set.label is not None else None
        cut, weight = parsed(data_set.cut), parsed(data_set.weight)
        targets = {target.name: parse(target.expression) for target in data_set.regression_targets or []}
        observables = {name: parse(text) for name, text in data_set.observables.items()}
        uses = [(f"feature {f.name!r}", f.parsed()) for f in data_set.features]
        for kind, objects in data_set.objects.items():
            uses += [(f"objects {kind!r}, feature {f.name!r}", f.parsed()) for f in objects.features]
            keys = (("sort_by", objects.sort_by), ("select", objects.select))
            uses += [(f"objects {kind!r}, {key}", parse(text)) for key, text in keys if text is not None]
        named = (("label", label), ("cut", cut), ("weight", weight))
        uses += [(purpose, expression) for purpose, expression in named if expression is not None]
        uses += [(f"observable {name!r}", expression) for name, expression in observables.items()]
        uses += [(f"target {name!r}", expression) for name, expression in targets.items()]
        branches = dict.fromkeys(data_set.event_id, "event_id")
        for purpose, expression in uses:
            for name in expression.names:
                branches.setdefault(name, purpose)
        texts = frozenset(name for _, expression in uses for name in expression.texts)
        return cls(data_set, channels(data_set), label, cut, weight, observables, targets, branches, texts)


def read_source(data_set: DataSet, source: Source) -> Iterator[tuple[int, Rows]]:
    """(entries, records of those that pass the cut) of a file with its friends, a chunk at a time, in its order.

    Raises BadFileError for a file that is a fault in itself, DataError for everything else that is wrong with a file, a
    branch, a label or an identity. NaN and infinite features are left in for the caller to treat. Numbers of features,
    label and cut may be of different types in different files; those of event_id must be integers in all.
    """
    plan = Plan.of(data_set)
    count = count_entries(source.file, data_set.tree, plan.branches, source.friends)
    for start, branches in chunks(
        source.file, data_set.tree, plan.branches, data_set.chunk_entries, source.friends, count, plan.texts
    ):
        try:
            yield len(branches[data_set.event_id[0]]), _rows_of(plan, branches, start, source.kind)
        except DataError as error:
            raise DataError(f"{source.file}: tree {data_set.tree!r}, {error}") from error


def _rows_of(plan: Plan, branches: Mapping[str, Any], start: int, of_file: int | None) -> Rows:
    data_set = plan.data_set
    count = len(branches[data_set.event_id[0]])
    entry = np.arange(start, start + count)
    keep = slice(None) if plan.cut is None else _cut(plan.cut, branches, count)
    kept_entry = entry[keep]
    ids = {name: _identity(name, branches[name])[keep] for name in data_set.event_id}
    rows = np.empty(len(kept_entry), row_type(data_set))
    of_class = [np.full(len(kept_entry), of_file or 0, np.int64)] if data_set.event_ids_repeat_across_classes else []
    rows["identity"], rows["entry"], rows["file"] = hash_columns([*of_class, *ids.values()]), kept_entry, 0
    if data_set.split_by:
        rows["group"] = hash_columns([ids[name] for name in data_set.split_by])
    if plan.label is None:  # the files say the class, or there is none
        rows["label"] = of_file or 0
    else:
        rows["label"] = _labels(data_set, _number("label", plan.label, branches, count)[keep], kept_entry)
    if plan.weight is not None:
        rows["weight"] = _weights(_number("weight", plan.weight, branches, count)[keep], kept_entry)
    _fill_values(plan, branches, entry, keep, rows)
    for field, what, expressions in (
        ("observables", "observable", plan.observables),
        ("targets", "target", plan.targets),
    ):
        with np.errstate(over="ignore"):  # beyond float32 is infinite, and counted as such
            for column, (name, expression) in enumerate(expressions.items()):
                rows[field][:, column] = _number(f"{what} {name!r}", expression, branches, count)[keep]
    return rows


def _fill_values(plan: Plan, branches: Mapping[str, Any], entry: NDArray[np.int64], keep: Any, rows: Rows) -> None:
    """Put values and numbers of objects into the records of the entries that pass the cut."""
    data_set, count = plan.data_set, len(entry)
    with np.errstate(over="ignore"):
        for column, feature in enumerate(data_set.features):
            value = _number(f"feature {feature.name!r}", feature.parsed(), branches, count)
            rows["values"][:, column] = value[keep]
        first = len(data_set.features)
        for n, (kind, objects) in enumerate(data_set.objects.items()):
            of_slots, filled = slots(kind, objects, branches, entry)
            rows["kept"][:, n] = filled[keep]
            if objects.mask is not None:
                present = np.arange(objects.count) < filled[:, None]
                of_slots = np.concatenate([of_slots, present[:, :, None]], axis=2)
            width = of_slots.shape[1] * of_slots.shape[2]
            rows["values"][:, first : first + width] = of_slots.reshape(count, width)[keep]
            first += width


def _number(purpose: str, expression: Expression, branches: Mapping[str, Any], count: int) -> NDArray[np.floating]:
    """(count,) float64; a branch of float32 as it is."""
    value = _evaluate(purpose, expression, branches)
    if is_jagged(value):
        raise DataError(
            f"{purpose}: {expression.text!r} is a list{' of lists' * (value.ndim > 2)} an entry, expected one number; "
            "reduce it with sum, num, min, max or nth, or take an element, as in x[:, 0]"
        )
    held = np.asarray(value)
    return np.broadcast_to(held if held.dtype == np.float32 else held.astype(np.float64), (count,))


def _cut(expression: Expression, branches: Mapping[str, Any], count: int) -> NDArray[np.bool_]:
    value = _evaluate("cut", expression, branches)
    if is_jagged(value) or value_kind(value) != "b":
        raise DataError(f"cut: {expression.text!r} is not one truth value an entry; compare, as in x > 0")
    return np.broadcast_to(np.asarray(value), (count,))


def _evaluate(purpose: str, expression: Expression, branches: Mapping[str, Any]) -> Any:
    try:
        return expression.evaluate(branches)
    except DataError as error:
        raise DataError(f"{purpose}: {error}") from error


def _weights(values: NDArray[np.floating], entry: NDArray[np.int64]) -> NDArray[np.float32]:
    good = np.isfinite(values) & (values >= 0) & (values < 1e30)
    if not good.all():
        first = int(np.argmin(good))
        raise DataError(
            f"weight: {values[first]:g} at entry {entry[first]}, expected a number from 0 on, such as abs(...)"
        )
    return values.astype(np.float32)


def _labels(data_set: DataSet, values: NDArray[np.floating], entry: NDArray[np.int64]) -> NDArray[np.int64]:
    assert data_set.label is not None
    what = f"label {data_set.label.expression!r}"
    whole = np.isfinite(values) & (values == np.floor(values))
    if not whole.all():
        first = int(np.argmin(whole))
        raise DataError(f"{what}: {values[first]:g} at entry {entry[first]} is not a whole number")
    classes = data_set.label.classes
    inside = (values >= 0) & (values < len(classes))
    if not inside.all():
        first = int(np.argmin(inside))
        raise DataError(
            f"{what}: {values[first]:g} at entry {entry[first]} is none of the {len(classes)} classes "
            f"(0 to {len(classes) - 1}: {', '.join(classes)})"
        )
    return values.astype(np.int64)


def _identity(name: str, array: Any) -> NDArray[np.integer]:
    if is_jagged(array):
        raise DataError(f"event_id: branch {name!r} holds a list an entry, expected one integer")
    if value_kind(array) not in "iu":
        raise DataError(f"event_id: branch {name!r} holds {array.dtype}, expected integers")
    return np.asarray(array)
