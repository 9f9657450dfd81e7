"""Vivado's reports as text: `report_utilization` and `report_timing_summary`.

Tested on those in tests/fixtures/reports: utilization of 2019.2 and 2020.1, timing of 2019.2 and 2021.2. A report that
ends early is refused even where its figures come before the cut: a killed run has measured nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from trigger_lut.errors import ReportError

RULE = re.compile(r"^\+(-+\+)+$")
LUT_ROWS, FF_ROWS = ("CLB LUTs", "Slice LUTs"), ("CLB Registers", "Slice Registers")
NOT_APPLICABLE = "NA"


@dataclass(frozen=True)
class Utilization:
    """Resources of a design.

    Attributes
    ----------
    version, device
        Version of the tool, and part.
    state
        Synthesized, Fully Placed or Routed.
    luts, ff, dsp, bram18, uram
        Counts; a 36 Kb block RAM counts twice in bram18.
    """

    version: str
    device: str
    state: str
    luts: int
    ff: int
    dsp: int
    bram18: int
    uram: int


@dataclass(frozen=True)
class TimingSummary:
    """Slacks in ns over all paths of a design with one clock; None where no path is constrained.

    Attributes
    ----------
    version, device
        Version of the tool, and part.
    clock, period_ns
        Name and period of the clock.
    wns_ns, tns_ns
        Worst and total negative slack of setup; the total is 0 where all paths meet it.
    whs_ns
        Worst slack of hold.
    failing
        Number of endpoints that miss setup.
    levels
        Logic levels of the worst path of setup.
    """

    version: str
    device: str
    clock: str
    period_ns: float
    wns_ns: float | None
    tns_ns: float | None
    whs_ns: float | None
    failing: int | None
    levels: int | None

    @property
    def fmax_mhz(self) -> float | None:
        """Clock in MHz that the worst path of setup just meets."""
        return None if self.wns_ns is None else 1000 / (self.period_ns - self.wns_ns)


def read_utilization(path: Path) -> Utilization:
    """Read a file of `report_utilization`.

    Parameters
    ----------
    path
        Report.

    Returns
    -------
    Utilization
        Its figures.

    Raises
    ------
    ReportError
        If the report is missing, cut off or of another form.
    """
    text = _text(path, "Utilization Design Information", "report_utilization")
    _all_sections(path, text)
    bram = float(_used(path, text, ("Block RAM Tile",)))
    return Utilization(
        version=_header(path, text, "Tool Version"),
        device=_header(path, text, "Device"),
        state=_header(path, text, "Design State"),
        luts=int(_used(path, text, LUT_ROWS)),
        ff=int(_used(path, text, FF_ROWS)),
        dsp=int(_used(path, text, ("DSPs",))),
        bram18=round(2 * bram),
        uram=int(_used(path, text, ("URAM",), "0")),
    )


def read_timing(path: Path) -> TimingSummary:
    """Read a file of `report_timing_summary` of a design with one clock.

    Parameters
    ----------
    path
        Report.

    Returns
    -------
    TimingSummary
        Its figures.

    Raises
    ------
    ReportError
        If the report is missing, cut off or of another form, or has no clock or several.
    """
    text = _text(path, "Timing Summary Report", "report_timing_summary")
    rows = _rows(path, text, "Design Timing Summary", "WNS(ns)")
    if len(rows) != 1 or len(rows[0]) != 12:
        raise ReportError(f"{path}: Design Timing Summary: expected one row of 12 figures, found {rows}")
    clocks = re.findall(
        r"^(\S+) +\{[^}]*\} +([\d.]+) +[\d.]+ *$", _box(path, text, "Clock Summary", "Intra Clock Table"), re.MULTILINE
    )
    if len(clocks) != 1:
        names = ", ".join(name for name, _ in clocks) or "none"
        raise ReportError(f"{path}: Clock Summary: expected one clock, found: {names}")
    details = _details(path, text, rows[0])
    levels = re.search(r"^Max Delay Paths$.*?^  Logic Levels: +(\d+)", details, re.MULTILINE | re.DOTALL)
    return TimingSummary(
        version=_header(path, text, "Tool Version"),
        device=_header(path, text, "Device"),
        clock=clocks[0][0],
        period_ns=float(clocks[0][1]),
        wns_ns=_slack_ns(path, rows[0][0]),
        tns_ns=_slack_ns(path, rows[0][1]),
        whs_ns=_slack_ns(path, rows[0][4]),
        failing=None if rows[0][2] == NOT_APPLICABLE else int(rows[0][2]),
        levels=int(levels[1]) if levels else None,
    )


def _text(path: Path, title: str, command: str) -> str:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise ReportError(f"{path}: cannot be read: {error.strerror}; expected what {command} writes") from error
    if not re.search(rf"^{title}$", text, re.MULTILINE):
        raise ReportError(
            f"{path}: expected what {command} writes, found no line {title!r}: cut off, or another report"
        )
    return text


def _header(path: Path, text: str, key: str) -> str:
    match = re.search(rf"^\| {key} *: (.*?) *$", text, re.MULTILINE)
    if not match:
        raise ReportError(f"{path}: expected a line '| {key} : ...' in its head, found none")
    version = re.match(r"Vivado v\.(\S+)", match[1])
    return version[1] if version else match[1]


def _all_sections(path: Path, text: str) -> None:
    """Check that every section of the table of contents is there, and that the last one ends with a complete table."""
    contents = re.search(r"^Table of Contents\n-+\n((?:\d+\S* .*\n)+)\n", text, re.MULTILINE)
    if not contents:
        raise ReportError(f"{path}: expected a table of contents, found none: cut off")
    rest = text[contents.end() :]
    for title in contents[1].splitlines():
        at = re.search(rf"^{re.escape(title)}\n-+\n", rest, re.MULTILINE)
        if not at:
            raise ReportError(f"{path}: expected a section {title!r}, found none: cut off")
        rest = rest[at.end() :]
    rules = [line for line in rest.splitlines() if line.startswith("+")]
    complete = [line for line in rules if RULE.match(line) and len(line) == len(rules[0])]
    if len(complete) < 2 or len(complete) != len(rules):
        raise ReportError(f"{path}: expected a complete table in {title!r}, found its beginning: cut off")


def _used(path: Path, text: str, names: tuple[str, ...], otherwise: str | None = None) -> str:
    for name in names:
        match = re.search(rf"^\| {re.escape(name)}\*? *\| *([\d.]+) *\|", text, re.MULTILINE)
        if match:
            return match[1]
    if otherwise is None:
        raise ReportError(f"{path}: expected a row {' or '.join(map(repr, names))}, found none")
    return otherwise


def _box(path: Path, text: str, title: str, following: str | None = None) -> str:
    """Return the text below a boxed title, up to the following one."""
    start = re.search(rf"^\| {title}\n\| -+\n-+\n", text, re.MULTILINE)
    if not start:
        raise ReportError(f"{path}: expected a part {title!r}, found none: cut off")
    if following is None:
        return text[start.end() :]
    end = re.search(rf"^-+\n\| {following}\n", text[start.end() :], re.MULTILINE)
    if not end:
        raise ReportError(f"{path}: expected a part {following!r} after {title!r}, found none: cut off")
    return text[start.end() : start.end() + end.start()]


def _rows(path: Path, text: str, title: str, first_column: str) -> list[list[str]]:
    lines = _box(path, text, title, "Clock Summary").splitlines()
    heads = [n for n, line in enumerate(lines) if line.split()[:1] == [first_column]]
    if not heads:
        raise ReportError(f"{path}: {title}: expected a column {first_column}, found none")
    below = lines[heads[0] + 2 :]
    end = next((n for n, line in enumerate(below) if not line.strip()), len(below))
    return [line.split() for line in below[:end]]


def _details(path: Path, text: str, figures: list[str]) -> str:
    """Return the part 'Timing Details'. It is complete if its last table is that of the pulse widths."""
    details = _box(path, text, "Timing Details")
    if figures[8] == NOT_APPLICABLE:
        return details
    last = details.rfind("\nPulse Width Checks\n")
    table = details[last:].partition("\nCheck Type ")[2] if last >= 0 else ""
    lines = table.rstrip("\n").split("\n")[1:]
    if not lines or not table.endswith("\n\n"):  # Vivado ends the report with empty lines
        raise ReportError(f"{path}: Timing Details: expected a table 'Pulse Width Checks' at the end: cut off")
    return details


def _slack_ns(path: Path, text: str) -> float | None:
    if text == NOT_APPLICABLE:
        return None
    try:
        return float(text)
    except ValueError as error:
        raise ReportError(f"{path}: Design Timing Summary: expected a number, found {text!r}") from error
