"""Training loop: minimize loss plus hardware cost, and return the best network that meets the budget after synthesis.

shrink      Controllers lower LUTs and depth to the budget while widths are trained. A synthesis near the end of this
            phase gives the error of the estimate, so that the controllers end at measured LUTs.
fine-tune   Widths are fixed. Training prunes edges to the budget, or restores edges if LUTs are unused.
settle      A second synthesis, and pruning or regrowth to AIM of the budget. From here on, the most accurate networks
            are candidates.
select      The most accurate candidate that meets the budget after synthesis is the result. If there is none, training
            prunes the closest one and fine-tunes it for a part of the epochs, at most MAX_PRUNE_ROUNDS times. If more
            than a tenth of the budget is unused, training restores edges and fine-tunes once in the same way.

If the outputs of the pruned network are constant, training ends with the smallest network whose outputs vary.
"""

from __future__ import annotations

import time
from pathlib import Path

import keras
import numpy as np

from trigger_lut.cards.stage_cards import Epoch, Measurement
from trigger_lut.config.budget import Spec
from trigger_lut.config.shapes import mistakes
from trigger_lut.conversion.keras_model import integer_network
from trigger_lut.cost_model.lower_bounds import refuse_impossible
from trigger_lut.cost_model.luts import Cost
from trigger_lut.data.event_codes import TRAIN, EventCodes
from trigger_lut.errors import ConfigurationError
from trigger_lut.fixed_point.decode import decoded
from trigger_lut.network.network import Network
from trigger_lut.synthesis.synthesizers import synthesizer_of
from trigger_lut.training import checkpoint, multi_gpu, state, warm_start
from trigger_lut.training import log as progress
from trigger_lut.training.batches import training_data
from trigger_lut.training.budget import Budget
from trigger_lut.training.build_model import build_model
from trigger_lut.training.candidates import (
    MARGIN,
    Candidate,
    ClosestNetwork,
    FeasibleNetwork,
    TrainingResult,
    with_candidate,
)
from trigger_lut.training.controller import (
    AIM,
    DEPTH_AIM,
    FREE_AIM,
    MEASURE_FROM,
    Controller,
    time_to_freeze,
)
from trigger_lut.training.edge_widths import hold_widths, table_layers
from trigger_lut.training.fit_budget import freeze, prune, settle
from trigger_lut.training.losses import cross_entropy, squared_error
from trigger_lut.training.measure import Built, correction, measure
from trigger_lut.training.select_result import select_result
from trigger_lut.training.smallest_network import output_varies
from trigger_lut.training.summary import measurement
from trigger_lut.training.types import Pressure

ROUNDS = 120  # evaluations of cost and accuracy in a training of many epochs
WIDTH_RATE = 1.0  # of the learning rate
PATIENCE = (
    6  # rounds over the budget, or below REGROW_BELOW of it, after which a frozen network is pruned again, or filled,
)
LAST_PRUNING = 0.95  # fraction of the epochs after which training does so no more
FINE_TUNE_RATE = 0.5  # of the learning rate, at which fine-tuning begins
SETTLE_FROM = 0.4  # of fine-tuning: LUTs drift while spans of tables adapt to the pruning
BATCH_NORM_EVENTS = 8192  # events that give the batch-norm statistics of a regression before each evaluation
PROBE_EVENTS = 512  # events over which outputs must vary
REGROW_BELOW = 0.94  # fraction of the budget below which training restores edges


class Session:
    """A running training: the trainer, the controllers, and the best networks that fit so far.

    Raises ConfigurationError when shape and data do not fit, BudgetMissedError for a budget below the theoretical least
    (`trigger_lut.cost_model.lower_bounds`), ToolMissingError without Yosys.
    """

    def __init__(
        self,
        spec: Spec,
        events: EventCodes,
        belongs_to: str,
        folder: Path,
        start: warm_start.Start | None = None,
        gpus: int = 1,
    ) -> None:
        if wrong := mistakes(spec.network, len(events.formats), events.classes, spec.data_set):
            raise ConfigurationError("; ".join(f"network.{text}" for text in wrong))
        refuse_impossible(spec, len(events.classes))
        synthesizer_of(spec.target).require()
        keras.utils.set_random_seed(spec.seed)
        self.spec, self.events, self.belongs_to, self.folder = spec, events, belongs_to, folder
        self.data, over = training_data(events, spec.training), multi_gpu.strategy(gpus)
        loss = squared_error if events.regression else cross_entropy
        with multi_gpu.scope(over):
            self.model = build_model(spec.network, events.formats, len(events.classes), spec.seed)
            self.trainer = multi_gpu.trainer(over, self.model, *self.data.training(), self.data.batch_size, loss)
        self.tables = table_layers(self.model)
        self.epoch, self.until, self.every = 0, spec.training.epochs, max(spec.training.epochs // ROUNDS, 1)
        self.fine_tuned_from: int | None = None
        self.settled = False
        self.over, self.under, self.prune_rounds, self.regrow_rounds = 0, 0, 0, 0
        self.seconds, self.seconds_measuring = 0.0, 0.0
        self.history: list[Epoch] = []
        self.measurements: list[Measurement] = []
        self.sample = decoded(events.first(TRAIN, BATCH_NORM_EVENTS)[0], events.formats) if events.regression else None
        self.budget = Budget(spec)
        if start is not None:
            warm_start.restore(self, start)
        cost = self.cost()
        self.luts = Controller(spec.budget.luts, cost.luts, FREE_AIM)
        self.depth = Controller(spec.latency_cycles_budget, cost.stages, DEPTH_AIM)
        if start is not None:
            self.luts, self.depth = start.controller(self.luts, "luts"), start.controller(self.depth, "depth")
        self.candidates: list[Candidate] = []
        self.nearest: ClosestNetwork | None = None
        self.found: FeasibleNetwork | None = None
        self.probe_events = events.first(TRAIN, PROBE_EVENTS)[0]
        self.last_varying_weights = self.weights()  # of the last network whose outputs varied
        self.result: TrainingResult | None = None

    @property
    def frozen(self) -> bool:
        """True once widths are fixed."""
        return self.fine_tuned_from is not None

    @property
    def progress(self) -> float:
        """Fraction of the epochs done; 1 while a pruned network is fine-tuned."""
        return min(self.epoch / self.spec.training.epochs, 1.0)

    def run(self) -> TrainingResult:
        """Train to the end."""
        while self.result is None:
            if self.epoch < self.until:
                self.step()
            else:
                select_result(self)
        return self.result

    # ---------------------------------------------------------------- training

    def round(self) -> None:
        """Train up to the next evaluation of cost and accuracy."""
        self.step()
        while self.epoch % self.every and self.epoch < self.until:
            self.step()

    def step(self) -> None:
        """Train one epoch, with schedule and evaluation where they are due, and write a checkpoint."""
        started, measuring = time.monotonic(), self.seconds_measuring
        if self.epoch % self.every == 0:
            self._schedule()
            if self.result is not None:
                return
        loss = self.data.epoch(self.trainer, self.spec.seed, self.epoch, self._pressure())
        self.epoch += 1
        progress.refuse_divergence(self, loss)  # before anything is saved: training must not resume from it
        if self.epoch % self.every == 0 or self.epoch == self.until:
            self._evaluate(loss)
        self.seconds += time.monotonic() - started - (self.seconds_measuring - measuring)
        print(progress.line(self, loss), flush=True)
        self.save()

    def _schedule(self) -> None:
        """Run the actions that are due before a round: measure, freeze the widths, settle, or prune again."""
        last = self.epoch + self.every >= self.spec.training.epochs
        if not self.frozen and time_to_freeze(self.luts, self.progress, last):
            freeze(self)
        elif not self.frozen and self.progress >= MEASURE_FROM and not self.measurements:
            self.measure("before freezing")
        if self.result is not None:
            return
        if self.frozen and not self.settled and (last or self._fine_tuned() >= SETTLE_FROM):
            settle(self)
        elif self.settled and max(self.over, self.under) >= PATIENCE and self.progress < LAST_PRUNING:
            prune(self, AIM)
        else:
            return
        if self.result is None:
            self.save()

    def _fine_tuned(self) -> float:
        """Return the fraction of fine-tuning that is done."""
        assert self.fine_tuned_from is not None
        return (self.epoch - self.fine_tuned_from) / max(self.until - self.fine_tuned_from, 1)

    def _evaluate(self, loss: float) -> None:
        """Evaluate cost and accuracy after a round, and update candidates and controllers."""
        network, accuracy, corrected = self.network(), self.accuracy(), self.budget.correction
        cost = self.budget.estimate(network)
        if self.varies(network):
            self.last_varying_weights = self.weights()
            self.add_candidate(accuracy, cost)
        self.history.append(
            Epoch(
                epoch=self.epoch,
                loss=round(loss, 6),
                score=accuracy,
                luts_estimate=cost.luts,
                luts_target=round(self.luts.target(self.progress), 1),
                correction=corrected.luts,
                multiplier=self.luts.multiplier,
                latency_cycles=corrected.cycles_of(cost),
            )
        )
        self.luts = self.luts.after(corrected.luts_of(cost), self.progress, self.frozen)
        self.depth = self.depth.after(cost.stages + corrected.cycles, self.progress, self.frozen)
        self.over = self.over + 1 if self.settled and not self.budget.is_met(cost, MARGIN) else 0
        self.under = self.under + 1 if self.settled and self.budget.is_met(cost, REGROW_BELOW) else 0

    def _pressure(self) -> Pressure:
        """Return learning rates along a cosine, a new one after freezing, and multipliers of the controllers."""
        peak = self.spec.training.learning_rate
        if self.frozen:
            rate = FINE_TUNE_RATE * peak * 0.5 * (1 + np.cos(np.pi * self._fine_tuned()))
            return Pressure(rate, 0.0, self.luts.multiplier, self.depth.multiplier)
        rate = peak * (0.25 + 0.75 * 0.5 * (1 + np.cos(np.pi * self.progress)))
        return Pressure(rate, WIDTH_RATE * rate, self.luts.multiplier, self.depth.multiplier)

    def cost(self) -> Cost:
        """Estimate the cost of the present network by the surrogate."""
        return self.budget.estimate(self.network())

    def network(self) -> Network:
        """Convert the present model to an integer network."""
        self._refresh_batch_norm()
        self.trainer.refresh()
        return integer_network(self.model, inputs=self.events.formats)

    def accuracy(self) -> float:
        """Return the score on the validation split, by weight where events have weights; of a regression R^2."""
        self._refresh_batch_norm()
        return float(np.average(self.data.qualities(self.trainer), weights=self.data.weights))

    def hold_widths(self) -> None:
        """Fix all widths, and the batch-norm statistics of a classification.

        With fixed batch-norm statistics, training of a regression diverges at this learning rate.
        """
        hold_widths(self.tables, moments=self.sample is None)

    def _refresh_batch_norm(self) -> None:
        if self.sample is not None:
            self.trainer.refresh_batch_norm(self.sample)

    def varies(self, network: Network) -> bool:
        """Return whether the outputs of the network depend on the input, as far as a few events show.

        Parameters
        ----------
        network : Network
            The integer network.

        Returns
        -------
        bool
        """
        return output_varies(network, self.probe_events)

    def add_candidate(self, accuracy: float, cost: Cost) -> None:
        """Make the present network, once settled, a candidate for the result.

        Parameters
        ----------
        accuracy : float
            On the validation split.
        cost : Cost
            Estimate of the surrogate.
        """
        if not self.settled:
            return
        new = Candidate(accuracy, cost, self.budget.excess(cost, MARGIN), self.weights())
        self.candidates = with_candidate(self.candidates, new)

    def measure(self, reason: str) -> Built:
        """Build and synthesize the present network; the result corrects the surrogate from here on.

        Parameters
        ----------
        reason : str
            Reason, for the card and the message.

        Returns
        -------
        Built
        """
        started = time.monotonic()
        network = self.network()
        cost, built = self.budget.estimate(network), measure(network, self.spec)
        self.budget = Budget(self.spec, correction(built, cost))
        self.measurements.append(measurement(self.spec, built, cost, epoch=self.epoch, reason=reason))
        self.seconds_measuring += time.monotonic() - started
        print(
            f"epoch {self.epoch}: {reason}: {built.luts} LUTs by Yosys, {cost.luts:.0f} by the surrogate; "
            f"{built.latency_cycles} cycles, {built.fmax_mhz:.0f} MHz after {built.cuts} cuts",
            flush=True,
        )
        return built

    # ---------------------------------------------------------------- state

    def weights(self) -> list[np.ndarray]:
        """Return copies of all variables of the model."""
        return [np.array(v) for v in self.model.variables]

    def load_weights(self, weights: list[np.ndarray]) -> None:
        """Load a network into the model, and compute its tables.

        Parameters
        ----------
        weights : list of numpy.ndarray
            Result of `weights`.
        """
        for variable, value in zip(self.model.variables, weights, strict=True):
            variable.assign(value)
        self.trainer.refresh()

    def save(self) -> None:
        """Write a checkpoint."""
        checkpoint.save_checkpoint(self.folder, self.belongs_to, *state.packed(self))

    def resume(self) -> None:
        """Continue from the last checkpoint, if there is one of this specification, data and code."""
        held = checkpoint.load_checkpoint(self.folder, self.belongs_to)
        if held is not None:
            state.unpack(self, *held)
            print(f"resuming from epoch {self.epoch}", flush=True)
