"""Taggers: pairs of classes at working points, given discriminators, and distributions of scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trigger_lut.cards.physics import (
    BinnedEfficiency,
    DiscriminatorResult,
    MistagPoint,
    PairMethod,
    PairResult,
    ScoreHistogram,
)
from trigger_lut.config.data_set.tagging import Tagging
from trigger_lut.data.event_codes import TEST, VALIDATION, EventCodes
from trigger_lut.evaluation.predictions import Outputs
from trigger_lut.evaluation.variables import variable_of
from trigger_lut.metrics.roc import area, auc_components, roc, roc_curve
from trigger_lut.metrics.trigger_rates import bin_masks, passing_fraction, quantile_edges, threshold_for

Floats = NDArray[np.float64]
SCORE_BINS, VARIABLE_BINS = 40, 8
TAIL = 0.002  # fraction of events beyond each end of a histogram of scores


@dataclass(frozen=True)
class Discriminator:
    """Values of a given discriminator by split, and the class that it finds."""

    name: str
    values: Outputs
    signal: int
    stated: bool


def discriminators_of(events: EventCodes, wanted: Mapping[str, str | None]) -> list[Discriminator]:
    """Read given discriminators, and choose the class of those that state none.

    Parameters
    ----------
    events : EventCodes
        Events with the discriminators among their observables.
    wanted : mapping of str to str or None
        Class by name of the discriminator; None: the one with the largest area under the ROC curve in validation.

    Returns
    -------
    list of Discriminator
        In the order of `wanted`.
    """
    discriminators = []
    labels = events.labels_of(VALIDATION)
    for name, signal in wanted.items():
        values = {split: variable_of(events, name, split=split, key="baselines") for split in (VALIDATION, TEST)}
        if signal is not None:
            k = events.label_names.index(signal)
        else:
            areas = [area(*roc(values[VALIDATION], labels == c)) for c in range(len(events.label_names))]
            k = int(np.argmax(areas))
        discriminators.append(Discriminator(name, values, k, signal is not None))
    return discriminators


def discriminator_results(events: EventCodes, given: Sequence[Discriminator]) -> list[DiscriminatorResult]:
    """Compute the ROC curve of each given discriminator: its class against all others, on the test split.

    Parameters
    ----------
    events : EventCodes
        Events of the data set.
    given : sequence of Discriminator
        The discriminators.

    Returns
    -------
    list of DiscriminatorResult
        One entry per discriminator.
    """
    labels, results = events.labels_of(TEST), []
    for one in given:
        score, right = one.values[TEST], labels == one.signal
        curve = roc_curve(score, right, components=auc_components(score, right))
        results.append(
            DiscriminatorResult(name=one.name, signal=events.label_names[one.signal], stated=one.stated, roc=curve)
        )
    return results


def score_histogram(score: Floats, labels: NDArray[np.int64], *, classes: Sequence[str]) -> ScoreHistogram:
    """Count events in bins of a score, by true class.

    Parameters
    ----------
    score : (N,) ndarray
        Score of each event.
    labels : (N,) ndarray of int
        Class of each event.
    classes : sequence of str
        Names of the classes.

    Returns
    -------
    ScoreHistogram
        The end bins include all events beyond.
    """
    low, high = np.quantile(score, [TAIL, 1 - TAIL])
    edges = np.linspace(low, high if high > low else low + 1, SCORE_BINS + 1)
    inside = np.clip(score, edges[0], edges[-1])
    counts = {name: np.histogram(inside[labels == k], edges)[0].tolist() for k, name in enumerate(classes)}
    return ScoreHistogram(edges=edges.tolist(), counts=counts)


def pair_results(
    events: EventCodes, tagging: Tagging, *, outputs: Mapping[str, Outputs], given: Sequence[Discriminator]
) -> list[PairResult]:
    """Compare all methods on pairs of classes.

    The score of a network is the difference of the outputs of both classes, which is the logarithm of the ratio of
    their probabilities. A given discriminator is compared on pairs whose signal is its class.

    Parameters
    ----------
    events : EventCodes
        Events of the data set.
    tagging : Tagging
        Pairs, mistag rates and variables.
    outputs : mapping of str to Outputs
        Outputs of the networks and trees, the firmware last.
    given : sequence of Discriminator
        Given discriminators.

    Returns
    -------
    list of PairResult
        One entry per pair.
    """
    results = []
    for signal, background in tagging.pairs:
        s, b = events.label_names.index(signal), events.label_names.index(background)
        scores: dict[str, Outputs] = {one.name: one.values for one in given if one.signal == s}
        scores |= {
            method: {split: values[:, s] - values[:, b] for split, values in scores.items()}
            for method, scores in outputs.items()
        }
        at = tagging.mistag_rates[len(tagging.mistag_rates) // 2]
        methods = [
            _pair_method(events, tagging, at=at, pair=(s, b), method=method, score=score)
            for method, score in scores.items()
        ]
        results.append(PairResult(signal=signal, background=background, binned_at=at, methods=methods))
    return results


def _pair_method(
    events: EventCodes, tagging: Tagging, *, at: float, pair: tuple[int, int], method: str, score: Outputs
) -> PairMethod:
    labels = {split: events.labels_of(split) for split in (VALIDATION, TEST)}
    signal, background = (labels[TEST] == k for k in pair)
    either = signal | background
    curve = roc_curve(
        score[TEST][either], signal[either], components=auc_components(score[TEST][either], signal[either])
    )
    against = score[VALIDATION][labels[VALIDATION] == pair[1]]
    points, passed_at = [], np.zeros(len(signal), np.bool_)
    for rate in tagging.mistag_rates:
        threshold = threshold_for(against, np.full(len(against), 1 / len(against)), wanted=rate)
        passed = np.zeros(len(signal), np.bool_) if threshold is None else np.asarray(score[TEST] >= threshold)
        passed_at = passed if rate == at else passed_at
        efficiency = {name: passing_fraction(passed[labels[TEST] == k]) for k, name in enumerate(events.label_names)}
        points.append(MistagPoint(mistag_rate=rate, threshold=threshold, efficiency=efficiency))
    binned = []
    for name in tagging.efficiency_variables:
        values = variable_of(events, name, split=TEST, key="tagging.efficiency_variables")
        edges = quantile_edges(values[signal], VARIABLE_BINS)
        masks = bin_masks(values, edges)
        binned.append(
            BinnedEfficiency(
                variable=name,
                edges=edges.tolist(),
                signal=[passing_fraction(passed_at[signal & inside]) for inside in masks],
                background=[passing_fraction(passed_at[background & inside]) for inside in masks],
            )
        )
    return PairMethod(method=method, roc=curve, points=points, binned=binned)
