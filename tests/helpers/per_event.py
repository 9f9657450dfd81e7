"""Layers of tables as a plain formulation: every edge's network evaluated for every event, in float64.

It shares no code with the layers: rounding, overflow, windows, batch normalization and gradients are written out anew.
Gradients come from automatic differentiation.
"""

from __future__ import annotations

import itertools
import math

import keras
import numpy as np
import tensorflow as tf

from trigger_lut.fixed_point.formats import parse_fixed
from trigger_lut.layers import LUTDense
from trigger_lut.layers.soft_cost import collecting

LN2 = math.log(2.0)
EPSILON = 1e-3  # of Keras' batch normalization
TIE = 1e-4  # of a step: closer to the middle between two grid points, float32 and float64 may round differently


def straight_through(forward, linear):
    """The value of `forward`, the gradients of `linear`."""
    return tf.stop_gradient(forward) + (linear - tf.stop_gradient(linear))


def places_of(layer, x):
    """x (N, ..., C) as (N, P, C_in): what each place reads, 0 for padding; places one after the other."""
    if isinstance(layer, LUTDense):
        return tf.reshape(x, (x.shape[0], -1, x.shape[-1]))
    sizes, places = x.shape[1:-1], []
    befores, counts = [], []
    for size, k, s, d in zip(sizes, layer.kernel_size, layer.strides, layer.dilation_rate, strict=True):
        reach = (k - 1) * d + 1
        if layer.padding == "same":
            count = -(-size // s)
            before = max((count - 1) * s + reach - size, 0) // 2
        else:
            count, before = (size - reach) // s + 1, 0
        befores.append(before)
        counts.append(count)
    for place in itertools.product(*map(range, counts)):
        read = []
        for offset in itertools.product(*map(range, layer.kernel_size)):
            at = [
                p * s + o * d - b
                for p, s, o, d, b in zip(place, layer.strides, offset, layer.dilation_rate, befores, strict=True)
            ]
            beyond = any(a < 0 or a >= size for a, size in zip(at, sizes, strict=True))
            read.append(tf.zeros_like(x[(slice(None), *[0] * len(sizes))]) if beyond else x[(slice(None), *at)])
        places.append(tf.concat(read, axis=-1))
    return tf.stack(places, axis=1)


def formats_of(layer, channels):
    """Format of each channel that a place reads."""
    given = layer.input_format
    kifs = [parse_fixed(text) for text in ([given] * channels if isinstance(given, str) else given)]
    return kifs * (1 if isinstance(layer, LUTDense) else math.prod(layer.kernel_size))


def codes_of(layer, kifs, x):
    """Codes (N, P, C_in) of real values, and whether gradients pass."""
    lo, hi = (np.array([getattr(f, end) for f in kifs], dtype=np.float64) for end in ("lo", "hi"))
    scaled = x.numpy().astype(np.float64) * np.array([2.0**f.f for f in kifs])
    codes = np.floor(scaled + (0.5 if layer.input_rounding == "RND" else 0.0))
    if layer.overflow == "WRAP":
        return (codes - lo) % (hi - lo + 1) + lo, np.ones_like(codes, dtype=bool)
    return np.clip(codes, lo, hi), (codes >= lo) & (codes <= hi)


def per_event(layer, x, weights, held_statistics=False):
    """y (N, P, C_out) in float64, and which outputs (same shape) are clear of ties in the rounding of edges.

    x (N, ..., C); weights by name, with their gradients to be followed; held_statistics: moments of batch normalization
    are taken as constants.
    """
    kifs = formats_of(layer, x.shape[-1])
    x = places_of(layer, x)
    bits = np.array([min(f.bits, layer.max_input_bits) for f in kifs], dtype=np.float64)
    drop = np.array([f.bits for f in kifs]) - bits
    lo, scale = np.array([f.lo for f in kifs], dtype=np.float64), np.array([2.0**f.f for f in kifs])
    codes, inside = codes_of(layer, kifs, x)
    position = np.floor((codes - lo) / 2.0**drop)[..., None]  # (N, P, C_in, 1)

    clipped = tf.clip_by_value(weights["input_width"], 0.0, bits[:, None])
    m = straight_through(tf.floor(clipped + 0.5), clipped)
    size = 2.0 ** (bits[:, None] - tf.stop_gradient(m))
    center = tf.floor(position / size) * size + (size - 1.0) / 2.0
    # HGQ: the derivative of a rounded value with respect to its number of bits is ln 2 times the rounding error.
    center = straight_through(center, LN2 * tf.stop_gradient(position - center) * m)
    half = 2.0 ** (bits - 1.0)
    u = (center + 0.5) / half[:, None] - 1.0
    moved = tf.where(inside, x * (scale / 2.0**drop / half), 0.0)[..., None]
    u = u + moved - tf.stop_gradient(moved)  # (N, P, C_in, C_out)
    phi = edge_networks(layer.activation, layer.edge_hidden_layers, u, weights)

    if layer.batch_norm:
        mean = tf.reduce_mean(phi, axis=(0, 1))
        variance = tf.reduce_mean(tf.square(phi - mean), axis=(0, 1, 2))
        if held_statistics:
            mean, variance = tf.stop_gradient(mean), tf.stop_gradient(variance)
        phi = (phi - mean) * weights["gamma"] / tf.sqrt(variance + EPSILON) / math.sqrt(len(kifs))
        phi = straight_through(tf.where(m > 0.0, phi, 0.0), phi)  # an edge without address bits leaves no constant

    f = straight_through(tf.floor(weights["output_fraction"] + 0.5), weights["output_fraction"])
    step = 2.0 ** tf.stop_gradient(f)
    rounded = tf.floor(phi * step + 0.5) / step
    clear = tf.reduce_all(tf.abs(phi * step + 0.5 - tf.round(phi * step + 0.5)) > TIE, axis=2)
    out = straight_through(rounded, phi + LN2 * tf.stop_gradient(phi - rounded) * f)
    y = tf.reduce_sum(out, axis=2)
    if "bias" in weights:
        y += straight_through(grid_bias(layer, weights["bias"]), weights["bias"])
    return y, clear.numpy()


def edge_networks(activation, depth, u, weights):
    """phi(u) of every edge; u (..., C_in, C_out)."""
    function = tf.sin if activation == "sin" else keras.activations.get(activation)
    hidden = function(u[..., None] * weights["w1"] + weights["b1"])
    for n in range(2, depth + 1):
        hidden = tf.reduce_sum(hidden[..., :, None] * weights[f"hidden_w{n}"], axis=-2) + weights[f"hidden_b{n}"]
        hidden = function(hidden)
    return tf.reduce_sum(hidden * weights["w2"], axis=-1)


def grid_bias(layer, bias):
    """The bias rounded to the finest fraction of the tables that vary; of all where none does."""
    table = np.asarray(layer.current_tables()[0])
    live = table.max(axis=-2) > table.min(axis=-2)
    edges = tuple(range(live.ndim - 1))
    live |= ~live.any(axis=edges)
    finest = np.where(live, np.floor(np.asarray(layer.output_fraction) + 0.5), -12).max(axis=edges)
    return np.floor(np.asarray(bias) * 2.0**finest + 0.5) / 2.0**finest


def weights_of(layer):
    """Trainable variables by name, in float64."""
    return {v.name: tf.constant(np.asarray(v), tf.float64) for v in layer.trainable_variables}


def both(layer, x, held_statistics=False, compiled=True):
    """Outputs (N, P, C_out) and gradients by name, of the layer and of the formulation above, for one random linear
    function of the outputs. Outputs that are not clear of ties are 0 in both.

    compiled: through the layer's own XLA step; else as a training step around the layer would trace it.
    """
    names = {v.name: v for v in layer.trainable_variables}
    weights, x32, x64 = weights_of(layer), tf.constant(x), tf.constant(x, tf.float64)
    with tf.GradientTape() as tape:
        tape.watch([x64, *weights.values()])
        expected, clear = per_event(layer, x64, weights, held_statistics)
        upstream = np.random.default_rng(9).normal(size=expected.shape) * clear
        loss = tf.reduce_sum(expected * upstream)
    theirs = tape.gradient(loss, {"x": x64} | weights)
    assert clear.mean() > 0.9
    with tf.GradientTape() as tape:
        tape.watch(x32)
        if compiled:
            y = layer(x32, training=True)
        else:
            with collecting() as records:
                y = layer(x32, training=True)
            assert [r.layer for r in records] == [layer]
        loss = tf.reduce_sum(tf.reshape(y, upstream.shape) * upstream.astype(np.float32))
    ours = tape.gradient(loss, {"x": x32} | {n: v.value for n, v in names.items()})
    assert y.shape[1:] == layer.compute_output_shape(x.shape)[1:]
    return np.asarray(y).reshape(upstream.shape) * clear, expected.numpy() * clear, ours, theirs


def wrong(ours, theirs):
    """Names of the gradients that disagree."""
    names = []
    for name, expected in theirs.items():
        size = np.abs(expected).max()
        assert size > 0, f"{name}: nothing to compare"
        if not np.allclose(ours[name], expected, atol=2e-5 * size, rtol=2e-4):
            names.append(name)
    return names


def check(layer, x, compiled=False):
    """Assert equal values and gradients; the gradient to x with fixed moments of batch normalization."""
    y, expected, ours, theirs = both(layer, x, compiled=compiled)
    np.testing.assert_array_equal(y, expected)
    assert set(ours) == set(theirs)
    if layer.batch_norm:
        theirs["x"] = both(layer, x, held_statistics=True, compiled=compiled)[3]["x"]
    assert wrong(ours, theirs) == []


def scatter(layer, input_shape, seed=1):
    """Build the layer and give it weights as if trained, some widths out of range."""
    layer.build((None, *input_shape))
    rng = np.random.default_rng(seed)
    layer.input_width.assign(rng.uniform(-0.4, layer.max_input_bits + 0.4, layer.input_width.shape))
    layer.output_fraction.assign(rng.uniform(1, 6, layer.output_fraction.shape))
    if layer.use_bias:
        layer.bias.assign(rng.normal(size=layer.units))
    if layer.batch_norm:
        layer.gamma.assign(rng.uniform(0.5, 2, layer.units))
    return layer


def values(formats, axes=(), n=300, seed=0, beyond=0.3):
    """(n, *axes, C) float32 real values: off the grid, and some beyond the range of their format, one per channel."""
    rng = np.random.default_rng(seed)
    columns = []
    for kif in map(parse_fixed, formats):
        lo, hi, margin = kif.lo * kif.step, (kif.hi + 1) * kif.step, beyond * (kif.hi - kif.lo) * kif.step
        columns.append(rng.uniform(lo - margin, hi + margin, (n, *axes)))
    return np.stack(columns, axis=-1).astype(np.float32)
