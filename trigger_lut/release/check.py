"""The check of a release: everything in it is as the manifest says, and all forms in it are the same function.

Nothing but the release is read: on another machine it needs this package, and GHDL for the VHDL. Code of the release is
run only after all checksums agree, in a sandbox where there is one.
"""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from trigger_lut.cards import load_json
from trigger_lut.decision.project import read_decision
from trigger_lut.errors import DataError, FirmwareError, NotReproducibleError, ToolMissingError, TriggerLutError
from trigger_lut.firmware.rtl_ghdl import GHDL_MISSING, has_ghdl, simulate_vhdl
from trigger_lut.firmware.rtl_project import read_project
from trigger_lut.firmware.rtl_simulation import pack, simulate_rtl
from trigger_lut.fixed_point import IntArray
from trigger_lut.netlist import cell_counts, resources
from trigger_lut.release import emulator
from trigger_lut.release.archive import Files, UnsoundError, read_release
from trigger_lut.release.check_decision import decision_checks
from trigger_lut.release.compared import STRICT, VHDL_VECTORS, codes_in, same
from trigger_lut.release.content import DECISIONS
from trigger_lut.release.emulator_cpp import identifier
from trigger_lut.release.manifest import (
    MANIFEST,
    OF_SYNTHESIS,
    Shipped,
    changed_files,
    disagreements,
    read_manifest,
    read_shipped,
)
from trigger_lut.release.patterns import as_links, read_pattern
from trigger_lut.release.sandbox import DESCRIPTION, NONE, sandbox
from trigger_lut.release.signature import check_signature, manifest_sha256
from trigger_lut.summary import budget_lines, missed
from trigger_lut.tools import cxx_compiler, run_program
from trigger_lut.yosys import synthesise

MEASURED_EVENTS = 2_000_000
LONGEST_SECONDS = 3600  # for all code of a release
RESULTS = "lines.json"
MOST_BITS = 62  # of an integer in network.json: NumPy's have 64
Checks = dict[str, Callable[[], str]]


@dataclass(frozen=True)
class Line:
    """One check: what, how it came out, and the details."""

    name: str
    status: Literal["ok", "failed", "not checked"]
    detail: str


@dataclass(frozen=True)
class Asked:
    """How far to go.

    run              run the code of the release; without: compare files and evaluate our own reference alone
    synthesize       count LUTs again with Yosys
    sandbox          run code in a sandbox where there is one
    manifest_sha256  checksum of the manifest, as the sender states it
    signature, public_key  of the sender
    """

    run: bool = True
    synthesize: bool = False
    sandbox: bool = True
    manifest_sha256: str | None = None
    signature: Path | None = None
    public_key: Path | None = None


ALL = Asked()


def check_release(release: Path, asked: Asked = ALL) -> list[Line]:
    """Check a release, a zip or a folder, in a copy of it; nothing is written into it.

    Parameters
    ----------
    release : Path
        The release.
    asked : Asked
        How far to go.

    Returns
    -------
    list of Line
        One entry a check. A failed check is a line, not an exception.

    Raises
    ------
    DataError
        When there is no release, or a damaged zip.
    """
    try:
        files = read_release(release)
    except UnsoundError as error:
        return [Line("archive", "failed", str(error)), Line("forms", "not checked", "nothing of the release was run")]
    lines = [_line("manifest", lambda: _files(files)), *_origin(files, asked)]
    if failed := [line.name for line in lines if line.status == "failed"]:
        return [*lines, Line("forms", "not checked", f"nothing of the release was run; failed: {', '.join(failed)}")]
    manifest = read_manifest(files)
    with tempfile.TemporaryDirectory(prefix="trigger_lut_release_") as scratch:
        folder = Path(scratch, "release")
        _write(files, folder)
        figures = _line("figures", lambda: _figures(files, folder, manifest))
        lines.append(figures)
        if figures.status == "failed":
            return [*lines, Line("forms", "not checked", "nothing of the release was run, as its figures do not agree")]
        cards = read_shipped(files)
        lines += [_line("budget", lambda: _budget(cards)), *_without_running(folder, manifest)]
        if not asked.run:
            lines.append(Line("forms", "not checked", "not asked for (--no-run): no code of the release was run"))
        else:
            lines += _forms(folder, manifest, asked)
        return [*lines, *_stated(cards, asked)]


def _files(files: Files) -> str:
    problems = changed_files(read_manifest(files), files)
    if problems:
        raise DataError("; ".join(problems[:5]) + (f"; and {len(problems) - 5} more" if len(problems) > 5 else ""))
    return f"{len(files) - 1} files as listed; sha256 of {MANIFEST} {manifest_sha256(files[MANIFEST])}"


def _origin(files: Files, asked: Asked) -> list[Line]:
    """Compare the manifest with what its sender says of it."""
    lines, manifest = [], files.get(MANIFEST, b"")

    def checksum() -> str:
        found, expected = manifest_sha256(manifest), str(asked.manifest_sha256).strip().lower()
        if not re.fullmatch("[0-9a-f]{64}", expected):
            raise DataError(f"--manifest-sha256: no sha256. Expected 64 hexadecimal digits, found {expected!r}.")
        if found != expected:
            raise DataError(f"{MANIFEST}: not the manifest of the sender. Expected sha256 {expected}, found {found}.")
        return "the manifest has the sha256 that was given"

    def signature() -> str:
        if asked.signature is None or asked.public_key is None:
            raise DataError("--signature and --public-key go together. Expected both, found one.")
        return check_signature(manifest, asked.signature, asked.public_key)

    if asked.manifest_sha256 is not None:
        lines.append(_line("manifest checksum", checksum))
    if asked.signature is not None or asked.public_key is not None:
        line = _line("signature", signature)
        # A signature that was asked for and not checked is no reason to go on.
        lines.append(Line(line.name, "failed", line.detail) if line.status == "not checked" else line)
    if not lines:
        detail = "neither --manifest-sha256 nor --signature was given: it is not checked who made the release"
        lines.append(Line("origin", "not checked", detail))
    return lines


def _write(files: Files, folder: Path) -> None:
    for name, content in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)


def _figures(files: Files, folder: Path, manifest: Any) -> str:
    """Compare the manifest, the cards and the vectors with each other."""
    cards = read_shipped(files)
    vectors, expected = (codes_in(folder / "vectors" / name) for name in ("inputs.txt", "outputs.txt"))
    problems = list(disagreements(manifest, cards, len(vectors)))
    project = read_project(folder / "rtl")
    if len(expected) != len(vectors):
        problems.append(f"vectors/outputs.txt: Expected {len(vectors)} lines, found {len(expected)}.")
    for name, codes, formats in (("inputs", vectors, project.inputs), ("outputs", expected, project.outputs)):
        limits = np.array([(kif.lo, kif.hi) for kif in formats])
        if codes.shape[1] != len(limits) or ((codes < limits[:, 0]) | (codes > limits[:, 1])).any():
            problems.append(f"vectors/{name}.txt: Expected codes in the formats of rtl/project.json, found others.")
    if project.top != cards.firmware.rtl_top:
        problems.append(f"rtl/project.json: top: Expected {cards.firmware.rtl_top}, found {project.top}.")
    if project.latency_cycles_planned != cards.timing.latency_cycles.value:
        found = project.latency_cycles_planned
        problems.append(f"rtl/project.json: latency: Expected {cards.timing.latency_cycles.value:g}, found {found}.")
    if problems:
        raise DataError(" ".join(sorted(problems)[:5]))
    return f"the manifest follows from the cards and from {len(vectors)} vectors"


def _budget(cards: Shipped) -> str:
    lines = budget_lines(cards.spec, cards.synth, cards.timing)
    if over := [missed(line) for line in lines if not line.met]:
        raise DataError("; ".join(over))
    if not cards.verify.bit_exact:
        raise DataError(cards.verify.verdict)
    return ", ".join(f"{x.quantity} {x.found:g} of {x.budget:g} ({x.source})" for x in lines)


def _without_running(folder: Path, manifest: Any) -> list[Line]:
    """Check what needs no code of the release: our own reference on its vectors, and its pattern files."""
    vectors, expected = (codes_in(folder / "vectors" / name) for name in ("inputs.txt", "outputs.txt"))
    checks: Checks = {
        "reference": lambda: _reference(folder, vectors, expected),
        "patterns": lambda: _patterns(folder, manifest, vectors, expected),
    }
    if "decision" in manifest:
        checks["decision, reference"] = lambda: _decided(folder, expected)
    return [_line(name, check) for name, check in checks.items()]


def _reference(folder: Path, vectors: IntArray, expected: IntArray) -> str:
    """Evaluate the network of the release with the reference of this package."""
    path = folder / "emulator" / "python" / "network.json"
    content = load_json(path.read_text(encoding="utf-8"))
    _check_size(content)
    return same(expected, emulator.evaluate(emulator.as_arrays(content), vectors))


def _check_size(content: Any) -> None:
    """Raise DataError for integers that do not fit, and for shifts that would fill the memory."""
    waiting = [("", content)]
    while waiting:
        key, value = waiting.pop()
        if isinstance(value, dict):
            waiting += value.items()
        elif isinstance(value, list):
            waiting += [(key, entry) for entry in value]
        elif isinstance(value, int) and abs(value) >= (1 << (6 if key == "fraction" else MOST_BITS)):
            raise DataError(f"network.json: {key}: too large. Expected fewer bits, found {value}.")


def _decided(folder: Path, expected: IntArray) -> str:
    decision = read_decision(folder / "decision")
    return same(decision.score.decided(expected, decision.thresholds), codes_in(folder / DECISIONS))


def _forms(folder: Path, manifest: Any, asked: Asked) -> list[Line]:
    """Run all forms in the release, in a sandbox where there is one."""
    inside = sandbox(folder.parent) if asked.sandbox else None
    said = Line("sandbox", "ok", DESCRIPTION) if inside else Line("sandbox", "not checked", NONE)
    if inside is None:
        return [said, *form_lines(folder, manifest, asked.synthesize)]
    flags = ["--synthesize"] if asked.synthesize else []
    command = [*inside, sys.executable, "-m", "trigger_lut.release.inside", str(folder), *flags]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=LONGEST_SECONDS)
    except subprocess.TimeoutExpired:
        return [said, Line("forms", "failed", f"the code of the release ran for more than {LONGEST_SECONDS} s")]
    results = folder.parent / RESULTS
    if done.returncode or not results.is_file():
        return [said, Line("forms", "failed", f"the code of the release ended the check: {done.stderr[-300:]}")]
    return [said, *(Line(**line) for line in json.loads(results.read_text(encoding="utf-8")))]


def form_lines(folder: Path, manifest: Any, synthesize: bool = False) -> list[Line]:
    """Run all forms in the unpacked release."""
    vectors, expected = (codes_in(folder / "vectors" / name) for name in ("inputs.txt", "outputs.txt"))
    checks: Checks = {
        "C++ emulator": lambda: _cpp(folder, manifest, expected),
        "Python emulator": lambda: _python(folder, expected),
        "Verilog": lambda: _verilog(folder, manifest, vectors, expected),
        "VHDL": lambda: _vhdl(folder, manifest, vectors, expected),
        "HLS": lambda: _hls(folder, vectors, expected),
    }
    if "decision" in manifest:
        checks |= decision_checks(folder, manifest, vectors, expected)
    if synthesize:
        checks["synthesis"] = lambda: _synthesis(folder, manifest)
    return [_line(name, check) for name, check in checks.items()]


def write_lines(lines: list[Line], folder: Path) -> None:
    """Write the results of forms that ran in a sandbox."""
    (folder / RESULTS).write_text(json.dumps([dataclasses.asdict(line) for line in lines]), encoding="utf-8")


def _synthesis(folder: Path, manifest: Any) -> str:
    project = read_project(folder / "rtl")
    module = synthesise(list(project.files), project.top, manifest["target"]["family"])
    found = resources(cell_counts(module))
    for name in OF_SYNTHESIS:
        if getattr(found, name) != manifest["figures"][name]["value"]:
            stated = manifest["figures"][name]["value"]
            raise NotReproducibleError(f"{name}: Expected {stated:g} as stated, found {getattr(found, name)}")
    return ", ".join(f"{name} {getattr(found, name)}" for name in OF_SYNTHESIS)


def _stated(cards: Shipped, asked: Asked) -> list[Line]:
    """Name the figures that the release states and that were not measured again."""
    said = [f"bit-exact in the verify stage ({form.name} {form.vectors} vectors)" for form in cards.verify.comparisons]
    if not (asked.run and asked.synthesize):
        figures = ", ".join(f"{name} {getattr(cards.synth, name).value:g}" for name in OF_SYNTHESIS)
        said.insert(0, f"{figures} (--synthesize counts them again)")
    said.append(f"clock {cards.timing.fmax_mhz_estimate.value:g} MHz by the delay model")
    if not asked.run:
        said.append(f"latency {cards.timing.latency_cycles.value:g} cycles")
    if cards.decision is not None:
        said.append(f"decision {cards.decision.proof} by the decision stage")
    return [Line("stated", "not checked", "stated, not checked: " + "; ".join(said))]


def _line(name: str, check: Callable[[], str]) -> Line:
    try:
        return Line(name, "ok", check())
    except ToolMissingError as error:
        return Line(name, "not checked", str(error))
    except (TriggerLutError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return Line(name, "failed", str(error) or type(error).__name__)


def compile_emulator(folder: Path, design: str) -> Path:
    """Compile the C++ emulator of a release, with every warning an error; gives the program."""
    place = folder / "emulator" / "cpp"
    sources = [place / "example.cpp", place / f"{identifier(design)}.cpp"]
    binary = place / "example"
    run_program([cxx_compiler(), *STRICT, "-O2", "-o", binary, *sources], what="C++ compiler on the emulator")
    return binary


def run_emulator(binary: Path, vectors: Path, outputs: int) -> IntArray:
    """(N, outputs) of the compiled emulator for a file of vectors, one a line."""
    printed = run_program([binary, vectors], what="C++ emulator")
    return np.array(printed.split(), dtype=np.int64).reshape(-1, outputs)


def _cpp(folder: Path, manifest: Any, expected: IntArray) -> str:
    binary = compile_emulator(folder, manifest["design"])
    found = run_emulator(binary, folder / "vectors" / "inputs.txt", expected.shape[1])
    return same(expected, found) + ", no warnings"


def events_per_second(folder: Path, design: str) -> float:
    """What the C++ emulator of a release evaluates in a second of CPU time on one core."""
    with tempfile.TemporaryDirectory(prefix="trigger_lut_release_") as scratch:
        copy = Path(scratch, "release")
        shutil.copytree(folder, copy)
        vectors = copy / "vectors" / "inputs.txt"
        repetitions = max(MEASURED_EVENTS // len(codes_in(vectors)), 1)
        command = [str(compile_emulator(copy, design)), str(vectors), str(repetitions)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stderr)


def _python(folder: Path, expected: IntArray) -> str:
    place = folder / "emulator" / "python"
    command: list[str | Path] = [
        sys.executable,
        "-I",
        place / "emulator.py",
        place / "network.json",
        folder / "vectors" / "inputs.txt",
    ]
    printed = run_program(command, what="Python emulator")
    return same(expected, np.array(printed.split(), dtype=np.int64).reshape(-1, expected.shape[1]))


def _cycles(manifest: Any, latency: int, ii: int) -> str:
    figures = manifest["figures"]
    wanted = (figures["latency_cycles"]["value"], figures["ii"]["value"])
    if (latency, ii) != wanted:
        raise NotReproducibleError(
            f"latency {latency} cycles, II {ii}; the manifest says {wanted[0]:g} and {wanted[1]:g}"
        )
    return f"latency {latency} cycles, II {ii}"


def _verilog(folder: Path, manifest: Any, vectors: IntArray, expected: IntArray) -> str:
    found, latency, ii = simulate_rtl(read_project(folder / "rtl"), vectors)
    return f"{same(expected, found)}, {_cycles(manifest, latency, ii)}"


def _vhdl(folder: Path, manifest: Any, vectors: IntArray, expected: IntArray) -> str:
    if not has_ghdl():
        raise ToolMissingError(GHDL_MISSING)
    found, latency, ii = simulate_vhdl(read_project(folder / "rtl"), vectors[:VHDL_VECTORS])
    return f"{same(expected[:VHDL_VECTORS], found)}, {_cycles(manifest, latency, ii)}"


def _hls(folder: Path, vectors: IntArray, expected: IntArray) -> str:
    from trigger_lut.firmware.hls import predict_hls, recompile

    if shutil.which("g++") is None:
        raise ToolMissingError("g++ is not on PATH; hls4ml compiles its emulator with it")
    recompile(folder / "hls", "check")
    return same(expected, predict_hls(folder / "hls", vectors))


def _patterns(folder: Path, manifest: Any, vectors: IntArray, expected: IntArray) -> str:
    """The n-th valid frame of each file is the n-th vector, and outputs follow inputs by the latency."""
    project = read_project(folder / "rtl")
    frames = []
    for name, codes, formats in (("input", vectors, project.inputs), ("output", expected, project.outputs)):
        words, valid = read_pattern((folder / "patterns" / f"{name}.txt").read_text(encoding="utf-8"))
        frames.append(np.flatnonzero(valid))
        wanted = as_links(pack(codes[: valid.sum()], formats))
        if not np.array_equal(words[valid], wanted):
            raise FirmwareError(f"patterns/{name}.txt: other data than the vectors")
    delay = manifest["figures"]["latency_cycles"]["value"]
    if not np.array_equal(frames[0] + int(delay), frames[1]):
        raise FirmwareError(f"patterns/output.txt does not follow patterns/input.txt by {delay:g} frames")
    return f"{len(frames[0])} events, outputs {delay:g} frames behind inputs"
