"""Stage `importance`: loss of quality without each input or bit, and the inputs that the network does not read.

A bit, a feature or an object slot is shuffled among events of the test split while all else stays. The quality that is
lost is measured on the same events. References: L. Breiman, Machine Learning 45 (2001) 5; A. Fisher, C. Rudin,
F. Dominici, J. Mach. Learn. Res. 20 (2019) 177. When a bit is shuffled, the other bits of its feature stay, which can
make values that do not occur. A sign bit can therefore lose more than its feature.

The loss of event n is d_n, the mean over the shuffles. The mean of d_n over N events has the standard error
std(d) / sqrt(N). For one shuffle of a classification this is the error of McNemar's test.

A loss says how much this network relies on an input, not what another network could do without. Of inputs with the
same information, each alone may look dispensable. Which bits are read at all is decided for all codes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trigger_lut.cards.base import Stopwatch, read_card, write_card
from trigger_lut.cards.importance import BitImportance, FeatureImportance, ImportanceCard, Loss, SlotImportance
from trigger_lut.config.budget import Spec
from trigger_lut.config.data_set.channels import Channel, channels
from trigger_lut.config.data_set.load import load_data_set
from trigger_lut.data.event_codes import TEST, EventCodes
from trigger_lut.errors import CardError
from trigger_lut.evaluation.predictions import load_with_network, real_outputs
from trigger_lut.fixed_point.formats import KIF, IntArray, wrap
from trigger_lut.metrics.accuracy import EventScore, weighted_mean
from trigger_lut.network.input_usage import Reads, input_reads
from trigger_lut.network.network import Network
from trigger_lut.network.reference_model import evaluate
from trigger_lut.stages.registry import Output

SHUFFLES = 5
LEAST_EVENTS, MOST_EVENTS = 2_000, 20_000
WORK = 8e9  # look-ups and multiplications over all shuffles, about a minute: more events are not used
Trial = tuple[Sequence[int], int | None]
"""Channels that are shuffled alike, and a mask of the bits that are; None: all of them."""


def run(*, spec: Path, network: Path, codes: Path, description: Path, card: Output) -> None:
    """Measure the loss of accuracy without a feature, or one bit of it, and list inputs that are not read.

    Raises
    ------
    CardError
        If a file is damaged, or the files do not fit.
    """
    watch = Stopwatch()
    design, (net, events) = read_card(Spec, spec), load_with_network(network, codes)
    total = int(events.counts()[:, TEST].sum())
    if not total:
        raise CardError(f"{codes}: no events in the test split. Give more events, or a larger test split.")
    named = channels(load_data_set(description))
    if tuple(channel.name for channel in named) != events.features:
        raise CardError(
            f"{description}: other features than in {codes}. Expected the description of the codes. Run the ingest "
            "stage again."
        )
    reads = input_reads(net)
    features, slots = _features(named), _slots(named)
    trials: list[Trial] = [(group, None) for group in (*features.values(), *slots.values())]
    for group in features.values():
        trials += [(group, 1 << bit) for bit in np.flatnonzero(_together(reads, group)[::-1]).tolist()]
    sample = Sample.of(net, events, trials=trials, seed=design.seed)
    importance_card = ImportanceCard(
        design=design.design,
        metric=sample.judge.measure,
        score=sample.judge.mean(sample.quality),
        events=len(sample.codes),
        events_test=total,
        shuffles=SHUFFLES,
        inputs_all=len(named),
        pruned=[channel.name for channel, read in zip(named, reads, strict=True) if not read.bits.any()],
        bits=sum(kif.bits for kif in net.inputs),
        bits_read=sum(int(read.bits.sum()) for read in reads),
        features=[_feature(sample, name, group, reads) for name, group in features.items()],
        slots=[_slot(sample, place, group, reads) for place, group in slots.items()],
        **watch.provenance([spec, network, codes, description], "numpy"),
    )
    write_card(importance_card, card)


def _features(named: Sequence[Channel]) -> dict[str, list[int]]:
    """Numbers of channels by feature: its name, or of objects '<objects>_*_<feature>'."""
    channels_of: dict[str, list[int]] = {}
    for number, channel in enumerate(named):
        name = channel.name if channel.objects is None else f"{channel.objects}_*_{channel.feature.name}"
        channels_of.setdefault(name, []).append(number)
    return channels_of


def _slots(named: Sequence[Channel]) -> dict[tuple[str, int], list[int]]:
    """Numbers of channels by objects and slot."""
    channels_of: dict[tuple[str, int], list[int]] = {}
    for number, channel in enumerate(named):
        if channel.objects is not None:
            channels_of.setdefault((channel.objects, channel.slot), []).append(number)
    return channels_of


def _together(reads: Sequence[Reads], group: Sequence[int]) -> NDArray[np.bool_]:
    """(bits,) whether a bit is read in any of these channels, which have one format."""
    return np.asarray(np.array([reads[channel].bits for channel in group]).any(axis=0))


@dataclass(frozen=True)
class Sample:
    """Events that importance is measured on: codes (N, C), truth, quality (N,) of each, and orders to shuffle into."""

    network: Network
    judge: EventScore
    codes: IntArray
    truth: NDArray[Any]
    quality: NDArray[np.float64]
    orders: list[IntArray]

    @property
    def weights(self) -> NDArray[Any] | None:
        """Weights of these events, the first of the test split; None: all are 1."""
        return None if self.judge.weights is None else self.judge.weights[: len(self.codes)]

    @classmethod
    def of(cls, network: Network, events: EventCodes, *, trials: Sequence[Trial], seed: int) -> Sample:
        """Return the first events of the test split, as many as all trials can be made on within WORK.

        Rows are in the order of a hash, so the first of them are no selection.
        """
        few = events.first(TEST, LEAST_EVENTS)[0].astype(np.int64)
        order = np.roll(np.arange(len(few)), 1)
        again = sum(float(_changed(network, few, order, *trial)[0].mean()) for trial in trials)
        count = int(WORK / (SHUFFLES * max(again, 1.0) * _operations(network)))
        codes, truth = events.first(TEST, min(max(count, LEAST_EVENTS), MOST_EVENTS))
        judge, test_codes, rng = EventScore.for_split(events, TEST), codes.astype(np.int64), np.random.default_rng(seed)
        quality = judge.score(real_outputs(network, evaluate(network, test_codes)), truth)
        return cls(
            network, judge, test_codes, truth, quality, [rng.permutation(len(test_codes)) for _ in range(SHUFFLES)]
        )

    def lost(self, group: Sequence[int], mask: int | None = None) -> NDArray[np.float64]:
        """Return the loss of each event (N,) when channels are shuffled together; mask: only the bits set in it."""
        parts, rows = [], []
        for order in self.orders:
            changed, columns = _changed(self.network, self.codes, order, group, mask)
            shuffled = self.codes[changed]
            shuffled[:, group] = columns[changed]
            parts.append(shuffled)
            rows.append(np.flatnonzero(changed))
        # Events that stay as they were lose nothing and are not evaluated again.
        row, outputs = np.concatenate(rows), real_outputs(self.network, evaluate(self.network, np.concatenate(parts)))
        each = self.quality[row] - self.judge.score(outputs, self.truth[row])
        return np.asarray(np.bincount(row, each, minlength=len(self.codes)) / len(self.orders))


def loss(lost: NDArray[np.float64], weights: NDArray[Any] | None = None) -> Loss:
    """Return the mean of the losses of events (N,), N > 0, with their weights, and its standard error."""
    value, error = weighted_mean(lost, weights)
    return Loss(value=value, error=error)


def _changed(
    network: Network, codes: IntArray, order: IntArray, group: Sequence[int], mask: int | None
) -> tuple[NDArray[np.bool_], IntArray]:
    """Return which of the events (N, C) change (N,) when channels are shuffled into an order, and their codes then."""
    columns = [
        mixed(codes[:, channel], codes[order, channel], kif=network.inputs[channel], mask=mask) for channel in group
    ]
    changed_codes = np.stack(columns, axis=1)
    return np.asarray((changed_codes != codes[:, group]).any(axis=1)), changed_codes


def mixed(codes: IntArray, others: IntArray, *, kif: KIF, mask: int | None) -> IntArray:
    """Return codes (N,) with the two's complement bits of `mask` (None: all) taken from the others."""
    return others if mask is None else wrap((codes & ~mask) | (others & mask), kif)


def _operations(network: Network) -> int:
    """Count look-ups, multiplications and conversions an event, roughly."""
    count = 0
    for layer in network.layers:
        count += layer.n_positions * (layer.live_edges + layer.shape[0])
    return max(count, 1)


def _feature(sample: Sample, name: str, group: Sequence[int], reads: Sequence[Reads]) -> FeatureImportance:
    kif, channels_read = sample.network.inputs[group[0]], [reads[channel] for channel in group]
    read, nothing = _together(reads, group), np.zeros(len(sample.codes))
    lost = sample.lost(group) if read.any() else nothing
    return FeatureImportance(
        name=name,
        channels=len(group),
        channels_read=sum(bool(x.bits.any()) for x in channels_read),
        format=str(kif),
        bits_read=int(read.sum()),
        edges=len(set().union(*(x.kept for x in channels_read))),
        edges_possible=len(set().union(*(x.possible for x in channels_read))),
        loss=loss(lost, sample.weights),
        by_class=_by_class(sample, lost),
        bits=[
            BitImportance(
                bit_weight=(-1.0 if kif.k and bit == kif.bits - 1 else 1.0) * 2.0 ** (bit - kif.f),
                read=bool(is_read),
                ones=float(((sample.codes[:, list(group)] >> bit) & 1).mean()),
                loss=loss(sample.lost(group, 1 << bit) if is_read else nothing, sample.weights),
            )
            for bit, is_read in zip(reversed(range(kif.bits)), read, strict=True)
        ],
    )


def _by_class(sample: Sample, lost: NDArray[np.float64]) -> dict[str, Loss]:
    """Return the loss of each class that has events; empty for a regression."""
    labels = sample.judge.labels(sample.truth)
    if labels is None:
        return {}
    of_class = {name: labels == k for k, name in enumerate(sample.network.classes)}
    weights = np.ones(len(lost)) if sample.weights is None else sample.weights
    return {name: loss(lost[chosen], weights[chosen]) for name, chosen in of_class.items() if weights[chosen].any()}


def _slot(sample: Sample, place: tuple[str, int], group: Sequence[int], reads: Sequence[Reads]) -> SlotImportance:
    read = sum(int(reads[channel].bits.sum()) for channel in group)
    return SlotImportance(
        name=f"{place[0]}_{place[1]}",
        objects=place[0],
        slot=place[1],
        channels=len(group),
        bits=sum(len(reads[channel].bits) for channel in group),
        bits_read=read,
        loss=loss(sample.lost(group) if read else np.zeros(len(sample.codes)), sample.weights),
    )
