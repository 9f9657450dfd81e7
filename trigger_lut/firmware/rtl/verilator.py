"""Simulation of the generated Verilog in Verilator, clock cycle by clock cycle, under a small harness of our own."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trigger_lut.errors import DataError, NotReproducibleError
from trigger_lut.firmware.rtl.project import RtlProject
from trigger_lut.fixed_point.formats import KIF, IntArray
from trigger_lut.utils.cache import cached, key_of
from trigger_lut.utils.files import atomic_path
from trigger_lut.utils.programs import cxx_compiler, run_program, verilator_root

HARNESS = Path(__file__).with_name("harness.cpp")
GAP_VECTORS = 2000
WARNINGS_OFF = ("-Wno-DECLFILENAME", "-Wno-UNUSEDSIGNAL", "-Wno-ALWNEVER")
OFF = ("COVERAGE", "SC", "TIMING", "TRACE", "TRACE_FST", "TRACE_VCD", "TRACE_SAIF")
SETTINGS = ("-std=gnu++17", "-w", "-pthread", *(f"-DVM_{name}=0" for name in OFF))
VERILATE = ("--cc", "-O3", "--prefix", "VTop", "--x-initial", "unique", "--x-assign", "unique")
OPTIMIZE = ("-O1",)

Words = NDArray[np.uint32]


def simulate_rtl(project: RtlProject, codes: IntArray) -> tuple[IntArray, int, int]:
    """Run vectors through the Verilog.

    A first run gives a vector every `project.ii` cycles; ii_measured is the distance of its valid outputs. A second
    run, over the first vectors, has gaps of random length with random data. It must give the same outputs, each exactly
    `latency_cycles_measured` after its input. Where `project.ii` is above 1, a third run cuts events short by the next
    one: these must have no valid output, and all others the same as before. Registers start with random bits.

    Parameters
    ----------
    project
        RTL project.
    codes : IntArray of shape (N, C_in)
        Integers in `project.inputs`, N at least 1.

    Returns
    -------
    tuple
        Outputs (N, C_out), latency_cycles_measured and ii_measured.

    Raises
    ------
    NotReproducibleError
        If a valid output comes too early, too late, not at all, or with other data.
    ToolMissingError
        Without Verilator or a compiler.
    """
    binary = compile_simulation(project)
    return measured(project, codes, run=lambda stimulus: run_cycles(binary, project, stimulus=stimulus))


def measured(project: RtlProject, codes: IntArray, *, run: Callable[[Words], Words]) -> tuple[IntArray, int, int]:
    """Measure outputs, latency and initiation interval with any simulator.

    Parameters
    ----------
    project
        RTL project.
    codes : IntArray of shape (N, C_in)
        Input codes.
    run
        Function of the simulator. It takes rows (cycles, 1 + words) of valid_in and data_in, one a clock cycle. It
        returns those of valid_out and data_out before the rising edge.

    Returns
    -------
    tuple
        As `simulate_rtl`.

    Raises
    ------
    DataError
        If the codes have another shape.
    NotReproducibleError
        As `simulate_rtl`.
    """
    values = np.asarray(codes, dtype=np.int64)
    if values.ndim != 2 or values.shape[1] != len(project.inputs) or not len(values):
        raise DataError(f"codes: expected shape (vectors, {len(project.inputs)}), found {values.shape}")
    words = pack(values, project.inputs)
    dense = np.arange(len(values)) * project.ii
    cycles, raw = _valid(run(_stimulus(project, words, dense, rng=None)))
    if not len(cycles):
        raise NotReproducibleError(f"{project.top}: {len(values)} vectors in, no valid output")
    latency = int(cycles[0])
    check_cycles(project, cycles, at=dense, latency=latency)
    ii = int(np.diff(cycles).max()) if len(cycles) > 1 else project.ii

    rng = np.random.default_rng(0)
    some = min(len(values), GAP_VECTORS)
    for least in {project.ii, 1}:
        gaps = rng.integers(least, project.ii + 3, some)
        sparse = np.cumsum(gaps)
        whole = np.append(gaps[1:] >= project.ii, True)
        cycles, again = _valid(run(_stimulus(project, words[:some], sparse, rng)))
        check_cycles(project, cycles, at=sparse[whole], latency=latency)
        different = (again != raw[:some][whole]).any(axis=1)
        if different.any():
            vector = int(np.flatnonzero(whole)[np.flatnonzero(different)[0]])
            raise NotReproducibleError(
                f"{project.top}: vector {vector} gives other data when there are gaps in valid_in"
            )
    return unpack(raw, project.outputs), latency, ii


def compile_simulation(project: RtlProject) -> Path:
    """Compile the simulation program of a project, once a user for the same Verilog."""
    return compile_verilated(project.files, project.top, harness=HARNESS)


def compile_verilated(files: Sequence[Path], top: str, *, harness: Path, checks: Sequence[str] = ("-Wall",)) -> Path:
    """Compile verilated modules and a C++ harness, once a user for the same sources.

    All stages that simulate a design get the same program from the user's cache. Verilator is part of what names it:
    its version, its options and its C++ headers; and so are the compiler and its options.

    Parameters
    ----------
    files
        Verilog files.
    top
        Name of the top module.
    harness
        C++ file.
    checks
        Warnings of Verilator; each is an error.

    Returns
    -------
    Path
        Program, in a folder of this process. Undefined values are random in it.

    Raises
    ------
    ToolMissingError
        Without Verilator or compiler.
    """
    made_of = [top.encode(), *(path.read_bytes() for path in (*files, harness)), " ".join(checks).encode()]
    binary = scratch_folder() / key_of(made_of) / "simulation"
    if binary.is_file():
        return binary
    root, compiler = verilator_root(), cxx_compiler()
    made_of += [*_tools(root, compiler), " ".join((*VERILATE, *WARNINGS_OFF, *OPTIMIZE)).encode()]

    def build(path: Path) -> None:
        _build(path, files, top, harness=harness, checks=checks)

    binary.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(binary) as part:
        shutil.copy(cached("simulation", made_of, build=build), part)
    return binary


def _build(binary: Path, files: Sequence[Path], top: str, *, harness: Path, checks: Sequence[str]) -> None:
    """Compile verilated modules and a harness into `binary`, in a folder next to it."""
    root, compiler = verilator_root(), cxx_compiler()
    runtime = verilator_library(root, compiler)
    model = binary.with_name("model")
    model.mkdir()
    verilate: list[str | Path] = [root / "bin" / "verilator_bin", *VERILATE, "--top-module", top, "--Mdir", model]
    run_program([*verilate, *checks, *WARNINGS_OFF, *files], env={"VERILATOR_ROOT": str(root)}, what="Verilator")
    # One translation unit: Verilator's headers take longer to parse than most designs to compile.
    whole = model / "whole.cpp"
    whole.write_text("".join(f'#include "{path}"\n' for path in [*sorted(model.glob("*.cpp")), harness]))
    link: list[str | Path] = [compiler, *SETTINGS, *OPTIMIZE, "-I", model, "-I", root / "include", "-o", binary, whole]
    run_program([*link, *runtime], what="C++ compiler on the verilated design")


def scratch_folder() -> Path:
    """Return a folder for compiled simulations. It is removed when the process or its command ends."""
    if not _FOLDERS or not _FOLDERS[-1].is_dir():
        _FOLDERS.append(Path(tempfile.mkdtemp(prefix="trigger_lut_simulation_")))
        atexit.register(shutil.rmtree, _FOLDERS[-1], ignore_errors=True)
    return _FOLDERS[-1]


_FOLDERS: list[Path] = []


LIBRARY = ("verilated", "verilated_threads")
"""Parts of Verilator's own library that simulations link."""


def verilator_library(root: Path, compiler: str) -> tuple[Path, ...]:
    """Compile Verilator's own library, once a user: it takes longer than most designs.

    Parameters
    ----------
    root
        Folder of Verilator.
    compiler
        C++ compiler.

    Returns
    -------
    tuple of Path
        Object files, in the order of `LIBRARY`; those in this process' scratch folder, or in the user's cache.
    """
    folder, include = scratch_folder(), root / "include"
    made_of = [*_tools(root, compiler), " ".join(SETTINGS).encode()]
    objects = []
    for name in LIBRARY:

        def build(path: Path, source: Path = include / f"{name}.cpp") -> None:
            command: list[str | Path] = [compiler, *SETTINGS, "-O0", "-I", include, "-c", source, "-o", path]
            run_program(command, what="C++ compiler on Verilator's library")

        given = folder / f"{name}.o"
        objects.append(given if given.is_file() else cached(f"{name}.o", [name.encode(), *made_of], build=build))
    return tuple(objects)


def _tools(root: Path, compiler: str) -> list[bytes]:
    """Return what decides the result of Verilator and of the compiler, apart from sources and options."""
    headers = sorted(path for path in (root / "include").iterdir() if path.suffix in (".h", ".cpp"))
    program = root / "bin" / "verilator_bin"
    versions = [run_program([program, "--version"]), run_program([compiler, "--version"], what="C++ compiler")]
    return [*(path.read_bytes() for path in headers), compiler.encode(), *(text.encode() for text in versions)]


def _stimulus(project: RtlProject, words: Words, at: IntArray, rng: np.random.Generator | None) -> Words:
    """Rows of valid_in and data_in that give vector n in cycle at[n]; random data in the other cycles."""
    total = int(at[-1]) + 1 + project.latency_cycles_planned + 16
    stimulus = np.zeros((total, 1 + words.shape[1]), dtype=np.uint32)
    if rng is not None:
        stimulus[:, 1:] = rng.integers(0, 1 << 32, (total, words.shape[1]), dtype=np.uint32)
        stimulus[:, 1:] &= used_bits(project.inputs)
    stimulus[at, 0] = 1
    stimulus[at, 1:] = words
    return stimulus


def run_cycles(binary: Path, project: RtlProject, *, stimulus: Words) -> Words:
    """Run a simulation program.

    Parameters
    ----------
    binary
        Program.
    project
        RTL project.
    stimulus : NDArray of shape (cycles, 1 + words)
        valid_in and data_in.

    Returns
    -------
    NDArray of shape (cycles, 1 + words)
        valid_out and data_out.
    """
    total, words_out = len(stimulus), bus_words(project.outputs)
    with tempfile.TemporaryDirectory(dir=binary.parent) as scratch:
        source, result = Path(scratch, "in.bin"), Path(scratch, "out.bin")
        stimulus.tofile(source)
        words_in = stimulus.shape[1] - 1
        run_program([binary, str(total), str(words_in), str(words_out), source, result], what="RTL simulation")
        return np.fromfile(result, dtype=np.uint32).reshape(total, 1 + words_out)


def _valid(trace: Words) -> tuple[IntArray, Words]:
    """Return the cycles with valid_out, and data_out in them."""
    cycles = np.flatnonzero(trace[:, 0])
    return cycles.astype(np.int64), trace[cycles, 1:]


def check_cycles(project: RtlProject, actual: IntArray, *, at: IntArray, latency: int) -> None:
    """Raise NotReproducibleError when the valid outputs do not come `latency` cycles after the inputs."""
    expected = at + latency
    if len(actual) != len(expected) or (actual != expected).any():
        raise NotReproducibleError(
            f"{project.top}: valid_out does not follow valid_in by {latency} cycles throughout: "
            f"{len(actual)} valid outputs for {len(at)} vectors"
        )


def bus_words(formats: tuple[KIF, ...]) -> int:
    """Count the words of 32 bits of a flat bus.

    Parameters
    ----------
    formats
        Formats of its channels.

    Returns
    -------
    int
        Words.
    """
    return -(-sum(kif.bits for kif in formats) // 32)


def used_bits(formats: tuple[KIF, ...]) -> Words:
    """Return a bus with every bit of the formats set.

    Parameters
    ----------
    formats
        Formats of its channels.

    Returns
    -------
    NDArray of shape (1, words)
        Words of 32 bits.
    """
    ones = np.array([[-1 if kif.k else kif.hi for kif in formats]], dtype=np.int64)
    return pack(ones, formats)


def pack(codes: IntArray, formats: tuple[KIF, ...]) -> Words:
    """Put codes next to each other on a flat bus, the first channel at bit 0.

    Parameters
    ----------
    codes : IntArray of shape (N, channels)
        Codes.
    formats
        Formats of the channels.

    Returns
    -------
    NDArray of shape (N, words)
        Words of 32 bits, low word first.
    """
    packed = np.zeros((len(codes), bus_words(formats) + 1), dtype=np.uint64)
    at = 0
    for n, kif in enumerate(formats):
        bits = (codes[:, n] & ((1 << kif.bits) - 1)).astype(np.uint64)
        word, shift = divmod(at, 32)
        packed[:, word] |= (bits << np.uint64(shift)) & np.uint64(0xFFFFFFFF)
        packed[:, word + 1] |= bits >> np.uint64(32 - shift)
        at += kif.bits
    return packed[:, :-1].astype(np.uint32)


def unpack(words: Words, formats: tuple[KIF, ...]) -> IntArray:
    """Read the codes that `pack` put on a bus.

    Parameters
    ----------
    words : NDArray of shape (N, words)
        Words of 32 bits.
    formats
        Formats of the channels.

    Returns
    -------
    IntArray of shape (N, channels)
        Codes.
    """
    wide = np.concatenate([words, np.zeros((len(words), 2), dtype=np.uint32)], axis=1).astype(np.uint64)
    codes = np.empty((len(words), len(formats)), dtype=np.int64)
    at = 0
    for n, kif in enumerate(formats):
        word, shift = divmod(at, 32)
        bits = (wide[:, word] | wide[:, word + 1] << np.uint64(32)) >> np.uint64(shift)
        value = (bits & np.uint64((1 << kif.bits) - 1)).astype(np.int64)
        codes[:, n] = np.where(value > kif.hi, value - (1 << kif.bits), value)
        at += kif.bits
    return codes
