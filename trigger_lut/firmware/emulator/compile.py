"""Compilation of the C++ emulator."""

from __future__ import annotations

from pathlib import Path

from trigger_lut.errors import FirmwareError
from trigger_lut.utils.programs import cxx_compiler, run_program

STRICT = ("-std=c++17", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror")
EXAMPLES = ("example.cpp", "decide.cpp", "inputs.cpp")
INPUTS = "_inputs.cpp"  # ending of the way from branches to codes


def compile_emulator(folder: Path) -> Path:
    """Compile the C++ emulator in a folder, with every warning an error.

    Parameters
    ----------
    folder
        Folder of a release, or one that `PythonEmulator.write` wrote.

    Returns
    -------
    Path
        Program. It prints the outputs for a file of vectors.

    Raises
    ------
    FirmwareError
        If there is not exactly one source file apart from the examples.
    """
    place = folder / "emulator" / "cpp"
    sources = sorted(path for path in place.glob("*.cpp") if path.name not in EXAMPLES and not _of_inputs(path))
    if len(sources) != 1:
        raise FirmwareError(f"{place}: expected one source file of the emulator, found {len(sources)}.")
    return compile_program(place / "example", [place / "example.cpp", *sources])


def compile_inputs(folder: Path) -> Path:
    """Compile the way from branches to codes in a folder, with every warning an error.

    Parameters
    ----------
    folder
        Folder of a release.

    Returns
    -------
    Path
        Program. It prints the codes of a file of events.
    """
    place = folder / "emulator" / "cpp"
    sources = sorted(path for path in place.glob("*.cpp") if path.name not in ("example.cpp", "decide.cpp"))
    return compile_program(place / "inputs", sources, "-ffp-contract=off")


def _of_inputs(path: Path) -> bool:
    """Return whether a source file is the way from branches to codes, next to its emulator."""
    return path.name.endswith(INPUTS) and path.with_name(path.name.removesuffix(INPUTS) + ".cpp").is_file()


def compile_program(binary: Path, sources: list[Path], *options: str) -> Path:
    """Compile a program, with every warning an error.

    Parameters
    ----------
    binary
        Path of the program.
    sources
        Files in C++17.
    *options
        Further options of the compiler.

    Returns
    -------
    Path
        `binary`.
    """
    command: list[str | Path] = [cxx_compiler(), *STRICT, "-O2", *options, "-o", binary, *sources]
    run_program(command, what="C++ compiler on the emulator")
    return binary
