"""Inputs of a network in two samples, as integers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trigger_lut.cards.drift import CodeHistogram, CodeShift, InputDrift, NumberDrift, Spread
from trigger_lut.cards.stage_cards import FeatureSummary
from trigger_lut.config.data_set.channels import Channel
from trigger_lut.evaluation.drift.samples import Sample, code_counts
from trigger_lut.fixed_point.formats import IntArray
from trigger_lut.metrics.distances import Floats, aligned_histograms, sample_distance
from trigger_lut.metrics.ratios import value_ratio, weighted_fraction

MAX_BINS, DRAWN_INPUTS, LISTED_CODES = 64, 6, 3


def input_drift(
    trained: Sample, new: Sample, *, ingested: tuple[Sequence[FeatureSummary], Sequence[FeatureSummary]]
) -> list[InputDrift]:
    """Compare every input.

    Parameters
    ----------
    trained, new : Sample
        Events of both data sets.
    ingested : tuple of sequence of FeatureSummary
        Summaries of the inputs from the ingest cards of both data sets.

    Returns
    -------
    list of InputDrift
        One for each input, largest distance first. The first DRAWN_INPUTS have histograms.
    """
    known = code_counts(trained.events)
    sizes = trained.effective, new.effective
    drifts = []
    for n, (before, now) in enumerate(zip(trained.histograms(), new.histograms(), strict=True)):
        kif, (summary, other) = trained.events.formats[n], (side[n] for side in ingested)
        step = kif.step if summary.lsb is None else summary.lsb
        p, q = before.fractions, now.fractions
        values = step * np.arange(kif.lo, kif.hi + 1)
        drifts.append(
            InputDrift(
                name=summary.name,
                format=str(kif),
                distance=sample_distance(before, now),
                trained=spread(values, p, effective=sizes[0]),
                new=spread(values, q, effective=sizes[1]),
                lowest=value_ratio(weighted_fraction(p[0], sizes[0]), weighted_fraction(q[0], sizes[1])),
                highest=value_ratio(weighted_fraction(p[-1], sizes[0]), weighted_fraction(q[-1], sizes[1])),
                saturated=(summary.saturated_fraction, other.saturated_fraction),
                distinct_codes=(int((p > 0).sum()), int((q > 0).sum())),
                unseen=float(q[known[n] == 0].sum()),
                unseen_by_chance=float((known[n] == 1).sum() / known[n].sum()),
                shifted=[
                    CodeShift(code=kif.lo + c, value=float(values[c]), trained=float(p[c]), new=float(q[c]))
                    for c in np.argsort(-np.abs(p - q), kind="stable")[:LISTED_CODES].tolist()
                ],
                histogram=_rebinned(p, q, kif.lo, step),
            )
        )
    drifts.sort(key=lambda x: -x.distance.ks)
    return [x if n < DRAWN_INPUTS else x.model_copy(update={"histogram": None}) for n, x in enumerate(drifts)]


def sum_drift(
    trained: Sample, new: Sample, *, channels: Sequence[Channel], steps: Sequence[float]
) -> list[NumberDrift]:
    """Compare the sum of each object feature over all slots.

    Parameters
    ----------
    trained, new : Sample
        Events of both data sets.
    channels : sequence of Channel
        Description of each input.
    steps : sequence of float
        Value of code 1 of each input.

    Returns
    -------
    list of NumberDrift
        One for each feature of objects.
    """
    groups: dict[str, list[int]] = {}
    for n, channel in enumerate(channels):
        if channel.objects is not None:
            groups.setdefault(channel.group, []).append(n)
    columns = list(groups.values())
    sums = zip(groups.items(), trained.sums(columns), new.sums(columns), strict=True)
    weights = trained.taken_weights, new.taken_weights
    return [
        number_drift(name, step=steps[members[0]], values=(before, now), weights=weights)
        for (name, members), before, now in sums
    ]


def number_drift(
    name: str, *, unit: str = "", step: float, values: tuple[IntArray, IntArray], weights: tuple[Floats, Floats]
) -> NumberDrift:
    """Compare one weighted integer, values (N,) and (M,); step: the value of 1."""
    first, second = aligned_histograms(*values, weights=weights)
    return NumberDrift(
        name=name,
        unit=unit,
        distance=sample_distance(first, second),
        trained=spread(step * values[0], weights[0], effective=first.effective),
        new=spread(step * values[1], weights[1], effective=second.effective),
    )


def spread(values: ArrayLike, weights: Floats, *, effective: float) -> Spread:
    """Compute mean and standard deviation of values (N,) with weights (N,) of `effective` events."""
    array: NDArray[np.float64] = np.asarray(values, np.float64)
    mean = float(np.average(array, weights=weights))
    width = float(np.sqrt(np.average((array - mean) ** 2, weights=weights)))
    return Spread(mean=mean, error=width / effective**0.5, spread=width)


def _rebinned(p: Floats, q: Floats, lo: int, step: float) -> CodeHistogram:
    """Merge neighboring codes into bins of equal width over the format."""
    bins = min(len(p), MAX_BINS)
    edges = step * np.linspace(lo, lo + len(p), bins + 1)
    first, second = (side.reshape(bins, -1).sum(axis=1).tolist() for side in (p, q))
    return CodeHistogram(edges=edges.tolist(), trained=first, new=second)
