"""Stage `baselines`: baselines without quantization, trained on the events of the designs."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from trigger_lut.cards.base import Stopwatch, write_card
from trigger_lut.cards.stage_cards import Baseline, LargestClass, ReferenceCard
from trigger_lut.config.network import NetworkShape, short_name
from trigger_lut.data.event_codes import TEST, TRAIN, EventCodes, load_codes
from trigger_lut.evaluation.baselines import MAX_EVENTS, FittedBaseline, baselines_of
from trigger_lut.evaluation.predictions import save_predictions
from trigger_lut.metrics.accuracy import EventScore, scores_of
from trigger_lut.stages.registry import Output


def run(
    *, codes: Path, network: NetworkShape, epochs: int, seed: int, baseline_predictions: Output, card: Output
) -> None:
    """Train methods without quantization, for comparison.

    Parameters
    ----------
    network : NetworkShape
        Network of the designs.
    epochs : int
        Epochs of the designs.
    seed : int
        Seed of initialization and shuffling.
    baseline_predictions : Output
        Predictions of all baselines on validation and test split (.npz), to write.
    """
    watch = Stopwatch()
    events = load_codes(codes)
    score, truth = EventScore.for_split(events, TEST), events.truth(TEST)
    fitted: dict[str, FittedBaseline] = {}
    baselines = []
    for name, fit in baselines_of(network).items():
        started = time.monotonic()
        fitted[name] = baseline = fit(events, epochs, seed=seed)
        baselines.append(
            Baseline(
                name=name,
                layers=baseline.layers,
                scores=score.summary(score.score(baseline.outputs[TEST], truth), truth),
                heads=score.by_head(baseline.outputs[TEST], truth),
                parameters=baseline.parameters,
                epochs=baseline.epochs,
                converged=baseline.converged,
                seconds=round(time.monotonic() - started, 3),
            )
        )
    record = ReferenceCard(
        network=short_name(network),
        events=min(int(events.counts()[:, TRAIN].sum()), MAX_EVENTS),
        metric=score.measure,
        baselines=baselines,
        largest_class=_largest_class(events),
        **watch.provenance([codes], "tensorflow", "keras", "scikit-learn"),
    )
    save_predictions({name: baseline.outputs for name, baseline in fitted.items()}, baseline_predictions)
    write_card(record, card)


def _largest_class(events: EventCodes) -> LargestClass | None:
    """Return the accuracy of a method that always names the largest class; None without classes."""
    head = events.class_head
    if head is None:
        return None
    names, truth = head.head.outputs, events.labels_of(TEST)
    largest = int(np.bincount(events.labels_of(TRAIN), minlength=len(names)).argmax())
    right = np.asarray(truth == largest, np.float64)
    return LargestClass(name=names[largest], scores=scores_of(right, weights=events.weights_of(TEST), labels=truth))
