"""The plots of a scan: accuracy against LUTs and against latency, with the Pareto front."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from trigger_lut.cards.scan import ScanCard, ScanPoint
from trigger_lut.cards.stage_cards import METRICS
from trigger_lut.report.plots.labels import placed
from trigger_lut.report.plots.style import BAD_COLOR, COLORS, GOOD_COLOR, GRAY, baseline_style, canvas, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAMED = 8  # points that are labeled with their names; more of them have the numbers of the table
FRONT = "on the front"
WIDEST_LINEAR = 5.0  # ratio of the largest to the smallest cost from which the axis is logarithmic
LABEL_POINTS = 7.5  # font size


def against_luts(card: ScanCard) -> Figure:
    """Plot accuracy against LUTs after synthesis."""
    source = ", ".join(sorted({p.luts_source for p in card.points}))
    return _against(
        card,
        [p.luts for p in card.points],
        [p.front_luts for p in card.points],
        f"LUTs ({source})",
        _published(card, "luts"),
    )


def against_latency(card: ScanCard) -> Figure:
    """Plot accuracy against latency at the target's clock."""
    source = ", ".join(sorted({p.latency_source for p in card.points}))
    costs, on_front = [p.latency_ns for p in card.points], [p.front_latency for p in card.points]
    return _against(card, costs, on_front, f"Latency [ns] ({source})", _published(card, "latency_ns"))


def label_of(card: ScanCard, n: int) -> str:
    """Return the label of a point in the plots."""
    return card.points[n].name.removeprefix("scan_") if len(card.points) <= NAMED else str(n + 1)


def _published(card: ScanCard, key: str) -> list[tuple[str, float, float]]:
    """Return (label, cost, accuracy) of published results that state this cost."""
    rows = [(f"P{n}", getattr(row, key), row.accuracy) for n, row in enumerate(card.published, start=1)]
    return [row for row in rows if row[1] is not None]


def _against(
    card: ScanCard,
    costs: Sequence[float],
    on_front: Sequence[bool],
    quantity: str,
    published: list[tuple[str, float, float]],
) -> Figure:
    figure, [ax] = canvas(4.2, 4.3)
    _front(ax, card, costs, on_front)
    shown: set[str] = set()
    for point, cost, best in zip(card.points, costs, on_front, strict=True):
        style, name = _style(point, best)
        y, error = 100 * point.score, 100 * _error(point)
        ax.errorbar(cost, y, error, **style, label=name if name not in shown else None)
        shown.add(name)
    for n, (_, cost, accuracy) in enumerate(published):
        legend = "published, not repeated here" if n == 0 else None
        ax.plot(cost, 100 * accuracy, "D", color=COLORS[6], markerfacecolor="white", markersize=6, label=legend)
    for n, baseline in enumerate(card.baselines):
        ax.axhline(100 * baseline.score, **baseline_style(n), linewidth=1.2, label=baseline.name)
    everything = [*costs, *(cost for _, cost, _ in published)]
    _limits(ax, card, everything, [accuracy for _, _, accuracy in published])
    ax.set_xlabel(quantity)
    ax.set_ylabel(f"{METRICS[card.points[0].metric]}, test split [%]")
    figure.legend(loc="outside lower left", ncols=2, fontsize=8)
    marks = [
        (cost, 100 * p.score, label_of(card, n)) for n, (p, cost) in enumerate(zip(card.points, costs, strict=True))
    ]
    marks += [(cost, 100 * accuracy, label) for label, cost, accuracy in published]
    _write_labels(figure, ax, marks)
    return figure


def _style(point: ScanPoint, best: bool) -> tuple[dict[str, Any], str]:
    """Look and legend entry of a point. Shape tells met from missed, filling tells the front: not color alone."""
    common: dict[str, Any] = {"markersize": 6, "elinewidth": 0.7, "capsize": 2, "zorder": 3 if best else 2}
    if not point.bit_exact:
        return {**common, "fmt": "X", "color": BAD_COLOR}, "not bit-exact"
    color = GOOD_COLOR if best else GRAY
    shape = "o" if point.budget_met else "^"
    kind = FRONT if best else "beaten"
    face = color if best else "white"
    name = kind if point.budget_met else f"{kind}, budget missed"
    return {**common, "fmt": shape, "color": color, "markerfacecolor": face}, name


def _front(ax: Axes, card: ScanCard, costs: Sequence[float], on_front: Sequence[bool]) -> None:
    """Draw the best accuracy up to each cost as a step line."""
    best = sorted((c, 100 * p.score) for p, c, chosen in zip(card.points, costs, on_front, strict=True) if chosen)
    if best:
        x, y = [c for c, _ in best], [a for _, a in best]
        ax.step([*x, 1e9], [*y, y[-1]], where="post", color=GOOD_COLOR, linewidth=1.2, zorder=1, label="Pareto front")


def _limits(ax: Axes, card: ScanCard, costs: list[float], others: list[float]) -> None:
    low, high = min(costs), max(costs)
    if high > WIDEST_LINEAR * low:
        from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

        ax.set_xscale("log")
        ax.set_xlim(low / 1.4, high * 1.4)
        ax.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        ax.xaxis.set_minor_formatter(NullFormatter())
    else:
        room = 0.15 * max(high - low, 0.2 * high)
        ax.set_xlim(low - room, high + room)
    values = [100 * v for p in card.points for v in (p.score - _error(p), p.score + _error(p))]
    values += [100 * v for v in (*(baseline.score for baseline in card.baselines), *others)]
    spread = max(max(values) - min(values), 0.5)
    ax.set_ylim(min(values) - 0.08 * spread, max(values) + 0.08 * spread)


# ---------------------------------------------------------------- labels


def _write_labels(figure: Figure, ax: Axes, marks: list[tuple[float, float, str]]) -> None:
    """Write each label near its point, with the least overlap with points and earlier labels."""
    figure.draw_without_rendering()
    scale = figure.dpi / 72
    centers = [tuple(ax.transData.transform((x, y))) for x, y, _ in marks]
    sizes = [(0.62 * LABEL_POINTS * len(label) * scale, 1.2 * LABEL_POINTS * scale) for *_, label in marks]
    frame = ax.get_window_extent()
    inside = (frame.x0, frame.y0, frame.x1, frame.y1)
    for (x, y, label), (dx, dy, far) in zip(marks, placed(centers, sizes, inside=inside, unit=scale), strict=True):
        ax.annotate(
            plain(label),
            (x, y),
            xytext=(dx / scale, dy / scale),
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=LABEL_POINTS,
            zorder=4,
            arrowprops={"arrowstyle": "-", "color": GRAY, "linewidth": 0.6} if far else None,
        )


def _error(point: ScanPoint) -> float:
    return point.score_error or 0.0
