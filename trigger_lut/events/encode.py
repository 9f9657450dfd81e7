"""From real values of channels to integer codes, and what a channel looks like afterwards."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trigger_lut.events.channels import Channel
from trigger_lut.events.columns import Columns
from trigger_lut.events.description import DataSet
from trigger_lut.events.features import Feature
from trigger_lut.events.formats import automatic_format
from trigger_lut.fixed_point import KIF
from trigger_lut.records import FeatureSummary

BINS = 64


def step(feature: Feature, kif: KIF) -> float:
    """What a step of one code stands for."""
    return feature.scale.lsb if feature.scale is not None else kif.step


def whole_steps(values: NDArray[np.float32], feature: Feature, kif: KIF) -> NDArray[np.float64]:
    """Values in steps of the format, rounded as it says, not yet brought into its range."""
    if feature.scale is None:
        return np.floor(values.astype(np.float64) * 2.0**kif.f)
    half = 0.5 if feature.scale.rounding == "nearest" else 0.0
    return np.floor(values.astype(np.float64) / feature.scale.lsb + half)


def encode_values(values: NDArray[np.float32], feature: Feature, kif: KIF) -> NDArray[np.int32]:
    """Codes of finite values (N,), saturated."""
    return np.clip(whole_steps(values, feature, kif), kif.lo, kif.hi).astype(np.int32)


def filled_slots(data_set: DataSet, channel: Channel, columns: Columns) -> NDArray[np.bool_]:
    """(N,) whether a channel's slot holds an object; of a feature of the entry and of a mask: always."""
    if channel.objects is None or channel.present:
        return np.ones(len(columns.labels), dtype=bool)
    return columns.kept[:, list(data_set.objects).index(channel.objects)] > channel.slot


def formats_of(
    data_set: DataSet, described: Sequence[Channel], columns: Columns, train: NDArray[np.bool_]
) -> list[KIF]:
    """The format of each channel; an automatic one from the training split, of objects from all filled slots."""
    found: dict[str, KIF] = {}
    for channel in described:
        feature = channel.feature
        if channel.group in found:
            continue
        if feature.given is not None:
            found[channel.group] = feature.given
            continue
        alike = [n for n, other in enumerate(described) if other.group == channel.group]
        values = [columns.values[train & filled_slots(data_set, described[n], columns), n] for n in alike]
        held = np.concatenate(values)
        if not len(held):  # objects that never occur: any format will do
            held = columns.values[:1, alike[0]]
        found[channel.group] = automatic_format(
            held, feature.width or data_set.width, feature.quantiles or data_set.quantiles
        )
    return [found[channel.group] for channel in described]


def summary(
    channel: Channel,
    kif: KIF,
    values: NDArray[np.float32],
    codes: NDArray[np.int32],
    labels: NDArray[np.int64],
    filled: NDArray[np.bool_],
    classes: int,
) -> FeatureSummary:
    """What the card says of a channel (values, codes, labels: (N,)); all but `empty_fraction` is of filled slots."""
    feature = channel.feature
    size = step(feature, kif)
    empty = 1 - float(filled.mean())
    if filled.any():
        values, codes, labels = values[filled], codes[filled], labels[filled]
    wanted = whole_steps(values, feature, kif)
    bins = min(BINS, 1 << kif.bits)
    bin_of = (codes - kif.lo) // ((1 << kif.bits) // bins)
    return FeatureSummary(
        name=channel.name,
        kif=(kif.k, kif.i, kif.f),
        format=str(kif),
        automatic=feature.given is None,
        minimum=float(values.min()),
        maximum=float(values.max()),
        saturated_fraction=float((wanted != codes).mean()),
        nonfinite=0,
        lsb=None if feature.scale is None else size,
        empty_fraction=empty,
        distinct_codes=len(np.unique(codes)),
        histogram={
            "edges": [np.linspace(kif.lo * size, (kif.hi + 1) * size, bins + 1).tolist()],
            "counts": [np.bincount(bin_of[labels == k], minlength=bins).tolist() for k in range(classes)],
        },
    )
