"""Back ends of the emulators in C++ and Python, run as programs of their own, as their users run them."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np

from trigger_lut.config.release import default_model_name
from trigger_lut.errors import FirmwareError, ToolMissingError
from trigger_lut.firmware.backend import Delivery, Design, NetworkBackend, Prediction
from trigger_lut.firmware.emulator.cmssw import CMSSW, cmssw_files
from trigger_lut.firmware.emulator.compile import compile_emulator
from trigger_lut.firmware.emulator.files import emulator_files
from trigger_lut.fixed_point.formats import IntArray
from trigger_lut.utils.programs import cxx_compiler, run_program


class PythonEmulator(NetworkBackend):
    """Emulator in plain NumPy."""

    title = "Python emulator"
    delivery: Delivery = "release"

    def write(self, design: Design, folder: Path) -> None:
        """Write both emulators; see `Backend.write`."""
        for name, text in emulator_files(design.network, design.spec.design, version="0").items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def predict(self, folder: Path, codes: IntArray) -> Prediction:
        """Run the script in an isolated interpreter; see `Backend.predict`."""
        place = folder / "emulator" / "python"
        command: list[str | Path] = [sys.executable, "-I", place / "emulator.py", place / "network.json"]
        return Prediction(printed_outputs(command, folder, codes=codes, program="emulator.py"))


class CppEmulator(PythonEmulator):
    """Emulator in C++17 without dependencies."""

    title = "C++ emulator"

    def require(self) -> None:
        """Raise ToolMissingError without a C++ compiler."""
        cxx_compiler()

    def predict(self, folder: Path, codes: IntArray) -> Prediction:
        """Compile the emulator, with each warning an error, and run it; see `Backend.predict`."""
        return Prediction(printed_outputs([compile_emulator(folder)], folder, codes=codes, program="C++ emulator"))


class CmsswLibrary(NetworkBackend):
    """Shared library behind CMSSW's interface, built by its own Makefile."""

    title = "CMSSW library"
    delivery: Delivery = "release"

    def require(self) -> None:
        """Raise ToolMissingError without make or a C++ compiler."""
        cxx_compiler()
        if shutil.which("make") is None:
            raise ToolMissingError("make is not on PATH; it builds the CMSSW library (install Debian's package make)")

    def write(self, design: Design, folder: Path) -> None:
        """Write the external with the default name; see `Backend.write`."""
        model = default_model_name(design.spec.design)
        for name, text in cmssw_files(design.network, model=model, model_version=1, writer_version="0").items():
            path = folder / CMSSW / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def predict(self, folder: Path, codes: IntArray) -> Prediction:
        """Build the library and its test program, and load it as CMSSW does; see `Backend.predict`."""
        self.require()
        return Prediction(printed_outputs([*cmssw_programs(folder)], folder, codes=codes, program="CMSSW library"))


def cmssw_programs(folder: Path) -> tuple[Path, Path]:
    """Build the CMSSW library of a release and its test program.

    Parameters
    ----------
    folder
        Folder of the release.

    Returns
    -------
    tuple of Path
        Test program and library.

    Raises
    ------
    ToolFailedError
        If they cannot be built.
    FirmwareError
        If there is not exactly one library and one program.
    """
    place = folder / CMSSW
    run_program(["make", "-C", place, f"CXX={cxx_compiler()}", "all", "test-program"], what="make on the CMSSW library")
    library = _only(place, [path for path in place.glob("*_v*.so") if path.is_file()])
    return _only(place, [path for path in place.glob("test/test_*") if not path.suffix]), library


def _only(folder: Path, paths: list[Path]) -> Path:
    if len(paths) != 1:
        raise FirmwareError(
            f"{folder}: expected one library and one test, found {len(paths)}. Write the release again."
        )
    return paths[0]


def printed_outputs(command: list[str | Path], folder: Path, *, codes: IntArray, program: str) -> IntArray:
    """Run a program that prints outputs for a file of codes, one event per line.

    Parameters
    ----------
    command
        Program and its first arguments.
    folder
        Folder for the file of codes.
    codes : IntArray of shape (N, C_in)
        Input codes.
    program
        Name of the program in errors.

    Returns
    -------
    IntArray of shape (N, C_out)
        Output codes.

    Raises
    ------
    ToolFailedError
        If the program fails.
    """
    vectors = folder / "given.txt"
    np.savetxt(vectors, codes, fmt="%d")
    printed = run_program([*command, vectors], what=program)
    return np.array(printed.split(), dtype=np.int64).reshape(len(codes), -1)
