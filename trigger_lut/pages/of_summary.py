"""The page over all designs."""

from __future__ import annotations

from pathlib import Path

from trigger_lut.cards import read_card
from trigger_lut.figures.style import styled
from trigger_lut.pages.html import Cell, Page, Table, cells, judgement, percent, write_page
from trigger_lut.records import Summary


def pages_of_summary(summary: Path, folder: Path) -> None:
    """Write summary.html and summary.svg into the folder. Raises CardError when the summary is missing or damaged."""
    with styled():
        write_page(summary_page(read_card(Summary, summary)), folder / "summary.html")


def summary_page(card: Summary) -> Page:
    from trigger_lut.figures.summary import summary

    classes = list(card.designs[0].auc)
    designs = Table(
        "Designs",
        [
            *("Design", "Accuracy", "Dense, same widths", "Boosted trees", "LUT", "LUT budget", "LUT surrogate", "FF"),
            *("DSP", "BRAM18", "Latency [cycles]", "Latency [ns]", "Latency budget [ns]", "II", "Fmax estimate [MHz]"),
            *("Bit-exact", "Budget"),
        ],
        [
            cells(
                d.name,
                percent(d.accuracy),
                percent(d.accuracy_reference),
                percent(d.accuracy_trees),
                d.luts,
                d.luts_budget,
                f"{d.luts_surrogate:.0f}",
                d.ff,
                d.dsp,
                d.bram18,
                d.latency_cycles,
                f"{d.latency_ns:.2f}",
                d.latency_ns_budget,
                d.ii,
                f"{d.fmax_mhz_estimate:.0f}",
                judgement(d.bit_exact, f"yes, {d.vectors} vectors", f"no: {d.mismatches} of {d.vectors}"),
                judgement(d.budget_met),
            )
            for d in card.designs
        ],
        note="LUT, FF, DSP, BRAM18: "
        + ", ".join(sorted({d.luts_source for d in card.designs}))
        + ". Latency: "
        + ", ".join(sorted({d.latency_source for d in card.designs}))
        + ". The surrogate is what training estimates; Fmax is an estimate from logic levels.",
    )
    lines = Table(
        "Budget lines",
        ["Design", "Quantity", "Found", "Source", "Budget", ""],
        [
            cells(d.name, line.quantity, line.found, line.source, line.budget, judgement(line.met))
            for d in card.designs
            for line in d.budget
        ],
    )
    tables = [designs, lines]
    for title, key in (
        ("AUC, each class against all others", "auc"),
        ("Signal efficiency at a background efficiency of 1e-2", "efficiency_at_1e2"),
        ("Signal efficiency at a background efficiency of 1e-3", "efficiency_at_1e3"),
    ):
        rows = [
            cells(d.name, *(Cell(f"{getattr(d, key)[name]:.4f}") for name in classes if name in getattr(d, key)))
            for d in card.designs
        ]
        tables.append(Table(title, ["Design", *classes], rows))
    return Page(
        title="All designs",
        lead=f"Data set {card.data_set}, target {card.target}.",
        tables=tables,
        cards={"summary": card},
        plots=[("summary.svg", summary(card), "Accuracy against LUTs. Red: budget missed or not bit-exact.")],
    )
