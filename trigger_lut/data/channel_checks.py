"""Warnings about channels that carry no information, or too much of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from trigger_lut.cards.stage_cards import FeatureSummary

FEW_EVENTS = 200  # below, single bins separate classes by chance
SEPARATES = 0.98  # balanced accuracy of one channel alone
OUTLIER = 1000  # times the range of the format
FEW_CODES, FEW_BITS = 4, 6  # so few codes of so many bits: outliers set the range


def channel_warnings(features: Sequence[FeatureSummary], digests: Sequence[bytes], *, events: int) -> list[str]:
    """Return a warning for each channel that is constant, never finite, a copy, full of outliers, or the label itself.

    Parameters
    ----------
    features : sequence of FeatureSummary
        Channels in order.
    digests : sequence of bytes
        Checksum of the values of each channel.
    events : int

    Returns
    -------
    list of str
    """
    lines = []
    first: dict[bytes, str] = {}
    for feature, digest in zip(features, digests, strict=True):
        name = f"channel {feature.name!r}"
        if events and feature.nonfinite >= events:
            lines.append(f"{name}: no value is finite")
        elif feature.minimum is None:
            lines.append(f"{name}: its slot is always empty. Reduce count")
        elif feature.minimum == feature.maximum:
            lines.append(f"{name}: always {feature.minimum:g}. Remove it")
        elif (other := first.setdefault(digest, feature.name)) != feature.name:
            lines.append(f"{name}: a copy of {other!r}. Remove one of them")
        else:
            lines += [f"{name}: {problem}" for problem in (_outliers(feature), _is_label(feature, events)) if problem]
    return lines


def _outliers(feature: FeatureSummary) -> str:
    """Return a warning where values lie far beyond the range of the format, or set it alone."""
    low, high = feature.histogram["edges"][0][0], feature.histogram["edges"][0][-1]
    assert feature.minimum is not None
    assert feature.maximum is not None
    most = max(feature.maximum, -feature.minimum)
    few = feature.automatic and sum(feature.kif) >= FEW_BITS and feature.distinct_codes <= FEW_CODES
    if most <= OUTLIER * max(-low, high) and not few:
        return ""
    return (
        f"reaches {feature.minimum:g} to {feature.maximum:g}, the format {low:g} to {high:g} with "
        f"{feature.distinct_codes} codes in use. Check for values such as -999 that mean 'missing'"
    )


def _is_label(feature: FeatureSummary, events: int) -> str:
    """Return a warning where the channel alone almost gives the class."""
    counts = np.array(feature.histogram["counts"])
    filled = counts.sum(axis=1, keepdims=True)
    if len(counts) < 2 or events < FEW_EVENTS or not filled.all() or feature.empty_fraction > 0:
        return ""
    accuracy = float((counts / filled).max(axis=0).sum() / len(counts))
    if accuracy < SEPARATES:
        return ""
    return f"gives the class alone, with a balanced accuracy of {accuracy:.3f}. Check that it is known to a trigger"
