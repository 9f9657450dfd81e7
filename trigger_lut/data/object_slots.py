"""Lists of objects to a fixed number of slots, as trigger hardware delivers them: selected, sorted, cut off, padded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trigger_lut.config.data_set.expressions import Expression, parse
from trigger_lut.config.data_set.features import Objects
from trigger_lut.config.data_set.functions import is_jagged, value_kind
from trigger_lut.errors import DataError


def slots(
    kind: str, objects: Objects, *, branches: Mapping[str, Any], entry: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Put the first `count` objects that pass into slots, in falling order of the key.

    Objects of equal keys keep the order of the file; a key that is NaN comes last.

    Parameters
    ----------
    kind : str
        Name of the objects, for messages.
    objects : Objects
    branches : mapping of str to numpy.ndarray or awkward.Array
    entry : numpy.ndarray (N,)
        Number of each entry in its tree, for messages.

    Returns
    -------
    tuple of numpy.ndarray
        values (N, count, F) and kept (N,): values[e, s] are the features of object s of entry e where
        s < kept[e], else `pad`.

    Raises
    ------
    DataError
        For lists of different lengths, and for an expression that gives no list an entry.
    """
    import awkward as ak

    lists = {f.name: _list(kind, f"feature {f.name!r}", f.parsed(), branches) for f in objects.features}
    first, lengths = next(iter(lists)), None
    extra = {
        key: _list(kind, key, parse(text), branches)
        for key, text in (("sort_by", objects.sort_by), ("select", objects.select))
        if text is not None
    }
    for name, values in (lists | extra).items():
        counts = ak.to_numpy(ak.num(values, axis=1))
        if lengths is None:
            lengths = counts
        elif (counts != lengths).any():
            row = int(np.argmax(counts != lengths))
            raise DataError(
                f"objects {kind!r}: {name!r} has {counts[row]} values where {first!r} has {lengths[row]}, "
                f"at entry {entry[row]}"
            )
    zipped = ak.zip(lists)
    if "select" in extra:
        if value_kind(extra["select"]) != "b":
            raise DataError(f"objects {kind!r}: select: {objects.select!r} gives no truth values; compare, as in x > 0")
        zipped = zipped[extra["select"]]
    if "sort_by" in extra:
        key = extra["sort_by"][extra["select"]] if "select" in extra else extra["sort_by"]
        key = ak.where(np.isnan(key), -np.inf, key)
        zipped = zipped[ak.argsort(key, axis=1, ascending=False, stable=True)]
    kept = np.minimum(ak.to_numpy(ak.num(zipped, axis=1)), objects.count).astype(np.int32)
    padded = ak.pad_none(zipped, objects.count, axis=1, clip=True)
    columns = [ak.to_numpy(ak.fill_none(padded[f.name], objects.pad, axis=1)) for f in objects.features]
    return np.stack(columns, axis=2).astype(np.float64), kept


def _list(kind: str, purpose: str, expression: Expression, branches: Mapping[str, Any]) -> Any:
    try:
        values = expression.evaluate(branches)
    except DataError as error:
        raise DataError(f"objects {kind!r}: {purpose}: {error}") from error
    if not is_jagged(values) or values.ndim > 2:
        form = "a list of lists per entry" if is_jagged(values) else "one number per entry"
        hint = "; take an element of each, as in x[:, :, 0]" if is_jagged(values) else ""
        raise DataError(f"objects {kind!r}: {purpose}: {expression.text!r} is {form}, expected a list per entry{hint}")
    import awkward as ak

    return values if purpose == "select" else ak.values_astype(values, np.float64)
