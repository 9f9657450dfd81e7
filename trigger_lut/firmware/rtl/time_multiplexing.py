"""Wrapper for inputs that arrive over several cycles (time multiplexing), in Verilog and VHDL-2008.

An event is n objects, such as particles: the channels of one row of a two-dimensional input, or one channel each of a
flat one. They enter in order, ceil(n / CYCLES) a cycle. The wrapper stores those that came before the last ones. It
starts the network in the cycle of the last ones, which bypass the registers: nothing is added to the latency.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

from trigger_lut.cards.base import write_text
from trigger_lut.errors import FirmwareError
from trigger_lut.firmware.rtl.project import RtlProject
from trigger_lut.firmware.rtl.verilog_top import offsets


def channels_of(shapes: Sequence[Sequence[int | None]]) -> int:
    """Count the channels of an object.

    A single input with rows has its rows as objects; otherwise each channel is one.

    Parameters
    ----------
    shapes
        Shapes of the model's inputs, the batch's axis first.

    Returns
    -------
    int
        Channels.
    """
    (*_, last), single = shapes[0], len(shapes) == 1 and len(shapes[0]) > 2
    return int(last) if single and last is not None else 1


def write_wrapper(project: RtlProject, channels: int, *, cycles: int) -> tuple[Path, Path]:
    """Write the wrapper of a project as Verilog and VHDL: <top>_tmux.v and vhdl/<top>_tmux.vhd in its folder.

    Parameters
    ----------
    project
        RTL project.
    channels
        Channels of the input that make one object.
    cycles
        Cycles between two events, the default of CYCLES.

    Returns
    -------
    tuple of Path
        Files.

    Raises
    ------
    FirmwareError
        If the channels are no multiple of an object, or there are no cycles.
    """
    if channels < 1 or len(project.inputs) % channels:
        raise FirmwareError(
            f"{project.top}: inputs do not divide into objects. Expected a multiple of {channels} channels, found "
            f"{len(project.inputs)}. Give each object the same features."
        )
    if cycles < 1:
        raise FirmwareError(f"{project.top}: expected at least one cycle per event, found {cycles}")
    at = offsets(project.inputs)[::channels]
    widths = [b - a for a, b in itertools.pairwise(at)]
    known = {
        "top": project.top,
        "name": f"{project.top}_tmux",
        "objects": len(widths),
        "channels": channels,
        "width": max(widths),
        "cycles": cycles,
        "latency": project.latency_cycles_planned,
        "bits_in": at[-1],
        "bits_out": offsets(project.outputs)[-1],
    }
    slots = [(low, low + width, n * max(widths)) for n, (low, width) in enumerate(zip(at, widths, strict=False))]
    packed = at[-1] == len(widths) * max(widths)
    wires = {
        "v": [
            f"    assign data_in[{end - 1}:{low}] = all[{start + end - low - 1}:{start}];" for low, end, start in slots
        ],
        "vhd": [
            f"    data_in({end - 1} downto {low}) <= whole({start + end - low - 1} downto {start});"
            for low, end, start in slots
        ],
    }
    if packed:
        wires = {
            "v": [f"    assign data_in = all[{at[-1] - 1}:0];"],
            "vhd": [f"    data_in <= whole({at[-1] - 1} downto 0);"],
        }
    paths = (project.folder / f"{known['name']}.v", project.folder / "vhdl" / f"{known['name']}.vhd")
    for path in paths:
        kind = path.suffix[1:]
        text = Path(__file__).with_name(f"time_multiplexing.{kind}").read_text(encoding="utf-8")
        for key, value in {**known, "wires": "\n".join(wires[kind])}.items():
            text = text.replace(f"@{key}@", str(value))
        write_text(path, text)
    return paths
