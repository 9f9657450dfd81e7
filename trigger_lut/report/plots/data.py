"""Plots of the data set: mass peaks, input distributions, codes in use."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

import numpy as np

from trigger_lut.cards.stage_cards import FeatureSummary, IngestCard
from trigger_lut.report.plots.style import BAD_COLOR, COLORS, canvas, line_style, plain, without_ticks

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from trigger_lut.cards.simulation import MuonCheck, PhysicsCheck

MOST_FEATURES = 64
LEAST_SHARE = 1e-4


def masses(check: PhysicsCheck) -> Figure:
    """Plot the groomed jet mass of each class, with the masses of W, Z and top."""
    import mplhep

    figure, [ax] = canvas(7.0, 4.6)
    edges = np.array(check.mass_edges_gev)
    for n, (name, counts) in enumerate(check.mass_counts.items()):
        shares = np.array(counts) / max(check.jets[name], 1)
        mplhep.histplot(shares, edges, ax=ax, label=plain(name), yerr=False, **line_style(n))
    for name, peak in check.peaks.items():
        ax.axvline(peak.expected.mass_gev, color="black", linewidth=0.7, linestyle=":")
        ax.text(peak.expected.mass_gev, 1.01, plain(name), transform=ax.get_xaxis_transform(), ha="center", fontsize=9)
    ax.set_xlim(edges[0], edges[-1])
    ax.set_ylim(0, None)
    ax.set_xlabel("mMDT jet mass [GeV]")
    ax.set_ylabel(f"Fraction of jets / {edges[1] - edges[0]:g} GeV")
    ax.legend(title="Jet class", loc="upper right")
    return figure


def angles(check: MuonCheck) -> Figure:
    """Plot true angles of simulated muons, and the residuals of the fit to their own hits."""
    figure, [left, right] = canvas(9.0, 3.8, columns=2)
    left.stairs(check.angle_counts, check.angle_edges_mrad, color=COLORS[0])
    left.set_ylim(0, 1.2 * max(check.angle_counts))
    left.set_xlabel("True angle [mrad]")
    left.set_ylabel("Muons")
    right.stairs(check.residual_counts, check.residual_edges_mrad, color=COLORS[2])
    right.set_ylim(0, 1.2 * max(check.residual_counts))
    right.set_xlabel("Fitted minus true angle [mrad]")
    right.set_ylabel("Muons")
    return figure


def inputs(card: IngestCard) -> Figure:
    """Distribution of each input channel by class, over the range of its hardware format.

    Shows the first MOST_FEATURES channels; the page's table has them all.
    """
    import mplhep

    shown = card.features[:MOST_FEATURES]
    columns = min(4, len(shown))
    rows = ceil(len(shown) / columns)
    figure, axes = canvas(3.0 * columns + 0.4, 2.1 * rows + 0.7, rows=rows, columns=columns)
    for ax, feature in zip(axes, shown, strict=False):
        edges = np.array(feature.histogram["edges"][0])
        first, last = _occupied(feature)
        for n, (name, counts) in enumerate(zip(card.classes, feature.histogram["counts"], strict=True)):
            shares = np.array(counts) / max(sum(counts), 1)
            mplhep.histplot(shares, edges, ax=ax, label=plain(name), yerr=False, **{**line_style(n), "linewidth": 1.0})
        ax.set_xlim(edges[first], edges[last + 1])
        ax.set_yscale("log")  # features pile up at 0 or at the end of their range
        ax.set_ylim(LEAST_SHARE, 1)
        ax.set_xlabel(f"{plain(feature.name)}   {feature.format}", fontsize=8)
        ax.tick_params(labelsize=7)
    for ax in axes[len(shown) :]:
        ax.set_axis_off()
    axes[0].set_ylabel("Fraction of events / bin", fontsize=8)
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper center", ncols=min(len(names), 10))
    return figure


def _occupied(feature: FeatureSummary) -> tuple[int, int]:
    """First and last bin that hold events."""
    filled = np.flatnonzero(np.sum(feature.histogram["counts"], axis=0))
    return (int(filled[0]), int(filled[-1])) if filled.size else (0, len(feature.histogram["edges"][0]) - 2)


def codes(card: IngestCard) -> Figure:
    """Plot the used fraction of each format, and the fraction of events beyond it."""
    shown = card.features[:MOST_FEATURES]
    figure, [left, right] = canvas(8.2, 0.26 * len(shown) + 1.4, rows=1, columns=2)
    rows = np.arange(len(shown))
    possible = np.array([2.0 ** sum(f.kif) for f in shown])
    used = np.array([f.distinct_codes for f in shown])
    left.barh(rows, possible, color="#e4e6e8", label="possible")
    left.barh(rows, used, color=COLORS[0], label="occur")
    left.set_xscale("log", base=2)
    left.set_xlim(1, 2 * possible.max())
    left.set_xlabel("Codes")
    left.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    right.barh(rows, [100 * f.saturated_fraction for f in shown], color=BAD_COLOR)
    right.set_xlabel("Saturated events [%]")
    right.set_xlim(0, max(0.5, 110 * max(f.saturated_fraction for f in shown)))
    for ax in (left, right):
        without_ticks(ax, "y")
        ax.set_yticks(rows, [plain(f.name) for f in shown] if ax is left else [])
        ax.set_ylim(len(shown) - 0.4, -0.6)
    return figure
