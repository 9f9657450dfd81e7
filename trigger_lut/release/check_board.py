"""The check of the wrappers for boards in a release: each is the network, at the latency that `board.json` states."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from trigger_lut.errors import CardError, FirmwareError, NotReproducibleError, ToolMissingError
from trigger_lut.firmware.board.axi_stream import axi_stream
from trigger_lut.firmware.board.emp import emp_payload
from trigger_lut.firmware.board.files import component_files, has_board, read_board
from trigger_lut.firmware.rtl.ghdl import GHDL_MISSING, has_ghdl
from trigger_lut.firmware.rtl.project import read_project
from trigger_lut.release.compare import SAMPLED_VECTORS, Vectors
from trigger_lut.release.sandbox import Run
from trigger_lut.utils.wording import counted


def board_checks(run: Run, folder: Path, *, vectors: Vectors) -> dict[str, Callable[[], str]]:
    """Return checks by name, each of which gives a description, or raises. None without wrappers.

    Parameters
    ----------
    run : Run
        Runs a form of the release.
    folder : Path
        The release.
    vectors : Vectors
        Vectors of the network.
    """
    if not has_board(folder):
        return {}
    checks: dict[str, Callable[[], str]] = {"board": lambda: _description(folder)}
    try:
        board = read_board(folder)
    except CardError:  # the check `board` says so
        return checks
    if board.axi_stream is not None:
        checks["AXI4-Stream"] = lambda: _axi_stream(run, folder, vectors)
    if board.emp is not None:
        checks["EMP payload"] = lambda: _emp(run, folder, vectors)
    return checks


def _description(folder: Path) -> str:
    """Compare the description with the network's ports, and the copies of its VHDL with the originals."""
    board, project = read_board(folder), read_project(folder / "rtl")
    wrappers = []
    if (stream := board.axi_stream) is not None:
        if stream != axi_stream(project, stream.ready, beat_bytes=stream.beat_bytes):
            raise FirmwareError(
                "board/board.json: axi_stream: expected the description that follows from rtl/project.json, "
                "found another."
            )
        wrappers.append(f"{stream.top}: {counted(stream.beats, 'beat')} of {counted(stream.beat_bytes, 'byte')}")
    if (emp := board.emp) is not None:
        links = {"input_link": emp.input_link, "input_links": emp.input_links, "output_link": emp.output_link}
        if emp != emp_payload(project, **links):
            raise FirmwareError(
                "board/board.json: emp: expected the description that follows from rtl/project.json, found another."
            )
        copies = {path.name: path for path in component_files(folder, emp)}
        for path in project.vhdl:
            if path.name not in copies or copies[path.name].read_bytes() != path.read_bytes():
                raise FirmwareError(f"board/emp: {path.name}: expected the file in rtl/vhdl, found another.")
        wrappers.append(f"{emp.top}: {counted(emp.frames, 'frame')} on {counted(emp.input_links, 'link')}")
    return "; ".join(wrappers)


def _axi_stream(run: Run, folder: Path, vectors: Vectors) -> str:
    stream = read_board(folder).axi_stream
    assert stream is not None
    pressure = "gaps and back-pressure" if stream.ready else "and gaps"
    return f"{_compared(run, 'axi_stream', vectors, stream.latency_cycles)}; back to back, {pressure}"


def _emp(run: Run, folder: Path, vectors: Vectors) -> str:
    emp = read_board(folder).emp
    assert emp is not None
    if not has_ghdl():
        raise ToolMissingError(GHDL_MISSING)
    return _compared(run, "emp", vectors.some(SAMPLED_VECTORS), emp.latency_cycles)


def _compared(run: Run, form: str, vectors: Vectors, latency: int) -> str:
    ran = run(form, codes=vectors.codes)
    agreement, measured = vectors.same(vectors.expected, ran.outputs), ran.figures.get("latency_cycles")
    if measured != latency:
        raise NotReproducibleError(f"latency: expected {latency} cycles as in board/board.json, found {measured}.")
    return f"{agreement}, latency {latency} cycles"
