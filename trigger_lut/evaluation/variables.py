"""Variables of events that results are shown against."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trigger_lut.data.event_codes import EventCodes
from trigger_lut.errors import ConfigurationError, nearest
from trigger_lut.fixed_point.decode import decoded


def variable_of(events: EventCodes, name: str, *, split: int, key: str) -> NDArray[np.float64]:
    """Return an observable, or a channel as a real number, of one split.

    Parameters
    ----------
    events : EventCodes
        Events of a data set.
    name : str
        Name of the observable or channel.
    split : int
        TRAIN, VALIDATION or TEST.
    key : str
        Key of the description that names it, for messages.

    Returns
    -------
    (N,) ndarray
        The values.

    Raises
    ------
    ConfigurationError
        For a name that is neither.
    """
    if name in events.observable_names and events.observables is not None:
        observables = events.observables[events.split == split]
        return np.asarray(observables[:, events.observable_names.index(name)], np.float64)
    if name in events.features:
        n = events.features.index(name)
        return decoded(events.of(split)[0][:, [n]], events.formats[n : n + 1])[:, 0].astype(np.float64)
    known = [*events.observable_names, *events.features]
    raise ConfigurationError(f"{key}: no observable or feature {name!r}{nearest(name, known)}")
