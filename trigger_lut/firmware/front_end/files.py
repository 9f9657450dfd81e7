"""Files of the way from branches to codes in a release, and raw events as lines of text."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from trigger_lut.firmware.emulator.cpp import identifier
from trigger_lut.firmware.front_end.cpp import inputs_header, inputs_source, member_names
from trigger_lut.firmware.front_end.description import front_end_text
from trigger_lut.fixed_point.formats import IntArray

SOURCES = Path(__file__).parent
EVENTS, EVENT_CODES = "vectors/events.txt", "vectors/event_codes.txt"
FRESH_EVENTS = "vectors/fresh_events.txt"
NO_CODES = -(1 << 40)
"""Code of all channels of an event without codes, in arrays; it fits no format."""
DESCRIBED = "emulator/python/inputs.json"


def front_end_files(described: Mapping[str, Any], design: str) -> dict[str, str]:
    """Write the way from branches to codes in C++ and Python.

    Parameters
    ----------
    described
        Result of `description.front_end`.
    design
        Name of the design.

    Returns
    -------
    dict
        Texts by path in the release.

    Raises
    ------
    FirmwareError
        For an expression that has no form in C++.
    """
    name = identifier(design)
    example = (SOURCES / "example.cpp").read_text(encoding="utf-8")
    reads = " && ".join(f"read(file, event.{member})" for member in member_names(described["branches"]).values())
    return {
        f"emulator/cpp/{name}_inputs.h": inputs_header(described, name),
        f"emulator/cpp/{name}_inputs.cpp": inputs_source(described, name),
        "emulator/cpp/inputs.cpp": example.replace("@NAME@", name).replace("@READ@", reads),
        "emulator/python/inputs.py": (SOURCES / "python.py").read_text(encoding="utf-8"),
        DESCRIBED: front_end_text(described),
    }


def codes_in_lines(text: str, columns: int) -> IntArray:
    """Read the codes that a program printed, one event per line.

    Parameters
    ----------
    text
        Output of `inputs.py` or `inputs.cpp`.
    columns
        Channels.

    Returns
    -------
    IntArray of shape (N, columns)
        Codes; `NO_CODES` throughout for an event that has none.

    Raises
    ------
    ValueError
        For lines of another form.
    """
    rows = [[NO_CODES] * columns if line == "-" else [int(word) for word in line.split()] for line in text.splitlines()]
    return np.array(rows, dtype=np.int64).reshape(len(rows), columns)


def event_lines(described: Mapping[str, Any], branches: Mapping[str, Any], *, count: int) -> str:
    """Write raw events, one per line: each number exactly, and the length in front of each list.

    Parameters
    ----------
    described
        Result of `description.front_end`.
    branches : mapping of str to numpy.ndarray or awkward.Array
        Branches.
    count
        Number of events.

    Returns
    -------
    str
        Text.
    """
    columns = []
    for name, kind in described["branches"].items():
        values = branches[name].tolist()
        one = float.hex if kind["kind"] == "f" else lambda value: str(int(value))
        if kind["list"]:
            columns.append([" ".join([str(len(row)), *(one(value) for value in row)]) for row in values])
        else:
            columns.append([one(value) for value in values])
    return "".join(" ".join(column[n] for column in columns) + "\n" for n in range(count))
