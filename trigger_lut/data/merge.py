"""From the records of all files to the arrays of codes, in rising order of the events' hashes.

Entries go through four times, a bucket at a time, so that memory does not grow with their number: into order, for the
formats (twice, `quantiles`), and into codes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trigger_lut.cards.stage_cards import FeatureSummary, InputFormat, TargetSummary
from trigger_lut.config.data_set.channels import channels
from trigger_lut.config.data_set.model import DataSet
from trigger_lut.data.buckets import BUCKET_BYTES, Buckets
from trigger_lut.data.channel_checks import channel_warnings
from trigger_lut.data.event_codes import SPLIT_NAMES, TEST, TRAIN, EventCodes, arrays_of
from trigger_lut.data.moments import Moments
from trigger_lut.data.nonfinite import Nonfinite
from trigger_lut.data.quantize import Tally, formats_of, formats_of_model
from trigger_lut.data.records import Rows, filled_slots, groups, read_rows, row_type, weights
from trigger_lut.data.split import assign
from trigger_lut.data.stored_arrays import Stored
from trigger_lut.data.targets import scales_of, target_summaries
from trigger_lut.data.training_weights import TrainingWeights
from trigger_lut.errors import DataError
from trigger_lut.fixed_point.formats import KIF
from trigger_lut.utils.wording import counted


@dataclass(frozen=True)
class Shard:
    """Records of one file: its name for messages, where they are and how many."""

    file: str
    rows: Path
    count: int


@dataclass(frozen=True)
class Merged:
    """Events of a data set.

    part      the last events, with all that is not an array
    counts    (3, classes) events by split
    warnings  about channels
    """

    part: EventCodes
    arrays: dict[str, Stored]
    counts: NDArray[np.int64]
    features: list[FeatureSummary]
    targets: list[TargetSummary]
    warnings: list[str]


def merge(
    data_set: DataSet,
    shards: Sequence[Shard],
    *,
    folder: Path,
    size: int = BUCKET_BYTES,
    frozen: EventCodes | None = None,
    read: Sequence[InputFormat | None] | None = None,
    formats: Sequence[KIF] | None = None,
) -> Merged:
    """Encode the records of all files.

    Parameters
    ----------
    data_set : DataSet
    shards : sequence of Shard
        Records of each file.
    folder : Path
        Empty folder for the arrays.
    size : int
        Bytes of records in memory.
    frozen : EventCodes, optional
        Codes of the same channels, whose formats and scales are taken. Weights then remain as given,
        and classes may be without events.
    read : sequence of InputFormat or None, optional
        What an imported model reads, by channel: the automatic formats of channels without a width of their own.
    formats : sequence of KIF, optional
        Formats of all channels. Default: as the description and the distribution give them.

    Returns
    -------
    Merged

    Raises
    ------
    DataError
        For NaN or infinite features that the description refuses, duplicate identities, and classes
        without events.
    CardError
        For records of another description.
    """
    described = channels(data_set)
    files = [shard.file for shard in shards]
    buckets = Buckets(sum(shard.count for shard in shards), row_type(data_set), folder=folder, size=size)
    nonfinite = Nonfinite(data_set, described, files)
    for number, shard in enumerate(shards):
        for rows in read_rows(shard.rows, buckets.row):
            rows["file"] = number
            buckets.add(nonfinite.treat(rows))
    nonfinite.refuse()
    statistics = _Statistics(data_set, files, for_training=frozen is None)
    for rows in buckets.sort():
        statistics.add(rows, split_of(data_set, rows))
    statistics.refuse()

    def training() -> Iterator[Rows]:
        return (rows[split_of(data_set, rows) == TRAIN] for rows in buckets)

    of_model = formats_of_model(described, read)
    if frozen is None:
        formats = (
            formats_of(data_set, described, training=training, read=of_model) if formats is None else tuple(formats)
        )
        scales = scales_of(data_set, statistics.training_targets.spread)
    else:
        formats, scales = frozen.formats, list(frozen.scales) if data_set.regression_targets else []
    tallies = [
        Tally(channel, kif, classes=len(data_set.label_classes), of_model=channel.group in of_model)
        for channel, kif in zip(described, formats, strict=True)
    ]
    arrays: dict[str, Stored] = {}
    for rows in filter(len, buckets):  # `seen` has refused to be without any
        part = _encoded(data_set, rows, tallies, statistics, scales)
        problems = part.problems()
        assert not problems, problems
        for name, array in arrays_of(part).items():
            arrays.setdefault(name, Stored(folder / name)).append(array)
    features = [tally.summary(count) for tally, count in zip(tallies, nonfinite.counts(), strict=True)]
    return Merged(
        part,
        arrays,
        statistics.counts,
        features,
        target_summaries(data_set, statistics.targets, scales=scales),
        [
            *channel_warnings(
                features, [tally.digest.digest() for tally in tallies], events=int(statistics.counts.sum())
            ),
            *statistics.weights.warnings(),
        ],
    )


def split_of(data_set: DataSet, rows: Rows) -> NDArray[np.uint8]:
    """(N,) the split of each entry; of classes that are not trained on the test split."""
    splits = assign(groups(rows), data_set.split.train, validation=data_set.split.validation)
    splits[~np.array(data_set.trained_on)[rows["label"]]] = TEST
    return splits


class _Statistics:
    """Statistics of all entries, which come sorted, before the first one is encoded."""

    def __init__(self, data_set: DataSet, files: Sequence[str], for_training: bool) -> None:
        self.data_set, self.files, self.for_training = data_set, files, for_training
        classes, targets = len(data_set.label_classes), len(data_set.regression_targets or [])
        self.counts = np.zeros((len(SPLIT_NAMES), classes), np.int64)
        self.weights = TrainingWeights(data_set)
        self.targets, self.training_targets = Moments(targets), Moments(targets)
        self.twice, self.first_twice = 0, ""

    def add(self, rows: Rows, split: NDArray[np.uint8]) -> None:
        classes, labels, train = self.counts.shape[1], rows["label"].astype(np.int64), split == TRAIN
        both = np.bincount(split * np.int64(classes) + labels, minlength=self.counts.size)
        self.counts += both.reshape(self.counts.shape)
        self.weights.add(rows[train])
        if self.data_set.regression_targets:
            self.targets.add(rows["targets"])
            self.training_targets.add(rows["targets"][train])
        same = rows["identity"][1:] == rows["identity"][:-1]
        if same.any():
            pair = rows[int(np.argmax(same)) :][:2]
            pair = pair[np.lexsort((pair["entry"], pair["file"]))]
            places = [f"entry {row['entry']} of {self.files[row['file']]}" for row in pair]
            apart = pair["label"][0] != pair["label"][1] and self.data_set.files_by_class is not None
            hint = (
                "; if events of different classes are different ones, say event_ids_repeat_across_classes: true"
                if apart
                else ""
            )
            self.first_twice = self.first_twice or " and ".join(places) + hint
            self.twice += int(same.sum())

    def refuse(self) -> None:
        """Raise DataError for duplicate entries and for classes without events or weight."""
        name = f"data set {self.data_set.name}"
        if self.twice:
            raise DataError(
                f"{name}: {counted(self.twice, 'duplicate entry', plural='duplicate entries')} by event_id "
                f"({', '.join(self.data_set.id_branches) or 'entry'}). Expected another value for each entry, found "
                f"twice: {self.first_twice}"
            )
        if not self.for_training:
            return
        problems = []
        for k, kind in enumerate(self.data_set.label_classes):
            if not self.counts[:, k].any():
                problems.append(f"class {kind!r} (label {k}) has no events")
            elif self.data_set.trained_on[k]:
                missing = [s for s, count in zip(SPLIT_NAMES, self.counts[:, k], strict=True) if not count]
                problems += [f"class {kind!r} (label {k}) has no events in the {s} split" for s in missing]
        if problems:
            raise DataError(f"{name}: " + "; ".join(problems))
        if (problem := self.weights.problem()) is not None:
            raise DataError(f"{name}: {problem}")

    def training_weights(self, rows: Rows) -> NDArray[np.float32] | None:
        """Return (N,) weights as the description says; None: no weights."""
        if not self.for_training:
            return None if self.data_set.weight is None else weights(rows).astype(np.float32)
        return self.weights.of(rows, int(self.counts[TRAIN].sum()))


def _encoded(
    data_set: DataSet, rows: Rows, tallies: Sequence[Tally], statistics: _Statistics, scales: Sequence[float]
) -> EventCodes:
    codes, labels = np.empty((len(rows), len(tallies)), np.int32), rows["label"].astype(np.int64)
    for n, tally in enumerate(tallies):
        codes[:, n] = tally.encode(
            rows["values"][:, n], labels, filled=filled_slots(data_set, tally.channel, rows=rows)
        )
    formats: tuple[KIF, ...] = tuple(tally.kif for tally in tallies)
    return EventCodes(
        codes,
        labels,
        split_of(data_set, rows),
        np.ascontiguousarray(rows["identity"]),
        formats,
        tuple(tally.channel.name for tally in tallies),
        tuple(data_set.truth_names),
        weights=statistics.training_weights(rows),
        targets=(rows["targets"] / np.array(scales, np.float32)).astype(np.float32) if scales else None,
        scales=tuple(scales),
        units=tuple(target.unit for target in data_set.regression_targets or []),
        observables=np.ascontiguousarray(rows["observables"]) if data_set.shown_values else None,
        observable_names=tuple(data_set.shown_values),
        group=groups(rows) if data_set.rows is not None else None,
        several_heads=data_set.truth_heads if len(data_set.truth_heads) > 1 else (),
    )
