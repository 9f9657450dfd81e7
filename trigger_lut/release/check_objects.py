"""The check of the object step in the Verilog of a release: it gives the codes of the step in Python.

Its description follows from that of the inputs. Events have equal keys, empty and full lists, and gaps.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from trigger_lut.cards.base import load_json
from trigger_lut.errors import FirmwareError, NotReproducibleError
from trigger_lut.firmware.emulator import python as emulator
from trigger_lut.firmware.front_end.draw import draw_objects, reference_codes
from trigger_lut.firmware.front_end.files import DESCRIBED
from trigger_lut.firmware.front_end.object_step import OBJECT_STEP, read_object_step
from trigger_lut.firmware.rtl.project import read_project
from trigger_lut.fixed_point.formats import IntArray
from trigger_lut.release.compare import same
from trigger_lut.release.network_file import NETWORK, read_network_file
from trigger_lut.release.sandbox import Run

FRESH = 2000


def object_checks(run: Run, folder: Path, *, seed: int) -> dict[str, Callable[[], str]]:
    """Return checks by name, each of which gives a description, or raises. None without an object step.

    Parameters
    ----------
    run : Run
        Runs a form of the release.
    folder : Path
        A copy of the release.
    seed : int
        Seed of the events.
    """
    if not (folder / "rtl" / OBJECT_STEP).is_file():
        return {}
    return {
        "objects": lambda: _description(folder),
        "object step, Verilog": lambda: _compared(run, folder, seed, "object_step"),
        "object step and network, Verilog": lambda: _compared(run, folder, seed, "object_step_network"),
    }


def _description(folder: Path) -> str:
    """Compare the description with the ports of the network, and with the step in C++ and Python."""
    step, rtl = read_object_step(folder / "rtl"), read_project(folder / "rtl")
    if step.outputs != rtl.inputs:
        raise FirmwareError(f"rtl/{OBJECT_STEP}: outputs: expected the inputs of the network, found others.")
    if (folder / DESCRIBED).is_file():
        inputs = load_json((folder / DESCRIBED).read_text(encoding="utf-8"))
        for key in ("features", "objects", "channels", "ties"):
            if inputs[key] != step.described[key]:
                raise FirmwareError(f"rtl/{OBJECT_STEP}: {key}: expected the entry of {DESCRIBED}, found another.")
    lists = ", ".join(f"{one.length} {one.name}" for one in step.lists) or "no lists"
    return f"{step.top}: {lists}, {step.latency_cycles} cycles to the codes"


def _compared(run: Run, folder: Path, seed: int, form: str) -> str:
    step, rtl = read_object_step(folder / "rtl"), read_project(folder / "rtl")
    objects = draw_objects(step, FRESH, seed=seed)
    expected, latency = reference_codes(step, objects), step.latency_cycles
    if form == "object_step_network":
        expected = _outputs(folder, expected)
        latency += rtl.latency_cycles_planned
    ran = run(form, codes=objects)
    agreement, measured = same(expected, ran.outputs, kind="event"), ran.figures.get("latency_cycles")
    if measured != latency:
        raise NotReproducibleError(f"latency: expected {latency} cycles as in rtl/{OBJECT_STEP}, found {measured}.")
    return f"{agreement.replace('vectors', 'fresh events')}, latency {latency} cycles, II {ran.figures.get('ii')}"


def _outputs(folder: Path, codes: IntArray) -> IntArray:
    return emulator.evaluate(emulator.as_arrays(read_network_file((folder / NETWORK).read_bytes())), codes)
