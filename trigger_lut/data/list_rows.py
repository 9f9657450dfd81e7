"""One row for each element of some lists: rows of jets from entries of events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trigger_lut.config.data_set.functions import as_lists, is_jagged, plain
from trigger_lut.config.data_set.uses import belongs
from trigger_lut.errors import DataError


def list_rows(
    rows: str, branches: Mapping[str, Any], *, entry: NDArray[np.int64]
) -> tuple[dict[str, Any], NDArray[np.int64], NDArray[np.int64]]:
    """Turn each element of the lists of an object into a row.

    Parameters
    ----------
    rows : str
        Object, as in `belongs`. Its branches lose their outer list; all others are repeated.
    branches : mapping of str to numpy.ndarray or awkward.Array
        Branches of (N,) entries.
    entry : numpy.ndarray (N,)
        Number of each entry in its tree.

    Returns
    -------
    branches : dict of str to numpy.ndarray or awkward.Array
        The same of (R,) rows.
    parent : numpy.ndarray (R,)
        Index of the entry of each row.
    element : numpy.ndarray (R,)
        Position in the lists of the entry.

    Raises
    ------
    DataError
        If no branch of the object holds lists, or its lists have different lengths.
    """
    import awkward as ak

    lists = {name: as_lists(array) for name, array in branches.items() if is_jagged(array) and belongs(rows, name)}
    if not lists:
        raise DataError(f"rows: {rows!r}: expected a branch with a list per entry, found none among {list(branches)}")
    first = next(iter(lists))
    lengths = ak.to_numpy(ak.num(lists[first], axis=1))
    for name, array in lists.items():
        if ((other := ak.to_numpy(ak.num(array, axis=1))) != lengths).any():
            n = int(np.argmax(other != lengths))
            raise DataError(
                f"rows: {rows!r}: {name!r} has {other[n]} values where {first!r} has {lengths[n]}, at entry {entry[n]}"
            )
    parent = np.repeat(np.arange(len(lengths)), lengths)
    ends = np.cumsum(lengths)
    element = np.arange(len(parent)) - np.repeat(ends - lengths, lengths)
    flat = {
        name: plain_numbers(ak.flatten(lists[name], axis=1)) if name in lists else array[parent]
        for name, array in branches.items()
    }
    return flat, parent, element


def plain_numbers(array: Any) -> Any:
    """Return a NumPy array where there is one number per row; text stays as it is."""
    import awkward as ak

    text = array.layout.parameter("__array__") == "string" or array.ndim > 1
    return array if text else plain(ak.Array(array))
