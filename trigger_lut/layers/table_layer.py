"""What all layers of look-up tables share: options, variables, tables, batch normalisation, and the look-up.

Behind each edge (i, o) stands a network of one input, a few hidden units and one output (`edges.py`). It is evaluated
on the few codes that channel i can take, once a step; the batch only reads the resulting table. What training reads is
what firmware gets. A layer stands at one or more places: at each it reads C_in values and gives C_out new ones. A
kind of layer says which values each place reads. See `lookup.py` for the sum over edges and `rounding.py` for the
gradients of the widths.
"""

from __future__ import annotations

import functools
import math
import random
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from trigger_lut.errors import ConfigurationError
from trigger_lut.fixed_point import IntArray
from trigger_lut.layers import cost, options
from trigger_lut.layers.edges import EdgeWeights, edge_functions, initial_weights
from trigger_lut.layers.input_codes import InputCodes
from trigger_lut.layers.lookup import code_histogram, lookup_sum, rows_of
from trigger_lut.layers.places import Gather, sites_of
from trigger_lut.layers.rounding import round_through, round_to_fraction
from trigger_lut.network import LUTDenseTables

EPSILON = 1e-3  # added to variances, as in keras.layers.BatchNormalization
FRACTION_LIMIT = options.FRACTION_LIMIT

Moments = Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]
Shape = Sequence[int | None]


class TableLayer(keras.layers.Layer):
    """A layer of look-up tables: at each place, y[o] = bias[o] + sum_i T[i, code(x[i]), o].

    batch_norm      normalise the sum of the edges' outputs with the batch's code histogram over all places; folded into
                    the tables
    input_format    'fixed<W,I>' or 'ufixed<W,I>' (I includes the sign), or one such text a channel of the input
    max_input_bits  largest address width of an edge, 1 to 12; tables have at most 2**max_input_bits entries
    hidden_width    H, units of each hidden layer behind each edge
    output_bits     fractional bits of the table entries at the start
    momentum        of the moving statistics of batch normalisation; its histograms are steadier than a batch's means,
                    so it is shorter than Keras' 0.99
    seed            of the initial weights; None draws one from `keras.utils.set_random_seed`'s state
    depth           hidden layers behind each edge
    activation      of the hidden units, one of `activations.ACTIVATIONS`
    use_bias        whether outputs have a bias
    overflow        of the input format: 'SAT' (saturation; firmware leaves it out where it is provably not needed) or
                    'WRAP' (modulo 2**bits, in training too; firmware is refused where values may wrap)
    input_rounding  into the input format: 'TRN' (down, free in hardware) or 'RND' (to the nearest, halves up)

    Input and output are floats; the output lies on a grid of powers of two, exact in float32. Attributes once built:

    formats       format of each of the C_in channels that a place reads
    channel_bits  (C_in,) float, address bits of each of them
    entries       K, entries of each table
    places        P, None where the shape of the input leaves it open
    units         C_out

    Raises ConfigurationError for bad options, formats and shapes.
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
        depth: int = 1,
        activation: str = "tanh",
        use_bias: bool = True,
        overflow: str = "SAT",
        input_rounding: str = "TRN",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units, self.batch_norm, self.use_bias, self.seed = units, bool(batch_norm), bool(use_bias), seed
        self.max_input_bits, self.hidden_width, self.depth = max_input_bits, hidden_width, depth
        self.output_bits, self.momentum, self.activation = output_bits, momentum, activation
        self.overflow, self.input_rounding = overflow, input_rounding
        self.input_format = input_format if isinstance(input_format, str) else list(input_format)
        self.per_place = False
        options.check(self)

    # ---------------------------------------------------------------- what a kind of layer says

    units_option = "units"
    """What the number of outputs is called among the options."""

    gathers = False
    """Whether places read values other than in order."""

    def check_input(self, input_shape: Shape) -> None:
        """Raise ConfigurationError for an input (with the batch's axis first) that the layer cannot take."""
        raise NotImplementedError

    def output_axes(self, input_shape: Shape) -> tuple[int | None, ...]:
        """Axes of the output between the batch's and the channels'."""
        raise NotImplementedError

    def positions(self, input_shape: Sequence[int]) -> IntArray:
        """(P, k) positions, row-major over the axes between the batch's and the channels', that each place reads; -1
        for padding.
        """
        raise NotImplementedError

    # ---------------------------------------------------------------- shapes

    def sites(self, input_shape: Shape) -> IntArray:
        """(P, C_in) numbers of the values, row-major over the input without its batch axis, that each place reads.

        input_shape: as Keras has it, the batch's axis first. -1 stands for padding, the real value 0. Raises
        ConfigurationError when another axis than the batch's is open.
        """
        self.check_input(input_shape)
        static = self._static(input_shape)
        return sites_of(self.positions(static), static[-1])

    def _static(self, input_shape: Shape) -> tuple[int, ...]:
        rest = tuple(input_shape[1:])
        if None in rest:
            raise ConfigurationError(
                f"{options.title(self)}: expected an input whose axes are known but for the batch's, "
                f"found {tuple(input_shape)}"
            )
        return (1, *(int(n) for n in rest if n is not None))

    def compute_output_shape(self, input_shape: Shape) -> tuple[int | None, ...]:
        self.check_input(input_shape)
        return (input_shape[0], *self.output_axes(input_shape), self.units)

    # ---------------------------------------------------------------- variables

    def build(self, input_shape: Shape) -> None:
        self.check_input(input_shape)
        channels = int(input_shape[-1])
        self.codes = InputCodes(
            options.formats(self, channels), self.max_input_bits, self.input_rounding, self.overflow
        )
        self._place(input_shape)
        repeats = self.gather.elements if self.gather is not None else 1
        self.formats = self.codes.formats * repeats
        self.channel_bits = np.tile(self.codes.bits, repeats)
        self.entries = 1 << int(self.channel_bits.max())
        c_in = len(self.formats)
        rng = np.random.default_rng(random.getrandbits(31) if self.seed is None else self.seed)
        spread = 1.0 if self.batch_norm else 1.0 / np.sqrt(c_in)
        first = initial_weights(rng, (c_in, self.units), self.hidden_width, self.depth, self.activation, spread)
        self.w1, self.b1 = self._weight("w1", first.w1), self._weight("b1", first.b1)
        self.hidden = [
            (self._weight(f"hidden_w{n}", w), self._weight(f"hidden_b{n}", b))
            for n, (w, b) in enumerate(first.hidden, start=2)
        ]
        self.w2 = self._weight("w2", first.w2)
        self.bias = self._weight("bias", np.zeros(self.units)) if self.use_bias else None
        lead = (self.places,) if self.per_place else ()
        shape = (*lead, c_in, self.units)
        self.input_width = self._weight("input_width", np.broadcast_to(self.channel_bits[:, None], shape))
        self.output_fraction = self._weight("output_fraction", np.full(shape, float(self.output_bits)))
        if self.batch_norm:
            self.gamma = self._weight("gamma", np.ones(self.units))
            self.moving_mean = self._state("moving_mean", np.zeros((c_in, self.units)))
            self.moving_variance = self._state("moving_variance", np.ones(self.units))
            self.batch_statistics = self._state("batch_statistics", np.ones(()))
        self.table = self._state("table", np.zeros((*lead, c_in, self.entries, self.units)))
        self.table_bias = self._state("table_bias", np.zeros(self.units))
        self.table_is_current = self._state("table_is_current", np.zeros(()))
        # Compiled by XLA even where the model around is not: Keras leaves models on a CPU uncompiled.
        self._compiled = tf.function(self.forward_training, jit_compile=True)
        super().build(input_shape)

    def _place(self, input_shape: Shape) -> None:
        """Find out at how many places the layer stands, and how their values come there."""
        axes = self.output_axes(input_shape)
        self.places = None if None in axes else math.prod(axes)
        self.gather = None
        if self.gathers or self.per_place:
            static = self._static(input_shape)
            if self.gathers:
                self.gather = Gather(self.positions(static), math.prod(static[1:-1]))

    def _weight(self, name: str, value: np.ndarray) -> keras.Variable:
        value = np.asarray(value, dtype=np.float32)
        return self.add_weight(shape=value.shape, initializer=lambda s, dtype=None: tf.constant(value), name=name)

    def _state(self, name: str, value: np.ndarray) -> keras.Variable:
        variable = self._weight(name, value)
        variable.trainable = False
        return variable

    def limits(self) -> tuple[np.ndarray, np.ndarray]:
        """Smallest and largest real value of each channel's format, (C,) each, C channels of the input."""
        return self.codes.limits()

    # ---------------------------------------------------------------- tables

    def widths(self) -> tuple[tf.Tensor, tf.Tensor]:
        """Address widths m (C_in, C_out) within 0..bits of the channel, and output fractions f, both whole numbers.

        (P, C_in, C_out) where each place has widths of its own.
        """
        m = round_through(tf.clip_by_value(tf.convert_to_tensor(self.input_width), 0.0, self.channel_bits[:, None]))
        f = tf.clip_by_value(tf.convert_to_tensor(self.output_fraction), -FRACTION_LIMIT, FRACTION_LIMIT)
        return m, round_through(f)

    def edge_functions(self, m: tf.Tensor, slopes: bool = True) -> tuple[tf.Tensor, tf.Tensor | None]:
        """Values of the edges' networks at the bin centres, and their slopes with respect to the real input.

        Both (..., C_in, K, C_out), before normalisation and rounding; the second None where slopes are not wanted.
        """
        hidden = tuple((tf.convert_to_tensor(w), tf.convert_to_tensor(b)) for w, b in self.hidden)
        weights = EdgeWeights(*(tf.convert_to_tensor(w) for w in (self.w1, self.b1, self.w2)), hidden)
        values, slope = edge_functions(weights, self.activation, m, self.channel_bits, self.entries, slopes)
        if slope is None:
            return values, None
        per_real = np.tile(self.codes.slope, len(self.formats) // len(self.codes.formats))
        return values, slope * per_real[:, None, None]

    def tables(self, moments: Moments | None, slopes: bool = True) -> tuple[tf.Tensor, tf.Tensor | None, tf.Tensor]:
        """Tables T (..., C_in, K, C_out), their slopes (same shape), and the bias (C_out,) rounded to the tables' grid.

        moments: called with the edges' values, gives their mean (C_in, C_out) and variance (C_out,); None
        without batch-norm.
        """
        m, f = self.widths()
        values, slope = self.edge_functions(m, slopes)
        if moments is not None:
            mean, variance = moments(values)
            gain = tf.convert_to_tensor(self.gamma) * tf.math.rsqrt(variance + EPSILON) / np.sqrt(len(self.formats))
            values = (values - mean[:, None, :]) * gain
            slope = None if slope is None else slope * tf.stop_gradient(gain)
        table = round_to_fraction(values, f[..., None, :])
        if self.bias is None:
            return table, slope, tf.zeros(self.units)
        live = tf.reduce_max(table, axis=-2) > tf.reduce_min(table, axis=-2)
        edges = list(range(len(f.shape) - 1))
        # An output without live edges is its bias alone, on the grid of what its edges were.
        counted = tf.logical_or(live, tf.logical_not(tf.reduce_any(live, axis=edges)))
        finest = tf.reduce_max(tf.where(counted, f, -float(FRACTION_LIMIT)), axis=edges)
        return table, slope, round_to_fraction(tf.convert_to_tensor(self.bias), tf.stop_gradient(finest))

    def _batch_moments(self, address: tf.Tensor, values: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Moments of the batch from its histogram of codes, which also move the stored ones."""
        mean, variance = moments_of(values, self._histogram(address))
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

    def current_tables(self) -> tuple[tf.Tensor, tf.Tensor]:
        """Tables (..., C_in, K, C_out) and bias (C_out,) of the weights as they are, for inference."""
        table, _, bias = self.tables(self._stored_moments if self.batch_norm else None, slopes=False)
        return table, bias

    def integer_form(self, ranges: Sequence[tuple[int, int, int]] | None = None) -> LUTDenseTables:
        """The layer as plain integers; see `trigger_lut.layers.freeze.integer_form`."""
        from trigger_lut.layers.freeze import integer_form

        return integer_form(self, ranges)

    def save_own_variables(self, store: Any) -> None:
        self.refresh()
        super().save_own_variables(store)

    # ---------------------------------------------------------------- forward

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        x = tf.cast(x, tf.float32)
        if not training:
            return self._forward_inference(x)
        if not cost.is_collecting():
            return self._compiled(x)[0]
        y, table, (m, f) = self.forward_training(x)
        if self.places is None:
            raise ConfigurationError(
                f"{options.title(self)}: a penalty on cost needs the number of places, which the input leaves open"
            )
        if self.per_place:
            table, m, f = (tf.reshape(t, (-1, *t.shape[2:])) for t in (table, m, f))
        cost.record(self, table, m, f, 1 if self.per_place else self.places)
        return y

    def forward_training(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tuple[tf.Tensor, tf.Tensor]]:
        """Outputs; tables (..., C_in, K, C_out) and widths, for a penalty on the cost (trigger_lut.layers.cost).

        Tables are marked as no longer current, and with batch-norm the stored moments move.
        """
        address, inside, values = self._read(x)
        self.table_is_current.assign(0.0)
        moments = functools.partial(self._batch_moments, address) if self.batch_norm else None
        table, slopes, bias = self.tables(moments)
        y = self._summed(table, slopes, address, values, inside) + bias
        return self._shaped(y, x), table, self.widths()

    def _forward_inference(self, x: tf.Tensor) -> tf.Tensor:
        address, inside, values = self._read(x)
        table, bias = tf.cond(tf.convert_to_tensor(self.table_is_current) > 0.5, self._kept, self.current_tables)
        return self._shaped(self._summed(table, None, address, values, inside) + bias, x)

    def _kept(self) -> tuple[tf.Tensor, tf.Tensor]:
        return tf.convert_to_tensor(self.table), tf.convert_to_tensor(self.table_bias)

    def _read(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Addresses (M, C_in) int32 that each place of each event reads, where gradients pass, and x there."""
        channels = len(self.codes.formats)
        if self.gather is None:
            x = tf.reshape(x, (-1, channels))
            return *self.codes.addresses(x), x
        x = tf.reshape(x, (-1, self.gather.size, channels))
        address, inside = self.codes.addresses(x)
        address, values = self.gather.addresses(address, self.codes.of_zero), self.gather.gradients(x, inside)
        return address, tf.ones_like(address, dtype=tf.bool), values

    def _rows(self, address: tf.Tensor) -> tf.Tensor:
        if not self.per_place:
            return rows_of(address, self.entries)
        c_in = len(self.formats)
        return tf.reshape(rows_of(tf.reshape(address, (-1, self.places * c_in)), self.entries), (-1, c_in))

    def _histogram(self, address: tf.Tensor) -> tf.Tensor:
        """Share of the batch at each address: (C_in, K), or (P, C_in, K) where places have tables of their own."""
        if not self.per_place:
            return code_histogram(address, self.entries)
        c_in = len(self.formats)
        found = code_histogram(tf.reshape(address, (-1, self.places * c_in)), self.entries)
        return tf.reshape(found, (self.places, c_in, self.entries))

    def _summed(self, table, slopes, address, x, inside):
        flat = (-1, self.units)
        slopes = None if slopes is None else tf.reshape(slopes, flat)
        return lookup_sum(tf.reshape(table, flat), slopes, self._rows(address), x, inside)

    def _shaped(self, y: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        """y (M, C_out) in the shape that the layer gives for x."""
        axes = self.output_axes(x.shape)
        if not axes:
            return y
        if None in axes:
            axes = tuple(tf.unstack(tf.shape(x)[1:-1]))
        return tf.reshape(y, (-1, *axes, self.units))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **{key: getattr(self, key) for key in options.KEYS}}


def moments_of(values: tf.Tensor, histogram: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Mean of each edge (C_in, C_out), and variance averaged over the edges of an output (C_out,).

    values (..., C_in, K, C_out); histogram (..., C_in, K) of the codes, summing to 1 for each channel of each place.
    """
    p = histogram[..., None]
    mean = tf.reduce_sum(p * values, axis=-2)
    while len(mean.shape) > 2:
        mean = tf.reduce_mean(mean, axis=0)
    squares = tf.reduce_sum(p * tf.square(values - mean[:, None, :]), axis=-2)
    return mean, tf.reduce_mean(squares, axis=list(range(len(squares.shape) - 1)))
