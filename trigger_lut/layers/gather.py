"""Values that each position of a layer reads, as a static index: forward for addresses, backward for gradients."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from trigger_lut.fixed_point.formats import IntArray
from trigger_lut.network.layers import PADDING


def window_output(size: int, kernel: int, *, stride: int, dilation: int, padding: str) -> int:
    """Return the number of positions of a window along one axis, as keras.layers.Conv1D; 0 where it does not fit."""
    if padding == "same":
        return math.ceil(size / stride)
    return max((size - (kernel - 1) * dilation - 1) // stride + 1, 0)


def window_positions(
    sizes: Sequence[int], kernel: Sequence[int], *, strides: Sequence[int], dilation: Sequence[int], padding: str
) -> IntArray:
    """Return (P, prod(kernel)) input positions, row-major over `sizes`, that a window reads at each of its positions.

    -1 represents padding, of which an odd one more comes after the values, as in TensorFlow.
    """
    positions = np.zeros((1, 1), dtype=np.int64)
    for size, k, stride, d in zip(sizes, kernel, strides, dilation, strict=True):
        places = window_output(size, k, stride=stride, dilation=d, padding=padding)
        before = max((places - 1) * stride + (k - 1) * d + 1 - size, 0) // 2 if padding == "same" else 0
        axis = np.arange(places)[:, None] * stride + np.arange(k) * d - before
        axis[(axis < 0) | (axis >= size)] = PADDING
        along = positions[:, None, :, None] * size + axis[None, :, None, :]
        padded = (positions < 0)[:, None, :, None] | (axis < 0)[None, :, None, :]
        positions = np.where(padded, PADDING, along).reshape(len(positions) * places, -1)
    return positions


def gather_index_of(positions: IntArray, channels: int) -> IntArray:
    """Return (P, k * C) numbers of the values, row-major over positions (P, k) and channels; -1: padding."""
    values = np.where(positions[..., None] < 0, PADDING, positions[..., None] * channels + np.arange(channels))
    return values.reshape(len(positions), -1)


class Gather:
    """Index of the values at S positions of C channels by the positions that read them.

    positions (P, k) in [0, S), or -1 for padding.
    """

    def __init__(self, positions: IntArray, size: int) -> None:
        self.n_positions, self.elements = positions.shape
        self.size = size
        self._from = np.where(positions < 0, size, positions).reshape(-1)
        readers: list[list[int]] = [[] for _ in range(size)]
        for reader, position in enumerate(positions.reshape(-1)):
            if position >= 0:
                readers[position].append(reader)
        most = max(map(len, readers), default=0)
        # Readers of each position, filled up with one that represents none.
        self._readers = np.array([r + [positions.size] * (most - len(r)) for r in readers], dtype=np.int64)

    def addresses(self, address: tf.Tensor, padding: np.ndarray) -> tf.Tensor:
        """Return (N * P, k * C) of addresses (N, S, C); padding (C,) is read at position -1."""
        channels = address.shape[-1]
        rest = tf.broadcast_to(tf.constant(padding, address.dtype), (tf.shape(address)[0], 1, channels))
        read = tf.gather(tf.concat([address, rest], axis=1), self._from, axis=1)
        return tf.reshape(read, (-1, self.elements * channels))

    def gradients(self, x: tf.Tensor, inside: tf.Tensor) -> tf.Tensor:
        """Return zeros (N * P, k * C) in place of values of x (N, S, C) by reader; they pass gradients on to x.

        Look-ups need no values of x, so that none are copied. inside (N, S, C): where gradients pass.
        """
        channels = x.shape[-1]

        @tf.custom_gradient
        def apply(x):
            read = tf.zeros((tf.shape(x)[0] * self.n_positions, self.elements * channels), x.dtype)

            def grad(g):
                g = tf.reshape(g, (-1, self.n_positions * self.elements, channels))
                g = tf.concat([g, tf.zeros_like(g[:, :1])], axis=1)
                g = tf.gather(g, self._readers.reshape(-1), axis=1)
                g = tf.reduce_sum(tf.reshape(g, (-1, *self._readers.shape, channels)), axis=2)
                return tf.where(inside, g, 0.0)

            return read, grad

        return apply(x)
