"""Resolution of targets: rank correlation with ties, and what has no ranks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trigger_lut.metrics.resolution import rank_correlation

NUMBERS = st.lists(st.integers(-20, 20), min_size=3, max_size=30)


@given(NUMBERS)
def test_rank_correlation_ignores_monotonic_changes(values: list[int]) -> None:
    first = np.array(values, np.float64)
    if len(set(values)) == 1:
        assert rank_correlation(first, first) is None
        return
    assert rank_correlation(first, np.exp(first / 7)) == pytest.approx(1)
    assert rank_correlation(first, -(first**3)) == pytest.approx(-1)


def test_rank_correlation_of_independent_values_is_small() -> None:
    rng = np.random.default_rng(1)
    first, second = rng.normal(size=(2, 10_000))
    assert abs(rank_correlation(first, second)) < 0.05
    assert rank_correlation(first, np.zeros(10_000)) is None


def test_rank_correlation_gives_ties_their_mean_rank() -> None:
    from scipy.stats import spearmanr

    rng = np.random.default_rng(2)
    first, second = rng.integers(0, 5, (2, 200)).astype(np.float64)
    second += first
    assert rank_correlation(first, second) == pytest.approx(spearmanr(first, second).statistic)
