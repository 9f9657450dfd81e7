"""Compiled training: a whole epoch, with tables, gradients and optimisers, is one XLA call."""

from __future__ import annotations

from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from trigger_lut.layers.cost import soft_levels, soft_luts, soft_saturation

WIDTHS = ("input_width", "output_fraction")
ADAM_EPSILON = 1e-7


class Pressure(NamedTuple):
    """What an epoch is asked for: learning rates, and multipliers on log(LUTs) and on depth."""

    learning_rate: float
    width_rate: float
    luts: float
    depth: float


class Trainer:
    """A model, its training data on the device, and the compiled epoch.

    x (N, C_in) float32 values on the input grid, y (N,) int labels; the last incomplete batch of a shuffle is left out.
    """

    def __init__(self, model: keras.Model, x: np.ndarray, y: np.ndarray, batch_size: int) -> None:
        self.model = model
        self.layers = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
        self.batch_size = min(batch_size, len(x))
        self.x, self.y = tf.constant(x, tf.float32), tf.constant(y, tf.int32)
        self.widths = [v for v in model.trainable_variables if v.name in WIDTHS]
        self.weights = [v for v in model.trainable_variables if v.name not in WIDTHS]
        self.moments = [[tf.Variable(tf.zeros(v.shape)) for v in (*self.weights, *self.widths)] for _ in range(2)]
        self.step = tf.Variable(0.0)
        self._epoch = tf.function(self._run_epoch, jit_compile=True)
        self._tables = tf.function(lambda: [layer.current_tables() for layer in self.layers], jit_compile=True)
        self._predict = tf.function(lambda x: model(x, training=False), jit_compile=True)

    def epoch(self, order: np.ndarray, pressure: Pressure) -> float:
        """Train on the events in this order; returns the mean cross-entropy."""
        steps = len(order) // self.batch_size
        batches = order[: steps * self.batch_size].reshape(steps, self.batch_size)
        loss = self._epoch(tf.constant(batches, tf.int32), *(tf.constant(p, tf.float32) for p in pressure))
        return float(loss) / steps

    def logits(self, x: np.ndarray) -> np.ndarray:
        """Outputs of the model in inference."""
        return np.asarray(self._predict(tf.constant(x, tf.float32)))

    def refresh(self) -> None:
        """Compute and keep the tables of all layers (compiled: eager arithmetic takes longer than an epoch)."""
        for layer, (table, bias) in zip(self.layers, self._tables(), strict=True):
            layer.keep(table, bias)

    def reset_optimiser(self) -> None:
        """Forget the moments of the gradients."""
        for variable in (*self.moments[0], *self.moments[1], self.step):
            variable.assign(tf.zeros_like(variable))

    def state(self) -> list[tf.Variable]:
        """Everything that an interrupted training needs to go on, beside the epoch number."""
        return [*self.model.variables, *self.moments[0], *self.moments[1], self.step]

    def _run_epoch(self, batches, learning_rate, width_rate, luts, depth):
        total = tf.constant(0.0)
        for n in tf.range(tf.shape(batches)[0]):
            total += self._step(batches[n], learning_rate, width_rate, luts, depth)
        return total

    def _step(self, rows, learning_rate, width_rate, luts, depth):
        variables = [*self.weights, *self.widths]
        with tf.GradientTape() as tape:
            out = tf.gather(self.x, rows)
            cost, levels = tf.constant(1.0), tf.constant(0.0)
            for layer, following in zip(self.layers, [*self.layers[1:], None], strict=True):
                out, table, widths = layer.forward_training(out)
                edges, present = soft_luts(table, *widths)
                cost += tf.reduce_sum(edges)
                levels += soft_levels(present)
                if following is not None:
                    levels += soft_saturation(table, tf.convert_to_tensor(layer.bias), *following.limits())
            loss = tf.reduce_mean(
                tf.nn.sparse_softmax_cross_entropy_with_logits(labels=tf.gather(self.y, rows), logits=out)
            )
            objective = loss + luts * tf.math.log(cost) + depth * levels
        gradients = tape.gradient(objective, [v.value for v in variables])
        self._adam(variables, gradients, learning_rate, width_rate)
        return loss

    def _adam(self, variables, gradients, learning_rate, width_rate, beta1=0.9, beta2=0.99):
        """Adam (arXiv 1412.6980, algorithm 1); written out so that widths have a rate of their own, down to 0."""
        self.step.assign_add(1.0)
        correction = tf.sqrt(1.0 - beta2**self.step) / (1.0 - beta1**self.step)
        for n, (v, g) in enumerate(zip(variables, gradients, strict=True)):
            first, second = self.moments[0][n], self.moments[1][n]
            first.assign(beta1 * first + (1.0 - beta1) * g)
            second.assign(beta2 * second + (1.0 - beta2) * g * g)
            rate = learning_rate if n < len(self.weights) else width_rate
            v.assign(v - rate * correction * first / (tf.sqrt(second) + ADAM_EPSILON))
