"""Speed against the peers, in one run: `pytest -m benchmark -s`.

A 16 -> 20 (batch normalisation) -> 5 network at batch 4,096. All contenders are timed in turn, epoch by epoch, several
times over; the fastest epoch of each counts, so that a busy moment of the machine hurts none of them alone.
"""

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from made_cards import spec as made_spec

pytestmark = pytest.mark.benchmark

ROOT = Path(__file__).parents[2]
BATCH = 4096
N = 17 * BATCH  # whole batches only: a shorter one is another XLA program
SHAPE = {"units": [20, 5]}
REPETITIONS = 5
OWN, OWN_ROUND = "own training", "own training, with looks at cost and accuracy, checkpoints"
FIT = "LUTDense in model.fit"
HGQ2, DENSE = "HGQ2 QDenseT in model.fit", "Dense in model.fit"


def made_data(n=N):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, 16)).astype(np.float32), rng.integers(0, 5, n)


def channels():
    """The formats of the input: 8-bit channels, as ingest chooses them."""
    from trigger_lut.fixed_point import KIF

    return [KIF(1, 2, 5)] * 16


def own_model():
    from trigger_lut.training.model import build_model

    return build_model(made_spec(network=SHAPE).network, channels(), 5, seed=1)


def hgq2_model():
    import keras
    from hgq.layers import QDenseT

    return keras.Sequential([keras.Input((16,)), QDenseT(20, batch_norm=True), QDenseT(5)])


def dense_model():
    import keras

    dense = keras.layers.Dense
    return keras.Sequential([keras.Input((16,)), dense(20, activation="relu"), dense(5)])


def fitter(make, jit_compile, x, y):
    """A function that takes one epoch of model.fit."""
    import keras

    model = make()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-3), loss, jit_compile=jit_compile)
    return lambda: model.fit(x, y, batch_size=BATCH, epochs=1, verbose=0)


def seconds(epoch):
    started = time.perf_counter()
    epoch()
    return time.perf_counter() - started


def settings_worth_timing(make, x, y):
    """With XLA, without, or both when four batches take less than twice as long one way as the other."""
    few = 4 * BATCH
    taken = {}
    for jit_compile in (True, False):
        epoch = fitter(make, jit_compile, x[:few], y[:few])
        epoch()
        taken[jit_compile] = min(seconds(epoch) for _ in range(2))
    return [jit_compile for jit_compile, t in taken.items() if t < 2 * min(taken.values())]


def own_epoch(x, y):
    """The pipeline's compiled epoch, with the shuffle that belongs to it."""
    from trigger_lut.fixed_point import decode, encode
    from trigger_lut.training.steps import Pressure, Trainer

    kif = channels()[0]
    trainer = Trainer(own_model(), decode(encode(x, kif), kif).astype(np.float32), y, BATCH)
    rng = np.random.default_rng(0)
    return lambda: trainer.epoch(rng.permutation(len(x)), Pressure(0.01, 0.01, 0.1, 0.01))


def own_round(x, y, folder):
    """A round of the training stage, and how many epochs it holds: with a fifth more events for validation."""
    from trigger_lut.events.codes import TRAIN, VALIDATION, EventCodes
    from trigger_lut.fixed_point import encode
    from trigger_lut.training.run import Session

    formats = tuple(channels())
    more, labels = made_data(N + N // 5)
    split = np.where(np.arange(len(more)) < N, TRAIN, VALIDATION).astype(np.uint8)
    codes = encode(more, formats[0]).astype(np.int32)
    names = tuple(f"x{i}" for i in range(16))
    events = EventCodes(codes, labels, split, np.arange(len(more), dtype=np.uint64), formats, names, tuple("gqWZt"))
    spec = made_spec(luts=3000, latency_ns=31, network=SHAPE, training={"epochs": 240, "batch_size": BATCH})
    session = Session(spec, events, "benchmark", folder)
    session.round()
    return session.round, session.epoch


def table(best, setting):
    """Rows for a person: time an epoch and an event, and ratios to the peers."""
    lines = [f"\n16 -> 20 (batch-norm) -> 5, batch {BATCH}, {N} events, fastest of {REPETITIONS} interleaved epochs"]
    lines.append(f"{'':60} {'s/epoch':>8} {'us/event':>9} {'HGQ2/this':>10} {'this/Dense':>11}")
    for name, value in best.items():
        row = f"{value:8.4f} {value / N * 1e6:9.3f} {best[HGQ2] / value:10.2f} {value / best[DENSE]:11.2f}"
        lines.append(f"{name:60} {row}   {setting[name]}")
    return "\n".join(lines)


def test_training_speed(capsys, tmp_path):
    import keras

    assert keras.backend.backend() == "tensorflow"
    x, y = made_data()
    shape = made_spec(network=SHAPE).network
    ours = f"input {channels()[0]}, at most {shape.max_input_bits} address bits, H = {shape.hidden_width}"
    models = {
        FIT: (own_model, ours),
        HGQ2: (hgq2_model, "H = 8, HGQ2's defaults"),
        DENSE: (dense_model, "Dense 20 with ReLU, Dense 5"),
    }
    one_round, epochs_a_round = own_round(x, y, tmp_path)
    ways = [(OWN, f"XLA; {ours}", own_epoch(x, y), 1), (OWN_ROUND, f"XLA; {ours}", one_round, epochs_a_round)]
    for name, (make, what) in models.items():
        for jit_compile in settings_worth_timing(make, x, y):
            ways.append((name, f"{'XLA' if jit_compile else 'no XLA'}; {what}", fitter(make, jit_compile, x, y), 1))
    for _, _, run, _ in ways:
        run()  # compile
    taken = [[] for _ in ways]
    for _ in range(REPETITIONS):
        for times, (_, _, run, epochs) in zip(taken, ways, strict=True):
            times.append(seconds(run) / epochs)
    best, setting = {}, {}
    for times, (name, said, _, _) in zip(taken, ways, strict=True):
        if min(times) < best.get(name, np.inf):
            best[name], setting[name] = min(times), said
    with capsys.disabled():
        print(table(best, setting))
    assert best[HGQ2] / best[OWN] >= 12
    assert best[HGQ2] / best[FIT] >= 6
    assert best[FIT] / best[DENSE] <= 3


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
