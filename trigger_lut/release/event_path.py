"""The path of one event through the network of a release, to one output: integers alone, read as data.

It shows the network's side of a difference: which inputs the output depends on, and each value on the way.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from trigger_lut.errors import DataError
from trigger_lut.firmware.emulator import python as emulator
from trigger_lut.release.archive import read_release
from trigger_lut.release.compare_capture import BusLayout, Difference
from trigger_lut.release.network_file import network_of

INPUTS = "vectors/inputs.txt"
MOST_VALUES = 60  # shown of one event


@dataclass(frozen=True)
class Place:
    """Origin of a value: output `output` of layer `layer` at the position `position`."""

    layer: int
    position: int
    output: int


def event_path_text(release: Path, layout: BusLayout, *, first: Difference) -> str:
    """Describe the path of the event of a difference through the network, to the output that differs.

    Parameters
    ----------
    release : Path
        Folder or zip of the release.
    layout : BusLayout
        Names and formats of its outputs.
    first : Difference
        First difference between capture and expectation.

    Returns
    -------
    str
        Lines of text. One line with the reason where there is no path: no output is known, or the expectation is not
        that of the vectors of the release.

    Raises
    ------
    DataError
        If the release has no network or vectors.
    """
    if first.output is None or first.word is None:
        return "no path: the difference is in no output of the network\n"
    files = read_release(release)
    network = emulator.as_arrays(network_of(files))
    codes = _vector(files, first.event)
    if codes is None:
        return f"no path: {INPUTS} has no event {first.event}\n"
    values, origins = _values(network, codes)
    outputs = [int(values[v]) for v in network["output_values"]]
    if layout.word(outputs, first.word) != first.expected:
        return f"no path: event {first.event} of the expectation is not vector {first.event} of the release\n"
    number = layout.names.index(first.output)
    lines = list(_lines(network, values, origins, int(network["output_values"][number])))
    hidden = len(lines) - MOST_VALUES
    shown = [f"  ... {hidden} earlier values", *lines[hidden:]] if hidden > 0 else lines
    sent = layout.value(number, first.word, word=first.found or 0)
    captured = "" if sent is None else f", the capture has {sent}"
    return (
        "\n".join(
            [
                f"path of event {first.event} to {first.output}:",
                *shown,
                f"  {first.output} = {outputs[number]} is expected{captured}",
            ]
        )
        + "\n"
    )


def _vector(files: dict[str, bytes], event: int) -> list[int] | None:
    """Return the input codes of an event of the release; None where it has fewer."""
    if INPUTS not in files:
        raise DataError(f"{INPUTS}: missing. Expected it in each release.")
    lines = files[INPUTS].decode("utf-8", errors="replace").splitlines()
    try:
        return [int(word) for word in lines[event].split()] if event < len(lines) else None
    except ValueError as error:
        raise DataError(f"{INPUTS}: line {event + 1}: {error}. Expected integers. Check the release.") from error


def _values(network: dict[str, Any], codes: list[int]) -> tuple[list[int], list[Place | None]]:
    """Return all values of an event, and where each one is computed; None for inputs."""
    origins: list[Place | None] = [None] * len(codes)
    for n, layer in enumerate(network["layers"]):
        outputs = len(layer["fraction"])
        origins += [Place(n, p, o) for p in range(len(layer["sites"])) for o in range(outputs)]
    try:
        every = emulator.evaluate({**network, "output_values": range(len(origins))}, np.array([codes]))
    except ValueError as error:
        raise DataError(f"{INPUTS}: {error}. Use a release as it was made.") from error
    return [int(value) for value in every[0]], origins


def _lines(network: dict[str, Any], values: list[int], origins: list[Place | None], last: int) -> Iterator[str]:
    """Yield a line for each value that another one needs, up to the value `last`."""
    needed, waiting = {last}, [last]
    while waiting:
        place = origins[waiting.pop()]
        for _, source in [] if place is None else _sources(network, place):
            if source >= 0 and source not in needed:
                needed.add(source)
                waiting.append(source)
    for value in sorted(needed):
        place = origins[value]
        if place is None:
            entry = network["inputs"][value]
            yield f"  {entry['name']} = {values[value]} ({values[value] * 2.0 ** -entry['fraction']:g})"
        else:
            fraction = int(network["layers"][place.layer]["fraction"][place.output])
            terms = " ".join(_terms(network, values, origins, place))
            shown = f"{values[value]} ({values[value] * 2.0**-fraction:g})"
            yield f"  {_name(network, origins, value)} = {shown} of {terms}"


def _sources(network: dict[str, Any], place: Place) -> list[tuple[int, int]]:
    """Return the channels that an output reads, each with its value; -1 is padding."""
    layer = network["layers"][place.layer]
    site = layer["sites"][place.position]
    if layer["kind"] == "max":
        channels = np.flatnonzero(layer["output_of"] == place.output)
    elif layer["kind"] == "linear":
        channels = np.flatnonzero(layer["weights"][:, place.output])
    else:
        channels = np.array([t["channel"] for t in layer["tables"] if t["output"] == place.output], dtype=np.int64)
    return [(int(i), int(site[i])) for i in channels]


def _terms(network: dict[str, Any], values: list[int], origins: list[Place | None], place: Place) -> Iterator[str]:
    """Yield the terms of an output: its bias, then value, code in the channel's format, and what it becomes."""
    layer = network["layers"][place.layer]
    if layer["kind"] != "max":
        yield f"bias {int(layer['bias'][place.output])}"
    for i, source in _sources(network, place):
        code = _code(network, values, origins, layer=layer, channel=i, source=source)
        name = "padding" if source < 0 else _name(network, origins, source)
        if layer["kind"] == "max":
            value = code << int(layer["fraction"][place.output]) - layer["inputs"][i]["fraction"]
        elif layer["kind"] == "linear":
            value = code * int(layer["weights"][i, place.output])
        else:
            (table,) = [t for t in layer["tables"] if (t["channel"], t["output"]) == (i, place.output)]
            form = layer["inputs"][i]
            share = (form["max"] - form["min"] + 1) // len(table["entries"])
            value = int(table["entries"][(code - form["min"]) // share])
        yield f"{name}[{code}]->{value}"


def _code(
    network: dict[str, Any],
    values: list[int],
    origins: list[Place | None],
    *,
    layer: dict[str, Any],
    channel: int,
    source: int,
) -> int:
    """Return a value in the format of a channel."""
    form = layer["inputs"][channel]
    low, high = int(form["min"]), int(form["max"])
    code = 0
    if source >= 0:
        origin = origins[source]
        fraction = (
            int(network["inputs"][source]["fraction"])
            if origin is None
            else int(network["layers"][origin.layer]["fraction"][origin.output])
        )
        gained = int(form["fraction"]) - fraction
        half = 1 << (-gained - 1) if gained < 0 and layer["rounding"] == "RND" else 0
        code = values[source] << gained if gained >= 0 else (values[source] + half) >> -gained
    if form["overflow"] == "WRAP":
        return (code - low) % (high - low + 1) + low
    return min(max(code, -high if form["overflow"] == "SAT_SYM" and low < 0 else low), high)


def _name(network: dict[str, Any], origins: list[Place | None], value: int) -> str:
    place = origins[value]
    if place is None:
        return str(network["inputs"][value]["name"])
    layer = network["layers"][place.layer]
    at = f"@{place.position}" if len(layer["sites"]) > 1 else ""
    return f"{layer['name']}{at}.{place.output}"
