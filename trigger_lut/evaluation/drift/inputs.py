"""Inputs of a network in two samples, as integers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trigger_lut.cards.drift import CodeHistogram, CodeShift, InputDrift, NumberDrift, Spread
from trigger_lut.cards.stage_cards import FeatureSummary
from trigger_lut.config.data_set.channels import Channel
from trigger_lut.evaluation.drift.samples import Sample, occurring
from trigger_lut.fixed_point.formats import IntArray
from trigger_lut.metrics.distances import Floats, aligned, distance
from trigger_lut.metrics.ratios import compared, of_effective

BINS, DRAWN, SHIFTED = 64, 6, 3


def input_drift(
    trained: Sample, new: Sample, ingested: tuple[Sequence[FeatureSummary], Sequence[FeatureSummary]]
) -> list[InputDrift]:
    """Of all inputs, the largest distance first; ingested: what ingest says of them in both data sets."""
    known = occurring(trained.events)
    sizes = trained.effective, new.effective
    histograms = zip(trained.histograms(), new.histograms(), strict=True)
    found = []
    for n, (mine, its) in enumerate(histograms):
        kif, (summary, other) = trained.events.formats[n], (side[n] for side in ingested)
        step = kif.step if summary.lsb is None else summary.lsb
        p, q = mine.shares, its.shares
        values = step * np.arange(kif.lo, kif.hi + 1)
        found.append(
            InputDrift(
                name=summary.name,
                format=str(kif),
                distance=distance(mine, its),
                trained=spread(values, p, sizes[0]),
                new=spread(values, q, sizes[1]),
                lowest=compared(of_effective(p[0], sizes[0]), of_effective(q[0], sizes[1])),
                highest=compared(of_effective(p[-1], sizes[0]), of_effective(q[-1], sizes[1])),
                saturated=(summary.saturated_fraction, other.saturated_fraction),
                distinct_codes=(int((p > 0).sum()), int((q > 0).sum())),
                unseen=float(q[known[n] == 0].sum()),
                unseen_by_chance=float((known[n] == 1).sum() / known[n].sum()),
                shifted=[
                    CodeShift(code=kif.lo + c, value=float(values[c]), trained=float(p[c]), new=float(q[c]))
                    for c in np.argsort(-np.abs(p - q), kind="stable")[:SHIFTED].tolist()
                ],
                histogram=_binned(p, q, kif.lo, step),
            )
        )
    found.sort(key=lambda x: -x.distance.ks)
    return [x if n < DRAWN else x.model_copy(update={"histogram": None}) for n, x in enumerate(found)]


def sum_drift(trained: Sample, new: Sample, described: Sequence[Channel], steps: Sequence[float]) -> list[NumberDrift]:
    """Of each feature of objects the sum over all slots; steps: what a code of one stands for, a channel."""
    groups: dict[str, list[int]] = {}
    for n, channel in enumerate(described):
        if channel.objects is not None:
            groups.setdefault(channel.group, []).append(n)
    columns = list(groups.values())
    found = zip(groups.items(), trained.sums(columns), new.sums(columns), strict=True)
    weights = trained.taken_weights, new.taken_weights
    return [number_drift(name, "", steps[mine[0]], (first, second), weights) for (name, mine), first, second in found]


def number_drift(
    name: str, unit: str, step: float, values: tuple[IntArray, IntArray], weights: tuple[Floats, Floats]
) -> NumberDrift:
    """Of whole numbers (N,) and (M,) with weights; step: what one stands for."""
    first, second = aligned(*values, weights)
    return NumberDrift(
        name=name,
        unit=unit,
        distance=distance(first, second),
        trained=spread(step * values[0], weights[0], first.effective),
        new=spread(step * values[1], weights[1], second.effective),
    )


def spread(values: ArrayLike, weights: Floats, effective: float) -> Spread:
    """Of values (N,) with weights (N,) of `effective` events."""
    held: NDArray[np.float64] = np.asarray(values, np.float64)
    mean = float(np.average(held, weights=weights))
    width = float(np.sqrt(np.average((held - mean) ** 2, weights=weights)))
    return Spread(mean=mean, error=width / effective**0.5, spread=width)


def _binned(p: Floats, q: Floats, lo: int, step: float) -> CodeHistogram:
    """Equally many neighbouring codes a bin, over the whole format."""
    bins = min(len(p), BINS)
    edges = step * np.linspace(lo, lo + len(p), bins + 1)
    first, second = (side.reshape(bins, -1).sum(axis=1).tolist() for side in (p, q))
    return CodeHistogram(edges=edges.tolist(), trained=first, new=second)
