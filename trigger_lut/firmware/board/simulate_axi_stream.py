"""Simulation of AXI4-Stream wrappers in Verilator: dense, with gaps, with back-pressure, and with both.

A source offers beats and keeps each until it is accepted. A sink is ready when it likes to be.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trigger_lut.errors import NotReproducibleError
from trigger_lut.firmware.board.axi_stream import FOLDER, AxiStream, fill
from trigger_lut.firmware.rtl.project import RtlProject
from trigger_lut.firmware.rtl.verilator import Words, compile_verilated, pack, scratch_folder, unpack
from trigger_lut.fixed_point.formats import KIF, IntArray
from trigger_lut.utils.programs import run_program

OFFER, SINK, RESET = 1, 2, 4
FRACTIONS = {
    "back to back": (1.0, 1.0),
    "gaps": (0.5, 1.0),
    "back-pressure": (1.0, 0.4),
    "gaps and back-pressure": (0.5, 0.5),
}
"""Fractions of cycles in which source and sink of each run are ready."""


@dataclass(frozen=True)
class StreamTrace:
    """Signals of a simulation, one entry a cycle, before its rising edge.

    Attributes
    ----------
    accepted, valid, ready, last, error : NDArray of shape (cycles,)
        Beat accepted, m_axis_tvalid, m_axis_tready, m_axis_tlast and frame_error.
    data : NDArray of shape (cycles, words)
        m_axis_tdata.
    """

    accepted: NDArray[np.bool_]
    valid: NDArray[np.bool_]
    ready: NDArray[np.bool_]
    last: NDArray[np.bool_]
    error: NDArray[np.bool_]
    data: Words


def beats_of(project: RtlProject, wrapper: AxiStream, *, codes: IntArray) -> Words:
    """Return the beats of events.

    Parameters
    ----------
    project
        RTL project.
    wrapper
        Its wrapper.
    codes : IntArray of shape (N, C_in)
        Input codes.

    Returns
    -------
    Words of shape (N * beats, 1 + words)
        tlast, and tdata as words of 32 bits.
    """
    bus = pack(np.asarray(codes, dtype=np.int64), project.inputs).astype("<u4", copy=False)
    given = np.ascontiguousarray(bus).view(np.uint8)
    size = wrapper.beats * wrapper.beat_bytes
    raw = np.zeros((len(codes), max(size, given.shape[1])), dtype=np.uint8)
    raw[:, : given.shape[1]] = given
    words = -(-wrapper.beat_bytes // 4)
    beats = np.zeros((len(codes) * wrapper.beats, 4 * words), dtype=np.uint8)
    beats[:, : wrapper.beat_bytes] = raw[:, :size].reshape(-1, wrapper.beat_bytes)
    last = np.zeros((len(beats), 1), dtype=np.uint32)
    last[wrapper.beats - 1 :: wrapper.beats] = 1
    return np.concatenate([last, beats.view("<u4").astype(np.uint32)], axis=1)


def run_stream(files: list[Path], wrapper: AxiStream, *, beats: Words, plan: NDArray[np.uint32]) -> StreamTrace:
    """Run beats through a wrapper.

    Parameters
    ----------
    files
        Verilog files, the wrapper included.
    wrapper
        Wrapper.
    beats : Words of shape (beats, 1 + words)
        tlast and tdata.
    plan : NDArray of shape (cycles,)
        Bits `OFFER`, `SINK` and `RESET` of each cycle.

    Returns
    -------
    StreamTrace
        Signals.

    Raises
    ------
    ToolMissingError
        Without Verilator or a compiler.
    """
    text = (FOLDER / "axi_stream_harness.cpp").read_text(encoding="utf-8")
    used = 8 * wrapper.beat_bytes % 32
    values = {"READY": int(wrapper.ready), "LAST_WORD": (1 << (used or 32)) - 1}
    harness = scratch_folder() / f"axi_stream_{int(wrapper.ready)}_{used}.cpp"
    harness.write_text(fill(text, values), encoding="utf-8")
    # UNOPTFLAT is about speed: how the network inside is scheduled.
    binary = compile_verilated(files, wrapper.top, harness=harness, checks=("-Wall", "-Wno-UNOPTFLAT"))
    words_in, words_out = beats.shape[1] - 1, -(-wrapper.out_bytes // 4)
    with tempfile.TemporaryDirectory(dir=binary.parent) as scratch:
        source, result = Path(scratch, "in.bin"), Path(scratch, "out.bin")
        source.write_bytes(beats.astype("<u4").tobytes() + plan.astype("<u4").tobytes())
        sizes = map(str, (len(plan), len(beats), words_in, words_out))
        run_program([binary, *sizes, source, result], what="AXI4-Stream simulation")
        trace = np.fromfile(result, dtype="<u4").reshape(len(plan), 1 + words_out)
    bits = [(trace[:, 0] >> n & 1).astype(np.bool_) for n in range(5)]
    accepted, valid, ready, last, error = bits
    return StreamTrace(accepted, valid, ready, last, error, trace[:, 1:])


def simulate_axi_stream(
    project: RtlProject, wrapper: AxiStream, *, files: list[Path], codes: IntArray
) -> tuple[IntArray, int]:
    """Run vectors through a wrapper four times, and compare the runs with the rules of AXI4-Stream and each other.

    Parameters
    ----------
    project
        RTL project.
    wrapper
        Its wrapper.
    files
        Verilog files, the wrapper included.
    codes : IntArray of shape (N, C_in)
        Input codes, at least one row.

    Returns
    -------
    tuple
        Outputs (N, C_out), and the latency in cycles from the last beat while the sink is ready.

    Raises
    ------
    NotReproducibleError
        If an event is lost, doubled, late or changed, or the wrapper breaks a rule of the protocol.
    ToolMissingError
        Without Verilator or a compiler.
    """
    beats, rng, raws = beats_of(project, wrapper, codes=codes), np.random.default_rng(0), []
    latencies: set[int] = set()
    for name, (offers, sinks) in FRACTIONS.items():
        if sinks < 1 and not wrapper.ready:
            continue
        slots = len(beats) * max(1, project.ii / wrapper.beats)
        cycles = int(slots / min(offers, sinks) * 1.5) + 4 * wrapper.latency_cycles + 64
        plan = (rng.random(cycles) < offers) * OFFER + (rng.random(cycles) < sinks) * SINK
        plan[-wrapper.latency_cycles * 2 - 40 :] |= SINK
        trace = run_stream(files, wrapper, beats=beats, plan=plan.astype(np.uint32))
        taken, gone = _transfers(trace, wrapper, len(codes), name)
        if sinks == 1:
            latencies |= set((gone - taken).tolist())
        if (
            name == "back to back"
            and project.ii <= wrapper.beats
            and (np.diff(np.flatnonzero(trace.accepted)) != 1).any()
        ):
            raise NotReproducibleError(f"{wrapper.top}: a beat waits although the sink is always ready")
        raws.append(trace.data[gone])
    if len(latencies) != 1:
        raise NotReproducibleError(f"{wrapper.top}: latency differs from event to event: {sorted(latencies)} cycles")
    if any(not np.array_equal(raws[0], other) for other in raws[1:]):
        raise NotReproducibleError(f"{wrapper.top}: gaps or back-pressure change outputs")
    padding = 8 * wrapper.out_bytes - sum(kif.bits for kif in project.outputs)
    padded = unpack(raws[0], (*project.outputs, *(KIF(0, 1, 0) for _ in range(padding))))
    if padded[:, len(project.outputs) :].any():
        raise NotReproducibleError(f"{wrapper.top}: bits of m_axis_tdata beyond the outputs are not 0")
    return padded[:, : len(project.outputs)], latencies.pop()


def _transfers(trace: StreamTrace, wrapper: AxiStream, events: int, name: str) -> tuple[IntArray, IntArray]:
    """Return the cycles in which last beats enter and outputs leave. Raises NotReproducibleError for a broken rule."""
    where = f"{wrapper.top}, {name}"
    accepted = np.flatnonzero(trace.accepted)
    taken = accepted[wrapper.beats - 1 :: wrapper.beats]
    gone = np.flatnonzero(trace.valid & trace.ready)
    if len(accepted) != events * wrapper.beats:
        raise NotReproducibleError(f"{where}: {len(accepted)} of {events * wrapper.beats} beats were accepted")
    if len(gone) != events:
        raise NotReproducibleError(f"{where}: {events} events in, {len(gone)} out")
    waits = np.flatnonzero(trace.valid[:-1] & ~trace.ready[:-1])
    if (~trace.valid[waits + 1]).any() or (trace.data[waits + 1] != trace.data[waits]).any():
        raise NotReproducibleError(f"{where}: an output that waited for the sink was withdrawn or changed")
    if trace.error.any() or not trace.last[gone].all():
        raise NotReproducibleError(f"{where}: frame_error is set, or m_axis_tlast is not")
    return taken.astype(np.int64), gone.astype(np.int64)
