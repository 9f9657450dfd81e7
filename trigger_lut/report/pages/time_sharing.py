"""Section of a page about hardware that is shared over the cycles of an event."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trigger_lut.cards.time_sharing import SharingSummary
from trigger_lut.report.template import Cell, Table, cells, fixed, record_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def sharing_tables(summary: SharingSummary | None) -> list[Table]:
    """Return tables of what sharing saves, of the parts, and of all ways that were tried; none at an II of 1."""
    if summary is None:
        return []
    shared = summary.ii > 1
    compared = Table(
        "Time sharing against II = 1",
        ["Estimate", "Shared", "II = 1", "Difference"],
        [
            _compared("LUTs", summary.luts, summary.luts_parallel),
            _compared("Latency from the first word [cycles]", summary.latency_cycles, summary.latency_cycles_parallel),
            _compared(
                "Latency from the last word [cycles]",
                summary.latency_cycles_from_last_word,
                summary.latency_cycles_parallel,
            ),
            cells("Cycles from event to event", summary.ii, 1, Cell("-")),
        ],
        note=f"{summary.verdict}. The budget grants {summary.ii_budget} cycles between two events.",
    )
    parts = record_table("Parts of the network", summary.parts, head="Part") if shared else None
    tried = record_table("Ways to share that were tried", summary.tried) if summary.tried else None
    return [compared, *(table for table in (parts, tried) if table is not None)]


def sharing_plots(summary: SharingSummary | None) -> list[tuple[str, Figure, str]]:
    """Return the timeline, for `Page.plots`; none where nothing is shared."""
    from trigger_lut.report.plots.timeline import time_sharing

    if summary is None or summary.ii == 1:
        return []
    return [
        (
            "timeline.svg",
            time_sharing(summary),
            "Positions of an event, numbered from 0, in each stage and cycle, as planned. Light gray: the next event, "
            "as early as it may come.",
        )
    ]


def _compared(name: str, shared: float, parallel: float) -> list[Cell]:
    return [Cell(name, "text"), fixed(shared), fixed(parallel), Cell(f"{shared - parallel:+.0f}")]
