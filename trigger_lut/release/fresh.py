"""Vectors that the checker of a release draws: its sender cannot know them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from trigger_lut.errors import DataError
from trigger_lut.firmware.rtl.project import RtlProject
from trigger_lut.fixed_point.formats import KIF, IntArray
from trigger_lut.verification.vectors import make_vectors

FRESH = 20_000  # random vectors, apart from the corners
LEAST_VECTORS = 1000  # different ones in a release; the release stage writes 3,000 to 4,000


def drawn_seed() -> int:
    """Draw a seed that nobody can foresee."""
    return int.from_bytes(os.urandom(6))


def fresh_vectors(formats: tuple[KIF, ...], shipped: IntArray, *, seed: int) -> tuple[IntArray, str]:
    """Draw vectors: corners of the input formats, shipped ones with a few channels at random, and random ones.

    Parameters
    ----------
    formats : tuple of KIF
        Formats of the inputs.
    shipped : IntArray of shape (M, C)
        Vectors of the release.
    seed : int
        Of the draw.

    Returns
    -------
    codes : IntArray of shape (N, C)
    description : str
        How many come from where.
    """
    vectors, sets = make_vectors(formats, shipped, seed=seed, at_least=len(shipped) + FRESH)
    del sets["test"]
    named = {"corners": "corners of the ranges", "changed": "shipped ones with inputs changed", "random": "random"}
    description = ", ".join(f"{count} {named[name]}" for name, count in sets.items())
    return vectors[len(shipped) :], description


def require_enough(shipped: IntArray, formats: tuple[KIF, ...]) -> str:
    """Count the different vectors of a release.

    Parameters
    ----------
    shipped : IntArray of shape (M, C)
        Vectors of the release.
    formats
        Formats of the inputs.

    Returns
    -------
    str
        Description.

    Raises
    ------
    DataError
        For fewer than the release stage writes.
    """
    different = len(np.unique(shipped, axis=0))
    least = min(LEAST_VECTORS, (1 << sum(kif.bits for kif in formats)) // 2)
    if different < least:
        raise DataError(
            f"vectors/inputs.txt: too few vectors to judge a release by. Expected at least {least} different ones, "
            f"found {different} in {len(shipped)} lines. Ask the sender for a release as the release stage writes it."
        )
    return f"{different} different ones in {len(shipped)} lines"


def require_formats(network: Any, rtl: RtlProject, *, hls_inputs: Sequence[KIF], hls_fractions: Sequence[int]) -> str:
    """Compare the formats that the network file, the RTL and the HLS project of a release state.

    Parameters
    ----------
    network
        Content of network.json.
    rtl
        RTL project.
    hls_inputs, hls_fractions
        Formats of the inputs, and fraction bits of the outputs, of the HLS project.

    Returns
    -------
    str
        Description.

    Raises
    ------
    DataError
        For a difference: codes alone would not show it.
    """
    fractions = [entry["fraction"] for entry in network["inputs"]]
    for layer in network["layers"]:
        fractions += [int(f) for f in layer["fraction"]] * len(layer["sites"])
    stated = {name: [_limits(entry) for entry in network[name]] for name in ("inputs", "outputs")}
    inputs, outputs = ([(kif.f, kif.lo, kif.hi) for kif in formats] for formats in (rtl.inputs, rtl.outputs))
    compared = {
        "emulator/python/network.json: inputs": (inputs, stated["inputs"]),
        "emulator/python/network.json: outputs": (outputs, stated["outputs"]),
        "emulator/python/network.json: fractions of the layers": (
            [f for f, _, _ in outputs],
            [fractions[v] for v in network["output_values"]],
        ),
        "hls/project.json: inputs": (inputs, [(kif.f, kif.lo, kif.hi) for kif in hls_inputs]),
        "hls/project.json: fractions": ([f for f, _, _ in outputs], list(hls_fractions)),
    }
    for what, (expected, formats) in compared.items():
        if formats != expected:
            raise DataError(f"{what}: other formats than rtl/project.json. Expected {expected}, found {formats}.")
    return f"{len(inputs)} inputs and {len(outputs)} outputs alike in network.json, rtl and hls"


def _limits(entry: Any) -> tuple[int, int, int]:
    return entry["fraction"], entry["min"], entry["max"]
