"""Page of all designs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from trigger_lut.cards.base import read_card
from trigger_lut.cards.route import RouteCard
from trigger_lut.cards.stage_cards import METRICS, DesignSummary, Summary
from trigger_lut.report.pages.baselines import SCORES_NOTE, described, score, score_cells, with_error
from trigger_lut.report.pages.dashboard import against_limit
from trigger_lut.report.pages.route import designs_table
from trigger_lut.report.plots.style import styled
from trigger_lut.report.template import Cell, Page, Table, cells, fixed, fmax, judgement, percent, write_page
from trigger_lut.utils.wording import counted

BUDGET_LINES = {
    "luts": "LUTs",
    "clock_mhz": "Clock [MHz]",
    "latency_ns": "Latency [ns]",
    "ii": "Initiation interval [cycles]",
    "dsp": "DSP",
    "bram18": "BRAM18",
}


def pages_of_summary(*, summary: Path, folder: Path, routes: Sequence[Path] = ()) -> None:
    """Write the table of all designs: summary.html and summary.svg.

    Parameters
    ----------
    summary : Path
        Summary of the designs.
    routes : sequence of Path
        RouteCards of the designs, if this stage is switched on.

    Raises
    ------
    CardError
        If a card is missing or damaged.
    """
    routed = [read_card(RouteCard, path) for path in routes]
    with styled():
        write_page(summary_page(read_card(Summary, summary), routed), folder / "summary.html")


def summary_page(card: Summary, routed: list[RouteCard] | None = None) -> Page:
    """Return the page."""
    from trigger_lut.report.plots.summary import summary

    classes, shown = list(card.designs[0].auc), METRICS[card.designs[0].metric]
    quantities: list[tuple[str, Callable[[DesignSummary], object]]] = [
        ("Budget", lambda d: judgement(d.budget_met)),
        ("Bit-exact", lambda d: judgement(d.bit_exact, "yes", no=_not_exact(d))),
        ("Vectors compared", lambda d: d.vectors),
        (shown, lambda d: with_error(d.score, d.scores.weighted_error)),
        *(
            (f"{METRICS[head.metric]}, {head.name}", partial(_head, n=n))
            for n, head in enumerate(card.designs[0].heads)
        ),
        (f"{shown}, plain", lambda d: score_cells(d.scores)[1]),
        (f"{shown}, balanced", lambda d: score_cells(d.scores)[2]),
        *(
            (f"{shown}, {baseline.name}", lambda _, baseline=baseline: score(baseline))
            for baseline in card.designs[0].baselines
        ),
        *(
            [(f"{METRICS['accuracy']}, always {largest.name}", lambda _: score_cells(largest.scores)[0])]
            if (largest := card.designs[0].largest_class) is not None
            else []
        ),
        ("LUTs", lambda d: Cell(f"{d.luts:,} of {d.luts_budget:,}")),
        ("LUTs, estimate", lambda d: fixed(d.luts_estimate)),
        ("Flip-flops", lambda d: d.ff),
        ("DSP", lambda d: d.dsp),
        ("BRAM18", lambda d: d.bram18),
        ("Latency [cycles]", lambda d: d.latency_cycles),
        ("Latency [ns]", lambda d: Cell(f"{d.latency_ns:.2f} of {d.latency_ns_budget:g}")),
        ("Initiation interval [cycles]", lambda d: d.ii),
        ("Fmax estimate [MHz]", lambda d: fmax(d.fmax_mhz_estimate, d.clock_mhz, interval=d.fmax_mhz_interval)),
        ("Training time [s]", lambda d: fixed(d.training_seconds, 1)),
    ]
    sources = ", ".join(sorted({d.luts_source for d in card.designs}))
    simulated = ", ".join(sorted({d.latency_source for d in card.designs}))
    designs = Table(
        "Designs",
        ["Quantity", *(d.name for d in card.designs)],
        [cells(name, *(value(d) for d in card.designs)) for name, value in quantities],
        note=f"LUTs, flip-flops, DSP, BRAM18: {sources}. Latency: {simulated}. LUTs, estimate: count before "
        "synthesis. Fmax: estimate of the delay model for the synthesized netlist, not a timing run. "
        f"{described(card.designs[0].baselines)} {SCORES_NOTE}",
    )
    lines = Table(
        "Budget lines",
        ["Design", "Quantity", "Measured", "Source", "Budget", "Result"],
        [
            cells(
                d.name,
                BUDGET_LINES.get(line.quantity, line.quantity),
                Cell(against_limit(line)),
                line.source,
                f"at {'least' if line.at_least else 'most'} {line.budget:,g}",
                judgement(line.met, no=f"missed: {line.reason}" if line.reason else "missed"),
            )
            for d in card.designs
            for line in d.budget
        ],
    )
    tables = [designs, lines, *([designs_table(routed)] if routed else [])]
    for title, key, shown_as in (
        ("AUC, each class against all others", "auc", partial(fixed, digits=4)),
        ("Signal efficiency at a background efficiency of 1 %", "efficiency_at_1e2", percent),
        ("Signal efficiency at a background efficiency of 0.1 %", "efficiency_at_1e3", percent),
    ):
        rows = [
            cells(d.name, *(shown_as(getattr(d, key)[name]) for name in classes if name in getattr(d, key)))
            for d in card.designs
        ]
        tables += [Table(title, ["Design", *classes], rows)] if classes else []
    return Page(
        title="All designs",
        lead=f"Data set {card.data_set}, target {card.target}.",
        tables=tables,
        cards={"summary": card},
        plots=[("summary.svg", summary(card), "Accuracy against LUTs. Triangle: budget missed or not bit-exact.")],
    )


def _head(design: DesignSummary, n: int) -> Cell:
    return score_cells(design.heads[n].scores)[0]


def _not_exact(design: DesignSummary) -> str:
    return (
        f"no, {counted(design.mismatches, 'mismatch')}" if design.mismatches else "not shown: a control was not caught"
    )
