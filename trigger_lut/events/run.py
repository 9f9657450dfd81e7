"""The stage `ingest`: a data set description and its ROOT files in, integer codes and a card out."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trigger_lut.cards import Stopwatch, write_card
from trigger_lut.errors import DataError
from trigger_lut.events.channels import Channel, channels
from trigger_lut.events.codes import SPLIT_NAMES, TRAIN, EventCodes, save_codes
from trigger_lut.events.columns import Columns, read_columns
from trigger_lut.events.description import DataSet, load_data_set
from trigger_lut.events.encode import encode_values, filled_slots, formats_of, summary
from trigger_lut.events.files import Address
from trigger_lut.events.opening import file_uuid
from trigger_lut.events.split import assign
from trigger_lut.events.targets import scales_of, target_summaries
from trigger_lut.events.together import write_together
from trigger_lut.records import FeatureSummary, IngestCard


def ingest(description: Path, codes: Path, card: Path) -> None:
    """Read the events of a data set description, write codes.npz and an IngestCard.

    Raises ConfigurationError for the description and DataError for the files and for what cannot be written; both
    files are then left as they were.
    """
    watch = Stopwatch()
    data_set = load_data_set(description)
    sources = data_set.sources()
    columns, left_out = read_columns(data_set, sources)
    events, summaries = to_codes(data_set, columns, [s.file for s in sources])
    if left_out:
        print(f"ingest: {len(left_out)} of {len(sources)} files left out", file=sys.stderr, flush=True)
    read = dict.fromkeys(file for s in sources if str(s.file) not in left_out for file in s.all_files())
    here = [file for file in read if isinstance(file, Path)]
    try:
        provenance = watch.provenance([description, *data_set.lists(), *here], "uproot", "awkward", "numpy")
    except OSError as error:
        raise DataError(f"{error.filename}: read, but gone before its checksum was taken: {error.strerror}") from error
    made = IngestCard(
        **provenance,
        data_set=data_set.name,
        files=len(sources) - len(left_out),
        left_out=left_out,
        remote={file: file_uuid(file) for file in read if isinstance(file, str)},
        events=len(events.labels),
        classes=data_set.kinds,
        class_counts=class_counts(events, data_set.kinds),
        targets=target_summaries(data_set, events),
        features=summaries,
    )
    write_together({codes: lambda path: save_codes(events, path), card: lambda path: write_card(made, path)})


def to_codes(data_set: DataSet, columns: Columns, paths: Sequence[Address]) -> tuple[EventCodes, list[FeatureSummary]]:
    """Codes of all events in rising order of their hash, and a summary of each feature.

    Raises DataError for NaN or infinite features that the description refuses, for an identity that stands twice, and
    for a class without events.
    """
    described = channels(data_set)
    columns, nonfinite = _treat_nonfinite(data_set, described, columns, paths)
    columns = columns.rows(np.argsort(columns.identity, kind="stable"))
    _refuse_duplicates(data_set, columns, paths)
    split = assign(columns.group, data_set.split.train, data_set.split.validation)
    _refuse_empty_classes(data_set, columns.labels, split)
    formats = formats_of(data_set, described, columns, split == TRAIN)
    codes = np.empty(columns.values.shape, np.int32)
    summaries = []
    for n, channel in enumerate(described):
        values, kif = columns.values[:, n], formats[n]
        codes[:, n] = encode_values(values, channel.feature, kif)
        filled = filled_slots(data_set, channel, columns)
        summaries.append(summary(channel, kif, values, codes[:, n], columns.labels, filled, len(data_set.kinds)))
    scales = scales_of(data_set, columns.aims[split == TRAIN])
    events = EventCodes(
        codes,
        columns.labels,
        split,
        columns.identity,
        tuple(formats),
        tuple(channel.name for channel in described),
        tuple(data_set.outputs),
        weights=_training_weights(data_set, columns, split),
        aims=(columns.aims / np.array(scales, np.float32)).astype(np.float32) if scales else None,
        scales=tuple(scales),
        units=tuple(target.unit for target in data_set.targets or []),
        observables=columns.observables if data_set.observables else None,
        observable_names=tuple(data_set.observables),
    )
    return events, [s.model_copy(update={"nonfinite": count}) for s, count in zip(summaries, nonfinite, strict=True)]


def _training_weights(data_set: DataSet, columns: Columns, split: NDArray[np.uint8]) -> NDArray[np.float32] | None:
    """(N,) weights of mean 1 over the training split, each class alike where the description says so; None: no weights.

    Raises DataError for a class whose weights are all 0 there.
    """
    if data_set.weight is None and not data_set.balance_classes:
        return None
    weights, train = columns.weight.astype(np.float64), split == TRAIN
    of_class = np.bincount(columns.labels[train], weights[train], minlength=len(data_set.kinds))
    if not (of_class > 0).all():
        name = data_set.kinds[int(np.argmin(of_class > 0))]
        raise DataError(f"data set {data_set.name}: class {name!r} has no weight in the training split")
    if data_set.balance_classes:
        weights /= of_class[columns.labels]
    return np.asarray(weights / weights[train].mean(), np.float32)


def class_counts(events: EventCodes, kinds: Sequence[str]) -> dict[str, dict[str, int]]:
    """Events a class, by split."""
    return {
        name: {c: int(((events.split == s) & (events.labels == k)).sum()) for k, c in enumerate(kinds)}
        for s, name in enumerate(SPLIT_NAMES)
    }


def _treat_nonfinite(
    data_set: DataSet, described: Sequence[Channel], columns: Columns, paths: Sequence[Address]
) -> tuple[Columns, list[int]]:
    """Columns with finite values alone, and how many values of each feature were not."""
    counts = []
    refused = []
    drop = np.zeros(len(columns.labels), dtype=bool)
    for n, channel in enumerate(described):
        bad = ~np.isfinite(columns.values[:, n])
        counts.append(int(bad.sum()))
        own = channel.feature.nonfinite
        action = own if own is not None else data_set.nonfinite
        if not counts[-1]:
            continue
        if action == "refuse":
            where = _place(columns, int(np.argmax(bad)), paths)
            refused.append(f"feature {channel.name!r}: {counts[-1]} of {len(bad)} values, first at {where}")
        elif action == "drop":
            drop |= bad
        else:
            columns.values[bad, n] = action
    others = [(f"observable {name!r}", columns.observables[:, n]) for n, name in enumerate(data_set.observables)]
    others += [(f"target {t.name!r}", columns.aims[:, n]) for n, t in enumerate(data_set.targets or [])]
    for what, values in others:
        if (bad := ~np.isfinite(values)).any():
            where = _place(columns, int(np.argmax(bad)), paths)
            refused.append(f"{what}: {int(bad.sum())} of {len(bad)} values, first at {where}")
    if refused:
        raise DataError(
            f"data set {data_set.name}: NaN or infinite values; set nonfinite to drop or to {{replace: <number>}}\n  "
            + "\n  ".join(refused)
        )
    if drop.all():
        raise DataError(f"data set {data_set.name}: no entry is left after dropping NaN and infinite values")
    return columns.rows(~drop) if drop.any() else columns, counts


def _place(columns: Columns, row: int, paths: Sequence[Address]) -> str:
    return f"entry {columns.entry[row]} of {paths[columns.file[row]]}"


def _refuse_duplicates(data_set: DataSet, columns: Columns, paths: Sequence[Address]) -> None:
    same = columns.identity[1:] == columns.identity[:-1]
    if same.any():
        row = int(np.argmax(same))
        places = sorted((int(columns.file[r]), int(columns.entry[r]), r) for r in (row, row + 1))
        first, second = (_place(columns, r, paths) for _, _, r in places)
        raise DataError(
            f"data set {data_set.name}: {int(same.sum())} entries have the event_id ({', '.join(data_set.event_id)}) "
            f"of another, such as {first} and {second}"
        )


def _refuse_empty_classes(data_set: DataSet, labels: NDArray[np.int64], split: NDArray[np.uint8]) -> None:
    problems = []
    for k, name in enumerate(data_set.kinds):
        by_split = np.bincount(split[labels == k], minlength=len(SPLIT_NAMES))
        if not by_split.any():
            problems.append(f"class {name!r} (label {k}) has no events")
        else:
            missing = [s for s, count in zip(SPLIT_NAMES, by_split, strict=True) if not count]
            problems += [f"class {name!r} (label {k}) has no events in the {s} split" for s in missing]
    if problems:
        raise DataError(f"data set {data_set.name}: " + "; ".join(problems))
