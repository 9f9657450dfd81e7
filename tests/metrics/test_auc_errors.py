"""Errors of areas under ROC curves: against counting pairs, against many samples, and of differences."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trigger_lut.metrics.auc_errors import auc_components, auc_difference, auc_error
from trigger_lut.stages.physics import area, roc


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
    found = []
    for _ in range(400):
        first, second, signal = sample(rng, 300)
        a, b = auc_components(first, signal), auc_components(second, signal)
        found.append((a[0].mean(), auc_error(a), *auc_difference(a, b)))
    areas, errors, apart, apart_errors = np.array(found).T
    assert errors.mean() == pytest.approx(areas.std(), rel=0.12)
    assert apart_errors.mean() == pytest.approx(apart.std(), rel=0.12)
    assert apart_errors.mean() < 0.8 * errors.mean(), "the same events: they go together"


def test_without_spread_there_is_no_error():
    one = auc_components(np.array([1.0, 0.0, 0.5]), np.array([True, False, False]))
    assert auc_error(one) is None
    assert auc_difference(one, one) == (0.0, None)
