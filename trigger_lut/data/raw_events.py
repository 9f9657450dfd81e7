"""Some events of a file as they are read, and the codes that `ingest` made of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from trigger_lut.config.data_set.files import Source
from trigger_lut.config.data_set.model import DataSet
from trigger_lut.data.columns import read_source
from trigger_lut.data.event_codes import EventCodes
from trigger_lut.errors import CardError
from trigger_lut.fixed_point.formats import IntArray


def raw_events(data_set: DataSet, source: Source, *, codes: EventCodes, count: int) -> tuple[dict[str, Any], IntArray]:
    """Read the first events of a file, and find their codes by identity.

    Parameters
    ----------
    data_set : DataSet
    source : Source
        File of the data set.
    codes : EventCodes
        Result of `ingest`.
    count : int
        Events, at most.

    Returns
    -------
    tuple
        Arrays by branch, and codes (N, C). Events that ingest dropped are skipped.

    Raises
    ------
    BadFileError, DataError
        If the file cannot be read.
    CardError
        If no event of the first chunk with events is among the codes.
    """
    for part in read_source(data_set, source):
        if not len(part.rows):
            continue
        place = np.searchsorted(codes.event_id, part.rows["identity"])
        place = np.minimum(place, len(codes.event_id) - 1)
        known = np.flatnonzero(codes.event_id[place] == part.rows["identity"])[:count]
        if not len(known):
            break
        chosen = part.kept[known]
        return (
            {name: array[chosen] for name, array in part.branches.items()},
            np.asarray(codes.codes[place[known]], dtype=np.int64),
        )
    raise CardError(f"{source.file}: none of its first events is among the codes. Expected its codes. Read it again.")
