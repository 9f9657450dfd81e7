"""Activations of the hidden units of edge networks. Only tables reach hardware, so no activation costs anything."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

ACTIVATIONS: dict[str, Callable[[tf.Tensor], tf.Tensor]] = {
    "tanh": tf.tanh,
    "sin": tf.sin,
    "sigmoid": tf.sigmoid,
    "softsign": tf.nn.softsign,
    "relu": tf.nn.relu,
    "leaky_relu": tf.nn.leaky_relu,
    "elu": tf.nn.elu,
    "silu": tf.nn.silu,
    "gelu": tf.nn.gelu,
    "softplus": tf.nn.softplus,
}
"""By the name in a layer's configuration; each is what keras.activations has under that name ("sin": keras.ops.sin)."""
