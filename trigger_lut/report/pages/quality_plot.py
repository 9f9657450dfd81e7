"""The plot of all designs on the landing page, as numbers for inline SVG: accuracy or R² against LUTs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from math import log

from trigger_lut.cards.scan import ScanCard, ScanPoint
from trigger_lut.cards.stage_cards import METRICS, DesignSummary, Summary
from trigger_lut.report.plots.labels import Box, around, placed

WIDTH, HEIGHT = 460, 340
FRAME: Box = (64, 50, 448, 308)  # left, bottom, right, top; upwards, in units of the picture
LETTER, LINE = 9.2, 17.0  # size of a letter where the picture is smallest: on a telephone
MOST_LETTERS = 18
WIDEST_LINEAR = 5.0  # ratio of the largest to the smallest cost from which the axis is logarithmic
Error = tuple[float, float]


@dataclass(frozen=True)
class Mark:
    """A design, with its error and its budget, or a point of the scan; y is counted downwards."""

    x: float
    y: float
    passes: bool
    scanned: bool = False
    error: Error | None = None
    budget: float | None = None
    label: str = ""
    label_x: float = 0.0
    label_y: float = 0.0


@dataclass(frozen=True)
class QualityPlot:
    """Everything that the template draws."""

    quantity: str
    source: str
    described: str
    x_ticks: list[tuple[float, str]]
    y_ticks: list[tuple[float, str]]
    baselines: list[tuple[float, float, str]]  # y of the line, y of its text
    marks: list[Mark]
    width: int = WIDTH
    height: int = HEIGHT
    frame: Box = (FRAME[0], HEIGHT - FRAME[3], FRAME[2], HEIGHT - FRAME[1])


def quality_plot(
    card: Summary, failing: Collection[str], *, errors: Mapping[str, Error], scan: ScanCard | None
) -> QualityPlot:
    """Return the plot.

    Parameters
    ----------
    card
        All designs.
    failing
        Names of those that do not pass.
    errors
        Lower and upper end of the accuracy's interval by design, where it is known.
    scan
        The scan, where there is one: its points are drawn without names.
    """
    designs, first = card.designs, card.designs[0]
    points = [point for point in scan.points if point.scanned] if scan is not None else []
    baselines = {baseline.name: baseline.score for baseline in first.baselines}
    costs = [float(x) for d in designs for x in (d.luts, d.luts_budget)] + [float(p.luts) for p in points]
    ends = [end for error in errors.values() for end in error]
    shares = [d.score for d in designs] + [p.score for p in points] + list(baselines.values())
    x_at, x_ticks = _axis(costs, FRAME[0], FRAME[2], zero=True)
    y_at, y_ticks = _axis([100 * share for share in shares + ends], FRAME[1], FRAME[3], zero=False)
    lines = sorted((y_at(100 * value), name) for name, value in baselines.items())
    texts = [(y, y - LINE / 2 - 2 if n == 0 else y + LINE / 2 + 2, name) for n, (y, name) in enumerate(lines)]
    taken = [
        around(FRAME[0] + LETTER * len(name) / 2, y, width=LETTER * len(name), height=LINE) for _, y, name in texts
    ]
    centers = [(x_at(d.luts), y_at(100 * d.score)) for d in designs]
    limits = [x_at(d.luts_budget) for d in designs]
    taken += [
        around((x + end) / 2, y, width=abs(end - x), height=14) for (x, y), end in zip(centers, limits, strict=True)
    ]
    taken += [around(x_at(p.luts), y_at(100 * p.score), width=10, height=10) for p in points]
    labels = [_short(d.name) for d in designs]
    sizes = [(LETTER * len(label), LINE) for label in labels]
    marks = [_mark(p, x_at, y_at, p.bit_exact and p.budget_met) for p in points]
    places = placed(centers, sizes, inside=FRAME, unit=1, taken=taken)
    for d, center, limit, label, (dx, dy, _) in zip(designs, centers, limits, labels, places, strict=True):
        low, high = errors.get(d.name, (d.score, d.score))
        marks.append(
            Mark(
                x=_round(center[0]),
                y=_down(center[1]),
                passes=d.name not in failing,
                error=(_down(y_at(100 * low)), _down(y_at(100 * high))) if d.name in errors else None,
                budget=_round(limit),
                label=label,
                label_x=_round(center[0] + dx),
                label_y=_down(center[1] + dy),
            )
        )
    return QualityPlot(
        quantity=METRICS[first.metric],
        source=", ".join(sorted({d.luts_source for d in designs})),
        described=_described(designs, failing, baselines, points),
        x_ticks=[(_round(x_at(value)), f"{value:,.0f}") for value in x_ticks],
        y_ticks=[(_down(y_at(value)), text) for value, text in zip(y_ticks, _alike(y_ticks), strict=True)],
        baselines=[(_down(y), _down(text), name) for y, text, name in texts],
        marks=marks,
    )


def _mark(point: ScanPoint, x_at: Callable[[float], float], y_at: Callable[[float], float], passes: bool) -> Mark:
    return Mark(x=_round(x_at(point.luts)), y=_down(y_at(100 * point.score)), passes=passes, scanned=True)


def _axis(
    values: Sequence[float], start: float, end: float, *, zero: bool
) -> tuple[Callable[[float], float], list[float]]:
    """Return where a value lies between start and end, and the ticks. zero: a cost, from 0 on or logarithmic."""
    from matplotlib.ticker import LogLocator, MaxNLocator

    low, high = min(values), max(values)
    logarithmic = zero and low > 0 and high > WIDEST_LINEAR * low
    if logarithmic:
        low, high = low / 1.3, high * 1.3
        ticks = LogLocator(subs=(1.0, 2.0, 5.0) if high < 200 * low else (1.0,)).tick_values(low, high)
    else:
        room = 0.1 * max(high - low, 0.5)
        low, high = (0.0, max(1.1 * high, 1.0)) if zero else (low - room, high + room)
        ticks = MaxNLocator(5, steps=[1, 2, 5, 10]).tick_values(low, high)

    def at(value: float) -> float:
        share = log(value / low) / log(high / low) if logarithmic else (value - low) / (high - low)
        return start + (end - start) * share

    return at, [float(tick) for tick in ticks if low <= tick <= high]


def _alike(ticks: Sequence[float]) -> list[str]:
    """Return the ticks as texts with the same number of digits after the point, at most three."""
    digits = next((n for n in range(3) if all(abs(tick - round(tick, n)) < 1e-9 for tick in ticks)), 3)
    return [f"{tick:.{digits}f}" for tick in ticks]


def _described(
    designs: Sequence[DesignSummary],
    failing: Collection[str],
    baselines: Mapping[str, float],
    points: Sequence[ScanPoint],
) -> str:
    sentences = [
        f"{d.name}: {100 * d.score:.2f} % with {d.luts:,} LUTs of {d.luts_budget:,}, "
        f"{'fails' if d.name in failing else 'passes'}."
        for d in designs
    ]
    sentences += [f"{name}: {100 * value:.2f} %." for name, value in baselines.items()]
    return " ".join(sentences + [f"Points of the scan: {len(points)}."] * bool(points))


def _short(name: str) -> str:
    return name if len(name) <= MOST_LETTERS else name[: MOST_LETTERS - 1] + "…"


def _round(value: float) -> float:
    return round(value, 1)


def _down(value: float) -> float:
    return round(HEIGHT - value, 1)
