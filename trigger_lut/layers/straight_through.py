"""Rounding in the forward pass, with gradients that let widths be trained (HGQ, arXiv 2405.00645, section 3).

For q = x rounded to f fraction bits, the error shrinks as 2**-f, so dq/df = ln 2 * (x - q). With respect
to x the rounding is transparent (straight-through).
"""

from __future__ import annotations

import math

import tensorflow as tf

LN2 = math.log(2.0)


@tf.custom_gradient
def power_of_two(whole: tf.Tensor) -> tf.Tensor:
    """Return 2**whole of integers from -126 to 127, float32, exactly.

    It composes the bits of the number with a few integer operations, which XLA fuses with their consumer. A power would
    be a call, and a kernel of its own.
    """
    value = tf.bitcast(tf.bitwise.left_shift(tf.cast(whole, tf.int32) + 127, 23), tf.float32)
    return value, lambda gradient: gradient * LN2 * value


def round_through(x: tf.Tensor) -> tf.Tensor:
    """Round x half up, with the gradient of the identity."""
    return tf.stop_gradient(tf.floor(x + 0.5)) + (x - tf.stop_gradient(x))


def round_to_fraction(x: tf.Tensor, f: tf.Tensor) -> tf.Tensor:
    """Round x to the grid 2**-f, f integer-valued and broadcast against x; gradients to both x and f."""
    scale = tf.stop_gradient(power_of_two(f))
    q = tf.stop_gradient(tf.floor(x * scale + 0.5) * power_of_two(-f))
    fixed = tf.stop_gradient(x)
    # q is alone and zeros are added to it, so that the value is on the grid to the last bit.
    return q + (x - fixed) + LN2 * (fixed - q) * (f - tf.stop_gradient(f))


def bin_centers(positions: tf.Tensor, channel_bits: tf.Tensor, *, m: tf.Tensor) -> tf.Tensor:
    """Return the center of the bin in which each code lies when only its m highest bits are kept (TRN).

    Parameters
    ----------
    positions : tf.Tensor, shape (C_in, K, 1)
        Codes counted from 0, as floats.
    channel_bits : tf.Tensor, shape (C_in, 1, 1)
        Bits of each channel.
    m : tf.Tensor, shape (C_in, 1, C_out)
        Integer-valued widths.

    Returns
    -------
    tf.Tensor, shape (C_in, K, C_out)
        Centers in units of codes; the gradient to m is ln 2 * (position - center).
    """
    size = tf.stop_gradient(power_of_two(channel_bits - m))
    center = (tf.floor(positions * tf.stop_gradient(power_of_two(m - channel_bits))) + 0.5) * size - 0.5
    error = tf.stop_gradient(positions - center)
    return tf.stop_gradient(center) + LN2 * error * (m - tf.stop_gradient(m))
