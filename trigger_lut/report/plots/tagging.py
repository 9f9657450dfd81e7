"""Plots of taggers: distributions of scores, curves of pairs of classes, and efficiencies in bins of variables."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import TYPE_CHECKING

import numpy as np

from trigger_lut.cards.physics import Interval68, PhysicsCard
from trigger_lut.report.plots.classification import with_error
from trigger_lut.report.plots.style import canvas, line_style, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def scores(card: PhysicsCard) -> Figure:
    """Plot the firmware's score of each class, by true class, each distribution with the same area."""
    columns = min(3, len(card.score_histograms))
    rows = ceil(len(card.score_histograms) / columns)
    figure, axes = canvas(3.9 * columns, 3.0 * rows, rows=rows, columns=columns)
    for ax, (name, histogram) in zip(axes, card.score_histograms.items(), strict=False):
        for n, (true, counts) in enumerate(histogram.counts.items()):
            shown = np.array(counts) / max(sum(counts), 1)
            ax.stairs(shown, histogram.edges, label=plain(true), **line_style(n))
        ax.set_xlabel(f"Score of {plain(name)} [log-odds]")
        ax.set_ylabel("Fraction of the true class")
        ax.set_ylim(bottom=0)
    axes[0].legend(title="True class", fontsize=7, title_fontsize=7)
    for ax in axes[len(card.score_histograms) :]:
        ax.set_visible(False)
    return figure


def pair_curves(card: PhysicsCard) -> Figure:
    """Plot mistag rate (logarithmic) against efficiency for each pair of classes."""
    columns = min(3, len(card.pairs))
    rows = ceil(len(card.pairs) / columns)
    figure, axes = canvas(3.9 * columns, 3.6 * rows, rows=rows, columns=columns)
    for ax, pair in zip(axes, card.pairs, strict=False):
        smallest = 1.0
        for n, method in enumerate(pair.methods):
            background = np.array(method.roc.background)
            positive = background > 0
            label = f"{plain(method.method)}   {with_error(method.roc.auc, method.roc.auc_error)}"
            ax.plot(np.array(method.roc.signal)[positive], background[positive], label=label, **line_style(n))
            smallest = min(smallest, background[positive].min())
        ax.set_yscale("log")
        ax.set_ylim(max(smallest / 2, 1e-5), 1)
        ax.set_xlim(0, 1)
        ax.set_xlabel(f"Efficiency, {plain(pair.signal)}")
        ax.set_ylabel(f"Mistag rate, {plain(pair.background)}")
        ax.legend(title="Method   AUC", loc="lower right", fontsize=7, title_fontsize=7, handlelength=3)
    for ax in axes[len(card.pairs) :]:
        ax.set_visible(False)
    return figure


def binned(card: PhysicsCard) -> Figure:
    """Plot efficiency (left) and mistag rate (right) of each pair in bins of each variable."""
    shown = [(pair, n) for pair in card.pairs for n in range(len(pair.methods[0].binned))]
    figure, axes = canvas(9.6, 3.2 * len(shown), rows=len(shown), columns=2)
    for (pair, n), left, right in zip(shown, axes[::2], axes[1::2], strict=True):
        variable = pair.methods[0].binned[n]
        for m, method in enumerate(pair.methods):
            _points(left, variable.edges, method.binned[n].signal, m, method.method)
            _points(right, variable.edges, method.binned[n].background, m, method.method)
        left.set_ylabel(f"Efficiency, {plain(pair.signal)}")
        right.set_ylabel(f"Mistag rate, {plain(pair.background)}")
        left.set_ylim(0, 1.05)
        right.set_ylim(bottom=0)
        for ax in (left, right):
            ax.set_xlabel(plain(variable.variable))
            ax.set_title(f"mistag rate of {pair.binned_at:g} in validation", loc="left", fontsize=8)
        left.legend(fontsize=7)
    return figure


def _points(ax: Axes, edges: Sequence[float], values: Sequence[Interval68], n: int, label: str) -> None:
    bounds = np.array(edges if len(edges) > 1 else [edges[0], edges[0] + 1])
    middle, width = (bounds[1:] + bounds[:-1]) / 2, np.diff(bounds)
    style = line_style(n)
    ax.errorbar(
        middle + 0.06 * width * (n - 2),
        [point.value for point in values],
        [[point.value - point.low for point in values], [point.high - point.value for point in values]],
        color=style["color"],
        marker="o",
        markersize=3,
        linestyle="none",
        elinewidth=0.8,
        label=plain(label),
    )
