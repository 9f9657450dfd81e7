"""Training on several devices of one machine: each takes an equal part of every batch, all make the same update.

`tf.distribute` keeps a copy of each variable on each device and sums between them. XLA compiles the parts of a step
between two sums: up to each histogram that batch normalization needs over all devices (`layers.batch_statistics`), the
gradients, and the update. A step thus takes one more compiled call for each such layer, which runs the layers before
its histogram once more. With the default network only the reading of the input's codes runs twice. The result is
that of one device but for the order in which floats are added.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from trigger_lut.errors import ConfigurationError
from trigger_lut.layers.base import LookupLayer
from trigger_lut.layers.batch_statistics import given, next_histogram
from trigger_lut.layers.soft_cost import collecting
from trigger_lut.training.trainer import Trainer, device_dtype

MEAN = tf.distribute.ReduceOp.MEAN


def strategy(gpus: int) -> tf.distribute.MirroredStrategy | None:
    """Return a strategy over some GPUs.

    Parameters
    ----------
    gpus : int
        Number of GPUs.

    Returns
    -------
    tf.distribute.MirroredStrategy or None
        None for one GPU or none, which needs no strategy.

    Raises
    ------
    ConfigurationError
        If there are fewer GPUs.
    """
    if gpus <= 1:
        return None
    devices = [gpu.name for gpu in tf.config.list_logical_devices("GPU")]
    if len(devices) < gpus:
        raise ConfigurationError(f"--gpus: expected {gpus} GPUs that TensorFlow can use, found {len(devices)}")
    return tf.distribute.MirroredStrategy(devices[:gpus])


def scope(over: tf.distribute.Strategy | None) -> contextlib.AbstractContextManager[Any]:
    """Return the context in which models and trainers for a strategy are made; no effect without one."""
    return contextlib.nullcontext() if over is None else over.scope()


def trainer(over: tf.distribute.Strategy | None, model: keras.Model, **options: Any) -> Trainer:
    """Make a trainer on the strategy's devices, on one device without a strategy; options: those of `Trainer`."""
    return Trainer(model, **options) if over is None else SharedTrainer(over, model, **options)


class SharedTrainer(Trainer):
    """A `Trainer` on several devices; model and trainer are made within the strategy's scope.

    Each device has all events of a window. Inference uses the first device alone. Raises ConfigurationError where
    batches do not divide, or a layer keeps statistics that would be those of a device's part.
    """

    def __init__(self, over: tf.distribute.Strategy, model: keras.Model, **options: Any) -> None:
        self.over, self.parts = over, over.num_replicas_in_sync
        refuse_statistics(model)
        super().__init__(model, **options)
        if self.batch_size % self.parts:
            less, more = (self.batch_size // self.parts + k for k in (0, 1))
            near = f"{less * self.parts} or {more * self.parts}" if less else f"{self.parts}"
            raise ConfigurationError(
                f"training.batch_size: {self.batch_size} events do not divide into equal parts for {self.parts} "
                f"devices; the nearest that do: {near}"
            )
        self.normalized = sum(getattr(layer, "batch_norm", False) and layer.trainable for layer in self.layers)
        self._epoch = tf.function(self._run_epoch)
        self._part = tf.function(self._part_of, jit_compile=True)
        self._histogram = tf.function(self._next_histogram, jit_compile=True)
        self._gradient = tf.function(self._gradients_of_part, jit_compile=True)
        self._move = tf.function(self._update, jit_compile=True)

    def placed(self, array: np.ndarray) -> Any:
        """Copy an array to each device."""
        devices = self.over.extended.worker_devices

        def copy(context: tf.distribute.InputReplicaContext) -> tf.Tensor:
            with tf.device(devices[context.replica_id_in_sync_group]):
                return tf.identity(tf.constant(array, device_dtype(array)))

        return self.over.experimental_distribute_values_from_function(copy)

    def _run_epoch(self, x, y, batches, steps, pressure):
        total = tf.constant(0.0)
        for n in tf.range(steps):
            losses = self.over.run(self._shared_step, args=(x, y, batches[n], pressure))
            total += self.over.reduce(MEAN, losses, axis=None)
        return total

    def _shared_step(self, x, y, rows, pressure):
        """Run a step on each device; return the loss of its part."""
        context = tf.distribute.get_replica_context()
        x, labels = self._part(x, y, rows, context.replica_id_in_sync_group)
        histograms: list[tf.Tensor] = []
        for _ in range(self.normalized):
            histograms.append(self._over_devices(context, self._histogram(x, histograms)))
        loss, gradient = self._gradient(x, labels, histograms, pressure)
        self._move(context.all_reduce(MEAN, gradient), pressure.learning_rate, pressure.width_rate)
        return loss

    def _over_devices(self, context: tf.distribute.ReplicaContext, histogram: tf.Tensor) -> tf.Tensor:
        return context.all_reduce(MEAN, histogram)

    def _part_of(self, x, y, rows, number):
        mine = tf.reshape(rows, (self.parts, -1))[number]
        return tf.gather(x, mine), tf.gather(y, mine)

    def _next_histogram(self, x, histograms: Sequence[tf.Tensor]):
        # Stateless: what the layers before would keep of this pass, the pass for the gradients keeps.
        with keras.StatelessScope(), collecting():
            histogram = next_histogram(lambda: self.model(x, training=True), histograms)
        assert histogram is not None, "there is a histogram for each normalized layer"
        return histogram

    def _gradients_of_part(self, x, labels, histograms: Sequence[tf.Tensor], pressure):
        with given(histograms):
            return self._gradients(x, labels, pressure)


def refuse_statistics(model: keras.Model) -> None:
    """Raise ConfigurationError for layers, but those of tables, that keep something of the batches they are given."""
    refused = []
    for layer in model._flatten_layers(include_self=False, recursive=True):
        if isinstance(layer, LookupLayer):
            continue
        own = [v.name for v in (*layer._non_trainable_variables, *layer._seed_generators)]
        if own:
            refused.append(f"{layer.name} ({type(layer).__name__}: {', '.join(own)})")
    if refused:
        raise ConfigurationError(
            "training on several devices: expected layers of tables and layers without state, found "
            + "; ".join(refused)
            + "; their state would be that of a part of each batch; train on one device"
        )
