# ruff: noqa: E402
"""Trainings for test_multi_gpu.py: the same on one device and on two virtual CPUs of this process."""

import json
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf

tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)

import keras
from hgq.layers import QDense
from made_cards import spec as made_spec
from stage_calls import in_order
from trainings import as_estimated

from trigger_lut.cards.base import read_card, write_card
from trigger_lut.cards.stage_cards import TrainCard
from trigger_lut.conversion.keras_model import integer_network
from trigger_lut.data.event_codes import EventCodes, save_codes
from trigger_lut.errors import ConfigurationError
from trigger_lut.fixed_point.formats import KIF
from trigger_lut.layers import LUTConv1D, LUTDense
from trigger_lut.stages import train as run
from trigger_lut.training import multi_gpu
from trigger_lut.training.edge_widths import hold_widths, table_layers
from trigger_lut.training.trainer import Trainer
from trigger_lut.training.types import Pressure

SMALL = {"max_input_bits": 4, "edge_hidden_units": 3, "input_format": "fixed<4,2>"}
BATCH, BATCHES, EPOCHS = 64, 4, 3
TWO = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])


class Parts(multi_gpu.SharedTrainer):
    """The mistake that must be noticed: each device normalizes by its own part of the batch."""

    def _over_devices(self, context, histogram):
        return histogram


def dense():
    return keras.Sequential(
        [
            keras.Input((4,)),
            LUTDense(5, batch_norm=True, seed=1, name="a", **SMALL),
            LUTDense(3, batch_norm=True, seed=2, name="b", **SMALL),
        ]
    )


def conv():
    return keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Reshape((4, 1)),
            LUTConv1D(3, 2, batch_norm=True, seed=1, name="a", **SMALL),
            keras.layers.Flatten(),
            LUTDense(3, seed=3, name="c", **SMALL),
        ]
    )


def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(BATCH * BATCHES, 4)).astype(np.float32)
    return x, np.digitize(np.hypot(x[:, 0], x[:, 1]), [0.8, 1.5])


def made_trainer(make, kind):
    """A trainer of a kind, all weights as they are from the start; address widths where they have gradients."""
    with TWO.scope() if kind is not Trainer else multi_gpu.scope(None):
        model = make()
        for variable in model.trainable_variables:
            if variable.name == "input_width":
                variable.assign(variable - 1.3)
        x, y = data()
        return (
            Trainer(model, x, y=y, batch_size=BATCH)
            if kind is Trainer
            else kind(TWO, model, x=x, y=y, batch_size=BATCH)
        )


def put(trainer, values):
    for variable, value in zip(trainer.state(), values, strict=True):
        variable.assign(value)


def outcome(trainer, backwards, begin, arrays):
    """Losses; the moments after one step, the weights after all, and frozen tables go into `arrays`."""
    put(trainer, trainer.start)
    orders = [np.random.default_rng(epoch).permutation(BATCH * BATCHES) for epoch in range(EPOCHS)]
    if backwards:
        orders = [order.reshape(-1, BATCH)[:, ::-1].ravel() for order in orders]
    pressure = Pressure(0.01, 0.01, 0.1, 0.1)
    x, y = trainer.data
    batches = np.zeros((BATCHES, BATCH), np.int32)
    batches[0] = orders[0][:BATCH]
    trainer._total(x, y, batches, 1, pressure)
    split = sum(trainer.sizes[: len(trainer.weights)])
    for n, moment in enumerate(np.split(np.asarray(trainer.moments[0]), [split])):
        arrays[f"{begin}/gradients/{n}"] = moment
    put(trainer, trainer.start)
    losses = [trainer.epoch(order, pressure) for order in orders]
    for variable in trainer.model.trainable_variables:
        arrays[f"{begin}/end/{variable.path.split('/', 1)[1]}"] = np.asarray(variable)
    copies = [v.value.values for v in trainer.model.variables if hasattr(v.value, "values")]
    differ = [v[0].name for v in copies if not np.array_equal(v[0].numpy(), v[1].numpy())]
    hold_widths(table_layers(trainer.model))
    trainer.refresh()
    for layer in integer_network(trainer.model).layers:
        for key in ("widths", "tables", "bias"):
            arrays[f"{begin}/frozen/{layer.name}/{key}"] = np.asarray(getattr(layer, key))
    return {"losses": losses, "copies_differ": differ}


def steps(arrays):
    report_of_steps = {}
    for make in (dense, conv):
        case = report_of_steps.setdefault(make.__name__, {})
        for kind, ways in ((Trainer, ("one", "reversed")), (multi_gpu.SharedTrainer, ("two",)), (Parts, ("parts",))):
            trainer = made_trainer(make, kind)
            trainer.start = [np.array(v) for v in trainer.state()]
            for way in ways:
                case[way] = outcome(trainer, way == "reversed", f"{make.__name__}/{way}", arrays)
    return report_of_steps


# ---------------------------------------------------------------- the stage


def stage(folder):
    rng = np.random.default_rng(0)
    formats = (KIF(1, 0, 4), KIF(1, 1, 3))
    codes = np.stack([rng.integers(f.lo, f.hi + 1, 2000) for f in formats], axis=1).astype(np.int32)
    radius = np.hypot(codes[:, 0] / 16, codes[:, 1] / 16)
    labels = np.digitize(radius, np.quantile(radius, [1 / 3, 2 / 3]))
    split = rng.choice(3, 2000, p=[0.7, 0.15, 0.15]).astype(np.uint8)
    ids = np.arange(2000, dtype=np.uint64)
    save_codes(EventCodes(codes, labels, split, ids, formats, ("x", "y"), ("a", "b", "c")), folder / "codes.npz")
    training = {"epochs": 12, "batch_size": 200, "learning_rate": 0.03}
    network = {"units": [3], "edge_hidden_units": 4, "max_input_bits": 5}
    write_card(made_spec("tiny", 80, network=network, training=training), folder / "spec.json")
    run.measure, multi_gpu.strategy = as_estimated(1.0), lambda gpus: TWO if gpus == 2 else None

    def train(name):
        outputs = (folder / name / file for file in ("model.keras", "network.npz", "predictions.npz", "train.json"))
        in_order(run.run, folder / "spec.json", folder / "codes.npz", folder / name / "checkpoints", *outputs, gpus=2)

    train("whole")
    parts, epoch, left, stopped = [], multi_gpu.SharedTrainer.epoch, iter(range(9)), False

    def stopping(self, *arguments, **options):
        parts.append(self.parts)
        if next(left, None) is None:
            raise KeyboardInterrupt
        return epoch(self, *arguments, **options)

    multi_gpu.SharedTrainer.epoch = stopping
    try:
        train("again")
    except KeyboardInterrupt:
        stopped = True
    multi_gpu.SharedTrainer.epoch = epoch
    train("again")
    networks = [(folder / name / "network.npz").read_bytes() for name in ("whole", "again")]
    card = read_card(TrainCard, folder / "whole/train.json")
    return {
        "devices": parts[0],
        "stopped": stopped,
        "identical": networks[0] == networks[1],
        "accuracy": card.score,
    }


def refusal(act):
    try:
        act()
    except ConfigurationError as error:
        return str(error)
    return ""


def refusals():
    x, y = data()

    def hybrid():
        model = keras.Sequential([keras.Input((4,)), LUTDense(3, **SMALL), QDense(3, name="arithmetic")])
        multi_gpu.SharedTrainer(TWO, model, x=x, y=y, batch_size=64)

    with TWO.scope():
        return {
            "odd": refusal(lambda: multi_gpu.SharedTrainer(TWO, dense(), x=x, y=y, batch_size=63)),
            "hgq": refusal(hybrid),
            "gpus": refusal(lambda: multi_gpu.strategy(2)),
        }


if __name__ == "__main__":
    target, kept = Path(sys.argv[1]), {}
    report = {**refusals(), **steps(kept)}
    np.savez(target / "states.npz", **kept)
    report["stage"] = stage(target)
    (target / "found.json").write_text(json.dumps(report))
