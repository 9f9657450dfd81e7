"""Report of a synthesis by Vitis HLS or Vivado HLS: csynth.xml."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

from trigger_lut.errors import ReportError

UNDEFINED = ("undef", "?", "-")
DSP_NAMES = ("DSP", "DSP48E")  # Vitis HLS, and Vivado HLS before it


@dataclass(frozen=True)
class HlsReport:
    """Estimates of the tool. Latency and interval in cycles; None where they are not constant."""

    version: str
    part: str
    top: str
    target_clock_ns: float
    estimated_clock_ns: float
    latency_min: int | None
    latency_max: int | None
    interval_min: int | None
    interval_max: int | None
    luts: int
    ff: int
    dsp: int
    bram18: int
    uram: int


def read_hls_report(path: Path) -> HlsReport:
    """Read the figures of a csynth.xml.

    Parameters
    ----------
    path
        Report.

    Returns
    -------
    HlsReport
        Its figures.

    Raises
    ------
    ReportError
        If the report is missing, cut off, or lacks a figure.
    """
    try:
        root = ElementTree.fromstring(path.read_text(encoding="utf-8", errors="replace"))
    except OSError as error:
        raise ReportError(f"{path}: cannot be read: {error.strerror}; expected the csynth.xml of Vitis HLS") from error
    except ElementTree.ParseError as error:
        raise ReportError(f"{path}: expected the csynth.xml of Vitis HLS, found no complete XML: {error}") from error
    latency = "PerformanceEstimates/SummaryOfOverallLatency"

    def text(place: str, *others: str) -> str:
        for name in (place, *others):
            content = root.findtext(name)
            if content is not None and content.strip():
                return content.strip()
        raise ReportError(f"{path}: expected a value at {place}, found none")

    def number(place: str, *others: str) -> float:
        content = text(place, *others)
        try:
            return float(content)
        except ValueError as error:
            raise ReportError(f"{path}: {place}: expected a number, found {content!r}") from error

    def cycles(name: str) -> int | None:
        place = f"{latency}/{name}"
        return None if text(place) in UNDEFINED else int(number(place))

    def used(*names: str) -> int:
        first, *rest = (f"AreaEstimates/Resources/{name}" for name in names)
        return int(number(first, *rest))

    return HlsReport(
        version=text("ReportVersion/Version"),
        part=text("UserAssignments/Part"),
        top=text("UserAssignments/TopModelName"),
        target_clock_ns=number("UserAssignments/TargetClockPeriod"),
        estimated_clock_ns=number("PerformanceEstimates/SummaryOfTimingAnalysis/EstimatedClockPeriod"),
        latency_min=cycles("Best-caseLatency"),
        latency_max=cycles("Worst-caseLatency"),
        interval_min=cycles("Interval-min"),
        interval_max=cycles("Interval-max"),
        luts=used("LUT"),
        ff=used("FF"),
        dsp=used(*DSP_NAMES),
        bram18=used("BRAM_18K"),
        uram=used("URAM"),
    )
