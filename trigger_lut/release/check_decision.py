"""The check of the decision in a release: its module in Verilog and VHDL, and its emulators, are the same function."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from trigger_lut.errors import DataError, NotReproducibleError, ToolMissingError
from trigger_lut.firmware.decision.combined import expected as expected_of
from trigger_lut.firmware.decision.project import FILE, read_decision
from trigger_lut.firmware.rtl.ghdl import GHDL_MISSING, has_ghdl
from trigger_lut.fixed_point.formats import IntArray
from trigger_lut.release.compare import SAMPLED_VECTORS, Vectors, codes_in, same
from trigger_lut.release.contents import DECISIONS
from trigger_lut.release.sandbox import Run
from trigger_lut.utils.programs import cxx_compiler


def decision_checks(run: Run, folder: Path, *, manifest: Any, vectors: Vectors) -> dict[str, Callable[[], str]]:
    """Return checks by name, each of which gives a description, or raises.

    Parameters
    ----------
    run : Run
        Runs a form of the release.
    folder : Path
        The release.
    manifest : dict
        Content of its manifest.
    vectors : Vectors
        Vectors of the network.
    """
    return {
        "decision, C++": lambda: _cpp(run, folder, vectors),
        "decision, Python": lambda: _python(run, folder, vectors),
        "decision, Verilog": lambda: _verilog(run, folder, manifest, vectors),
        "decision, VHDL": lambda: _vhdl(run, folder, manifest, vectors),
    }


def _verilog(run: Run, folder: Path, manifest: Any, vectors: Vectors) -> str:
    listed = codes_in(folder / DECISIONS)
    agreement, bits = _firmware(run, folder, manifest, vectors, "decision_verilog")
    same(bits[: vectors.shipped], listed)
    rates = [bit["rate_khz"] for bit in manifest["decision"]["bits"]]
    passed = ", ".join(f"{n} ({khz:g} kHz)" for n, khz in zip(listed.sum(axis=0), rates, strict=True))
    return f"{agreement}; passed: {passed} of the vectors in the release"


def _vhdl(run: Run, folder: Path, manifest: Any, vectors: Vectors) -> str:
    if not has_ghdl():
        raise ToolMissingError(GHDL_MISSING)
    return _firmware(run, folder, manifest, vectors.some(SAMPLED_VECTORS), "decision_vhdl")[0]


def _firmware(run: Run, folder: Path, manifest: Any, vectors: Vectors, form: str) -> tuple[str, IntArray]:
    """Compare the module around the network with its outputs and the bits that follow; give these bits."""
    decision = read_decision(folder / "decision")
    bits = [(bit["rate_khz"], bit["code"]) for bit in manifest["decision"]["bits"]]
    if bits != list(zip(decision.rates_khz, decision.thresholds, strict=True)):
        raise DataError(f"decision/{FILE}: thresholds: expected {bits} as in the manifest, found others.")
    expected = expected_of(decision, vectors.expected)
    ran = run(form, codes=vectors.codes)
    agreement = vectors.same(expected, ran.outputs)
    figures, wanted = ran.figures, manifest["decision"]["latency_cycles"]["value"]
    interval = manifest["figures"]["ii"]["value"]
    if (figures.get("latency_cycles"), figures.get("ii")) != (wanted, interval):
        raise NotReproducibleError(
            f"latency and II: expected {wanted:g} and {interval:g} cycles as in the manifest, found "
            f"{figures.get('latency_cycles')} and {figures.get('ii')}."
        )
    return f"{agreement}, latency {wanted:g} cycles", expected[:, vectors.expected.shape[1] :]


def _cpp(run: Run, folder: Path, vectors: Vectors) -> str:
    cxx_compiler()
    return _same_bits(run, folder, vectors, "decision_cpp") + ", no warnings"


def _python(run: Run, folder: Path, vectors: Vectors) -> str:
    return _same_bits(run, folder, vectors, "decision_python")


def _same_bits(run: Run, folder: Path, vectors: Vectors, form: str) -> str:
    decision = read_decision(folder / "decision")
    bits = decision.score.decided(vectors.expected, decision.thresholds)
    return vectors.same(bits, run(form, codes=vectors.expected).outputs)
