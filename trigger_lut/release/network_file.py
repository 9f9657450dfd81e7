"""The network file of a release, read as data from a stranger."""

from __future__ import annotations

from typing import Any

from trigger_lut.cards.base import load_json
from trigger_lut.errors import DataError
from trigger_lut.release.archive import Files

NETWORK = "emulator/python/network.json"
MOST_BITS = 62
"""Bits of an integer in the file: NumPy's integers have 64."""


def read_network_file(content: bytes) -> dict[str, Any]:
    """Read a network.json.

    Parameters
    ----------
    content : bytes
        Content of the file.

    Returns
    -------
    dict
        The network; `emulator.as_arrays` prepares it for evaluation.

    Raises
    ------
    DataError
        For integers that NumPy cannot hold, and for shifts that would fill the memory.
    ValueError
        If it is no JSON.
    """
    network: dict[str, Any] = load_json(content.decode("utf-8"))
    waiting: list[tuple[str, Any]] = [("", network)]
    while waiting:
        key, value = waiting.pop()
        if isinstance(value, dict):
            waiting += value.items()
        elif isinstance(value, list):
            waiting += [(key, entry) for entry in value]
        elif isinstance(value, int) and abs(value) >= (1 << (6 if key == "fraction" else MOST_BITS)):
            raise DataError(f"network.json: {key}: too large. Expected fewer bits, found {value}.")
    return network


def network_of(files: Files) -> dict[str, Any]:
    """Read the network file among the files of a release; raises DataError, also where there is none."""
    if NETWORK not in files:
        raise DataError(f"{NETWORK}: missing. Expected it in each release.")
    try:
        return read_network_file(files[NETWORK])
    except ValueError as error:
        raise DataError(f"{NETWORK}: {error}. Expected JSON as the release stage writes it.") from error
