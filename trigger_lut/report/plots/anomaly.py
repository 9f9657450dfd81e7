"""Plots of anomaly detection: simulated crossings, and the scores of the teacher."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trigger_lut.cards.stage_cards import TeacherCard
from trigger_lut.report.plots.style import COLORS, canvas, line_style, plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from trigger_lut.cards.simulation import CrossingCheck


def crossings(check: CrossingCheck) -> Figure:
    """Plot leading jet and missing transverse momentum of simulated crossings, by class."""
    import mplhep

    figure, axes = canvas(9.6, 4.6, columns=2)
    edges = np.array(check.edges_gev)
    for ax, key, label in zip(
        axes, ("leading_jet", "met"), ("pt of the first jet [GeV]", "Missing transverse momentum [GeV]"), strict=True
    ):
        for n, (name, sample) in enumerate(check.classes.items()):
            shares = np.array(getattr(sample, key)) / sample.crossings / np.diff(edges)
            mplhep.histplot(shares, edges, ax=ax, label=plain(name), yerr=False, **{**line_style(n), "linewidth": 1.2})
        ax.set_yscale("log")
        ax.set_ylim(1e-6, 0.2)
        ax.set_xlim(edges[0], edges[-1])
        ax.set_xlabel(label)
        ax.set_ylabel("Fraction of crossings / GeV")
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper center", ncols=4)
    return figure


def scores(card: TeacherCard) -> Figure:
    """Plot the scores of test events by class, and the teacher's error by epoch."""
    import mplhep

    figure, [left, right] = canvas(9.6, 4.6, columns=2)
    edges = np.array(card.edges)
    for n, (name, counts) in enumerate(card.counts.items()):
        shares = np.array(counts) / max(sum(counts), 1)
        style = {**line_style(n), "linewidth": 1.2}
        mplhep.histplot(shares, edges, ax=left, label=plain(name), yerr=False, **style)
    left.set_yscale("log")
    left.set_ylim(1e-5, 1)
    left.set_xlim(edges[0], edges[-1])
    left.set_xlabel("Score: log2 of the mean squared error")
    left.set_ylabel("Fraction of test events / bin")
    epochs = np.arange(1, len(card.loss_training) + 1)
    right.plot(epochs, card.loss_training, color=COLORS[0], label="training")
    right.plot(epochs, card.loss_validation, color=COLORS[2], linestyle="--", label="validation")
    right.set_xlabel("Epoch")
    right.set_ylabel("Mean squared error [standard deviations squared]")
    right.set_ylim(0, None)
    right.legend()
    handles, names = left.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper center", ncols=4)
    return figure
