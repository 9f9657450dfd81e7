"""The differentiable estimates of cost and depth decrease with, and follow, the exact count."""

import numpy as np
import pytest
import tensorflow as tf

from trigger_lut.layers.soft_cost import (
    Record,
    collecting,
    extremes,
    is_collecting,
    record,
    soft_levels,
    soft_luts,
    soft_saturation,
)


def edge(values, m, f):
    """LUTs and presence of one edge with a table of these real values."""
    table = tf.reshape(tf.constant(values, tf.float32), (1, -1, 1))
    luts, present = soft_luts(table, tf.fill((1, 1), float(m)), f=tf.fill((1, 1), float(f)))
    return float(luts[0, 0]), float(present[0, 0])


def test_constant_and_unaddressed_tables_cost_nothing():
    assert edge([1.0, 1.0], 1, 3) == (0.0, 0.0)
    assert edge([0.0, 1.0], 0, 3) == (0.0, 0.0)


@pytest.mark.parametrize("low", range(1, 9))
def test_wider_addresses_and_finer_outputs_cost_more(low):
    values = [0.0, 1.0]
    assert edge(values, low + 1, 3)[0] > edge(values, low, 3)[0]
    assert edge(values, 5, low + 1)[0] > edge(values, 5, low)[0]
    assert edge(values, 5, low + 1)[1] > edge(values, 5, low)[1]


def test_a_seventh_address_bit_doubles_the_table():
    values, bits = [0.0, 1.0], np.log2(1 + 8)
    assert edge(values, 7, 3)[0] - edge(values, 6, 3)[0] == pytest.approx(bits, rel=1e-5)


def test_gradients_lead_to_cheaper_edges():
    table = tf.constant(np.random.default_rng(0).normal(size=(3, 16, 2)), tf.float32)
    m, f = tf.fill((3, 2), 4.0), tf.fill((3, 2), 3.0)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([table, m, f])
        luts, present = soft_luts(table, m, f=f)
        cost, depth = tf.reduce_sum(luts), soft_levels(present)
    for gradient in (tape.gradient(cost, m), tape.gradient(cost, f), tape.gradient(depth, f)):
        assert (gradient.numpy() > 0).all()
    spans = tape.gradient(cost, table).numpy()
    highest = table.numpy() == table.numpy().max(axis=1, keepdims=True)
    assert (spans[highest] > 0).all(), "lowering the highest entry makes a table cheaper"


@pytest.mark.parametrize("entries", [2, 64, 4096])
def test_extremes_have_the_gradients_of_the_reductions(entries):
    """Rounded entries, so that many are equal, and one edge that is constant."""
    rng = np.random.default_rng(1)
    table = tf.constant(np.round(rng.normal(size=(3, entries, 2)) * [[[1.0, 0.0]]], 1), tf.float32)
    weights = tf.constant(rng.normal(size=(2, 3, 2)), tf.float32)

    def gradient(reduction):
        with tf.GradientTape() as tape:
            tape.watch(table)
            largest, smallest = reduction(table)
            total = tf.reduce_sum(weights[0] * largest + weights[1] * smallest)
        return total.numpy(), tape.gradient(total, table).numpy()

    value, ours = gradient(extremes)
    expected, theirs = gradient(lambda t: (tf.reduce_max(t, axis=1), tf.reduce_min(t, axis=1)))
    assert value == expected
    np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-7)
    assert np.abs(ours).max() > 0


def test_depth_follows_the_fan_in_of_the_deepest_output():
    def levels(fan_in):
        present = np.zeros((16, 3), np.float32)
        present[:2] = 1.0
        present[:fan_in, 0] = 1.0
        return float(soft_levels(tf.constant(present)))

    assert levels(15) == pytest.approx(4.0, abs=0.1)
    assert levels(7) == pytest.approx(3.0, abs=0.1)


def test_saturation_is_free_within_the_range_and_grows_beyond():
    def excess(scale, bias=0.0):
        table = tf.constant(np.array([[[-1.0], [1.0]], [[-1.0], [1.0]]]) * scale, tf.float32)
        return float(soft_saturation(table, tf.constant([bias]), lowest=np.float32([-4]), highest=np.float32([3.875])))

    assert excess(1.9) == 0.0
    assert 0 < excess(2.5) < excess(5.0) < 1
    assert excess(1.9, bias=1.0) > 0


def test_records_are_kept_within_the_block_only():
    record("outside", None, m=None, f=None, places=1)
    with collecting() as outer:
        assert is_collecting()
        record("a", 1, m=2, f=3, places=4)
        with collecting() as inner:
            record("b", 1, m=2, f=3, places=1)
        record("c", 5, m=6, f=7, places=8)
    assert not is_collecting()
    record("late", None, m=None, f=None, places=1)
    assert outer == [Record("a", 1, 2, 3, 4), Record("c", 5, 6, 7, 8)]
    assert [r.layer for r in inner] == ["b"]


def test_an_error_within_the_block_ends_it():
    with pytest.raises(ZeroDivisionError), collecting():
        _ = 1 / 0
    assert not is_collecting()
