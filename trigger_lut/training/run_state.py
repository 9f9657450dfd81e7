"""State of a training between two epochs: all that an interrupted one needs to continue with the same result."""

from __future__ import annotations

import logging
import time
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from trigger_lut.cards.stage_cards import Epoch, Measurement
from trigger_lut.config.budget import Spec
from trigger_lut.cost_model.luts import Cost, LayerCost
from trigger_lut.cost_model.measured import Built, Correction, correction
from trigger_lut.cost_model.shared_layers import SharedLayers
from trigger_lut.training.budget import Budget
from trigger_lut.training.candidates import (
    MARGIN,
    Candidate,
    ClosestNetwork,
    FeasibleNetwork,
    TrainingResult,
    with_candidate,
)
from trigger_lut.training.controller import Controller
from trigger_lut.training.summary import measurement
from trigger_lut.training.trainable_model import TrainableModel, Weights
from trigger_lut.utils.wording import counted

LOG = logging.getLogger(__name__)

PLAIN = ("epoch", "until", "fine_tuned_from", "settled", "over", "under", "prune_rounds", "regrow_rounds")
SECONDS = ("seconds", "seconds_measuring")


@dataclass
class RunState:
    """Counters, controllers, figures and best networks of a training.

    Attributes
    ----------
    budget : Budget
        With the correction of the surrogate by the last measurement.
    luts, depth : Controller
        Of the two penalties.
    until : int
        Epoch at which training ends.
    last_varying_weights : list of numpy.ndarray
        Of the last network whose outputs varied.
    epoch : int
        Epochs done.
    fine_tuned_from : int or None
        Epoch at which fine-tuning began; None while widths are trained.
    settled : bool
        True from the measurement in fine-tuning on.
    over, under : int
        Successive rounds beyond the budget, or far below it.
    prune_rounds, regrow_rounds : int
        Times that training continued after its end, with fewer or with more edges.
    seconds, seconds_measuring : float
        Time of training and of synthesis.
    history : list of Epoch
        One entry for each evaluation.
    measurements : list of Measurement
        One entry for each synthesis.
    candidates : list of Candidate
        Networks from which the result is chosen.
    nearest : ClosestNetwork or None
        The best of those that synthesis found too large.
    feasible : FeasibleNetwork or None
        Result so far, while training continues with more edges.
    result : TrainingResult or None
        Result, at the end.
    """

    budget: Budget
    luts: Controller
    depth: Controller
    until: int
    last_varying_weights: Weights = field(repr=False)
    epoch: int = 0
    fine_tuned_from: int | None = None
    settled: bool = False
    over: int = 0
    under: int = 0
    prune_rounds: int = 0
    regrow_rounds: int = 0
    seconds: float = 0.0
    seconds_measuring: float = 0.0
    history: list[Epoch] = field(default_factory=list)
    measurements: list[Measurement] = field(default_factory=list)
    candidates: list[Candidate] = field(default_factory=list)
    nearest: ClosestNetwork | None = None
    feasible: FeasibleNetwork | None = None
    result: TrainingResult | None = None

    @property
    def spec(self) -> Spec:
        """Specification of the design."""
        return self.budget.spec

    @property
    def frozen(self) -> bool:
        """True once widths are fixed."""
        return self.fine_tuned_from is not None

    def add_candidate(self, accuracy: float, cost: Cost, *, weights: Weights) -> None:
        """Make a network, once training has settled, a candidate for the result.

        Parameters
        ----------
        accuracy : float
            On the validation split.
        cost : Cost
            Estimate of the surrogate.
        weights : list of numpy.ndarray
            Variables of its model.
        """
        if self.settled:
            new = Candidate(accuracy, cost, self.budget.excess(cost, MARGIN), weights)
            self.candidates = with_candidate(self.candidates, new)

    def measure(self, model: TrainableModel, reason: str) -> Built:
        """Build and synthesize the present network; the result corrects the surrogate from here on.

        Parameters
        ----------
        model : TrainableModel
            The model.
        reason : str
            Reason, for the card and the message.

        Returns
        -------
        Built
        """
        started = time.monotonic()
        network = model.network()
        self.budget = self.budget.with_shared_layers_of(network)
        cost, built = self.budget.estimate(network), model.measure(network, first_cut=reason == "before freezing")
        self.budget = replace(self.budget, correction=correction(built, cost))
        self.measurements.append(measurement(self.spec, built, cost=cost, epoch=self.epoch, reason=reason))
        self.seconds_measuring += time.monotonic() - started
        LOG.info(
            f"epoch {self.epoch}: {reason}: {built.luts} LUTs by Yosys, {cost.luts:.0f} by the surrogate; "
            f"{counted(built.latency_cycles, 'cycle')}, {built.fmax_mhz:.0f} MHz after {counted(built.cuts, 'cut')}"
        )
        return built

    def packed(self) -> tuple[Weights, dict[str, Any]]:
        """Return the state as arrays and JSON-able values.

        Arrays are in this order: candidates, the nearest network, the feasible one, the last one whose outputs vary.
        """
        values = {key: getattr(self, key) for key in (*PLAIN, *SECONDS)} | {
            "correction": asdict(self.budget.correction),
            "shared": None if self.budget.shared is None else [asdict(block) for block in self.budget.shared],
            "luts": asdict(self.luts),
            "depth": asdict(self.depth),
            "history": [e.model_dump() for e in self.history],
            "measurements": [m.model_dump() for m in self.measurements],
            "candidates": [[c.accuracy, asdict(c.cost), c.over] for c in self.candidates],
            "nearest": None,
            "feasible": None,
        }
        networks = [c.weights for c in self.candidates]
        if self.nearest is not None:
            values["nearest"] = [self.nearest.over, asdict(self.nearest.built), asdict(self.nearest.correction)]
            networks.append(self.nearest.weights)
        if self.feasible is not None:
            values["feasible"] = [self.feasible.accuracy, asdict(self.feasible.built)]
            networks.append(self.feasible.weights)
        networks.append(self.last_varying_weights)
        return [array for weights in networks for array in weights], values

    def unpack(self, arrays: Weights, values: dict[str, Any]) -> None:
        """Put a new state of the same specification into the one that `packed` returned.

        Parameters
        ----------
        arrays : list of numpy.ndarray
            Weights of the networks.
        values : dict
            The other values.
        """
        each = len(self.last_varying_weights)
        *networks, self.last_varying_weights = (arrays[n : n + each] for n in range(0, len(arrays), each))
        for key in (*PLAIN, *SECONDS):
            setattr(self, key, values[key])
        blocks = values["shared"]
        self.budget = replace(
            self.budget,
            correction=Correction(**values["correction"]),
            shared=None if blocks is None else tuple(map(_shared_layers, blocks)),
        )
        self.luts, self.depth = Controller(**values["luts"]), Controller(**values["depth"])
        self.history = [Epoch(**e) for e in values["history"]]
        self.measurements = [Measurement(**m) for m in values["measurements"]]
        self.candidates = [
            Candidate(accuracy, Cost(tuple(LayerCost(**x) for x in cost["layers"]), cost["stages"]), over, weights)
            for (accuracy, cost, over), weights in zip(values["candidates"], networks, strict=False)
        ]
        if values["feasible"] is not None:
            accuracy, built = values["feasible"]
            self.feasible = FeasibleNetwork(accuracy, Built(**built), networks.pop())
        if values["nearest"] is not None:
            over, built, corrected = values["nearest"]
            self.nearest = ClosestNetwork(over, Built(**built), Correction(**corrected), networks[-1])


def _shared_layers(values: dict[str, Any]) -> SharedLayers:
    return SharedLayers(tuple(values["layers"]), values["positions"], values["instances"])
