"""`LUTDense`: a dense layer whose every edge is a small look-up table, trained through the tables themselves.

Behind each edge (i, o) stands a network of one input, H tanh units and one output. It is evaluated on the few codes
that input channel i can take, once a step; the batch only reads the resulting table. What is read in training
is what firmware gets. See `lookup.py` for the sum over edges and `rounding.py` for the gradients of the widths.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from trigger_lut.errors import ConfigurationError
from trigger_lut.fixed_point import parse_fixed
from trigger_lut.layers.edges import edge_functions
from trigger_lut.layers.lookup import code_histogram, lookup_sum, rows_of
from trigger_lut.layers.rounding import round_through, round_to_fraction
from trigger_lut.network import LUTDenseTables

EPSILON = 1e-3  # added to variances, as in keras.layers.BatchNormalization
FRACTION_LIMIT = 12  # output fractions stay within -12..12, so that sums are exact in float32

Moments = Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


@keras.saving.register_keras_serializable(package="trigger_lut")
class LUTDense(keras.layers.Layer):
    """Dense layer of look-up tables: y[n, o] = bias[o] + sum_i T[i, code(x[n, i]), o].

    units           number of outputs C_out
    batch_norm      normalise the sum of the edges' outputs with the batch's code histogram; folded into the tables
    input_format    'fixed<W,I>' or 'ufixed<W,I>' (I includes the sign), or one such text a channel. Real-valued
                    input is rounded down (TRN) and saturated (SAT) into it
    max_input_bits  largest address width of an edge; tables have at most 2**max_input_bits entries
    hidden_width    H, tanh units behind each edge
    output_bits     fractional bits of the table entries at the start
    momentum        of the moving statistics of batch normalisation; its histograms are steadier than a batch's means,
                    so it is shorter than Keras' 0.99
    seed            of the initial weights; None draws one from `keras.utils.set_random_seed`'s state

    Input (N, C_in) float, output (N, C_out) float on a grid of powers of two: exact in float32.
    Raises ConfigurationError for a bad format or an input that is not of rank 2.
    """

    def __init__(
        self,
        units: int,
        batch_norm: bool = False,
        input_format: str | Sequence[str] = "fixed<8,3>",
        max_input_bits: int = 6,
        hidden_width: int = 8,
        output_bits: int = 6,
        momentum: float = 0.9,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        for key, value, lowest, highest in (
            ("units", units, 1, None),
            ("hidden_width", hidden_width, 1, None),
            ("max_input_bits", max_input_bits, 1, 12),
            ("output_bits", output_bits, -FRACTION_LIMIT, FRACTION_LIMIT),
        ):
            if value != int(value) or value < lowest or (highest is not None and value > highest):
                limits = f"{lowest} to {highest}" if highest is not None else f"{lowest} on"
                raise ConfigurationError(f"LUTDense: {key}: expected a whole number from {limits}, found {value}")
        if not 0 <= momentum < 1:
            raise ConfigurationError(f"LUTDense: momentum: expected 0 <= momentum < 1, found {momentum}")
        self.units, self.batch_norm, self.hidden_width = int(units), bool(batch_norm), int(hidden_width)
        self.max_input_bits, self.output_bits, self.momentum = int(max_input_bits), int(output_bits), float(momentum)
        self.seed = seed
        self.input_format = input_format if isinstance(input_format, str) else list(input_format)
        if isinstance(input_format, str):
            parse_fixed(input_format)
        else:
            for text in input_format:
                parse_fixed(text)

    # ---------------------------------------------------------------- variables

    def build(self, input_shape: Sequence[int | None]) -> None:
        if len(input_shape) != 2 or input_shape[-1] is None:
            raise ConfigurationError(
                f"LUTDense {self.name!r}: expected an input of shape (N, C_in), found {input_shape}"
            )
        c_in = int(input_shape[-1])
        texts = [self.input_format] * c_in if isinstance(self.input_format, str) else self.input_format
        if len(texts) != c_in:
            raise ConfigurationError(f"LUTDense {self.name!r}: {len(texts)} input formats for {c_in} channels")
        self.formats = tuple(parse_fixed(t) for t in texts)
        self.set_shapes()
        rng = np.random.default_rng(random.getrandbits(31) if self.seed is None else self.seed)
        shape, hidden = (c_in, self.units), (c_in, self.units, self.hidden_width)
        # Each tanh unit has its kink somewhere in the channel's range (-1, 1) and one of several steepnesses.
        w1 = rng.choice([-1.0, 1.0], hidden) * np.exp(rng.uniform(np.log(0.7), np.log(6.0), hidden))
        self.w1 = self._weight("w1", w1)
        self.b1 = self._weight("b1", -w1 * rng.uniform(-1.0, 1.0, hidden))
        gain = 1.0 if self.batch_norm else 1.0 / np.sqrt(c_in)
        self.w2 = self._weight("w2", rng.normal(0.0, gain / np.sqrt(self.hidden_width), hidden))
        self.bias = self._weight("bias", np.zeros(self.units))
        self.input_width = self._weight("input_width", np.broadcast_to(self.channel_bits[:, None], shape))
        self.output_fraction = self._weight("output_fraction", np.full(shape, float(self.output_bits)))
        if self.batch_norm:
            self.gamma = self._weight("gamma", np.ones(self.units))
            self.moving_mean = self._state("moving_mean", np.zeros(shape))
            self.moving_variance = self._state("moving_variance", np.ones(self.units))
            self.batch_statistics = self._state("batch_statistics", np.ones(()))
        self.table = self._state("table", np.zeros((c_in, self.entries, self.units)))
        self.table_bias = self._state("table_bias", np.zeros(self.units))
        self.table_is_current = self._state("table_is_current", np.zeros(()))
        # Compiled by XLA even where the model around is not: Keras leaves models on a CPU uncompiled.
        self._compiled = tf.function(self.forward_training, jit_compile=True)
        super().build(input_shape)

    def set_shapes(self) -> None:
        """Constants that follow from the formats: bits looked at, smallest codes, and code positions."""
        bits = [min(f.bits, self.max_input_bits) for f in self.formats]
        self.entries = 1 << max(bits)
        self.channel_bits = np.array(bits, dtype=np.float32)
        self._scale = np.array([2.0**f.f for f in self.formats], dtype=np.float32)
        self._lo = np.array([f.lo for f in self.formats], dtype=np.float32)
        self._hi = np.array([f.hi for f in self.formats], dtype=np.float32)
        self._drop = np.array([f.bits - b for f, b in zip(self.formats, bits, strict=True)], dtype=np.int32)

    def _weight(self, name: str, value: np.ndarray) -> keras.Variable:
        value = np.asarray(value, dtype=np.float32)
        return self.add_weight(shape=value.shape, initializer=lambda s, dtype=None: tf.constant(value), name=name)

    def _state(self, name: str, value: np.ndarray) -> keras.Variable:
        variable = self._weight(name, value)
        variable.trainable = False
        return variable

    def limits(self) -> tuple[np.ndarray, np.ndarray]:
        """Smallest and largest real value of each input channel's format, (C_in,) each."""
        return self._lo / self._scale, self._hi / self._scale

    # ---------------------------------------------------------------- tables

    def widths(self) -> tuple[tf.Tensor, tf.Tensor]:
        """Address widths m (C_in, C_out) within 0..bits of the channel, and output fractions f, both whole numbers."""
        m = round_through(tf.clip_by_value(tf.convert_to_tensor(self.input_width), 0.0, self.channel_bits[:, None]))
        f = tf.clip_by_value(tf.convert_to_tensor(self.output_fraction), -FRACTION_LIMIT, FRACTION_LIMIT)
        return m, round_through(f)

    def edge_functions(self, m: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Values of the edges' networks at the bin centres, and their slopes with respect to the real input.

        Both (C_in, K, C_out), before normalisation and rounding.
        """
        w1, b1, w2 = (tf.convert_to_tensor(w) for w in (self.w1, self.b1, self.w2))
        values, slope = edge_functions(w1, b1, w2, m, self.channel_bits, self.entries)
        half = 2.0 ** (self.channel_bits[:, None, None] - 1.0)
        per_real = self._scale[:, None, None] * 2.0 ** (-self._drop[:, None, None].astype(np.float32)) / half
        return values, slope * per_real

    def tables(self, moments: Moments | None) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Tables T (C_in, K, C_out), their slopes (same shape), and the bias (C_out,) rounded to the tables' grid.

        moments: called with the edges' values, gives their mean (C_in, C_out) and variance (C_out,); None
        without batch-norm.
        """
        m, f = self.widths()
        values, slopes = self.edge_functions(m)
        if moments is not None:
            mean, variance = moments(values)
            gain = tf.convert_to_tensor(self.gamma) * tf.math.rsqrt(variance + EPSILON) / np.sqrt(len(self.formats))
            values, slopes = (values - mean[:, None, :]) * gain, slopes * tf.stop_gradient(gain)
        table = round_to_fraction(values, f[:, None, :])
        live = tf.reduce_max(table, axis=1) > tf.reduce_min(table, axis=1)
        # An output without live edges is its bias alone, on the grid of what its edges were.
        counted = tf.logical_or(live, tf.logical_not(tf.reduce_any(live, axis=0)))
        finest = tf.reduce_max(tf.where(counted, f, -float(FRACTION_LIMIT)), axis=0)
        return table, slopes, round_to_fraction(tf.convert_to_tensor(self.bias), tf.stop_gradient(finest))

    def _batch_moments(self, address: tf.Tensor, values: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Moments of the batch from its histogram of codes, which also move the stored ones."""
        histogram = code_histogram(address, self.entries)
        mean, variance = moments_of(values, histogram)
        live = tf.convert_to_tensor(self.batch_statistics)
        step = (1.0 - self.momentum) * live
        for stored, now in ((self.moving_mean, mean), (self.moving_variance, variance)):
            stored.assign(stored + step * (tf.stop_gradient(now) - stored))
        kept_mean, kept_variance = self._stored_moments(values)
        return tf.where(live > 0.5, mean, kept_mean), tf.where(live > 0.5, variance, kept_variance)

    def _stored_moments(self, values: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return tf.convert_to_tensor(self.moving_mean), tf.convert_to_tensor(self.moving_variance)

    def refresh(self) -> None:
        """Compute the tables from the weights once and keep them; inference, saving and firmware read these.

        Training marks them as outdated. Whoever assigns weights by hand afterwards sets `table_is_current` to 0.
        """
        if float(self.table_is_current.numpy()) < 0.5:
            self.keep(*self.current_tables())

    def keep(self, table: tf.Tensor, bias: tf.Tensor) -> None:
        """Make these the layer's tables until it is trained again."""
        self.table.assign(table)
        self.table_bias.assign(bias)
        self.table_is_current.assign(1.0)

    def integer_form(self, ranges: Sequence[tuple[int, int, int]] | None = None) -> LUTDenseTables:
        """The layer as plain integers; see `trigger_lut.layers.freeze.integer_form`."""
        from trigger_lut.layers.freeze import integer_form

        return integer_form(self, ranges)

    def save_own_variables(self, store: Any) -> None:
        self.refresh()
        super().save_own_variables(store)

    # ---------------------------------------------------------------- forward

    def addresses(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Table addresses (N, C_in) int32 of real values, and where they lie within the range of the format."""
        code = tf.floor(x * self._scale)
        inside = tf.logical_and(code >= self._lo, code <= self._hi)
        code = tf.clip_by_value(code, self._lo, self._hi) - self._lo
        return tf.bitwise.right_shift(tf.cast(code, tf.int32), self._drop), inside

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        x = tf.cast(x, tf.float32)
        return self._compiled(x)[0] if training else self._forward_inference(x)

    def forward_training(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tuple[tf.Tensor, tf.Tensor]]:
        """Outputs (N, C_out); tables (C_in, K, C_out) and widths, for a penalty on the cost (trigger_lut.layers.cost).

        Tables are marked as no longer current, and with batch-norm the stored moments move.
        """
        address, inside = self.addresses(x)
        self.table_is_current.assign(0.0)
        moments = functools.partial(self._batch_moments, address) if self.batch_norm else None
        table, slopes, bias = self.tables(moments)
        return self._summed(table, slopes, address, x, inside) + bias, table, self.widths()

    def _forward_inference(self, x: tf.Tensor) -> tf.Tensor:
        address, inside = self.addresses(x)
        table, bias = tf.cond(tf.convert_to_tensor(self.table_is_current) > 0.5, self._kept, self.current_tables)
        return self._summed(table, None, address, x, inside) + bias

    def _summed(self, table, slopes, address, x, inside):
        flat = (-1, self.units)
        slopes = None if slopes is None else tf.reshape(slopes, flat)
        return lookup_sum(tf.reshape(table, flat), slopes, rows_of(address, self.entries), x, inside)

    def _kept(self) -> tuple[tf.Tensor, tf.Tensor]:
        return tf.convert_to_tensor(self.table), tf.convert_to_tensor(self.table_bias)

    def current_tables(self) -> tuple[tf.Tensor, tf.Tensor]:
        """Tables (C_in, K, C_out) and bias (C_out,) of the weights as they are, for inference."""
        table, _, bias = self.tables(self._stored_moments if self.batch_norm else None)
        return table, bias

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, int]:
        return input_shape[0], self.units

    def get_config(self) -> dict[str, Any]:
        keys = (
            "units",
            "batch_norm",
            "input_format",
            "max_input_bits",
            "hidden_width",
            "output_bits",
            "momentum",
            "seed",
        )
        return {**super().get_config(), **{key: getattr(self, key) for key in keys}}


def moments_of(values: tf.Tensor, histogram: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Mean of each edge (C_in, C_out), and variance averaged over the edges of an output (C_out,).

    values (C_in, K, C_out); histogram (C_in, K) of the codes, summing to 1 for each channel.
    """
    p = histogram[:, :, None]
    mean = tf.reduce_sum(p * values, axis=1)
    return mean, tf.reduce_mean(tf.reduce_sum(p * tf.square(values - mean[:, None, :]), axis=1), axis=0)
