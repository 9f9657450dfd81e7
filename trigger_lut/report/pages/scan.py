"""Page of a scan: accuracy against LUTs and latency, and a table of all points."""

from __future__ import annotations

from pathlib import Path

from trigger_lut.cards.base import read_card
from trigger_lut.cards.scan import ScanCard, ScanPoint
from trigger_lut.cards.stage_cards import METRICS
from trigger_lut.evaluation.published import TITLES
from trigger_lut.report.pages.baselines import described, score
from trigger_lut.report.plots.style import styled
from trigger_lut.report.template import Cell, Page, Table, cells, judgement, percent, write_page
from trigger_lut.utils.wording import counted

MARKS = (
    "Filled: on the Pareto front. Open and gray: dominated. Triangles: budget missed. Bars: binomial standard error on "
    "{events} test events. All designs use the same events, so that differences between them have smaller errors."
)


def pages_of_scan(*, scan: Path, folder: Path) -> None:
    """Write the page of a scan: scan.html, scan.svg (LUTs) and scan_latency.svg.

    Parameters
    ----------
    scan : Path
        ScanCard.

    Raises
    ------
    CardError
        If a card is missing or damaged.
    """
    with styled():
        write_page(scan_page(read_card(ScanCard, scan)), folder / "scan.html")


def scan_page(card: ScanCard) -> Page:
    """Return the page."""
    from trigger_lut.report.plots.pareto import against_latency, against_luts

    met = sum(point.budget_met for point in card.points)
    return Page(
        title="Scan",
        lead=f"{len(card.points)} designs on data set {card.data_set} for {card.target}; {met} meet their budget.",
        tables=[_points(card), _baselines(card)],
        cards={"scan": card},
        plots=[
            ("scan.svg", against_luts(card), "Accuracy against LUTs. " + MARKS.format(events=card.events)),
            ("scan_latency.svg", against_latency(card), "Accuracy against latency at the target's clock."),
        ],
        plots_first=True,
    )


def _points(card: ScanCard) -> Table:
    luts = ", ".join(sorted({p.luts_source for p in card.points}))
    latency = ", ".join(sorted({p.latency_source for p in card.points}))
    numbers = {point.name: n for n, point in enumerate(card.points, start=1)}
    return Table(
        "All points",
        [
            *(
                "#",
                "Design",
                METRICS[card.points[0].metric],
                "LUT",
                "FF",
                "Latency [ns]",
                "Budget",
                "Bit-exact",
                "Pareto front",
            ),
            *("Network", "Address bits", "Seed", "Epochs", "Started from"),
        ],
        [_row(n, point, numbers) for n, point in enumerate(card.points, start=1)],
        note=f"LUT, FF: {luts}. Latency: {latency}. The number after 'of' is the budget. Pareto front: no other design "
        "is as accurate at a lower cost. Started from: point (#) whose network, before its widths were frozen, was the "
        "start of this training; -: trained from scratch. Click a column head to sort.",
        sortable=True,
    )


def _row(n: int, point: ScanPoint, numbers: dict[str, int]) -> list[Cell]:
    start = numbers.get(point.warm_from or "", 0)
    fronts = [name for name, best in (("LUT", point.front_luts), ("latency", point.front_latency)) if best]
    exact = (
        "yes"
        if point.bit_exact
        else f"no, {counted(point.mismatches, 'mismatch')}"
        if point.mismatches
        else "not shown"
    )
    return [
        Cell(str(n)),
        *cells(point.name),
        Cell(_accuracy(point), key=point.score),
        Cell(f"{point.luts} of {point.luts_budget}", key=point.luts),
        *cells(point.ff),
        Cell(f"{point.latency_ns:.2f} of {point.latency_ns_budget:g}", key=point.latency_ns),
        judgement(point.budget_met),
        judgement(point.bit_exact, exact, no=exact),
        Cell(", ".join(fronts) or "-", "text"),
        *cells(point.network),
        Cell("own" if point.max_input_bits is None else str(point.max_input_bits), key=point.max_input_bits or 0),
        Cell(str(point.seed)),
        *cells(point.epochs),
        Cell(f"#{start}" if start else "-", key=start),
    ]


def _baselines(card: ScanCard) -> Table:
    """Return the table of baselines, and of published results on the same public data set."""
    none = Cell("-")
    rows = [
        [none, *cells(baseline.name, score(baseline)), *[none] * 4, Cell("this run")] for baseline in card.baselines
    ]
    for n, row in enumerate(card.published, start=1):
        rest = [Cell("not found" if value is None else f"{value:g}") for value in (row.luts, row.ff, row.latency_ns)]
        rows.append(
            [
                Cell(f"P{n}"),
                *cells(f"{row.method} ({row.source})", percent(row.accuracy)),
                *rest,
                Cell(row.part or "not found"),
                Cell("as published"),
            ]
        )
    if card.public_data_set is not None:
        note = (
            f"Published results are on the same public data set ({TITLES[card.public_data_set]}), as stated by their "
            "authors, with other tools, devices and splits. They were not repeated."
        )
    else:
        note = (
            f"No published results are shown, as accuracies on other events cannot be compared. Data set "
            f"{card.data_set!r} names no public data set (key published; known: {', '.join(TITLES)})."
        )
    header = ["", "Method", "Accuracy", "LUT", "FF", "Latency [ns]", "Part", "Source"]
    return Table("Baselines and published results", header, rows, note=f"{described(card.baselines)} {note}")


def _accuracy(point: ScanPoint) -> str:
    error = "" if point.score_error is None else f" ± {100 * point.score_error:.2f}"
    return f"{100 * point.score:.2f}{error} %"
