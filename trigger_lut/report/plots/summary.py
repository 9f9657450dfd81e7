"""The plot over all designs: accuracy against LUTs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trigger_lut.cards.stage_cards import METRICS, Summary
from trigger_lut.report.plots.style import BAD_COLOR, COLORS, GOOD_COLOR, canvas

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def summary(card: Summary) -> Figure:
    """Accuracy against LUTs of each design, its budget, and the two references."""
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
    ax.axhline(100 * first.score_dense, color=COLORS[1], linestyle="--", label="Dense, unquantized")
    ax.axhline(100 * first.score_trees, color=COLORS[3], linestyle=":", label="boosted trees")
    values = [100 * v for d in card.designs for v in (d.score, d.score_dense, d.score_trees)]
    room = max(max(values) - min(values), 1.0)
    ax.set_ylim(min(values) - 0.35 * room, max(values) + 0.25 * room)
    ax.set_xlim(0, 1.15 * max(max(d.luts, d.luts_budget) for d in card.designs))
    ax.set_xlabel("LUTs")
    ax.set_ylabel(f"{METRICS[first.metric]}, test split [%]")
    ax.legend(loc="lower right")
    return figure
