"""Functions that run code of a release for some input codes. Results are compared in another process."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from trigger_lut.cards.base import load_json
from trigger_lut.config.budget import Target
from trigger_lut.firmware.backend import Backend, Prediction
from trigger_lut.firmware.backends import BACKENDS
from trigger_lut.firmware.board.files import BOARD, component_files, read_board
from trigger_lut.firmware.board.simulate_axi_stream import simulate_axi_stream
from trigger_lut.firmware.board.simulate_emp import simulate_emp
from trigger_lut.firmware.decision.combined import flat
from trigger_lut.firmware.decision.project import FILE, read_decision
from trigger_lut.firmware.emulator.backend import cmssw_programs, printed_outputs
from trigger_lut.firmware.emulator.compile import compile_emulator, compile_inputs, compile_program
from trigger_lut.firmware.front_end.files import DESCRIBED, EVENTS, FRESH_EVENTS, codes_in_lines
from trigger_lut.firmware.front_end.object_step import read_object_step
from trigger_lut.firmware.rtl.ghdl import simulate_vhdl
from trigger_lut.firmware.rtl.project import RtlProject, read_project
from trigger_lut.firmware.rtl.verilator import simulate_rtl
from trigger_lut.fixed_point.formats import IntArray
from trigger_lut.release.compare import codes_in
from trigger_lut.release.manifest import MANIFEST, OF_SYNTHESIS
from trigger_lut.release.network_file import NETWORK
from trigger_lut.synthesis.netlist import cell_counts, resources
from trigger_lut.synthesis.synthesizers import synthesizer_of
from trigger_lut.utils.programs import run_program

MEASURED_EVENTS = 2_000_000


Form = Callable[[Path, IntArray], Prediction]
"""Runs a form of the release in a folder for codes (N, C)."""
Simulate = Callable[[RtlProject, IntArray], tuple[IntArray, int, int]]


def events_per_second(folder: Path) -> float:
    """Measure the speed of the C++ emulator of a release.

    Parameters
    ----------
    folder
        Folder of the release.

    Returns
    -------
    float
        Events per second of CPU time on one core.
    """
    with tempfile.TemporaryDirectory(prefix="trigger_lut_release_") as scratch:
        copy = Path(scratch, "release")
        shutil.copytree(folder, copy)
        vectors = copy / "vectors" / "inputs.txt"
        repetitions = max(MEASURED_EVENTS // len(codes_in(vectors)), 1)
        command = [str(compile_emulator(copy)), str(vectors), str(repetitions)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stderr)


def _manifest(folder: Path) -> Any:
    return load_json((folder / MANIFEST).read_text(encoding="utf-8"))


def _back_end(backend: Backend, folder: Path, codes: IntArray) -> Prediction:
    """Compile a back end from the sources in the release, and evaluate it."""
    backend.build(folder)
    return backend.predict(folder, codes)


def _simulated(project: RtlProject, codes: IntArray, simulate: Simulate) -> Prediction:
    outputs, latency, ii = simulate(project, codes)
    return Prediction(outputs, {"latency_cycles": latency, "ii": ii})


def _decision(simulate: Simulate) -> Form:
    def run(folder: Path, codes: IntArray) -> Prediction:
        whole = flat(read_decision(folder / "decision"), read_project(folder / "rtl"), folder=folder / "flat")
        return _simulated(whole, codes, simulate)

    return run


def _decision_cpp(folder: Path, codes: IntArray) -> Prediction:
    place = folder / "emulator" / "cpp"
    return Prediction(
        printed_outputs(
            [compile_program(place / "decide", [place / "decide.cpp"])], folder, codes=codes, program="decision in C++"
        )
    )


def _decision_python(folder: Path, codes: IntArray) -> Prediction:
    script = folder / "emulator" / "python" / "decide.py"
    command: list[str | Path] = [sys.executable, "-I", script, folder / "decision" / FILE]
    return Prediction(printed_outputs(command, folder, codes=codes, program="decision in Python"))


def _axi_stream(folder: Path, codes: IntArray) -> Prediction:
    board, project = read_board(folder), read_project(folder / "rtl")
    assert board.axi_stream is not None
    files = [*project.files, folder / BOARD / "axi_stream" / f"{board.axi_stream.top}.v"]
    outputs, latency = simulate_axi_stream(project, board.axi_stream, files=files, codes=codes)
    return Prediction(outputs, {"latency_cycles": latency})


def _emp(folder: Path, codes: IntArray) -> Prediction:
    board, project = read_board(folder), read_project(folder / "rtl")
    assert board.emp is not None
    outputs, latency = simulate_emp(project, board.emp, files=component_files(folder, board.emp), codes=codes)
    return Prediction(outputs, {"latency_cycles": latency})


def _object_step(whole: bool) -> Form:
    def run(folder: Path, codes: IntArray) -> Prediction:
        rtl = read_project(folder / "rtl")
        return _simulated(read_object_step(rtl.folder).project(rtl, whole=whole), codes, simulate_rtl)

    return run


def _inputs_cpp(folder: Path, codes: IntArray) -> Prediction:
    binary = compile_inputs(folder)
    return Prediction(_event_codes(folder, lambda events: run_program([binary, events], what="inputs in C++")))


def _inputs_python(folder: Path, codes: IntArray) -> Prediction:
    place = folder / "emulator" / "python"
    command: list[str | Path] = [sys.executable, "-I", place / "inputs.py", place / "inputs.json"]
    return Prediction(_event_codes(folder, lambda events: run_program([*command, events], what="inputs.py")))


def _inputs_cmssw(folder: Path, codes: IntArray) -> Prediction:
    program, library = cmssw_programs(folder)
    outputs = len(load_json((folder / NETWORK).read_text(encoding="utf-8"))["output_values"])
    command: list[str | Path] = [program, "--events", library]
    predicted = _of_events(
        folder, lambda events: run_program([*command, events], what="CMSSW library"), columns=outputs
    )
    return Prediction(predicted)


def _event_codes(folder: Path, run: Callable[[Path], str]) -> IntArray:
    """Return the codes of the events of the release, then of the fresh ones; `NO_CODES` for events without codes."""
    columns = len(load_json((folder / DESCRIBED).read_text(encoding="utf-8"))["channels"])
    return _of_events(folder, run, columns=columns)


def _of_events(folder: Path, run: Callable[[Path], str], *, columns: int) -> IntArray:
    return np.concatenate([codes_in_lines(run(folder / name), columns) for name in (EVENTS, FRESH_EVENTS)])


def _synthesis(folder: Path, codes: IntArray) -> Prediction:
    """Count cells with the block RAMs that the budget of the release grants."""
    project, manifest = read_project(folder / "rtl"), _manifest(folder)
    target, granted = Target.model_validate(manifest["target"]), manifest["budget"]["bram18"]
    module = synthesizer_of(target).synthesize(project, target, bram18=granted)
    counts = resources(cell_counts(module))
    return Prediction(codes[:0], {name: int(getattr(counts, name)) for name in OF_SYNTHESIS})


FORMS: dict[str, Form] = {
    "axi_stream": _axi_stream,
    "emp": _emp,
    "inputs_cpp": _inputs_cpp,
    "inputs_python": _inputs_python,
    "inputs_cmssw": _inputs_cmssw,
    "object_step": _object_step(False),
    "object_step_network": _object_step(True),
    "decision_cpp": _decision_cpp,
    "decision_python": _decision_python,
    "decision_verilog": _decision(simulate_rtl),
    "decision_vhdl": _decision(simulate_vhdl),
    "synthesis": _synthesis,
}
"""Functions by name, apart from back ends. The decision's emulators take the network's outputs as codes."""


def form_of(name: str) -> Form:
    """Return the function of a back end, or of a row of `FORMS`. Raises KeyError for another name."""
    return partial(_back_end, BACKENDS[name]) if name in BACKENDS else FORMS[name]
