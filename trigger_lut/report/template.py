"""Pages as plain values: tables, plots and cards; and their template."""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from trigger_lut.cards.base import Card, Measured, write_text
from trigger_lut.cards.estimates import FmaxInterval
from trigger_lut.report.plots.style import save
from trigger_lut.utils.wording import counted

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_FILES = 12
CSS_DPI = 96
MOST_UNSORTED = 10  # rows of a table that nobody needs to sort
RESULTS, INDEX = "results", "index.html"
BEFORE_UNIT = re.compile(r"(?<=\d) (?=(?:%|ns|s|MHz|kHz|GeV|MB)(?![\w/]))")


@dataclass(frozen=True)
class Cell:
    """Entry of a table; kind is '', 'text' (left-aligned), 'prose' (our own text with `code`), 'good' or 'bad'.

    `key` is the value for sorting, `link` the address of another page, relative to its own.
    """

    text: str
    kind: str = ""
    key: float | str | None = None
    link: str | None = None


@dataclass(frozen=True)
class Table:
    """Table with a title, a note and the command that made it. Readers sort a sortable or long one by a column."""

    title: str
    header: list[str]
    rows: list[list[Cell]]
    note: str = ""
    command: str = ""
    sortable: bool = False

    @property
    def sorts(self) -> bool:
        """True if the table has buttons to sort it."""
        return self.sortable or len(self.rows) > MOST_UNSORTED


@dataclass(frozen=True)
class Page:
    """Page; `plots` are (file name, figure, caption), after the first table, or first and two in a row.

    Another template than `page.html` extends it, and gets `more` by name.
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
    """Return a row of cells; numbers with their digits, texts left-aligned."""
    return [
        value if isinstance(value, Cell) else Cell(number(value), "text" if isinstance(value, str) else "")
        for value in values
    ]


def record_table(
    title: str, records: Sequence[BaseModel] | Mapping[str, BaseModel], *, head: str = "", note: str = ""
) -> Table:
    """Make a table of records: a row for each record, a column for each field with a title.

    `Field(title=..., json_schema_extra={"format": ...})` of the card gives the head of the column and the format of its
    values: a format of Python such as ".1f", "percent", or "zero" for a count that is good if it is 0.

    Parameters
    ----------
    title : str
        Title of the table.
    records : sequence or mapping of BaseModel
        Records of one type. The keys of a mapping are the first column.
    head : str
        Head of the first column: of the keys, or of a number from 1 for each record of a sequence.
    note : str
        Text below the table.

    Returns
    -------
    Table
        The table; empty without records.
    """
    named = records if isinstance(records, Mapping) else {str(n): x for n, x in enumerate(records, 1)}
    rows = [
        [
            *([Cell(name, "text" if isinstance(records, Mapping) else "")] if head else []),
            *(_value_cell(getattr(record, key), field) for key, field in _columns(record)),
        ]
        for name, record in named.items()
    ]
    first = next(iter(named.values()), None)
    titles = [] if first is None else [str(field.title) for _, field in _columns(first)]
    return Table(title, [*([head] if head else []), *titles], rows, note)


def _columns(record: BaseModel) -> list[tuple[str, FieldInfo]]:
    return [(key, field) for key, field in type(record).model_fields.items() if field.title is not None]


def _value_cell(value: object, field: FieldInfo) -> Cell:
    extra = field.json_schema_extra
    shown = str(extra.get("format", "")) if isinstance(extra, dict) else ""
    value = value.value if isinstance(value, Measured) else value
    if value is None or not shown:
        return cells(("yes" if value else "no") if isinstance(value, bool) else value)[0]
    if shown == "zero":
        return judgement(value == 0, number(value), no=number(value))
    assert isinstance(value, int | float), f"{field.title}: no number"
    return percent(value) if shown == "percent" else Cell(f"{value:{shown}}")


def number(value: object) -> str:
    """Format a value: integers with all digits and commas, other numbers with four digits, None as 'not measured'."""
    if value is None:
        return "not measured"
    if isinstance(value, float):
        return f"{value:,.0f}" if value.is_integer() and abs(value) < 1e15 else f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def fixed(value: float, digits: int = 0) -> Cell:
    """Format a number with a fixed number of digits after the point."""
    return Cell(f"{value:.{digits}f}")


def percent(value: float) -> Cell:
    """Format a fraction in percent."""
    return Cell(f"{100 * value:.2f} %")


def measured(figure: Measured) -> list[Cell]:
    """Return the cells of value and source of a measurement."""
    return [Cell(number(figure.value)), Cell(figure.source, "text")]


def judgement(good: bool, yes: str = "met", *, no: str = "missed") -> Cell:
    """Return a cell that is marked as good or bad."""
    return Cell(yes if good else no, "good" if good else "bad")


def fmax(estimate_mhz: float | None, clock_mhz: float, *, interval: FmaxInterval | None = None) -> Cell:
    """Format an estimated Fmax, rounded down, with its interval; marked as bad below the clock."""
    if estimate_mhz is None:
        return Cell(number(None), "bad")
    shown = f"{math.floor(10 * estimate_mhz) / 10:.1f}"
    error = "not checked" if interval is None else str(interval)
    reached = estimate_mhz >= clock_mhz
    return judgement(reached, f"{shown} ({error})", no=f"{shown}, below the clock of {clock_mhz:g} ({error})")


def write_page(page: Page, path: Path) -> None:
    """Write the plots as SVG files, and the page with the same plots inside, so that it can be moved alone."""
    import jinja2

    shown = []
    for name, figure, caption in page.plots:
        plot = path.with_name(name)
        save(figure, plot)
        source = "data:image/svg+xml;base64," + base64.b64encode(plot.read_bytes()).decode()
        shown.append({"source": source, "caption": caption, "width": round(CSS_DPI * figure.get_figwidth())})
    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    environment = jinja2.Environment(
        loader=loader,
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_with_units_kept,
        trim_blocks=True,
        lstrip_blocks=True,
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


def _with_units_kept(value: object) -> object:
    """Put a no-break space between a number and its unit; markup stays as it is."""
    return BEFORE_UNIT.sub("\N{NO-BREAK SPACE}", value) if type(value) is str else value


def _home(path: Path) -> str | None:
    """Return the address of results/index.html, relative to a page; None for itself and for pages elsewhere."""
    if path.name == INDEX:
        return None
    above = [parent.name for parent in path.parents]
    return "../" * above.index(RESULTS) + INDEX if RESULTS in above else None


def _files(card: Card) -> list[tuple[str, str]]:
    files = list(card.inputs.items())
    return (
        files
        if len(files) <= MOST_FILES
        else [*files[:MOST_FILES], (f"and {counted(len(files) - MOST_FILES, 'more file')}", "")]
    )
