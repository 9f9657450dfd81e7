"""Plots of a design as a trigger: rate and efficiency, efficiency against variables, calibration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from trigger_lut.cards.physics import ALL, Interval68, RateCard, WorkingPoint, of_point_key
from trigger_lut.report.plots.style import COLORS, canvas, line_style, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARKERS = ("s", "^", "o", "x", "D")
SIZES = (4, 4, 6, 5, 4)  # firmware and trained network are the same where Keras is exact: a cross on a disc


def rates(card: RateCard) -> Figure:
    """Rate against threshold, and against signal efficiency or agreement with the teacher; a row for each path."""
    paths = list(card.paths) or [""]
    figure, axes = canvas(9.6, 4.2 * len(paths), rows=len(paths), columns=2)
    for path, left, right in zip(paths, axes[::2], axes[1::2], strict=True):
        _rates_of_path(card, path, left, right)
    return figure


def _rates_of_path(card: RateCard, path: str, left: Axes, right: Axes) -> None:
    points = {of_point_key(key): methods for key, methods in card.points.items()}
    points = {key: methods for key, methods in points.items() if key[0] == path}
    curves = [curve for curve in card.curves if curve.path == path]
    wanted = [khz for _, khz in points]
    for n, curve in enumerate(curves):
        khz = np.array(curve.rate_khz)
        positive = khz > 0
        style = line_style(n)
        left.step(np.array(curve.threshold)[positive], khz[positive], where="post", **style)
        if card.signal:
            right.plot(np.array(curve.efficiency)[positive], khz[positive], **style)
        left.plot([], [], label=plain(curve.method), **style, **_marker(n))
    for methods in points.values():
        for n, point in enumerate(methods):
            if point.threshold is not None:
                _point(left, (point.threshold, None), point.rate_khz, n)
                if (across := _across(point)) is not None:
                    _point(right, (across.value, across), point.rate_khz, n)
    low = min([min(wanted) / 3, *(k for c in curves for k in c.rate_khz if k > 0)])
    for ax in (left, right):
        ax.set_yscale("log")
        ax.set_ylim(low, 1.5 * card.input_rate_khz)
        ax.set_ylabel("Rate [kHz]")
        for level in wanted:
            ax.axhline(level, color="#717581", linewidth=0.7, linestyle=":")
        _labeled(ax, card, path)
    left.set_xlabel("Threshold on the score" if card.single_score else "Threshold on the score [logits]")
    right.set_xlabel("Efficiency of all signal" if card.signal else "Fraction of the teacher's events that pass too")
    right.set_xlim(0, 1)
    right.set_visible(bool(card.signal) or card.single_score)  # without either there is nothing to compare a rate with
    left.legend(loc="lower left")


def _across(point: WorkingPoint) -> Interval68 | None:
    """Return the efficiency of all signal; without signal, the fraction shared with the teacher."""
    if not point.efficiency:
        return point.shared_with_teacher
    return point.efficiency.get(ALL) or next(iter(point.efficiency.values()))


def turnons(card: RateCard) -> Figure:
    """Efficiency against each variable at one working point, all methods."""
    shown = card.turnons
    columns = min(max(len(shown), 1), 2)
    rows = -(-max(len(shown), 1) // columns)
    figure, axes = canvas(4.9 * columns, 3.8 * rows, rows=rows, columns=columns)
    for ax, turnon in zip(axes, shown, strict=False):
        edges = np.array(turnon.edges)
        middle = (edges[1:] + edges[:-1]) / 2 if len(edges) > 1 else edges
        # Side by side, so that equal values can be told apart, but within their bin.
        width = np.diff(edges) if len(edges) > 1 else np.zeros(1)
        apart = np.minimum(0.2 * width, 0.011 * (edges[-1] - edges[0]))
        for n, (method, points) in enumerate(turnon.efficiency.items()):
            _bars(ax, middle + (n - (len(turnon.efficiency) - 1) / 2) * apart, points, n, plain(method))
        for edge in edges:
            ax.axvline(edge, color="#d9d9d9", linewidth=0.6, zorder=0)
        ax.set_ylim(0, 1.35)
        ax.set_yticks(np.linspace(0, 1, 6))
        ax.set_xlabel(plain(turnon.variable))
        ax.set_ylabel(f"{'Signal' if card.signal else 'Background'} efficiency at {turnon.rate_khz:g} kHz")
        ax.legend(loc="upper right", ncols=2, fontsize=8)
        _labeled(ax, card, turnon.path)
    for ax in axes[len(shown) :]:
        ax.set_axis_off()
    if not shown:
        axes[0].text(
            0.5, 0.5, "trigger.efficiency_variables names no variable", ha="center", transform=axes[0].transAxes
        )
    return figure


def reliability(card: RateCard) -> Figure:
    """Plot the observed fraction of signal against its predicted probability."""
    figure, [ax] = canvas(5.0, 4.4)
    ax.plot([0, 1], [0, 1], color="#717581", linewidth=0.8, linestyle=":")
    for n, bins in enumerate(card.reliability):
        _bars(ax, np.array(bins.predicted), bins.observed, n, plain(bins.method))
    ax.set_xlim(0, 1)
    ax.set_ylim(0, 1.15)
    ax.set_xlabel("Predicted probability of signal")
    ax.set_ylabel("Fraction of signal")
    ax.legend(loc="upper left", fontsize=8)
    _labeled(ax, card)
    return figure


def _point(ax: Axes, x: tuple[float, Interval68 | None], khz: Interval68, n: int) -> None:
    """Draw a working point of the n-th method with errors from the test split."""
    value, across = x
    ax.errorbar(
        [value],
        [khz.value],
        [[khz.value - khz.low], [khz.high - khz.value]],
        None if across is None else [[value - across.low], [across.high - value]],
        **_marks(n),
    )


def _marks(n: int) -> dict[str, Any]:
    return {
        "linestyle": "none",
        "elinewidth": 1,
        "color": COLORS[n],
        **_marker(n),
    }


def _marker(n: int) -> dict[str, Any]:
    return {"marker": MARKERS[n % len(MARKERS)], "markersize": SIZES[n % len(SIZES)], "markerfacecolor": "none"}


def _bars(ax: Axes, x: np.ndarray, points: list[Interval68], n: int, label: str) -> None:
    value, low, high = (np.array([getattr(p, key) for p in points]) for key in ("value", "low", "high"))
    ax.errorbar(x, value, [value - low, high - value], label=label, **_marks(n))


def _labeled(ax: Axes, card: RateCard, path: str = "") -> None:
    of_path = f", {plain(path)}" if path else ""
    ax.set_title(f"{card.design}{of_path}: {plain(card.plot_label)}", loc="left", fontsize=9)
