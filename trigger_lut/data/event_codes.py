"""Integer codes, labels and split of all events: what ingest writes and every later stage reads.

The file is mapped, so that there may be more events than memory holds; what goes through all of them goes by blocks.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from trigger_lut.config.data_set.heads import CLASSES, Head, PlacedHead, heads_of, joined_truth, placed
from trigger_lut.data.npy import forget, map_arrays, write_arrays
from trigger_lut.data.stored_arrays import Stored
from trigger_lut.errors import CardError
from trigger_lut.fixed_point.formats import KIF
from trigger_lut.utils.files import atomic_path

SCHEMA_VERSION = 3
TRAIN, VALIDATION, TEST = 0, 1, 2
SPLIT_NAMES = ("train", "validation", "test")
OPTIONAL = ("weights", "targets", "observables", "group")
BLOCK = 65536  # events processed at a time


class PlacedTarget(NamedTuple):
    """A target: its name and unit, the value of an output of 1, its column of `targets`, and the output that is it."""

    name: str
    unit: str
    scale: float
    column: int
    output: int


@dataclass(frozen=True)
class EventCodes:
    """All events of a data set, rows in rising order of `event_id`.

    codes     (N, C) int32, each column in its entry of `formats`: what the firmware gets at its input
    labels    (N,) int64, index into `classes`; of a regression 0
    split     (N,) uint8: TRAIN, VALIDATION or TEST
    event_id  (N,) uint64, hash of the event's identity
    weights   (N,) float32 of mean 1 over the training split; None: all are 1
    targets   (N, T) float32, what a regression aims at, in `scales`; None: there are no targets
    observables  (N, M) float32, what results are shown against; None: there are none
    group     (N,) uint64, hash of the event of each row; None: a row is an event
    classes: names of the outputs of a network: classes, or targets of a regression, or both; none where nothing is
    known of the events. label_classes: names that labels index where these are no outputs, as in anomaly detection.
    scales, units: (T,) value and unit of an output of 1. several_heads: heads where there are more than one.
    """

    codes: NDArray[np.int32]
    labels: NDArray[np.int64]
    split: NDArray[np.uint8]
    event_id: NDArray[np.uint64]
    formats: tuple[KIF, ...]
    features: tuple[str, ...]
    classes: tuple[str, ...]
    weights: NDArray[np.float32] | None = None
    targets: NDArray[np.float32] | None = None
    scales: tuple[float, ...] = ()
    units: tuple[str, ...] = ()
    observables: NDArray[np.float32] | None = None
    observable_names: tuple[str, ...] = ()
    label_classes: tuple[str, ...] = ()
    group: NDArray[np.uint64] | None = None
    several_heads: tuple[Head, ...] = ()

    @property
    def heads(self) -> tuple[Head, ...]:
        """Heads of a network for these events."""
        if self.several_heads:
            return self.several_heads
        return heads_of(self.classes, ()) if self.targets is None else heads_of((), self.classes)

    @property
    def placed_heads(self) -> list[PlacedHead]:
        """Heads with their columns of outputs and truth."""
        return placed(self.heads)

    @property
    def class_head(self) -> PlacedHead | None:
        """Head of the classes; None: outputs are numbers alone."""
        return next((one for one in self.placed_heads if one.head.kind == CLASSES), None)

    @property
    def placed_targets(self) -> list[PlacedTarget]:
        """Targets with their columns."""
        first = len(self.classes) - len(self.scales)
        return [
            PlacedTarget(self.classes[first + n], self.units[n], scale, n, first + n)
            for n, scale in enumerate(self.scales)
        ]

    @property
    def label_names(self) -> tuple[str, ...]:
        """Names that labels index."""
        return self.label_classes or (self.classes if self.class_head is None else self.class_head.head.outputs)

    @property
    def labeled(self) -> bool:
        """True if labels are classes."""
        return self.class_head is not None or bool(self.label_classes)

    @property
    def has_targets(self) -> bool:
        """True if outputs of a head are numbers instead of one score per class."""
        return self.targets is not None

    @property
    def output_scales(self) -> tuple[float, ...]:
        """Value of an output of 1, for each output; 1 for classes."""
        return (1.0,) * (len(self.classes) - len(self.scales)) + self.scales

    @property
    def output_units(self) -> tuple[str, ...]:
        """Unit of each output; empty for classes."""
        return ("",) * (len(self.classes) - len(self.units)) + self.units

    def truth(self, split: int) -> NDArray[Any]:
        """Return the truth of one split for all heads.

        Parameters
        ----------
        split : int
            TRAIN, VALIDATION or TEST.

        Returns
        -------
        numpy.ndarray
            Labels (N,) int64, targets (N, T) float32, or labels and targets (N, 1 + T) float32.
        """
        chosen = self.split == split
        return joined_truth(
            self.labels[chosen], None if self.targets is None else self.targets[chosen], heads=self.heads
        )

    def labels_of(self, split: int) -> NDArray[np.int64]:
        """Return labels of one split, in the order of rows.

        Parameters
        ----------
        split : int
            TRAIN, VALIDATION or TEST.

        Returns
        -------
        numpy.ndarray (N,)
        """
        return np.asarray(self.labels[self.split == split])

    def of(self, split: int) -> tuple[NDArray[np.int32], NDArray[Any]]:
        """Return codes (N, C) and `truth` of one split.

        Parameters
        ----------
        split : int
            TRAIN, VALIDATION or TEST.

        Returns
        -------
        tuple of numpy.ndarray
        """
        chosen = self.codes[self.split == split], self.truth(split)
        forget(self.codes)
        return chosen

    def weights_of(self, split: int) -> NDArray[np.float32] | None:
        """Return weights of one split, in the order of rows.

        Parameters
        ----------
        split : int
            TRAIN, VALIDATION or TEST.

        Returns
        -------
        numpy.ndarray (N,) or None
        """
        return None if self.weights is None else self.weights[self.split == split]

    def training_targets(self, split: int) -> NDArray[Any]:
        """Return `truth` for training.

        Parameters
        ----------
        split : int
            TRAIN, VALIDATION or TEST.

        Returns
        -------
        numpy.ndarray
            Labels as int32. With weights one more column, and all are float32.
        """
        truth = self.truth(split)
        if self.weights is None:
            return truth if self.has_targets else truth.astype(np.int32)
        columns = truth if truth.ndim == 2 else truth[:, None]
        return np.concatenate([columns.astype(np.float32), self.weights[self.split == split, None]], axis=1)

    def block(self, start: int, stop: int) -> EventCodes:
        """Return the events of rows start..stop-1 without a copy.

        Parameters
        ----------
        start, stop : int

        Returns
        -------
        EventCodes
        """
        rows = slice(start, stop)
        return replace(
            self,
            codes=self.codes[rows],
            labels=self.labels[rows],
            split=self.split[rows],
            event_id=self.event_id[rows],
            **{name: array[rows] for name in OPTIONAL if (array := getattr(self, name)) is not None},
        )

    def blocks(self, size: int = BLOCK) -> Iterator[EventCodes]:
        """Yield all events in the order of rows, and release what was read of a mapped file.

        Parameters
        ----------
        size : int
            Events of a block.

        Yields
        ------
        EventCodes
        """
        for start in range(0, len(self.codes), size):
            yield self.block(start, start + size)
            forget(self.codes)

    def counts(self, size: int = BLOCK) -> NDArray[np.int64]:
        """Count the events of each split in each of `blocks(size)`.

        Parameters
        ----------
        size : int

        Returns
        -------
        numpy.ndarray (B, 3)
        """
        counts = [np.bincount(block.split, minlength=len(SPLIT_NAMES)) for block in self.blocks(size)]
        return np.array(counts, np.int64).reshape(-1, len(SPLIT_NAMES))

    def chunks(self, split: int, size: int = BLOCK) -> Iterator[tuple[NDArray[np.int32], NDArray[Any]]]:
        """Yield codes and `truth` of one split in the order of rows.

        Parameters
        ----------
        split : int
            TRAIN, VALIDATION or TEST.
        size : int
            Events of a chunk; the last one has fewer.

        Yields
        ------
        tuple of numpy.ndarray
        """
        parts_waiting = [self.block(0, 0).of(split)]
        waiting = 0
        for block in self.blocks(size):
            parts_waiting.append(block.of(split))
            waiting += len(parts_waiting[-1][1])
            if waiting >= size:
                codes, labels = (np.concatenate(parts) for parts in zip(*parts_waiting, strict=True))
                yield codes[:size], labels[:size]
                parts_waiting, waiting = [(codes[size:], labels[size:])], waiting - size
        if waiting:
            codes, labels = (np.concatenate(parts) for parts in zip(*parts_waiting, strict=True))
            yield codes, labels

    def first(self, split: int, count: int) -> tuple[NDArray[np.int32], NDArray[Any]]:
        """Return codes and `truth` of the first events in one split.

        Parameters
        ----------
        split : int
            TRAIN, VALIDATION or TEST.
        count : int
            Events; all where there are fewer.

        Returns
        -------
        tuple of numpy.ndarray
        """
        return next(self.chunks(split, count), self.block(0, 0).of(split))

    def problems(self) -> list[str]:
        """Return every inconsistency; empty when there is none."""
        n, c = self.codes.shape if self.codes.ndim == 2 else (-1, -1)
        problems = []
        for name, dtype, shape in (
            ("codes", np.int32, (n, c)),
            ("labels", np.int64, (n,)),
            ("split", np.uint8, (n,)),
            ("event_id", np.uint64, (n,)),
            ("weights", np.float32, (n,)),
            ("targets", np.float32, (n, len(self.scales))),
            ("observables", np.float32, (n, len(self.observable_names))),
            ("group", np.uint64, (n,)),
        ):
            array = getattr(self, name)
            if array is None and name in OPTIONAL:
                continue
            if array.dtype != dtype or array.shape != shape:
                problems.append(
                    f"{name}: expected {np.dtype(dtype)} of shape {shape}, found {array.dtype} {array.shape}"
                )
        if len(self.formats) != c or len(self.features) != c:
            problems.append(f"{c} columns of codes, {len(self.formats)} formats, {len(self.features)} features")
        targets = [name for head in self.heads if head.kind != CLASSES for name in head.outputs]
        if self.scales and (self.targets is None or {len(self.scales), len(self.units)} != {len(targets)}):
            problems.append(f"targets: expected one of each of {', '.join(targets or self.classes)}")
        if self.several_heads and tuple(name for head in self.heads for name in head.outputs) != self.classes:
            problems.append(f"heads: expected the outputs {', '.join(self.classes)}")
        if self.observable_names and self.observables is None:
            problems.append(f"observables: expected {', '.join(self.observable_names)}, found none")
        if problems or n == 0:
            return problems or ["no events"]
        extremes = [
            (b.codes.min(0), b.codes.max(0), b.labels.min(), b.labels.max(), b.split.max()) for b in self.blocks()
        ]
        least, most, first, last, split = (np.array(values) for values in zip(*extremes, strict=True))
        for name, kif, lo, hi in zip(self.features, self.formats, least.min(0), most.max(0), strict=True):
            if lo < kif.lo or hi > kif.hi:
                problems.append(f"feature {name}: codes {lo}..{hi} do not fit {kif} ({kif.lo}..{kif.hi})")
        if first.min() < 0 or last.max() >= max(len(self.label_names), 1):
            problems.append(f"labels {first.min()}..{last.max()} of {len(self.label_names)} classes")
        if split.max() > TEST:
            problems.append(f"split {split.max()}, expected 0..{TEST}")
        return problems


def save_codes(events: EventCodes, path: Path) -> None:
    """Write one .npz that can be mapped, whole or not at all; the same events give the same bytes.

    Parameters
    ----------
    events : EventCodes
        Consistent; anything else is a bug of ours.
    path : Path
    """
    problems = events.problems()
    assert not problems, problems
    save_arrays(events, arrays_of(events), path=path)


def arrays_of(events: EventCodes) -> dict[str, NDArray[Any]]:
    """Return the arrays of a file of codes by name."""
    arrays = {name: getattr(events, name) for name in ("codes", "labels", "split", "event_id", *OPTIONAL)}
    return {name: array for name, array in arrays.items() if array is not None}


def save_arrays(events: EventCodes, arrays: Mapping[str, NDArray[Any] | Stored], *, path: Path) -> None:
    """Write as `save_codes` does, with other arrays than those of `events`.

    Parameters
    ----------
    events : EventCodes
        A part of all events, not checked.
    arrays : mapping of str to numpy.ndarray or Stored
        Arrays of all events.
    path : Path
    """
    meta = {
        "schema_version": SCHEMA_VERSION,
        "formats": events.formats,
        "features": events.features,
        "classes": events.classes,
        "scales": events.scales,
        "units": events.units,
        "observables": events.observable_names,
        "label_classes": events.label_classes,
    }
    if events.several_heads:
        meta["heads"] = [asdict(head) for head in events.several_heads]
    with atomic_path(path) as part, part.open("wb") as out:
        write_arrays(out, {"meta": np.array(json.dumps(meta)), **arrays})


def load_codes(path: Path) -> EventCodes:
    """Map what `save_codes` wrote.

    Parameters
    ----------
    path : Path

    Returns
    -------
    EventCodes

    Raises
    ------
    CardError
        If the file is missing, damaged, inconsistent or of another version.
    """
    try:
        arrays = map_arrays(path)
        meta = json.loads(str(arrays["meta"]))
        if meta["schema_version"] != SCHEMA_VERSION:
            raise CardError(
                f"{path}: written by another version of trigger_lut. Expected schema_version {SCHEMA_VERSION}, found "
                f"{meta['schema_version']}. Run the ingest stage again."
            )
        events = EventCodes(
            **{name: arrays[name] for name in ("codes", "labels", "split", "event_id")},
            formats=tuple(KIF(*f) for f in meta["formats"]),
            features=tuple(meta["features"]),
            classes=tuple(meta["classes"]),
            weights=arrays.get("weights"),
            targets=arrays.get("targets"),
            scales=tuple(meta["scales"]),
            units=tuple(meta["units"]),
            observables=arrays.get("observables"),
            observable_names=tuple(meta["observables"]),
            label_classes=tuple(meta.get("label_classes", ())),
            group=arrays.get("group"),
            several_heads=tuple(Head(**{**head, "outputs": tuple(head["outputs"])}) for head in meta.get("heads", ())),
        )
    except FileNotFoundError as error:
        raise CardError(f"{path}: no such file of codes. Run the ingest stage first.") from error
    except CardError:
        raise
    except Exception as error:
        raise CardError(
            f"{path}: not a file of codes ({type(error).__name__}: {error}). Run the ingest stage again."
        ) from error
    if problems := events.problems():
        raise CardError(f"{path}: inconsistent codes: {'; '.join(problems)}. Run the ingest stage again.")
    return events
