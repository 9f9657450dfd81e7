"""Integer codes, labels and split of all events: what ingest writes and every later stage reads."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trigger_lut.errors import CardError
from trigger_lut.fixed_point import KIF

SCHEMA_VERSION = 1
TRAIN, VALIDATION, TEST = 0, 1, 2
SPLIT_NAMES = ("train", "validation", "test")


@dataclass(frozen=True)
class EventCodes:
    """All events of a data set, rows in rising order of `event_id`.

    codes     (N, C) int32, each column in its entry of `formats`: what the firmware gets at its input
    labels    (N,) int64, index into `classes`
    split     (N,) uint8: TRAIN, VALIDATION or TEST
    event_id  (N,) uint64, hash of the event's identity
    """

    codes: NDArray[np.int32]
    labels: NDArray[np.int64]
    split: NDArray[np.uint8]
    event_id: NDArray[np.uint64]
    formats: tuple[KIF, ...]
    features: tuple[str, ...]
    classes: tuple[str, ...]

    def of(self, split: int) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """(codes, labels) of the events in one split: TRAIN, VALIDATION or TEST."""
        rows = self.split == split
        return self.codes[rows], self.labels[rows]

    def problems(self) -> list[str]:
        """What is inconsistent; empty when all is well."""
        n, c = self.codes.shape if self.codes.ndim == 2 else (-1, -1)
        found = []
        for name, dtype, shape in (
            ("codes", np.int32, (n, c)),
            ("labels", np.int64, (n,)),
            ("split", np.uint8, (n,)),
            ("event_id", np.uint64, (n,)),
        ):
            array = getattr(self, name)
            if array.dtype != dtype or array.shape != shape:
                found.append(f"{name}: expected {np.dtype(dtype)} of shape {shape}, found {array.dtype} {array.shape}")
        if len(self.formats) != c or len(self.features) != c:
            found.append(f"{c} columns of codes, {len(self.formats)} formats, {len(self.features)} features")
        if found or n == 0:
            return found or ["no events"]
        for name, kif, lo, hi in zip(self.features, self.formats, self.codes.min(0), self.codes.max(0), strict=True):
            if lo < kif.lo or hi > kif.hi:
                found.append(f"feature {name}: codes {lo}..{hi} do not fit {kif} ({kif.lo}..{kif.hi})")
        if self.labels.min() < 0 or self.labels.max() >= len(self.classes):
            found.append(f"labels {self.labels.min()}..{self.labels.max()} of {len(self.classes)} classes")
        if self.split.max() > TEST:
            found.append(f"split {self.split.max()}, expected 0..{TEST}")
        return found


def save_codes(events: EventCodes, path: Path) -> None:
    """Write one .npz, whole or not at all; the same events give the same bytes.

    Raises AssertionError when the events are inconsistent (our bug, not the user's).
    """
    problems = events.problems()
    assert not problems, problems
    meta = {
        "schema_version": SCHEMA_VERSION,
        "formats": events.formats,
        "features": events.features,
        "classes": events.classes,
    }
    arrays = {name: getattr(events, name) for name in ("codes", "labels", "split", "event_id")}
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    with part.open("wb") as out:
        np.savez_compressed(out, meta=np.array(json.dumps(meta)), **arrays)
    part.replace(path)


def load_codes(path: Path) -> EventCodes:
    """Read what `save_codes` wrote. Raises CardError when missing, damaged, inconsistent or of another version."""
    try:
        with np.load(path, allow_pickle=False) as held:
            meta = json.loads(str(held["meta"]))
            if meta["schema_version"] != SCHEMA_VERSION:
                raise CardError(f"{path}: schema_version {meta['schema_version']}, expected {SCHEMA_VERSION}")
            events = EventCodes(
                **{name: held[name] for name in ("codes", "labels", "split", "event_id")},
                formats=tuple(KIF(*f) for f in meta["formats"]),
                features=tuple(meta["features"]),
                classes=tuple(meta["classes"]),
            )
    except FileNotFoundError as error:
        raise CardError(f"{path}: no such file of codes") from error
    except CardError:
        raise
    except Exception as error:
        raise CardError(f"{path}: not a file of codes ({type(error).__name__}: {error})") from error
    if problems := events.problems():
        raise CardError(f"{path}: inconsistent codes: " + "; ".join(problems))
    return events
