"""Base class of all layers of look-up tables: from the values of the input to sums of table entries, by position.

The batch only reads the tables of `tables.py`. What training reads is what firmware gets. A layer is at one
or more positions: at each it reads C_in values and gives C_out new ones. A kind of layer says which values each
position reads. See `lookup.py` for the sum over edges.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from keras.src.backend.common.stateless_scope import in_stateless_scope

from trigger_lut.errors import ConfigurationError
from trigger_lut.fixed_point.formats import IntArray
from trigger_lut.layers import arguments, soft_cost
from trigger_lut.layers.batch_statistics import of_whole_batch
from trigger_lut.layers.gather import Gather, gather_index_of
from trigger_lut.layers.input_quantizer import InputCodes
from trigger_lut.layers.lookup import code_histogram, lookup_sum, rows_of
from trigger_lut.layers.tables import TrainedTables

Shape = Sequence[int | None]


class LookupLayer(TrainedTables):
    """A layer of look-up tables: at each position, y[o] = bias[o] + sum_i T[i, code(x[i]), o].

    Options and attributes: see `TrainedTables`. Input and output are floats; the output lies on a grid of powers of
    two, exact in float32. Gradients are those of calls with training=True; inference passes none to its input.
    Raises ConfigurationError for bad options, formats and shapes.
    """

    # ---------------------------------------------------------------- what a kind of layer says

    gathers = False
    """True if positions read values other than in order."""

    def check_input(self, input_shape: Shape) -> None:
        """Refuse an input that the layer cannot take.

        Parameters
        ----------
        input_shape : sequence of int or None
            Shape of the input, the batch's axis first.

        Raises
        ------
        ConfigurationError
            For such an input.
        NotImplementedError
            If the kind of layer does not implement it.
        """
        raise NotImplementedError

    def output_axes(self, input_shape: Shape) -> tuple[int | None, ...]:
        """Return the axes of the output between the batch's and the channels'.

        Parameters
        ----------
        input_shape : sequence of int or None
            Shape of the input, the batch's axis first.

        Returns
        -------
        tuple of int or None

        Raises
        ------
        NotImplementedError
            If the kind of layer does not implement it.
        """
        raise NotImplementedError

    def positions(self, input_shape: Sequence[int]) -> IntArray:
        """Return the input positions that each position of the layer reads.

        Parameters
        ----------
        input_shape : sequence of int
            Shape of the input, the batch's axis first.

        Returns
        -------
        numpy.ndarray of int64, shape (P, k)
            Row-major over the axes between the batch's and the channels'; -1 for padding.

        Raises
        ------
        NotImplementedError
            If the kind of layer does not implement it.
        """
        raise NotImplementedError

    # ---------------------------------------------------------------- shapes

    def gather_index(self, input_shape: Shape) -> IntArray:
        """Return the numbers of the values that each position reads.

        Parameters
        ----------
        input_shape : sequence of int or None
            Shape of the input, the batch's axis first.

        Returns
        -------
        numpy.ndarray of int64, shape (P, C_in)
            Row-major over the input without its batch axis. -1 represents padding, the real value 0.

        Raises
        ------
        ConfigurationError
            If another axis than the batch's is open.
        """
        self.check_input(input_shape)
        static = self._static(input_shape)
        return gather_index_of(self.positions(static), static[-1])

    def _static(self, input_shape: Shape) -> tuple[int, ...]:
        rest = tuple(input_shape[1:])
        if None in rest:
            raise ConfigurationError(
                f"{arguments.title(self)}: expected an input whose axes are known but for the batch's, "
                f"found {tuple(input_shape)}"
            )
        return (1, *(int(n) for n in rest if n is not None))

    def compute_output_shape(self, input_shape: Shape) -> tuple[int | None, ...]:
        """Return the shape of the output; the last axis are the channels."""
        self.check_input(input_shape)
        return (input_shape[0], *self.output_axes(input_shape), self.units)

    # ---------------------------------------------------------------- variables

    def build(self, input_shape: Shape) -> None:
        """Make the variables, and the index of values where positions do not read in order."""
        self.check_input(input_shape)
        axes = self.output_axes(input_shape)
        self.gather = None
        if self.gathers or self.per_position_widths:
            static = self._static(input_shape)
            if self.gathers:
                self.gather = Gather(self.positions(static), math.prod(static[1:-1]))
        kifs = arguments.formats(self, int(input_shape[-1]))
        codes = InputCodes(kifs, self.max_input_bits, self.input_rounding, self.overflow)
        places = None if None in axes else math.prod(axes)
        self.make_variables(codes, 1 if self.gather is None else self.gather.elements, places=places)
        # Compiled by XLA even where the model around is not: Keras leaves models on a CPU uncompiled.
        self._compiled = tf.function(self.forward_training, jit_compile=True, autograph=False)
        super().build(input_shape)

    # ---------------------------------------------------------------- forward

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Look up and sum table entries; an event with a value that is no number gives NaN."""
        if not x.dtype.is_floating or x.dtype.size < 4:
            x = tf.cast(x, tf.float32)
        moves = bool(self.trainable)  # of a frozen layer the stored moments neither change nor give way to the batch's
        if not (training and soft_cost.is_collecting()):
            x, known = _known(x, wraps=self.overflow == "WRAP")
            # What is traced while Keras only asks for shapes does not see the variables.
            forward = self.forward_training if in_stateless_scope() else self._compiled
            y = forward(x, moves)[0] if training else self._forward_inference(x)
            return tf.where(tf.reshape(known, (-1, *[1] * (len(y.shape) - 1))), y, np.float32("nan"))
        y, table, (m, f) = self.forward_training(x, moves)
        if self.n_positions is None:
            raise ConfigurationError(
                f"{arguments.title(self)}: a penalty on cost needs the number of places, which the input leaves open"
            )
        if self.per_position_widths:
            table, m, f = (tf.reshape(t, (-1, *t.shape[2:])) for t in (table, m, f))
        soft_cost.record(self, table, m=m, f=f, places=1 if self.per_position_widths else self.n_positions)
        return y

    def forward_training(
        self, x: tf.Tensor, moves: bool = True
    ) -> tuple[tf.Tensor, tf.Tensor, tuple[tf.Tensor, tf.Tensor]]:
        """Compute outputs with gradients, and what a penalty on the cost needs (`trigger_lut.layers.soft_cost`).

        Parameters
        ----------
        x : tf.Tensor
            Input, float.
        moves : bool
            True: batch normalization uses and stores the moments of the batch. False: it uses the stored ones.

        Returns
        -------
        tuple
            Outputs; tables (..., C_in, K, C_out); widths and fractions (..., C_in, C_out).
        """
        address, inside, values = self._read(x)
        moments = self._stored_moments if self.batch_norm else None
        if self.batch_norm and moves:
            moments = functools.partial(self.batch_moments, of_whole_batch(lambda: self._histogram(address)))
        table, slopes, bias = self.tables(moments)
        y = self._summed(table, slopes, address, values, inside) + bias
        return self._shaped(y, x), table, self.widths()

    def _forward_inference(self, x: tf.Tensor) -> tf.Tensor:
        address, inside, values = self._read(x)
        table, bias = self.kept_tables()
        return self._shaped(self._summed(table, None, address, values, inside) + bias, x)

    def _read(self, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Return addresses (M, C_in) int32 by event and position, a mask of passed gradients, and the values x."""
        channels = len(self.codes.formats)
        if self.gather is None:
            x = tf.reshape(x, (-1, channels))
            return *self.codes.addresses(x), tf.cast(x, tf.float32)
        x = tf.reshape(x, (-1, self.gather.size, channels))
        address, inside = self.codes.addresses(x)
        x = tf.cast(x, tf.float32)
        address, values = self.gather.addresses(address, self.codes.of_zero), self.gather.gradients(x, inside)
        return address, tf.ones_like(address, dtype=tf.bool), values

    def _rows(self, address: tf.Tensor) -> tf.Tensor:
        if not self.per_position_widths:
            return rows_of(address, self.entries)
        c_in = len(self.formats)
        return tf.reshape(rows_of(tf.reshape(address, (-1, self.n_positions * c_in)), self.entries), (-1, c_in))

    def _histogram(self, address: tf.Tensor) -> tf.Tensor:
        """Return the fraction of the batch at each address, (C_in, K).

        (P, C_in, K) where positions have tables of their own.
        """
        if not self.per_position_widths:
            return code_histogram(address, self.entries)
        c_in = len(self.formats)
        counts = code_histogram(tf.reshape(address, (-1, self.n_positions * c_in)), self.entries)
        return tf.reshape(counts, (self.n_positions, c_in, self.entries))

    def _summed(self, table, slopes, address, x, inside):
        flat = (-1, self.units)
        slopes = None if slopes is None else tf.reshape(slopes, flat)
        return lookup_sum(tf.reshape(table, flat), slopes, rows=self._rows(address), x=x, inside=inside)

    def _shaped(self, y: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        """Reshape y (M, C_out) to the shape that the layer gives for x."""
        axes = self.output_axes(x.shape)
        if not axes:
            return y
        if None in axes:
            axes = tuple(tf.unstack(tf.shape(x)[1:-1]))
        return tf.reshape(y, (-1, *axes, self.units))


def _known(x: tf.Tensor, wraps: bool) -> tuple[tf.Tensor, tf.Tensor]:
    """Return x with 0 in place of what is no number, and (N,) True if all values of an event are numbers.

    Infinity saturates; where formats wrap it counts as no number.
    """
    good = tf.math.is_finite(x) if wraps else tf.logical_not(tf.math.is_nan(x))
    return tf.where(good, x, tf.zeros_like(x)), tf.reduce_all(good, axis=list(range(1, len(x.shape))))
