"""Statistics of the batch over several devices, of which each has a part.

Batch normalization needs the histogram of codes over all parts, which no device has. So a step is divided at each
histogram. A device runs its forward pass up to there and returns the histogram of its part. The mean over devices is
given to the next run, which continues to the next histogram. Codes are integers, so no gradient passes through a
histogram. Tables that follow from equal histograms are equal on all devices.
"""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import tensorflow as tf


class _EnoughError(Exception):
    """End of a forward pass at a histogram that is not known. Keras makes a copy of it that has the text alone."""


@dataclass
class _Batch:
    """Histograms of the batch that are not used yet, and the first one that is missing, of a part."""

    known: Iterator[tf.Tensor]
    part: tf.Tensor | None = None


_batch: contextvars.ContextVar[_Batch | None] = contextvars.ContextVar("batch", default=None)


def of_whole_batch(histogram: Callable[[], tf.Tensor]) -> tf.Tensor:
    """Return a histogram of the batch: the next one of a `given` block; outside a block the result of `histogram`."""
    batch = _batch.get()
    if batch is None:
        return histogram()
    statistics = next(batch.known, None)
    if statistics is None:
        batch.part = histogram()
        raise _EnoughError("the forward pass ends at a histogram")
    return statistics


@contextlib.contextmanager
def given(histograms: Sequence[tf.Tensor]) -> Iterator[_Batch]:
    """Provide histograms to forward passes within the block, in the order in which layers ask for them.

    Parameters
    ----------
    histograms : sequence of tf.Tensor
        Histograms over all devices.

    Yields
    ------
    _Batch
        It has the first histogram beyond these.
    """
    batch = _Batch(iter(histograms))
    token = _batch.set(batch)
    try:
        yield batch
    finally:
        _batch.reset(token)


def next_histogram(forward: Callable[[], object], histograms: Sequence[tf.Tensor]) -> tf.Tensor | None:
    """Return the first histogram of a forward pass that is not among the known ones.

    Parameters
    ----------
    forward : callable
        Runs the forward pass.
    histograms : sequence of tf.Tensor
        Known histograms over all devices.

    Returns
    -------
    tf.Tensor or None
        Of this device's part; None where all are known.
    """
    with given(histograms) as batch, contextlib.suppress(_EnoughError):
        forward()
    return batch.part
