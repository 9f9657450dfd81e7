"""Losses of training, mean over a batch. The targets are `EventCodes.training_targets`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

Loss = Callable[[Any, Any], Any]


def cross_entropy(labels, scores):
    """Compute the softmax cross entropy.

    Labels (B,) int32, or label and weight (B, 2) float32; scores (B, classes).
    """
    if labels.shape.rank == 1:
        return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=scores))
    whole = tf.cast(labels[:, 0], tf.int32)
    return tf.reduce_mean(labels[:, 1] * tf.nn.sparse_softmax_cross_entropy_with_logits(labels=whole, logits=scores))


def squared_error(aims, outputs):
    """Compute the mean squared error over events and targets.

    Targets (B, T), or targets and weight (B, T + 1), float32; outputs (B, T).
    """
    targets = outputs.shape[1]
    each = tf.reduce_mean(tf.square(outputs - aims[:, :targets]), axis=1)
    return tf.reduce_mean(each if aims.shape[1] == targets else aims[:, targets] * each)
