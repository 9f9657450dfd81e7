"""Plot of a pipeline: what sits in each stage, and how much of the clock's period its logic takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trigger_lut.cards.firmware import FirmwareCard
from trigger_lut.report.plots.style import BUDGET_COLOR, COLORS, canvas

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def stages(card: FirmwareCard) -> Figure:
    """Stage by stage from the inputs on: operations on the left, delay of the logic on the right."""
    figure, [left, right] = canvas(9.6, 3.4, rows=1, columns=2)
    numbers = range(1, len(card.rtl_stages) + 1)
    bottom = [0] * len(card.rtl_stages)
    for n, name in enumerate(("tables", "adders", "choices")):
        counts = [getattr(stage, name) for stage in card.rtl_stages]
        left.bar(numbers, counts, bottom=bottom, color=COLORS[n], label=name, width=0.7)
        bottom = [a + b for a, b in zip(bottom, counts, strict=True)]
    left.set_ylim(0, 1.35 * max([*bottom, 1]))
    left.set_ylabel("Operations")
    left.legend(ncols=3, loc="upper center")
    estimated = [(n, s.logic_ns) for n, s in zip(numbers, card.rtl_stages, strict=True) if s.logic_ns is not None]
    right.bar([n for n, _ in estimated], [ns for _, ns in estimated], color=COLORS[0], width=0.7)
    right.axhline(card.clock_period_ns, color=BUDGET_COLOR, linestyle="--", linewidth=1.2)
    right.text(
        0.98, card.clock_period_ns, "clock period", ha="right", va="bottom", transform=right.get_yaxis_transform()
    )
    right.set_ylim(0, 1.2 * card.clock_period_ns)
    right.set_ylabel("Longest path, estimate [ns]")
    for ax in (left, right):
        ax.set_xticks(list(numbers))
        ax.tick_params(axis="x", which="minor", length=0)
        ax.set_xlabel("Pipeline stage [clock cycles from the input]")
    return figure
