"""Plots of a regression: found minus true, and its width against the true value."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trigger_lut.cards.physics import PhysicsCard, TargetResolution
from trigger_lut.report.plots.style import COLORS, canvas, line_style, plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MARKERS = ("s", "^", "o", "x")


def residuals(card: PhysicsCard) -> Figure:
    """One plot per target, all methods."""
    figure, axes = canvas(5.6, 3.9 * len(card.targets), rows=len(card.targets))
    for ax, target in zip(axes, card.targets, strict=True):
        for n, (method, counts) in enumerate(target.counts.items()):
            ax.stairs(counts, target.edges, label=plain(method), **line_style(n))
        ax.set_ylim(0, 1.35 * max(max(c) for c in target.counts.values()))
        ax.set_xlabel(f"{plain(target.name)}, found minus true{_unit(target)}")
        ax.set_ylabel("Events")
        ax.legend(loc="upper left", fontsize=8)
        ax.set_title(card.design, loc="left", fontsize=9)
    return figure


def resolution_by_true(card: PhysicsCard) -> Figure:
    """One plot per target, all methods."""
    figure, axes = canvas(5.6, 3.9 * len(card.targets), rows=len(card.targets))
    for ax, target in zip(axes, card.targets, strict=True):
        edges = np.array(target.true_edges)
        middle = (edges[1:] + edges[:-1]) / 2 if len(edges) > 1 else edges
        for n, (method, widths) in enumerate(target.central_by_true.items()):
            ax.plot(middle, widths, label=plain(method), marker=MARKERS[n % 4], markersize=4, color=COLORS[n])
        ax.set_ylim(0, 1.35 * max(max(w) for w in target.central_by_true.values()))
        ax.set_xlabel(f"True {plain(target.name)}{_unit(target)}")
        ax.set_ylabel(f"Central half width{_unit(target)}")
        ax.legend(loc="upper left", fontsize=8, ncols=2)
        ax.set_title(card.design, loc="left", fontsize=9)
    return figure


def _unit(target: TargetResolution) -> str:
    return f" [{plain(target.unit)}]" if target.unit else ""
