"""Train one design to its budget: press on the cost, freeze the widths, fine-tune, keep the best that fits."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import keras
import numpy as np

from trigger_lut.budget import Spec
from trigger_lut.cards import Stopwatch, read_card, sha256, write_card
from trigger_lut.errors import BudgetMissedError, ConfigurationError
from trigger_lut.events.codes import TEST, TRAIN, VALIDATION, EventCodes, load_codes
from trigger_lut.fingerprint import fingerprint
from trigger_lut.latency import network_stages
from trigger_lut.layers.freeze import decode_outputs, integer_network
from trigger_lut.network import Network, save_network
from trigger_lut.records import Epoch, LayerSummary, TrainCard
from trigger_lut.reference import evaluate
from trigger_lut.references import real_values
from trigger_lut.surrogate import Cost, estimate, summarise
from trigger_lut.training import checkpoint
from trigger_lut.training.controller import AIM, KEPT, Controller, on_freezing, time_to_freeze
from trigger_lut.training.model import build_model
from trigger_lut.training.pruning import edges_to_prune, edges_to_shorten, saliency, without
from trigger_lut.training.steps import Pressure, Trainer

ROUNDS = 120  # how often cost and accuracy are looked at, in a training of many epochs
WIDTH_RATE = 1.0  # of the learning rate
PATIENCE = 6  # rounds over the budget after which a frozen network is pruned again,
LAST_PRUNING = 0.95  # as long as no more than this share of the epochs is done
FINE_TUNE_RATE = 0.5  # of the learning rate, at which fine-tuning begins


def train(spec: Path, codes: Path, checkpoints: Path, model: Path, network: Path, card: Path) -> None:
    """Train the design of `spec` on `codes`; write the Keras model, the integer network and the card.

    An interrupted training goes on from `checkpoints`. When fine-tuning ends beyond the budget, the closest network
    found is written, with `feasible` false in its card. Raises ConfigurationError when shape and data do not fit,
    BudgetMissedError when the budget leaves a network that does not depend on its input.
    """
    watch = Stopwatch()
    design, events = read_card(Spec, spec), load_codes(codes)
    code = fingerprint("training.run")
    session = Session(
        design, events, checkpoint.fingerprint(design.model_dump_json(), sha256(codes), code), checkpoints
    )
    session.resume()
    while session.epoch < design.training.epochs:
        session.round()
    session.restore_best()
    integers = integer_network(session.model, events.features, events.classes)
    record = _card(session, integers, watch, [spec, codes])
    for path in (model, network, card):
        path.parent.mkdir(parents=True, exist_ok=True)
    session.model.save(model)
    save_network(integers, network)
    write_card(record, card)


class Session:
    """A training under way: the trainer, the controllers, and the best network that fits so far."""

    def __init__(self, spec: Spec, events: EventCodes, belongs_to: str, folder: Path) -> None:
        if len(events.classes) != spec.network.units[-1]:
            raise ConfigurationError(
                f"network.units: the last layer has {spec.network.units[-1]} outputs, "
                f"the data set {spec.data_set!r} has {len(events.classes)} classes: {', '.join(events.classes)}"
            )
        keras.utils.set_random_seed(spec.seed)
        self.spec, self.events, self.belongs_to, self.folder = spec, events, belongs_to, folder
        self.model = build_model(spec.network, events.formats, len(events.classes), spec.seed)
        x, y = real_values(events, TRAIN)
        self.trainer = Trainer(self.model, x, y, spec.training.batch_size)
        self.validation = real_values(events, VALIDATION)
        self.epoch, self.frozen, self.over, self.seconds = 0, False, 0, 0.0
        self.history: list[Epoch] = []
        cost = self.cost()
        self.luts = Controller(spec.budget.luts, cost.luts)
        self.depth = Controller(spec.latency_cycles_budget, cost.stages)
        self.best_score, self.best = -np.inf, self._weights()

    # ---------------------------------------------------------------- one round

    def round(self) -> None:
        """Train for a few epochs, look at cost and accuracy, steer, and write a checkpoint."""
        started, total = time.monotonic(), self.spec.training.epochs
        until = min(self.epoch + max(total // ROUNDS, 1), total)
        if not self.frozen and time_to_freeze(self.luts, self.epoch / total, (until - self.epoch) / total):
            self._freeze()
        elif self.frozen and self.over >= PATIENCE and self.epoch / total < LAST_PRUNING:
            self._prune()
        loss = 0.0
        while self.epoch < until:
            order = np.random.default_rng((self.spec.seed, self.epoch)).permutation(len(self.trainer.x))
            loss = self.trainer.epoch(order, self._pressure())
            self.epoch += 1
        accuracy, cost, progress = self._accuracy(), self.cost(), self.epoch / total
        self._keep_best(accuracy, cost)
        self.seconds += time.monotonic() - started
        self._record(loss, accuracy, cost, progress)
        self.luts = self.luts.after(cost.luts, progress, self.frozen)
        self.depth = self.depth.after(cost.stages, progress, self.frozen)
        self.over = 0 if self.within(cost) else self.over + 1
        self._save()

    def _pressure(self) -> Pressure:
        """Learning rates along a cosine, a second one after freezing; multipliers of the controllers."""
        done = self.epoch / self.spec.training.epochs
        peak = self.spec.training.learning_rate
        if self.frozen:
            share = (done - self.froze_at) / max(1.0 - self.froze_at, 1e-9)
            rate = FINE_TUNE_RATE * peak * 0.5 * (1 + np.cos(np.pi * share))
            return Pressure(rate, 0.0, self.luts.multiplier, self.depth.multiplier)
        rate = peak * (0.25 + 0.75 * 0.5 * (1 + np.cos(np.pi * done)))
        return Pressure(rate, WIDTH_RATE * rate, self.luts.multiplier, self.depth.multiplier)

    def cost(self) -> Cost:
        """Exact cost of the network as it is."""
        return estimate(self.network(), self.spec.target.clock_period_ns, self.spec.target.family)

    def network(self) -> Network:
        self.trainer.refresh()
        return integer_network(self.model)

    def within(self, cost: Cost, share: float = KEPT) -> bool:
        """Whether a cost keeps to the budget, with `share` of the LUTs."""
        return cost.luts <= share * self.spec.budget.luts and cost.latency_cycles <= self.spec.latency_cycles_budget

    def _freeze(self) -> None:
        """Hold all widths from here on, and prune what is over the budget."""
        for layer in self.model.layers:
            for width in (layer.input_width, layer.output_fraction):
                width.assign(np.floor(np.asarray(width) + 0.5))
            if layer.batch_norm:
                layer.batch_statistics.assign(0.0)
        self.frozen, self.froze_at = True, self.epoch / self.spec.training.epochs
        self.best_score, self.luts = -np.inf, on_freezing(self.luts)
        self._prune()

    def _prune(self) -> None:
        """Remove edges until the network keeps to its budget; it is then a candidate as it is."""
        network = self.network()
        clock, family = self.spec.target.clock_period_ns, self.spec.target.family
        scores = saliency(network, self.events.of(TRAIN)[0][:4096])
        late = edges_to_shorten(
            network, scores, lambda n: network_stages(n, clock, family), self.spec.latency_cycles_budget
        )
        small = edges_to_prune(without(network, late), scores, lambda n: self.within(estimate(n, clock, family), AIM))
        for layer, form, *gone in zip(self.model.layers, network.layers, late, small, strict=True):
            pruned = gone[0] | gone[1] | (form.widths == 0)
            layer.input_width.assign(np.where(pruned, -1.0, layer.input_width))
        outputs = evaluate(without(without(network, late), small), self.events.of(TRAIN)[0][:4096])
        if (outputs == outputs[0]).all():
            raise BudgetMissedError(
                f"design {self.spec.design!r}: no network of this shape fits into {self.spec.budget.luts} LUT and "
                f"{self.spec.latency_cycles_budget} cycles: what is left gives the same outputs for every event; "
                "give it more of either, or fewer layers"
            )
        self.trainer.reset_optimiser()
        self.over = 0
        self._keep_best(self._accuracy(), self.cost())

    def _accuracy(self) -> float:
        """On the validation split."""
        return float((self.trainer.logits(self.validation[0]).argmax(axis=1) == self.validation[1]).mean())

    def _keep_best(self, accuracy: float, cost: Cost) -> None:
        """Best accuracy among the networks that fit; before freezing and beyond the budget, the one nearest to it."""
        if self.within(cost):
            score = accuracy if self.frozen else accuracy - 1.0
        else:
            over = cost.luts / self.spec.budget.luts + cost.latency_cycles / self.spec.latency_cycles_budget
            score = -10.0 - over
        if score > self.best_score:
            self.best_score, self.best = score, self._weights()

    def _record(self, loss: float, accuracy: float, cost: Cost, progress: float) -> None:
        entry = Epoch(
            epoch=self.epoch,
            loss=round(loss, 6),
            accuracy=accuracy,
            luts_surrogate=cost.luts,
            luts_target=round(AIM * self.spec.budget.luts if self.frozen else self.luts.target(progress), 1),
            multiplier=self.luts.multiplier,
            latency_cycles=cost.latency_cycles,
        )
        self.history.append(entry)
        left = self.seconds / self.epoch * (self.spec.training.epochs - self.epoch)
        print(
            f"epoch {self.epoch}/{self.spec.training.epochs}  loss {loss:.4f}  accuracy {accuracy:.4f}  "
            f"LUTs {cost.luts:.0f} (budget {self.spec.budget.luts})  cycles {cost.latency_cycles} "
            f"(budget {self.spec.latency_cycles_budget})  {left:.0f} s left",
            flush=True,
        )

    # ---------------------------------------------------------------- state

    def _weights(self) -> list[np.ndarray]:
        return [np.asarray(v) for v in self.model.variables]

    def restore_best(self) -> None:
        """Put the best network into the model, with its tables computed and kept."""
        for variable, value in zip(self.model.variables, self.best, strict=True):
            variable.assign(value)
        self.trainer.refresh()

    def _save(self) -> None:
        state: dict[str, Any] = {
            "epoch": self.epoch,
            "seconds": self.seconds,
            "over": self.over,
            "froze_at": self.froze_at if self.frozen else None,
            "best_score": float(self.best_score),
            "luts": asdict(self.luts),
            "depth": asdict(self.depth),
            "history": [e.model_dump() for e in self.history],
        }
        arrays = [np.asarray(v) for v in self.trainer.state()] + self.best
        checkpoint.save_checkpoint(self.folder, self.belongs_to, arrays, state)

    def resume(self) -> None:
        """Go on from the last checkpoint, if there is one of this specification, data and code."""
        held = checkpoint.load_checkpoint(self.folder, self.belongs_to)
        if held is None:
            return
        arrays, state = held
        variables = self.trainer.state()
        for variable, value in zip(variables, arrays, strict=False):
            variable.assign(value)
        self.best = arrays[len(variables) :]
        self.epoch, self.seconds, self.best_score = state["epoch"], state["seconds"], state["best_score"]
        self.over = state["over"]
        self.frozen = state["froze_at"] is not None
        if self.frozen:
            self.froze_at = state["froze_at"]
        self.luts, self.depth = Controller(**state["luts"]), Controller(**state["depth"])
        self.history = [Epoch(**e) for e in state["history"]]
        print(f"going on from epoch {self.epoch}", flush=True)


def _card(session: Session, integers: Network, watch: Stopwatch, read: list[Path]) -> TrainCard:
    spec, events = session.spec, session.events
    cost = estimate(integers, spec.target.clock_period_ns, spec.target.family)
    accuracy = {}
    for split in (VALIDATION, TEST):
        codes, labels = events.of(split)
        scores = decode_outputs(evaluate(integers, codes), integers)
        accuracy[split] = float((scores.argmax(axis=1) == labels).mean())
    layers = []
    for form, part in zip(integers.layers, cost.layers, strict=True):
        inputs, outputs = summarise(form)
        layers.append(
            LayerSummary(
                name=form.name,
                inputs=form.shape[0],
                outputs=form.shape[1],
                edges=form.widths.size,
                edges_live=int((form.widths > 0).sum()),
                input_width_counts=inputs,
                output_width_counts=outputs,
                saturating_channels=sum(mode == "SAT" for mode in form.overflow),
                luts_tables=part.tables,
                luts_adders=part.adders,
                luts_saturation=part.saturation,
            )
        )
    return TrainCard(
        design=spec.design,
        epochs=session.epoch,
        feasible=session.within(cost, 1.0),
        accuracy_validation=accuracy[VALIDATION],
        accuracy=accuracy[TEST],
        luts_surrogate=cost.luts,
        luts_budget=spec.budget.luts,
        latency_cycles_surrogate=cost.latency_cycles,
        latency_cycles_budget=spec.latency_cycles_budget,
        seconds_per_epoch=session.seconds / max(session.epoch, 1),
        layers=layers,
        history=session.history,
        **watch.provenance(read, "tensorflow", "keras"),
    )
