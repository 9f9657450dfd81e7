"""Compiled training: a full epoch, with tables, gradients and optimizers, is one XLA call.

A step of large batches spends most time in the look-ups of `layers/kernel/kernel.cpp`. A step of small batches spends
it in the networks behind the edges, the rounding of tables and widths, and Adam.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from trigger_lut.cost_model.shared_layers import SharedLayers, fraction_built
from trigger_lut.data.event_codes import BLOCK
from trigger_lut.layers.soft_cost import collecting
from trigger_lut.layers.tables import use_batch_moments
from trigger_lut.training.hgq_edges import forget_ranges, wrapping_quantizers
from trigger_lut.training.losses import HeadLoss, Loss, cross_entropy
from trigger_lut.training.soft_cost import counting_layers, links_of, model_cost
from trigger_lut.training.types import Pressure, Window

WIDTHS = ("input_width", "output_fraction")
QUANTIZERS = "hgq.quantizer."  # layers that hold the bit widths of HGQ2
ADAM_EPSILON = 1e-7
COMPILED = partial(tf.function, jit_compile=True, autograph=False)
"""Compiles a function without branches on tensors. As in Keras, its source is not rewritten, which takes seconds."""
TRACED_AT_ONCE = 8192  # events, of which a table layer of HGQ2 keeps the values of all edges


@contextlib.contextmanager
def momentum_of_zero(layers: Sequence[Any]) -> Iterator[None]:
    """Make training passes that are traced within the block store the moments of their batch in layers of Keras."""
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.momentum = 0.0
    try:
        yield
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum


def device_dtype(array: np.ndarray) -> tf.DType:
    """Return the type in which training stores an array."""
    return tf.int32 if np.issubdtype(array.dtype, np.integer) else tf.float32


class Trainer:
    """A model, its training data on the device, and the compiled epoch.

    Any Keras model of (N, outputs): layers of tables of any kind, HGQ2's, Keras' own. What layers add to the model's
    losses counts as in `model.fit`, but for the EBOPs of HGQ2: their `beta` is set to 0, so that the
    multiplier on LUTs alone presses on them.

    x (N, ...) float32 values on the input grid, y as in `EventCodes.training_targets`; the last incomplete batch of a
    shuffle is skipped. Without x and y, events come in windows.
    """

    def __init__(
        self,
        model: keras.Model,
        x: np.ndarray | None,
        *,
        y: np.ndarray | None,
        batch_size: int,
        loss: Loss = cross_entropy,
    ) -> None:
        self.model, self.loss = model, loss
        self.batch_size = batch_size if x is None else min(batch_size, len(x))
        self.data = None if x is None or y is None else (self.placed(x), self.placed(y))
        every = model._flatten_layers(include_self=False)
        self.layers = [layer for layer in every if hasattr(layer, "current_tables")]
        self.counting = counting_layers(model)
        self.betas = [layer._beta for layer in self.counting]
        for beta in self.betas:
            beta.assign(tf.zeros(beta.shape))
        bits = {id(v) for x in every if type(x).__module__.startswith(QUANTIZERS) for v in x.trainable_variables}
        others = [x for x in every if x not in self.layers and x.trainable]
        self.normalizations = [x for x in others if hasattr(x, "momentum") and hasattr(x, "moving_mean")]
        self.ranges = wrapping_quantizers(model)
        self.links = links_of(model, self.layers)
        self.widths = [v for v in model.trainable_variables if v.name in WIDTHS or id(v) in bits]
        width_ids = {id(v) for v in self.widths}
        self.loss_variables = list(getattr(loss, "variables", []))
        self.weights = [*(v for v in model.trainable_variables if id(v) not in width_ids), *self.loss_variables]
        self.sizes = [int(np.prod(v.shape)) for v in (*self.weights, *self.widths)]
        self.moments = [tf.Variable(tf.zeros(sum(self.sizes))) for _ in range(2)]
        self.step = tf.Variable(0.0)
        self._epoch = tf.function(self._run_epoch, jit_compile=True)
        self._tables = COMPILED(lambda: [layer.current_tables() for layer in self.layers])
        self._settle = tf.function(self._settled, autograph=False)
        self._trace = COMPILED(self._traced)
        self._predict = COMPILED(lambda x: model(x, training=False))

    def placed(self, array: np.ndarray) -> Any:
        """Copy an array to the device: integers as int32, the rest as float32."""
        return tf.constant(array, device_dtype(array))

    def epoch(self, order: np.ndarray, pressure: Pressure) -> float:
        """Train on the stored events, in this order; return the mean loss."""
        assert self.data is not None, "events come in windows"
        steps = len(order) // self.batch_size
        batches = order[: steps * self.batch_size].reshape(steps, self.batch_size)
        return self._total(*self.data, batches, steps, pressure) / steps

    def stream(self, windows: Iterable[Window], pressure: Pressure) -> float:
        """Train on windows of one shape, one after the other; return the mean loss."""
        total, steps = 0.0, 0
        for window in windows:
            x, y = self.placed(window.x), self.placed(window.y)
            batches, taken = window.batches, window.steps
            del window  # or two would be kept while the next one is read
            total += self._total(x, y, batches, taken, pressure)
            steps += taken
            del x, y
        return total / steps

    def fractions_built(self, shared: Sequence[SharedLayers] | None) -> tuple[float, ...]:
        """Return instances over positions of the layers that count, for `Pressure`; empty without a choice.

        Tables come first, then layers that count EBOPs. No choice means an initiation interval of 1.
        """
        if shared is None:
            return ()
        return tuple(fraction_built(shared, layer.name) for layer in (*self.layers, *self.counting))

    def _total(self, x, y, batches: np.ndarray, steps: int, pressure: Pressure) -> float:
        numbers = Pressure(*(tf.constant(p, tf.float32) for p in pressure))
        return float(self._epoch(x, y, tf.constant(batches, tf.int32), tf.constant(steps, tf.int32), numbers))

    def logits(self, x: np.ndarray) -> np.ndarray:
        """Return outputs of the model in inference; many events go through in chunks of one size."""
        if len(x) <= BLOCK:
            return np.asarray(self._predict(tf.constant(x, tf.float32)))
        blocks = []
        for start in range(0, len(x), BLOCK):
            chunk = x[start : start + BLOCK]
            filled = np.concatenate([chunk, np.zeros((BLOCK - len(chunk), *x.shape[1:]), x.dtype)])
            blocks.append(np.asarray(self._predict(tf.constant(filled, tf.float32)))[: len(chunk)])
        return np.concatenate(blocks)

    def refresh_batch_norm(self, x: np.ndarray) -> None:
        """Set the stored moments of batch normalization to those of these events (N, C); no effect once they are fixed.

        Stored moments lag behind the weights by some steps, so each table is off by little. A sum over many positions
        accumulates this. All classes of a classification have the same offset, but a regression becomes wrong.
        """
        self._settle(tf.constant(x, tf.float32))

    def _settled(self, x):
        with use_batch_moments(), collecting(), momentum_of_zero(self.normalizations):
            self.model(x, training=True)

    def trace_ranges(self, x: np.ndarray) -> None:
        """Set the ranges of HGQ2's quantizers that wrap to what these events (N, C) need, block by block.

        In training they follow the batch, so that they are those of the last batches.
        """
        forget_ranges(self.ranges)
        block = min(len(x), TRACED_AT_ONCE)
        for start in range(0, len(x) - block + 1, block):
            self._trace(tf.constant(x[start : start + block], tf.float32))

    def _traced(self, x):
        from hgq.utils.minmax_trace import TrainingFlagWrapper

        self.model(x, training=TrainingFlagWrapper("tracing"))

    def loss_terms(self) -> tuple[list[float] | None, float]:
        """Return the present weight of each head's loss, and what is added; None where the loss has no heads."""
        return self.loss.terms() if isinstance(self.loss, HeadLoss) else (None, 0.0)

    def refresh(self) -> None:
        """Compute and keep the tables of all layers (compiled: eager arithmetic takes longer than an epoch)."""
        for layer, (table, bias) in zip(self.layers, self._tables(), strict=True):
            layer.keep(table, bias)

    def reset_optimizer(self) -> None:
        """Forget the moments of the gradients."""
        for variable in (*self.moments, self.step):
            variable.assign(tf.zeros_like(variable))

    def is_finite(self) -> bool:
        """Return whether all gradients were finite since the optimizer was reset: another one stays in the moments."""
        return bool(np.isfinite(np.asarray(self.moments[0])).all())

    def state(self) -> list[tf.Variable]:
        """Return all that an interrupted training needs to continue, except for the epoch number."""
        return [*self.model.variables, *self.loss_variables, *self.moments, self.step]

    def _run_epoch(self, x, y, batches, steps, pressure):
        total = tf.constant(0.0)
        for n in tf.range(steps):
            total += self._step(tf.gather(x, batches[n]), tf.gather(y, batches[n]), pressure)
        return total

    @tf.autograph.experimental.do_not_convert
    def _step(self, x, labels, pressure):
        loss, gradient = self._gradients(x, labels, pressure)
        self._update(gradient, pressure.learning_rate, pressure.width_rate)
        return loss

    def _gradients(self, x, labels, pressure):
        """Return the loss, and the gradients of the objective to weights and widths, as one array."""
        variables = [*self.weights, *self.widths]
        with tf.GradientTape() as tape:
            scores, cost, levels, penalties = self._forward(x, pressure.built)
            loss = self.loss(labels, scores)
            objective = loss + pressure.luts * tf.math.log(cost) + pressure.depth * levels + penalties
        gradients = tape.gradient(objective, [v.value for v in variables], unconnected_gradients="zero")
        return loss, tf.concat([tf.reshape(part, (-1,)) for part in gradients], axis=0)

    def _update(self, g, learning_rate, width_rate, beta1=0.9, beta2=0.99):
        """Apply Adam (arXiv 1412.6980, algorithm 1) to all variables as one array.

        Keras' optimizer has one learning rate; here widths have their own, down to 0.
        """
        self.step.assign_add(1.0)
        variables, (first, second) = [*self.weights, *self.widths], self.moments
        first.assign(beta1 * first + (1.0 - beta1) * g)
        second.assign(beta2 * second + (1.0 - beta2) * g * g)
        weights = sum(self.sizes[: len(self.weights)])
        rate = tf.where(tf.range(sum(self.sizes)) < weights, learning_rate, width_rate)
        correction = tf.sqrt(1.0 - beta2**self.step) / (1.0 - beta1**self.step)
        moves = rate * correction * first / (tf.sqrt(second) + ADAM_EPSILON)
        for v, move in zip(variables, tf.split(moves, self.sizes), strict=True):
            moved = v - tf.reshape(move, v.shape)
            v.assign(moved if v.constraint is None else v.constraint(moved))

    def _forward(self, x, built=()):
        """Return scores, LUTs, levels, and what else the model's layers add to the loss."""
        with collecting() as records, tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([beta.value for beta in self.betas])
            scores = self.model(x, training=True)
            penalties = tf.add_n([tf.cast(p, tf.float32) for p in self.model.losses] or [tf.constant(0.0)])
        ebops = tape.gradient(penalties, [beta.value for beta in self.betas], unconnected_gradients="zero")
        fractions = tf.unstack(tf.convert_to_tensor(built, tf.float32))
        tables = {id(layer): part for layer, part in zip(self.layers, fractions, strict=False)}
        if fractions:
            ebops = [count * part for count, part in zip(ebops, fractions[len(self.layers) :], strict=True)]
        cost, levels = model_cost(records, self.links, ebops=tf.add_n(ebops) if ebops else 0.0, built=tables)
        return scores, cost, levels, penalties
