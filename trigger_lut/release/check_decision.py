"""The check of the decision in a release: its module in Verilog and VHDL, and its emulators, are the same function."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from trigger_lut.decision.flat import expected as expected_of
from trigger_lut.decision.flat import flat
from trigger_lut.decision.project import FILE, read_decision
from trigger_lut.errors import DataError, NotReproducibleError, ToolMissingError
from trigger_lut.firmware.rtl_ghdl import GHDL_MISSING, has_ghdl, simulate_vhdl
from trigger_lut.firmware.rtl_project import RtlProject, read_project
from trigger_lut.firmware.rtl_simulation import simulate_rtl
from trigger_lut.fixed_point import IntArray
from trigger_lut.release.compared import STRICT, VHDL_VECTORS, codes_in, same
from trigger_lut.release.content import DECISIONS
from trigger_lut.tools import cxx_compiler, run_program


def decision_checks(folder: Path, manifest: Any, vectors: IntArray, expected: IntArray) -> dict[str, Callable[[], str]]:
    """Checks by name, each of which says what it found, or raises.

    vectors, expected: (N, C_in) input codes and (N, C_out) output codes of the release.
    """
    return {
        "decision, C++": lambda: _cpp(folder, expected),
        "decision, Python": lambda: _python(folder, expected),
        "decision, Verilog": lambda: _firmware(folder, manifest, vectors, expected, simulate_rtl),
        "decision, VHDL": lambda: _vhdl(folder, manifest, vectors, expected),
    }


def _firmware(
    folder: Path,
    manifest: Any,
    vectors: IntArray,
    expected: IntArray,
    simulate: Callable[[RtlProject, IntArray], tuple[IntArray, int, int]],
) -> str:
    """The module around the network gives its outputs, and the bits that follow from them."""
    decision, rtl = read_decision(folder / "decision"), read_project(folder / "rtl")
    bits = [(bit["rate_khz"], bit["code"]) for bit in manifest["decision"]["bits"]]
    if bits != list(zip(decision.rates_khz, decision.thresholds, strict=True)):
        raise DataError(f"decision/{FILE}: other thresholds than the manifest's: {bits}")
    listed = codes_in(folder / DECISIONS)[: len(vectors)]
    found, latency, ii = simulate(flat(decision, rtl, folder / "flat"), vectors)
    said = same(expected_of(decision, expected), found)
    same(expected_of(decision, expected)[:, expected.shape[1] :], listed)
    wanted = manifest["decision"]["latency_cycles"]["value"]
    if (latency, ii) != (wanted, 1):
        raise NotReproducibleError(f"latency {latency} cycles, II {ii}; the manifest says {wanted:g} and 1")
    passed = ", ".join(f"{n} ({khz:g} kHz)" for n, (khz, _) in zip(listed.sum(axis=0), bits, strict=True))
    return f"{said}, latency {latency} cycles; passed: {passed}"


def _cpp(folder: Path, expected: IntArray) -> str:
    place, outputs = folder / "emulator" / "cpp", folder / "vectors" / "outputs.txt"
    binary = place / "decide"
    command: list[str | Path] = [cxx_compiler(), *STRICT, "-O2", "-o", binary, place / "decide.cpp"]
    run_program(command, what="C++ compiler on the decision")
    return _same_bits(folder, expected, run_program([binary, outputs], what="decision in C++")) + ", no warnings"


def _python(folder: Path, expected: IntArray) -> str:
    command: list[str | Path] = [sys.executable, "-I", folder / "emulator" / "python" / "decide.py"]
    command += [folder / "decision" / FILE, folder / "vectors" / "outputs.txt"]
    return _same_bits(folder, expected, run_program(command, what="decision in Python"))


def _same_bits(folder: Path, expected: IntArray, printed: str) -> str:
    decision = read_decision(folder / "decision")
    bits = decision.score.decided(expected, decision.thresholds)
    return same(bits, np.array(printed.split(), dtype=np.int64).reshape(-1, bits.shape[1]))


def _vhdl(folder: Path, manifest: Any, vectors: IntArray, expected: IntArray) -> str:
    if not has_ghdl():
        raise ToolMissingError(GHDL_MISSING)
    return _firmware(folder, manifest, vectors[:VHDL_VECTORS], expected[:VHDL_VECTORS], simulate_vhdl)
