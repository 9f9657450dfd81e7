"""A training under way: press on the cost, freeze the widths, fine-tune, and end with a network that Yosys says fits.

shrink      the controllers lower LUTs and depth to the budget while widths are trained; what the surrogate is off by is
            measured near the end, so that they end at what Yosys counts
fine-tune   widths are held, and edges pruned to the budget; where that leaves room, it is filled: edges come back
settle      measured again, and pruned or filled to AIM of the budget; from here on the most accurate networks are kept
conclude    the most accurate one that fits after synthesis is the result. Where none does, the nearest one is
            pruned again, and fine-tuned for a share of the epochs, at most TIGHTENED times; where it leaves more than
            a tenth of its budget, it is filled and fine-tuned in the same way, once

Where pruning leaves nothing that depends on the input, training ends there with the smallest network that does.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

from trigger_lut.budget import Spec
from trigger_lut.cards import Measured
from trigger_lut.errors import ConfigurationError
from trigger_lut.events.codes import TRAIN, EventCodes
from trigger_lut.layers.freeze import integer_network
from trigger_lut.network import Network
from trigger_lut.network_shape import mistakes
from trigger_lut.records import Epoch, Measurement
from trigger_lut.surrogate import Cost
from trigger_lut.training import checkpoint, progress, state, warm
from trigger_lut.training.candidates import Candidate, Found, Nearest, Result, with_candidate
from trigger_lut.training.closest import closest, depends
from trigger_lut.training.controller import (
    AIM,
    DEPTH_AIM,
    FREE_AIM,
    MEASURE_FROM,
    Controller,
    on_freezing,
    time_to_freeze,
)
from trigger_lut.training.data import training_data
from trigger_lut.training.filling import fill, growths
from trigger_lut.training.least import refuse_impossible
from trigger_lut.training.limits import Limits
from trigger_lut.training.measure import Built, correction, measure, need_yosys
from trigger_lut.training.model import build_model
from trigger_lut.training.pruning import without
from trigger_lut.training.steps import Pressure, Trainer
from trigger_lut.training.widths import hold_widths, remove_edges, table_layers

ROUNDS = 120  # how often cost and accuracy are looked at, in a training of many epochs
WIDTH_RATE = 1.0  # of the learning rate
PATIENCE = 6  # rounds over the budget, or below NEARLY of it, after which a frozen network is pruned again, or filled,
LAST_PRUNING = 0.95  # as long as no more than this share of the epochs is done
FINE_TUNE_RATE = 0.5  # of the learning rate, at which fine-tuning begins
SETTLE_FROM = 0.4  # of fine-tuning: LUTs drift while spans of tables adapt to the pruning
SAMPLE = 4096  # events by which edges are valued, and over which outputs must vary,
FEW = 512  # of these, where it is looked at often
MARGIN = 0.985  # of the budget: the most LUTs, as corrected, of a network that is worth a synthesis
FILLED = 0.99  # of what a network may take: enough
NEARLY = 0.94  # of the budget: below this, a network is filled up
TRIES = 4  # networks at most that are synthesised at the end
USED = 0.9  # of the budget that is to be used
TIGHTENED, WIDENED = 2, 1  # times at most that a training goes on with fewer edges, or with more, after its end,
TIGHTENED_SHARE = 0.1  # for this share of its epochs


class Session:
    """A training under way: the trainer, the controllers, and the best networks that fit so far.

    Raises ConfigurationError when shape and data do not fit, BudgetMissedError for a budget below the theoretical least
    (`trigger_lut.training.least`), ToolMissingError without Yosys.
    """

    def __init__(
        self, spec: Spec, events: EventCodes, belongs_to: str, folder: Path, start: warm.Start | None = None
    ) -> None:
        if wrong := mistakes(spec.network, len(events.formats), events.classes, spec.data_set):
            raise ConfigurationError("; ".join(f"network.{text}" for text in wrong))
        refuse_impossible(spec, len(events.classes))
        need_yosys()
        keras.utils.set_random_seed(spec.seed)
        self.spec, self.events, self.belongs_to, self.folder = spec, events, belongs_to, folder
        self.model = build_model(spec.network, events.formats, len(events.classes), spec.seed)
        self.tables = table_layers(self.model)
        self.data = training_data(events, spec.training)
        self.trainer = Trainer(self.model, *self.data.training(), self.data.batch_size)
        self.epoch, self.until, self.every = 0, spec.training.epochs, max(spec.training.epochs // ROUNDS, 1)
        self.fine_tuned_from: int | None = None
        self.settled = False
        self.over, self.under, self.tightened, self.widened = 0, 0, 0, 0
        self.seconds, self.seconds_measuring = 0.0, 0.0
        self.history: list[Epoch] = []
        self.measurements: list[Measurement] = []
        self.limits = Limits(spec)
        if start is not None:
            warm.begin(self, start)
        cost = self.cost()
        self.luts = Controller(spec.budget.luts, cost.luts, FREE_AIM)
        self.depth = Controller(spec.latency_cycles_budget, cost.stages, DEPTH_AIM)
        if start is not None:
            self.luts, self.depth = start.controller(self.luts, "luts"), start.controller(self.depth, "depth")
        self.candidates: list[Candidate] = []
        self.nearest: Nearest | None = None
        self.found: Found | None = None
        self.alive = self._weights()
        self.result: Result | None = None

    @property
    def frozen(self) -> bool:
        return self.fine_tuned_from is not None

    @property
    def progress(self) -> float:
        """Share of the epochs done; 1 while a tightened network is fine-tuned."""
        return min(self.epoch / self.spec.training.epochs, 1.0)

    def run(self) -> Result:
        """Train to the end."""
        while self.result is None:
            if self.epoch < self.until:
                self.step()
            else:
                self.conclude()
        return self.result

    # ---------------------------------------------------------------- training

    def round(self) -> None:
        """Epochs up to the next look at cost and accuracy."""
        self.step()
        while self.epoch % self.every and self.epoch < self.until:
            self.step()

    def step(self) -> None:
        """One epoch, with what belongs before and after it, and a checkpoint."""
        started, measuring = time.monotonic(), self.seconds_measuring
        if self.epoch % self.every == 0:
            self._steer()
            if self.result is not None:
                return
        loss = self.data.epoch(self.trainer, self.spec.seed, self.epoch, self._pressure())
        self.epoch += 1
        if self.epoch % self.every == 0 or self.epoch == self.until:
            self._look(loss)
        self.seconds += time.monotonic() - started - (self.seconds_measuring - measuring)
        print(progress.line(self, loss), flush=True)
        self._save()

    def _steer(self) -> None:
        """What is due before a round: to measure, to freeze the widths, to settle, or to prune once more."""
        last = self.epoch + self.every >= self.spec.training.epochs
        if not self.frozen and time_to_freeze(self.luts, self.progress, last):
            self._freeze()
        elif not self.frozen and self.progress >= MEASURE_FROM and not self.measurements:
            self._measure("before freezing")
        if self.result is not None:
            return
        if self.frozen and not self.settled and (last or self._fine_tuned() >= SETTLE_FROM):
            self._settle()
        elif self.settled and max(self.over, self.under) >= PATIENCE and self.progress < LAST_PRUNING:
            self._prune(AIM)
        else:
            return
        if self.result is None:
            self._save()

    def _fine_tuned(self) -> float:
        """Share of fine-tuning that is done."""
        assert self.fine_tuned_from is not None
        return (self.epoch - self.fine_tuned_from) / max(self.until - self.fine_tuned_from, 1)

    def _look(self, loss: float) -> None:
        """Cost and accuracy after a round, and what follows from them."""
        accuracy, cost, corrected = self._accuracy(), self.cost(), self.limits.correction
        if self._varies():
            self.alive = self._weights()
        self._keep(accuracy, cost)
        self.history.append(
            Epoch(
                epoch=self.epoch,
                loss=round(loss, 6),
                accuracy=accuracy,
                luts_surrogate=cost.luts,
                luts_target=round(self.luts.target(self.progress), 1),
                correction=corrected.luts,
                multiplier=self.luts.multiplier,
                latency_cycles=corrected.cycles_of(cost),
            )
        )
        self.luts = self.luts.after(corrected.luts_of(cost), self.progress, self.frozen)
        self.depth = self.depth.after(cost.stages + corrected.cycles, self.progress, self.frozen)
        self.over = self.over + 1 if self.settled and not self.limits.within(cost, MARGIN) else 0
        self.under = self.under + 1 if self.settled and self.limits.within(cost, NEARLY) else 0

    def _pressure(self) -> Pressure:
        """Learning rates along a cosine, a new one after freezing; multipliers of the controllers."""
        peak = self.spec.training.learning_rate
        if self.frozen:
            rate = FINE_TUNE_RATE * peak * 0.5 * (1 + np.cos(np.pi * self._fine_tuned()))
            return Pressure(rate, 0.0, self.luts.multiplier, self.depth.multiplier)
        rate = peak * (0.25 + 0.75 * 0.5 * (1 + np.cos(np.pi * self.progress)))
        return Pressure(rate, WIDTH_RATE * rate, self.luts.multiplier, self.depth.multiplier)

    def cost(self) -> Cost:
        """The surrogate's figures for the network as it is."""
        return self.limits.estimate(self.network())

    def network(self) -> Network:
        """The network as it is, in integers."""
        self.trainer.refresh()
        return integer_network(self.model, inputs=self.events.formats)

    def _accuracy(self) -> float:
        """On the validation split."""
        return float(self.data.hits(self.trainer).mean())

    def _varies(self) -> bool:
        """Whether the outputs depend on the input, as far as a few events show."""
        return depends(self.network(), self.events.first(TRAIN, FEW)[0])

    # ---------------------------------------------------------------- fewer edges

    def _freeze(self) -> None:
        """Hold all widths from here on, and prune what is over the budget."""
        if not self._varies():  # pressed too hard; what can be found is near the network before that
            self.put(self.alive)
        warm.save(self)
        hold_widths(self.tables)
        self.fine_tuned_from, self.luts = self.epoch, on_freezing(self.luts)
        self._prune(FREE_AIM)

    def _settle(self) -> None:
        """Measure what fine-tuning has made of the network, and prune to AIM; candidates for the result follow."""
        self._measure("fine-tuning")
        self.settled, self.luts = True, replace(self.luts, aim=AIM)
        self._prune(AIM)

    def _prune(self, share: float) -> None:
        """Remove edges until the network keeps to its budget, with `share` of the LUTs.

        Once settled, it is then a candidate as it is. When the network that is left does not depend on its input, the
        smallest one that does is measured: within the budget, it is gone on with, beyond, it is the result.
        """
        network, sample = self.network(), self.events.first(TRAIN, SAMPLE)[0]
        marks = self.limits.edges_beyond(network, sample, share)
        left = depends(without(network, marks), sample)
        if not left:
            if not depends(network, sample):
                self.put(self.alive)
                hold_widths(self.tables)
                network = self.network()
            marks = closest(self.limits, network, sample)
        remove_edges(self.tables, network, marks)
        self.trainer.reset_optimiser()
        self.over = self.under = 0
        if not left and self.limits.over_built(built := self._measure("result")) > 0:
            self.result = Result(False, built, self._weights(), closest=True)
            return
        self._fill(share, sample)
        self._keep(self._accuracy(), self.cost())

    def _fill(self, share: float, sample: np.ndarray) -> None:
        """Give back edges and widths as long as the network keeps to `share` of the budget; `sample` values them."""
        if not self.luts.binds or not self.limits.within(self.cost(), FILLED * share):
            return
        fill(
            growths(self.tables, self.network, sample),
            lambda: self.limits.within(self.limits.estimate(self.network()), share),
            lambda: not self.limits.within(self.limits.estimate(self.network()), FILLED * share),
        )

    # ---------------------------------------------------------------- the end

    def _keep(self, accuracy: float, cost: Cost) -> None:
        """Make the network as it is, once settled, a candidate for the result."""
        if not self.settled or (self.candidates and not self._varies()):
            return
        new = Candidate(accuracy, cost, self.limits.over(cost, MARGIN), self._weights())
        self.candidates = with_candidate(self.candidates, new)

    def conclude(self) -> None:
        """Synthesise candidates, and end with the best one, or go on: tighten where none fits, widen where it is small.

        Interrupted, this begins anew.
        """
        found = self._best()
        if self.found is not None:
            if found is None or not self._as_accurate(found, self.found):
                found = self.found
        elif found is None:
            self._tighten()
            return
        if self.luts.binds and self.widened < WIDENED and found.built.luts < USED * self.spec.budget.luts:
            self._widen(found)
            return
        self.result = Result(True, found.built, found.weights)

    def _best(self) -> Found | None:
        """The most accurate candidate that fits after synthesis; those that seem to fit are tried first.

        What each one is measured to take shows which of the others fit.
        """
        left, found, share = list(self.candidates), None, MARGIN
        for _ in range(TRIES):
            fitting = [c for c in left if self.limits.within(c.cost, share)]
            if not fitting and self.nearest is None and self.found is None and found is None:
                fitting = [min(left, key=lambda c: self.limits.over(c.cost))]
            better = [c for c in fitting if found is None or c.accuracy > found.accuracy]
            if not better:
                break
            tried = better[0]
            left.remove(tried)
            self.put(tried.weights)
            built = self._measure("result")
            over, share = self.limits.over_built(built), 1.0
            if over == 0.0:
                found = Found(tried.accuracy, built, tried.weights)
            elif self.nearest is None or over < self.nearest.over:
                self.nearest = Nearest(over, built, self.limits.correction, tried.weights)
        return found

    def _as_accurate(self, new: Found, old: Found) -> bool:
        """Whether a network is as accurate as another, by one standard error of the difference on the same events."""
        right = []
        for network in (new, old):
            self.put(network.weights)
            right.append(self.data.hits(self.trainer))
        differ = int((right[0] != right[1]).sum())
        return new.accuracy >= old.accuracy - differ**0.5 / len(right[0])

    def _tighten(self) -> None:
        """Prune the nearest network by its own correction and go on with it; give up after TIGHTENED times."""
        assert self.nearest is not None, "every training ends with a candidate"
        gave_up = Result(False, self.nearest.built, self.nearest.weights)
        if self.tightened == TIGHTENED:
            self.result = gave_up
            return
        self.put(self.nearest.weights)
        self.limits = Limits(self.spec, self.nearest.correction)
        self.tightened += 1
        self._go_on()
        if self.result is not None and self.limits.over_built(self.result.built) >= self.nearest.over:
            self.result = gave_up

    def _widen(self, found: Found) -> None:
        """Fill what was found by its own correction and go on with it; it stays the result if nothing better comes."""
        self.put(found.weights)
        self.limits = Limits(self.spec, correction(found.built, self.cost()))
        self.found, self.widened = found, self.widened + 1
        self._go_on()
        if self.result is not None:
            self.result = Result(True, found.built, found.weights)

    def _go_on(self) -> None:
        """Fit the network as it is to AIM of the budget, and fine-tune it for a share of the epochs."""
        self.candidates, self.fine_tuned_from = [], self.epoch
        self.until = self.epoch + max(round(TIGHTENED_SHARE * self.spec.training.epochs), 1)
        self._prune(AIM)
        if self.result is None:
            self._save()

    def _measure(self, when: str) -> Built:
        """Build and synthesise the network as it is; the surrogate is corrected by the outcome from here on."""
        started = time.monotonic()
        network = self.network()
        cost, built = self.limits.estimate(network), measure(network, self.spec)
        self.limits = Limits(self.spec, correction(built, cost))
        self.measurements.append(
            Measurement(
                epoch=self.epoch,
                when=when,
                luts=Measured(value=built.luts, source="yosys"),
                luts_surrogate=Measured(value=cost.luts, source="surrogate"),
                latency_cycles=built.latency_cycles,
            )
        )
        self.seconds_measuring += time.monotonic() - started
        print(
            f"epoch {self.epoch}: {when}: {built.luts} LUTs by Yosys, {cost.luts:.0f} by the surrogate; "
            f"{built.latency_cycles} cycles",
            flush=True,
        )
        return built

    # ---------------------------------------------------------------- state

    def _weights(self) -> list[np.ndarray]:
        return [np.array(v) for v in self.model.variables]

    def put(self, weights: list[np.ndarray]) -> None:
        """Put a network into the model, with its tables computed and kept."""
        for variable, value in zip(self.model.variables, weights, strict=True):
            variable.assign(value)
        self.trainer.refresh()

    def _save(self) -> None:
        checkpoint.save_checkpoint(self.folder, self.belongs_to, *state.packed(self))

    def resume(self) -> None:
        """Go on from the last checkpoint, if there is one of this specification, data and code."""
        held = checkpoint.load_checkpoint(self.folder, self.belongs_to)
        if held is not None:
            state.unpack(self, *held)
            print(f"going on from epoch {self.epoch}", flush=True)
