"""ROC curves, and errors of their areas: against counting pairs, against many samples, and of differences."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trigger_lut.metrics.roc import (
    MOST_POINTS,
    area,
    auc_components,
    auc_difference,
    auc_error,
    efficiency_at,
    roc,
    roc_curve,
    thinned,
)


def sample(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two scores that go together, in steps as a quantized network's, and what is signal."""
    signal = rng.random(count) < 0.3
    signal[:4] = [True, True, False, False]
    truth = rng.normal(1.0 * signal)
    return (*(np.round(4 * (truth + rng.normal(0, 0.4, count))) for _ in range(2)), signal)


@given(st.integers(0, 10_000), st.integers(4, 60))
def test_shares_are_those_of_counted_pairs(seed, count):
    score, _, signal = sample(np.random.default_rng(seed), count)
    pairs = (score[signal][:, None] > score[~signal]) + 0.5 * (score[signal][:, None] == score[~signal])
    below, above = auc_components(score, signal)
    np.testing.assert_allclose(below, pairs.mean(axis=1), atol=1e-12)
    np.testing.assert_allclose(above, pairs.mean(axis=0), atol=1e-12)
    assert below.mean() == pytest.approx(area(*roc(score, signal)))


def test_errors_are_the_spread_over_samples():
    rng = np.random.default_rng(3)
    samples = []
    for _ in range(400):
        first, second, signal = sample(rng, 300)
        a, b = auc_components(first, signal), auc_components(second, signal)
        samples.append((a[0].mean(), auc_error(a), *auc_difference(a, b)))
    areas, errors, apart, apart_errors = np.array(samples).T
    assert errors.mean() == pytest.approx(areas.std(), rel=0.12)
    assert apart_errors.mean() == pytest.approx(apart.std(), rel=0.12)
    assert apart_errors.mean() < 0.8 * errors.mean(), "the same events: they go together"


def test_without_spread_there_is_no_error():
    one = auc_components(np.array([1.0, 0.0, 0.5]), np.array([True, False, False]))
    assert auc_error(one) is None
    assert auc_difference(one, one) == (0.0, None)


def one_score(seed: int, count: int, levels: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    signal = rng.random(count) < 0.4
    signal[:2] = [True, False]
    return np.floor(levels * rng.beta(2 + 2 * signal, 3)), signal


@given(st.integers(0, 10_000), st.integers(2, 40), st.integers(1, 12))
def test_the_area_is_the_share_of_ordered_pairs(seed, count, levels):
    score, signal = one_score(seed, count, levels)
    s, b = score[signal][:, None], score[~signal][None]
    assert area(*roc(score, signal)) == pytest.approx(((s > b) + 0.5 * (s == b)).mean())


@given(st.integers(0, 10_000), st.integers(2, 60), st.integers(1, 20), st.sampled_from([0.0, 1e-3, 0.05, 0.3, 1.0]))
def test_an_efficiency_is_that_of_a_threshold_that_can_be_set(seed, count, levels, largest):
    score, signal = one_score(seed, count, levels)
    best = 0.0
    for threshold in np.unique(score):
        if (score[~signal] >= threshold).mean() <= largest:
            best = max(best, (score[signal] >= threshold).mean())
    assert efficiency_at(*roc(score, signal), largest=largest) == pytest.approx(best)


def test_perfect_and_useless_scores():
    signal = np.array([True] * 5 + [False] * 5)
    perfect = roc_curve(signal.astype(float), signal, components=auc_components(signal.astype(float), signal))
    assert (perfect.auc, perfect.efficiency_at_1e3) == (1.0, 1.0)
    useless = roc_curve(np.zeros(10), signal, components=auc_components(np.zeros(10), signal))
    assert (useless.auc, useless.efficiency_at_1e2) == (0.5, 0.0)


def test_thinned_curve_keeps_its_ends_and_points_of_the_curve():
    rng = np.random.default_rng(3)
    signal = rng.random(20_000) < 0.2
    background, efficiency = roc(rng.normal(signal.astype(float)), signal)
    x, y = thinned(background, efficiency)
    assert 50 < len(x) <= MOST_POINTS
    assert (x[0], x[-1], y[-1]) == (0.0, 1.0, 1.0)
    assert np.all(np.diff(x) >= 0)
    assert set(zip(x, y, strict=True)) <= set(zip(background, efficiency, strict=True))
