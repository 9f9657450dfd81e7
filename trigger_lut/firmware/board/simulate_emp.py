"""Simulation of the EMP payload in GHDL, with substitutes for the framework's packages.

A first run has events as near to each other as links and network allow. A second one has frames in which a link is not
valid, with any start bit, and events that break off. Outputs, their cycles and their metadata must be as the wrapper's
header says.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trigger_lut.errors import NotReproducibleError
from trigger_lut.firmware.board.axi_stream import FOLDER, fill
from trigger_lut.firmware.board.emp import EmpPayload, values_of
from trigger_lut.firmware.rtl.ghdl import run_vhdl
from trigger_lut.firmware.rtl.project import RtlProject
from trigger_lut.firmware.rtl.verilator import Words, pack, scratch_folder, unpack
from trigger_lut.fixed_point.formats import KIF, IntArray

LINK = (KIF(0, 32, 0), KIF(0, 32, 0), *(KIF(0, 1, 0),) * 4)
"""Fields of a link: data in two words, valid, start, last, start_of_orbit."""
VALID, START, LAST, ORBIT = range(2, 6)


@dataclasses.dataclass(frozen=True)
class Frames:
    """Frames on links and what is expected of them.

    Attributes
    ----------
    links : NDArray of shape (cycles, links, 6)
        Fields of each link and cycle, in the order of `LINK`.
    ends : IntArray of shape (events,)
        Cycle of the last frame of each whole event.
    metadata : IntArray of shape (events, 3)
        Expected start, last and start_of_orbit of each output.
    """

    links: IntArray
    ends: IntArray
    metadata: IntArray


def simulate_emp(
    project: RtlProject, wrapper: EmpPayload, *, files: list[Path], codes: IntArray
) -> tuple[IntArray, int]:
    """Run vectors through the payload.

    Parameters
    ----------
    project
        RTL project.
    wrapper
        Its wrapper.
    files
        VHDL files of the component, in an order in which they can be analyzed.
    codes : IntArray of shape (N, C_in)
        Input codes, at least one row.

    Returns
    -------
    tuple
        Outputs (N, C_out), and the latency in cycles from the last frame of an event.

    Raises
    ------
    NotReproducibleError
        If an output is missing, late, changed or has other metadata, or an unused link is not idle.
    ToolMissingError
        Without GHDL.
    """
    adapter = _adapter(project, wrapper, files)
    dense = _run(adapter, wrapper, _frames(project, wrapper, codes, None), "dense")
    gaps = _run(adapter, wrapper, _frames(project, wrapper, codes, np.random.default_rng(0)), "with gaps")
    if not np.array_equal(dense, gaps):
        raise NotReproducibleError(f"{wrapper.top}: gaps change outputs")
    padding = [KIF(0, min(32, left), 0) for left in _steps(64 * wrapper.output_links, project.outputs)]
    outputs = unpack(dense, (*project.outputs, *padding))
    if outputs[:, len(project.outputs) :].any():
        raise NotReproducibleError(f"{wrapper.top}: bits of the output links beyond the outputs are not 0")
    return outputs[:, : len(project.outputs)], wrapper.latency_cycles


def _steps(bits: int, formats: tuple[KIF, ...]) -> range:
    """Return bits that are left behind the outputs, in steps of 32."""
    return range(bits - sum(kif.bits for kif in formats), 0, -32)


def _adapter(project: RtlProject, wrapper: EmpPayload, files: list[Path]) -> RtlProject:
    """Return the payload between flat buses, with substitutes for the framework, as a project of its own."""
    values = values_of(project, wrapper)
    texts = {
        name: fill((FOLDER / f"{name}.vhd").read_text(encoding="utf-8"), values) for name in ("emp_stub", "emp_adapter")
    }
    places = []
    for name, text in texts.items():
        places.append(scratch_folder() / f"{wrapper.top}_{name}.vhd")
        places[-1].write_text(text, encoding="utf-8")
    stub, adapter = places
    return dataclasses.replace(
        project,
        top=str(values["adapter"]),
        vhdl=(stub, *files, adapter),
        inputs=LINK * wrapper.input_links,
        outputs=(*(LINK * wrapper.output_links), KIF(0, 1, 0)),
    )


def _frames(project: RtlProject, wrapper: EmpPayload, codes: IntArray, rng: np.random.Generator | None) -> Frames:
    """Lay events on links; with a generator, with gaps and broken events between them."""
    words = pack(np.asarray(codes, dtype=np.int64), project.inputs)
    padded = np.zeros((len(codes), wrapper.frames * wrapper.input_links * 2), dtype=np.int64)
    padded[:, : words.shape[1]] = words
    events = padded.reshape(len(codes), wrapper.frames, wrapper.input_links, 2)
    noise = np.random.default_rng(1)
    rows: list[NDArray[np.int64]] = []
    ends: list[int] = []
    metadata = []

    def frame(data: NDArray[np.int64] | None, start: bool) -> bool:
        """Add a frame, or one that does not count; return its start_of_orbit."""
        row = noise.integers(0, 1 << 32, (wrapper.input_links, len(LINK)))
        row[:, VALID:] &= 1
        if data is None:
            row[noise.integers(0, wrapper.input_links), VALID] = 0
        else:
            row[:, :VALID], row[:, VALID] = data, 1
        if wrapper.frames > 1 and data is not None:  # a frame that does not count may have any start bit
            row[0, START] = start
        rows.append(row)
        return bool(row[0, ORBIT])

    for event in events:
        if rng is not None and wrapper.frames > 1 and rng.random() < 0.2:
            for n in range(int(rng.integers(1, wrapper.frames))):
                frame(event[n] ^ 1, start=n == 0)
        orbit = False
        for n, data in enumerate(event):
            while rng is not None and rng.random() < 0.3:
                frame(None, start=False)
            while n == wrapper.frames - 1 and ends and len(rows) - ends[-1] < project.ii:
                frame(None, start=False)
            orbit |= frame(data, start=n == 0)
        ends.append(len(rows) - 1)
        own = rows[-1][0]
        metadata.append([1, 1, orbit] if wrapper.frames > 1 else [own[START], own[LAST], orbit])
    for _ in range(wrapper.latency_cycles + 4):
        frame(None, start=False)
    return Frames(np.array(rows), np.array(ends), np.array(metadata, dtype=np.int64))


def _run(adapter: RtlProject, wrapper: EmpPayload, frames: Frames, name: str) -> Words:
    """Return the data of the output links of each event as words of 32 bits."""
    buses = pack(frames.links.reshape(len(frames.links), -1), adapter.inputs)
    stimulus = np.concatenate([np.ones((len(buses), 1), dtype=np.uint32), buses], axis=1)
    outputs = unpack(run_vhdl(adapter, stimulus)[:, 1:], adapter.outputs)
    links, idle = outputs[:, :-1].reshape(len(outputs), wrapper.output_links, len(LINK)), outputs[:, -1]
    where = f"{wrapper.top}, {name}"
    if not idle.all():
        raise NotReproducibleError(f"{where}: a link that is no output is valid")
    expected = np.zeros(len(outputs), dtype=np.bool_)
    expected[frames.ends + wrapper.latency_cycles] = True
    if (links[:, :, VALID] != expected[:, None]).any():
        cycle = int(np.flatnonzero((links[:, :, VALID] != expected[:, None]).any(axis=1))[0])
        raise NotReproducibleError(
            f"{where}: valid outputs do not follow events by {wrapper.latency_cycles} cycles, first in cycle {cycle}"
        )
    given = links[expected]
    if (given[:, :, START:] != frames.metadata[:, None, :]).any():
        raise NotReproducibleError(f"{where}: start, last or start_of_orbit are not those of the event")
    data = np.ascontiguousarray(given[:, :, :VALID].reshape(len(given), -1))
    return data.astype(np.uint32)
