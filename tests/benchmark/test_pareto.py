"""Accuracy against LUTs, ours against HGQ2 on the same data: `pytest -m benchmark -s tests/benchmark/test_pareto.py`.

Three contests, each over SEEDS of both sides:

- equal epochs: EPOCHS of either; ours up to a fifth more for further pruning.
- equal CPU time: SHORT epochs of HGQ2, which take at least the mean CPU time of our trainings with Yosys.
- more epochs: LONG of either, over LONG_SEEDS.

Ours: one training per budget, and the network that it returns. HGQ2: trainings in which the weight of EBOPs rises, or
is steered by BetaPID to a target. Several epochs of each are synthesized, and its front is the best of these on the
*test* split. HGQ2 gets centered inputs, and its synthesis is not in its time. All go through the same pipeline and
Yosys, and are judged by 200,000 further jets. The 7,979 jets of the test split leave errors of 0.5 points, and the best
of many networks would be the luckiest one. Made by

    snakemake --cores all --config budget=config/examples/more_jets.yaml -- results/data/jets/drift/jets_more/codes.npz

In the environment:

- TRIGGER_LUT_CODES: codes.npz (results/data/jets/codes.npz)
- TRIGGER_LUT_MORE: codes.npz of the further jets (results/data/jets/drift/jets_more/codes.npz)
- TRIGGER_LUT_EPOCHS: (100); TRIGGER_LUT_SHORT (60)
- TRIGGER_LUT_BATCH: of ours (1024)
- TRIGGER_LUT_LONG: (300); TRIGGER_LUT_LONG_SEEDS (1); none of these: no such contest
- TRIGGER_LUT_LUTS: budgets (200,400,700,1000,1500)
- TRIGGER_LUT_SEEDS: (1,2,3)
- TRIGGER_LUT_PEERS: trainings of HGQ2 by name, on the first seed (all of TRAININGS)
- TRIGGER_LUT_PEERS_AGAIN: the ones on the other seeds too (AGAIN: those that were best on the first)
- TRIGGER_LUT_FEW_PEERS: the ones that the second and third contest have (FEW)
- TRIGGER_LUT_POINTS: epochs synthesized a training of HGQ2 (4)
- TRIGGER_LUT_REUSE: 1: take what earlier calls with the same settings and code left in build/benchmarks/pareto

CPU time is that of one thread where OMP_NUM_THREADS, TF_NUM_INTRAOP_THREADS and TF_NUM_INTEROP_THREADS are 1. With one
core to itself, all of it takes about an hour. Tables, and build/benchmarks/pareto.png, at the end.
"""

import hashlib
import json
import os
import tempfile
import time
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from benchmark.fronts import (
    cheapest_as_accurate,
    difference,
    domination,
    luts_at,
    over_seeds,
    ratios,
    redrawn,
    within_ratio,
)
from benchmark.more_events import judged_by
from benchmark.pareto_report import OURS, Leg, draw, tell
from benchmark.peers import Run, Schedule, Target, measured, point, spread, train
from made_cards import spec as made_spec

pytestmark = pytest.mark.benchmark

# HGQ2's trainings, layers and rounding first: how EBOPs are pressed on, batch
TRAININGS = {
    "QDenseT-RND": (Schedule(3e-6, 3e-4), 1024),
    "QDenseT-TRN": (Schedule(3e-6, 1.5e-4, 0.4), 1024),
    "QDenseT-RND-PID2500": (Target(2500), 1024),
    "QDenseT-RND-PID1000": (Target(1000), 1024),
    "QDenseT-TRN-PID1500": (Target(1500), 1024),
    "QDenseT-RND-PID1000-fast": (Target(1000, 0.1), 1024),
    "QDenseT-RND-PID300": (Target(300), 1024),
    "QDense-RND": (Schedule(3e-6, 3e-4), 256),
}
AGAIN = "QDenseT-RND-PID1000,QDenseT-TRN-PID1500"
FEW = "QDenseT-RND-PID1000"
ROOT = Path(__file__).parents[2]
OUT = ROOT / "build" / "benchmarks"


def listed(name, default):
    return [x for x in os.environ.get(f"TRIGGER_LUT_{name}", default).split(",") if x]


CODES = Path(os.environ.get("TRIGGER_LUT_CODES", ROOT / "results/data/jets/codes.npz"))
MORE = Path(os.environ.get("TRIGGER_LUT_MORE", ROOT / "results/data/jets/drift/jets_more/codes.npz"))
EPOCHS = int(os.environ.get("TRIGGER_LUT_EPOCHS", "100"))
SHORT = int(os.environ.get("TRIGGER_LUT_SHORT", "60"))
BATCH = int(os.environ.get("TRIGGER_LUT_BATCH", "1024"))
LONG = int(os.environ.get("TRIGGER_LUT_LONG", "300"))
LUTS = [int(n) for n in listed("LUTS", "200,400,700,1000,1500")]
SEEDS = [int(n) for n in listed("SEEDS", "1,2,3")]
LONG_SEEDS = [int(n) for n in listed("LONG_SEEDS", "1")]
PEERS, PEERS_AGAIN = listed("PEERS", ",".join(TRAININGS)), listed("PEERS_AGAIN", AGAIN)
FEW_PEERS = listed("FEW_PEERS", FEW)
POINTS = int(os.environ.get("TRIGGER_LUT_POINTS", "4"))
REUSE = os.environ.get("TRIGGER_LUT_REUSE") == "1"
LATENCY_NS = 31
LEAST_EBOPS = 100  # what is pressed down to less is a constant, or next to one
MOST_EBOPS = 6000  # candidates above take minutes in Yosys and are beyond every budget here
LEARNING_RATE = 5e-3  # of HGQ2
RATIO = 0.7  # of LUTs at equal accuracy, at most


def peers(seed):
    return PEERS if seed == SEEDS[0] else PEERS_AGAIN


def design(luts, epochs, seed):
    from trigger_lut.config.budget import load_targets

    target = load_targets(ROOT / "config/targets.yaml")["cms-phase2-correlator"]
    training = {"epochs": epochs, "batch_size": BATCH}
    return made_spec(
        "pareto", luts, LATENCY_NS, target=target, network={"units": [20, 5]}, training=training, seed=seed
    )


def ours(luts, epochs, seed, events):
    """(points, seconds of wall time, of CPU time) of one training to a budget, as `trigger-lut train` does it."""
    from trigger_lut.conversion.keras_model import decode_outputs, integer_network
    from trigger_lut.data.event_codes import TEST, VALIDATION
    from trigger_lut.network.reference_model import evaluate
    from trigger_lut.synthesis.timing_closure import measure
    from trigger_lut.training.session import Session

    with tempfile.TemporaryDirectory() as folder:
        started, used = time.monotonic(), cpu_seconds()
        spec = design(luts, epochs, seed)
        session = Session(spec, events, measure=partial(measure, spec=spec), belongs_to="pareto", folder=Path(folder))
        result = session.run()
        taken = time.monotonic() - started, cpu_seconds() - used
    session.model.load_weights(result.weights)
    network = integer_network(session.model.keras_model, events.features, classes=events.classes, inputs=events.formats)

    def right(split):
        codes, labels = events.of(split)
        return decode_outputs(evaluate(network, codes), network).argmax(axis=1) == labels

    built = result.built
    name = f"{OURS} {luts}"
    return [point(name, built.luts, built.latency_cycles, right(VALIDATION), right(TEST), 0, seed)], *taken


def theirs(kind, epochs, seed, events):
    """(points, seconds of wall time, of CPU time) of one training of HGQ2; synthesis is not in its seconds."""
    layers, rounding = kind.split("-")[:2]
    press, batch_size = TRAININGS[kind]
    run = Run(layers, rounding, press, epochs, batch_size, LEARNING_RATE, seed)
    with tempfile.TemporaryDirectory() as folder:
        used = cpu_seconds()
        model, kept, seconds = train(run, events, Path(folder))
        used = cpu_seconds() - used
        tried = spread(kept, (LEAST_EBOPS, MOST_EBOPS), POINTS)
        spec = design(400, epochs, seed)
        points = [measured(run, model, k, events, spec, Path(folder, "rtl")) for k in tried]
    return points, seconds, used


def cpu_seconds():
    """Return the CPU seconds of this process and of those it waited for, such as Yosys."""
    t = os.times()
    return t.user + t.system + t.children_user + t.children_system


def outcome(name, make, settings, events):
    """Return the result of `make` as plain data, kept in build/benchmarks/pareto under a digest of the settings."""
    digest = hashlib.sha256(repr((name, settings)).encode()).hexdigest()[:12]
    path = OUT / "pareto" / f"{name}_{digest}.json"
    if not (REUSE and path.is_file()):
        points, seconds, cpu = make(events)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"points": [asdict(p) for p in points], "seconds": seconds, "cpu": cpu}, indent=1))
    return json.loads(path.read_text())


class Contest:
    """Trainings of both sides, each done once."""

    def __init__(self):
        from trigger_lut.data.event_codes import load_codes
        from trigger_lut.stages.train import CODE
        from trigger_lut.utils.files import sha256

        self.events, self.code = judged_by(load_codes(CODES), load_codes(MORE)), CODE
        self.data = sha256(CODES), sha256(MORE)

    def ours(self, luts, epochs, seed):
        settings = (self.data, self.code, epochs, seed, LATENCY_NS, BATCH)
        return outcome(f"ours-{luts}", lambda e: ours(luts, epochs, seed, e), settings, self.events)

    def theirs(self, kind, epochs, seed):
        settings = (self.data, epochs, seed, POINTS, repr(TRAININGS[kind]), MOST_EBOPS, LEARNING_RATE)
        return outcome(kind, lambda e: theirs(kind, epochs, seed, e), settings, self.events)

    def leg(self, title, seeds, mine, theirs):
        """A `Leg` from epochs of ours, and of HGQ2's by training and seed."""
        parts = {(OURS, n, s): self.ours(n, mine, s) for s in seeds for n in LUTS}
        parts |= {(kind, e, s): self.theirs(kind, e, s) for (kind, s), e in theirs.items()}
        points, trainings = {}, []
        for (name, size, seed), part in parts.items():
            points.setdefault(name, []).extend(self.read(p) for p in part["points"])
            trainings.append((name, size, seed, part["cpu"]))
        return Leg(title, points, trainings)

    def read(self, kept):
        events = len(self.events.labels_of(2))
        bits = np.unpackbits(np.frombuffer(bytes.fromhex(kept["right"]), np.uint8))[:events]
        return {**kept, "right": bits.astype(bool)}

    def legs(self):
        yield self.leg("equal epochs", SEEDS, EPOCHS, {(kind, s): EPOCHS for s in SEEDS for kind in peers(s)})
        short = {(kind, s): SHORT for s in SEEDS for kind in FEW_PEERS}
        yield self.leg("equal CPU time", SEEDS, EPOCHS, short)
        if LONG_SEEDS:
            long = {(kind, s): LONG for s in LONG_SEEDS for kind in FEW_PEERS}
            yield self.leg(f"{LONG} epochs", LONG_SEEDS, LONG, long)


def networks(*pairs):
    """Networks for the controls below: (LUTs, accuracy of 1,000 events)."""
    return [{"luts": n, "accuracy": a, "right": np.arange(1000) < round(1000 * a), "seed": 1} for n, a in pairs]


def test_fronts():
    """The control of what follows: two fronts with a known ratio, one of them with a point that is beaten."""
    theirs = networks((100, 0.6), (400, 0.64), (500, 0.63), (1600, 0.68))
    mine = [{**p, "luts": p["luts"] // 2} for p in theirs]
    assert luts_at(0.62, theirs) == pytest.approx(200)
    assert luts_at(0.59, theirs) is None
    assert luts_at(0.69, theirs) is None
    assert all(m / t == pytest.approx(0.5) for _, m, t in ratios(mine, theirs))
    assert all(m / t == pytest.approx(1.0) for _, m, t in ratios(theirs, theirs))
    assert [n for _, _, n in cheapest_as_accurate(mine, theirs)] == [50, 200, 800]
    assert domination(mine, theirs) == (0.5, 0.5)
    assert domination(theirs, mine) == (2.0, 2.0)
    assert domination(theirs[:1], mine) == (np.inf, np.inf)
    assert (redrawn(mine, theirs) == 0.5).all()


def test_differences_are_paired():
    """Equal networks differ by nothing, with no error; one that is right on 40 more of 1,000 events by 4 points."""
    few, many = networks((1, 0.60), (1, 0.64))
    assert difference(few, few) == (0.0, 0.0)
    apart, error = difference(many, few)
    assert apart == pytest.approx(0.04)
    assert error == pytest.approx(np.sqrt(0.04 * 0.96 / 1000))
    assert within_ratio(networks((70, 0.64)), networks((100, 0.60)), 0.7)[0][:3] == (100, 0.6, 70)
    assert within_ratio(networks((71, 0.64)), networks((100, 0.60)), 0.7) == []
    assert over_seeds(networks((10, 0.60), (20, 0.64)), lambda _: 1) == [(15.0, 0.62, pytest.approx(0.02), 2)]


@pytest.mark.skipif(not (CODES.is_file() and MORE.is_file()), reason=f"no {CODES} or no {MORE}: make them")
def test_pareto(capsys):
    def say(text):
        with capsys.disabled():
            print(text, flush=True)

    contest = Contest()
    legs = []
    for leg in contest.legs():
        legs.append(leg)
        tell(leg, RATIO, say)
        draw(legs, len(contest.events.labels_of(2)), OUT / "pareto.png")
    say(f"\n{OUT / 'pareto.png'}")
    for leg in legs:
        assert domination(leg.mine, leg.theirs)[1] <= RATIO, leg.title
        budgets = {f"{OURS} {n}": n for n in LUTS}
        assert all(p["luts"] <= budgets[p["name"]] for p in leg.mine), "budgets hold"
        assert all(apart >= -2 * error for *_, apart, error in within_ratio(leg.mine, leg.theirs, RATIO)), leg.title
