"""The stage `ingest`: a data set description and its ROOT files in, integer codes and a card out."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trigger_lut.cards import Stopwatch, write_card
from trigger_lut.errors import DataError
from trigger_lut.events.codes import SPLIT_NAMES, TRAIN, EventCodes, save_codes
from trigger_lut.events.columns import Columns, read_columns
from trigger_lut.events.description import DataSet, load_data_set
from trigger_lut.events.files import Address
from trigger_lut.events.formats import automatic_format
from trigger_lut.events.opening import file_uuid
from trigger_lut.events.split import assign
from trigger_lut.events.together import write_together
from trigger_lut.fixed_point import KIF, encode
from trigger_lut.records import FeatureSummary, IngestCard

BINS = 64


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
        classes=list(events.classes),
        class_counts=class_counts(events),
        features=summaries,
    )
    write_together({codes: lambda path: save_codes(events, path), card: lambda path: write_card(made, path)})


def to_codes(data_set: DataSet, columns: Columns, paths: Sequence[Address]) -> tuple[EventCodes, list[FeatureSummary]]:
    """Codes of all events in rising order of their hash, and a summary of each feature.

    Raises DataError for NaN or infinite features that the description refuses, for an identity that stands twice, and
    for a class without events.
    """
    columns, nonfinite = _treat_nonfinite(data_set, columns, paths)
    columns = columns.rows(np.argsort(columns.identity, kind="stable"))
    _refuse_duplicates(data_set, columns, paths)
    split = assign(columns.group, data_set.split.train, data_set.split.validation)
    _refuse_empty_classes(data_set, columns.labels, split)

    formats: list[KIF] = []
    codes = np.empty(columns.values.shape, np.int32)
    summaries = []
    for n, feature in enumerate(data_set.features):
        values = columns.values[:, n]
        if feature.format is not None:
            kif = feature.format.kif()
        else:
            kif = automatic_format(
                values[split == TRAIN], feature.width or data_set.width, feature.quantiles or data_set.quantiles
            )
        codes[:, n] = encode(values, kif)
        formats.append(kif)
        summaries.append(
            _summary(
                feature.name, kif, feature.format is None, values, codes[:, n], columns.labels, data_set, nonfinite[n]
            )
        )
    events = EventCodes(
        codes,
        columns.labels,
        split,
        columns.identity,
        tuple(formats),
        tuple(f.name for f in data_set.features),
        tuple(data_set.label.classes),
    )
    return events, summaries


def class_counts(events: EventCodes) -> dict[str, dict[str, int]]:
    """Events a class, by split."""
    return {
        name: {c: int(((events.split == s) & (events.labels == k)).sum()) for k, c in enumerate(events.classes)}
        for s, name in enumerate(SPLIT_NAMES)
    }


def _treat_nonfinite(data_set: DataSet, columns: Columns, paths: Sequence[Address]) -> tuple[Columns, list[int]]:
    """Columns with finite values alone, and how many values of each feature were not."""
    counts = []
    refused = []
    drop = np.zeros(len(columns.labels), dtype=bool)
    for n, feature in enumerate(data_set.features):
        bad = ~np.isfinite(columns.values[:, n])
        counts.append(int(bad.sum()))
        action = feature.nonfinite if feature.nonfinite is not None else data_set.nonfinite
        if not counts[-1]:
            continue
        if action == "refuse":
            where = _place(columns, int(np.argmax(bad)), paths)
            refused.append(f"feature {feature.name!r}: {counts[-1]} of {len(bad)} values, first at {where}")
        elif action == "drop":
            drop |= bad
        else:
            columns.values[bad, n] = action
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
    for k, name in enumerate(data_set.label.classes):
        by_split = np.bincount(split[labels == k], minlength=len(SPLIT_NAMES))
        if not by_split.any():
            problems.append(f"class {name!r} (label {k}) has no events")
        else:
            missing = [s for s, count in zip(SPLIT_NAMES, by_split, strict=True) if not count]
            problems += [f"class {name!r} (label {k}) has no events in the {s} split" for s in missing]
    if problems:
        raise DataError(f"data set {data_set.name}: " + "; ".join(problems))


def _summary(
    name: str,
    kif: KIF,
    automatic: bool,
    values: NDArray[np.float32],
    codes: NDArray[np.int32],
    labels: NDArray[np.int64],
    data_set: DataSet,
    nonfinite: int,
) -> FeatureSummary:
    lowest, end = kif.lo * kif.step, (kif.hi + 1) * kif.step
    bins = min(BINS, 1 << kif.bits)
    bin_of = (codes - kif.lo) // ((1 << kif.bits) // bins)
    return FeatureSummary(
        name=name,
        kif=(kif.k, kif.i, kif.f),
        format=str(kif),
        automatic=automatic,
        minimum=float(values.min()),
        maximum=float(values.max()),
        saturated_fraction=float(((values < lowest) | (values >= end)).mean()),
        nonfinite=nonfinite,
        distinct_codes=len(np.unique(codes)),
        histogram={
            "edges": [np.linspace(lowest, end, bins + 1).tolist()],
            "counts": [
                np.bincount(bin_of[labels == k], minlength=bins).tolist() for k in range(len(data_set.label.classes))
            ],
        },
    )
