"""Plot of a fault injection: what became of the faults, by kind of fault."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trigger_lut.cards.proof import FaultsCard
from trigger_lut.report.plots.style import BAD_COLOR, COLORS, GOOD_COLOR, GRAY, LIGHT_GRAY, canvas

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def faults(card: FaultsCard) -> Figure:
    """One bar per kind."""
    figure, [ax] = canvas(7.2, 2.8)
    parts = [
        ("detected", "detected", GOOD_COLOR),
        ("by inputs found for it", "solved", COLORS[1]),
        ("proven to change nothing", "equivalent", GRAY),
        ("undetected", "undetected", BAD_COLOR),
        ("undecided", "undecided", LIGHT_GRAY),
    ]
    rare = ("solved", "undecided")
    parts = [part for part in parts if part[1] not in rare or any(getattr(k, part[1]) for k in card.kinds.values())]
    left = [0] * len(card.kinds)
    for label, name, color in parts:
        counts = [getattr(kind, name) for kind in card.kinds.values()]
        ax.barh(range(len(counts)), counts, left=left, color=color, label=label, height=0.7)
        left = [a + b for a, b in zip(left, counts, strict=True)]
    ax.set_yticks(range(len(card.kinds)), list(card.kinds))
    ax.tick_params(axis="y", which="both", length=0)
    ax.invert_yaxis()
    ax.set_xlim(0, 1.05 * max(max(left, default=0), 1))
    ax.set_xlabel("Faults of one bit, one at a time")
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(parts))
    return figure
