"""Lines on the progress of a stage that takes long, with the time left."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from typing import TypeVar

LOG = logging.getLogger(__name__)
T = TypeVar("T")

INTERVAL_S = 10.0
"""Time between two lines, and before the first one, in s."""


def watched(items: Sequence[T], what: str) -> Iterator[T]:
    """Yield items, and log a line every INTERVAL_S: how many are done, and the time left.

    Parameters
    ----------
    items
        Items, each of which takes about the same time.
    what
        Begin of the line, such as "faults: proof by SAT".

    Yields
    ------
    T
        The items in order.
    """
    started = shown = time.monotonic()
    for done, item in enumerate(items):
        now = time.monotonic()
        if done and now - shown >= INTERVAL_S:
            shown = now
            left = duration((now - started) / done * (len(items) - done))
            LOG.info(f"{what}: {done} of {len(items)}, about {left} left")
        yield item


def duration(seconds: float) -> str:
    """Return a time as text, such as "2 min 5 s".

    Parameters
    ----------
    seconds
        Time in s.

    Returns
    -------
    str
        Minutes, if there are any, and seconds.
    """
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
