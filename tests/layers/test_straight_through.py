"""Rounding in the forward pass, and powers of two."""

import numpy as np
import pytest
import tensorflow as tf

from trigger_lut.layers.straight_through import LN2, power_of_two, round_to_fraction


@pytest.mark.parametrize("compiled", [False, True])
def test_powers_of_two_are_exact(compiled):
    whole = np.arange(-126, 128, dtype=np.float32)
    powers = tf.function(power_of_two, jit_compile=compiled)(tf.constant(whole)).numpy()
    assert (powers == np.ldexp(np.float32(1.0), whole.astype(int))).all()


def test_powers_of_two_have_their_derivative():
    whole = tf.constant([-3.0, 0.0, 5.0])
    with tf.GradientTape() as tape:
        tape.watch(whole)
        value = power_of_two(whole)
    np.testing.assert_allclose(tape.gradient(value, whole), LN2 * value.numpy(), rtol=1e-6)


def test_rounded_values_lie_on_their_grid_to_the_last_bit():
    rng = np.random.default_rng(1)
    x, f = rng.normal(size=2000).astype(np.float32) * 8, rng.integers(-4, 12, 2000).astype(np.float32)
    q = round_to_fraction(tf.constant(x), tf.constant(f)).numpy().astype(np.float64)
    assert (q == np.floor(x.astype(np.float64) * 2.0**f + 0.5) / 2.0**f).mean() > 0.999, "ties of float32 apart"
    assert (q * 2.0**f == np.round(q * 2.0**f)).all()
