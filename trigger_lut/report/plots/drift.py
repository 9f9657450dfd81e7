"""Plots of a comparison with later data."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np

from trigger_lut.cards.drift import DriftCard, InputDrift
from trigger_lut.report.plots.style import COLORS, GRAY, canvas, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = 2
LEAST_SHARE = 1e-4
RATIOS = (0.4, 1.6)


def inputs(card: DriftCard) -> Figure:
    """Plot the code distributions of the inputs with the largest drift, with their ratios."""
    shown = [x for x in card.features if x.histogram is not None]
    columns = min(COLUMNS, len(shown))
    rows = ceil(len(shown) / columns)
    figure, axes = canvas(4.6 * columns, 3.6 * rows + 0.4, rows=2 * rows, columns=columns, heights=[3, 1.3] * rows)
    for n in range(rows * columns):
        row, column = divmod(n, columns)
        above, below = axes[2 * row * columns + column], axes[(2 * row + 1) * columns + column]
        if n < len(shown):
            _input(above, below, shown[n], card)
        else:
            above.set_axis_off()
            below.set_axis_off()
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper center", ncols=2)
    return figure


def _input(above: Axes, below: Axes, feature: InputDrift, card: DriftCard) -> None:
    histogram = feature.histogram
    assert histogram is not None
    edges, old, new = (np.array(values) for values in (histogram.edges, histogram.trained, histogram.new))
    middle = (edges[1:] + edges[:-1]) / 2
    old_error, new_error = (
        np.sqrt(shares * (1 - shares) / events)
        for shares, events in zip((old, new), card.effective_events, strict=True)
    )
    above.stairs(old, edges, fill=True, color=COLORS[0], alpha=0.35)
    above.stairs(old, edges, color=COLORS[0], label=f"{plain(card.data_set)} (trained on), test split")
    drawn = new > 0
    marks: dict[str, Any] = {"linestyle": "none", "color": COLORS[2], "marker": "o", "markersize": 3}
    above.errorbar(middle[drawn], new[drawn], new_error[drawn], label=plain(card.drift), elinewidth=1, **marks)
    above.set_yscale("log")  # inputs pile up at 0 or at the end of their range
    above.set_ylim(LEAST_SHARE, 2)
    above.set_ylabel("Fraction of events / bin", fontsize=9)
    above.set_title(f"distance {feature.distance.ks:.3f}", loc="right", fontsize=9)
    above.tick_params(labelbottom=False)
    both = drawn & (old > 0)
    ratio = new[both] / old[both]
    error = np.divide(old_error, old, out=np.zeros_like(old), where=old > 0)
    below.stairs(1 + error, edges, baseline=1 - error, fill=True, color=COLORS[0], alpha=0.25)
    below.axhline(1, color=GRAY, linewidth=0.8)
    inside = (ratio > RATIOS[0]) & (ratio < RATIOS[1])
    below.errorbar(middle[both][inside], ratio[inside], (new_error[both] / old[both])[inside], elinewidth=1, **marks)
    for beyond, edge, marker in ((ratio >= RATIOS[1], 0.94, "^"), (ratio <= RATIOS[0], 0.06, "v")):
        height = np.full(int(beyond.sum()), edge)
        below.plot(middle[both][beyond], height, transform=below.get_xaxis_transform(), **{**marks, "marker": marker})
    below.set_ylim(*RATIOS)
    below.set_ylabel("New / trained", fontsize=9)
    below.set_xlabel(f"{plain(feature.name)}   {feature.format}", fontsize=9)
    filled = np.flatnonzero((old > 0) | (new > 0))
    for ax in (above, below):
        ax.set_xlim(edges[filled[0]], edges[filled[-1] + 1])
        ax.tick_params(labelsize=8)
