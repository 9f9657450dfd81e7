"""Bit-exact emulator of a network, from its network.json. Needs NumPy alone; a copy lies in every release.

    python emulator.py network.json inputs.txt > outputs.txt

inputs.txt has one event a line: the input codes, integers, in order. So has what is printed, with the outputs' codes.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np


def load(path: str) -> dict[str, Any]:
    """The network of a network.json, with arrays in place of lists."""
    return as_arrays(json.loads(Path(path).read_text(encoding="utf-8")))


def as_arrays(network: dict[str, Any]) -> dict[str, Any]:
    """The same network, with arrays in place of lists."""
    for layer in network["layers"]:
        for key in ("sites", "bias", "fraction", "weights", "output_of"):
            if key in layer:
                layer[key] = np.array(layer[key], dtype=np.int64)
        for table in layer.get("tables", ()):
            table["entries"] = np.array(table["entries"], dtype=np.int64)
    return network


def evaluate(network: dict[str, Any], codes: Any) -> np.ndarray:
    """Output codes (N, C_out) for input codes (N, C_in), integers in the formats of the inputs."""
    codes = np.asarray(codes, dtype=np.int64)
    low = np.array([entry["min"] for entry in network["inputs"]])
    high = np.array([entry["max"] for entry in network["inputs"]])
    if codes.ndim != 2 or codes.shape[1] != len(low):
        raise ValueError(f"expected codes of shape (events, {len(low)}), found {codes.shape}")
    if ((codes < low) | (codes > high)).any():
        event, channel = np.argwhere((codes < low) | (codes > high))[0]
        raise ValueError(
            f"event {event}, input {channel}: {codes[event, channel]} is outside {low[channel]}..{high[channel]}"
        )
    values = list(codes.T)
    fractions = [entry["fraction"] for entry in network["inputs"]]
    for layer in network["layers"]:
        for place in layer["sites"]:
            seen = [_channel(layer, i, value, values, fractions, len(codes)) for i, value in enumerate(place)]
            values += _outputs(layer, seen, len(codes))
            fractions += layer["fraction"].tolist()
    return np.stack([values[v] for v in network["output_values"]], axis=1)


def _channel(layer: Any, i: int, value: int, values: list[Any], fractions: list[int], events: int) -> Any:
    """One value as a code in the format of a channel; -1 is padding, the value 0."""
    form = layer["inputs"][i]
    if value < 0:
        code = np.zeros(events, dtype=np.int64)
    else:
        gained = form["fraction"] - fractions[value]
        code = values[value]
        if gained >= 0:
            code = code * (1 << gained)
        else:
            half = 1 << (-gained - 1) if layer["rounding"] == "RND" else 0
            code = (code + half) >> -gained
    low, high = form["min"], form["max"]
    if form["overflow"] == "WRAP":
        return (code - low) % (high - low + 1) + low
    if form["overflow"] == "SAT_SYM" and low < 0:
        low = -high
    return np.clip(code, low, high)


def _outputs(layer: Any, seen: list[Any], events: int) -> list[Any]:
    """Codes of a layer's outputs at one place."""
    if layer["kind"] == "max":
        found = []
        for o, fraction in enumerate(layer["fraction"].tolist()):
            channels = np.flatnonzero(layer["output_of"] == o)
            up = [seen[i] * (1 << (fraction - layer["inputs"][i]["fraction"])) for i in channels]
            found.append(np.max(up, axis=0) if up else np.zeros(events, dtype=np.int64))
        return found
    sums = [np.full(events, bias) for bias in layer["bias"].tolist()]
    if layer["kind"] == "linear":
        for i, o in np.argwhere(layer["weights"] != 0):
            sums[o] = sums[o] + layer["weights"][i, o] * seen[i]
        return [np.maximum(total, 0) for total in sums] if layer["relu"] else sums
    for table in layer["tables"]:
        i, o, form = table["channel"], table["output"], layer["inputs"][table["channel"]]
        share = (form["max"] - form["min"] + 1) // len(table["entries"])
        sums[o] = sums[o] + table["entries"][(seen[i] - form["min"]) // share]
    return sums


def main() -> None:
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    codes = np.loadtxt(sys.argv[2], dtype=np.int64, ndmin=2)
    np.savetxt(sys.stdout, evaluate(load(sys.argv[1]), codes), fmt="%d")


if __name__ == "__main__":
    main()
