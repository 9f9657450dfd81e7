"""The check of the way from branches to codes in a release: C++ and Python give the codes of `ingest`.

Fresh events have few different values, so that keys are often equal, and lists of all lengths up to twice the slots.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trigger_lut.cards.base import load_json
from trigger_lut.errors import DataError
from trigger_lut.firmware.backends import BACKENDS
from trigger_lut.firmware.emulator import python as emulator
from trigger_lut.firmware.front_end import python as reference
from trigger_lut.firmware.front_end.files import DESCRIBED, EVENT_CODES, EVENTS, FRESH_EVENTS, NO_CODES
from trigger_lut.fixed_point.formats import IntArray
from trigger_lut.release.compare import codes_in, same
from trigger_lut.release.network_file import NETWORK, read_network_file
from trigger_lut.release.sandbox import Run
from trigger_lut.utils.programs import cxx_compiler

FRESH = 2000
REAL = (0.0, 0.5, 1.0, -1.0, 2.25, -3.75, 12.5, 40.0, -0.1, 300.0)


def input_checks(run: Run, folder: Path, *, seed: int) -> dict[str, Callable[[], str]]:
    """Return checks by name, each of which gives a description, or raises. None without this part.

    Parameters
    ----------
    run : Run
        Runs a form of the release.
    folder : Path
        A copy of the release, into which fresh events are written.
    seed : int
        Seed of the fresh events.
    """
    if not (folder / DESCRIBED).is_file():
        return {}
    return {
        "inputs, C++": lambda: _cpp(run, folder, seed),
        "inputs, Python": lambda: _compared(run, folder, seed, "inputs_python"),
        "CMSSW library, events": lambda: _cmssw(run, folder, seed),
    }


def _cpp(run: Run, folder: Path, seed: int) -> str:
    cxx_compiler()
    return _compared(run, folder, seed, "inputs_cpp")


def _cmssw(run: Run, folder: Path, seed: int) -> str:
    """Compare the outputs of the library for events with those of the network for the codes of the events."""
    BACKENDS["cmssw"].require()
    network = emulator.as_arrays(read_network_file((folder / NETWORK).read_bytes()))

    def outputs(codes: IntArray) -> IntArray:
        outputs = np.full((len(codes), len(network["output_values"])), NO_CODES)
        known = codes[:, 0] != NO_CODES
        if known.any():
            outputs[known] = emulator.evaluate(network, codes[known])
        return outputs

    return _compared(run, folder, seed, "inputs_cmssw", expect=outputs)


def _compared(
    run: Run, folder: Path, seed: int, form: str, *, expect: Callable[[IntArray], IntArray] = lambda codes: codes
) -> str:
    described = load_json((folder / DESCRIBED).read_text(encoding="utf-8"))
    shipped = codes_in(folder / EVENT_CODES)
    events = (folder / EVENTS).read_text(encoding="utf-8").splitlines()
    if len(events) != len(shipped):
        raise DataError(f"{EVENTS}: expected {len(shipped)} lines, found {len(events)}.")
    lines = fresh_events(described, FRESH, seed=seed)
    (folder / FRESH_EVENTS).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    outputs = run(form, codes=np.zeros((0, 1), dtype=np.int64)).outputs
    agreement = same(expect(shipped), outputs[: len(shipped)], kind="event")
    fresh = same(expect(reference_codes(described, lines)), outputs[len(shipped) :], kind="fresh event")
    return f"{agreement.replace('vectors', 'events of the release')}; {fresh.replace('vectors', 'fresh ones')}"


def reference_codes(described: dict[str, Any], lines: list[str]) -> IntArray:
    """Compute the codes of events with the reference of this package.

    Parameters
    ----------
    described
        Content of `inputs.json`.
    lines
        Events.

    Returns
    -------
    IntArray of shape (N, channels)
        Codes; `NO_CODES` throughout for an event that has none.
    """
    codes = []
    for event in reference.events_in(described, lines):
        try:
            codes.append(reference.codes_of(described, event))
        except reference.NoCodesError:
            codes.append([NO_CODES] * len(described["channels"]))
    return np.array(codes, dtype=np.int64)


def fresh_events(described: dict[str, Any], count: int, *, seed: int) -> list[str]:
    """Draw events as lines. Branches of one object have lists of one length, where names say so.

    Parameters
    ----------
    described
        Content of `inputs.json`.
    count
        Events.
    seed
        Seed.

    Returns
    -------
    list of str
        Lines.
    """
    rng = np.random.default_rng(seed)
    most = 2 * max([objects["count"] for objects in described["objects"]], default=4)
    return [_event(described["branches"], rng, most) for _ in range(count)]


def _event(branches: dict[str, Any], rng: np.random.Generator, most: int) -> str:
    lengths: dict[str, int] = {}
    words = []
    for name, kind in branches.items():
        length = 1
        if kind["list"]:
            owner = name.replace(".", "_").split("_")[0]
            length = lengths.setdefault(owner, int(rng.integers(0, most + 1)))
            words.append(str(length))
        words += [_word(value, kind["kind"]) for value in _drawn(kind["kind"], length, rng)]
    return " ".join(words)


def _drawn(kind: str, count: int, rng: np.random.Generator) -> NDArray[Any]:
    if kind == "f":
        return rng.choice(REAL, count)
    low, high = (0, 2) if kind == "b" else (-8 if kind == "i" else 0, 16)
    return rng.integers(low, high, count)


def _word(value: Any, kind: str) -> str:
    return float(value).hex() if kind == "f" else str(int(value))
