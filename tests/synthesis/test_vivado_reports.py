"""Parsers of vendors' reports, on stored real reports and on what is left when these are cut off."""

from __future__ import annotations

from pathlib import Path

import pytest

from trigger_lut.errors import ReportError
from trigger_lut.synthesis.vivado.csynth import HlsReport, read_hls_report
from trigger_lut.synthesis.vivado.reports import TimingSummary, Utilization, read_timing, read_utilization

REPORTS = Path(__file__).parents[1] / "fixtures" / "reports"

# All numbers below were read off the reports by eye.
UTILIZATION = {
    "vivado_2019.2_utilization_artix7": Utilization(
        "2019.2", "7a200tffv1156-2", "Fully Placed", luts=1009, ff=920, dsp=0, bram18=0, uram=0
    ),
    "vivado_2019.2_utilization_kintex_usp": Utilization(
        "2019.2", "xcku3pffva676-2", "Fully Placed", luts=999, ff=920, dsp=0, bram18=0, uram=0
    ),
    "vivado_2020.1_utilization_zynq": Utilization(
        "2020.1", "7z020clg400-1", "Synthesized", luts=1526, ff=2428, dsp=66, bram18=0, uram=0
    ),
}
TIMING = {
    "vivado_2019.2_timing_artix7": TimingSummary(
        "2019.2", "7a200t-ffv1156", "clk", 5.0, wns_ns=-3.463, tns_ns=-4.140, whs_ns=0.097, failing=10, levels=1
    ),
    "vivado_2019.2_timing_kintex_usp": TimingSummary(
        "2019.2", "xcku3p-ffva676", "clk", 5.0, wns_ns=0.184, tns_ns=0.0, whs_ns=0.033, failing=0, levels=1
    ),
    "vivado_2021.2_timing_zynq_usp": TimingSummary(
        "2021.2", "xczu3eg-sbva484", "clk", 5.0, wns_ns=0.521, tns_ns=0.0, whs_ns=0.057, failing=0, levels=15
    ),
}
HLS = {
    "vivado_hls_2019.1.3_csynth": HlsReport(
        "2019.1.3", "xc7z020-clg484-1", "test", 10.0, 6.186, 3137, 3137, 3138, 3138,
        luts=912, ff=299, dsp=0, bram18=0, uram=0,
    ),
    "vivado_hls_2020.1_csynth": HlsReport(
        "2020.1", "xc7z020-clg400-1", "myproject", 5.0, 4.049, 10, 10, 8, 8,
        luts=2532, ff=7969, dsp=73, bram18=0, uram=0,
    ),
}  # fmt: skip
ALL = [
    *((read_utilization, f"{name}.rpt", values) for name, values in UTILIZATION.items()),
    *((read_timing, f"{name}.rpt", values) for name, values in TIMING.items()),
    *((read_hls_report, f"{name}.xml", values) for name, values in HLS.items()),
]


def edited(folder: Path, name: str, *changes: tuple[str, str]) -> Path:
    """A copy of a report with texts replaced, each of which must be there."""
    text = (REPORTS / name).read_text()
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    path = folder / name
    path.write_text(text)
    return path


@pytest.mark.parametrize(("read", "name", "expected"), ALL, ids=[name for _, name, _ in ALL])
def test_real_reports_are_read(read, name, expected):
    assert read(REPORTS / name) == expected


@pytest.mark.parametrize(("read", "name", "expected"), ALL, ids=[name for _, name, _ in ALL])
def test_a_report_that_is_cut_off_is_refused_wherever_the_cut_is(read, name, expected, tmp_path):
    text = (REPORTS / name).read_text()
    whole = len(text.rstrip("\n"))
    path = tmp_path / name
    for share in range(60):
        path.write_text(text[: whole * share // 60])
        with pytest.raises(ReportError, match=f"{name}: .*expected"):
            read(path)
    path.write_text(text[: whole - 1])
    with pytest.raises(ReportError, match=f"{name}: .*expected"):
        read(path)


@pytest.mark.parametrize("read", [read_utilization, read_timing, read_hls_report])
def test_a_missing_report_is_named(read, tmp_path):
    with pytest.raises(ReportError, match=r"none\.rpt: cannot be read: No such file or directory; expected"):
        read(tmp_path / "none.rpt")


def test_one_report_is_not_taken_for_another():
    with pytest.raises(ReportError, match=r"expected what report_timing_summary writes, found no line"):
        read_timing(REPORTS / "vivado_2020.1_utilization_zynq.rpt")
    with pytest.raises(ReportError, match=r"expected what report_utilization writes, found no line"):
        read_utilization(REPORTS / "vivado_2019.2_timing_kintex_usp.rpt")
    with pytest.raises(ReportError, match=r"expected the csynth\.xml of Vitis HLS, found no complete XML"):
        read_hls_report(REPORTS / "vivado_2019.2_timing_kintex_usp.rpt")


def test_a_section_that_is_missing_is_named(tmp_path):
    name = "vivado_2019.2_utilization_kintex_usp.rpt"
    title = "3. BLOCKRAM\n-----------\n"
    with pytest.raises(ReportError, match=r"expected a section '3\. BLOCKRAM', found none: cut off$"):
        read_utilization(edited(tmp_path, name, (title, "")))
    with pytest.raises(ReportError, match=r"expected a row 'CLB LUTs' or 'Slice LUTs', found none$"):
        read_utilization(edited(tmp_path, name, ("| CLB LUTs ", "| ALMs     ")))
    timing = "vivado_2019.2_timing_kintex_usp.rpt"
    with pytest.raises(ReportError, match=r"expected a part 'Clock Summary'.*found none: cut off$"):
        read_timing(edited(tmp_path, timing, ("| Clock Summary\n", "| Clocks\n")))
    with pytest.raises(ReportError, match=r"expected a value at AreaEstimates/Resources/LUT, found none$"):
        read_hls_report(edited(tmp_path, "vivado_hls_2020.1_csynth.xml", ("<LUT>2532</LUT>\n", "")))


def test_half_block_rams_and_uram_are_counted(tmp_path):
    path = edited(
        tmp_path,
        "vivado_2019.2_utilization_kintex_usp.rpt",
        ("| Block RAM Tile |    0 |", "| Block RAM Tile |  2.5 |"),
        ("| URAM           |    0 |", "| URAM           |    3 |"),
    )
    report = read_utilization(path)
    assert (report.bram18, report.uram) == (5, 3)


def test_fmax_follows_from_period_and_slack(tmp_path):
    assert TIMING["vivado_2019.2_timing_artix7"].fmax_mhz == pytest.approx(1000 / 8.463)
    assert TIMING["vivado_2019.2_timing_kintex_usp"].fmax_mhz == pytest.approx(1000 / 4.816)


def test_a_design_without_constrained_paths_has_no_slack(tmp_path):
    name = "vivado_2019.2_timing_kintex_usp.rpt"
    before, title, after = (REPORTS / name).read_text().partition("| Design Timing Summary\n")
    summary, clocks, rest = after.partition("| Clock Summary\n")
    for figure in ("0.184", "0.000", "0.033", "1.968", " 2374", " 1024", "  0 "):
        summary = summary.replace(figure, figure.replace(figure.strip(), "NA"))
    path = tmp_path / name
    path.write_text(before + title + summary + clocks + rest)
    report = read_timing(path)
    assert (report.wns_ns, report.tns_ns, report.whs_ns, report.failing, report.fmax_mhz) == (None,) * 5


def test_several_clocks_are_refused(tmp_path):
    line = "clk    {0.000 2.500}        5.000           200.000         \n"
    path = edited(tmp_path, "vivado_2019.2_timing_kintex_usp.rpt", (line, line + line.replace("clk ", "clk2")))
    with pytest.raises(ReportError, match=r"Clock Summary: expected one clock, found: clk, clk2$"):
        read_timing(path)


def test_a_latency_that_is_not_constant_has_no_value(tmp_path):
    name = "vivado_hls_2020.1_csynth.xml"
    best = ("<Best-caseLatency>10</Best-caseLatency>", "<Best-caseLatency>undef</Best-caseLatency>")
    dsp = ("<DSP48E>73</DSP48E>", "<DSP>73</DSP>")  # as Vitis HLS writes it
    report = read_hls_report(edited(tmp_path, name, best, dsp))
    assert (report.latency_min, report.latency_max, report.dsp) == (None, 10, 73)
    with pytest.raises(ReportError, match=r"Best-caseLatency: expected a number, found 'ten'$"):
        read_hls_report(edited(tmp_path, name, (best[0], best[0].replace("10", "ten"))))


# Read off reports of Vitis HLS: version, part, top, clocks wanted and estimated, latency, interval, resources.
VITIS_HLS = [
    HlsReport(
        "2020.2", "xcvu11p-flga2577-1-e", "system_top", 10.0, 12.12, None, None, None, None,
        luts=55711, ff=19995, dsp=34, bram18=14, uram=0,
    ),
    HlsReport(
        "2021.1.1", "xcvu11p-flga2577-1-e", "scatter_sum", 4.0, 2.439, 3206, 6406, 3206, 6406,
        luts=283, ff=168, dsp=0, bram18=0, uram=0,
    ),
]  # fmt: skip


def vitis_hls_report(r: HlsReport) -> str:
    """The elements of such a report that are read, among some that are not."""

    def shown(cycles: int | None) -> str:
        return "undef" if cycles is None else str(cycles)

    return f"""<profile>
    <ReportVersion><Version>{r.version}</Version></ReportVersion>
    <UserAssignments>
        <unit>ns</unit><Part>{r.part}</Part><TopModelName>{r.top}</TopModelName>
        <TargetClockPeriod>{r.target_clock_ns:.2f}</TargetClockPeriod><FlowTarget>vivado</FlowTarget>
    </UserAssignments>
    <PerformanceEstimates>
        <SummaryOfTimingAnalysis><EstimatedClockPeriod>{r.estimated_clock_ns:.3f}</EstimatedClockPeriod></SummaryOfTimingAnalysis>
        <SummaryOfOverallLatency>
            <Best-caseLatency>{shown(r.latency_min)}</Best-caseLatency>
            <Average-caseLatency>undef</Average-caseLatency>
            <Worst-caseLatency>{shown(r.latency_max)}</Worst-caseLatency>
            <Interval-min>{shown(r.interval_min)}</Interval-min><Interval-max>{shown(r.interval_max)}</Interval-max>
        </SummaryOfOverallLatency>
    </PerformanceEstimates>
    <AreaEstimates>
        <Resources>
            <FF>{r.ff}</FF><LUT>{r.luts}</LUT><BRAM_18K>{r.bram18}</BRAM_18K><DSP>{r.dsp}</DSP><URAM>{r.uram}</URAM>
        </Resources>
    </AreaEstimates>
</profile>
"""


@pytest.mark.parametrize("report", VITIS_HLS, ids=lambda r: r.version)
def test_what_vitis_hls_says_is_read(tmp_path, report):
    path = tmp_path / "csynth.xml"
    path.write_text(vitis_hls_report(report))
    assert read_hls_report(path) == report
    path.write_text(vitis_hls_report(report).replace(f"<LUT>{report.luts}</LUT>", ""))
    with pytest.raises(ReportError, match="expected a value at AreaEstimates/Resources/LUT"):
        read_hls_report(path)
