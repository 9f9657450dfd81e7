"""Sum of table look-ups: the only part of a LUT layer whose cost grows with the batch.

The sum and its gradients are::

    y[n, o] = sum_i T[i, a[n, i], o]
    dL/dT[i, c, o] = sum over n with a[n, i] = c of g[n, o]                 (scatter-add)
    dL/dx[n, i]    = sum_o g[n, o] * S[i, a[n, i], o], 0 where x saturates  (straight-through)

S is the slope of the real function behind each table entry, with respect to x.
"""

from __future__ import annotations

import tensorflow as tf

from trigger_lut.layers.kernel import build as kernel


def lookup_sum(
    tables: tf.Tensor, slopes: tf.Tensor | None, *, rows: tf.Tensor, x: tf.Tensor, inside: tf.Tensor
) -> tf.Tensor:
    """Sum table entries over the input channels.

    Parameters
    ----------
    tables : tf.Tensor of float, shape (R, C_out)
        The tables of all channels one after the other.
    slopes : tf.Tensor of float, shape (R, C_out), or None
        Slopes of the entries; None when no gradient to x is wanted.
    rows : tf.Tensor of int32, shape (M, C_in)
        Entry that each channel reads, in [0, R); M is events times positions.
    x : tf.Tensor of float, shape (M, C_in)
        Values behind the rows; only its gradient is used.
    inside : tf.Tensor of bool, shape (M, C_in)
        False where x is beyond the channel's range.

    Returns
    -------
    tf.Tensor of float, shape (M, C_out)

    Notes
    -----
    The CPU kernel refuses a row outside [0, R) with InvalidArgumentError; XLA reads the nearest one.
    """

    @tf.custom_gradient
    def apply(tables, x):
        def grad(g):
            dx = tf.zeros_like(x) if slopes is None else _input_gradient(slopes, rows, inside, g)
            return _table_gradient(tables, rows, g), dx

        return _sum(tables, rows), grad

    return apply(tables, x)


def _sum(tables: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
    if kernel.in_use():
        return kernel.call("sum", (tables, rows), dtype=tf.float32, shape=((1, 0), (0, 1)))
    return tf.reduce_sum(tf.gather(tables, rows), axis=1)


def _table_gradient(tables: tf.Tensor, rows: tf.Tensor, g: tf.Tensor) -> tf.Tensor:
    if kernel.in_use():
        return kernel.call("scatter", (tables, rows, g), dtype=tf.float32, shape=((0, 0), (0, 1)))
    r, c_out = tables.shape
    spread = tf.broadcast_to(g[:, None, :], (tf.shape(g)[0], rows.shape[1], c_out))
    return tf.math.unsorted_segment_sum(tf.reshape(spread, (-1, c_out)), tf.reshape(rows, (-1,)), r)


def _input_gradient(slopes: tf.Tensor, rows: tf.Tensor, inside: tf.Tensor, g: tf.Tensor) -> tf.Tensor:
    if kernel.in_use():
        return kernel.call("slope", (slopes, rows, inside, g), dtype=tf.float32, shape=((1, 0), (1, 1)))
    return tf.where(inside, tf.reduce_sum(tf.gather(slopes, rows) * g[:, None, :], axis=2), 0.0)


def rows_of(address: tf.Tensor, entries: int) -> tf.Tensor:
    """Return rows of tables with K entries per channel, one channel after the other; address (M, C_in) in [0, K)."""
    return address + tf.range(address.shape[1], dtype=tf.int32) * entries


def code_histogram(address: tf.Tensor, entries: int) -> tf.Tensor:
    """Return the fraction of events at each address of each channel, (C_in, K); address (N, C_in) int32 in [0, K)."""
    c_in = address.shape[1]
    if kernel.in_use():
        return kernel.call("histogram", (address, tf.zeros((c_in, entries))), dtype=tf.float32, shape=((1, 0), (1, 1)))
    rows = tf.reshape(rows_of(address, entries), (-1,))
    counts = tf.math.unsorted_segment_sum(tf.ones_like(rows, tf.float32), rows, c_in * entries)
    return tf.reshape(counts, (c_in, entries)) / tf.cast(tf.shape(address)[0], tf.float32)
