"""A network behind a serial port (UART): events as bytes in, outputs as bytes out, for a test on a bench."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trigger_lut.errors import ConfigurationError, NotReproducibleError, ToolFailedError
from trigger_lut.firmware.board.axi_stream import FOLDER, fill
from trigger_lut.firmware.rtl.project import RtlProject
from trigger_lut.firmware.rtl.verilator import compile_verilated, pack, scratch_folder, unpack
from trigger_lut.firmware.rtl.verilog_top import offsets
from trigger_lut.fixed_point.formats import KIF, IntArray
from trigger_lut.utils.programs import run_program

FASTEST_MHZ = 1000  # clock of a board
LEAST_CLOCKS = 4
"""Clocks of a bit, at least: the receiver reads a bit near its middle."""
NAME = re.compile(r"[A-Za-z_]\w{0,63}", re.ASCII)
TAKEN = {"line", "frame", "idle", "wait_in", "wait_out", "event_in", "event_out", "valid_in", "valid_out", "data_out"}

Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class Uart:
    """Serial port around a network.

    Attributes
    ----------
    top
        Name of the module.
    clock_mhz, baud
        Clock of the board, and bits a second.
    clk, rx, tx
        Names of the ports, as in the board's constraint file. `rx` is an input of the FPGA.
    bytes_in, bytes_out
        Bytes of an event and of its answer.
    """

    top: str
    clock_mhz: float
    baud: int
    clk: str
    rx: str
    tx: str
    bytes_in: int
    bytes_out: int

    @property
    def clocks_per_bit(self) -> int:
        """Clock cycles of a bit."""
        return round(self.clock_mhz * 1e6 / self.baud)


def uart(project: RtlProject, *, clock_mhz: float, baud: int, clk: str = "clk", rx: str = "rx", tx: str = "tx") -> Uart:
    """Plan the serial port of a project.

    Parameters
    ----------
    project
        RTL project.
    clock_mhz
        Clock of the board.
    baud
        Bits a second.
    clk, rx, tx
        Names of the ports.

    Returns
    -------
    Uart
        Plan.

    Raises
    ------
    ConfigurationError
        If the clock is none of a board or too slow for the bits, or names are no names of ports.
    """
    if not 0 < clock_mhz <= FASTEST_MHZ:
        raise ConfigurationError(
            f"clock: expected more than 0 and at most {FASTEST_MHZ} MHz, found {clock_mhz:g}. Give the board's clock."
        )
    wrapper = Uart(
        top=f"{project.top}_uart",
        clock_mhz=clock_mhz,
        baud=baud,
        clk=clk,
        rx=rx,
        tx=tx,
        bytes_in=-(-offsets(project.inputs)[-1] // 8),
        bytes_out=-(-offsets(project.outputs)[-1] // 8),
    )
    if wrapper.clocks_per_bit < LEAST_CLOCKS:
        raise ConfigurationError(
            f"baud: {baud} is too fast for the clock. Expected at most {int(clock_mhz * 1e6 / LEAST_CLOCKS)} at "
            f"{clock_mhz:g} MHz, found {baud}. Choose a lower rate."
        )
    if len({clk, rx, tx} - TAKEN) < 3 or not all(NAME.fullmatch(name) for name in (clk, rx, tx)):
        raise ConfigurationError(
            f"ports: {clk}, {rx}, {tx}: expected three different names of letters, digits and _, which the module does "
            "not use. Rename a port."
        )
    return wrapper


def uart_text(project: RtlProject, plan: Uart) -> str:
    """Write the module around a project as Verilog.

    Parameters
    ----------
    project
        RTL project.
    plan
        Its serial port.

    Returns
    -------
    str
        Verilog.
    """
    bits_in, bits_out = offsets(project.inputs)[-1], offsets(project.outputs)[-1]
    padding = 8 * plan.bytes_out - bits_out
    own = plan.clk == "clk"
    values = {
        "TOP": plan.top,
        "MODULE": project.top,
        "CLOCKS_PER_BIT": plan.clocks_per_bit,
        "IDLE_CLOCKS": round(plan.clock_mhz * 1e5),
        "BYTES_IN": plan.bytes_in,
        "BYTES_OUT": plan.bytes_out,
        "LAST_BIT_IN": 8 * plan.bytes_in - 1,
        "LAST_BIT_OUT": 8 * plan.bytes_out - 1,
        "LAST_BYTE_IN": plan.bytes_in - 1,
        "BITS_IN_LAST": bits_in - 1,
        "BITS_OUT_LAST": bits_out - 1,
        "SHIFTED_IN": "byte_in" if plan.bytes_in == 1 else f"{{byte_in, event_in[{8 * plan.bytes_in - 1}:8]}}",
        "PADDED_OUT": "data_out" if not padding else f"{{{padding}'b0, data_out}}",
        "CLK": plan.clk,
        "RX": plan.rx,
        "TX": plan.tx,
    }
    template = (FOLDER / "uart.v").read_text(encoding="utf-8")
    text = fill(template, values)
    return text.replace("    wire clk = clk;\n\n", "") if own else text


def bytes_of(codes: IntArray, formats: tuple[KIF, ...]) -> Bytes:
    """Return the bytes of events or of outputs, the low byte of the bus first.

    Parameters
    ----------
    codes : IntArray of shape (N, C)
        Codes.
    formats
        Formats on the bus.

    Returns
    -------
    Bytes of shape (N, bytes)
        Bytes.
    """
    size = -(-offsets(formats)[-1] // 8)
    words = np.ascontiguousarray(pack(np.asarray(codes, dtype=np.int64), formats).astype("<u4"))
    return words.view(np.uint8).reshape(len(words), -1)[:, :size].copy()


def codes_of(answers: Bytes, formats: tuple[KIF, ...]) -> IntArray:
    """Return the codes of bytes; the inverse of `bytes_of`."""
    words = np.zeros((len(answers), 4 * -(-offsets(formats)[-1] // 32)), dtype=np.uint8)
    words[:, : answers.shape[1]] = answers
    return unpack(words.view("<u4").astype(np.uint32), formats)


def simulate_uart(project: RtlProject, plan: Uart, *, folder: Path, codes: IntArray) -> IntArray:
    """Send events through the serial port of the module in Verilator, bit by bit, and decode the answers.

    Parameters
    ----------
    project
        RTL project.
    plan
        Its serial port.
    folder
        Folder with the module, `<top>.v`.
    codes : IntArray of shape (N, C_in)
        Input codes.

    Returns
    -------
    IntArray of shape (N, C_out)
        Output codes.

    Raises
    ------
    NotReproducibleError
        If the module does not answer, or without stop bits.
    ToolMissingError
        Without Verilator or a compiler.
    """
    template = (FOLDER / "uart_harness.cpp").read_text(encoding="utf-8")
    text = fill(template, {"CLK": plan.clk, "RX": plan.rx, "TX": plan.tx})
    harness = scratch_folder() / f"uart_{plan.clk}_{plan.rx}_{plan.tx}.cpp"
    harness.write_text(text, encoding="utf-8")
    files = [folder / f"{plan.top}.v", *project.files]
    binary = compile_verilated(
        files, plan.top, harness=harness, checks=("-Wall", "-Wno-WIDTHEXPAND", "-Wno-WIDTHTRUNC")
    )
    with tempfile.TemporaryDirectory(dir=binary.parent) as scratch:
        source, result = Path(scratch, "in.bin"), Path(scratch, "out.bin")
        source.write_bytes(bytes_of(codes, project.inputs).tobytes())
        sizes = map(str, (plan.clocks_per_bit, plan.bytes_in, plan.bytes_out, len(codes)))
        try:
            run_program([binary, *sizes, source, result], what="simulation of the serial port")
        except ToolFailedError as error:
            raise NotReproducibleError(f"{plan.top}: no complete answer on {plan.tx} ({error})") from error
        answers = np.fromfile(result, dtype=np.uint8).reshape(len(codes), plan.bytes_out)
    return codes_of(answers, project.outputs)
