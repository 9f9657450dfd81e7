"""Read the description of a data set."""

from __future__ import annotations

from pathlib import Path

from trigger_lut.config.data_set.consistency import inconsistencies
from trigger_lut.config.data_set.model import DataSet
from trigger_lut.config.validation import read_yaml, validate
from trigger_lut.errors import ConfigurationError


def load_data_set(path: Path, truth: bool = True) -> DataSet:
    """Read a description. truth: whether it must have label or targets, as for training.

    Raises ConfigurationError that lists every mistake with its dotted path.
    """
    data_set: DataSet = validate(DataSet, read_yaml(path), path)
    if lines := inconsistencies(data_set, truth):
        count = f"{len(lines)} mistake" + "s" * (len(lines) != 1)
        raise ConfigurationError(f"{path}: {count}\n  " + "\n  ".join(lines))
    return data_set
