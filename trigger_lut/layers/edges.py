"""The small networks behind the edges, evaluated on the codes that their input can take.

phi(u) = sum_h w2[h] * tanh(w1[h] * u + b1[h]),    u in (-1, 1) the centre of the bin in which a code lies
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from trigger_lut.layers.rounding import bin_centres


def edge_functions(
    w1: tf.Tensor, b1: tf.Tensor, w2: tf.Tensor, m: tf.Tensor, channel_bits: np.ndarray, entries: int
) -> tuple[tf.Tensor, tf.Tensor]:
    """Values of the edges' networks at the bin centres of their inputs, and their slopes with respect to u.

    w1, b1, w2    (C_in, C_out, H)
    m             (C_in, C_out) whole-numbered address widths, 0..channel_bits; the gradient to them is that of
                  dropping low bits (rounding.bin_centres)
    channel_bits  (C_in,) float, bits of each channel's code
    entries       K, at least 2**max(channel_bits); a channel of fewer bits repeats its last code, so that constant
                  tables are seen as such
    Returns (C_in, K, C_out) twice. No gradient flows through the slopes.
    """
    bits = np.asarray(channel_bits, dtype=np.float32)[:, None, None]
    positions = np.minimum(np.arange(entries, dtype=np.float32)[None, :, None], 2.0**bits - 1.0)
    centres = bin_centres(tf.constant(positions), bits, m[:, None, :])
    u = (centres + 0.5) / 2.0 ** (bits - 1.0) - 1.0
    steep, shift, weight = w1[:, None], b1[:, None], w2[:, None]
    hidden = tf.tanh(u[..., None] * steep + shift)
    values = tf.reduce_sum(hidden * weight, axis=-1)
    frozen = tf.stop_gradient(hidden)
    return values, tf.reduce_sum(tf.stop_gradient(steep * weight) * (1.0 - frozen * frozen), axis=-1)
