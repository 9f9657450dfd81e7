"""From chunks of branches to columns of features, labels and identities; only the columns are kept."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trigger_lut.errors import BadFileError, DataError
from trigger_lut.events.description import DataSet
from trigger_lut.events.expressions import Expression, is_jagged, parse, value_kind
from trigger_lut.events.files import Source
from trigger_lut.events.read import chunks, count_entries
from trigger_lut.events.split import hash_columns


@dataclass(frozen=True)
class Columns:
    """The entries that pass the cut, in the order of reading.

    values  (N, C) float32: a feature's value is its expression, computed in float64, rounded to float32
    labels  (N,) int64
    identity, group  (N,) uint64: hashes of `event_id` and of `split_by`
    file, entry  (N,): index of the file, and entry in its tree
    """

    values: NDArray[np.float32]
    labels: NDArray[np.int64]
    identity: NDArray[np.uint64]
    group: NDArray[np.uint64]
    file: NDArray[np.int32]
    entry: NDArray[np.int64]

    def rows(self, keep: Any) -> Columns:
        """The entries in a mask or an order."""
        return Columns(*(getattr(self, name)[keep] for name in self.__dataclass_fields__))


@dataclass(frozen=True)
class Plan:
    """Which expressions to compute, and the branches that they read with what each is for."""

    features: tuple[tuple[str, Expression], ...]
    label: Expression
    cut: Expression | None
    branches: dict[str, str]

    @classmethod
    def of(cls, data_set: DataSet) -> Plan:
        features = tuple((f.name, f.parsed()) for f in data_set.features)
        label = parse(data_set.label.expression)
        cut = parse(data_set.cut) if data_set.cut is not None else None
        branches = dict.fromkeys(data_set.event_id, "event_id")
        uses = [*((f"feature {name!r}", e) for name, e in features), ("label", label), *([("cut", cut)] if cut else [])]
        for purpose, expression in uses:
            for name in expression.names:
                branches.setdefault(name, purpose)
        return cls(features, label, cut, branches)


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
    held = Columns(
        values=np.empty((total, len(plan.features)), np.float32),
        labels=np.empty(total, np.int64),
        identity=np.empty(total, np.uint64),
        group=np.empty(total, np.uint64),
        file=np.empty(total, np.int32),
        entry=np.empty(total, np.int64),
    )
    end = 0
    for index, count in counts.items():
        source, begin = sources[index], end
        try:
            for start, branches in chunks(
                source.file, data_set.tree, plan.branches, data_set.chunk, source.friends, count
            ):
                try:
                    part = _columns_of(data_set, plan, branches, start, index)
                except DataError as error:
                    raise DataError(f"{source.file}: tree {data_set.tree!r}, {error}") from error
                rows = slice(end, end + len(part.labels))
                for name in held.__dataclass_fields__:
                    getattr(held, name)[rows] = getattr(part, name)
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


def _columns_of(data_set: DataSet, plan: Plan, branches: dict[str, Any], start: int, file: int) -> Columns:
    count = len(branches[data_set.event_id[0]])
    entry = np.arange(start, start + count)
    keep = slice(None) if plan.cut is None else _cut(plan.cut, branches, count)
    values = np.empty((count, len(plan.features)), np.float32)
    with np.errstate(over="ignore"):  # beyond float32 is infinite, and counted as such
        for column, (name, expression) in enumerate(plan.features):
            values[:, column] = _number(f"feature {name!r}", expression, branches, count)
    kept = entry[keep]
    labels = _labels(data_set, _number("label", plan.label, branches, count)[keep], kept)
    ids = {name: _identity(name, branches[name])[keep] for name in data_set.event_id}
    identity = hash_columns(list(ids.values()))
    group = hash_columns([ids[name] for name in data_set.split_by]) if data_set.split_by else identity
    return Columns(values[keep], labels, identity, group, np.full(len(kept), file, np.int32), kept)


def _number(purpose: str, expression: Expression, branches: dict[str, Any], count: int) -> NDArray[np.float64]:
    value = _evaluate(purpose, expression, branches)
    if is_jagged(value):
        raise DataError(
            f"{purpose}: {expression.text!r} is a list an entry, expected one number; "
            "reduce it with sum, num, min, max or nth"
        )
    return np.broadcast_to(np.asarray(value, dtype=np.float64), (count,))


def _cut(expression: Expression, branches: dict[str, Any], count: int) -> NDArray[np.bool_]:
    value = _evaluate("cut", expression, branches)
    if is_jagged(value) or value_kind(value) != "b":
        raise DataError(f"cut: {expression.text!r} is not one truth value an entry; compare, as in x > 0")
    return np.broadcast_to(np.asarray(value), (count,))


def _evaluate(purpose: str, expression: Expression, branches: dict[str, Any]) -> Any:
    try:
        return expression.evaluate(branches)
    except DataError as error:
        raise DataError(f"{purpose}: {error}") from error


def _labels(data_set: DataSet, values: NDArray[np.float64], entry: NDArray[np.int64]) -> NDArray[np.int64]:
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
