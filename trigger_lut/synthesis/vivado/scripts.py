"""Constraints and build scripts for Vivado and Vitis HLS: out of context, for a design's part and clock."""

from __future__ import annotations

import math

from trigger_lut.config.budget import Spec
from trigger_lut.utils.escape import comment, one_line, tcl

XDC, VIVADO_TCL = "vivado.xdc", "vivado.tcl"
HLS_TCL, HLS_CONFIG = "vitis_hls.tcl", "hls_config.cfg"
REPORTS = "reports"
VIVADO_RUN = f"vivado -mode batch -source {VIVADO_TCL}"
STEPS = ("post_synth", "post_route")
HLS_PROJECT = "hls_prj"
HLS_REPORT = f"{HLS_PROJECT}/solution1/syn/report/csynth.xml"
HLS_FLAGS = "-std=c++0x"


def report(step: str, kind: str) -> str:
    """Name the report that vivado.tcl writes.

    Parameters
    ----------
    step
        Step of the build, one of `STEPS`.
    kind
        utilization or timing.

    Returns
    -------
    str
        Path relative to the folder of the scripts.
    """
    return f"{REPORTS}/{step}_{kind}.rpt"


def period_ns(spec: Spec) -> str:
    """Format the target's clock period in ns, rounded down to picoseconds, the tools' unit."""
    return f"{math.floor(1000 * spec.target.clock_period_ns + 1e-6) / 1000:.3f}"


def vivado_scripts(spec: Spec, top: str, *, verilog: list[str]) -> dict[str, str]:
    """Write vivado.tcl and vivado.xdc.

    They are run in their folder: vivado -mode batch -source vivado.tcl. Reports come after synthesis and after routing.

    Parameters
    ----------
    spec
        Specification of the design.
    top
        Name of the top module.
    verilog
        Verilog files, relative to the folder of the scripts.

    Returns
    -------
    dict
        Texts by file name.
    """
    files = " \\\n".join(f"    {tcl(name)}" for name in verilog)
    xdc = [
        comment("#", f"{spec.design} for {spec.target_name}: {spec.target.clock_mhz:g} MHz, out of context."),
        "# Inputs come from registers of the logic around, outputs go to such: 0 ns are counted for them.",
        f"create_clock -period {period_ns(spec)} -name clk [get_ports clk]",
        "set_input_delay -clock clk 0 [get_ports {valid_in data_in[*]}]",
        "set_output_delay -clock clk 0 [get_ports {valid_out data_out[*]}]",
    ]
    lines = [
        comment("#", f"{spec.design}: synthesis, placement and routing out of context. {VIVADO_RUN}"),
        f"file mkdir {REPORTS}",
        f"read_verilog -sv [list \\\n{files} \\\n]",
        f"read_xdc -mode out_of_context {{{XDC}}}",
        f"synth_design -top {top} -part {spec.target.part} -mode out_of_context{_limits(spec)}",
        *_reports(STEPS[0]),
        "opt_design",
        "place_design",
        "phys_opt_design",
        "route_design",
        *_reports(STEPS[1]),
        "write_checkpoint -force routed.dcp",
        "exit",
    ]
    return {XDC: "\n".join(xdc) + "\n", VIVADO_TCL: "\n".join(lines) + "\n"}


def _limits(spec: Spec) -> str:
    """Options of synth_design that keep it from resources that the budget does not grant at all."""
    granted = {"-max_dsp": spec.budget.dsp, "-max_bram": spec.budget.bram18}
    return "".join(f" {option} 0" for option, count in granted.items() if count == 0) + " -max_uram 0"


def _reports(step: str) -> list[str]:
    return [
        f"report_utilization -file {report(step, 'utilization')}",
        f"report_timing_summary -max_paths 1 -file {report(step, 'timing')}",
    ]


def hls_scripts(spec: Spec, top: str, *, sources: list[str]) -> dict[str, str]:
    """Write vitis_hls.tcl and hls_config.cfg.

    They are run in their folder: vitis_hls -f vitis_hls.tcl, or with newer versions vitis-run --mode hls --tcl
    vitis_hls.tcl. The same settings for v++ -c --mode hls --config hls_config.cfg are in hls_config.cfg.

    Parameters
    ----------
    spec
        Specification of the design.
    top
        Name of the top function.
    sources
        C++ files, relative to the folder of the scripts.

    Returns
    -------
    dict
        Texts by file name.
    """
    lines = [
        comment("#", f"{spec.design}: C synthesis. vitis_hls -f {HLS_TCL}, or vitis-run --mode hls --tcl {HLS_TCL}"),
        f"open_project -reset {HLS_PROJECT}",
        f"set_top {top}",
        *(f'add_files {tcl(name)} -cflags "{HLS_FLAGS}"' for name in sources),
        "open_solution -reset solution1 -flow_target vivado",
        f"set_part {tcl(spec.target.part)}",
        f"create_clock -period {period_ns(spec)} -name default",
        "csynth_design",
        "exit",
    ]
    config = [
        f"part={one_line(spec.target.part)}",
        "",
        "[hls]",
        "flow_target=vivado",
        f"clock={period_ns(spec)}ns",
        f"syn.top={top}",
        f"syn.cflags={HLS_FLAGS}",
        *(f"syn.file={one_line(name)}" for name in sources),
    ]
    return {HLS_TCL: "\n".join(lines) + "\n", HLS_CONFIG: "\n".join(config) + "\n"}
