"""A given model of HGQ2's table layers that exceeds its budget is trained further, to half its LUTs."""

from __future__ import annotations

from pathlib import Path

import keras
import pytest
from hgq.layers import QDenseT
from hgq.utils import trace_minmax
from trainings import made_design, made_events, train, write_inputs

from trigger_lut.cards.base import read_card
from trigger_lut.cards.stage_cards import TrainCard
from trigger_lut.config.budget import Spec
from trigger_lut.config.network import model_digest
from trigger_lut.conversion.saved_model import load_model
from trigger_lut.data.event_codes import TEST, TRAIN
from trigger_lut.fixed_point.decode import decoded
from trigger_lut.network.network import load_network
from trigger_lut.network.reference_model import evaluate
from trigger_lut.verification.keras_model import run_keras

EVENTS = made_events(6000)


def given_model(path: Path, epochs: int) -> None:
    """Train a model as its author would, with HGQ2 alone, and save it."""
    keras.utils.set_random_seed(1)
    layers = [QDenseT(6, beta0=1e-5, batch_norm=True, bn_momentum=0.9), QDenseT(3, beta0=1e-5)]
    model = keras.Sequential([keras.Input((4,)), *layers])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(5e-3), loss)
    codes, labels, *_ = EVENTS.of(TRAIN)
    x = decoded(codes, EVENTS.formats)
    if epochs:
        model.fit(x, labels, epochs=epochs, batch_size=200, verbose=0)
    trace_minmax(model, x)
    model.save(path)


def design(source: Path, luts: int, epochs: int = 60) -> Spec:
    spec = made_design(
        luts,
        network={"keras_file": str(source), "baseline_units": [3]},
        training={"epochs": epochs, "batch_size": 200, "learning_rate": 0.01},
    )
    return spec.model_copy(update={"model_sha256": model_digest(spec.network)})


def trained(folder: Path, asked: Spec) -> TrainCard:
    folder.mkdir()
    write_inputs(folder, asked, EVENTS)
    return read_card(TrainCard, train(folder, folder) / "train.json")


@pytest.mark.slow
def test_half_of_the_luts_costs_less_than_a_point(tmp_path):
    """Two trainings of some 15 s each: HGQ2's layers evaluate each edge for each event."""
    source = tmp_path / "given.keras"
    given_model(source, 80)
    given = trained(tmp_path / "given", design(source, 100_000))
    assert (given.epochs, given.meets_budget) == (0, True)
    assert given.score > 0.9
    half = trained(tmp_path / "half", design(source, int(given.luts.value / 2)))
    assert half.meets_budget
    assert half.luts.value <= given.luts.value / 2
    assert half.score > given.score - 0.01
    (pruned,) = [note for note in half.notes if note.startswith("trained further: the given model takes ")]
    assert f"takes {given.luts.value:.0f} LUTs" in pruned
    network, codes = load_network(tmp_path / "half/network.npz"), EVENTS.of(TEST)[0]
    outputs = run_keras(load_model(tmp_path / "half/model.keras"), network, codes=codes)
    assert (outputs != evaluate(network, codes)).mean() < 1e-3, "none, but for ties of float32"
