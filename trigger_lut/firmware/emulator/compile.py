"""Compile and run the C++ emulator."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from trigger_lut.firmware.emulator.cpp import identifier
from trigger_lut.fixed_point.formats import IntArray
from trigger_lut.utils.programs import cxx_compiler, run_program

STRICT = ("-std=c++17", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror")


def compile_emulator(folder: Path, design: str) -> Path:
    """Compile the C++ emulator of a release, with every warning an error; gives the program."""
    place = folder / "emulator" / "cpp"
    return compile_program(place / "example", [place / "example.cpp", place / f"{identifier(design)}.cpp"])


def run_emulator(binary: Path, vectors: Path, outputs: int) -> IntArray:
    """(N, outputs) of the compiled emulator for a file of vectors, one a line."""
    printed = run_program([binary, vectors], what="C++ emulator")
    return np.array(printed.split(), dtype=np.int64).reshape(-1, outputs)


def compile_program(binary: Path, sources: list[Path]) -> Path:
    command: list[str | Path] = [cxx_compiler(), *STRICT, "-O2", "-o", binary, *sources]
    run_program(command, what="C++ compiler on the emulator")
    return binary
