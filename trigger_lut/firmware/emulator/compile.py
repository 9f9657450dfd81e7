"""Compilation of the C++ emulator."""

from __future__ import annotations

from pathlib import Path

from trigger_lut.errors import FirmwareError
from trigger_lut.utils.programs import cxx_compiler, run_program

STRICT = ("-std=c++17", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror")
EXAMPLES = ("example.cpp", "decide.cpp")


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
    sources = sorted(path for path in place.glob("*.cpp") if path.name not in EXAMPLES)
    if len(sources) != 1:
        raise FirmwareError(f"{place}: Expected one source file of the emulator, found {len(sources)}.")
    return compile_program(place / "example", [place / "example.cpp", *sources])


def compile_program(binary: Path, sources: list[Path]) -> Path:
    """Compile a program, with every warning an error.

    Parameters
    ----------
    binary
        Path of the program.
    sources
        Files in C++17.

    Returns
    -------
    Path
        `binary`.
    """
    command: list[str | Path] = [cxx_compiler(), *STRICT, "-O2", "-o", binary, *sources]
    run_program(command, what="C++ compiler on the emulator")
    return binary
