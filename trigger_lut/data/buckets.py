"""Records of all files in rising order of their identity's hash, in files where memory would not hold them.

The hash is uniform: entries whose hashes begin alike go to one bucket, of about as many each, and buckets follow each
other in order. Only one is in memory at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from trigger_lut.data.records import Rows

BUCKET_BYTES = 64 << 20
MOST = 1 << 16  # buckets; then they grow


class Buckets:
    """count: records that will be added, at most. A single bucket stays in memory."""

    def __init__(self, count: int, row: np.dtype[np.void], *, folder: Path, size: int = BUCKET_BYTES) -> None:
        self.row, self.folder = row, folder
        self.number = min(max(-(-count * row.itemsize // size), 1), MOST)
        self.held: list[Rows] = []

    def add(self, rows: Rows) -> None:
        """Add records in any order."""
        if self.number == 1:
            self.held.append(rows)
            return
        # Upper 32 bits times the number of buckets, divided by 2**32: equal parts of the range
        bucket = (rows["identity"] >> np.uint64(32)) * np.uint64(self.number) >> np.uint64(32)
        order = np.argsort(bucket, kind="stable")
        rows, ends = rows[order], np.cumsum(np.bincount(bucket.astype(np.int64), minlength=self.number))
        for n in np.unique(bucket).astype(int):
            with self._path(n).open("ab") as file:
                file.write(rows[ends[n - 1] if n else 0 : ends[n]].data)

    def sort(self) -> Iterator[Rows]:
        """Every bucket sorted, once; those of one hash stay in the order in which they were added."""
        for n in range(self.number):
            rows = self._load(n)
            rows = rows[np.argsort(rows["identity"], kind="stable")]
            if self.number == 1:
                self.held = [rows]
            else:
                rows.tofile(self._path(n))
            yield rows

    def __iter__(self) -> Iterator[Rows]:
        return (self._load(n) for n in range(self.number))

    def _load(self, n: int) -> Rows:
        if self.number == 1:
            self.held = [np.concatenate(self.held)] if self.held else [np.empty(0, self.row)]
            return self.held[0]
        path = self._path(n)
        return np.fromfile(path, self.row) if path.exists() else np.empty(0, self.row)

    def _path(self, n: int) -> Path:
        return self.folder / f"bucket_{n}"
