"""Thresholds, rates and their intervals, against closed forms and plain loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trigger_lut.config.data_set.trigger import Trigger
from trigger_lut.metrics.trigger_rates import (
    background_rate,
    bin_masks,
    binomial_interval,
    khz_per_event,
    passing_fraction,
    quantile_edges,
    rate_curve,
    signal_probability,
    threshold_for,
    trigger_score,
)

TAIL = (1 - 0.6827) / 2


@pytest.mark.parametrize("total", [1, 7, 200])
def test_intervals_of_none_and_all_have_closed_forms(total: int) -> None:
    """With no event passing, (1 - high)**n is the tail; with all passing, low**n is."""
    low, high = binomial_interval(0, total)
    assert low == 0
    assert (1 - high) ** total == pytest.approx(TAIL)
    low, high = binomial_interval(total, total)
    assert high == 1
    assert low**total == pytest.approx(TAIL)


@given(st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_intervals_leave_a_tail_on_either_side(counts: tuple[int, int]) -> None:
    from scipy.stats import binom

    passed, total = counts
    low, high = binomial_interval(passed, total)
    assert 0 <= low <= passed / total <= high <= 1
    if passed:
        assert binom.sf(passed - 1, total, low) == pytest.approx(TAIL, abs=1e-6)
    if passed < total:
        assert binom.cdf(passed, total, high) == pytest.approx(TAIL, abs=1e-6)


def test_known_values() -> None:
    """1 of 2 events: (1 - low)**2 = 1 - tail. 5 of 10: the 95 % interval is 0.187 to 0.813."""
    assert binomial_interval(1, 2) == (pytest.approx(1 - (1 - TAIL) ** 0.5), pytest.approx((1 - TAIL) ** 0.5))
    low, high = binomial_interval(5, 10)
    assert low == pytest.approx(1 - high)
    assert 0.187 < low < 0.35
    assert passing_fraction(np.array([True, False, True, True])).value == 0.75
    empty = passing_fraction(np.zeros(0, bool))
    assert (empty.low, empty.high) == (0.0, 1.0)


@settings(max_examples=200)
@given(
    st.lists(st.integers(-4, 4), min_size=1, max_size=40),
    st.one_of(st.floats(0.01, 60), st.integers(1, 40).map(lambda events: 1.5 * events)),
)
def test_the_threshold_is_the_smallest_that_keeps_to_the_rate(scores: list[int], wanted: float) -> None:
    score, khz = np.array(scores), np.full(len(scores), 1.5)
    allowed = [t for t in sorted(set(scores)) if 1.5 * sum(s >= t for s in scores) <= wanted]
    assert threshold_for(score, khz, wanted=wanted) == (allowed[0] if allowed else None)


def test_the_score_is_the_same_in_integers_and_in_real_numbers() -> None:
    rng = np.random.default_rng(0)
    codes = rng.integers(-200, 200, (500, 5))
    whole = trigger_score(codes, [2, 3, 4], background=[0, 1])
    assert np.issubdtype(whole.dtype, np.integer)
    np.testing.assert_array_equal(trigger_score(codes / 16, [2, 3, 4], background=[0, 1]) * 16, whole)
    best = [max(row[2:]) - max(row[:2]) for row in codes.tolist()]
    assert whole.tolist() == best


def test_rates_of_classes_add_with_their_own_weights() -> None:
    labels = np.array([0] * 100 + [1] * 50 + [2] * 30)
    passed = np.zeros(180, bool)
    passed[:10], passed[100:105] = True, True
    rate = background_rate(passed, labels, streams=[((0,), 1000.0), ((1,), 20.0)])
    assert rate.value == pytest.approx(100 + 2)
    assert rate.low < rate.value < rate.high
    alone = background_rate(passed, labels, streams=[((0,), 1000.0)])
    assert rate.high - rate.value > alone.high - alone.value
    assert background_rate(passed, labels, streams=[((2,), 50.0)]).value == 0


@given(st.lists(st.tuples(st.integers(0, 2), st.booleans()), min_size=1, max_size=60))
def test_rate_of_one_stream_has_the_exact_binomial_interval(events: list[tuple[int, bool]]) -> None:
    """Whatever classes are in it: adding their intervals in quadrature would be too wide."""
    labels, passed = np.array([k for k, _ in events]), np.array([p for _, p in events])
    background = labels < 2
    rate = background_rate(passed, labels, streams=[((0, 1), 100.0)])
    low, high = (
        binomial_interval(int(passed[background].sum()), int(background.sum())) if background.any() else (0.0, 1.0)
    )
    assert (rate.low, rate.high) == (pytest.approx(100 * low), pytest.approx(100 * high))
    assert rate.value == pytest.approx(khz_per_event(labels, [((0, 1), 100.0)])[passed].sum())


@given(st.integers(0, 40), st.integers(0, 40))
def test_quadrature_intervals_contain_the_rate_and_no_negatives(first: int, second: int) -> None:
    labels = np.array([0] * 40 + [1] * 40)
    passed = np.array([True] * first + [False] * (40 - first) + [True] * second + [False] * (40 - second))
    rate = background_rate(passed, labels, streams=[((0,), 30.0), ((1,), 2.0)])
    assert 0 <= rate.low <= rate.value <= rate.high


def test_every_stream_is_shared_by_its_events() -> None:
    labels = np.array([0, 0, 0, 1, 2, 2])
    assert khz_per_event(labels, [((0, 1), 100.0)]).tolist() == [25.0] * 4 + [0.0] * 2
    assert khz_per_event(labels, [((0,), 30.0), ((1,), 2.0)]).tolist() == [10.0] * 3 + [2.0] + [0.0] * 2


def test_curves_rise_and_keep_their_ends() -> None:
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, 4000)
    score = rng.normal(labels, 1)
    streams = [((0,), 500.0)]
    one = 500.0 / (labels == 0).sum()
    threshold, khz, efficiency = rate_curve(score, labels, streams=streams, signal=[1], points=100)
    assert len(khz) <= 100
    assert (np.diff(threshold) < 0).all()
    assert (np.diff(khz) >= 0).all()
    assert (np.diff(efficiency) >= 0).all()
    for t, k, e in zip(threshold[::9], khz[::9], efficiency[::9], strict=True):
        assert k == pytest.approx(one * ((score >= t) & (labels == 0)).sum())
        assert e == pytest.approx((score[labels == 1] >= t).mean())
    assert khz[-1] == pytest.approx(500)
    shuffled = rate_curve(rng.permutation(score), labels, streams=streams, signal=[1], points=100)
    middle = np.searchsorted(shuffled[1], 50)
    assert shuffled[2][middle] == pytest.approx(0.1, abs=0.03), "a score that knows nothing passes signal as background"


@given(st.lists(st.integers(0, 6), min_size=1, max_size=50))
def test_every_value_is_in_one_bin(values: list[int]) -> None:
    array = np.array(values, float)
    edges = quantile_edges(array, 5)
    assert np.sum(bin_masks(array, edges), axis=0).tolist() == [1] * len(values)
    assert not np.any(bin_masks(np.array([-1.0, 7.5]), edges)) or len(edges) < 2


def test_probability_of_signal_is_that_of_the_softmax() -> None:
    z = np.log(np.array([[1.0, 2.0, 5.0], [3.0, 3.0, 2.0]]))
    np.testing.assert_allclose(signal_probability(z, [1, 2]), [7 / 8, 5 / 8])


def test_input_rates_by_each_way_of_stating_them() -> None:
    classes = ("g", "q", "W")
    assert Trigger(signal=["W"], input_rate_khz=100).streams(classes) == [((0, 1), 100.0)]
    crossings = Trigger(signal=["W"], filled_fraction=0.5).streams(classes)
    assert crossings == [((0, 1), pytest.approx(40079 / 2))]
    sigma = Trigger(signal=["W"], cross_section_pb={"g": 1e6, "q": 1e3}, luminosity_cm2s=7.5e34)
    assert sigma.streams(classes) == [((0,), pytest.approx(75.0)), ((1,), pytest.approx(0.075))]
    assert "7.5e+34" in sigma.stated()


@pytest.mark.parametrize(
    ("given_keys", "message"),
    [
        ({}, "give one of input_rate_khz, filled_fraction and cross_section_pb, found none"),
        ({"input_rate_khz": 1, "filled_fraction": 0.5}, "found input_rate_khz and filled_fraction"),
        ({"cross_section_pb": {"g": 1.0}}, "cross_section_pb and luminosity_cm2s go together"),
    ],
)
def test_contradictory_rates_are_refused(given_keys: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Trigger.model_validate({"signal": ["W"], **given_keys})


def test_unknown_classes_are_named() -> None:
    trigger = Trigger(signal=["Wz"], cross_section_pb={"g": 1.0, "x": 2.0}, luminosity_cm2s=1e34)
    assert trigger.mistakes(["g", "q", "W"]) == [
        "signal: no class 'Wz'; nearest: 'W'",
        "cross_section_pb: 'x' is no background class; there are: 'g', 'q', 'W'",
        "cross_section_pb: 'q' is missing",
        "cross_section_pb: 'W' is missing",
    ]
    every = Trigger(signal=["g", "q"], input_rate_khz=1).mistakes(["g", "q"])
    assert every == ["signal: all classes are signal; a rate needs background"]
