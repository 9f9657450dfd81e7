"""Differentiable estimate of the LUTs and the depth of a layer; it only tells training which way is cheaper.

Budgets are judged on `trigger_lut.cost_model.luts`, which counts exactly; this follows it closely enough
to point downhill.
"""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from trigger_lut.layers.straight_through import power_of_two

LUT_INPUTS = 6.0
ABSORBED_BITS = 5.0  # tables of up to so many address bits are absorbed by adders about half of the time
EBOPS_TO_LUTS = 1.0  # HGQ2 0.2.0's README: EBOPs are an upper limit of LUTs if multiplications are adders, as here
PACKED = 1 << 16  # more than a table has entries: two counts in one integer
CARRY = 1.0  # bits by which an adder is wider than its operand, averaged over a tree


@dataclass(frozen=True)
class Record:
    """Data of one call of one layer for a penalty.

    layer         Layer that was called with training=True.
    table         (C_in, K, C_out), its tables in this step.
    m, f          (C_in, C_out), rounded address widths and fractions, through which gradients flow.
    n_positions   Number of times that hardware builds these tables.
    """

    layer: Any
    table: tf.Tensor
    m: tf.Tensor
    f: tf.Tensor
    n_positions: int


_collector: contextvars.ContextVar[list[Record] | None] = contextvars.ContextVar("collector", default=None)


@contextlib.contextmanager
def collecting() -> Iterator[list[Record]]:
    """Yield a list to which table layers add a record for each call with training=True in the block, in call order."""
    records: list[Record] = []
    token = _collector.set(records)
    try:
        yield records
    finally:
        _collector.reset(token)


def is_collecting() -> bool:
    """Return whether a `collecting` block is open; layers then call their uncompiled forward: the step compiles it."""
    return _collector.get() is not None


def record(layer: Any, table: tf.Tensor, *, m: tf.Tensor, f: tf.Tensor, places: int) -> None:
    """Add a record to the open `collecting` block; without one, nothing happens."""
    records = _collector.get()
    if records is not None:
        records.append(Record(layer, table, m, f, places))


@tf.custom_gradient
def extremes(table: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the largest and smallest entry of each edge, (..., C_in, C_out) each of (..., C_in, K, C_out).

    The gradient of either is divided among the entries that are equal to it, as by `reduce_max`. It is implemented here
    because one pass counts both.
    """
    largest, smallest = tf.reduce_max(table, axis=-2), tf.reduce_min(table, axis=-2)

    def gradient(of_largest: tf.Tensor, of_smallest: tf.Tensor) -> tf.Tensor:
        high, low = table == largest[..., None, :], table == smallest[..., None, :]
        both = tf.reduce_sum(tf.cast(high, tf.int32) + PACKED * tf.cast(low, tf.int32), axis=-2)
        # XLA may compute the table once more for the comparison, and round otherwise: then none is equal.
        highs, lows = (tf.cast(tf.maximum(count, 1), table.dtype) for count in (both % PACKED, both // PACKED))
        share = of_largest / highs, of_smallest / lows
        return tf.where(high, share[0][..., None, :], 0.0) + tf.where(low, share[1][..., None, :], 0.0)

    return (largest, smallest), gradient


def soft_luts(table: tf.Tensor, m: tf.Tensor, *, f: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Estimate the LUTs of each edge, and how far each is present.

    Parameters
    ----------
    table : tf.Tensor, shape (C_in, K, C_out)
        Tables.
    m, f : tf.Tensor, shape (C_in, C_out)
        Rounded widths and fractions, through which the gradient flows.

    Returns
    -------
    tuple of tf.Tensor, shape (C_in, C_out)
        LUTs, and presence from 0 to 1.
    """
    largest, smallest = extremes(table)
    bits = tf.math.log1p((largest - smallest) * power_of_two(f)) / tf.math.log(2.0)
    alive = tf.minimum(m, 1.0) * tf.minimum(bits, 1.0)
    small = 0.5 * (0.7 + 0.3 * tf.minimum(m, ABSORBED_BITS) / ABSORBED_BITS)
    per_bit = tf.where(m <= ABSORBED_BITS, small, power_of_two(tf.maximum(m, ABSORBED_BITS) - LUT_INPUTS))
    # An edge of few bits is nearly gone: this is what lets a penalty on depth choose the edges to give up.
    return alive * (bits * per_bit + bits + CARRY), alive * bits / (bits + 1.0)


def soft_levels(present: tf.Tensor) -> tf.Tensor:
    """Estimate the adder levels of a layer's deepest output: log2 of its fan-in, a smooth maximum over outputs.

    Parameters
    ----------
    present : tf.Tensor, shape (..., C_in, C_out)
        Presence of each edge, by `soft_luts`.

    Returns
    -------
    tf.Tensor
        Scalar.
    """
    fan_in = tf.math.log(1.0 + tf.reduce_sum(present, axis=-2)) / tf.math.log(2.0)
    return tf.reduce_logsumexp(4.0 * fan_in) / 4.0


def soft_saturation(table: tf.Tensor, bias: tf.Tensor, *, lowest: tf.Tensor, highest: tf.Tensor) -> tf.Tensor:
    """Estimate the levels that saturation adds: 0 when the bounds of all outputs fit the next layer's range, up to 1.

    Parameters
    ----------
    table : tf.Tensor, shape (C_in, K, C_out)
        Tables.
    bias : tf.Tensor, shape (C_out,)
        Bias of the outputs.
    lowest, highest : tf.Tensor, shape (C_out,)
        Real limits of the next layer's formats.

    Returns
    -------
    tf.Tensor
        Scalar.
    """
    largest, smallest = (tf.reduce_sum(extreme, axis=0) for extreme in extremes(table))
    above, below = tf.nn.relu(bias + largest - highest), tf.nn.relu(lowest - bias - smallest)
    excess = (above + below) / (highest - lowest)
    return tf.reduce_mean(excess / (excess + 0.2))
