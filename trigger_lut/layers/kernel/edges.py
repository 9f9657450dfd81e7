"""Networks behind edges with one hidden layer of tanh units, evaluated by the CPU kernel (`kernel_edges.h`).

Entries that share an input, as all codes of one bin do, are evaluated once: tables cost what their address widths ask
for, pruned edges next to nothing.
"""

from __future__ import annotations

import tensorflow as tf

from trigger_lut.layers.kernel import build as kernel

MOST_UNITS = 16  # kMostUnits of kernel_edges.h


def can(units: int, depth: int, *, activation: str) -> bool:
    """Return whether the kernel is in use and takes networks of this depth, width and activation."""
    return activation == "tanh" and depth == 1 and units <= MOST_UNITS and kernel.in_use()


def tanh_edges(w1: tf.Tensor, b1: tf.Tensor, *, w2: tf.Tensor, u: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return values of the networks w2 . tanh(w1 * u + b1), and their slopes with respect to u.

    w1, b1, w2 (C_in, C_out, H); u (..., C_in, K, C_out) with known sizes. Returns two tensors shaped as u; no gradient
    flows through the slopes.
    """
    _, c_out, units = w1.shape
    entries = u.shape[-2]

    @tf.custom_gradient
    def apply(w1, b1, w2, u):
        weights = [tf.reshape(w, (-1, units)) for w in (w1, b1, w2)]
        flat = tf.reshape(u, (-1, c_out))
        as_u, as_w = ((0, 0), (0, 1)), ((1, 0), (1, 1))
        values, slopes = kernel.calls("edges", (flat, *weights), dtype=tf.float32, shapes=(as_u, as_u), entries=entries)
        slopes = tf.reshape(slopes, u.shape)

        def grad(g, _):
            operands = (flat, *weights, tf.reshape(g, (-1, c_out)))
            gradients = kernel.calls(
                "edge_gradients", operands, dtype=tf.float32, shapes=(as_w, as_w, as_w), entries=entries
            )
            return *(tf.reshape(d, w1.shape) for d in gradients), g * slopes

        return (tf.reshape(values, u.shape), slopes), grad

    values, slopes = apply(w1, b1, w2, u)
    return values, tf.stop_gradient(slopes)
