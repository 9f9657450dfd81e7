"""From chunks of branches to columns of channels, labels and identities; only the columns are kept."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trigger_lut.errors import BadFileError, DataError
from trigger_lut.events.channels import Channel, channels
from trigger_lut.events.description import DataSet
from trigger_lut.events.expressions import Expression, is_jagged, parse, value_kind
from trigger_lut.events.files import Source
from trigger_lut.events.objects import slots
from trigger_lut.events.read import chunks, count_entries
from trigger_lut.events.split import hash_columns


@dataclass(frozen=True)
class Columns:
    """The entries that pass the cut, in the order of reading.

    values  (N, C) float32, by channel: its expression, computed in float64, rounded to float32
    kept  (N, O) int32, by kind of objects: how many of the slots are filled
    labels  (N,) int64
    weight  (N,) float32, of the entry in training
    observables, aims  (N, M), (N, T) float32
    identity, group  (N,) uint64: hashes of `event_id` and of `split_by`
    file, entry  (N,): index of the file, and entry in its tree
    """

    values: NDArray[np.float32]
    kept: NDArray[np.int32]
    labels: NDArray[np.int64]
    weight: NDArray[np.float32]
    observables: NDArray[np.float32]
    aims: NDArray[np.float32]
    identity: NDArray[np.uint64]
    group: NDArray[np.uint64]
    file: NDArray[np.int32]
    entry: NDArray[np.int64]

    def rows(self, keep: Any) -> Columns:
        """The entries in a mask or an order."""
        return Columns(*(getattr(self, field.name)[keep] for field in fields(self)))

    @classmethod
    def empty(cls, count: int, plan: Plan) -> Columns:
        """Room for so many entries."""
        of_data = plan.data_set
        return cls(
            values=np.empty((count, len(plan.channels)), np.float32),
            kept=np.empty((count, len(of_data.objects)), np.int32),
            labels=np.empty(count, np.int64),
            weight=np.empty(count, np.float32),
            observables=np.empty((count, len(of_data.observables)), np.float32),
            aims=np.empty((count, len(of_data.targets or [])), np.float32),
            identity=np.empty(count, np.uint64),
            group=np.empty(count, np.uint64),
            file=np.empty(count, np.int32),
            entry=np.empty(count, np.int64),
        )


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
    aims: dict[str, Expression]
    branches: dict[str, str]

    @classmethod
    def of(cls, data_set: DataSet) -> Plan:
        def parsed(text: str | None) -> Expression | None:
            return None if text is None else parse(text)

        label = parsed(data_set.label.expression) if data_set.label is not None else None
        cut, weight = parsed(data_set.cut), parsed(data_set.weight)
        aims = {target.name: parse(target.expression) for target in data_set.targets or []}
        observables = {name: parse(text) for name, text in data_set.observables.items()}
        uses = [(f"feature {f.name!r}", f.parsed()) for f in data_set.features]
        for kind, objects in data_set.objects.items():
            uses += [(f"objects {kind!r}, feature {f.name!r}", f.parsed()) for f in objects.features]
            keys = (("sort_by", objects.sort_by), ("select", objects.select))
            uses += [(f"objects {kind!r}, {key}", parse(text)) for key, text in keys if text is not None]
        named = (("label", label), ("cut", cut), ("weight", weight))
        uses += [(purpose, expression) for purpose, expression in named if expression is not None]
        uses += [(f"observable {name!r}", expression) for name, expression in observables.items()]
        uses += [(f"target {name!r}", expression) for name, expression in aims.items()]
        branches = dict.fromkeys(data_set.event_id, "event_id")
        for purpose, expression in uses:
            for name in expression.names:
                branches.setdefault(name, purpose)
        return cls(data_set, channels(data_set), label, cut, weight, observables, aims, branches)


def read_columns(data_set: DataSet, sources: Sequence[Source]) -> tuple[Columns, dict[str, str]]:
    """The entries of all files, and the files that were left out with the reason; one chunk is held at a time.

    A file that is a fault in itself (BadFileError) is left out where the description says so, with all its entries.
    Raises DataError for everything else that is wrong with a file, a branch, a label or an identity, when no file can
    be read, and when no entry is left. NaN and infinite features are left in for the caller to treat. Numbers of
    features, label and cut may be of different types in different files; those of event_id must be integers in all.
    """
    plan = Plan.of(data_set)
    left_out: dict[str, str] = {}
    counts: dict[int, int] = {}
    for index, source in enumerate(sources):
        try:
            counts[index] = count_entries(source.file, data_set.tree, plan.branches, source.friends)
        except BadFileError as error:
            _leave_out(data_set, source, error, left_out)
    _refuse_all_left_out(data_set, sources, left_out)
    total = sum(counts.values())
    if total == 0:
        raise DataError(f"data set {data_set.name}: tree {data_set.tree!r} has no entries in {_files(sources)}")
    held = Columns.empty(total, plan)
    end = 0
    for index, count in counts.items():
        source, begin = sources[index], end
        try:
            for start, branches in chunks(
                source.file, data_set.tree, plan.branches, data_set.chunk, source.friends, count
            ):
                try:
                    part = _columns_of(plan, branches, start, index, source.kind)
                except DataError as error:
                    raise DataError(f"{source.file}: tree {data_set.tree!r}, {error}") from error
                rows = slice(end, end + len(part.labels))
                for field in fields(held):
                    getattr(held, field.name)[rows] = getattr(part, field.name)
                end = rows.stop
        except BadFileError as error:
            _leave_out(data_set, source, error, left_out)
            end = begin
    _refuse_all_left_out(data_set, sources, left_out)
    if end == 0:
        raise DataError(f"data set {data_set.name}: none of {total} entries in {_files(sources)} passes the cut")
    return held.rows(slice(0, end)), left_out


def _leave_out(data_set: DataSet, source: Source, error: BadFileError, left_out: dict[str, str]) -> None:
    if data_set.on_bad_file == "refuse":
        raise error
    print(f"ingest: left out: {error}", file=sys.stderr, flush=True)
    left_out[str(source.file)] = str(error).removeprefix(f"{source.file}: ")


def _refuse_all_left_out(data_set: DataSet, sources: Sequence[Source], left_out: dict[str, str]) -> None:
    if len(left_out) == len(sources):
        lines = [f"{file}: {reason}" for file, reason in left_out.items()]
        raise DataError(f"data set {data_set.name}: none of its files can be read\n  " + "\n  ".join(lines))


def _files(sources: Sequence[Source]) -> str:
    first = sources[0].file
    return str(first) if len(sources) == 1 else f"{len(sources)} files ({first}, ...)"


def _columns_of(plan: Plan, branches: Mapping[str, Any], start: int, file: int, of_file: int | None) -> Columns:
    data_set = plan.data_set
    count = len(branches[data_set.event_id[0]])
    entry = np.arange(start, start + count)
    keep = slice(None) if plan.cut is None else _cut(plan.cut, branches, count)
    values, kept = _values(plan, branches, entry)
    kept_entry = entry[keep]
    if plan.label is None:  # the files say the class, or there is none
        labels = np.full(len(kept_entry), of_file or 0, np.int64)
    else:
        labels = _labels(data_set, _number("label", plan.label, branches, count)[keep], kept_entry)
    weight = np.ones(count) if plan.weight is None else _number("weight", plan.weight, branches, count)
    ids = {name: _identity(name, branches[name])[keep] for name in data_set.event_id}
    identity = hash_columns(list(ids.values()))
    return Columns(
        values=values[keep],
        kept=kept[keep],
        labels=labels,
        weight=_weights(weight[keep], kept_entry),
        observables=_numbers("observable", plan.observables, branches, count)[keep],
        aims=_numbers("target", plan.aims, branches, count)[keep],
        identity=identity,
        group=hash_columns([ids[name] for name in data_set.split_by]) if data_set.split_by else identity,
        file=np.full(len(kept_entry), file, np.int32),
        entry=kept_entry,
    )


def _values(
    plan: Plan, branches: Mapping[str, Any], entry: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """(values, kept) of `Columns`, the cut not yet applied."""
    data_set, count = plan.data_set, len(entry)
    values = np.empty((count, len(plan.channels)), np.float32)
    kept = np.empty((count, len(data_set.objects)), np.int32)
    with np.errstate(over="ignore"):  # beyond float32 is infinite, and counted as such
        for column, feature in enumerate(data_set.features):
            values[:, column] = _number(f"feature {feature.name!r}", feature.parsed(), branches, count)
        first = len(data_set.features)
        for n, (kind, objects) in enumerate(data_set.objects.items()):
            of_slots, kept[:, n] = slots(kind, objects, branches, entry)
            if objects.mask is not None:
                filled = np.arange(objects.count) < kept[:, n, None]
                of_slots = np.concatenate([of_slots, filled[:, :, None]], axis=2)
            width = of_slots.shape[1] * of_slots.shape[2]
            values[:, first : first + width] = of_slots.reshape(count, width)
            first += width
    return values, kept


def _number(purpose: str, expression: Expression, branches: Mapping[str, Any], count: int) -> NDArray[np.float64]:
    value = _evaluate(purpose, expression, branches)
    if is_jagged(value):
        raise DataError(
            f"{purpose}: {expression.text!r} is a list an entry, expected one number; "
            "reduce it with sum, num, min, max or nth"
        )
    return np.broadcast_to(np.asarray(value, dtype=np.float64), (count,))


def _numbers(
    purpose: str, expressions: Mapping[str, Expression], branches: Mapping[str, Any], count: int
) -> NDArray[np.float32]:
    found = np.empty((count, len(expressions)), np.float32)
    with np.errstate(over="ignore"):
        for column, (name, expression) in enumerate(expressions.items()):
            found[:, column] = _number(f"{purpose} {name!r}", expression, branches, count)
    return found


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


def _weights(values: NDArray[np.float64], entry: NDArray[np.int64]) -> NDArray[np.float32]:
    good = np.isfinite(values) & (values >= 0) & (values < 1e30)
    if not good.all():
        first = int(np.argmin(good))
        raise DataError(
            f"weight: {values[first]:g} at entry {entry[first]}, expected a number from 0 on, such as abs(...)"
        )
    return values.astype(np.float32)


def _labels(data_set: DataSet, values: NDArray[np.float64], entry: NDArray[np.int64]) -> NDArray[np.int64]:
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
