"""Stage `scan`: all designs as points of accuracy against LUTs and latency, and the Pareto front."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from trigger_lut.cards.base import Stopwatch, read_card, write_card, write_text
from trigger_lut.cards.physics import PhysicsCard
from trigger_lut.cards.scan import ScanCard, ScanPoint
from trigger_lut.cards.stage_cards import DesignSummary, ReferenceCard, TrainCard
from trigger_lut.config.budget import Spec
from trigger_lut.config.network import short_name
from trigger_lut.errors import CardError
from trigger_lut.evaluation.budget_lines import describe_miss
from trigger_lut.evaluation.published import RESULTS
from trigger_lut.stages.registry import Output
from trigger_lut.stages.summary import rows_as_table, same_everywhere, summarize


def front(points: Sequence[tuple[float, float, bool]]) -> list[bool]:
    """Return which of the points (accuracy, cost, may be chosen) are on the Pareto front.

    Another point dominates one if it is as accurate at a lower cost, or more accurate at no higher cost. Points that
    may not be chosen neither dominate others nor are on the front.
    """
    allowed = [(accuracy, cost) for accuracy, cost, may in points if may]
    return [
        may and not any((a > accuracy and c <= cost) or (a == accuracy and c < cost) for a, c in allowed)
        for accuracy, cost, may in points
    ]


def run(
    *, reference: Path, designs: list[Path], points: list[Path], json: Output, tsv: Output, published: str | None
) -> None:
    """Compare all designs of a scan and mark the Pareto front.

    Parameters
    ----------
    designs : list of Path
        Folders of designs outside the scan.
    points : list of Path
        Folders of the points of the scan.
    published : str or None
        Name of the public data set, to list published results.

    Raises
    ------
    CardError
        If a card is missing or damaged, or the designs differ in data set or target.
    """
    watch = Stopwatch()
    card = read_card(ReferenceCard, reference)
    scan_rows, first, events, read = scan_points(card, designs, points=points)
    record = ScanCard(
        data_set=first.data_set,
        target=first.target_name,
        events=events,
        baselines=card.baselines,
        points=scan_rows,
        public_data_set=published,
        published=RESULTS[published] if published else [],
        **watch.provenance([reference, *read]),
    )
    write_text(tsv, rows_as_table([point.model_dump(mode="json") for point in scan_rows]))
    write_card(record, json)


def scan_points(
    card: ReferenceCard, designs: Sequence[Path], *, points: Sequence[Path]
) -> tuple[list[ScanPoint], Spec, int, list[Path]]:
    """Return the points of a scan, the first one's spec, the number of test events, and the cards that were read.

    Raises
    ------
    CardError
        If a card is missing or damaged, or the designs are not of one data set and target.
    """
    folders = [*points, *designs]
    summaries = [summarize(folder, card) for folder in folders]
    first = summaries[0][0]
    same_everywhere(folders, [spec for spec, _, _ in summaries])
    events = [read_card(PhysicsCard, folder / "physics.json").events for folder in folders]
    for folder, count in zip(folders, events, strict=True):
        if count != events[0]:
            raise CardError(
                f"{folder / 'physics.json'}: events: expected {events[0]} as in {folders[0]}, found {count}"
            )
    epochs = [read_card(TrainCard, folder / "train.json").epochs for folder in folders]
    rows = [row for _, row, _ in summaries]
    on_luts = front([(row.score, row.luts, row.bit_exact) for row in rows])
    on_latency = front([(row.score, row.latency_ns, row.bit_exact) for row in rows])
    scanned = [
        _point(
            spec,
            row,
            scanned=n < len(points),
            epochs=epochs[n],
            front_luts=on_luts[n],
            front_latency=on_latency[n],
        )
        for n, (spec, row, _) in enumerate(summaries)
    ]
    return scanned, first, events[0], [path for _, _, paths in summaries for path in paths]


def _point(
    spec: Spec, row: DesignSummary, *, scanned: bool, epochs: int, front_luts: bool, front_latency: bool
) -> ScanPoint:
    network = spec.network
    return ScanPoint(
        name=row.name,
        scanned=scanned,
        network=short_name(network),
        max_input_bits=None if network.is_given else network.max_input_bits,
        seed=spec.seed,
        warm_from=spec.warm_from,
        epochs=epochs,
        training_seconds=row.training_seconds,
        score=row.score,
        metric=row.metric,
        score_error=row.scores.weighted_error,
        luts=row.luts,
        luts_source=row.luts_source,
        luts_budget=row.luts_budget,
        ff=row.ff,
        latency_cycles=row.latency_cycles,
        latency_ns=row.latency_ns,
        latency_source=row.latency_source,
        latency_ns_budget=row.latency_ns_budget,
        bit_exact=row.bit_exact,
        vectors=row.vectors,
        mismatches=row.mismatches,
        budget_met=row.budget_met,
        missed_budgets=[describe_miss(line) for line in row.budget if not line.met],
        front_luts=front_luts,
        front_latency=front_latency,
    )
