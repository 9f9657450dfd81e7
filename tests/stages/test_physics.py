"""Curves, areas and efficiencies against counting by hand; the stage on a random network."""

from __future__ import annotations

import dataclasses

import made_cards
import networks
import numpy as np
import pytest
from stage_calls import in_order

from trigger_lut.cards.base import read_card, write_card
from trigger_lut.cards.physics import PhysicsCard
from trigger_lut.config.data_set.heads import heads_of
from trigger_lut.data.event_codes import TEST, VALIDATION, EventCodes, save_codes
from trigger_lut.data.npy import write_arrays
from trigger_lut.errors import CardError
from trigger_lut.evaluation import predictions
from trigger_lut.metrics.trigger_rates import passing_fraction
from trigger_lut.network.network import save_network
from trigger_lut.network.reference_model import evaluate
from trigger_lut.stages.physics import confusion, log_odds
from trigger_lut.stages.physics import run as physics
from trigger_lut.training.summary import accuracies


def test_log_odds_are_those_of_the_softmax():
    z = np.random.default_rng(0).normal(0, 2, (50, 4))
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(log_odds(z), np.log(p / (1 - p)), rtol=1e-9)


def test_log_odds_of_large_outputs_stay_in_order():
    scores = log_odds([[800.0, 0.0], [900.0, 0.0], [900.0, -1.0]])
    assert np.isfinite(scores).all()
    assert list(np.argsort(scores[:, 0])) == [0, 1, 2]


def test_confusion_counts_true_rows_and_assigned_columns():
    table = confusion(np.array([0, 1, 1, 2]), np.array([0, 0, 1, 2]), classes=3)
    assert table.tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 1]]


@pytest.fixture
def stage(tmp_path):
    """Paths of a specification, a random network, codes that fit it, and references that know the class 3 times in 4.

    The integer network gives the outputs of the trained one.
    """
    network = dataclasses.replace(networks.random_network(5), classes=("g", "q", "W"))
    rng = np.random.default_rng(1)
    count = 900
    events = EventCodes(
        codes=networks.random_codes(network, count).astype(np.int32),
        labels=rng.integers(0, 3, count),
        split=rng.integers(0, 3, count).astype(np.uint8),
        event_id=np.arange(count, dtype=np.uint64),
        formats=network.inputs,
        features=network.features,
        classes=network.classes,
    )
    write_card(made_cards.spec(), tmp_path / "spec.json")
    save_network(network, tmp_path / "network.npz")
    save_codes(events, tmp_path / "codes.npz")
    outputs: dict = {predictions.SAME: {}, predictions.TREES: {}}
    for split in predictions.SPLITS:
        labels = events.truth(split)
        told = np.where(rng.random(len(labels)) < 0.75, labels, rng.integers(0, 3, len(labels)))
        outputs[predictions.SAME][split] = (np.eye(3)[told] + rng.normal(0, 0.05, (len(labels), 3))).astype(np.float32)
        outputs[predictions.TREES][split] = np.zeros((len(labels), 3), np.float32)
    predictions.save_predictions(outputs, tmp_path / "reference.npz")
    trained = {s: predictions.real_outputs(network, evaluate(network, events.of(s)[0])) for s in predictions.SPLITS}
    predictions.save_predictions({predictions.TRAINED: trained}, tmp_path / "predictions.npz")
    names = ("spec.json", "network.npz", "codes.npz", "predictions.npz", "reference.npz", "physics.json")
    return network, events, [tmp_path / n for n in names]


def test_the_stage_counts_what_the_integer_network_says(stage):
    network, events, paths = stage
    in_order(physics, *paths)
    card = read_card(PhysicsCard, paths[-1])
    codes, labels = events.of(TEST)
    real = evaluate(network, codes) * 2.0**-network.fractions
    right = int((real.argmax(axis=1) == labels).sum())
    assert card.events == len(labels)
    assert card.score == pytest.approx(right / len(labels))
    assert np.trace(card.confusion) == right
    assert np.sum(card.confusion, axis=1).tolist() == np.bincount(labels).tolist()
    assert list(card.classes) == ["g", "q", "W"]
    assert set(card.inputs) == {str(p) for p in paths[:5]}
    for curve in card.classes.values():
        assert 0.3 < curve.auc < 0.7, "labels are random"
        assert abs(curve.auc - 0.5) < 4 * curve.auc_error


def test_all_four_methods_are_judged_on_the_same_events(stage):
    network, events, paths = stage
    in_order(physics, *paths)
    card = read_card(PhysicsCard, paths[-1])
    dense, trees, trained, firmware = card.methods
    assert [m.method for m in card.methods] == [
        predictions.SAME,
        predictions.TREES,
        predictions.TRAINED,
        predictions.FIRMWARE,
    ]
    labels = events.truth(TEST)
    outputs = predictions.load_predictions(paths[4])[predictions.SAME][TEST]
    right = outputs.argmax(axis=1) == labels
    assert dense.accuracy.value == pytest.approx(right.mean())
    assert dense.accuracy.low < right.mean() < dense.accuracy.high
    assert (trees.classes["q"].auc, trees.classes["q"].auc_error) == (0.5, 0.0), "always the same output"
    assert trained.classes == firmware.classes == card.classes
    for method in card.methods:
        assert np.sum(method.confusion) == len(labels)
        assert np.trace(method.confusion) == pytest.approx(method.accuracy.value * len(labels))
    against_dense, _, against_itself = card.quantization_losses
    real = evaluate(network, events.of(TEST)[0]) * 2.0**-network.fractions
    each = (real.argmax(axis=1) == labels).astype(float) - right
    assert against_dense.accuracy.value == pytest.approx(each.mean())
    assert against_dense.accuracy.error == pytest.approx(each.std() / np.sqrt(len(labels)))
    assert against_dense.accuracy.value < -4 * against_dense.accuracy.error, "the network knows nothing"
    assert (against_itself.accuracy.value, against_itself.accuracy.error) == (0.0, 0.0)
    assert (against_itself.only_firmware, against_itself.only_other) == (0, 0)
    for name, curve in card.classes.items():
        apart = against_dense.auc[name]
        assert apart.value == pytest.approx(curve.auc - dense.classes[name].auc)
        assert against_itself.auc[name].value == against_itself.auc[name].error == 0.0


def test_both_heads_are_judged_with_classes_of_their_outputs(stage):
    """The third output of the network is a target here: classes have two outputs, whatever the third is."""
    network, events, paths = stage
    network = dataclasses.replace(network, classes=("g", "q", "pt"))
    rng = np.random.default_rng(3)
    both = dataclasses.replace(
        events,
        labels=rng.integers(0, 2, len(events.labels)),
        classes=network.classes,
        targets=rng.normal(size=(len(events.labels), 1)).astype(np.float32),
        scales=(16.0,),
        units=("GeV",),
        several_heads=heads_of(["g", "q"], ["pt"], loss_weights={"pt": 0.5}),
    )
    save_network(network, paths[1])
    save_codes(both, paths[2])
    in_order(physics, *paths)
    card = read_card(PhysicsCard, paths[-1])
    real, truth = evaluate(network, both.of(TEST)[0]) * 2.0**-network.fractions, both.truth(TEST)
    right = real[:, :2].argmax(axis=1) == truth[:, 0]
    explained = 1 - (real[:, 2] - truth[:, 1]) ** 2 / truth[:, 1].var()
    classes, pt = card.heads[predictions.FIRMWARE]
    assert (classes.scores.weighted, pt.scores.weighted) == (
        pytest.approx(right.mean()),
        pytest.approx(explained.mean()),
    )
    assert card.score == pytest.approx(2 / 3 * right.mean() + explained.mean() / 3)
    assert (card.metric, list(card.classes), [t.name for t in card.targets]) == ("mean_score", ["g", "q"], ["pt"])
    assert card.targets[0].methods[-1].r2 == pytest.approx(explained.mean(), abs=1e-6)
    each = {m: h[0].scores.weighted * h[0].share + h[1].scores.weighted * h[1].share for m, h in card.heads.items()}
    for method, difference in card.differences.items():
        assert difference.value == pytest.approx(card.score - each[method])


def test_outputs_of_other_references_are_refused(stage):
    _, _, paths = stage
    with paths[4].open("wb") as out:
        write_arrays(out, {"0_test": np.zeros((3, 3), np.float32)})
    with pytest.raises(CardError, match="Expected outputs on validation and test split"):
        in_order(physics, *paths)
    assert not paths[-1].exists()


def test_codes_of_another_data_set_are_refused(stage):
    _, events, paths = stage
    save_codes(dataclasses.replace(events, classes=("a", "b", "c")), paths[2])
    with pytest.raises(CardError, match=r"network\.npz: made for other inputs or classes than those of"):
        in_order(physics, *paths)
    assert not paths[-1].exists()


def test_a_class_without_test_events_is_refused(stage):
    _, events, paths = stage
    split = np.where(events.labels == 1, 0, events.split).astype(np.uint8)
    save_codes(dataclasses.replace(events, split=split), paths[2])
    with pytest.raises(
        CardError, match=r"class 'q' has 0 of \d+ test events\. Expected events inside and outside of it$"
    ):
        in_order(physics, *paths)
    assert not paths[-1].exists()


def test_training_and_card_judge_by_the_weighted_figure(stage):
    network, events, paths = stage
    weights = np.where(events.labels == 2, 5.0, 0.5).astype(np.float32)
    events = dataclasses.replace(events, weights=weights)
    save_codes(events, paths[2])
    in_order(physics, *paths)
    card = read_card(PhysicsCard, paths[-1])
    labels, right = events.labels_of(TEST), {}
    for split in (VALIDATION, TEST):
        outputs = evaluate(network, events.of(split)[0]) * 2.0**-network.fractions
        right[split] = outputs.argmax(axis=1) == events.labels_of(split)
    assert card.weighted
    assert card.score == pytest.approx(np.average(right[TEST], weights=events.weights_of(TEST)))
    assert card.score == pytest.approx(accuracies(network, events)[TEST]), "training's own card"
    assert card.scores.plain == pytest.approx(right[TEST].mean()) != card.score
    assert card.scores.balanced == pytest.approx(np.mean([right[TEST][labels == k].mean() for k in range(3)]))
    firmware = card.methods[-1].accuracy
    assert firmware.low < card.score < firmware.high
    plain = passing_fraction(right[TEST])
    assert firmware.high - firmware.low > plain.high - plain.low, "few events have most of the weight"
    loss = card.quantization_losses[0].accuracy
    assert loss.value == pytest.approx(card.score - card.methods[0].scores.weighted)
