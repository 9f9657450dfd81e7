"""Plot of the timeline of an event in firmware that shares hardware."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trigger_lut.cards.time_sharing import SharingSummary
from trigger_lut.report.plots.style import COLORS, LIGHT_GRAY, canvas
from trigger_lut.report.timeline import Occupied, timeline

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WHOLE = COLORS[4]
WIDEST = 14.0  # inches


def time_sharing(summary: SharingSummary) -> Figure:
    """Positions of an event by stage and cycle; light gray is the next event, as early as it may come."""
    from matplotlib import colormaps

    rows = timeline(summary.parts)
    stages = list(dict.fromkeys(row.stage for row in rows))
    last = max(row.cycle for row in rows)
    box = 0.11 * max(len(_label(row)) for row in rows)
    figure, [ax] = canvas(min(2.2 + max(box, 0.3) * (last + 1), WIDEST), 1.1 + 0.28 * len(stages))
    words = colormaps["viridis"]
    most = max(max((row.positions[1] for row in rows if row.positions), default=1), 1)
    for row in rows:
        y = stages.index(row.stage)
        if row.cycle + summary.ii <= last:
            _box(ax, row.cycle + summary.ii, y, LIGHT_GRAY)
    for row in rows:
        y = stages.index(row.stage)
        color = WHOLE if row.positions is None else words(0.15 + 0.8 * row.positions[0] / most)
        _box(ax, row.cycle, y, color)
        light = row.positions is not None and row.positions[0] > 0.55 * most
        ax.text(row.cycle, y, _label(row), ha="center", va="center", fontsize=7.5, color="black" if light else "white")
    ax.set_xlim(-0.6, last + 0.6)
    ax.set_ylim(len(stages) - 0.4, -0.6)
    ax.set_yticks(range(len(stages)), stages, fontsize=8)
    ax.tick_params(axis="both", which="both", length=0)
    ax.set_xticks(range(0, last + 1, 1 if last < 32 else 4))
    ax.tick_params(axis="x", labelsize=8)
    ax.set_xlabel("Clock cycle after the one with the event at the inputs")
    return figure


def _box(ax: Axes, cycle: int, row: int, color: object) -> None:
    ax.broken_barh([(cycle - 0.47, 0.94)], (row - 0.42, 0.84), facecolor=color, edgecolor="none")


def _label(row: Occupied) -> str:
    if row.positions is None:
        return "all"
    first, last = row.positions
    return str(first) if first == last else f"{first}-{last}"
