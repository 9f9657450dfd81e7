"""The vendor stage: scripts for the target, tools that are absent, run or fail (small shell scripts)."""

from __future__ import annotations

import shutil
from pathlib import Path

import made_cards
import pytest
from stage_calls import in_order

from trigger_lut.cards.base import Measured, read_card, write_card
from trigger_lut.cards.firmware import FirmwareCard
from trigger_lut.cards.vendor import VendorCard
from trigger_lut.errors import CardError, ReportError, ToolFailedError
from trigger_lut.firmware.hls.project import HlsProject, _save
from trigger_lut.firmware.rtl.project import RtlProject, save_project
from trigger_lut.fixed_point.formats import KIF
from trigger_lut.stages.vendor import run as vendor
from trigger_lut.utils.files import sha256

REPORTS = Path(__file__).parents[1] / "fixtures" / "reports"
SYNTHESIZED, ROUTED = "vivado_2020.1_utilization_zynq.rpt", "vivado_2019.2_utilization_kintex_usp.rpt"
VIVADO = """#!/bin/sh
[ "$*" = "-mode batch -nojournal -source vivado.tcl" ] || exit 3
mkdir -p reports
cp {reports}/{synthesized} reports/post_synth_utilization.rpt
cp {reports}/vivado_2019.2_timing_kintex_usp.rpt reports/post_synth_timing.rpt
sed 's/Fully Placed/Routed/' {reports}/{routed} > reports/post_route_utilization.rpt
cp {reports}/vivado_2019.2_timing_artix7.rpt reports/post_route_timing.rpt
"""
HLS = """#!/bin/sh
[ "$*" = "{arguments}" ] || exit 3
mkdir -p hls_prj/solution1/syn/report
cp {reports}/vivado_hls_2020.1_csynth.xml hls_prj/solution1/syn/report/csynth.xml
"""


@pytest.fixture
def card_paths(tmp_path) -> list[Path]:
    """spec.json and firmware.json of a design of one Verilog file and an hls4ml project of one C++ file."""
    folder = tmp_path / "firmware/rtl"
    folder.mkdir(parents=True)
    (folder / "small_top.v").write_text("module small_top(input wire clk); endmodule\n")
    kifs = (KIF(0, 4, 0),)
    project = RtlProject(folder, "small_top", (folder / "small_top.v",), (), kifs, kifs, 2, 10.0)
    save_project(project)
    source = tmp_path / "firmware/hls" / "firmware" / "net.cpp"
    source.parent.mkdir(parents=True)
    source.write_text("// net\n")
    _save(
        HlsProject(tmp_path / "firmware/hls", "net", "net-1.so", kifs, (1,), (1,), (0,), {}, {}),
        tmp_path / "firmware/hls",
    )
    paths = [tmp_path / "spec.json", tmp_path / "firmware.json"]
    write_card(made_cards.spec(), paths[0])
    firmware = made_cards.firmware_of(project, paths[0], hls=tmp_path / "firmware/hls")
    write_card(firmware.model_copy(update={"clock_period_ns": 2.5}), paths[1])
    return paths


@pytest.fixture
def tools(tmp_path, monkeypatch) -> Path:
    """A folder of programs that is all of PATH, but for the shell's own."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("sh", "cp", "sed", "mkdir", "echo"):
        (folder / name).symlink_to(shutil.which(name) or pytest.fail(name))
    monkeypatch.setenv("PATH", str(folder))
    return folder


def program(folder: Path, name: str, text: str, **values: str) -> None:
    (folder / name).write_text(text.format(reports=REPORTS, **values))
    (folder / name).chmod(0o755)


def run(tmp_path: Path, card_paths: list[Path], **asked: bool) -> VendorCard:
    card = in_order(vendor, *card_paths, tmp_path / "vendor", tmp_path / "vendor.json", **asked)
    assert read_card(VendorCard, tmp_path / "vendor.json") == card
    return card


def test_scripts_are_for_the_part_and_the_clock(tmp_path, card_paths, tools):
    card = run(tmp_path, card_paths)
    xdc, tcl, hls, config = (
        (tmp_path / "vendor" / name).read_text()
        for name in ("vivado.xdc", "vivado.tcl", "vitis_hls.tcl", "hls_config.cfg")
    )
    assert "create_clock -period 2.500 -name clk [get_ports clk]" in xdc
    assert f"{{{tmp_path.resolve() / 'firmware/rtl/small_top.v'}}} \\\n]" in tcl
    assert "synth_design -top small_top -part xcvu13p-flga2577-2-e -mode out_of_context -max_dsp 0 -max_bram 0" in tcl
    assert tcl.index("report_utilization -file reports/post_synth_") < tcl.index("route_design\n")
    assert tcl.index("route_design\n") < tcl.index("report_timing_summary -max_paths 1 -file reports/post_route_")
    assert "set_part {xcvu13p-flga2577-2-e}\ncreate_clock -period 2.500 -name default\ncsynth_design" in hls
    assert "part=xcvu13p-flga2577-2-e\n\n[hls]\nflow_target=vivado\nclock=2.500ns\nsyn.top=net\n" in config
    assert card.scripts["vivado.tcl"] == sha256(tmp_path / "vendor/vivado.tcl")


def test_the_period_is_never_longer_than_the_clock(tmp_path, card_paths, tools):
    write_card(made_cards.spec(target={**made_cards.TARGET, "clock_mhz": 360}), card_paths[0])
    firmware = read_card(FirmwareCard, card_paths[1])
    write_card(firmware.model_copy(update={"inputs": {"spec.json": sha256(card_paths[0])}}), card_paths[1])
    run(tmp_path, card_paths)
    assert "create_clock -period 2.777 " in (tmp_path / "vendor/vivado.xdc").read_text()


def test_what_is_not_asked_for_or_not_installed_is_not_measured(tmp_path, card_paths, tools):
    card = run(tmp_path, card_paths)
    assert card.vivado_note == "not asked for: verification.vivado"
    assert card.vitis_hls_note == "not asked for: verification.vitis_hls"
    card = run(tmp_path, card_paths, vivado=True, vitis_hls=True)
    assert (card.vivado_note, card.vitis_hls_note) == (
        "vivado is not on PATH",
        "vitis-run or vitis_hls is not on PATH",
    )
    figures = [*dict(card.post_synth).values(), *dict(card.post_route).values(), *dict(card.csynth).values()]
    assert set(figures) == {Measured()}
    assert (card.vivado, card.vitis_hls) == (None, None)


def test_vivado_on_path_is_run_and_its_reports_are_read(tmp_path, card_paths, tools):
    program(tools, "vivado", VIVADO, synthesized=SYNTHESIZED, routed=ROUTED)
    card = run(tmp_path, card_paths, vivado=True)
    assert (card.vivado, card.vivado_note) == ("2019.2", None)
    assert card.post_synth.luts == Measured(value=1526, source="post-synth")
    assert card.post_synth.dsp == Measured(value=66, source="post-synth")
    assert card.post_synth.fmax_mhz == Measured(value=207.6, source="post-synth")
    assert card.post_route.luts == Measured(value=999, source="post-route")
    assert card.post_route.wns_ns == Measured(value=-3.463, source="post-route")
    assert card.post_route.failing_endpoints == Measured(value=10, source="post-route")
    assert card.csynth.luts == Measured()


@pytest.mark.parametrize(
    ("name", "arguments"), [("vitis_hls", "-f vitis_hls.tcl"), ("vitis-run", "--mode hls --tcl vitis_hls.tcl")]
)
def test_vitis_hls_on_path_is_run_by_either_name(tmp_path, card_paths, tools, name, arguments):
    program(tools, name, HLS, arguments=arguments)
    card = run(tmp_path, card_paths, vitis_hls=True)
    assert (card.vitis_hls, card.vitis_hls_note) == ("2020.1", None)
    assert card.csynth.luts == Measured(value=2532, source="csynth")
    assert card.csynth.latency_cycles == Measured(value=10, source="csynth")
    assert card.csynth.ii == Measured(value=8, source="csynth")
    assert card.csynth.clock_ns == Measured(value=4.049, source="csynth")


def test_a_tool_that_fails_gives_its_last_lines(tmp_path, card_paths, tools):
    program(tools, "vivado", "#!/bin/sh\necho 'ERROR: [Common 17-345] no licence for this part'\nexit 1\n")
    with pytest.raises(
        ToolFailedError, match=r"(?s)^vivado ended with status 1:\nERROR: .* no licence for this part\n"
    ):
        run(tmp_path, card_paths, vivado=True)
    assert not (tmp_path / "vendor.json").exists()


def test_reports_that_are_missing_or_of_another_step_are_refused(tmp_path, card_paths, tools):
    program(tools, "vivado", "#!/bin/sh\nexit 0\n")
    with pytest.raises(ReportError, match=r"post_synth_utilization\.rpt: cannot be read"):
        run(tmp_path, card_paths, vivado=True)
    program(tools, "vivado", VIVADO, synthesized=SYNTHESIZED, routed=SYNTHESIZED)
    with pytest.raises(ReportError, match=r"expected the design state 'Routed', found 'Synthesized'$"):
        run(tmp_path, card_paths, vivado=True)


def test_firmware_that_was_touched_is_refused(tmp_path, card_paths, tools):
    (tmp_path / "firmware/rtl/small_top.v").write_text("// touched\n")
    with pytest.raises(CardError, match=r"small_top\.v: changed since .*firmware\.json was written\. Expected sha256 "):
        run(tmp_path, card_paths)
