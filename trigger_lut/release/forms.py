"""The forms in a release, each run for some input codes. Its code runs here; results are compared elsewhere."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from trigger_lut.cards.base import load_json
from trigger_lut.config.budget import Target
from trigger_lut.firmware.decision.combined import flat
from trigger_lut.firmware.decision.project import FILE, read_decision
from trigger_lut.firmware.emulator.compile import compile_emulator, compile_program
from trigger_lut.firmware.hls.project import predict_hls, recompile
from trigger_lut.firmware.rtl.ghdl import simulate_vhdl
from trigger_lut.firmware.rtl.project import RtlProject, read_project
from trigger_lut.firmware.rtl.verilator import simulate_rtl
from trigger_lut.fixed_point.formats import IntArray
from trigger_lut.release.compare import codes_in
from trigger_lut.release.manifest import MANIFEST, OF_SYNTHESIS
from trigger_lut.synthesis.netlist import cell_counts, resources
from trigger_lut.synthesis.synthesizers import synthesizer_of
from trigger_lut.utils.programs import run_program

MEASURED_EVENTS = 2_000_000


@dataclass(frozen=True)
class Ran:
    """Results of a form.

    outputs  (N, C_out) output codes; no rows for a form that gives none
    figures  integers by name, such as the latency
    """

    outputs: IntArray
    figures: dict[str, int] = field(default_factory=dict)


Form = Callable[[Path, IntArray], Ran]
"""Runs a form of the release in a folder for codes (N, C)."""
Simulate = Callable[[RtlProject, IntArray], tuple[IntArray, int, int]]


def events_per_second(folder: Path, design: str) -> float:
    """Measure how many events the C++ emulator of a release evaluates in a second of CPU time on one core."""
    with tempfile.TemporaryDirectory(prefix="trigger_lut_release_") as scratch:
        copy = Path(scratch, "release")
        shutil.copytree(folder, copy)
        vectors = copy / "vectors" / "inputs.txt"
        repetitions = max(MEASURED_EVENTS // len(codes_in(vectors)), 1)
        command = [str(compile_emulator(copy, design)), str(vectors), str(repetitions)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stderr)


def _printed(command: list[str | Path], folder: Path, codes: IntArray, what: str) -> Ran:
    """Outputs that a program prints for codes in a file, one event a line."""
    vectors = folder / "given.txt"
    np.savetxt(vectors, codes, fmt="%d")
    printed = run_program([*command, vectors], what=what)
    return Ran(np.array(printed.split(), dtype=np.int64).reshape(len(codes), -1))


def _manifest(folder: Path) -> Any:
    return load_json((folder / MANIFEST).read_text(encoding="utf-8"))


def _cpp(folder: Path, codes: IntArray) -> Ran:
    return _printed([compile_emulator(folder, _manifest(folder)["design"])], folder, codes, "C++ emulator")


def _python(folder: Path, codes: IntArray) -> Ran:
    place = folder / "emulator" / "python"
    return _printed([sys.executable, "-I", place / "emulator.py", place / "network.json"], folder, codes, "emulator.py")


def _hls(folder: Path, codes: IntArray) -> Ran:
    recompile(folder / "hls", "check")
    return Ran(predict_hls(folder / "hls", codes))


def _simulated(project: RtlProject, codes: IntArray, simulate: Simulate) -> Ran:
    outputs, latency, ii = simulate(project, codes)
    return Ran(outputs, {"latency_cycles": latency, "ii": ii})


def _rtl(simulate: Simulate) -> Form:
    return lambda folder, codes: _simulated(read_project(folder / "rtl"), codes, simulate)


def _decision(simulate: Simulate) -> Form:
    def run(folder: Path, codes: IntArray) -> Ran:
        whole = flat(read_decision(folder / "decision"), read_project(folder / "rtl"), folder / "flat")
        return _simulated(whole, codes, simulate)

    return run


def _decision_cpp(folder: Path, codes: IntArray) -> Ran:
    place = folder / "emulator" / "cpp"
    return _printed([compile_program(place / "decide", [place / "decide.cpp"])], folder, codes, "decision in C++")


def _decision_python(folder: Path, codes: IntArray) -> Ran:
    script = folder / "emulator" / "python" / "decide.py"
    return _printed([sys.executable, "-I", script, folder / "decision" / FILE], folder, codes, "decision in Python")


def _synthesis(folder: Path, codes: IntArray) -> Ran:
    """Count cells with the block RAMs that the budget of the release grants."""
    project, manifest = read_project(folder / "rtl"), _manifest(folder)
    target, granted = Target.model_validate(manifest["target"]), manifest["budget"]["bram18"]
    module = synthesizer_of(target).synthesize(project, target, bram18=granted)
    found = resources(cell_counts(module))
    return Ran(codes[:0], {name: int(getattr(found, name)) for name in OF_SYNTHESIS})


FORMS: dict[str, Form] = {
    "cpp": _cpp,
    "python": _python,
    "verilog": _rtl(simulate_rtl),
    "vhdl": _rtl(simulate_vhdl),
    "hls": _hls,
    "decision_cpp": _decision_cpp,
    "decision_python": _decision_python,
    "decision_verilog": _decision(simulate_rtl),
    "decision_vhdl": _decision(simulate_vhdl),
    "synthesis": _synthesis,
}
"""By the name that `inside` takes. The decision's emulators take the network's outputs as codes."""
