"""Losses of training, mean over a batch. The truth is `EventCodes.training_targets`.

The loss of a network is the sum of the losses of its heads, each times its weight. Weights that training learns are
those of homoscedastic uncertainty (A. Kendall, Y. Gal, R. Cipolla, CVPR 2018, arXiv:1705.07115). Each head has a
variance, whose logarithm s is trained. A head of classes adds exp(-s) L + s / 2 to the loss. A head of targets adds
exp(-s) L / 2 + s / 2. The variances are no part of the model, and so none of the firmware.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from trigger_lut.config.data_set.heads import CLASSES, TARGETS, Head, HeadKind, placed

Loss = Callable[[Any, Any], Any]
LIKELIHOOD: dict[HeadKind, float] = {CLASSES: 1.0, TARGETS: 0.5}  # factor of exp(-s) L


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


LOSSES: dict[HeadKind, Loss] = {CLASSES: cross_entropy, TARGETS: squared_error}
"""Loss of a head by its kind."""


class HeadLoss:
    """Loss of a network: the weighted sum over its heads.

    Parameters
    ----------
    heads : sequence of Head
        Heads of the network, at least one.
    """

    def __init__(self, heads: Sequence[Head]) -> None:
        self.heads = placed(heads)
        self.variables = [
            keras.Variable(np.zeros(1, np.float32), name="log_variance") for head in heads if head.loss_weight is None
        ]

    def __call__(self, truth, outputs):
        """Compute the loss; truth (B,) or (B, columns), with weights one more column; outputs (B, O)."""
        if len(self.heads) == 1:
            return LOSSES[self.heads[0].head.kind](truth, outputs)
        factors, offset = self._terms([variable.value[0] for variable in self.variables], tf.exp)
        columns = self.heads[-1].truth.stop
        weight = [truth[:, columns:]] if truth.shape[1] > columns else []
        losses = []
        for one, factor in zip(self.heads, factors, strict=True):
            own = one.truth_of(truth)
            if own.shape.rank == 1:
                own = own[:, None] if weight else tf.cast(own, tf.int32)
            own = tf.concat([own, *weight], axis=1) if weight else own
            losses.append(factor * LOSSES[one.head.kind](own, outputs[:, one.outputs]))
        return tf.add_n(losses) + offset

    def terms(self) -> tuple[list[float], float]:
        """Return the present weight of each head, and what is added to the sum of weighted losses."""
        factors, offset = self._terms([float(np.asarray(variable)[0]) for variable in self.variables], np.exp)
        return [float(factor) for factor in factors], float(offset)

    def _terms(self, logarithms: Sequence[Any], exp: Callable[[Any], Any]) -> tuple[list[Any], Any]:
        if not logarithms:
            return [one.head.loss_weight for one in self.heads], 0.0
        factors = [LIKELIHOOD[one.head.kind] * exp(-s) for one, s in zip(self.heads, logarithms, strict=True)]
        return factors, sum(logarithms) / 2
