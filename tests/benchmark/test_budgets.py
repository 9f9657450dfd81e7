"""Budgets against what Yosys finds: data sets, seeds, and budgets of LUTs and latency.

`pytest -m benchmark tests/benchmark/test_budgets.py`; in the environment:

- TRIGGER_LUT_DATA: data sets (jets,masses,products,rings); jets where there is a file of them
- TRIGGER_LUT_SEEDS: seeds per data set and budget (1)
- TRIGGER_LUT_BUDGETS: which of the six budgets (0,1,2,3,4,5)
- TRIGGER_LUT_EPOCHS: (80)
- TRIGGER_LUT_CODES: codes.npz of the jets (results/data/jets/codes.npz), of which 12,000 are taken
- TRIGGER_LUT_RESULTS: file to which each training adds a line; trainings in it are not repeated

No budget needs anything else to be set: the designs differ in seed, LUTs and latency alone.
"""

import json
import os
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path

import pytest
from made_cards import spec as made_spec

from trigger_lut.cost_model.delay import DelayModel

pytestmark = pytest.mark.benchmark

DATA = os.environ.get("TRIGGER_LUT_DATA", "jets,masses,products,rings").split(",")
SEEDS = int(os.environ.get("TRIGGER_LUT_SEEDS", "1"))
BUDGETS = [int(n) for n in os.environ.get("TRIGGER_LUT_BUDGETS", "0,1,2,3,4,5").split(",")]
EPOCHS = int(os.environ.get("TRIGGER_LUT_EPOCHS", "80"))
CODES = Path(os.environ.get("TRIGGER_LUT_CODES", "results/data/jets/codes.npz"))
LEAST, MOST = 50, 0.6  # LUTs of the smallest budget; the largest, relative to the untrained network
CYCLES = [4, 5, 6, 4, 5, 6]  # of each budget, at 2.5 ns
PERIOD_NS = 2.5
USED = 0.9  # of the budget, at least

HEADER = (
    f"{'data':9} {'seed':>4} {'budget':>6} {'yosys':>6} {'use %':>6} {'cycles':>6} {'acc %':>6} {'tighter':>7} "
    f"{'wider':>5} {'synth':>5} {'seconds':>8}"
)


@dataclass(frozen=True)
class Outcome:
    """One training: `number` of the budget, LUTs by Yosys, cycles of the Verilog, accuracy on validation and test."""

    data: str
    seed: int
    number: int
    budget: int
    luts: int
    cycles: int
    cycles_budget: int
    validation: float
    accuracy: float
    prune_rounds: int
    regrow_rounds: int
    syntheses: int
    seconds: float

    @property
    def use(self):
        return self.luts / self.budget

    @property
    def meets(self):
        return self.luts <= self.budget and self.cycles <= self.cycles_budget

    def line(self):
        return (
            f"{self.data:9} {self.seed:4} {self.budget:6} {self.luts:6} {100 * self.use:6.1f} "
            f"{self.cycles:4}/{self.cycles_budget} {100 * self.accuracy:6.1f} "
            f"{self.prune_rounds:7} {self.regrow_rounds:5} {self.syntheses:5} "
            f"{self.seconds:8.1f}{'' if self.meets else '  missed'}"
        )


def events_of(name):
    from benchmark.made_data import made_events, some_of

    return some_of(CODES) if name == "jets" else made_events(name)


def trained(name, events, seed, number, folder):
    """The outcome of one training."""
    import keras
    from stage_calls import in_order

    from trigger_lut.cards.base import read_card, write_card
    from trigger_lut.cards.stage_cards import TrainCard
    from trigger_lut.conversion.keras_model import integer_network
    from trigger_lut.cost_model.luts import estimate
    from trigger_lut.data.event_codes import save_codes
    from trigger_lut.stages.train import run as train
    from trigger_lut.training.build_model import build_model

    keras.backend.clear_session()
    shape = {"units": [12, len(events.classes)]}
    design = made_spec(
        "budget",
        LEAST,
        CYCLES[number] * PERIOD_NS + 0.01,
        network=shape,
        training={"epochs": EPOCHS, "batch_size": 512},
        seed=seed,
    )
    model = build_model(design.network, events.formats, classes=len(events.classes), seed=seed)
    start = estimate(integer_network(model, inputs=events.formats), DelayModel(PERIOD_NS, "xcup")).luts
    luts = round(LEAST * (MOST * start / LEAST) ** (number / (len(CYCLES) - 1)))
    design = design.model_copy(update={"budget": design.budget.model_copy(update={"luts": luts})})
    folder.mkdir()
    write_card(design, folder / "spec.json")
    save_codes(events, folder / "codes.npz")
    outputs = [folder / n for n in ("model.keras", "network.npz", "predictions.npz", "train.json")]
    in_order(train, folder / "spec.json", folder / "codes.npz", folder / "checkpoints", *outputs)
    card = read_card(TrainCard, outputs[-1])
    return Outcome(
        name,
        seed,
        number,
        luts,
        round(card.luts.value),
        card.latency_cycles,
        card.latency_cycles_budget,
        card.score_validation,
        card.score,
        card.prune_rounds,
        card.regrow_rounds,
        len(card.measurements),
        round(card.seconds, 1),
    )


def outcomes(folder, tell):
    """Return all trainings asked for: from the file of results where it has them, else trained now."""
    kept = Path(os.environ.get("TRIGGER_LUT_RESULTS", folder / "results.jsonl"))
    before = [Outcome(**json.loads(x)) for x in kept.read_text().splitlines()] if kept.is_file() else []
    known = {(x.data, x.seed, x.number): x for x in before}
    names = [name for name in DATA if name != "jets" or CODES.is_file()]
    results = []
    for seed, name in product(range(1, SEEDS + 1), names):
        events = events_of(name)
        for number in BUDGETS:
            outcome = known.get((name, seed, number))
            if outcome is None:
                outcome = trained(name, events, seed, number, folder / f"{name}_{seed}_{number}")
                with kept.open("a") as out:
                    out.write(json.dumps(asdict(outcome)) + "\n")
            tell(outcome.line())
            results.append(outcome)
    return results


def test_budgets_hold_and_are_used(capsys, tmp_path):
    def tell(text):
        with capsys.disabled():
            print(text, flush=True)

    tell("\n" + HEADER)
    results = outcomes(tmp_path, tell)
    used = sorted(x.use for x in results)
    tell(
        f"{len(results)} trainings: {sum(x.meets for x in results)} meet both budgets; "
        f"use {used[0]:.3f} to {used[-1]:.3f}"
    )
    assert [x.line() for x in results if not x.meets] == []
    assert [x.line() for x in results if x.use < USED] == []
