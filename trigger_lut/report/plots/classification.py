"""Plots of the classification: ROC curves of all methods, and confusion matrices of firmware and baseline."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from trigger_lut.cards.physics import PhysicsCard
from trigger_lut.report.plots.style import canvas, line_style, plain, without_ticks

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def roc(card: PhysicsCard) -> Figure:
    """Plot background efficiency (logarithmic) against signal efficiency, all methods, for each class."""
    columns = min(3, len(card.classes))
    rows = ceil(len(card.classes) / columns)
    figure, axes = canvas(3.9 * columns, 3.6 * rows + 0.3, rows=rows, columns=columns)
    for ax, name in zip(axes, card.classes, strict=False):
        smallest = 1.0
        for n, method in enumerate(card.methods):
            curve = method.classes[name]
            background = np.array(curve.background)
            positive = background > 0
            label = f"{method.method}   {with_error(curve.auc, curve.auc_error)}"
            ax.plot(np.array(curve.signal)[positive], background[positive], label=label, **line_style(n))
            smallest = min(smallest, background[positive].min())
        for n, given in enumerate((x for x in card.discriminators if x.signal == name), len(card.methods)):
            label = f"{plain(given.name)}   {with_error(given.roc.auc, given.roc.auc_error)}"
            ax.plot(given.roc.signal, given.roc.background, label=label, **line_style(n))
        ax.set_yscale("log")
        ax.set_ylim(max(smallest / 2, 1e-5), 1)
        ax.set_xlim(0, 1)
        for level in (1e-2, 1e-3):
            ax.axhline(level, color="#717581", linewidth=0.7, linestyle=":")
        ax.set_xlabel("Signal efficiency")
        ax.set_ylabel("Background efficiency")
        ax.legend(title="Method   AUC", loc="lower right", fontsize=7, title_fontsize=7, handlelength=3)
        ax.set_title(f"{plain(name)} against the others", loc="left", fontsize=9)
    for ax in axes[len(card.classes) :]:
        ax.set_visible(False)
    figure.suptitle(f"{plain(card.design)}: {card.events:,} test events", x=0.01, ha="left", fontsize=10)
    return figure


def with_error(value: float, error: float | None) -> str:
    """Format an area with four digits after the point, as an error of 1e-4 needs."""
    return f"{value:.4f}" if error is None else f"{value:.4f} ± {error:.4f}"


def confusion(card: PhysicsCard) -> Figure:
    """Plot the confusion matrix of the firmware (row: true class), and its difference to the first baseline."""
    names = [plain(name) for name in card.classes]
    firmware, dense = (_shares(method.confusion) for method in (card.methods[-1], card.methods[0]))
    apart = firmware - dense
    size = max(4.2, 0.62 * len(names) + 1.6)
    figure, [left, right] = canvas(2 * size + 1.6, size, columns=2)
    most = max(float(np.abs(apart).max()), 0.1)
    for ax, shown, title, limits, colors, form, label in (
        (left, firmware, card.methods[-1].method, (0, 100), "cividis", ".1f", "Fraction of the true class [%]"),
        (
            *(right, apart, f"{card.methods[-1].method} minus {card.methods[0].method.lower()}", (-most, most)),
            *("PuOr", "+.1f", "Difference [percentage points]"),
        ),
    ):
        image = ax.imshow(shown, cmap=colors, vmin=limits[0], vmax=limits[1])
        for (row, column), share in np.ndenumerate(shown):
            place = (float(share) - limits[0]) / (limits[1] - limits[0])
            ax.text(column, row, format(share, form), ha="center", va="center", color=_ink(place, colors))
        without_ticks(ax)
        ax.set_xticks(range(len(names)), names)
        ax.set_yticks(range(len(names)), names)
        ax.set_xlabel("Assigned class")
        ax.set_ylabel("True class")
        ax.set_title(plain(title), loc="left", fontsize=10)
        figure.colorbar(image, ax=ax, label=label, shrink=0.85)
    return figure


def _ink(place: float, colors: str) -> str:
    """Return white for dark cells: the low end of cividis, both ends of PuOr."""
    dark = place < 0.55 if colors == "cividis" else not 0.2 < place < 0.8
    return "white" if dark else "black"


def _shares(counts: list[list[int]]) -> NDArray[np.float64]:
    """Return the (classes, classes) percentages of each row."""
    entries = np.array(counts, dtype=np.float64)
    shares: NDArray[np.float64] = 100 * entries / np.maximum(entries.sum(axis=1, keepdims=True), 1)
    return shares
