"""Plots of the classification: ROC curves and confusion matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trigger_lut.figures.style import canvas, line_style, plain, without_ticks
from trigger_lut.records_physics import PhysicsCard

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def roc(card: PhysicsCard) -> Figure:
    """Background efficiency (logarithmic) against signal efficiency, each class against all others."""
    figure, [ax] = canvas(6.2, 5.0)
    smallest = 1.0
    for n, (name, curve) in enumerate(card.classes.items()):
        background = np.array(curve.background)
        seen = background > 0
        ax.plot(
            np.array(curve.signal)[seen], background[seen], label=f"{plain(name)}   {curve.auc:.3f}", **line_style(n)
        )
        smallest = min(smallest, background[seen].min())
    ax.set_yscale("log")
    ax.set_ylim(max(smallest / 2, 1e-5), 1)
    ax.set_xlim(0, 1)
    for level in (1e-2, 1e-3):
        ax.axhline(level, color="#717581", linewidth=0.7, linestyle=":")
    ax.set_xlabel("Signal efficiency")
    ax.set_ylabel("Background efficiency")
    ax.legend(title="Signal   AUC", loc="lower right")
    ax.set_title(f"{card.design}: {card.events} test events", loc="left", fontsize=10)
    return figure


def confusion(card: PhysicsCard) -> Figure:
    """Share of each true class (row) that is assigned to each class (column)."""
    names = [plain(name) for name in card.classes]
    counts = np.array(card.confusion, dtype=float)
    shares = 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = max(4.2, 0.62 * len(names) + 1.6)
    figure, [ax] = canvas(size + 0.9, size)
    image = ax.imshow(shares, cmap="cividis", vmin=0, vmax=100)
    for (row, column), share in np.ndenumerate(shares):
        ax.text(column, row, f"{share:.1f}", ha="center", va="center", color="white" if share < 55 else "black")
    without_ticks(ax)
    ax.set_xticks(range(len(names)), names)
    ax.set_yticks(range(len(names)), names)
    ax.set_xlabel("Assigned class")
    ax.set_ylabel("True class")
    figure.colorbar(image, ax=ax, label="Share of the true class [%]", shrink=0.85)
    return figure
