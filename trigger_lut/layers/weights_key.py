"""A key of weights, by which a layer knows whether its tables are those of its present weights.

Tables cannot be computed anew each time: another processor, or another fusion by XLA, may round an entry the other
way at a tie. So a layer keeps its tables, and with them the key of the weights that they follow from. Whoever assigns
weights - an optimizer, averaging, `set_weights`, loading - needs to do nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

MASK = (1 << 32) - 1
SALTS = (0x9E3779B1, 0x85EBCA77)
FACTORS = (0x7FEB352D, 0x2C1B3C6D)  # below 2**31, so that a product with 32 bits fits into int64


def weights_key(arrays: Sequence[tf.Tensor]) -> tf.Tensor:
    """Compute a key of 64 bits.

    It depends on each bit of each value and on the order of the values. It is not linear, so that the mean of the
    keys of two sets of weights is not the key of their mean.

    Parameters
    ----------
    arrays : sequence of float32 tensors

    Returns
    -------
    (4,) float32 tensor
        Integers below 2**16. Float32 holds them exactly and can be a Keras variable on any device.
    """
    flat = tf.concat([tf.reshape(array, (-1,)) for array in arrays], axis=0)
    bits = tf.bitwise.bitwise_and(tf.cast(tf.bitcast(flat, tf.int32), tf.int64), MASK)
    place = tf.range(tf.size(flat, out_type=tf.int64), dtype=tf.int64)
    parts = []
    for salt in SALTS:
        total = tf.reduce_sum(_mixed(tf.bitwise.bitwise_xor(bits, _low(_mixed(place) + salt))))
        parts += [tf.bitwise.bitwise_and(tf.bitwise.right_shift(total, shift), 0xFFFF) for shift in (0, 16)]
    return tf.cast(tf.stack(parts), tf.float32)


def _low(x: tf.Tensor) -> tf.Tensor:
    return tf.bitwise.bitwise_and(x, MASK)


def _mixed(x: tf.Tensor) -> tf.Tensor:
    """Spread each bit of 32-bit integers over all of them (a finalizer as in MurmurHash3)."""
    for factor, shift in zip(FACTORS, (16, 15), strict=True):
        x = _low(tf.bitwise.bitwise_xor(x, tf.bitwise.right_shift(x, shift)) * factor)
    return tf.bitwise.bitwise_xor(x, tf.bitwise.right_shift(x, 16))
