"""The look of all plots: ticks and labels as in the field, colors that color-blind readers can tell apart.

Colors: M. A. Petroff, "Accessible color sequences for data visualization" (arXiv:2107.02270), ten colors. Lines also
differ by dashes. The SVG files of the same card are the same bytes: no dates, no random identifiers, letters as paths.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trigger_lut.errors import visible
from trigger_lut.utils.files import atomic_path

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLORS = (
    *("#3f90da", "#ffa90e", "#bd1f01", "#832db6", "#717581"),
    *("#a96b59", "#e76300", "#b9ac70", "#94a4a2", "#92dadd"),
)
DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))
BUDGET_COLOR, GRAY, LIGHT_GRAY = "#000000", "#94a4a2", "#d9d9d9"
GOOD_COLOR, BAD_COLOR = "#3f90da", "#bd1f01"

SETTINGS = {
    "svg.hashsalt": "trigger_lut",
    "svg.fonttype": "path",
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.labelsize": 11,
    "axes.titlesize": 11,
    "axes.linewidth": 1.0,
    "axes.formatter.useoffset": False,
    "xaxis.labellocation": "right",
    "yaxis.labellocation": "top",
    "xtick.direction": "in",
    "ytick.direction": "in",
    "xtick.top": True,
    "ytick.right": True,
    "xtick.minor.visible": True,
    "ytick.minor.visible": True,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.linewidth": 1.6,
    "figure.dpi": 100,
}


@contextmanager
def styled() -> Iterator[None]:
    """Everything drawn inside has the project's look; nothing outside changes."""
    import matplotlib as mpl

    mpl.use("svg")
    with mpl.rc_context(SETTINGS):  # type: ignore[arg-type]
        yield


def canvas(
    width: float = 6.4,
    height: float = 4.4,
    *,
    rows: int = 1,
    columns: int = 1,
    widths: Sequence[float] | None = None,
    heights: Sequence[float] | None = None,
) -> tuple[Figure, list[Axes]]:
    """Return a figure of rows x columns plots; width and height in inches, widths and heights relative."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, width_ratios=widths, height_ratios=heights)
    return figure, list(axes.flat)


def line_style(n: int) -> dict[str, Any]:
    """Color and dashes of the n-th line."""
    return {"color": COLORS[n % len(COLORS)], "linestyle": DASHES[n % len(DASHES)]}


def baseline_style(n: int) -> dict[str, Any]:
    """Color and dashes of the horizontal line of the n-th baseline."""
    return {"color": COLORS[(3, 5, 1)[n % 3]], "linestyle": ("--", ":", "-.")[n % 3]}


def plain(name: str) -> str:
    """Return a user's name as a label: a dollar sign would start a formula, a leading underscore hide it in legends.

    SVG holds labels as comments as well, and XML has no control characters.
    """
    return (" " if name.startswith("_") else "") + visible(name).replace("$", r"\$")


def save(figure: Figure, path: Path) -> None:
    """Write a figure as SVG (or, by its suffix, PNG), whole or not at all."""
    form = path.suffix[1:]
    with atomic_path(path) as part:
        figure.savefig(part, format=form, metadata={"Date": None} if form == "svg" else None)


def without_ticks(ax: Axes, axis: str = "both") -> None:
    """No tick marks: for axes that carry names instead of numbers."""
    ax.tick_params(axis=axis, which="both", length=0)  # type: ignore[arg-type]
    ax.minorticks_off()
