"""The small networks behind the edges, evaluated on the codes that their input can take.

phi(u) = w2 . a(W_d ... a(W_2 . a(w1 * u + b1) + b_2) ... + b_d),    u in (-1, 1) the center of the bin in which a code
                                                                     lies, a the activation, d the depth
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from trigger_lut.layers.activations import ACTIVATIONS
from trigger_lut.layers.kernel import edges
from trigger_lut.layers.straight_through import bin_centers


class EdgeWeights(NamedTuple):
    """Weights of all edges of a layer.

    w1, b1, w2  (C_in, C_out, H), of the first hidden layer and of the output.

    hidden      Weights (C_in, C_out, H, H) and biases (C_in, C_out, H), from the 2nd hidden layer on.
    """

    w1: tf.Tensor
    b1: tf.Tensor
    w2: tf.Tensor
    hidden: tuple[tuple[tf.Tensor, tf.Tensor], ...] = ()


def initial_weights(
    rng: np.random.Generator, shape: tuple[int, int], *, width: int, depth: int, activation: str, spread: float
) -> EdgeWeights:
    """Draw weights of edge networks, as arrays.

    Each unit of the first layer has its kink somewhere in the channel's range (-1, 1), and one of several steepnesses.
    An edge's values have a standard deviation of at most about `spread`.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of the draws.
    shape : tuple of int
        C_in and C_out.
    width : int
        H, units of each hidden layer.
    depth : int
        Number of hidden layers.
    activation : str
        Key of `ACTIVATIONS`.
    spread : float
        Standard deviation of an edge's values.

    Returns
    -------
    EdgeWeights
    """
    units = (*shape, width)
    w1 = rng.choice([-1.0, 1.0], units) * np.exp(rng.uniform(np.log(0.7), np.log(6.0), units))
    b1 = -w1 * rng.uniform(-1.0, 1.0, units)
    w2 = rng.normal(0.0, spread / np.sqrt(width), units)
    u = np.linspace(-1.0, 1.0, 33)
    hidden, out = [], _activated(u[:, None, None, None] * w1 + b1, activation)
    for _ in range(depth - 1):
        w = rng.normal(0.0, 1.0 / np.sqrt(width) / _size(out), (*units, width))
        b = rng.uniform(-0.5, 0.5, units)
        hidden.append((w, b))
        out = _activated(np.einsum("kioh,iohg->kiog", out, w) + b, activation)
    return EdgeWeights(w1, b1, w2 / _size(out), tuple(hidden))


def _activated(x: np.ndarray, activation: str) -> np.ndarray:
    with tf.init_scope():  # `fit` may build layers within its graph
        return ACTIVATIONS[activation](tf.constant(x, tf.float32)).numpy().astype(np.float64)


def _size(x: np.ndarray) -> float:
    """Return the root mean square, at least 1: activations without bounds grow on steep units."""
    return max(1.0, float(np.sqrt(np.mean(np.square(x)))))


def edge_values(weights: EdgeWeights, activation: str, *, u: tf.Tensor) -> tf.Tensor:
    """Return phi(u) of every edge; u and the result (..., C_in, K, C_out)."""
    function = ACTIVATIONS[activation]
    units = function(u[..., None] * weights.w1[:, None] + weights.b1[:, None])
    for w, b in weights.hidden:
        units = function(tf.einsum("...ikoh,iohg->...ikog", units, w) + b[:, None])
    return tf.reduce_sum(units * weights.w2[:, None], axis=-1)


def edge_functions(
    weights: EdgeWeights, activation: str, *, m: tf.Tensor, channel_bits: np.ndarray, entries: int, slopes: bool = True
) -> tuple[tf.Tensor, tf.Tensor | None]:
    """Return values of the edges' networks at the bin centers of their inputs, and their slopes with respect to u.

    Parameters
    ----------
    weights : EdgeWeights
        Weights of all edges.
    activation : str
        Key of `ACTIVATIONS`.
    m : tf.Tensor, shape (..., C_in, C_out)
        Integer address widths, 0..channel_bits; gradient: `bin_centers`.
    channel_bits : numpy.ndarray of float, shape (C_in,)
        Bits of each channel's code.
    entries : int
        K, at least 2**max(channel_bits). A channel of fewer bits repeats its last code, so constant tables stay
        constant.
    slopes : bool
        False: None in place of slopes.

    Returns
    -------
    tuple of tf.Tensor
        Values and slopes (..., C_in, K, C_out). No gradient flows through the slopes.
    """
    bits = np.asarray(channel_bits, dtype=np.float32)[:, None, None]
    positions = np.minimum(np.arange(entries, dtype=np.float32)[None, :, None], 2.0**bits - 1.0)
    centers = bin_centers(tf.constant(positions), bits, m=m[..., None, :])
    u = (centers + 0.5) / 2.0 ** (bits - 1.0) - 1.0
    if edges.can(weights.w1.shape[-1], 1 + len(weights.hidden), activation=activation):
        values, slope = edges.tanh_edges(weights.w1, weights.b1, w2=weights.w2, u=u)
        return values, slope if slopes else None
    if not slopes:
        return edge_values(weights, activation, u=u), None
    # Each entry depends on its own u alone, so one sweep backwards gives the slopes of all entries.
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(u)
        values = edge_values(weights, activation, u=u)
    return values, tf.stop_gradient(tape.gradient(values, u))
