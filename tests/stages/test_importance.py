"""Importance of inputs: exactly zero for an unused input, almost all accuracy for the one that decides."""

import dataclasses
import json

import made_cards
import networks
import numpy as np
import pytest
from stage_calls import in_order

from trigger_lut.cards.base import read_card, write_card
from trigger_lut.cards.importance import ImportanceCard
from trigger_lut.data.event_codes import TEST, EventCodes, save_codes
from trigger_lut.errors import CardError
from trigger_lut.evaluation.predictions import real_outputs
from trigger_lut.fixed_point.formats import KIF, uniform
from trigger_lut.network.input_usage import input_reads
from trigger_lut.network.network import LinearLayer, Network, TableLayer, save_network
from trigger_lut.network.reference_model import evaluate
from trigger_lut.stages.importance import SHUFFLES, Sample, loss, mixed
from trigger_lut.stages.importance import run as importance

COUNT = 4000


def description(features, **more):
    return {
        "name": "toy",
        "files": ["a.root"],
        "tree": "t",
        "event_id": ["event"],
        "label": {"expression": "label", "classes": ["g", "q"]},
        "features": [{"name": name} for name in features],
        **more,
    }


class Stage:
    """Files of a design, its network and events; `run` gives the card."""

    def __init__(self, folder, network, events, described):
        self.network, self.events = network, events
        self.paths = [folder / name for name in ("spec.json", "network.npz", "codes.npz", "data_set.json", "card.json")]
        write_card(made_cards.spec(), self.paths[0])
        save_network(network, self.paths[1])
        save_codes(events, self.paths[2])
        self.paths[3].write_text(json.dumps(described))

    def run(self) -> ImportanceCard:
        in_order(importance, *self.paths)
        return read_card(ImportanceCard, self.paths[4])


def events_of(network, labels, codes, **more):
    count = len(codes)
    return EventCodes(
        codes=codes.astype(np.int32),
        labels=labels.astype(np.int64),
        split=np.random.default_rng(3).integers(0, 3, count).astype(np.uint8),
        event_id=np.arange(count, dtype=np.uint64),
        formats=network.inputs,
        features=network.features,
        classes=network.classes,
        **more,
    )


@pytest.fixture
def decided(tmp_path):
    """A network with three inputs of 4 bits, a signed one first.

    The third bit of the first input is the class. The second input has a table of two address bits, which adds little.
    The third input has no edge.
    """
    kifs = (KIF(1, 1, 2), KIF(0, 2, 2), KIF(0, 4, 0))
    widths = np.array([[3, 0], [2, 2], [0, 0]])
    tables = np.zeros((3, 2, 8), dtype=np.int64)
    tables[0, 0] = [40, 40, -40, -40] * 2  # the second of the three bits that are read, for both signs
    tables[1, :, :4] = [[0, 1, 0, 1], [1, 0, 0, 2]]
    layer = TableLayer("t", kifs, ("WRAP",) * 3, widths, tables, np.array([0, 3]), fraction_bits=np.zeros(2, np.int64))
    network = Network(kifs, (layer,), ("a", "b", "c"), ("g", "q"))
    codes = uniform(kifs, COUNT, rng=np.random.default_rng(1))
    labels = (codes[:, 0] >> 2) & 1
    return Stage(tmp_path, network, events_of(network, labels, codes), description("abc"))


def test_bit_that_is_the_class_is_worth_half_of_the_accuracy(decided):
    card = decided.run()
    a, b, c = card.features
    assert card.score == 1.0
    lost = [bit.loss.value for bit in a.bits]
    assert lost[1] == pytest.approx(0.5, abs=0.04), "half of the events get the other value of the bit"
    assert a.loss.value == pytest.approx(0.5, abs=0.04)
    assert 0 < a.bits[1].loss.error < 0.02
    assert [lost[0], *lost[2:]] == [0.0, 0.0, 0.0]
    assert [bit.read for bit in a.bits] == [False, True, False, False]
    assert [bit.read for bit in b.bits] == [True, True, False, False]
    assert b.loss.value == 0.0, "read, but never decides"
    assert card.pruned == ["c"]
    assert (c.bits_read, c.edges, c.edges_possible, c.loss.value, c.loss.error) == (0, 0, 2, 0.0, 0.0)
    assert (a.edges, b.edges) == (1, 2)
    assert (card.bits, card.bits_read, card.inputs_all) == (12, 3, 3)


def test_what_bits_stand_for_and_how_often_they_are_set(decided):
    a, b, _ = decided.run().features
    assert [bit.bit_weight for bit in a.bits] == [-2.0, 1.0, 0.5, 0.25]
    assert [bit.bit_weight for bit in b.bits] == [2.0, 1.0, 0.5, 0.25]
    assert (a.format, b.format) == ("fixed<4,2>", "ufixed<4,2>")
    codes = decided.events.of(TEST)[0]
    assert a.bits[0].ones == pytest.approx((codes[:, 0] < 0).mean())
    assert b.bits[3].ones == pytest.approx((codes[:, 1] % 2).mean())


def test_classes_share_a_loss_as_they_share_the_events(decided):
    labels = decided.events.truth(TEST)
    shares = np.bincount(labels) / len(labels)
    for feature in decided.run().features:
        losses = [feature.by_class[name].value for name in ("g", "q")]
        assert np.dot(shares, losses) == pytest.approx(feature.loss.value)


def test_the_same_seed_gives_the_same_losses(decided):
    first, second = decided.run(), decided.run()
    assert first.features == second.features
    write_card(made_cards.spec(seed=2), decided.paths[0])
    assert decided.run().features != first.features


@pytest.mark.parametrize("seed", range(6))
def test_shuffling_an_unread_input_loses_nothing(seed):
    network = dataclasses.replace(networks.random_network(seed), classes=("g", "q", "W"))
    codes = networks.random_codes(network, 900, seed)
    labels = evaluate(network, codes).argmax(axis=1)
    sample = Sample.of(network, events_of(network, labels, codes), trials=[], seed=seed)
    losses = {True: [], False: []}
    for channel, reads in enumerate(input_reads(network)):
        bits = len(reads.bits)
        for place, read in enumerate(reads.bits):
            losses[bool(read)].append(loss(sample.lost([channel], 1 << (bits - 1 - place))))
        if not reads.bits.any():
            assert not sample.lost([channel]).any()
    assert all((x.value, x.error) == (0.0, 0.0) for x in losses[False])
    assert any(x.value != 0.0 for x in losses[True])


def test_loss_and_error_are_those_of_the_events_written_out(decided):
    sample = Sample.of(decided.network, decided.events, trials=[], seed=5)
    codes, labels = decided.events.of(TEST)
    right = evaluate(decided.network, codes).argmax(axis=1) == labels
    rng, each = np.random.default_rng(5), np.zeros(len(codes))
    for _ in range(SHUFFLES):
        order = rng.permutation(len(codes))
        other = codes.copy()
        other[:, 0] = codes[order, 0]
        each += right.astype(float) - (evaluate(decided.network, other).argmax(axis=1) == labels)
    each /= SHUFFLES
    measured = loss(sample.lost([0]))
    assert measured.value == pytest.approx(each.mean())
    assert measured.error == pytest.approx(each.std() / np.sqrt(len(each)))


def test_of_one_shuffle_the_error_is_mcnemars(decided):
    sample = Sample.of(decided.network, decided.events, trials=[], seed=5)
    once = dataclasses.replace(sample, orders=sample.orders[:1])
    measured, count = loss(once.lost([0])), len(sample.codes)
    wrong = round(measured.value * count)  # nothing is gained: all were right
    assert measured.error == pytest.approx(np.sqrt(wrong - wrong**2 / count) / count)


def test_mixing_takes_the_bits_of_the_mask_and_leaves_the_others():
    kif = KIF(1, 3, 0)
    codes, others = np.array([-8, 7, -1, 0]), np.array([7, -8, 0, -1])
    assert mixed(codes, others, kif=kif, mask=0b1000).tolist() == [0, -1, 7, -8]
    assert mixed(codes, others, kif=kif, mask=0b0001).tolist() == [-7, 6, -2, 1]
    assert mixed(codes, others, kif=kif, mask=None).tolist() == others.tolist()


@pytest.fixture
def objects(tmp_path):
    """Two slots of two features. The sum of both slots' pt decides; of eta only one bit of the last slot is read."""
    kifs = (KIF(0, 3, 0),) * 4
    weights = np.array([[1], [0], [1], [0]])
    total = LinearLayer("sum", kifs, ("WRAP",) * 4, weights, np.array([0]), fraction_bits=np.array([0]))
    inside = (KIF(0, 4, 0), KIF(0, 3, 0))
    widths, tables = np.array([[4, 0], [0, 1]]), np.zeros((2, 2, 16), dtype=np.int64)
    tables[0, 0] = np.arange(16) - 7
    tables[1, 1, :2] = [0, 1]
    head = TableLayer(
        *("head", inside, ("WRAP",) * 2, widths, tables, np.zeros(2, np.int64)),
        fraction_bits=np.zeros(2, np.int64),
        gather_index=np.array([[4, 3]]),
    )
    names = ("jet_0_pt", "jet_0_eta", "jet_1_pt", "jet_1_eta")
    network = Network(kifs, (total, head), names, ("g", "q"))
    codes = uniform(kifs, COUNT, rng=np.random.default_rng(2))
    labels = evaluate(network, codes).argmax(axis=1)
    jets = {"jet": {"count": 2, "features": [{"name": "pt"}, {"name": "eta"}]}}
    return Stage(tmp_path, network, events_of(network, labels, codes), description([], objects=jets))


def test_objects_are_shuffled_by_feature_and_by_slot(objects):
    card = objects.run()
    pt, eta = card.features
    assert [pt.name, eta.name] == ["jet_*_pt", "jet_*_eta"]
    assert (pt.channels, pt.channels_read, pt.edges, pt.edges_possible) == (2, 2, 2, 2)
    assert (eta.channels, eta.channels_read, eta.edges) == (2, 1, 1)
    assert card.pruned == ["jet_0_eta"]
    assert [bit.read for bit in eta.bits] == [True, False, False]
    assert pt.loss.value > 0.2
    first, second = card.slots
    assert [(slot.name, slot.objects, slot.slot) for slot in card.slots] == [("jet_0", "jet", 0), ("jet_1", "jet", 1)]
    assert (first.bits, first.bits_read, second.bits_read) == (6, 3, 4)
    assert 0.05 < first.loss.value < pt.loss.value, "the other slot still knows half"
    assert second.loss.value > first.loss.value - 0.02


def test_a_regression_loses_r2(tmp_path):
    kifs = (KIF(0, 4, 0), KIF(0, 4, 0))
    layer = LinearLayer("w", kifs, ("WRAP",) * 2, np.array([[3], [1]]), np.array([0]), fraction_bits=np.array([4]))
    network = Network(kifs, (layer,), ("a", "b"), ("y",))
    codes = uniform(kifs, COUNT, rng=np.random.default_rng(1))
    true = real_outputs(network, evaluate(network, codes)).astype(np.float32)
    events = events_of(network, np.zeros(COUNT), codes, targets=true, scales=(1.0,), units=("",))
    described = description("ab", regression_targets=[{"name": "y", "expression": "y"}])
    del described["label"]
    card = Stage(tmp_path, network, events, described).run()
    a, b = card.features
    assert (card.metric, card.score) == ("r2", pytest.approx(1.0))
    assert (a.by_class, b.by_class) == ({}, {})
    # Shuffling a term of variance v costs 2 v of the whole variance, v_a + v_b with v_a = 9 v_b.
    assert a.loss.value == pytest.approx(1.8, abs=0.15)
    assert b.loss.value == pytest.approx(0.2, abs=0.03)
    # The bits of a uniform code are independent: variances 64, 16, 4, 1 of 85.
    assert a.bits[0].loss.value == pytest.approx(1.8 * 64 / 85, abs=0.15)
    assert a.bits[3].loss.value == pytest.approx(1.8 / 85, abs=0.01)


def test_few_events_are_taken_of_a_large_network(decided, monkeypatch):
    monkeypatch.setattr("trigger_lut.stages.importance.LEAST_EVENTS", 300)
    monkeypatch.setattr("trigger_lut.stages.importance.WORK", 1.0)
    card = decided.run()
    assert card.events == 300 < card.events_test
    monkeypatch.setattr("trigger_lut.stages.importance.WORK", 1e12)
    assert decided.run().events == card.events_test


def test_files_that_do_not_fit_are_refused(decided):
    described = json.loads(decided.paths[3].read_text())
    decided.paths[3].write_text(json.dumps({**described, "features": [{"name": n} for n in "abd"]}))
    with pytest.raises(CardError, match=r"data_set\.json: other features than in .*codes\.npz\. Expected"):
        decided.run()
    save_codes(dataclasses.replace(decided.events, classes=("x", "y")), decided.paths[2])
    with pytest.raises(CardError, match=r"network\.npz: made for other inputs or classes than those of"):
        decided.run()
    assert not decided.paths[4].exists()


def test_a_test_split_without_events_is_refused(decided):
    empty = dataclasses.replace(decided.events, split=np.zeros(COUNT, np.uint8))
    save_codes(empty, decided.paths[2])
    with pytest.raises(CardError, match=r"codes\.npz: no events in the test split\. Give"):
        decided.run()
