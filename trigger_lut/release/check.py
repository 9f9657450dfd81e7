"""The check of a release: everything in it is as the manifest says, and all forms in it are the same function.

Nothing but the release is read: on another machine it needs this package, and GHDL for the VHDL.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from trigger_lut.errors import DataError, FirmwareError, NotReproducibleError, ToolMissingError, TriggerLutError
from trigger_lut.firmware.rtl_ghdl import GHDL_MISSING, has_ghdl, simulate_vhdl
from trigger_lut.firmware.rtl_project import read_project
from trigger_lut.firmware.rtl_simulation import pack, simulate_rtl
from trigger_lut.fixed_point import IntArray
from trigger_lut.release.check_decision import decision_checks
from trigger_lut.release.compared import STRICT, VHDL_VECTORS, codes_in, same
from trigger_lut.release.emulator_cpp import identifier
from trigger_lut.release.patterns import as_links, read_pattern
from trigger_lut.tools import cxx_compiler, run_program

MEASURED_EVENTS = 2_000_000


@dataclass(frozen=True)
class Line:
    """One check: what, how it came out, and the details."""

    name: str
    status: Literal["ok", "failed", "not checked"]
    detail: str


def check_release(release: Path) -> list[Line]:
    """Check a release, a zip or a folder, in a copy of it; nothing is written into it.

    A failed check is a line, not an exception. Raises DataError when there is no release.
    """
    with tempfile.TemporaryDirectory(prefix="trigger_lut_release_") as scratch:
        folder = Path(scratch, "release")
        _copy(release, folder)
        manifest, problems = _manifest(folder)
        lines = [_line("manifest", lambda: _files(manifest, problems))]
        if manifest is None:
            return lines
        lines.append(_line("budget", lambda: _budget(manifest)))
        try:
            vectors, expected = (codes_in(folder / "vectors" / name) for name in ("inputs.txt", "outputs.txt"))
        except DataError as error:
            return [*lines, Line("vectors", "failed", str(error))]
        checks: dict[str, Callable[[], str]] = {
            "C++ emulator": lambda: _cpp(folder, manifest, expected),
            "Python emulator": lambda: _python(folder, expected),
            "Verilog": lambda: _verilog(folder, manifest, vectors, expected),
            "VHDL": lambda: _vhdl(folder, manifest, vectors, expected),
            "HLS": lambda: _hls(folder, vectors, expected),
            "patterns": lambda: _patterns(folder, manifest, vectors, expected),
        }
        if "decision" in manifest:
            checks |= decision_checks(folder, manifest, vectors, expected)
        return [*lines, *(_line(name, check) for name, check in checks.items())]


def _copy(release: Path, folder: Path) -> None:
    try:
        if release.is_dir():
            shutil.copytree(release, folder)
            return
        with zipfile.ZipFile(release) as held:
            if bad := held.testzip():
                raise DataError(f"{release}: {bad} is damaged")
            held.extractall(folder)
    except FileNotFoundError as error:
        raise DataError(f"{release}: no such release") from error
    except (zipfile.BadZipFile, OSError, NotImplementedError, zlib.error) as error:
        raise DataError(f"{release}: no zip of a release, or a damaged one ({error})") from error


def _line(name: str, check: Callable[[], str]) -> Line:
    try:
        return Line(name, "ok", check())
    except ToolMissingError as error:
        return Line(name, "not checked", str(error))
    except (TriggerLutError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return Line(name, "failed", str(error) or type(error).__name__)


def _manifest(folder: Path) -> tuple[Any, list[str]]:
    """The manifest, None where there is none, and in what way the files are not those that it lists."""
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        listed = {path: (entry["sha256"], entry["bytes"]) for path, entry in manifest["files"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return None, [f"manifest.json: missing or no manifest ({type(error).__name__})"]
    there = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()} - {"manifest.json"}
    problems = [f"{path} is missing" for path in sorted(listed.keys() - there)]
    problems += [f"{path} is not in the manifest" for path in sorted(there - listed.keys())]
    for path in sorted(there & listed.keys()):
        content = (folder / path).read_bytes()
        if (hashlib.sha256(content).hexdigest(), len(content)) != listed[path]:
            problems.append(f"{path} was changed")
    return manifest, problems


def _files(manifest: Any, problems: list[str]) -> str:
    if problems:
        raise DataError("; ".join(problems[:5]) + (f"; and {len(problems) - 5} more" if len(problems) > 5 else ""))
    return f"{len(manifest['files'])} files as listed"


def _budget(manifest: Any) -> str:
    figures, budget = manifest["figures"], manifest["budget"]
    said = []
    for name in ("luts", "latency_ns", "ii", "dsp", "bram18"):
        found = figures[name]["value"]
        if found is None or found > budget[name] + 1e-6:
            raise DataError(f"{name}: {found} ({figures[name]['source']}), budget {budget[name]}")
        said.append(f"{name} {found:g} of {budget[name]:g} ({figures[name]['source']})")
    if not manifest["verification"]["bit_exact"]:
        raise DataError(manifest["verification"]["verdict"])
    return ", ".join(said)


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
