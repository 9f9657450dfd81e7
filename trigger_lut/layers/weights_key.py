"""A key of weights, by which a layer knows whether its tables are those of its present weights.

Tables cannot be computed anew each time: another processor, or another fusion by XLA, may round an entry the other
way at a tie. So a layer keeps its tables, and with them the key of the weights that they follow from. Whoever assigns
weights - an optimizer, averaging, `set_weights`, loading - needs to do nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

MASK, LOW = (1 << 32) - 1, (1 << 16) - 1
SALTS = (0x9E3779B1, 0x85EBCA77)
FACTORS = (0x7FEB352D, 0x2C1B3C6D)  # below 2**31, so that a product with 32 bits fits into int64


def weights_key(arrays: Sequence[tf.Tensor]) -> tf.Tensor:
    """Compute a key of 64 bits.

    It depends on each bit of each value and on the order of the values. It is not linear, so that the mean of the
    keys of two sets of weights is not the key of their mean.

    Parameters
    ----------
    arrays : sequence of float32 tensors
        Weights.

    Returns
    -------
    (4,) float32 tensor
        Integers below 2**16, which are exact in float32. It can be a Keras variable on any device.
    """
    if tf.executing_eagerly():  # the same integers without some thirty small calls of TensorFlow
        eager = np.concatenate([np.asarray(array, dtype=np.float32).reshape(-1) for array in arrays])
        parts = _parts(eager.view(np.int32).astype(np.int64), np.arange(eager.size, dtype=np.int64), np.sum)
    else:
        flat = tf.concat([tf.reshape(array, (-1,)) for array in arrays], axis=0)
        bits = tf.cast(tf.bitcast(flat, tf.int32), tf.int64)
        parts = _parts(bits, tf.range(tf.size(flat, out_type=tf.int64), dtype=tf.int64), tf.reduce_sum)
    return tf.cast(tf.stack(parts), tf.float32)


def _parts(bits: Any, place: Any, total: Callable[[Any], Any]) -> list[Any]:
    """Return four integers below 2**16 from the bits of values and their positions, int64 arrays."""
    parts = []
    for salt in SALTS:
        key = total(_mixed((bits & MASK) ^ ((_mixed(place) + salt) & MASK)))
        parts += [key & LOW, (key // (LOW + 1)) & LOW]
    return parts


def _mixed(x: Any) -> Any:
    """Spread each bit of 32-bit integers over all of them (a finalizer as in MurmurHash3)."""
    for factor, shift in zip(FACTORS, (16, 15), strict=True):
        x = ((x ^ (x // (1 << shift))) * factor) & MASK
    return x ^ (x // (1 << 16))
