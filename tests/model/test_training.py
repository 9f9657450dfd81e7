"""Training a design: within its budget, resumed after a kill, and the same steps as `model.fit`."""

import itertools
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from made_cards import spec as made_spec

from trigger_lut.cards import read_card, write_card
from trigger_lut.errors import BudgetMissedError, CardError, ConfigurationError
from trigger_lut.events.codes import TEST, TRAIN, VALIDATION, EventCodes, load_codes, save_codes
from trigger_lut.fixed_point import KIF
from trigger_lut.layers import LUTDense
from trigger_lut.layers.freeze import decode_outputs, integer_network
from trigger_lut.network import load_network
from trigger_lut.records import TrainCard
from trigger_lut.reference import evaluate
from trigger_lut.saved_model import load_model
from trigger_lut.surrogate import estimate
from trigger_lut.training import checkpoint, run
from trigger_lut.training.controller import FREEZE_FROM, FREEZE_UNTIL
from trigger_lut.training.model import build_model
from trigger_lut.training.steps import Pressure, Trainer

EPOCHS = 40
LUTS = 120
CLASSES = ("a", "b", "c")


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
    shape = {"units": [4, 3], "hidden_width": 4, "max_input_bits": 5}
    training = {"epochs": EPOCHS, "batch_size": 280, "learning_rate": 0.03}
    return made_spec("tiny", luts, **({"network": shape, "training": training} | changes))


def write_inputs(folder, design=None, events=None):
    write_card(design or made_design(), folder / "spec.json")
    save_codes(events or made_events(), folder / "codes.npz")


def train(inputs, folder):
    """The training stage on the files of `inputs`; outputs and checkpoints in `folder`."""
    run.train(
        inputs / "spec.json",
        inputs / "codes.npz",
        folder / "checkpoints",
        folder / "model.keras",
        folder / "network.npz",
        folder / "train.json",
    )
    return folder


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs")
    write_inputs(folder)
    return folder


@pytest.fixture(scope="module")
def trained(inputs, tmp_path_factory):
    return train(inputs, tmp_path_factory.mktemp("trained"))


# ---------------------------------------------------------------- a design within its budget


def test_design_keeps_to_its_budget(trained):
    card = read_card(TrainCard, trained / "train.json")
    assert card.feasible
    assert 0 < card.luts_surrogate <= card.luts_budget == LUTS
    assert card.latency_cycles_surrogate <= card.latency_cycles_budget == 8
    first, last = card.history[0], card.history[-1]
    assert first.luts_surrogate > 1.5 * LUTS, "there was something to save"
    assert last.loss < first.loss
    assert card.accuracy > 0.6, "a third by chance"


def test_a_tighter_latency_gives_a_shallower_design_of_the_same_lut_budget(trained, inputs, tmp_path):
    slow = read_card(TrainCard, trained / "train.json")
    cycles = slow.latency_cycles_surrogate - 1
    period = made_design().target.clock_period_ns
    write_inputs(tmp_path, made_design(latency_ns=cycles * period + 0.01))
    fast = read_card(TrainCard, train(tmp_path, tmp_path) / "train.json")
    assert fast.feasible
    assert fast.latency_cycles_budget == cycles
    assert fast.latency_cycles_surrogate <= cycles < slow.latency_cycles_surrogate
    assert fast.luts_surrogate <= LUTS
    assert fast.accuracy > 0.45, "a third by chance"


def test_a_budget_without_room_for_an_edge_is_refused_and_leaves_nothing(tmp_path):
    write_inputs(tmp_path, made_design(luts=1, training={"epochs": 4, "batch_size": 280, "learning_rate": 0.03}))
    with pytest.raises(BudgetMissedError, match=r"^design 'tiny': no network of this shape fits into 1 LUT and 8 cyc"):
        train(tmp_path, tmp_path)
    assert not (tmp_path / "train.json").exists()
    assert not (tmp_path / "network.npz").exists()


def test_history_is_whole(trained):
    card = read_card(TrainCard, trained / "train.json")
    assert [entry.epoch for entry in card.history] == list(range(1, EPOCHS + 1))
    assert card.epochs == EPOCHS
    targets = [entry.luts_target for entry in card.history]
    assert all(a >= b for a, b in itertools.pairwise(targets))
    assert card.seconds_per_epoch > 0


def test_card_states_what_the_network_is(trained, inputs):
    card, network = read_card(TrainCard, trained / "train.json"), load_network(trained / "network.npz")
    events, design = load_codes(inputs / "codes.npz"), made_design()
    cost = estimate(network, design.target.clock_period_ns, design.target.family)
    assert (card.luts_surrogate, card.latency_cycles_surrogate) == (cost.luts, cost.latency_cycles)
    for split, stated in ((VALIDATION, card.accuracy_validation), (TEST, card.accuracy)):
        codes, labels = events.of(split)
        scores = decode_outputs(evaluate(network, codes), network)
        assert stated == (scores.argmax(axis=1) == labels).mean()
    assert [layer.edges_live for layer in card.layers] == [len(layer.edges()) for layer in network.layers]
    assert sum(x.luts_tables + x.luts_adders + x.luts_saturation for x in card.layers) == cost.luts
    assert (network.features, network.classes) == (events.features, CLASSES)
    assert [Path(p).name for p in sorted(card.inputs)] == ["codes.npz", "spec.json"]
    assert {"tensorflow", "keras"} <= set(card.versions)


def test_saved_model_loads_back_to_the_same_tables(trained):
    network = load_network(trained / "network.npz")
    again = integer_network(load_model(trained / "model.keras"), network.features, network.classes)
    assert len(again.layers) == len(network.layers) == 2
    for ours, theirs in zip(again.layers, network.layers, strict=True):
        assert (ours.name, ours.inputs, ours.overflow) == (theirs.name, theirs.inputs, theirs.overflow)
        for key in ("widths", "tables", "bias", "fraction"):
            np.testing.assert_array_equal(getattr(ours, key), getattr(theirs, key))


# ---------------------------------------------------------------- interruption

KILLED = """
import os, signal, sys
from pathlib import Path
from trigger_lut.training import run
from trigger_lut.training.steps import Trainer

inputs, folder, left = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
whole = Trainer.epoch

def epoch(self, *arguments):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return whole(self, *arguments)

Trainer.epoch = epoch
names = ("model.keras", "network.npz", "train.json")
run.train(inputs / "spec.json", inputs / "codes.npz", folder / "checkpoints", *(folder / n for n in names))
"""


def killed_after(epochs, inputs, folder):
    """Train in a process that is killed (SIGKILL) when it begins the epoch after this many."""
    command = [sys.executable, "-c", KILLED, str(inputs), str(folder), str(epochs)]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"})
    assert done.returncode == -signal.SIGKILL, done.stderr[-2000:]
    return done.stdout


def test_an_interrupted_training_ends_with_the_identical_network(trained, inputs, tmp_path, capsys, monkeypatch):
    """Killed before the widths are frozen, stopped once more after that, then left alone."""
    before, after = 6, EPOCHS - 3
    assert before < FREEZE_FROM * EPOCHS < FREEZE_UNTIL * EPOCHS < after
    killed_after(before, inputs, tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["checkpoints"], "no result of an unfinished training"
    # A checkpoint that was being written when the process died.
    (tmp_path / "checkpoints" / "checkpoint.npz.part").write_bytes(b"half of it")
    with monkeypatch.context() as patch:
        whole, left = Trainer.epoch, iter(range(after - before))
        patch.setattr(Trainer, "epoch", lambda self, *a: whole(self, *a) if next(left, None) is not None else 1 / 0)
        with pytest.raises(ZeroDivisionError):
            train(inputs, tmp_path)
    assert f"going on from epoch {before}\n" in capsys.readouterr().out
    train(inputs, tmp_path)
    assert f"going on from epoch {after}\n" in capsys.readouterr().out
    assert (tmp_path / "network.npz").read_bytes() == (trained / "network.npz").read_bytes()
    ours, theirs = (read_card(TrainCard, folder / "train.json") for folder in (tmp_path, trained))
    assert ours.history == theirs.history
    assert (ours.accuracy, ours.luts_surrogate, ours.feasible) == (theirs.accuracy, theirs.luts_surrogate, True)


def test_checkpoint_round_trip(tmp_path):
    arrays = [np.arange(6.0).reshape(2, 3), np.array(7)]
    checkpoint.save_checkpoint(tmp_path / "c", "mine", arrays, {"epoch": 3})
    held, state = checkpoint.load_checkpoint(tmp_path / "c", "mine")
    assert state == {"epoch": 3}
    for a, b in zip(arrays, held, strict=True):
        np.testing.assert_array_equal(a, b)
    assert [p.name for p in (tmp_path / "c").iterdir()] == [checkpoint.NAME]


def test_checkpoint_of_something_else_or_none(tmp_path):
    assert checkpoint.load_checkpoint(tmp_path, "mine") is None
    checkpoint.save_checkpoint(tmp_path, checkpoint.fingerprint("spec", "data", "code"), [], {})
    for other in (
        ("spec2", "data", "code"),
        ("spec", "data2", "code"),
        ("spec", "data", "code2"),
        ("specdata", "code"),
    ):
        assert checkpoint.load_checkpoint(tmp_path, checkpoint.fingerprint(*other)) is None
    assert checkpoint.load_checkpoint(tmp_path, checkpoint.fingerprint("spec", "data", "code")) == ([], {})


@pytest.mark.parametrize("damage", ["truncated", "garbage", "empty"])
def test_damaged_checkpoint_is_a_clear_error(damage, inputs, tmp_path):
    checkpoint.save_checkpoint(tmp_path, "mine", [np.zeros(1000)], {})
    path = tmp_path / checkpoint.NAME
    whole = path.read_bytes()
    path.write_bytes({"truncated": whole[: len(whole) // 2], "garbage": b"x" * 500, "empty": b""}[damage])
    pattern = rf"^{re.escape(str(path))}: damaged checkpoint \(.*\); remove it to train from the start$"
    with pytest.raises(CardError, match=pattern):
        checkpoint.load_checkpoint(tmp_path, "mine")


def test_damaged_checkpoint_leaves_no_result(inputs, tmp_path):
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / checkpoint.NAME).write_bytes(b"not a checkpoint")
    with pytest.raises(CardError, match="damaged checkpoint"):
        train(inputs, tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["checkpoints"]


# ---------------------------------------------------------------- what cannot be


def test_a_missed_budget_is_said_and_gives_the_nearest_network(trained, tmp_path, monkeypatch):
    """Without the pruning that guarantees the budget, and no time to shrink: not feasible, but a card and a network.

    The checkpoint of another design that lies there is not taken up.
    """
    monkeypatch.setattr(run, "edges_to_prune", lambda network, scores, fits: [s < 0 for s in scores])
    design = made_design(luts=3)
    short = design.model_copy(update={"training": design.training.model_copy(update={"epochs": 5})})
    write_inputs(tmp_path, short)
    (tmp_path / "checkpoints").mkdir()
    shutil.copy(trained / "checkpoints" / checkpoint.NAME, tmp_path / "checkpoints")
    train(tmp_path, tmp_path)
    card = read_card(TrainCard, tmp_path / "train.json")
    assert not card.feasible
    assert [entry.epoch for entry in card.history] == [1, 2, 3, 4, 5]
    assert card.luts_surrogate > card.luts_budget == 3
    assert card.luts_surrogate == card.history[-1].luts_surrogate, "frozen in the last epoch"
    assert load_network(tmp_path / "network.npz").problems() == []
    assert (tmp_path / "network.npz").read_bytes() != (trained / "network.npz").read_bytes()


def test_wrong_number_of_classes(tmp_path):
    write_inputs(tmp_path, events=made_events(300, classes=("a", "b", "c", "d")))
    expected = "network.units: the last layer has 3 outputs, the data set 'toy' has 4 classes: a, b, c, d"
    with pytest.raises(ConfigurationError, match=f"^{re.escape(expected)}$"):
        train(tmp_path, tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {"spec.json", "codes.npz"}
    expected = "network.units: the last layer has 3 outputs, expected one for each of 4 classes"
    with pytest.raises(ConfigurationError, match=f"^{re.escape(expected)}$"):
        build_model(made_design().network, made_events(300).formats, 4, seed=1)


def test_missing_inputs(tmp_path):
    with pytest.raises(CardError, match=r"spec\.json"):
        train(tmp_path, tmp_path)
    assert list(Path(tmp_path).iterdir()) == []


# ---------------------------------------------------------------- the steps


def test_own_training_takes_the_steps_of_model_fit():
    """One epoch of the compiled training, with no pressure on the cost, against Keras' Adam in `model.fit`."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(450, 3)).astype(np.float32)
    y = (np.abs(x[:, 0]) > 0.7).astype(int)

    def model():
        shape = {"max_input_bits": 4, "hidden_width": 3, "input_format": "fixed<4,2>"}
        made = keras.Sequential([keras.Input((3,)), LUTDense(2, batch_norm=True, seed=4, **shape)])
        made.layers[0].input_width.assign(made.layers[0].input_width - 1.3)  # at full width it has no gradient
        return made

    ours, theirs = model(), model()
    trainer = Trainer(ours, x, y, batch_size=100)
    order = rng.permutation(len(x))
    loss = trainer.epoch(order, Pressure(0.01, 0.01, 0.0, 0.0))
    kept = order[:400]
    theirs.compile(
        keras.optimizers.Adam(0.01, beta_2=0.99, epsilon=1e-7),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=False,
    )
    expected = theirs.fit(x[kept], y[kept], batch_size=100, shuffle=False, verbose=0).history["loss"][0]
    assert loss == pytest.approx(expected, rel=1e-4)
    start = model()
    for variables in zip(*(m.trainable_variables for m in (ours, theirs, start)), strict=True):
        a, b, c = (np.asarray(v) for v in variables)
        assert (a != c).any(), variables[0].name
        assert (np.abs(a - b) > 1e-4).mean() < 0.02, variables[0].name
    np.testing.assert_array_equal(trainer.logits(x).argmax(axis=1), np.asarray(theirs(x)).argmax(axis=1))


def test_pressure_on_luts_narrows_and_a_rate_of_zero_holds_the_widths():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(200, 2)).astype(np.float32), rng.integers(0, 2, 200)
    model = keras.Sequential([keras.Input((2,)), LUTDense(2, max_input_bits=4, hidden_width=2, seed=4)])
    trainer, layer = Trainer(model, x, y, batch_size=1000), model.layers[0]
    assert trainer.batch_size == 200, "no more than there are events"
    order, widths = np.arange(200), np.asarray(layer.input_width)
    for _ in range(5):
        trainer.epoch(order, Pressure(0.01, 0.0, 1.0, 1.0))
    np.testing.assert_array_equal(layer.input_width, widths)
    before = estimate(integer_network(model), 2.5).luts
    for _ in range(60):
        trainer.epoch(order, Pressure(0.01, 0.05, 1.0, 0.0))
    assert (np.asarray(layer.input_width) < widths).any()
    trainer.refresh()
    assert estimate(integer_network(model), 2.5).luts < 0.8 * before
    trainer.reset_optimiser()
    assert all((np.asarray(v) == 0).all() for moments in trainer.moments for v in moments)
    assert float(trainer.step) == 0.0
