"""Model of a design in training: its weights, its integers, and its score on the data."""

from __future__ import annotations

import numpy as np

from trigger_lut.config.budget import Spec
from trigger_lut.conversion.keras_model import integer_network
from trigger_lut.conversion.saved_model import load_model
from trigger_lut.cost_model.measured import Measure
from trigger_lut.data.event_codes import TRAIN, EventCodes
from trigger_lut.fixed_point.decode import decoded
from trigger_lut.network.network import Network
from trigger_lut.training import multi_gpu
from trigger_lut.training.batches import training_data
from trigger_lut.training.build_model import build_model
from trigger_lut.training.edge_widths import RemovableEdges, hold_widths, table_layers
from trigger_lut.training.hgq_edges import removable_edges
from trigger_lut.training.kept_interface import KeptInterface
from trigger_lut.training.losses import HeadLoss
from trigger_lut.training.smallest_network import output_varies

BATCH_NORM_EVENTS = 8192  # events that give lagging batch-norm statistics before each evaluation
TRACED_EVENTS = 65536  # events whose values decide the ranges of quantizers that wrap
PROBE_EVENTS = 512  # events over which outputs must vary

Weights = list[np.ndarray]


class TrainableModel:
    """A Keras model with its trainer and its data.

    Parameters
    ----------
    spec : Spec
        The design.
    events : EventCodes
        Its data.
    measure : Measure
        Function that builds and synthesizes a network.
    gpus : int
        GPUs that share the training.
    """

    def __init__(self, spec: Spec, events: EventCodes, *, measure: Measure, gpus: int = 1) -> None:
        self.events, self.measure = events, measure
        self.data, over = training_data(events, spec.training), multi_gpu.strategy(gpus)
        frozen = spec.frozen
        self.kept = None if frozen is None else KeptInterface.of(frozen)
        with multi_gpu.scope(over):
            loss = HeadLoss(events.heads)
            self.keras_model = (
                build_model(spec.network, events.formats, classes=len(events.classes), seed=spec.seed, events=events)
                if frozen is None
                else load_model(frozen.files.model, spec.network.builder)
            )
            x, y = self.data.training()
            size = self.data.batch_size
            self.trainer = multi_gpu.trainer(over, self.keras_model, x=x, y=y, batch_size=size, loss=loss)
        self.tables, self.given = table_layers(self.keras_model), spec.network.keras_file is not None
        if self.kept is not None:
            self.kept.hold(self.tables)
        lags = events.has_targets or bool(self.trainer.normalizations)
        self._sample = decoded(self.sample(BATCH_NORM_EVENTS), events.formats) if lags else None
        self._traced = decoded(self.sample(TRACED_EVENTS), events.formats) if self.trainer.ranges else None
        self._probe = self.sample(PROBE_EVENTS)

    def sample(self, count: int) -> np.ndarray:
        """Return the codes of the first training events, (`count`, C_in)."""
        return self.events.first(TRAIN, count)[0]

    def network(self) -> Network:
        """Convert the present model to an integer network, with formats of outputs that are kept."""
        return self._convert() if self.kept is None else self.kept.fitted(self.tables, self._convert)

    def _convert(self) -> Network:
        self._settle()
        self.trainer.refresh()
        # Names are part of the Verilog: with them, the firmware stage finds this network's netlist in the cache.
        return integer_network(
            self.keras_model,
            self.events.features,
            classes=self.events.classes,
            inputs=self.events.formats,
            wraps=self.given,
        )

    def accuracy(self) -> float:
        """Return the score on the validation split, by weight where events have weights; see `metrics.accuracy`."""
        self._settle()
        return float(np.average(self.qualities(), weights=self.data.weights))

    def validation_loss(self) -> float:
        """Return the loss on the validation split, by weight where events have weights."""
        return float(np.average(self.data.losses(self.trainer), weights=self.data.weights))

    def qualities(self) -> np.ndarray:
        """Return the score of each event of the validation split."""
        return self.data.qualities(self.trainer)

    def varies(self, network: Network) -> bool:
        """Return whether the outputs of a network depend on the input, as far as a few events show."""
        return output_varies(network, self._probe)

    def hold_widths(self) -> None:
        """Fix all widths, and the batch-norm statistics of a classification.

        With fixed batch-norm statistics, training of a regression diverges at this learning rate.
        """
        hold_widths(self.tables, moments=not self.events.has_targets)
        if self.kept is not None:
            self.kept.hold(self.tables)

    def removable(self) -> RemovableEdges:
        """Return the edges of the present model that pruning can remove."""
        edges = removable_edges(self.keras_model, self.events.formats) if self.given else []
        return RemovableEdges(self.tables, edges)

    def _settle(self) -> None:
        """Bring up to date what lags behind the weights: batch-norm moments, and ranges that wrap.

        Those of LUT layers lag too little to matter in a classification.
        """
        if self._sample is not None:
            self.trainer.refresh_batch_norm(self._sample)
        if self._traced is not None:
            self.trainer.trace_ranges(self._traced)

    def weights(self) -> Weights:
        """Return copies of all variables of the model."""
        return [np.array(v) for v in self.keras_model.variables]

    def load_weights(self, weights: Weights) -> None:
        """Load a network into the model, and compute its tables.

        Parameters
        ----------
        weights : list of numpy.ndarray
            Result of `weights`.
        """
        for variable, value in zip(self.keras_model.variables, weights, strict=True):
            variable.assign(value)
        self.trainer.refresh()

    def trainer_arrays(self) -> Weights:
        """Return the variables of the model and of the optimizer."""
        return [np.asarray(v) for v in self.trainer.state()]

    def load_trainer_arrays(self, arrays: Weights) -> Weights:
        """Load the result of `trainer_arrays`, and return the arrays that follow it."""
        variables = self.trainer.state()
        for variable, value in zip(variables, arrays, strict=False):
            variable.assign(value)
        return arrays[len(variables) :]
