"""The vendor stage: build scripts for every design, run where Vivado and Vitis HLS are on PATH."""

from __future__ import annotations

import shutil
from pathlib import Path

from trigger_lut.cards.base import Measured, Source, Stopwatch, read_card, write_card, write_text
from trigger_lut.cards.provenance import require_current_files
from trigger_lut.cards.vendor import NOTHING, HlsFigures, Resources, VendorCard, VivadoFigures
from trigger_lut.config.budget import Spec
from trigger_lut.cost_model.delay import has_vendor_scripts
from trigger_lut.errors import CardError, ReportError, ToolFailedError
from trigger_lut.firmware.hls.project import load_hls
from trigger_lut.firmware.rtl.project import read_project
from trigger_lut.stages.registry import Output
from trigger_lut.synthesis.vivado.csynth import read_hls_report
from trigger_lut.synthesis.vivado.reports import read_timing, read_utilization
from trigger_lut.synthesis.vivado.scripts import (
    HLS_REPORT,
    HLS_TCL,
    STEPS,
    VIVADO_TCL,
    hls_scripts,
    report,
    vivado_scripts,
)
from trigger_lut.utils.files import sha256
from trigger_lut.utils.programs import run_program

NOT_ASKED = "not asked for: verification.{}"
NOT_FOUND = "{} is not on PATH"
STATES = {"post_synth": "Synthesized", "post_route": "Routed"}
SOURCES: dict[str, Source] = {"post_synth": "post-synth", "post_route": "post-route"}


def run(
    *, spec: Path, firmware_card: Path, folder: Output, card: Output, vivado: bool = False, vitis_hls: bool = False
) -> VendorCard:
    """Write scripts for Vivado and Vitis HLS, and run the tools that are requested and on PATH.

    Parameters
    ----------
    vivado : bool
        Run Vivado.
    vitis_hls : bool
        Run Vitis HLS.

    Returns
    -------
    VendorCard
        The card.

    Raises
    ------
    CardError
        If the firmware changed after its card.
    ToolFailedError
        If a tool fails.
    ReportError
        If a report has another form than expected.
    """
    watch = Stopwatch()
    design, firmware = read_card(Spec, spec), require_current_files(firmware_card, spec)
    project = read_project(Path(firmware.rtl_project))
    scripts = vivado_scripts(design, project.top, verilog=[str(path.resolve()) for path in project.files])
    hls_top = load_hls(Path(firmware.hls_project)).name
    source = (Path(firmware.hls_project) / "firmware" / f"{hls_top}.cpp").resolve()
    if not source.is_file():
        raise CardError(f"{source}: no such file. Run the firmware stage again.")
    scripts |= hls_scripts(design, hls_top, sources=[str(source)])
    if not has_vendor_scripts(design.target.family):
        scripts, vivado, vitis_hls = {}, False, False
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, text in scripts.items():
        write_text(folder / name, text)

    family = design.target.family
    vivado_note = _why_not(vivado, "vivado", ["vivado"], family)
    figures = {step: VivadoFigures() for step in STEPS}
    version = None
    if vivado_note is None:
        _run(["vivado", "-mode", "batch", "-nojournal", "-source", VIVADO_TCL], folder)
        figures = {step: _figures(folder, step) for step in STEPS}
        version = read_utilization(folder / report(STEPS[1], "utilization")).version

    hls_fallback_reason = _why_not(vitis_hls, "vitis_hls", ["vitis-run", "vitis_hls"], family)
    csynth, hls_version = HlsFigures(), None
    if hls_fallback_reason is None:
        newer = shutil.which("vitis-run") is not None
        _run(["vitis-run", "--mode", "hls", "--tcl", HLS_TCL] if newer else ["vitis_hls", "-f", HLS_TCL], folder)
        csynth, hls_version = _hls_figures(folder / HLS_REPORT)
    result = VendorCard(
        design=design.design,
        part=design.target.part,
        scripts={name: sha256(folder / name) for name in scripts},
        vivado=version,
        vivado_note=vivado_note,
        post_synth=figures["post_synth"],
        post_route=figures["post_route"],
        vitis_hls=hls_version,
        vitis_hls_note=hls_fallback_reason,
        csynth=csynth,
        **watch.provenance([spec, firmware_card, *project.files]),
    )
    write_card(result, card)
    return result


def _why_not(asked: bool, check: str, programs: list[str], family: str) -> str | None:
    if not has_vendor_scripts(family):
        return f"not synthesized here: the tools of AMD do not build for {family}"
    if not asked:
        return NOT_ASKED.format(check)
    return None if any(map(shutil.which, programs)) else NOT_FOUND.format(" or ".join(programs))


def _run(command: list[str], folder: Path) -> None:
    """Run a tool in a folder; these tools write their errors to standard output."""
    try:
        output = run_program(command, cwd=folder)
    except ToolFailedError as error:
        raise ToolFailedError(f"{error}\n(in {folder})") from error
    write_text(folder / f"{command[0]}.out", output)


def _figures(folder: Path, step: str) -> VivadoFigures:
    used, timed = (
        read_utilization(folder / report(step, "utilization")),
        read_timing(folder / report(step, "timing")),
    )
    if used.state != STATES[step]:
        raise ReportError(
            f"{folder / report(step, 'utilization')}: expected the design state {STATES[step]!r}, found {used.state!r}"
        )

    fmax_mhz = None if timed.fmax_mhz is None else round(timed.fmax_mhz, 1)
    timing = {"wns_ns": timed.wns_ns, "whs_ns": timed.whs_ns, "failing_endpoints": timed.failing}
    timing |= {"logic_levels": timed.levels, "fmax_mhz": fmax_mhz}
    return VivadoFigures(**_measured(SOURCES[step], used, timing))


def _hls_figures(path: Path) -> tuple[HlsFigures, str]:
    used = read_hls_report(path)
    more = {"latency_cycles": used.latency_max, "ii": used.interval_max, "clock_ns": used.estimated_clock_ns}
    return HlsFigures(**_measured("csynth", used, more)), used.version


def _measured(source: Source, used: object, more: dict[str, float | None]) -> dict[str, Measured]:
    """Return the resources of a report, and more figures, with their source."""
    values = {name: getattr(used, name) for name in Resources.model_fields} | more
    return {name: NOTHING if value is None else Measured(value=value, source=source) for name, value in values.items()}
