"""Curves, areas and efficiencies against counting by hand; the stage on a random network."""

from __future__ import annotations

import dataclasses

import made_cards
import networks
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trigger_lut.cards import read_card, write_card
from trigger_lut.errors import CardError
from trigger_lut.events.codes import TEST, EventCodes, save_codes
from trigger_lut.network import save_network
from trigger_lut.physics import MOST_POINTS, area, confusion, efficiency_at, log_odds, physics, roc, roc_curve, thinned
from trigger_lut.records_physics import PhysicsCard
from trigger_lut.reference import evaluate


def sample(seed: int, count: int, levels: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    signal = rng.random(count) < 0.4
    signal[:2] = [True, False]
    return np.floor(levels * rng.beta(2 + 2 * signal, 3)), signal


def test_log_odds_are_those_of_the_softmax():
    z = np.random.default_rng(0).normal(0, 2, (50, 4))
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(log_odds(z), np.log(p / (1 - p)), rtol=1e-9)


def test_log_odds_of_large_outputs_stay_in_order():
    scores = log_odds([[800.0, 0.0], [900.0, 0.0], [900.0, -1.0]])
    assert np.isfinite(scores).all()
    assert list(np.argsort(scores[:, 0])) == [0, 1, 2]


@given(st.integers(0, 10_000), st.integers(2, 40), st.integers(1, 12))
def test_the_area_is_the_share_of_ordered_pairs(seed, count, levels):
    score, signal = sample(seed, count, levels)
    s, b = score[signal][:, None], score[~signal][None]
    assert area(*roc(score, signal)) == pytest.approx(((s > b) + 0.5 * (s == b)).mean())


@given(st.integers(0, 10_000), st.integers(2, 60), st.integers(1, 20), st.sampled_from([0.0, 1e-3, 0.05, 0.3, 1.0]))
def test_an_efficiency_is_that_of_a_threshold_that_can_be_set(seed, count, levels, largest):
    score, signal = sample(seed, count, levels)
    best = 0.0
    for threshold in np.unique(score):
        if (score[~signal] >= threshold).mean() <= largest:
            best = max(best, (score[signal] >= threshold).mean())
    assert efficiency_at(*roc(score, signal), largest) == pytest.approx(best)


def test_perfect_and_useless_scores():
    signal = np.array([True] * 5 + [False] * 5)
    perfect = roc_curve(signal.astype(float), signal)
    assert (perfect.auc, perfect.efficiency_at_1e3) == (1.0, 1.0)
    useless = roc_curve(np.zeros(10), signal)
    assert (useless.auc, useless.efficiency_at_1e2) == (0.5, 0.0)


def test_a_thinned_curve_keeps_its_ends_and_only_points_of_the_curve():
    rng = np.random.default_rng(3)
    signal = rng.random(20_000) < 0.2
    background, efficiency = roc(rng.normal(signal.astype(float)), signal)
    x, y = thinned(background, efficiency)
    assert 50 < len(x) <= MOST_POINTS
    assert (x[0], x[-1], y[-1]) == (0.0, 1.0, 1.0)
    assert np.all(np.diff(x) >= 0)
    assert set(zip(x, y, strict=True)) <= set(zip(background, efficiency, strict=True))


def test_confusion_counts_true_rows_and_assigned_columns():
    table = confusion(np.array([0, 1, 1, 2]), np.array([0, 0, 1, 2]), 3)
    assert table.tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 1]]


@pytest.fixture
def stage(tmp_path):
    """Paths of a specification, a random network and codes that fit it."""
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
    names = ("spec.json", "network.npz", "codes.npz", "model.keras", "reference.npz", "physics.json")
    return network, events, [tmp_path / n for n in names]


def test_the_stage_counts_what_the_integer_network_says(stage):
    network, events, paths = stage
    physics(*paths)
    card = read_card(PhysicsCard, paths[-1])
    codes, labels = events.of(TEST)
    real = evaluate(network, codes) * 2.0**-network.fractions
    right = int((real.argmax(axis=1) == labels).sum())
    assert card.events == len(labels)
    assert card.accuracy == pytest.approx(right / len(labels))
    assert np.trace(card.confusion) == right
    assert np.sum(card.confusion, axis=1).tolist() == np.bincount(labels).tolist()
    assert list(card.classes) == ["g", "q", "W"]
    assert set(card.inputs) == {str(p) for p in paths[:3]}
    for curve in card.classes.values():
        assert 0.3 < curve.auc < 0.7, "labels are random"


def test_codes_of_another_data_set_are_refused(stage):
    _, events, paths = stage
    save_codes(dataclasses.replace(events, classes=("a", "b", "c")), paths[2])
    with pytest.raises(CardError, match=r"network\.npz: made for other inputs or classes than those of"):
        physics(*paths)
    assert not paths[-1].exists()


def test_a_class_without_test_events_is_refused(stage):
    _, events, paths = stage
    split = np.where(events.labels == 1, 0, events.split).astype(np.uint8)
    save_codes(dataclasses.replace(events, split=split), paths[2])
    with pytest.raises(CardError, match=r"class 'q' has 0 of \d+ test events; a curve needs both kinds$"):
        physics(*paths)
    assert not paths[-1].exists()
