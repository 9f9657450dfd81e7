"""Accuracy against LUTs, ours against HGQ2 on the same data: `pytest -m benchmark -s tests/benchmark/test_pareto.py`.

Ours: one training a budget. HGQ2: trainings in which the weight of EBOPs rises, so that each epoch is a candidate at
another size; each training has EPOCHS epochs, ours up to a fifth more where it has to tighten. HGQ2 gets batches
of a quarter or less, centred inputs, and the most accurate of its synthesised candidates on the *test* split
at each size; ours is the one network that training hands out. All go through the same pipeline and Yosys.
In the environment:

    TRIGGER_LUT_CODES        codes.npz (results/data/jets/codes.npz)
    TRIGGER_LUT_EPOCHS       (100)
    TRIGGER_LUT_LUTS         budgets (200,400,750,1500,3000)
    TRIGGER_LUT_PARETO_SEED  (1)
    TRIGGER_LUT_PEERS        trainings of HGQ2 by name (all of TRAININGS)
    TRIGGER_LUT_POINTS       candidates synthesised a training of HGQ2 (4)
    TRIGGER_LUT_REUSE        1: take what an earlier call with the same settings left in build/benchmarks/pareto

Table and build/benchmarks/pareto.png at the end.
"""

import hashlib
import json
import os
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from made_cards import spec as made_spec

pytestmark = pytest.mark.benchmark

# HGQ2's trainings, layers and rounding first: weights of EBOPs at the first and last epoch, share of the epochs at the
# last weight, batch
TRAININGS = {
    "QDenseT-RND": ((3e-6, 3e-4), 0.0, 1024),
    "QDenseT-TRN": ((3e-6, 1.5e-4), 0.4, 1024),
    "QDenseT-TRN-hard": ((1e-5, 6e-4), 0.4, 1024),
    "QDense-RND": ((3e-6, 3e-4), 0.0, 256),
    "QDense-RND-hard": ((1e-5, 6e-4), 0.4, 256),
}
ROOT = Path(__file__).parents[2]
OUT = ROOT / "build" / "benchmarks"
CODES = Path(os.environ.get("TRIGGER_LUT_CODES", ROOT / "results/data/jets/codes.npz"))
EPOCHS = int(os.environ.get("TRIGGER_LUT_EPOCHS", "100"))
LUTS = [int(n) for n in os.environ.get("TRIGGER_LUT_LUTS", "200,400,750,1500,3000").split(",")]
SEED = int(os.environ.get("TRIGGER_LUT_PARETO_SEED", "1"))
PEERS = os.environ.get("TRIGGER_LUT_PEERS", ",".join(TRAININGS)).split(",")
POINTS = int(os.environ.get("TRIGGER_LUT_POINTS", "4"))
REUSE = os.environ.get("TRIGGER_LUT_REUSE") == "1"
LATENCY_NS = 31
OURS = "trigger_lut"
MOST_EBOPS = 9000  # candidates above take minutes in Yosys and are beyond every budget here
SHOWN_BELOW = 3.5  # points of accuracy that the plot shows below the least accurate of ours
RATIO = 0.7  # of LUTs at equal accuracy, at most


def design(luts):
    from trigger_lut.budget import load_targets

    target = load_targets(ROOT / "config/targets.yaml")["cms-phase2-correlator"]
    training = {"epochs": EPOCHS, "batch_size": 4096}
    return made_spec(
        "pareto", luts, LATENCY_NS, target=target, network={"units": [20, 5]}, training=training, seed=SEED
    )


def ours(luts, events):
    """(points, seconds of wall time, of CPU time) of one training to a budget, as `trigger-lut train` does it."""
    from peers import Point

    from trigger_lut.events.codes import TEST, VALIDATION
    from trigger_lut.layers.freeze import decode_outputs, integer_network
    from trigger_lut.reference import evaluate
    from trigger_lut.training.session import Session

    with tempfile.TemporaryDirectory() as folder:
        started, used = time.monotonic(), cpu_seconds()
        session = Session(design(luts), events, "pareto", Path(folder))
        result = session.run()
        taken = time.monotonic() - started, cpu_seconds() - used
    session.put(result.weights)
    network = integer_network(session.model, events.features, events.classes, inputs=events.formats)

    def accuracy(split):
        codes, labels = events.of(split)
        return float((decode_outputs(evaluate(network, codes), network).argmax(axis=1) == labels).mean())

    built = result.built
    name = f"{OURS} {luts}"
    return [Point(name, built.luts, built.latency_cycles, accuracy(VALIDATION), accuracy(TEST), 0)], *taken


def theirs(kind, events):
    """(points, seconds of wall time, of CPU time) of one training of HGQ2; synthesis is not in its seconds."""
    from peers import Run, measured, spread, train

    layers, rounding = kind.split("-")[:2]
    betas, hold, batch_size = TRAININGS[kind]
    run = Run(layers, rounding, betas, EPOCHS, batch_size, 5e-3, SEED, hold)
    with tempfile.TemporaryDirectory() as folder:
        used = cpu_seconds()
        model, kept, seconds = train(run, events, Path(folder))
        used = cpu_seconds() - used
        tried = spread(kept, MOST_EBOPS, POINTS)
        points = [measured(run, model, k, events, design(400), Path(folder, "rtl")) for k in tried]
    return points, seconds, used


def cpu_seconds():
    """Of this process and the ones it waited for: Yosys is one of these."""
    t = os.times()
    return t.user + t.system + t.children_user + t.children_system


def outcome(name, make, settings, events):
    """What `make` finds, as plain data, kept in build/benchmarks/pareto under a digest of the settings."""
    digest = hashlib.sha256(repr((name, settings)).encode()).hexdigest()[:12]
    path = OUT / "pareto" / f"{name}_{digest}.json"
    if not (REUSE and path.is_file()):
        points, seconds, cpu = make(events)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"points": [asdict(p) for p in points], "seconds": seconds, "cpu": cpu}, indent=1))
    return json.loads(path.read_text())


def contest(say=print):
    """All outcomes by contender: `trigger_lut` and each of PEERS."""
    from trigger_lut.cards import sha256
    from trigger_lut.events.codes import load_codes

    events = load_codes(CODES)
    data = sha256(CODES), EPOCHS, SEED
    found = {}
    parts = [outcome(f"ours-{n}", lambda e, n=n: ours(n, e), (*data, LATENCY_NS), events) for n in LUTS]
    found[OURS] = {
        "points": [p for part in parts for p in part["points"]],
        "seconds": sum(part["seconds"] for part in parts),
        "cpu": sum(part["cpu"] for part in parts),
    }
    for kind in PEERS:
        settings = (*data, POINTS, TRAININGS[kind], MOST_EBOPS)
        found[kind] = outcome(kind, lambda e, kind=kind: theirs(kind, e), settings, events)
    for name, part in found.items():
        say(f"\n{name}: {part['seconds']:.0f} s of wall time, {part['cpu']:.0f} s of CPU time")
        for p in sorted(part["points"], key=lambda p: p["luts"]):
            ebops = f"{p['ebops']:.0f} EBOPs" if p["ebops"] is not None else ""
            say(
                f"  {p['luts']:6} LUT {p['cycles']:3} cycles  validation {100 * p['accuracy_validation']:.2f} %  "
                f"test {100 * p['accuracy']:.2f} %  {p['differences']} differences {ebops}"
            )
    return found, len(events.of(2)[1])


def front(points):
    """(LUTs, accuracies on test) of the points that none beats, by rising LUTs."""
    from trigger_lut.pareto import front as on_front

    good = on_front([(p["accuracy"], p["luts"], True) for p in points])
    best = sorted((p["luts"], p["accuracy"]) for p, on in zip(points, good, strict=True) if on)
    return np.array([b[0] for b in best], float), np.array([b[1] for b in best])


def luts_at(accuracy, points):
    """LUTs at an accuracy on a front, by interpolation of log(LUT) between its points; None outside."""
    luts, accuracies = front(points)
    if not accuracies[0] <= accuracy <= accuracies[-1]:
        return None
    return float(np.exp(np.interp(accuracy, accuracies, np.log(luts))))


def ratios(mine, other):
    """(accuracy, our LUTs, their LUTs) at the accuracies of either front that both fronts span."""
    accuracies = sorted({*front(mine)[1], *front(other)[1]})
    at = [(a, luts_at(a, mine), luts_at(a, other)) for a in accuracies]
    return [(a, m, t) for a, m, t in at if m is not None and t is not None]


def by_layers(found):
    """Points of ours, and of HGQ2's trainings of the same layers together: its front is the best of all of these."""
    held = {OURS: found[OURS]["points"]}
    for kind in PEERS:
        held.setdefault(f"HGQ2 0.2.0 {kind.split('-')[0]}", []).extend(found[kind]["points"])
    return held


def cheapest_as_accurate(mine, other):
    """For each network of theirs: the fewest LUTs of ours that are at least as accurate, or None."""
    made = [(p, [m["luts"] for m in mine if m["accuracy"] >= p["accuracy"]]) for p in other]
    return [(p, min(luts) if luts else None) for p, luts in made]


def draw(held, events, path):
    from trigger_lut.figures.style import COLOURS, canvas, save, styled
    from trigger_lut.pareto import binomial_error

    with styled():
        figure, (ax,) = canvas()
        for n, (name, points) in enumerate(held.items()):
            look = {"color": COLOURS[n], "marker": "osD"[n % 3]}
            ax.plot([p["luts"] for p in points], [100 * p["accuracy"] for p in points], ls="", alpha=0.35, **look)
            luts, accuracies = front(points)
            errors = [100 * binomial_error(a, events) for a in accuracies]
            ax.errorbar(luts, 100 * accuracies, errors, ls="-", capsize=2, label=name, **look)
        ax.set_xscale("log")
        ax.set_xticks([100, 200, 400, 800, 1600, 3200], labels=["100", "200", "400", "800", "1600", "3200"])
        ax.set_xticks([], minor=True)
        ax.set_ylim(bottom=100 * min(p["accuracy"] for p in held[OURS]) - SHOWN_BELOW)
        ax.set_xlabel("LUT (Yosys, xcup)")
        ax.set_ylabel(f"accuracy on {events} test events [%]")
        ax.set_title(f"16-20-5, {EPOCHS} epochs each; bars: statistical error", loc="left")
        ax.legend(loc="lower right")
        save(figure, path)


def test_interpolation_of_fronts():
    """The control of what follows: two fronts with a known ratio, one of them with a point that is beaten."""
    theirs = [{"luts": n, "accuracy": a} for n, a in ((100, 0.6), (400, 0.64), (500, 0.63), (1600, 0.68))]
    mine = [{**p, "luts": p["luts"] // 2} for p in theirs]
    assert luts_at(0.62, theirs) == pytest.approx(200)
    assert luts_at(0.59, theirs) is None
    assert luts_at(0.69, theirs) is None
    assert all(m / t == pytest.approx(0.5) for _, m, t in ratios(mine, theirs))
    assert all(m / t == pytest.approx(1.0) for _, m, t in ratios(theirs, theirs))
    assert [n for _, n in cheapest_as_accurate(mine, theirs)] == [50, 200, 200, 800]


@pytest.mark.skipif(not CODES.is_file(), reason=f"no {CODES}: make it, or set TRIGGER_LUT_CODES")
def test_pareto(capsys):
    def say(text):
        with capsys.disabled():
            print(text, flush=True)

    found, events = contest(say)
    held = by_layers(found)
    draw(held, events, OUT / "pareto.png")
    mine, missed = held.pop(OURS), {}
    assert all(p["luts"] <= n for p, n in zip(mine, LUTS, strict=True)), "budgets hold"
    for name, other in held.items():
        say(f"\nLUT at equal accuracy, ours / {name}:")
        at = ratios(mine, other)
        for a, m, t in at:
            say(f"  {100 * a:.2f} %  {m:6.0f} / {t:6.0f} = {m / t:.2f}")
        for p, luts in cheapest_as_accurate(mine, other):
            answer = f"{luts} LUT, {luts / p['luts']:.2f}" if luts else "none"
            say(f"  {p['luts']} LUT at {100 * p['accuracy']:.2f} %: ours at least as accurate with {answer}")
        found_here = [m / t for _, m, t in at]
        if not found_here or np.median(found_here) > RATIO:
            missed[name] = found_here
    say(f"\n{OUT / 'pareto.png'}")
    assert not missed
