"""From real values of channels to integer codes, and what a channel looks like afterwards."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from trigger_lut.cards.stage_cards import FeatureSummary, InputFormat
from trigger_lut.config.data_set.channels import Channel
from trigger_lut.config.data_set.features import LEAST_FRACTION, Feature
from trigger_lut.config.data_set.model import DataSet
from trigger_lut.data.formats import Extent, format_between, format_of, format_of_model
from trigger_lut.data.quantiles import quantiles
from trigger_lut.data.records import Rows, filled_slots
from trigger_lut.errors import DataError
from trigger_lut.fixed_point.formats import KIF

BINS = 64
Floats = NDArray[np.float32]


def step(feature: Feature, kif: KIF) -> float:
    """Return the value of a step of one code."""
    return feature.scale.lsb if feature.scale is not None else kif.step


def whole_steps(values: Floats, feature: Feature, *, kif: KIF) -> NDArray[np.float64]:
    """Values in steps of the format, rounded as it says, not yet brought into its range."""
    if feature.scale is None:
        return np.floor(values.astype(np.float64) * 2.0**kif.f)
    half = 0.5 if feature.scale.rounding == "nearest" else 0.0
    return np.floor(values.astype(np.float64) / feature.scale.lsb + half)


def formats_of_model(described: Sequence[Channel], read: Sequence[InputFormat | None] | None) -> dict[str, InputFormat]:
    """Return the formats that an imported model gives to channels whose description states neither format nor width.

    Parameters
    ----------
    described : sequence of Channel
    read : sequence of InputFormat or None
        What the model reads, by channel; None without a model.

    Returns
    -------
    dict of str to InputFormat
        By group of channels: one that covers what the model reads of each of them. Without groups that no quantizer
        reads.
    """
    formats: dict[str, InputFormat] = {}
    for channel, one in zip(described, read or [], strict=read is not None):
        if one is None or channel.feature.given is not None or channel.feature.width is not None:
            continue
        other = formats.get(channel.group, one)
        k, i, f = (max(pair) for pair in zip(one.kif, other.kif, strict=True))
        formats[channel.group] = InputFormat(kif=(k, i, f), wraps=one.wraps or other.wraps)
    return formats


def formats_of(
    data_set: DataSet,
    described: Sequence[Channel],
    *,
    training: Callable[[], Iterable[Rows]],
    read: Mapping[str, InputFormat] | None = None,
) -> tuple[KIF, ...]:
    """Return the format of each channel; an automatic one follows from the training split and all filled slots.

    Parameters
    ----------
    data_set : DataSet
    described : sequence of Channel
    training : callable
        Gives the records of the training split, block by block, as often as it is called.
    read : mapping of str to InputFormat, optional
        Result of `formats_of_model`.

    Returns
    -------
    tuple of KIF

    Raises
    ------
    DataError
        If a channel of automatic format needs steps that firmware cannot have.
    """
    automatic: dict[str, list[int]] = {}
    for n, channel in enumerate(described):
        if channel.feature.given is None:
            automatic.setdefault(channel.group, []).append(n)
    features = {group: described[alike[0]].feature for group, alike in automatic.items()}
    extents = {group: Extent() for group in automatic}

    def blocks() -> Iterator[dict[str, Floats]]:
        for rows in training():
            for group, alike in automatic.items():
                for n in alike:
                    values = rows["values"][filled_slots(data_set, described[n], rows=rows), n]
                    extents[group].add(values)
                    yield {group: values}

    wanted = {group: f.quantiles or data_set.quantiles for group, f in features.items()}
    limits = quantiles(blocks, wanted) if automatic else {}
    formats = {}
    for group, feature in features.items():
        if (asked := (read or {}).get(group)) is not None:
            formats[group] = format_of_model(KIF(*asked.kif), asked.wraps, extent=extents[group])
            continue
        width = feature.width or data_set.width
        if not limits[group]:  # of objects that never occur any format will do
            formats[group] = format_between(0.0, 0.0, width=width)
            continue
        low, high = limits[group]
        formats[group] = format_of(extents[group], (low, high), width=width)
        if formats[group].f < LEAST_FRACTION:
            raise DataError(
                f"data set {data_set.name}: feature {group!r}: expected steps of 2**{-LEAST_FRACTION} at most, found "
                f"2**{-formats[group].f} for {low:.3g} to {high:.3g} in {width} bits. Scale it in its expression, or "
                "give it more bits or a scale"
            )
    return tuple(channel.feature.given or formats[channel.group] for channel in described)


class Tally:
    """A channel's codes, block by block, and what the card says of them: all but `empty_fraction` of filled slots."""

    def __init__(self, channel: Channel, kif: KIF, *, classes: int, of_model: bool = False) -> None:
        self.channel, self.kif, self.of_model = channel, kif, of_model
        self.bins = min(BINS, 1 << kif.bits)
        self.counts = np.zeros((classes, self.bins), np.int64)
        self.seen = np.zeros(1 << kif.bits, bool)
        self.events = self.filled = self.saturated = 0
        self.minimum, self.maximum = np.inf, -np.inf
        self.digest = hashlib.blake2b(digest_size=16)  # of the values in order

    def encode(self, values: Floats, labels: NDArray[np.int64], *, filled: NDArray[np.bool_]) -> NDArray[np.int32]:
        """(N,) codes of finite values (N,), saturated."""
        kif, wanted = self.kif, whole_steps(values, self.channel.feature, kif=self.kif)
        self.digest.update(np.ascontiguousarray(values).data)
        codes = np.clip(wanted, kif.lo, kif.hi).astype(np.int32)
        self.events, self.filled = self.events + len(codes), self.filled + int(filled.sum())
        self.saturated += int(((wanted != codes) & filled).sum())
        places = codes[filled] - kif.lo
        if len(places):
            self.minimum = min(self.minimum, float(values[filled].min()))
            self.maximum = max(self.maximum, float(values[filled].max()))
            self.seen[places] = True
            bin_of = places // (len(self.seen) // self.bins)
            both = np.bincount(labels[filled] * self.bins + bin_of, minlength=self.counts.size)
            self.counts += both.reshape(self.counts.shape)
        return codes

    def summary(self, nonfinite: int) -> FeatureSummary:
        """Return the entry of the card; nonfinite: values that were dropped or replaced before."""
        feature, kif = self.channel.feature, self.kif
        size = step(feature, kif)
        return FeatureSummary(
            name=self.channel.name,
            kif=(kif.k, kif.i, kif.f),
            format=str(kif),
            automatic=feature.given is None and not self.of_model,
            of_model=self.of_model,
            minimum=self.minimum if self.filled else None,
            maximum=self.maximum if self.filled else None,
            saturated_fraction=self.saturated / max(self.filled, 1),
            nonfinite=nonfinite,
            lsb=None if feature.scale is None else size,
            empty_fraction=1 - self.filled / max(self.events, 1),
            distinct_codes=int(self.seen.sum()),
            histogram={
                "edges": [np.linspace(kif.lo * size, (kif.hi + 1) * size, self.bins + 1).tolist()],
                "counts": self.counts.astype(float).tolist(),
            },
        )
