"""Small trainings of the training stage: three classes that take a moment, interrupted where a test wants it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from functools import partial
from unittest import mock

import numpy as np
from made_cards import spec as made_spec

from trigger_lut.cards.base import write_card
from trigger_lut.cost_model.measured import Built
from trigger_lut.data.event_codes import TEST, TRAIN, VALIDATION, EventCodes, save_codes
from trigger_lut.fixed_point.formats import KIF
from trigger_lut.stages import train as run
from trigger_lut.training.budget import Budget
from trigger_lut.training.session import Session

EPOCHS = 40
LUTS = 120
CLASSES = ("a", "b", "c")
OBJECTS = 8


def made_events(n=2400, seed=0, classes=CLASSES):
    """Three classes on rings in two of four channels: a linear function reaches little more than a third."""
    rng = np.random.default_rng(seed)
    formats = (KIF(1, 0, 4), KIF(1, 1, 3), KIF(0, 1, 4), KIF(1, 0, 3))
    codes = np.stack([rng.integers(f.lo, f.hi + 1, n) for f in formats], axis=1).astype(np.int32)
    radius = np.hypot(codes[:, 0] / 16, codes[:, 1] / 16)
    labels = np.digitize(radius, np.quantile(radius, [1 / 3, 2 / 3]))
    split = rng.choice([TRAIN, VALIDATION, TEST], n, p=[0.7, 0.15, 0.15]).astype(np.uint8)
    ids = np.arange(n, dtype=np.uint64)
    return EventCodes(codes, labels, split, ids, formats, ("w", "x", "y", "z"), classes)


def made_design(luts=LUTS, **changes):
    shape = {"units": [4, 3], "edge_hidden_units": 4, "max_input_bits": 5}
    training = {"epochs": EPOCHS, "batch_size": 280, "learning_rate": 0.03}
    return made_spec("tiny", luts, **({"network": shape, "training": training} | changes))


def object_events(count):
    """Sets of OBJECTS objects of two numbers; three classes by the sum of a function of each object."""
    rng = np.random.default_rng(0)
    formats = (KIF(1, 0, 3), KIF(1, 0, 3)) * OBJECTS
    codes = np.stack([rng.integers(f.lo, f.hi + 1, count) for f in formats], axis=1).astype(np.int32)
    x, y = np.moveaxis(codes.reshape(count, OBJECTS, 2) / 8, -1, 0)
    score = ((x**2 + y**2) * np.sign(x) + 0.7 * np.abs(y)).sum(axis=1)
    labels = np.digitize(score, np.quantile(score, [1 / 3, 2 / 3]))
    split = rng.choice([TRAIN, VALIDATION, TEST], count, p=[0.6, 0.2, 0.2]).astype(np.uint8)
    names = tuple(f"{axis}{n}" for n in range(OBJECTS) for axis in "xy")
    return EventCodes(codes, labels, split, np.arange(count, dtype=np.uint64), formats, names, CLASSES)


def object_design(luts, ii, epochs):
    """The same tables for each object, their sum, and two layers behind it."""
    units = [
        {"lut_dense": {"units": 4}},
        {"sum": {"axis": 1}},
        {"lut_dense": {"units": 6}},
        {"lut_dense": {"units": 3}},
    ]
    return made_design(
        budget={"luts": luts, "latency_ns": 60, "ii": ii},
        network={"input_shape": [OBJECTS, 2], "layers": units, "edge_hidden_units": 4, "max_input_bits": 5},
        training={"epochs": epochs, "batch_size": 256, "learning_rate": 0.02},
    )


def write_inputs(folder, design=None, events=None):
    write_card(design or made_design(), folder / "spec.json")
    save_codes(events or made_events(), folder / "codes.npz")


def train(inputs, folder, start=None, measure=run.measure):
    """The training stage on the files of `inputs`; outputs and checkpoints in `folder`.

    measure: function of a network and a specification in place of synthesis.
    """
    with mock.patch.object(run, "measure", measure):
        run.run(
            spec=inputs / "spec.json",
            codes=inputs / "codes.npz",
            checkpoints=folder / "checkpoints",
            model=folder / "model.keras",
            network=folder / "network.npz",
            predictions=folder / "predictions.npz",
            card=folder / "train.json",
            save_warm_start=folder / "warm.npz",
            warm_start=start,
        )
    return folder


def made_session(design, events, folder, **options):
    """A training whose measurements are the surrogate's figures."""
    measure = partial(as_estimated(1.0), spec=design)
    return Session(design, events, **({"measure": measure, "belongs_to": "mine", "folder": folder} | options))


def as_estimated(*factors, more_cycles=0, fmax_mhz=500.0):
    """A measurement in place of Yosys: the surrogate's figures, LUTs times the next of the factors (the last stays)."""
    left = list(factors)

    def measured(network, spec, first_cut=False, jobs=1):
        cost = Budget(spec).estimate(network)
        factor = left.pop(0) if len(left) > 1 else left[0]
        return Built(round(factor * cost.luts), cost.latency_cycles + more_cycles, fmax_mhz, ff=1)

    return measured


KILLED = """
import logging, os, signal, sys
from pathlib import Path
from trigger_lut.stages import train as run
from trigger_lut.training import checkpoint
from trigger_lut.training.trainer import Trainer

logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
inputs, folder, place, left = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
start = Path(sys.argv[5]) if len(sys.argv) > 5 else None

def dying(whole, before=lambda *a: None):
    def call(*arguments, **keywords):
        global left
        left -= 1
        if left < 0:
            before(*arguments)
            os.kill(os.getpid(), signal.SIGKILL)
        return whole(*arguments, **keywords)
    return call

def half(out, **arrays):
    out.write(b"half of a checkpoint")
    out.flush()

if place == "epoch":
    Trainer.epoch = dying(Trainer.epoch)
elif place == "synthesis":
    run.measure = dying(run.measure)
elif place == "checkpoint":
    checkpoint.np.savez = dying(checkpoint.np.savez, half)
files = {
    "model": "model.keras",
    "network": "network.npz",
    "predictions": "predictions.npz",
    "card": "train.json",
    "save_warm_start": "warm.npz",
}
run.run(
    spec=inputs / "spec.json",
    codes=inputs / "codes.npz",
    checkpoints=folder / "checkpoints",
    warm_start=start,
    **{key: folder / name for key, name in files.items()},
)
"""


def killed(place, count, inputs, folder, start=None):
    """Train in a process that is killed (SIGKILL) in its `count`-th epoch, synthesis or checkpoint, counted from 0.

    start: the file of another training that this one starts from.
    """
    more = [str(start)] if start else []
    command = [sys.executable, "-c", KILLED, str(inputs), str(folder), place, str(count), *more]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"})
    assert done.returncode == -signal.SIGKILL, done.stderr[-2000:]
    return done.stdout
