"""Statistics of the whole batch, where several devices have a part of it each.

Batch normalization needs the histogram of codes over the whole batch, which no device has. So a step is divided at each
histogram: a device runs its forward pass up to there and leaves the histogram of its part; that of the whole batch, the
mean over devices, is given to the next run, which continues to the next histogram. Codes are integers, so no
gradient passes through a histogram, and tables that follow from equal ones are equal on all devices.
"""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import tensorflow as tf


class _EnoughError(Exception):
    """Ends a forward pass at a histogram that is not known. Keras makes a copy of it that has the text alone."""


@dataclass
class _Batch:
    """Histograms of the whole batch that are left, and the first that was asked for beyond them, of a part."""

    known: Iterator[tf.Tensor]
    part: tf.Tensor | None = None


_batch: contextvars.ContextVar[_Batch | None] = contextvars.ContextVar("batch", default=None)


def of_whole_batch(histogram: Callable[[], tf.Tensor]) -> tf.Tensor:
    """A histogram of the whole batch: the one that a `given` block knows, without a block what `histogram` gives."""
    batch = _batch.get()
    if batch is None:
        return histogram()
    found = next(batch.known, None)
    if found is None:
        batch.part = histogram()
        raise _EnoughError("the forward pass ends at a histogram")
    return found


@contextlib.contextmanager
def given(histograms: Sequence[tf.Tensor]) -> Iterator[_Batch]:
    """Forward passes within the block take these histograms, in the order in which layers ask for them."""
    batch = _Batch(iter(histograms))
    token = _batch.set(batch)
    try:
        yield batch
    finally:
        _batch.reset(token)


def next_histogram(forward: Callable[[], object], histograms: Sequence[tf.Tensor]) -> tf.Tensor | None:
    """The first histogram of a forward pass, of this device's part, that is not among these; None where all are."""
    with given(histograms) as batch, contextlib.suppress(_EnoughError):
        forward()
    return batch.part
