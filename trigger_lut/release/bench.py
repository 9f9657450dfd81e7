"""A network on a bench: from a release to the bitstream of an ECP5 board with a serial port.

The module with the serial port is simulated first, bit by bit, and must answer as the emulator of the release. The
bitstream is made of the same Verilog.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from trigger_lut.cards.base import write_text
from trigger_lut.errors import ConfigurationError, DataError, NotReproducibleError, OutputError
from trigger_lut.firmware.board.axi_stream import FOLDER
from trigger_lut.firmware.board.uart import Uart, bytes_of, simulate_uart, uart, uart_text
from trigger_lut.firmware.emulator import python as emulator
from trigger_lut.firmware.rtl.project import RtlProject, read_project
from trigger_lut.fixed_point.formats import IntArray
from trigger_lut.release.archive import Files, read_release
from trigger_lut.release.compare import codes_in
from trigger_lut.release.manifest import MANIFEST, changed_files, read_manifest
from trigger_lut.release.network_file import network_of
from trigger_lut.synthesis.ecp5.bitstream import Board, write_bitstream
from trigger_lut.synthesis.ecp5.synthesis import synthesize_ecp5
from trigger_lut.utils.files import atomic_folder

HOST = "send.py"
CONTENT = "bench.json"
BITS_OF_BYTE = 10  # with start and stop bit
MOST_CYCLES = 1e9  # of a simulation, minutes
VECTORS = "vectors/inputs.txt"


@dataclass(frozen=True)
class BenchOptions:
    """Serial port and number of events.

    Attributes
    ----------
    clock_mhz, baud, clk, rx, tx
        As of `uart`.
    events
        Events that are simulated, and that the host program sends.
    seed
        Seed of the placement.
    """

    clock_mhz: float
    baud: int = 115200
    clk: str = "clk"
    rx: str = "rx"
    tx: str = "tx"
    events: int = 100
    seed: int = 1


def write_bench(release: Path, folder: Path, *, options: BenchOptions, board: Board | None) -> dict[str, object]:
    """Write the files of a test on a bench, simulate it, and make the bitstream if there is a board.

    Parameters
    ----------
    release
        Zip or folder.
    folder
        Folder to write. An earlier one is replaced.
    options
        Serial port and number of events.
    board
        The board; None: without a bitstream.

    Returns
    -------
    dict
        Content of bench.json.

    Raises
    ------
    DataError
        If the release is damaged.
    ConfigurationError
        If the clock is too slow for the bits, or so fast that the simulation would take hours.
    NotReproducibleError
        If an answer differs from the emulator's. Nothing is written then.
    ToolMissingError, ToolFailedError
        For the programs.
    OutputError
        If the folder has files that are not of a bench. They stay as they are.
    """
    folder = folder.resolve()
    _refuse_other_content(folder)
    files = read_release(release)
    if problems := changed_files(read_manifest(files), files):
        raise DataError(f"{release}: {problems[0]}. Expected the files that {MANIFEST} lists. Check the release first.")
    with atomic_folder(folder) as part_folder:
        _write(files, part_folder)
        project = read_project(part_folder / "rtl")
        plan = uart(
            project,
            clock_mhz=options.clock_mhz,
            baud=options.baud,
            clk=options.clk,
            rx=options.rx,
            tx=options.tx,
        )
        write_text(part_folder / f"{plan.top}.v", uart_text(project, plan))
        codes = codes_in(part_folder / VECTORS)[: options.events]
        _refuse_long_simulation(plan, events=len(codes))
        expected = np.asarray(emulator.evaluate(emulator.as_arrays(network_of(files)), codes))
        check_answers(project, plan, folder=part_folder, codes=codes, expected=expected)
        (part_folder / "events.bin").write_bytes(bytes_of(codes, project.inputs).tobytes())
        (part_folder / "answers.bin").write_bytes(bytes_of(expected, project.outputs).tobytes())
        (part_folder / HOST).write_bytes((FOLDER / "uart_send.py").read_bytes())
        content: dict[str, object] = {**asdict(plan), "events": len(codes), "differences_simulated": 0}
        if board is not None:
            content |= _bitstream(project, plan, folder=part_folder, board=board, seed=options.seed)
        write_text(part_folder / CONTENT, json.dumps(content, indent=2) + "\n")
    return content


def _refuse_other_content(folder: Path) -> None:
    """Refuse to replace a folder that is not of a bench."""
    if not folder.exists() or (folder.is_dir() and ((folder / CONTENT).is_file() or not any(folder.iterdir()))):
        return
    raise OutputError(
        folder,
        f"holds other files. Expected a new or empty folder, or one with {CONTENT} of an earlier bench. Give another "
        "--folder.",
    )


def _refuse_long_simulation(plan: Uart, *, events: int) -> None:
    cycles = events * (plan.bytes_in + plan.bytes_out) * BITS_OF_BYTE * plan.clocks_per_bit
    if cycles > MOST_CYCLES:
        raise ConfigurationError(
            f"simulation: {events} events at {plan.baud} baud and {plan.clock_mhz:g} MHz take {cycles:.2g} clock "
            f"cycles. Expected at most {MOST_CYCLES:.2g}. Choose fewer --events or a higher --baud."
        )


def check_answers(project: RtlProject, plan: Uart, *, folder: Path, codes: IntArray, expected: IntArray) -> None:
    """Simulate events through the serial port, and compare the answers.

    Parameters
    ----------
    project
        RTL project.
    plan
        Its serial port.
    folder
        Folder with the module.
    codes : IntArray of shape (N, C_in)
        Input codes.
    expected : IntArray of shape (N, C_out)
        Output codes.

    Raises
    ------
    NotReproducibleError
        If an answer differs.
    """
    different = (simulate_uart(project, plan, folder=folder, codes=codes) != expected).any(axis=1)
    if different.any():
        raise NotReproducibleError(
            f"{plan.top}: {different.sum()} of {len(codes)} answers differ from the emulator's, the first one of "
            f"event {different.argmax()}. Expected 0. Check the release first."
        )


def _write(files: Files, folder: Path) -> None:
    for path, content in files.items():
        if path.startswith("rtl/") or path == VECTORS:
            place = folder / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)


def _bitstream(project: RtlProject, plan: Uart, *, folder: Path, board: Board, seed: int) -> dict[str, object]:
    name = f"{plan.top}.bit"
    with tempfile.TemporaryDirectory(prefix="trigger_lut_bench_") as scratch:
        netlist = Path(scratch, "netlist.json")
        synthesize_ecp5([*project.files, folder / f"{plan.top}.v"], plan.top, netlist=netlist)
        routed = write_bitstream(netlist, board, clock_mhz=plan.clock_mhz, seed=seed, bitstream=folder / name)
    return {
        "bitstream": name,
        "device": f"ECP5 {board.device}, {board.package}, speed grade {board.speed}",
        "fmax_mhz": round(routed.fmax_mhz, 1),
        "fmax_source": "after place and route on ECP5 by nextpnr",
        "luts": routed.luts,
        "ff": routed.ff,
    }
