"""Read the description of a data set."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from trigger_lut.config.data_set.consistency import inconsistencies
from trigger_lut.config.data_set.model import DataSet
from trigger_lut.config.renamed_keys import DATA_SET, with_present_keys
from trigger_lut.config.validation import checked, explain, read_yaml, refused


def load_data_set(path: Path, truth: bool = True) -> DataSet:
    """Read a description.

    Parameters
    ----------
    path : Path
    truth : bool
        Whether it must have label or targets, as for training.

    Returns
    -------
    DataSet

    Raises
    ------
    ConfigurationError
        If there are mistakes; the message lists all of them.
    """
    content, mistakes = with_present_keys(read_yaml(path), DATA_SET, path=path)
    try:
        data_set = checked(DataSet, content)
    except ValidationError as error:
        raise refused(path, mistakes + explain(error, DataSet)) from error
    if mistakes := mistakes + inconsistencies(data_set, truth):
        raise refused(path, mistakes)
    return data_set
