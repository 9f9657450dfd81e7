"""Pages as plain values (tables, plots, the cards they were filled from) and the one template that shows them."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from trigger_lut.cards.base import Card, Measured, write_text
from trigger_lut.cards.estimates import FmaxInterval
from trigger_lut.report.plots.style import save

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_FILES = 12
CSS_DPI = 96
MOST_UNSORTED = 10  # rows of a table that nobody needs to sort
RESULTS, INDEX = "results", "index.html"


@dataclass(frozen=True)
class Cell:
    """One entry of a table; kind is '', 'text' (left-aligned), 'prose' (the same, `code` marked), 'good' or 'bad'.

    `key` is what it is sorted by, `link` a page that it leads to, relative to its own.
    """

    text: str
    kind: str = ""
    key: float | str | None = None
    link: str | None = None


@dataclass(frozen=True)
class Table:
    """A table with a title, and a note below it. A click on a head sorts a sortable one, and each long one."""

    title: str
    header: list[str]
    rows: list[list[Cell]]
    note: str = ""
    sortable: bool = False

    @property
    def sorts(self) -> bool:
        return self.sortable or len(self.rows) > MOST_UNSORTED


@dataclass(frozen=True)
class Page:
    """One page; `plots` are (file name, figure, caption), behind the first table, or first and two in a row.

    A template other than `page.html` extends it, and gets `more` by name.
    """

    title: str
    lead: str
    tables: list[Table]
    cards: dict[str, Card]
    plots: list[tuple[str, Figure, str]] = field(default_factory=list)
    plots_first: bool = False
    template: str = "page.html"
    more: Mapping[str, object] = field(default_factory=dict)


def cells(*values: object) -> list[Cell]:
    """A row of plain cells; numbers shown with their digits, texts to the left."""
    return [
        value if isinstance(value, Cell) else Cell(number(value), "text" if isinstance(value, str) else "")
        for value in values
    ]


def number(value: object) -> str:
    """A value as text: whole numbers whole, others with four digits, None as 'not measured'."""
    if value is None:
        return "not measured"
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() and abs(value) < 1e15 else f"{value:.4g}"
    return str(value)


def fixed(value: float, digits: int = 0) -> Cell:
    """A number with so many digits after the point."""
    return Cell(f"{value:.{digits}f}")


def percent(value: float) -> Cell:
    return Cell(f"{100 * value:.2f} %")


def measured(found: Measured) -> list[Cell]:
    """Value and source of a measured number."""
    return [Cell(number(found.value)), Cell(found.source, "text")]


def judgement(good: bool, yes: str = "met", no: str = "missed") -> Cell:
    return Cell(yes if good else no, "good" if good else "bad")


def fmax(estimate_mhz: float | None, clock_mhz: float, interval: FmaxInterval | None = None) -> Cell:
    """Return an estimated Fmax as a cell, rounded down, with its interval; one below the clock is called that."""
    if estimate_mhz is None:
        return Cell(number(None), "bad")
    shown = f"{math.floor(10 * estimate_mhz) / 10:.1f}"
    error = "not checked" if interval is None else str(interval)
    reached = estimate_mhz >= clock_mhz
    return judgement(reached, f"{shown} ({error})", f"{shown}, below the clock of {clock_mhz:g} ({error})")


def write_page(page: Page, path: Path) -> None:
    """Write the plots as SVG beside the page, and the page with the plots inside, so that it can be moved alone."""
    import jinja2

    shown = []
    for name, figure, caption in page.plots:
        plot = path.with_name(name)
        save(figure, plot)
        source = "data:image/svg+xml;base64," + base64.b64encode(plot.read_bytes()).decode()
        shown.append({"source": source, "caption": caption, "width": round(CSS_DPI * figure.get_figwidth())})
    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    write_text(
        path,
        environment.get_template(page.template).render(
            title=page.title,
            lead=page.lead,
            home=_home(path),
            tables=page.tables,
            plots_first=page.plots_first,
            sortable=any(table.sorts for table in page.tables),
            plots=shown,
            cards=list(page.cards.items()),
            files=_files,
            **page.more,
        ),
    )


def _home(path: Path) -> str | None:
    """The way from a page to the landing page, results/index.html; None for itself and for pages elsewhere."""
    if path.name == INDEX:
        return None
    above = [parent.name for parent in path.parents]
    return "../" * above.index(RESULTS) + INDEX if RESULTS in above else None


def _files(card: Card) -> list[tuple[str, str]]:
    held = list(card.inputs.items())
    return held if len(held) <= MOST_FILES else [*held[:MOST_FILES], (f"and {len(held) - MOST_FILES} more files", "")]
