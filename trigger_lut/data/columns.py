"""From chunks of branches to records of channels, labels and identities; only the records are kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trigger_lut.config.data_set import uses
from trigger_lut.config.data_set.expressions import parse
from trigger_lut.config.data_set.files import Source
from trigger_lut.config.data_set.functions import is_jagged, value_kind
from trigger_lut.config.data_set.model import DataSet
from trigger_lut.data.labels import NO_CLASS, class_numbers, evaluated, label_values, one_number, without_class
from trigger_lut.data.list_rows import list_rows
from trigger_lut.data.object_slots import slots
from trigger_lut.data.read import chunks, count_entries
from trigger_lut.data.records import Rows, row_type
from trigger_lut.data.split import hash_columns, mix
from trigger_lut.errors import DataError

CLASS_SALT = np.uint64(0x434C_4153_5300_0001)  # what is kept of a class must not follow from the split


@dataclass(frozen=True)
class Part:
    """Records of a chunk of a file.

    entries        Entries of the tree that were read.
    rows           Records of what passes the cut and has a class.
    without_class  Number of the others that pass the cut, by value of the label.
    branches       Arrays of which the records were made, with an element per row where `rows` names objects.
    kept           Elements of these arrays that have records, in their order.
    """

    entries: int
    rows: Rows
    without_class: Counter[str] = field(default_factory=Counter)
    branches: Mapping[str, Any] = field(default_factory=dict)
    kept: NDArray[np.intp] = field(default_factory=lambda: np.zeros(0, np.intp))


def read_source(data_set: DataSet, source: Source) -> Iterator[Part]:
    """Read a file with its friends, chunk by chunk, in its order.

    NaN and infinite features remain for the caller to treat. Numbers of features, label and cut may be of different
    types in different files; those of event_id must be integers in all.

    Parameters
    ----------
    data_set : DataSet
    source : Source

    Yields
    ------
    Part

    Raises
    ------
    BadFileError
        If the file is a fault in itself.
    DataError
        For everything else that is wrong with a file, a branch, a label or an identity.
    """
    branches, texts = uses.branches(data_set), uses.texts(data_set)
    count = count_entries(source.file, data_set.tree, branches=branches, friends=source.friends)
    read = chunks(
        source.file,
        data_set.tree,
        branches=branches,
        size=data_set.chunk_entries,
        friends=source.friends,
        expected=count,
        texts=texts,
    )
    for start, arrays in read:
        try:
            yield _part(data_set, source, arrays, start)
        except DataError as error:
            raise DataError(f"{source.file}: tree {data_set.tree!r}, {error}") from error


def _part(data_set: DataSet, source: Source, branches: Mapping[str, Any], start: int) -> Part:
    entries = len(next(iter(branches.values())))
    entry = np.arange(start, start + entries)
    ids = [_identity(name, branches[name]) for name in data_set.id_branches]
    ids = ids or [np.full(entries, source.place), entry]
    names = data_set.id_branches or ["file", "entry"]
    inner: list[NDArray[np.integer]] = []  # numbers the rows of an entry
    if data_set.rows is not None:
        branches, parent, element = list_rows(data_set.rows, branches, entry=entry)
        entry, ids, inner = entry[parent], [column[parent] for column in ids], [element]
    keep = np.flatnonzero(_cut(data_set, branches, len(entry)))
    labels, others = _labels(data_set, source, branches, entry, keep)
    keep, labels = keep[labels != NO_CLASS], labels[labels != NO_CLASS]
    chosen = _chosen(data_set, labels, [column[keep] for column in (*ids, *inner)])
    keep, labels = keep[chosen], labels[chosen]
    rows = np.empty(len(keep), row_type(data_set))
    ids, inner = [column[keep] for column in ids], [column[keep] for column in inner]
    repeated = data_set.event_ids_repeat_across_classes
    of_class = [np.full(len(keep), source.kind or 0, np.int64)] if repeated else []
    rows["identity"] = hash_columns([*of_class, *ids, *inner])
    rows["entry"], rows["file"], rows["label"] = entry[keep], 0, labels
    if data_set.split_by or inner:
        wanted = data_set.split_by or names
        rows["group"] = hash_columns([column for name, column in zip(names, ids, strict=True) if name in wanted])
    if data_set.weight is not None:
        rows["weight"] = _weights(
            one_number("weight", parse(data_set.weight), branches=branches, count=len(entry))[keep], entry[keep]
        )
    if data_set.reweight is not None:
        variable = one_number("reweight", parse(data_set.reweight.variable), branches=branches, count=len(entry))[keep]
        rows["bin"] = _bins(variable, data_set.reweight.bins, entry[keep])
    fill_values(data_set, branches, entry=entry, keep=keep, rows=rows)
    targets = {target.name: target.expression for target in data_set.regression_targets or []}
    for name, what, texts in (("observables", "observable", data_set.shown_values), ("targets", "target", targets)):
        with np.errstate(over="ignore"):  # beyond float32 is infinite, and counted as such
            for column, (of, text) in enumerate(texts.items()):
                rows[name][:, column] = one_number(f"{what} {of!r}", parse(text), branches=branches, count=len(entry))[
                    keep
                ]
    return Part(entries, rows, others, branches, keep)


def _chosen(data_set: DataSet, labels: NDArray[np.int64], ids: Sequence[NDArray[Any]]) -> NDArray[np.bool_]:
    """Return whether each entry is among the fraction of its class that the description keeps."""
    if not data_set.class_fractions:
        return np.ones(len(labels), np.bool_)
    fractions = np.array([data_set.class_fractions.get(name, 1.0) for name in data_set.label_classes])
    uniform = (mix(hash_columns(ids) ^ CLASS_SALT) >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return np.asarray(uniform < fractions[labels])


def _labels(
    data_set: DataSet, source: Source, branches: Mapping[str, Any], entry: NDArray[np.int64], keep: NDArray[np.intp]
) -> tuple[NDArray[np.int64], Counter[str]]:
    """Return the classes of the entries `keep`, and how many have none, by value."""
    label = data_set.label
    if label is None or (label.expression is None and label.conditions is None):  # the files say the class, or nothing
        return np.full(len(keep), source.kind or 0, np.int64), Counter()
    kept = {name: array[keep] for name, array in branches.items()}
    numbers = class_numbers(label, kept, entry=entry[keep])
    missing = numbers == NO_CLASS
    if not missing.any():
        return numbers, Counter()
    if label.conditions is not None:
        return numbers, Counter({"no condition": int(missing.sum())})
    return numbers, without_class(label_values(label, kept, count=len(keep))[missing])


def fill_values(
    data_set: DataSet, branches: Mapping[str, Any], *, entry: NDArray[np.int64], keep: NDArray[np.intp], rows: Rows
) -> None:
    """Put values and numbers of objects into the records of the entries that pass the cut.

    Parameters
    ----------
    data_set : DataSet
    branches : mapping of str to numpy.ndarray or awkward.Array
    entry : numpy.ndarray (N,)
        Number of each entry in its tree, for messages.
    keep : numpy.ndarray (M,)
        Entries that have records.
    rows : numpy.ndarray (M,)
        Records to write into.
    """
    count = len(entry)
    with np.errstate(over="ignore"):
        for column, feature in enumerate(data_set.features):
            value = one_number(f"feature {feature.name!r}", feature.parsed(), branches=branches, count=count)
            rows["values"][:, column] = value[keep]
        first = len(data_set.features)
        for n, (kind, objects) in enumerate(data_set.objects.items()):
            of_slots, filled = slots(kind, objects, branches=branches, entry=entry)
            rows["kept"][:, n] = filled[keep]
            if objects.mask is not None:
                present = np.arange(objects.count) < filled[:, None]
                of_slots = np.concatenate([of_slots, present[:, :, None]], axis=2)
            width = of_slots.shape[1] * of_slots.shape[2]
            rows["values"][:, first : first + width] = of_slots.reshape(count, width)[keep]
            first += width


def _cut(data_set: DataSet, branches: Mapping[str, Any], count: int) -> NDArray[np.bool_]:
    """Return whether each entry passes the cut."""
    if data_set.cut is None:
        return np.ones(count, np.bool_)
    value = evaluated("cut", parse(data_set.cut), branches=branches)
    if is_jagged(value) or value_kind(value) != "b":
        raise DataError(f"cut: {data_set.cut!r} is not one truth value per entry; compare, as in x > 0")
    return np.broadcast_to(np.asarray(value), (count,))


def _weights(values: NDArray[np.floating], entry: NDArray[np.int64]) -> NDArray[np.float32]:
    good = np.abs(values) < 1e30
    if not good.all():
        first = int(np.argmin(good))
        raise DataError(f"weight: {values[first]:g} at entry {entry[first]}, expected a number below 1e30")
    return values.astype(np.float32)


def _bins(values: NDArray[np.floating], edges: Sequence[float], entry: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the bin of each value; values beyond the edges belong to the end bins."""
    if not (good := ~np.isnan(values)).all():
        raise DataError(f"reweight: NaN at entry {entry[int(np.argmin(good))]}, expected a number")
    return np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)


def _identity(name: str, array: Any) -> NDArray[np.integer]:
    if is_jagged(array):
        raise DataError(f"event_id: branch {name!r} holds a list per entry, expected one integer")
    if value_kind(array) not in "iu":
        raise DataError(f"event_id: branch {name!r} holds {array.dtype}, expected integers")
    return np.asarray(array)
