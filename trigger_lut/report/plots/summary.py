"""The plot over all designs: accuracy against LUTs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trigger_lut.cards.stage_cards import METRICS, Summary
from trigger_lut.report.plots.style import BAD_COLOR, GOOD_COLOR, baseline_style, canvas

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def summary(card: Summary) -> Figure:
    """Accuracy against LUTs of each design, its budget, and the baselines."""
    figure, [ax] = canvas(6.6, 4.6)
    for n, design in enumerate(card.designs):
        good = design.budget_met and design.bit_exact
        color, shape = (GOOD_COLOR, "o") if good else (BAD_COLOR, "^")
        ax.plot([design.luts, design.luts_budget], [100 * design.score] * 2, color=color, linewidth=0.8)
        label = f"LUTs ({design.luts_source})" * (n == 0)
        ax.plot(design.luts, 100 * design.score, shape, color=color, label=label)
        ax.plot(design.luts_budget, 100 * design.score, "|", color="black", markersize=12, label="budget" * (n == 0))
        ax.annotate(
            design.name, (design.luts, 100 * design.score), xytext=(0, 8), textcoords="offset points", ha="center"
        )
    first = card.designs[0]
    for n, baseline in enumerate(first.baselines):
        ax.axhline(100 * baseline.score, **baseline_style(n), label=baseline.name)
    values = [100 * v for v in (*(d.score for d in card.designs), *(baseline.score for baseline in first.baselines))]
    room = max(max(values) - min(values), 1.0)
    ax.set_ylim(min(values) - 0.35 * room, max(values) + 0.25 * room)
    ax.set_xlim(0, 1.15 * max(max(d.luts, d.luts_budget) for d in card.designs))
    ax.set_xlabel("LUTs")
    ax.set_ylabel(f"{METRICS[first.metric]}, test split [%]")
    ax.legend(loc="lower right")
    return figure
