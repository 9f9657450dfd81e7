"""Simulation of the wrapper for objects that arrive over several cycles."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trigger_lut.errors import NotReproducibleError
from trigger_lut.firmware.rtl.project import RtlProject
from trigger_lut.firmware.rtl.time_multiplexing import write_wrapper
from trigger_lut.firmware.rtl.verilator import compile_simulation, pack, run_cycles, unpack
from trigger_lut.fixed_point.formats import KIF, IntArray

ADAPTER = """module adapter (input wire clk, input wire valid_in, input wire [{high}:0] data_in,
    output wire valid_out, output wire [{high_out}:0] data_out);
    {name} device (.clk(clk), .valid_in(valid_in), .first(data_in[{high}]), .objects(data_in[{high}-1:0]),
        .valid_out(valid_out), .data_out(data_out));
endmodule
"""
"""Module with the ports of a design. The highest bit of `data_in` is `first`."""

IDLE_FRACTION = 0.2
"""Fraction of cycles without objects."""


def simulate_words(project: RtlProject, *, channels: int, cycles: int, codes: IntArray, seed: int) -> IntArray:
    """Simulate a design behind its wrapper, with random cycles without objects in and between events.

    Parameters
    ----------
    project
        RTL project.
    channels
        Channels of an object.
    cycles
        Cycles over which the objects of an event arrive.
    codes : IntArray of shape (N, C_in)
        Input codes of N events.
    seed
        Seed of the cycles without objects, and of the bits on the bus in them.

    Returns
    -------
    IntArray of shape (N, C_out)
        Outputs of the events.

    Raises
    ------
    FirmwareError
        If the channels make no objects.
    NotReproducibleError
        If an output comes in another cycle than the latency after the last object of its event.
    ToolMissingError, ToolFailedError
        For the programs.
    """
    rng = np.random.default_rng(seed)
    words, formats = _words(project, channels, cycles, codes)
    times, total = _times(len(codes), words.shape[1], project, rng)
    stimulus = rng.integers(0, 1 << 32, (total, 1 + words.shape[2]), dtype=np.uint32)
    stimulus[:, 0] = 0
    stimulus[times.ravel(), 0] = 1
    stimulus[times.ravel(), 1:] = words.reshape(-1, words.shape[2])
    with tempfile.TemporaryDirectory(prefix="trigger_lut_words_") as scratch:
        verilog, _ = write_wrapper(replace(project, folder=_folder(Path(scratch))), channels, cycles=cycles)
        adapter = Path(scratch, "adapter.v")
        high_out = sum(kif.bits for kif in project.outputs) - 1
        high = sum(kif.bits for kif in formats) - 1
        adapter.write_text(ADAPTER.format(name=verilog.stem, high=high, high_out=high_out), encoding="utf-8")
        files = (*project.files, verilog, adapter)
        wrapped = replace(project, top="adapter", files=files, inputs=formats)
        trace = run_cycles(compile_simulation(wrapped), wrapped, stimulus=stimulus)
    arrived = np.flatnonzero(trace[:, 0])
    expected = times[:, -1] + project.latency_cycles_planned
    if not np.array_equal(arrived, expected):
        raise NotReproducibleError(
            f"{verilog.name}: outputs of {len(codes)} events in other cycles than {project.latency_cycles_planned} "
            f"after their last objects: {len(arrived)} outputs, {len(np.intersect1d(arrived, expected))} in time"
        )
    return unpack(trace[arrived, 1:], project.outputs)


def _folder(scratch: Path) -> Path:
    """Make the folders that the wrapper is written to."""
    (scratch / "vhdl").mkdir()
    return scratch


def _words(
    project: RtlProject, channels: int, cycles: int, codes: IntArray
) -> tuple[NDArray[np.uint32], tuple[KIF, ...]]:
    """Return what is on the bus, (N, words, 32-bit words) with `first` above the objects, and a format of each bit."""
    objects = [project.inputs[n : n + channels] for n in range(0, len(project.inputs), channels)]
    width = max(sum(kif.bits for kif in channel) for channel in objects)
    per_cycle = -(-len(objects) // cycles)
    count = -(-len(objects) // per_cycle)
    zeros = np.zeros((len(codes), 1), np.int64)
    rows = []
    for w in range(count):
        formats: list[KIF] = []
        columns: list[IntArray] = []
        for slot in range(per_cycle):
            n = w * per_cycle + slot
            own = objects[n] if n < len(objects) else ()
            formats += [*own, KIF(0, width - sum(kif.bits for kif in own), 0)]
            columns += [codes[:, n * channels : n * channels + len(own)], zeros]
        rows.append(pack(np.concatenate([*columns, zeros + (w == 0)], axis=1), (*formats, KIF(0, 1, 0))))
    return np.stack(rows, axis=1), (KIF(0, 1, 0),) * (width * per_cycle + 1)


def _times(events: int, words: int, project: RtlProject, rng: np.random.Generator) -> tuple[IntArray, int]:
    """Return the cycle of each word (N, words), and the number of cycles. Last words are at least `ii` cycles apart."""
    steps = 1 + (rng.random((events, words)) < IDLE_FRACTION) * rng.integers(1, 4, (events, words))
    steps[:, 0] += max(0, project.ii - words)
    times: IntArray = (np.cumsum(steps.ravel()) - 1).reshape(events, words).astype(np.int64)
    return times, int(times[-1, -1]) + project.latency_cycles_planned + 4
