"""Stage `physics`: quality of the integer network on the test split, as a classification or a regression.

The score of class k is the log-odds of the softmax probability of the real outputs z (integers times 2**-fraction):
z_k - log(sum of exp(z_j) over j != k). It orders events as the softmax probability does, without its rounding to 1.
The outputs of a quantized network are discrete, so events share scores. An efficiency is that of a threshold that can
be set, never an interpolation between two of them.

The baselines and the trained network in Keras are measured in the same way. The cost of quantization is a difference on
the same events. Of N events, b are right in the firmware alone and c in the other alone. The accuracies differ by
(b - c) / N, with the standard error sqrt(b + c - (b - c)^2 / N) / N (Q. McNemar, Psychometrika 12 (1947) 153).

A background efficiency of 1e-3 rests on one event in a thousand of the background. Of 6,400 background events these
are 6, with a relative uncertainty of about 40 %. The card gives the numbers of events.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trigger_lut.cards.base import Stopwatch, read_card, write_card
from trigger_lut.cards.physics import (
    Classification,
    Interval68,
    PairedDifference,
    PhysicsCard,
    QuantizationLoss,
    TargetResolution,
)
from trigger_lut.config.budget import Spec
from trigger_lut.config.data_set.heads import CLASSES, TARGETS, HeadKind
from trigger_lut.config.data_set.tagging import TaggingOptions
from trigger_lut.data.event_codes import TEST, EventCodes
from trigger_lut.errors import CardError
from trigger_lut.evaluation.predictions import FIRMWARE, Outputs, class_scores, load_with_network, predictions_by_method
from trigger_lut.evaluation.tagging import discriminator_results, discriminators_of, pair_results, score_histogram
from trigger_lut.metrics.accuracy import EventScore, scores_of, weighted_mean
from trigger_lut.metrics.ratios import effective_events, weighted_fraction
from trigger_lut.metrics.resolution import rank_correlation, target_resolution
from trigger_lut.metrics.roc import AucComponents, auc_components, auc_difference, roc_curve
from trigger_lut.metrics.trigger_rates import passing_fraction
from trigger_lut.stages.registry import Output

Floats = NDArray[np.float64]


def log_odds(outputs: ArrayLike) -> Floats:
    """Return log-odds (N, classes) of the softmax of real outputs (N, classes): z_k - log(sum_(j != k) exp(z_j)).

    Needs at least two classes.
    """
    z = np.asarray(outputs, dtype=np.float64)
    scores = np.empty_like(z)
    for k in range(z.shape[1]):
        others = np.delete(z, k, axis=1)
        largest = others.max(axis=1)
        scores[:, k] = z[:, k] - largest - np.log(np.exp(others - largest[:, None]).sum(axis=1))
    return scores


def confusion(assigned: NDArray[np.int64], labels: NDArray[np.int64], *, classes: int) -> NDArray[np.int64]:
    """Count events (classes, classes) by true (row) and assigned (column) class."""
    return np.bincount(labels * classes + assigned, minlength=classes * classes).reshape(classes, classes)


@dataclass(frozen=True)
class Judged:
    """One method on the test split: (N,) assigned class and whether it is right; by class scores and AUC components."""

    assigned: NDArray[np.int64]
    right: NDArray[np.bool_]
    scores: Floats
    shares: list[AucComponents]

    @classmethod
    def of(cls, outputs: Floats, labels: NDArray[np.int64]) -> Judged:
        """Assign each event to the class with the largest output, the first of them where outputs are equal.

        outputs: (N, classes) real; labels: (N,), with events of at least two classes.
        """
        scores, assigned = log_odds(outputs), outputs.argmax(axis=1)
        shares = [auc_components(scores[:, k], labels == k) for k in range(scores.shape[1])]
        return cls(assigned, assigned == labels, scores, shares)


def classification(
    method: str, judged: Judged, *, labels: NDArray[np.int64], classes: Sequence[str], weights: NDArray[Any] | None
) -> Classification:
    """Return accuracy, ROC curves and confusion of one method."""
    scores = scores_of(judged.right.astype(np.float64), weights=weights, labels=labels)
    return Classification(
        method=method,
        accuracy=_accuracy(judged, weights, scores.weighted),
        scores=scores,
        classes={
            name: roc_curve(judged.scores[:, k], labels == k, components=judged.shares[k])
            for k, name in enumerate(classes)
        },
        confusion=confusion(judged.assigned, labels, classes=len(classes)).tolist(),
    )


def _accuracy(judged: Judged, weights: NDArray[Any] | None, weighted: float) -> Interval68:
    """Return the weighted accuracy with the interval of as many events as the weights are worth."""
    if weights is None:
        return passing_fraction(judged.right)
    return weighted_fraction(weighted, effective_events(weights))


def cost(
    method: str, firmware: Judged, *, other: Judged, classes: Sequence[str], weights: NDArray[Any] | None = None
) -> QuantizationLoss:
    """Compare the firmware with one other method on the same events, which have weights where training has them."""
    gained, lost = int((firmware.right & ~other.right).sum()), int((other.right & ~firmware.right).sum())
    of_areas = {}
    for name, first, second in zip(classes, firmware.shares, other.shares, strict=True):
        value, error = auc_difference(first, second)
        of_areas[name] = PairedDifference(value=value, error=error)
    return QuantizationLoss(
        method=method,
        accuracy=_paired(firmware.right.astype(np.float64) - other.right, weights),
        only_firmware=gained,
        only_other=lost,
        auc=of_areas,
    )


def run(
    *,
    spec: Path,
    network: Path,
    codes: Path,
    predictions: Path,
    baseline_predictions: Path,
    card: Output,
    tagging: TaggingOptions | None = None,
) -> None:
    """Evaluate network, trained model and baselines on the test split.

    Parameters
    ----------
    tagging : TaggingOptions or None
        Pairs of classes and given discriminators of the data set.

    Raises
    ------
    CardError
        If a file is damaged, the files do not fit, or a class has no test events.
    """
    watch = Stopwatch()
    design, (net, events) = read_card(Spec, spec), load_with_network(network, codes)
    if events.class_head is not None:
        _check_classes(events, codes)
    outputs = predictions_by_method(design, events, network=net, trained=predictions, baselines=baseline_predictions)
    results = _scores(events, outputs)
    for kind in dict.fromkeys(head.kind for head in events.heads):
        results |= RESULTS[kind](design, events, outputs, tagging or TaggingOptions())
    provenance = watch.provenance([spec, network, codes, predictions, baseline_predictions], "numpy", "scipy")
    write_card(PhysicsCard(design=design.design, **results, **provenance), card)


def _check_classes(events: EventCodes, codes: Path) -> None:
    labels = events.labels_of(TEST)
    counts = np.bincount(labels, minlength=len(events.label_names))
    for name, count in zip(events.label_names, counts, strict=True):
        if not 0 < count < len(labels):
            raise CardError(
                f"{codes}: class {name!r} has {count} of {len(labels)} test events. "
                "Expected events inside and outside of it"
            )


def _scores(events: EventCodes, outputs: dict[str, Outputs]) -> dict[str, Any]:
    """Return the figures by which the network is judged, of all heads together and of each of several."""
    true, score = events.truth(TEST), EventScore.for_split(events, TEST)
    each = {method: score.score(method_outputs[TEST], true) for method, method_outputs in outputs.items()}
    scores = score.summary(each[FIRMWARE], true)
    results = {
        "metric": score.measure,
        "events": len(true),
        "score": scores.weighted,
        "scores": scores,
        "weighted": score.weights is not None,
    }
    if len(events.heads) == 1:
        return results
    return results | {
        "heads": {method: score.by_head(method_outputs[TEST], true) for method, method_outputs in outputs.items()},
        "differences": {
            method: _paired(each[FIRMWARE] - other, score.weights)
            for method, other in each.items()
            if method != FIRMWARE
        },
    }


def _paired(difference: Floats, weights: NDArray[Any] | None) -> PairedDifference:
    value, error = weighted_mean(difference, weights)
    return PairedDifference(value=value, error=error)


def _classes(design: Spec, events: EventCodes, outputs: dict[str, Outputs], options: TaggingOptions) -> dict[str, Any]:
    """Return accuracies, curves and pairs of classes of all methods."""
    scores = {method: class_scores(method_outputs, events) for method, method_outputs in outputs.items()}
    return _classification(events, scores) | _tagging(events, scores, options)


def _classification(events: EventCodes, outputs: dict[str, Outputs]) -> dict[str, Any]:
    labels, classes, weights = events.labels_of(TEST), events.label_names, events.weights_of(TEST)
    judged_methods = {method: Judged.of(method_outputs[TEST], labels) for method, method_outputs in outputs.items()}
    methods = [
        classification(method, judged, labels=labels, classes=classes, weights=weights)
        for method, judged in judged_methods.items()
    ]
    firmware = methods[-1]
    return {
        "classes": firmware.classes,
        "confusion": firmware.confusion,
        "methods": methods,
        "quantization_losses": [
            cost(method, judged_methods[FIRMWARE], other=judged, classes=classes, weights=weights)
            for method, judged in judged_methods.items()
            if method != FIRMWARE
        ],
    }


def _tagging(events: EventCodes, outputs: dict[str, Outputs], options: TaggingOptions) -> dict[str, Any]:
    """Return distributions of the firmware's scores, given discriminators, and pairs of classes."""
    labels, odds = events.labels_of(TEST), log_odds(outputs[FIRMWARE][TEST])
    given = discriminators_of(events, options.discriminators)
    return {
        "score_histograms": {
            name: score_histogram(odds[:, k], labels, classes=events.label_names)
            for k, name in enumerate(events.label_names)
        },
        "discriminators": discriminator_results(events, given),
        "pairs": [] if options.tagging is None else pair_results(events, options.tagging, outputs=outputs, given=given),
    }


def _targets(design: Spec, events: EventCodes, outputs: dict[str, Outputs], options: TaggingOptions) -> dict[str, Any]:
    """Return the resolution of all targets of all methods."""
    assert events.targets is not None
    true = np.asarray(events.targets[events.split == TEST])
    resolutions = []
    for one in events.placed_targets:
        resolution = target_resolution(
            one.name,
            one.unit,
            true=one.scale * true[:, one.column].astype(np.float64),
            predicted={
                method: one.scale * method_outputs[TEST][:, one.output] for method, method_outputs in outputs.items()
            },
            seed=design.seed,
        )
        ranked = bool(events.label_classes)
        resolutions.append(_with_ranks(resolution, true[:, one.column], outputs, one.output) if ranked else resolution)
    return {"targets": resolutions}


RESULTS: dict[HeadKind, Callable[[Spec, EventCodes, dict[str, Outputs], TaggingOptions], dict[str, Any]]] = {
    CLASSES: _classes,
    TARGETS: _targets,
}
"""Results of all heads of a kind, as fields of the card."""


def _with_ranks(
    target: TargetResolution, true: NDArray[Any], outputs: dict[str, Outputs], output: int
) -> TargetResolution:
    """Return the resolution with the rank correlation of each method with the teacher."""
    methods = [
        method.model_copy(update={"rank_correlation": rank_correlation(outputs[method.method][TEST][:, output], true)})
        for method in target.methods
    ]
    return target.model_copy(update={"methods": methods})
