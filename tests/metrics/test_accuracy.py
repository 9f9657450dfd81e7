"""Accuracy and R^2, event by event."""

from __future__ import annotations

import numpy as np
import pytest

from trigger_lut.config.data_set.heads import heads_of, placed
from trigger_lut.data.event_codes import TEST, TRAIN, EventCodes
from trigger_lut.fixed_point.formats import KIF
from trigger_lut.metrics.accuracy import ClassScore, EventScore, TargetScore

ONE_CLASS = [(placed(heads_of(("a", "b", "c"), ()))[0], ClassScore())]


def targets_of(count: int):
    """One head of targets of variance 1."""
    names = [f"t{n}" for n in range(count)]
    return [(placed(heads_of((), names))[0], TargetScore(np.ones(count)))]


def made_events(targets: np.ndarray | None) -> EventCodes:
    rng = np.random.default_rng(3)
    n = 500
    codes = rng.integers(0, 4, (n, 2)).astype(np.int32)
    labels = rng.integers(0, 3, n) if targets is None else np.zeros(n, np.int64)
    split = rng.choice([TRAIN, TEST], n).astype(np.uint8)
    names = ("a", "b", "c") if targets is None else tuple(f"t{k}" for k in range(targets.shape[1]))
    return EventCodes(
        codes,
        labels,
        split,
        np.arange(n, dtype=np.uint64),
        (KIF(0, 2, 0),) * 2,
        ("x", "y"),
        names,
        targets=targets,
        scales=() if targets is None else (1.0,) * targets.shape[1],
        units=() if targets is None else ("",) * targets.shape[1],
    )


def test_accuracy_is_the_share_of_largest_outputs_that_are_right() -> None:
    events = made_events(None)
    quality = EventScore.for_split(events, TEST)
    outputs = np.random.default_rng(0).normal(size=(len(events.of(TEST)[0]), 3))
    scores = quality.score(outputs, events.truth(TEST))
    assert quality.measure == "accuracy"
    assert set(scores) <= {0.0, 1.0}
    assert scores.mean() == (outputs.argmax(axis=1) == events.labels[events.split == TEST]).mean()


def test_r2_is_1_for_the_truth_and_0_for_its_mean() -> None:
    rng = np.random.default_rng(1)
    targets = (rng.normal(size=(500, 2)) * [3.0, 0.1] + [5.0, -2.0]).astype(np.float32)
    events = made_events(targets)
    assert events.problems() == []
    quality, true = EventScore.for_split(events, TEST), events.truth(TEST)
    assert quality.measure == "r2"
    assert quality.score(true, true).mean() == 1.0
    mean = np.broadcast_to(true.mean(axis=0), true.shape)
    assert quality.score(mean, true).mean() == pytest.approx(0.0, abs=1e-5)
    half = (true + mean) / 2  # half of each deviation is left: a quarter of the variance
    assert quality.score(half, true).mean() == pytest.approx(0.75, abs=1e-5)
    assert quality.score(-true, true).mean() < 0


def test_targets_carry_the_weight_in_a_column_of_their_own() -> None:
    rng = np.random.default_rng(1)
    targets = rng.normal(size=(500, 2)).astype(np.float32)
    events = made_events(targets)
    assert events.training_targets(TRAIN).shape == events.truth(TRAIN).shape
    weights = rng.uniform(0, 2, 500).astype(np.float32)
    heavy = EventCodes(**{**events.__dict__, "weights": weights})
    np.testing.assert_array_equal(heavy.training_targets(TRAIN)[:, 2], weights[events.split == TRAIN])
    np.testing.assert_array_equal(heavy.training_targets(TRAIN)[:, :2], targets[events.split == TRAIN])
    labeled = EventCodes(**{**made_events(None).__dict__, "weights": weights})
    np.testing.assert_array_equal(labeled.training_targets(TRAIN)[:, 0], labeled.truth(TRAIN))
    assert made_events(None).training_targets(TRAIN).dtype == np.int32


def test_aims_that_do_not_fit_their_names_are_named() -> None:
    events = made_events(np.zeros((500, 2), np.float32))
    wrong = EventCodes(**{**events.__dict__, "scales": (1.0,)})
    assert any("targets" in line for line in wrong.problems())


def test_one_score_is_given_weighted_plain_and_balanced() -> None:
    """Three events of class a, one right; one of class b, right."""
    labels, right = np.array([0, 0, 0, 1]), np.array([1.0, 0.0, 0.0, 1.0])
    summary = EventScore(ONE_CLASS, np.array([1.0, 1.0, 1.0, 5.0])).summary(right, labels)
    assert (summary.weighted, summary.plain, summary.balanced) == (6 / 8, 1 / 2, pytest.approx((1 / 3 + 1) / 2))
    squares = [1 * (1 / 4) ** 2, 1 * (3 / 4) ** 2, 1 * (3 / 4) ** 2, 25 * (1 / 4) ** 2]
    assert summary.weighted_error == pytest.approx(sum(squares) ** 0.5 / 8)
    assert summary.plain_error == pytest.approx((0.5 * 0.5 / 4) ** 0.5)
    assert EventScore(ONE_CLASS).summary(right, labels).weighted == summary.plain, (
        "without weights all events are alike"
    )
    assert EventScore(targets_of(1)).summary(right, labels).balanced is None, "a regression has no classes"


def test_first_events_have_their_own_weights() -> None:
    assert EventScore(ONE_CLASS, np.array([3.0, 1.0, 100.0])).mean(np.array([1.0, 0.0])) == 0.75


def test_losses_are_cross_entropy_and_squared_error() -> None:
    outputs, labels = np.array([[2.0, -1.0, 0.5], [800.0, 0.0, 0.0]]), np.array([2, 1])
    losses = EventScore(ONE_CLASS).losses(outputs, labels)
    expected = -np.log(np.exp(0.5) / np.exp([2.0, -1.0, 0.5]).sum())
    np.testing.assert_allclose(losses, [expected, 800.0])
    targets = np.array([[1.0, 2.0], [0.0, 0.0]])
    np.testing.assert_allclose(EventScore(targets_of(2)).losses(np.add(targets, [1.0, 3.0]), targets), [5.0, 5.0])


def with_both(loss_weights=None) -> EventCodes:
    """Events of three classes with a target."""
    plain = made_events(None)
    targets = np.random.default_rng(5).normal(size=(500, 1)).astype(np.float32)
    heads = heads_of(plain.classes, ["pt"], loss_weights=loss_weights)
    content = {"classes": (*plain.classes, "pt"), "targets": targets, "scales": (16.0,), "units": ("GeV",)}
    return EventCodes(**{**plain.__dict__, **content, "several_heads": heads})


def test_the_score_of_two_heads_is_their_mean_by_loss_weight() -> None:
    events = with_both({"class": 3.0, "pt": 1.0})
    assert events.problems() == []
    judge, truth = EventScore.for_split(events, TEST), events.truth(TEST)
    outputs = np.random.default_rng(0).normal(size=(len(truth), 4))
    score, labels = judge.score(outputs, truth), events.labels_of(TEST)
    right = outputs[:, :3].argmax(axis=1) == labels
    explained = 1 - (outputs[:, 3] - truth[:, 1]) ** 2 / truth[:, 1].var()
    np.testing.assert_allclose(score, 0.75 * right + 0.25 * explained, rtol=1e-4)
    assert judge.measure == "mean_score"
    classes, pt = judge.by_head(outputs, truth)
    assert (classes.name, classes.share, classes.scores.plain) == ("class", 0.75, pytest.approx(right.mean()))
    assert (pt.name, pt.metric, pt.scores.plain) == ("pt", "r2", pytest.approx(explained.mean(), rel=1e-4))
    assert pt.scores.balanced is None
    assert classes.scores.balanced is not None


def test_the_class_does_not_follow_from_the_regression_output() -> None:
    events = with_both()
    judge, truth = EventScore.for_split(events, TEST), events.truth(TEST)
    outputs = np.concatenate([np.eye(3)[events.labels_of(TEST)], np.full((len(truth), 1), 1e6)], axis=1)
    assert judge.by_head(outputs, truth)[0].scores.plain == 1.0, "the largest output is never the class"


def test_losses_of_heads_take_the_weights_of_training() -> None:
    events = with_both("uncertainty")
    judge, truth = EventScore.for_split(events, TEST), events.truth(TEST)
    outputs = np.random.default_rng(0).normal(size=(len(truth), 4))
    classes = EventScore(ONE_CLASS).losses(outputs[:, :3], events.labels_of(TEST))
    squares = (outputs[:, 3] - truth[:, 1]) ** 2
    np.testing.assert_allclose(
        judge.losses(outputs, truth, factors=[2.0, 0.5], offset=-1.0), 2 * classes + 0.5 * squares - 1
    )
    np.testing.assert_allclose(judge.losses(outputs, truth), classes + squares)
    assert judge.shares == [0.5, 0.5]
