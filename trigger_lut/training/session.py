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

import logging
import time
from pathlib import Path

import keras
import numpy as np

from trigger_lut.cards.stage_cards import Epoch
from trigger_lut.config.budget import EPOCHS, Spec
from trigger_lut.config.shapes import mistakes
from trigger_lut.cost_model.lower_bounds import impossible
from trigger_lut.cost_model.measured import Measure
from trigger_lut.data.event_codes import TRAIN, EventCodes
from trigger_lut.errors import BudgetMissedError, ConfigurationError
from trigger_lut.training import checkpoint, warm_start
from trigger_lut.training import log as progress
from trigger_lut.training.batches import with_epochs
from trigger_lut.training.budget import Budget
from trigger_lut.training.candidates import MARGIN, TrainingResult
from trigger_lut.training.controller import AIM, DEPTH_AIM, FREE_AIM, MEASURE_FROM, Controller, time_to_freeze
from trigger_lut.training.fit_budget import freeze, prune, restore_varying, settle
from trigger_lut.training.run_state import RunState
from trigger_lut.training.select_result import select_result
from trigger_lut.training.trainable_model import TrainableModel
from trigger_lut.training.types import Pressure

LOG = logging.getLogger(__name__)

ROUNDS = 120  # evaluations of cost and accuracy in a training of many epochs
CHOOSE_EVERY = 8  # rounds after which the layers that share hardware are chosen anew, while widths are trained
WIDTH_RATE = 1.0  # of the learning rate
PATIENCE = (
    6  # rounds over the budget, or below REGROW_BELOW of it, after which a frozen network is pruned again, or filled,
)
LAST_PRUNING = 0.95  # fraction of the epochs after which training does so no more
FINE_TUNE_RATE = 0.5  # of the learning rate, at which fine-tuning begins
SETTLE_FROM = 0.4  # of fine-tuning: LUTs drift while spans of tables adapt to the pruning
REGROW_BELOW = 0.94  # fraction of the budget below which training restores edges


class Session:
    """Loop of a training: it alone knows the order of the actions.

    Parameters
    ----------
    spec : Spec
        The design.
    events : EventCodes
        Its data.
    measure : Measure
        Function that builds and synthesizes a network.
    belongs_to : str
        Fingerprint of the checkpoints.
    folder : Path
        Folder of the checkpoints.
    start : warm_start.Start or None
        State of a larger training, with which this one begins.
    gpus : int
        GPUs that share the training.

    Raises
    ------
    ConfigurationError
        If shape and data do not fit.
    BudgetMissedError
        For a budget below the theoretical least (`trigger_lut.cost_model.lower_bounds`).
    """

    def __init__(
        self,
        spec: Spec,
        events: EventCodes,
        *,
        measure: Measure,
        belongs_to: str,
        folder: Path,
        start: warm_start.Start | None = None,
        gpus: int = 1,
    ) -> None:
        if wrong := mistakes(spec.network, len(events.formats), classes=events.classes, data_set=spec.data_set):
            raise ConfigurationError("; ".join(f"network.{text}" for text in wrong))
        if wrong := impossible(spec, max(len(head.outputs) for head in events.heads)):
            raise BudgetMissedError(f"design {spec.design!r}: " + "; ".join(wrong))
        keras.utils.set_random_seed(spec.seed)
        training = with_epochs(spec.training, int(events.counts()[:, TRAIN].sum()))
        spec, epochs = spec.model_copy(update={"training": training}), training.epochs or EPOCHS
        self.epochs = epochs
        self.spec, self.belongs_to, self.folder = spec, belongs_to, folder
        self.every = max(epochs // ROUNDS, 1)
        self.model = TrainableModel(spec, events, measure=measure, gpus=gpus)
        budget = Budget(spec)
        if start is not None:
            self.model.load_trainer_arrays(start.arrays)
            budget = Budget(spec, start.correction)
        network = self.model.network()
        budget = budget.with_shared_layers_of(network)
        cost = budget.estimate(network)
        luts = Controller(spec.budget.luts, cost.luts, FREE_AIM)
        depth = Controller(spec.latency_cycles_budget, cost.stages, DEPTH_AIM)
        if start is not None:
            luts, depth = start.controller(luts, "luts"), start.controller(depth, "depth")
        self.state = RunState(budget, luts, depth, epochs, self.model.weights())

    @property
    def progress(self) -> float:
        """Fraction of the epochs done; 1 while a pruned network is fine-tuned."""
        return min(self.state.epoch / self.epochs, 1.0)

    def run(self) -> TrainingResult:
        """Train to the end."""
        while self.state.result is None:
            if self.state.epoch < self.state.until:
                self.step()
            else:
                select_result(self.state, self.model)
                self._save_unless_done()
        return self.state.result

    def round(self) -> None:
        """Train up to the next evaluation of cost and accuracy."""
        self.step()
        while self.state.epoch % self.every and self.state.epoch < self.state.until:
            self.step()

    def step(self) -> None:
        """Train one epoch, with schedule and evaluation where they are due, and write a checkpoint."""
        state = self.state
        started, measuring = time.monotonic(), state.seconds_measuring
        if state.epoch % self.every == 0:
            self._schedule()
            if state.result is not None:
                return
        loss = self.model.data.epoch(self.model.trainer, self.spec.seed, epoch=state.epoch, pressure=self._pressure())
        state.epoch += 1
        progress.refuse_divergence(state, self.model, loss=loss)  # before saving: training must not resume from it
        if state.epoch % self.every == 0 or state.epoch == state.until:
            self._evaluate(loss)
        state.seconds += time.monotonic() - started - (state.seconds_measuring - measuring)
        LOG.info(progress.line(state, loss))
        self.save()

    def _schedule(self) -> None:
        """Run the actions that are due before a round: measure, freeze the widths, settle, or prune again."""
        state = self.state
        last = state.epoch + self.every >= self.epochs
        if not state.frozen and (self.spec.frozen is not None or time_to_freeze(state.luts, self.progress, last=last)):
            self.freeze()
        elif not state.frozen and self.progress >= MEASURE_FROM and not state.measurements:
            state.measure(self.model, "before freezing")
        if state.result is not None:
            return
        if state.frozen and not state.settled and (last or self._fine_tuned() >= SETTLE_FROM):
            settle(state, self.model)
        elif state.settled and max(state.over, state.under) >= PATIENCE and self.progress < LAST_PRUNING:
            prune(state, self.model, share=AIM)
        else:
            return
        self._save_unless_done()

    def freeze(self) -> None:
        """Save the state for warm starts, fix all widths, and prune what is over the budget."""
        restore_varying(self.state, self.model)
        warm_start.save(self.folder, self.state, model=self.model)
        freeze(self.state, self.model)

    def _fine_tuned(self) -> float:
        """Return the fraction of fine-tuning that is done."""
        began = self.state.fine_tuned_from
        assert began is not None
        return (self.state.epoch - began) / max(self.state.until - began, 1)

    def _evaluate(self, loss: float) -> None:
        """Evaluate cost and accuracy after a round, and update candidates and controllers."""
        state, model = self.state, self.model
        network, accuracy, corrected = model.network(), model.accuracy(), state.budget.correction
        if not state.frozen and state.epoch // self.every % CHOOSE_EVERY == 0:
            state.budget = state.budget.with_shared_layers_of(network)
        cost = state.budget.estimate(network)
        if model.varies(network):
            state.last_varying_weights = model.weights()
            state.add_candidate(accuracy, cost, weights=state.last_varying_weights)
        state.history.append(
            Epoch(
                epoch=state.epoch,
                loss=round(loss, 6),
                loss_validation=round(model.validation_loss(), 6),
                score=accuracy,
                luts_estimate=cost.luts,
                luts_target=round(state.luts.target(self.progress), 1),
                correction=corrected.luts,
                multiplier=state.luts.multiplier,
                latency_cycles=corrected.cycles_of(cost),
            )
        )
        state.luts = state.luts.after(corrected.luts_of(cost), self.progress, frozen=state.frozen)
        state.depth = state.depth.after(cost.stages + corrected.cycles, self.progress, frozen=state.frozen)
        state.over = state.over + 1 if state.settled and not state.budget.is_met(cost, MARGIN) else 0
        state.under = state.under + 1 if state.settled and state.budget.is_met(cost, REGROW_BELOW) else 0

    def _pressure(self) -> Pressure:
        """Return learning rates along a cosine, a new one after freezing, and multipliers of the controllers."""
        peak, luts, depth = self.spec.training.learning_rate, self.state.luts, self.state.depth
        built = self.model.trainer.fractions_built(self.state.budget.shared)
        if self.state.frozen:
            rate = FINE_TUNE_RATE * peak * 0.5 * (1 + np.cos(np.pi * self._fine_tuned()))
            return Pressure(rate, 0.0, luts.multiplier, depth.multiplier, built)
        rate = peak * (0.25 + 0.75 * 0.5 * (1 + np.cos(np.pi * self.progress)))
        return Pressure(rate, WIDTH_RATE * rate, luts.multiplier, depth.multiplier, built)

    def save(self) -> None:
        """Write a checkpoint."""
        networks, values = self.state.packed()
        arrays = [*self.model.trainer_arrays(), *networks]
        checkpoint.save_checkpoint(self.folder, self.belongs_to, arrays=arrays, state=values)

    def _save_unless_done(self) -> None:
        if self.state.result is None:
            self.save()

    def resume(self) -> None:
        """Continue from the last checkpoint, if there is one of this specification, data and code."""
        saved = checkpoint.load_checkpoint(self.folder, self.belongs_to)
        if saved is not None:
            arrays, values = saved
            self.state.unpack(self.model.load_trainer_arrays(arrays), values)
            LOG.info(f"resuming from epoch {self.state.epoch}")
