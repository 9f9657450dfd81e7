"""Forms of a given model: a float model is quantized, probabilities are kept, and the card says what it cost."""

from __future__ import annotations

import re

import keras
import made_cards
import numpy as np
import pytest
from converted import seq
from hgq.layers import QDense
from stage_calls import in_order

from trigger_lut.cards.base import read_card, write_card
from trigger_lut.cards.stage_cards import TrainCard
from trigger_lut.config.network import NetworkShape, model_digest
from trigger_lut.conversion.keras_model import decode_outputs, integer_network
from trigger_lut.conversion.saved_model import load_model
from trigger_lut.data.event_codes import TEST, EventCodes, save_codes
from trigger_lut.errors import ConfigurationError, FirmwareError
from trigger_lut.evaluation.predictions import (
    FIRMWARE,
    TRAINED,
    predictions_by_method,
    save_predictions,
    trained_predictions,
)
from trigger_lut.fixed_point.decode import decoded
from trigger_lut.fixed_point.formats import KIF
from trigger_lut.network.network import load_network
from trigger_lut.network.reference_model import evaluate
from trigger_lut.stages.train import run as train
from trigger_lut.training.build_model import build_model
from trigger_lut.training.prepare_given import prepare_given

L = keras.layers
INPUT = KIF(1, 3, 4)


def made_events(count: int = 900) -> EventCodes:
    """Return events of three classes that a network can tell apart."""
    rng = np.random.default_rng(3)
    codes = rng.integers(INPUT.lo, INPUT.hi + 1, (count, 4)).astype(np.int32)
    labels = (codes[:, :3] * INPUT.step).argmax(axis=1)
    split, ids = (np.arange(count) % 3).astype(np.uint8), np.arange(count, dtype=np.uint64)
    return EventCodes(codes, labels, split, ids, (INPUT,) * 4, tuple("wxyz"), tuple("abc"))


def float_model(*end) -> keras.Model:
    keras.utils.set_random_seed(1)
    model = seq((4,), L.Dense(8, activation="relu"), L.Dense(3, name="logits"), *end)
    model.layers[0].kernel.assign(0.3 * np.tile(np.eye(4), 2))
    model.layers[1].kernel.assign(3.9 * np.tile(np.eye(4), 2).T[:, :3])
    return model


def shape(path, **options) -> NetworkShape:
    return NetworkShape(keras_file=str(path), baseline_units=[3], **options)


def trained(tmp_path, model, **options) -> dict:
    """Run the stage train on a given model."""
    source, events = tmp_path / "given.keras", made_events()
    model.save(source)
    network = shape(source, **options)
    design = made_cards.spec(latency_ns=200, luts=9000).model_copy(update={"network": network})
    design = design.model_copy(update={"model_sha256": model_digest(network)})
    names = (
        "spec.json",
        "codes.npz",
        "checkpoints",
        "model.keras",
        "network.npz",
        "predictions.npz",
        "train.json",
        "warm.npz",
    )
    paths = {name: tmp_path / name for name in names}
    write_card(design, paths["spec.json"])
    save_codes(events, paths["codes.npz"])
    in_order(train, *paths.values())
    return {**paths, "design": design, "events": events}


def test_float_model_is_quantized_and_its_loss_is_on_the_card(tmp_path):
    files = trained(tmp_path, float_model(L.Softmax(name="last")), quantize={"weight_bits": 6})
    card = read_card(TrainCard, files["train.json"])
    assert card.notes[0].startswith("layer 'last': softmax at the end is not part of the firmware")
    match = re.fullmatch(
        r"quantized after training to 6 bits of weights and 8 of activations: accuracy (0\.\d{4}|1\.0000) on the test "
        r"split, in float (0\.\d{4}|1\.0000)",
        card.notes[1],
    )
    assert float(match[1]) == pytest.approx(card.score, abs=1e-4)
    assert abs(float(match[1]) - float(match[2])) < 0.05
    codes = files["events"].of(TEST)[0]
    network = load_network(files["network.npz"])
    outputs = load_model(files["model.keras"]).predict(decoded(codes, (INPUT,) * 4), verbose=0)
    np.testing.assert_array_equal(outputs, decode_outputs(evaluate(network, codes), network))


def test_probabilities_are_kept_and_scored_as_logits(tmp_path):
    events, chosen = made_events(), shape("m.keras", quantize=True, output="probabilities")
    prepared = prepare_given(float_model(L.Softmax()), chosen, events=events)
    assert prepared.notes[0] == "outputs are probabilities of 8 bits, by tables"
    network = integer_network(
        prepared.model, events.features, classes=events.classes, inputs=events.formats, wraps=True
    )
    assert set(network.output_formats()) == {KIF(0, 0, 8)}
    save_predictions(trained_predictions(prepared.model, events), tmp_path / "predictions.npz")
    save_predictions({}, tmp_path / "baselines.npz")
    methods = predictions_by_method(
        made_cards.spec().model_copy(update={"network": chosen}),
        events,
        network=network,
        trained=tmp_path / "predictions.npz",
        baselines=tmp_path / "baselines.npz",
    )
    for name in (FIRMWARE, TRAINED):
        outputs = methods[name][TEST]
        assert np.abs(np.exp(outputs).sum(axis=1) - 1).max() < 0.03
        assert outputs.min() == pytest.approx(np.log(2.0**-9))


def test_model_without_options_stays_as_it_is():
    model = seq((4,), QDense(3))
    prepared = prepare_given(model, shape("m.keras"), events=made_events())
    assert prepared.model is model
    assert (prepared.changed, prepared.notes) == (False, [])


def test_probabilities_without_softmax_are_refused(tmp_path):
    with pytest.raises(FirmwareError, match=r"does not end in softmax or sigmoid\. Expected one of them for network"):
        prepare_given(seq((4,), QDense(3)), shape("m.keras", output="probabilities"), events=made_events())
    with pytest.raises(ConfigurationError, match=r"network\.keras_file: .*does not end in softmax"):
        trained(tmp_path, seq((4,), QDense(3)), output="probabilities")


def test_float_model_without_quantize_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match=r"is a Dense: weights of float precision; set network\.quantize"):
        trained(tmp_path, float_model(), quantize=False)


@pytest.mark.parametrize("option", [{"quantize": True}, {"output": "logits"}])
def test_form_of_a_network_that_is_no_file_is_refused(option):
    (key,) = option
    with pytest.raises(ValueError, match=f"{key}: only with keras_file, found with units"):
        NetworkShape(units=[4, 3], **option)


def test_training_begins_from_the_quantized_model(tmp_path):
    model, events = float_model(L.Softmax()), made_events()
    model.save(tmp_path / "given.keras")
    chosen = shape(tmp_path / "given.keras", quantize=True)
    started, prepared = (
        build_model(chosen, events.formats, classes=3, seed=1, events=events),
        prepare_given(model, chosen, events=events).model,
    )
    assert [type(layer).__name__ for layer in started.layers] == ["InputLayer", "QDense", "QDense"]
    x = decoded(events.of(TEST)[0], events.formats)
    np.testing.assert_array_equal(started.predict(x, verbose=0), prepared.predict(x, verbose=0))
