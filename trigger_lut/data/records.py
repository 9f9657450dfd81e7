"""One record per entry: what reading leaves of it. Records are moved as a whole, through files of any length.

identity     hash of `event_id`
group        hash of `split_by`; missing where an entry goes by its identity
entry, file  where it was read: entry in its tree, number of the file
label        its class; of a regression 0
values       by channel: its expression, computed in float64, rounded to float32
kept         by kind of objects: how many of the slots are filled
weight       in training; missing where all are alike.
bin          of the variable of `reweight`; missing without it.
observables, targets
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from trigger_lut.config.data_set.channels import Channel, channels
from trigger_lut.config.data_set.model import DataSet
from trigger_lut.errors import CardError

Rows = NDArray[np.void]
BLOCK_BYTES = 16 << 20


def row_type(data_set: DataSet) -> np.dtype[np.void]:
    """Return the record type of a data set. Fields without content are skipped.

    Parameters
    ----------
    data_set : DataSet

    Returns
    -------
    numpy.dtype
    """
    fields: list[Any] = [("identity", "<u8"), ("entry", "<i8"), ("file", "<i4"), ("label", "<i4")]
    if data_set.split_by or data_set.rows is not None:
        fields.append(("group", "<u8"))
    if data_set.weight is not None:
        fields.append(("weight", "<f4"))
    if data_set.reweight is not None:
        fields.append(("bin", "<i4"))
    counts = {
        "values": ("<f4", len(channels(data_set))),
        "kept": ("<i4", len(data_set.objects)),
        "observables": ("<f4", len(data_set.shown_values)),
        "targets": ("<f4", len(data_set.regression_targets or [])),
    }
    return np.dtype(fields + [(name, kind, (count,)) for name, (kind, count) in counts.items() if count])


def has(rows: Rows, name: str) -> bool:
    """Return whether the records have a field."""
    return name in (rows.dtype.names or ())


def groups(rows: Rows) -> NDArray[np.uint64]:
    """(N,) hashes of what must stay together in one split."""
    return np.ascontiguousarray(rows["group" if has(rows, "group") else "identity"])


def weights(rows: Rows) -> NDArray[np.float64]:
    """(N,) weights, as they were given."""
    return rows["weight"].astype(np.float64) if has(rows, "weight") else np.ones(len(rows))


def filled_slots(data_set: DataSet, channel: Channel, *, rows: Rows) -> NDArray[np.bool_]:
    """(N,) whether a channel's slot holds an object; of a feature of the entry and of a mask: always."""
    if channel.objects is None or channel.present:
        return np.ones(len(rows), dtype=bool)
    return np.asarray(rows["kept"][:, list(data_set.objects).index(channel.objects)] > channel.slot)


class RowWriter:
    """A .npy file of records whose number is known only at the end; only the last ones are in memory."""

    def __init__(self, file: IO[bytes], row: np.dtype[np.void]) -> None:
        self.file, self.row, self.count = file, row, 0
        self._header()

    def _header(self) -> None:
        """NumPy pads headers so that the number of records may grow in place."""
        described = {"descr": np.lib.format.dtype_to_descr(self.row), "fortran_order": False, "shape": (self.count,)}
        np.lib.format.write_array_header_1_0(self.file, described)

    def add(self, rows: Rows) -> None:
        """Append records.

        Parameters
        ----------
        rows : numpy.ndarray (N,)
        """
        self.file.write(np.ascontiguousarray(rows, self.row).data)
        self.count += len(rows)

    def finish(self) -> None:
        """Write the number of records into the header."""
        self.file.seek(0)
        self._header()


def read_rows(path: Path, row: np.dtype[np.void]) -> Iterator[Rows]:
    """Read a file that `RowWriter` wrote, some megabytes at a time.

    Parameters
    ----------
    path : Path
    row : numpy.dtype
        Expected record type.

    Yields
    ------
    numpy.ndarray (N,)

    Raises
    ------
    CardError
        If the file is missing, shorter than its header says, or of other records.
    """
    try:
        with path.open("rb") as file:
            np.lib.format.read_magic(file)
            (count,), _, dtype = np.lib.format.read_array_header_1_0(file)
            if dtype != row:
                raise CardError(
                    f"{path}: records of another data set. Expected {row}, found {dtype}. Run the read stage again."
                )
            size = max(BLOCK_BYTES // row.itemsize, 1)
            for start in range(0, count, size):
                rows = np.fromfile(file, row, min(size, count - start))
                if len(rows) < min(size, count - start):
                    raise CardError(
                        f"{path}: truncated. Expected {count} records, found {start + len(rows)}. Run the read stage "
                        "again."
                    )
                yield rows
    except FileNotFoundError as error:
        raise CardError(f"{path}: no such file of entries. Run the read stage first.") from error
    except ValueError as error:
        raise CardError(f"{path}: not a file of entries: {error}. Run the read stage again.") from error
