"""The tables of a layer: options, variables, the tables that follow from them, and those kept for inference.

Behind each edge (i, o) is a network of one input, a few hidden units and one output (`edge_networks.py`).
It is evaluated on the few codes that channel i can take, once a step.
`straight_through.py` has the gradients of the widths.
"""

from __future__ import annotations

import contextlib
import contextvars
import random
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras.src.backend.common.stateless_scope import in_stateless_scope

from trigger_lut.config.renamed_keys import LAYER_OPTIONS
from trigger_lut.layers import arguments
from trigger_lut.layers.edge_networks import EdgeWeights, edge_functions, initial_weights
from trigger_lut.layers.input_quantizer import InputCodes
from trigger_lut.layers.soft_cost import extremes
from trigger_lut.layers.straight_through import round_through, round_to_fraction
from trigger_lut.layers.weights_key import weights_key

EPSILON = 1e-3  # added to variances, as in keras.layers.BatchNormalization
FRACTION_LIMIT = arguments.FRACTION_LIMIT

Moments = Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


_uses_batch_moments: contextvars.ContextVar[bool] = contextvars.ContextVar("use_batch_moments", default=False)


@contextlib.contextmanager
def use_batch_moments() -> Iterator[None]:
    """Make training passes that are traced within the block store the moments of their batch."""
    token = _uses_batch_moments.set(True)
    try:
        yield
    finally:
        _uses_batch_moments.reset(token)


class TrainedTables(keras.layers.Layer):
    """Tables T (C_in, K, C_out) and bias (C_out,), trained through the networks behind the edges.

    Parameters
    ----------
    units : int
        Number of outputs C_out.
    batch_norm : bool
        Normalize the sum of the edges' outputs with the batch's code histogram over all positions. It is folded
        into the tables.
    input_format : str or sequence of str
        'fixed<W,I>' or 'ufixed<W,I>' (I includes the sign), or one such text a channel of the input.
    max_input_bits : int
        Largest address width of an edge, 1 to 12; tables have at most 2**max_input_bits entries.
    edge_hidden_units : int
        H, units of each hidden layer behind each edge.
    initial_fraction_bits : int
        Fraction bits of the table entries at the start.
    momentum : float
        Of the moving statistics of batch normalization. Histograms are steadier than a batch's means, so it is
        shorter than Keras' 0.99.
    seed : int, optional
        Of the initial weights; None draws one from `keras.utils.set_random_seed`'s state.
    edge_hidden_layers : int
        Hidden layers behind each edge.
    activation : str
        Of the hidden units, one of `activations.ACTIVATIONS`.
    use_bias : bool
        True if outputs have a bias.
    overflow : str
        Of the input format. 'SAT' saturates; firmware omits it where it is provably not needed. 'WRAP' counts
        modulo 2**bits, in training too; firmware is refused where values may wrap.
    input_rounding : str
        Into the input format: 'TRN' (down, free in hardware) or 'RND' (to the nearest, halves up).
    **kwargs
        Options of every Keras layer.

    Raises
    ------
    ConfigurationError
        For bad options.

    Notes
    -----
    Attributes once `make_variables` has run:

    formats       Format of each of the C_in channels that a position reads.

    channel_bits  (C_in,) float, address bits of each of them.

    entries       K, entries of each table.

    n_positions   P, None where the shape of the input leaves it open.

    units         C_out.
    """

    units_option = "units"
    """Name of the option for the number of outputs."""

    def __init__(self, units: int, **kwargs: Any) -> None:
        options, others = arguments.split(arguments.with_present_names(type(self), kwargs))
        # Under a policy of mixed precision too: inputs arrive as they are, and sums of table entries are exact.
        super().__init__(**{"dtype": "float32", "autocast": False, **others})
        arguments.float32(self)
        self.units = units
        for key, value in vars(options).items():
            setattr(self, key, value)
        self.per_position_widths = False
        arguments.check(self)

    # ---------------------------------------------------------------- variables

    def make_variables(self, codes: InputCodes, repeats: int, *, places: int | None) -> None:
        """Add all variables, for the channels of the input `repeats` times over at `places` positions."""
        self.codes, self.n_positions = codes, places
        self.formats = codes.formats * repeats
        self.channel_bits = np.tile(codes.bits, repeats)
        self.entries = 1 << int(self.channel_bits.max())
        c_in = len(self.formats)
        rng = np.random.default_rng(random.getrandbits(31) if self.seed is None else self.seed)
        spread = 1.0 if self.batch_norm else 1.0 / np.sqrt(c_in)
        first = initial_weights(
            rng,
            (c_in, self.units),
            width=self.edge_hidden_units,
            depth=self.edge_hidden_layers,
            activation=self.activation,
            spread=spread,
        )
        self.w1, self.b1 = self._weight("w1", first.w1), self._weight("b1", first.b1)
        self.hidden = [
            (self._weight(f"hidden_w{n}", w), self._weight(f"hidden_b{n}", b))
            for n, (w, b) in enumerate(first.hidden, start=2)
        ]
        self.w2 = self._weight("w2", first.w2)
        self.bias = self._weight("bias", np.zeros(self.units)) if self.use_bias else None
        lead = (self.n_positions,) if self.per_position_widths else ()
        shape = (*lead, c_in, self.units)
        self.input_width = self._weight("input_width", np.broadcast_to(self.channel_bits[:, None], shape))
        self.output_fraction = self._weight("output_fraction", np.full(shape, float(self.initial_fraction_bits)))
        if self.batch_norm:
            self.gamma = self._weight("gamma", np.ones(self.units))
            self.moving_mean = self._state("moving_mean", np.zeros((c_in, self.units)))
            self.moving_variance = self._state("moving_variance", np.ones(self.units))
            self.batch_statistics = self._state("batch_statistics", np.ones(()))
        self.table = self._state("table", np.zeros((*lead, c_in, self.entries, self.units)))
        self.table_bias = self._state("table_bias", np.zeros(self.units))
        self.table_is_current = self._state("table_is_current", np.zeros(()))
        self.table_key = self._state("table_key", np.zeros(4))

    def _weight(self, name: str, value: np.ndarray, trainable: bool = True) -> keras.Variable:
        value = np.asarray(value, dtype=np.float32)
        return self.add_weight(
            shape=value.shape, initializer=lambda s, dtype=None: tf.constant(value), name=name, trainable=trainable
        )

    def _state(self, name: str, value: np.ndarray) -> keras.Variable:
        return self._weight(name, value, trainable=False)

    def limits(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the smallest and largest real value of each channel's format, (C,) each, C channels of the input."""
        return self.codes.limits()

    # ---------------------------------------------------------------- tables

    def widths(self) -> tuple[tf.Tensor, tf.Tensor]:
        """Return address widths m (C_in, C_out) within 0..bits of the channel, and output fractions f, both integers.

        (P, C_in, C_out) where each position has widths of its own.
        """
        m = round_through(tf.clip_by_value(tf.convert_to_tensor(self.input_width), 0.0, self.channel_bits[:, None]))
        f = tf.clip_by_value(tf.convert_to_tensor(self.output_fraction), -FRACTION_LIMIT, FRACTION_LIMIT)
        return m, round_through(f)

    def edge_functions(self, m: tf.Tensor, slopes: bool = True) -> tuple[tf.Tensor, tf.Tensor | None]:
        """Return values of the edges' networks at the bin centers, and their slopes with respect to the real input.

        Both (..., C_in, K, C_out), before normalization and rounding; the second None where slopes are not wanted.
        """
        hidden = tuple((tf.convert_to_tensor(w), tf.convert_to_tensor(b)) for w, b in self.hidden)
        weights = EdgeWeights(*(tf.convert_to_tensor(w) for w in (self.w1, self.b1, self.w2)), hidden)
        values, slope = edge_functions(
            weights, self.activation, m=m, channel_bits=self.channel_bits, entries=self.entries, slopes=slopes
        )
        if slope is None:
            return values, None
        per_real = np.tile(self.codes.slope, len(self.formats) // len(self.codes.formats))
        return values, slope * per_real[:, None, None]

    def tables(self, moments: Moments | None, slopes: bool = True) -> tuple[tf.Tensor, tf.Tensor | None, tf.Tensor]:
        """Return tables T (..., C_in, K, C_out), their slopes (same shape), and the bias (C_out,) on the tables' grid.

        moments: called with the edges' values, gives their mean (C_in, C_out) and variance (C_out,); None
        without batch-norm.
        """
        m, f = self.widths()
        values, slope = self.edge_functions(m, slopes)
        if moments is not None:
            mean, variance = moments(values)
            gain = tf.convert_to_tensor(self.gamma) * tf.math.rsqrt(variance + EPSILON) / np.sqrt(len(self.formats))
            values = (values - mean[:, None, :]) * gain
            # An edge without address bits is its own mean: with moments of the batch it leaves nothing. With stored
            # ones, of other weights or of the edge before it was removed, it must not leave a constant either. Its
            # gradients stay: they are what brings it back.
            dead = tf.cast(m <= 0.0, values.dtype)[..., None, :]
            values -= tf.stop_gradient(values * dead)
            slope = None if slope is None else slope * tf.stop_gradient(gain)
        table = round_to_fraction(values, f[..., None, :])
        if self.bias is None:
            return table, slope, tf.zeros(self.units)
        largest, smallest = extremes(table)
        live = largest > smallest
        edges = list(range(len(f.shape) - 1))
        # An output without live edges is its bias alone, on the grid of what its edges were.
        counted = tf.logical_or(live, tf.logical_not(tf.reduce_any(live, axis=edges)))
        finest = tf.reduce_max(tf.where(counted, f, -float(FRACTION_LIMIT)), axis=edges)
        return table, slope, round_to_fraction(tf.convert_to_tensor(self.bias), tf.stop_gradient(finest))

    def batch_moments(self, histogram: tf.Tensor, values: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return moments of the batch from its histogram of codes; they also move the stored ones. See `moments_of`."""
        mean, variance = moments_of(values, histogram)
        live = tf.convert_to_tensor(self.batch_statistics)
        step = (1.0 if _uses_batch_moments.get() else 1.0 - self.momentum) * live
        for stored, now in ((self.moving_mean, mean), (self.moving_variance, variance)):
            stored.assign(stored + step * (tf.stop_gradient(now) - stored))
        kept_mean, kept_variance = self._stored_moments(values)
        return tf.where(live > 0.5, mean, kept_mean), tf.where(live > 0.5, variance, kept_variance)

    def _stored_moments(self, values: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return tf.convert_to_tensor(self.moving_mean), tf.convert_to_tensor(self.moving_variance)

    def key(self) -> tf.Tensor:
        """Compute the key of everything that the tables follow from; see `weights_key`."""
        weights = [self.w1, self.b1, self.w2, self.input_width, self.output_fraction]
        weights += [v for pair in self.hidden for v in pair]
        weights += [] if self.bias is None else [self.bias]
        weights += [self.gamma, self.moving_mean, self.moving_variance] if self.batch_norm else []
        return weights_key([tf.convert_to_tensor(v) for v in weights])

    def has_current_tables(self) -> tf.Tensor:
        """Return (bool scalar) whether the kept tables follow from the present weights.

        `table_is_current` is 0 until tables are kept for the first time.
        """
        same = tf.reduce_all(tf.convert_to_tensor(self.table_key) == self.key())
        return tf.logical_and(same, tf.convert_to_tensor(self.table_is_current) > 0.5)

    def refresh(self) -> None:
        """Compute and keep the tables, unless the kept ones are current. Saving and firmware read them."""
        if not bool(self.has_current_tables()):
            self.keep(*self.current_tables())

    def keep(self, table: tf.Tensor, bias: tf.Tensor) -> None:
        """Make these the tables of the present weights, until any of the weights changes."""
        self.table.assign(table)
        self.table_bias.assign(bias)
        self.table_key.assign(self.key())
        self.table_is_current.assign(1.0)

    def kept_tables(self) -> tuple[tf.Tensor, tf.Tensor]:
        """Return tables and bias for inference, which are computed and kept first where weights have changed.

        Within a graph too: predictions and firmware then read the same tables.
        """

        def fresh() -> tuple[tf.Tensor, tf.Tensor]:
            table, bias = self.current_tables()
            # In a stateless scope Keras keeps the state itself; of several devices, none assigns to the others.
            if not (in_stateless_scope() or isinstance(self.table.value, tf.distribute.DistributedValues)):
                self.keep(table, bias)
            return table, bias

        def kept() -> tuple[tf.Tensor, tf.Tensor]:
            return tf.convert_to_tensor(self.table), tf.convert_to_tensor(self.table_bias)

        return tf.cond(self.has_current_tables(), kept, fresh)

    def current_tables(self) -> tuple[tf.Tensor, tf.Tensor]:
        """Compute tables (..., C_in, K, C_out) and bias (C_out,) of the present weights, for inference."""
        table, _, bias = self.tables(self._stored_moments if self.batch_norm else None, slopes=False)
        return table, bias

    def save_own_variables(self, store: Any) -> None:
        """Save all variables, with tables of the present weights."""
        self.refresh()
        super().save_own_variables(store)

    def load_own_variables(self, store: Any) -> None:
        """Load all variables. Files of version 0.1 have no key: their tables are current."""
        last = str(len(self.variables) - 1)
        former = last not in store.keys() and str(len(self.variables) - 2) in store.keys()  # noqa: SIM118
        super().load_own_variables({**{k: store[k] for k in store.keys()}, last: np.zeros(4)} if former else store)  # noqa: SIM118
        if former:
            self.table_key.assign(self.key())

    def get_config(self) -> dict[str, Any]:
        """Return the options that all table layers have."""
        keys = ("units", *vars(arguments.TableArguments()))
        return {**super().get_config(), **{key: getattr(self, key) for key in keys}}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Create the layer from its configuration, which may have the option names of version 0.1."""
        return super().from_config({LAYER_OPTIONS.get(key, key): value for key, value in config.items()})


def moments_of(values: tf.Tensor, histogram: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the mean of each edge (C_in, C_out), and the variance averaged over the edges of an output (C_out,).

    values (..., C_in, K, C_out); histogram (..., C_in, K) of the codes, summing to 1 for each channel of each position.
    """
    p = histogram[..., None]
    mean = tf.reduce_sum(p * values, axis=-2)
    while len(mean.shape) > 2:
        mean = tf.reduce_mean(mean, axis=0)
    squares = tf.reduce_sum(p * tf.square(values - mean[:, None, :]), axis=-2)
    return mean, tf.reduce_mean(squares, axis=list(range(len(squares.shape) - 1)))
