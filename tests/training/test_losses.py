"""Loss of several heads: against the sum by hand, and learned weights."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from trigger_lut.config.data_set.heads import heads_of
from trigger_lut.training.losses import HeadLoss, cross_entropy, squared_error

RNG = np.random.default_rng(0)
LABELS, TARGETS = RNG.integers(0, 3, 50), RNG.normal(size=(50, 1)).astype(np.float32)
OUTPUTS = tf.constant(RNG.normal(size=(50, 4)), tf.float32)
TRUTH = tf.constant(np.concatenate([LABELS[:, None], TARGETS], axis=1), tf.float32)
PARTS = (
    float(cross_entropy(tf.constant(LABELS, tf.int32), OUTPUTS[:, :3])),
    float(squared_error(tf.constant(TARGETS), OUTPUTS[:, 3:])),
)


def test_a_single_head_has_the_loss_of_its_kind() -> None:
    labels = tf.constant(LABELS, tf.int32)
    assert HeadLoss(heads_of("abcd", ()))(labels, OUTPUTS).numpy() == cross_entropy(labels, OUTPUTS).numpy()
    one = HeadLoss(heads_of((), ["pt"]))
    assert one(tf.constant(TARGETS), OUTPUTS[:, :1]).numpy() == squared_error(TARGETS, OUTPUTS[:, :1]).numpy()
    assert one.variables == []


def test_fixed_weights_multiply_the_losses_of_heads() -> None:
    loss = HeadLoss(heads_of("abc", ["pt"], loss_weights={"class": 2.0, "pt": 0.3}))
    assert float(loss(TRUTH, OUTPUTS)) == pytest.approx(2 * PARTS[0] + 0.3 * PARTS[1], rel=1e-6)
    assert loss.terms() == ([2.0, 0.3], 0.0)


def test_weights_of_events_reach_all_heads() -> None:
    loss, weights = HeadLoss(heads_of("abc", ["pt"])), np.zeros((50, 1), np.float32)
    weights[7] = 50.0  # the mean is that of one event
    value = loss(tf.concat([TRUTH, weights], axis=1), OUTPUTS)
    assert float(value) == pytest.approx(float(loss(TRUTH[7:8], OUTPUTS[7:8])), rel=1e-5)


def test_learned_weights_have_their_minimum_at_the_losses() -> None:
    loss = HeadLoss(heads_of("abc", ["pt"], loss_weights="uncertainty"))
    assert len(loss.variables) == 2
    assert float(loss(TRUTH, OUTPUTS)) == pytest.approx(PARTS[0] + PARTS[1] / 2, rel=1e-6)
    # d/ds of exp(-s) f L + s / 2 is 0 at exp(s) = 2 f L
    best = [np.log(2 * PARTS[0]), np.log(PARTS[1])]
    for variable, value in zip(loss.variables, best, strict=True):
        variable.assign([value])
    with tf.GradientTape() as tape:
        total = loss(TRUTH, OUTPUTS)
    gradients = tape.gradient(total, [variable.value for variable in loss.variables])
    np.testing.assert_allclose([g.numpy()[0] for g in gradients], 0, atol=1e-6)
    factors, offset = loss.terms()
    assert float(total) == pytest.approx(factors[0] * PARTS[0] + factors[1] * PARTS[1] + offset, rel=1e-6)
