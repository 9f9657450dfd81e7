"""NaN and infinite values: counted, then refused, dropped or replaced, as the description says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from trigger_lut.config.data_set.channels import Channel
from trigger_lut.config.data_set.model import DataSet
from trigger_lut.data.records import Rows, has
from trigger_lut.errors import DataError

FIELDS = {"values": "feature", "observables": "observable", "targets": "target"}  # in the order of messages


@dataclass
class NonfiniteValues:
    """Values of one kind that are not finite, and where the first one is."""

    what: str
    refused: bool
    count: int = 0
    first: str = ""


@dataclass
class Nonfinite:
    """Values of all entries so far that are not finite; `treat` takes blocks in the order of files."""

    data_set: DataSet
    channels: Sequence[Channel]
    files: Sequence[str]
    entries: int = 0
    kept: int = 0
    values_by_channel: dict[tuple[str, int], NonfiniteValues] = field(default_factory=dict)

    def treat(self, rows: Rows) -> Rows:
        """Return the entries that remain, with finite values alone; what is refused is only noted."""
        drop = np.zeros(len(rows), dtype=bool)
        for name, what in FIELDS.items():
            if not has(rows, name):
                continue
            bad = ~np.isfinite(rows[name])
            for n in np.flatnonzero(bad.any(axis=0)).tolist():
                action = self._action(n) if name == "values" else "refuse"
                bad_values = self.values_by_channel.setdefault(
                    (name, n), NonfiniteValues(f"{what} {self._name(name, n)!r}", action == "refuse")
                )
                row = int(np.argmax(bad[:, n]))
                bad_values.first = bad_values.first or f"entry {rows['entry'][row]} of {self.files[rows['file'][row]]}"
                bad_values.count += int(bad[:, n].sum())
                if action == "drop":
                    drop |= bad[:, n]
                elif action != "refuse":
                    rows[name][bad[:, n], n] = action
        self.entries += len(rows)
        rows = rows[~drop] if drop.any() else rows
        self.kept += len(rows)
        return rows

    def refuse(self) -> None:
        """Raise DataError for values that the description refuses, and where no entry remains."""
        refused = [
            f"{bad_values.what}: {bad_values.count} of {self.entries} values, first at {bad_values.first}"
            for name in FIELDS
            for (of, _), bad_values in sorted(self.values_by_channel.items())
            if of == name and bad_values.refused
        ]
        if refused:
            raise DataError(
                f"data set {self.data_set.name}: NaN or infinite values; set nonfinite to drop or to "
                "{replace: <number>}\n  " + "\n  ".join(refused)
            )
        if self.entries and not self.kept:
            raise DataError(f"data set {self.data_set.name}: no entry is left after dropping NaN and infinite values")

    def counts(self) -> list[int]:
        """Return the number of values of each channel."""
        none = NonfiniteValues("", False)
        return [self.values_by_channel.get(("values", n), none).count for n in range(len(self.channels))]

    def _action(self, n: int) -> str | float:
        own = self.channels[n].feature.nonfinite
        return own if own is not None else self.data_set.nonfinite

    def _name(self, field_name: str, n: int) -> str:
        if field_name == "values":
            return self.channels[n].name
        if field_name == "observables":
            return list(self.data_set.shown_values)[n]
        return (self.data_set.regression_targets or [])[n].name
