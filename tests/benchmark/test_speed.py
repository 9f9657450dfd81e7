"""Speed against the peers, in one run: `pytest -m benchmark -s`.

A 16 -> 20 (batch normalization) -> 5 network at batches of 512, 4,096 and 33,200. All contenders are timed in turn,
epoch by epoch, several times over (HGQ2, the slowest, in every third round). The fastest epoch of each counts, so a
busy moment of the machine affects no single contender. Peak memory is that of a process which trains two epochs, less
that of one which only made data and model.
"""

import os
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from benchmark.timing import Way, fastest, fitter, in_turn, seconds, trainer_epoch
from made_cards import spec as made_spec

pytestmark = pytest.mark.benchmark

ROOT = Path(__file__).parents[2]
EVENTS = 66400
MIDDLE = 4096  # batch at which a round of the training stage is timed too
# batch: HGQ2 / own training and HGQ2 / fit at least, fit / Dense at most
GOALS = {512: (5, 3, 2), MIDDLE: (25, 6, 2), 33200: (40, 6, 2)}
SHAPE = {"units": [20, 5]}
ROUNDS, HGQ2_EVERY = 7, 3
OWN, OWN_ROUND = "own training", "own training, with evaluations and checkpoints"
FIT = "LUTDense in model.fit"
HGQ2, DENSE = "HGQ2 QDenseT in model.fit", "Dense in model.fit"


def whole_batches(batch):
    """Events of an epoch: a shorter batch would be another XLA program."""
    return EVENTS // batch * batch


def made_data(n):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, 16)).astype(np.float32), rng.integers(0, 5, n)


def channels():
    """The formats of the input: 8-bit channels, as ingest chooses them."""
    from trigger_lut.fixed_point.formats import KIF

    return [KIF(1, 2, 5)] * 16


def own_model():
    from trigger_lut.training.build_model import build_model

    return build_model(made_spec(network=SHAPE).network, channels(), classes=5, seed=1)


def hgq2_model():
    import keras
    from hgq.layers import QDenseT

    return keras.Sequential([keras.Input((16,)), QDenseT(20, batch_norm=True), QDenseT(5)])


def dense_model():
    import keras

    dense = keras.layers.Dense
    return keras.Sequential([keras.Input((16,)), dense(20, activation="relu"), dense(5)])


def settings_worth_timing(make, x, y, batch):
    """With XLA, without, or both when four batches take less than twice as long one way as the other."""
    few = min(4 * batch, len(x))
    taken = {}
    for jit_compile in (True, False):
        epoch = fitter(make(), x[:few], y[:few], batch, jit_compile)
        epoch()
        taken[jit_compile] = min(seconds(epoch) for _ in range(2))
    return [jit_compile for jit_compile, t in taken.items() if t < 2 * min(taken.values())]


def own_epoch(x, y, batch):
    """The pipeline's compiled epoch on inputs in the pipeline's formats."""
    from networks import encode

    from trigger_lut.fixed_point.formats import decode

    kif = channels()[0]
    return trainer_epoch(own_model(), decode(encode(x, kif), kif).astype(np.float32), y, batch)


def own_round(n, batch, folder):
    """A round of the training stage, and how many epochs it holds: with a fifth more events for validation."""
    from networks import encode

    from trigger_lut.data.event_codes import TRAIN, VALIDATION, EventCodes
    from trigger_lut.synthesis.timing_closure import measure
    from trigger_lut.training.session import Session

    formats = tuple(channels())
    more, labels = made_data(n + n // 5)
    split = np.where(np.arange(len(more)) < n, TRAIN, VALIDATION).astype(np.uint8)
    codes = encode(more, formats[0]).astype(np.int32)
    names = tuple(f"x{i}" for i in range(16))
    events = EventCodes(codes, labels, split, np.arange(len(more), dtype=np.uint64), formats, names, tuple("gqWZt"))
    spec = made_spec(luts=3000, latency_ns=31, network=SHAPE, training={"epochs": 240, "batch_size": batch})
    session = Session(spec, events, measure=partial(measure, spec=spec), belongs_to="benchmark", folder=folder)
    session.round()
    return session.round, session.state.epoch


def table(best, batch):
    """Rows for a person: time an epoch and an event, and ratios to the peers."""
    n = whole_batches(batch)
    lines = [f"\n16 -> 20 (batch-norm) -> 5, batch {batch}, {n} events, fastest of interleaved epochs"]
    lines.append(f"{'':60} {'s/epoch':>8} {'us/event':>9} {'HGQ2/this':>10} {'in CPU time':>12} {'this/Dense':>11}")
    hgq2, dense = best[HGQ2], best[DENSE]
    for name, way in best.items():
        row = f"{way.wall:8.4f} {way.wall / n * 1e6:9.3f} {hgq2.wall / way.wall:10.2f} {hgq2.cpu / way.cpu:12.2f}"
        lines.append(f"{name:60} {row} {way.wall / dense.wall:11.2f}   {way.setting}")
    return "\n".join(lines)


@pytest.mark.parametrize("batch", GOALS)
def test_training_speed(batch, capsys, tmp_path):
    import keras

    assert keras.backend.backend() == "tensorflow"
    x, y = made_data(whole_batches(batch))
    shape = made_spec(network=SHAPE).network
    ours = f"input {channels()[0]}, at most {shape.max_input_bits} address bits, H = {shape.edge_hidden_units}"
    ways = [Way(OWN, own_epoch(x, y, batch), f"XLA; {ours}")]
    if batch == MIDDLE:
        one_round, epochs_a_round = own_round(len(x), batch, tmp_path)
        ways.append(Way(OWN_ROUND, one_round, f"XLA; {ours}", epochs_a_round))
    for name, make, what in ((FIT, own_model, ours), (DENSE, dense_model, "Dense 20 with ReLU, Dense 5")):
        for jit_compile in settings_worth_timing(make, x, y, batch):
            setting = f"{'XLA' if jit_compile else 'no XLA'}; {what}"
            ways.append(Way(name, fitter(make(), x, y, batch, jit_compile), setting))
    # HGQ2 without XLA takes many times longer still: not worth the minutes.
    ways.append(Way(HGQ2, fitter(hgq2_model(), x, y, batch), "XLA; H = 8, HGQ2's defaults", every=HGQ2_EVERY))
    in_turn(ways, ROUNDS)
    best = fastest(ways)
    with capsys.disabled():
        print(table(best, batch))
    own, fit, dense = GOALS[batch]
    assert best[HGQ2].wall / best[OWN].wall >= own
    assert best[HGQ2].wall / best[FIT].wall >= fit
    assert best[FIT].wall / best[DENSE].wall <= dense


MEMORY = r"""
import re, sys
sys.path[:0] = [sys.argv[1] + "/../helpers", sys.argv[1] + "/.."]
import keras, numpy as np, tensorflow as tf
import test_speed as speed
kind, epochs, batch = sys.argv[2], int(sys.argv[3]), 33200
if kind in ("own", "fit, flags of own"):
    from trigger_lut.training.xla_flags import choose_flags
    choose_flags()  # as the stage does
x, y = speed.made_data(speed.whole_batches(batch))
if kind == "own":
    run = speed.own_epoch(x, y, batch)
else:
    run = speed.fitter(speed.hgq2_model() if kind == "hgq2" else speed.own_model(), x, y, batch)
for _ in range(epochs):
    run()
# Not ru_maxrss: a process starts with that of its parent.
print(int(re.search(r"VmHWM:\s+(\d+) kB", open("/proc/self/status").read()).group(1)) / 1024)
"""


def megabytes(kind, epochs):
    """Peak memory of a process of its own."""
    command = [sys.executable, "-c", MEMORY, str(Path(__file__).parent), kind, str(epochs)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"})
    assert done.returncode == 0, done.stderr[-2000:]
    return float(done.stdout.split()[-1])


def test_peak_memory(capsys):
    """At batch 33,200, compilation included; all compiled by XLA, the own training as its stage does."""
    taken = {kind: megabytes(kind, 2) - megabytes(kind, 0) for kind in ("own", "fit", "fit, flags of own", "hgq2")}
    with capsys.disabled():
        print("\npeak memory of training at batch 33200, MB:", {k: round(v) for k, v in taken.items()})
    assert min(taken.values()) > 1, "a training takes some memory"
    assert taken["own"] < taken["hgq2"] / 5
    assert taken["fit, flags of own"] < taken["hgq2"] / 5
    assert taken["fit"] < taken["hgq2"] / 4


def test_dry_run_speed(capsys):
    """`snakemake -n` in the repository: what is to be done is said in under three seconds."""
    command = [sys.executable, "-m", "snakemake", "-n", "--quiet"]
    taken = []
    for _ in range(3):
        started = time.perf_counter()
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        taken.append(time.perf_counter() - started)
        assert done.returncode == 0, done.stderr[-2000:]
    with capsys.disabled():
        print(f"\nsnakemake -n: {', '.join(f'{t:.2f}' for t in taken)} s")
    assert min(taken) < 3
