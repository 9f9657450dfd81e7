"""Plots of the firmware: verification matrix, resources against budget, pipeline timing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trigger_lut.cards.base import Measured
from trigger_lut.cards.firmware import SynthCard, TimingCard, VerifyCard
from trigger_lut.config.budget import Spec
from trigger_lut.report.plots.style import BAD_COLOR, BUDGET_COLOR, COLORS, GOOD_COLOR, canvas, without_ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_CYCLES = 64
EVENTS_SHOWN = 3


def verification(card: VerifyCard) -> Figure:
    """Plot mismatches of each form with the reference model, and those of its negative control."""
    columns = ("mismatches", "mismatches after one\nflipped table bit")
    figure, [ax] = canvas(6.6, 0.55 * len(card.comparisons) + 1.3)
    for row, comparison in enumerate(card.comparisons):
        for column, (count, good) in enumerate(
            (
                (comparison.mismatches, comparison.mismatches == 0),
                (comparison.control_mismatches, comparison.control_mismatches > 0),
            )
        ):
            color = GOOD_COLOR if good else BAD_COLOR
            ax.barh(row, 0.96, left=column - 0.48, height=0.88, color=color)
            ax.text(column, row, f"{'✓' if good else '✗'}  {count:,}", ha="center", va="center", color="white")
    names = [f"{c.name}\n{c.vectors:,} vectors" for c in card.comparisons]
    without_ticks(ax)
    ax.set_xlim(-0.55, len(columns) - 0.45)
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.set_xticks(range(len(columns)), columns)
    ax.xaxis.tick_top()
    ax.set_yticks(range(len(names)), names, fontsize=8)
    for spine in ax.spines.values():
        spine.set_visible(False)
    return figure


def resources(spec: Spec, card: SynthCard) -> Figure:
    """LUTs (surrogate and synthesized) against the budget, and the other resources."""
    figure, [left, right] = canvas(8.4, 2.9, rows=1, columns=2)
    bars = [("estimate", card.luts_estimate), (card.luts.source, card.luts)]
    _bars(left, [(f"LUT\n{name}", figure) for name, figure in bars])
    left.axvline(spec.budget.luts, color=BUDGET_COLOR, linestyle="--", linewidth=1.2)
    left.text(
        spec.budget.luts,
        1.02,
        f"budget {spec.budget.luts:,}",
        transform=left.get_xaxis_transform(),
        ha="center",
        fontsize=9,
    )
    left.set_xlabel("LUTs")
    left.set_xlim(0, 1.2 * max([spec.budget.luts, *(m.value or 0 for _, m in bars)]))
    rest = [("FF", card.ff), ("CARRY", card.carry), ("DSP", card.dsp), ("BRAM18", card.bram18)]
    _bars(right, [(f"{name} ({figure.source})", figure) for name, figure in rest])
    right.set_xlabel("Cells")
    right.set_xlim(0, 1.2 * max([1.0, *(m.value or 0 for _, m in rest)]))
    return figure


def _bars(ax: Axes, items: list[tuple[str, Measured]]) -> None:
    rows = np.arange(len(items))
    drawn = ax.barh(rows, [m.value or 0.0 for _, m in items], color=[COLORS[n] for n in range(len(items))], height=0.6)
    labels = ["not measured" if m.value is None else f"{m.value:,.0f}" for _, m in items]
    behind = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}  # where the budget's line passes
    ax.bar_label(drawn, labels, padding=3, fontsize=9, bbox=behind, zorder=3)
    ax.set_yticks(rows, [name for name, _ in items], fontsize=9)
    ax.tick_params(axis="y", which="both", length=0)
    ax.set_ylim(len(items) - 0.4, -0.6)


def pipeline(card: TimingCard) -> Figure:
    """When events enter and leave the pipeline, cycle by cycle; a dashed line is where the event must have left it."""
    cycles, interval = card.latency_cycles.value, card.ii.value
    if cycles is None or interval is None:
        figure, [ax] = canvas(7.4, 1.4)
        ax.text(0.5, 0.5, "latency: not measured", ha="center", va="center")
        ax.set_axis_off()
        return figure
    figure, [ax] = canvas(7.6, 3.2)
    period = 1000.0 / card.clock_mhz
    for event in range(EVENTS_SHOWN):
        start = event * interval * period
        ax.broken_barh(
            [(start + stage * period, period) for stage in range(min(round(cycles), MOST_CYCLES))],
            (event - 0.36, 0.72),
            facecolor=COLORS[0],
            edgecolor="white",
        )
        latest = start + card.latency_ns_budget
        ax.plot([latest, latest], [event - 0.45, event + 0.45], color=BUDGET_COLOR, linestyle="--", linewidth=1.2)
    ax.text(
        card.latency_ns_budget,
        1.02,
        f"budget {card.latency_ns_budget:g} ns",
        transform=ax.get_xaxis_transform(),
        ha="center",
        fontsize=9,
    )
    end = max(card.latency_ns_budget, cycles * period) + (EVENTS_SHOWN - 1) * interval * period
    ax.set_xlim(0, 1.06 * end)
    ax.set_ylim(EVENTS_SHOWN - 0.4, -0.6)
    ax.set_yticks(range(EVENTS_SHOWN), [f"event {n}" for n in range(EVENTS_SHOWN)])
    ax.tick_params(axis="y", which="both", length=0)
    ax.set_xlabel(f"Time after the first valid input [ns]; one box is a clock cycle of {period:.3g} ns")
    return figure
