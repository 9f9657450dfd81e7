"""The negative control: one flipped bit in one table entry, or in one weight of a network without tables, put into each
form of the network.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from trigger_lut.errors import FirmwareError
from trigger_lut.firmware.hls.cpp import entry_bits, rom_pattern
from trigger_lut.firmware.hls.project import recompile
from trigger_lut.fixed_point.formats import IntArray
from trigger_lut.network.network import Network, TableLayer, with_layer
from trigger_lut.network.reference_model import all_values, channel_codes, evaluate

ATTEMPTS = 500


@dataclass(frozen=True)
class Flip:
    """Bit `bit` of entry `entry` of the table of edge (channel, output) in layer number `layer`, from 0; of a layer
    with weights, bit `bit` of that edge's weight.
    """

    layer: int
    channel: int
    output: int
    entry: int
    bit: int

    def constant(self, network: Network) -> tuple[str, tuple[int, ...], str]:
        """Return field, index and name of the constant that holds the bit."""
        found = network.layers[self.layer].edge_constant(self.channel, self.output, self.entry)
        assert found is not None, network.layers[self.layer].name
        return found

    def describe(self, network: Network) -> str:
        """Return a text that names the bit, and the constant before and after."""
        layer = network.layers[self.layer]
        field, index, name = self.constant(network)
        before = int(getattr(layer, field)[index])
        return f"bit {self.bit} of {name} in {layer.name}: {before} became {before ^ (1 << self.bit)}"


def table_layer(network: Network, n: int) -> TableLayer:
    """Layer number n, which must be one of tables."""
    layer = network.layers[n]
    assert isinstance(layer, TableLayer), layer.name
    return layer


def flipped(network: Network, flip: Flip) -> Network:
    """The network with the bit flipped."""
    field, index, _ = flip.constant(network)
    values = getattr(network.layers[flip.layer], field).copy()
    values[index] ^= 1 << flip.bit
    return with_layer(network, flip.layer, **{field: values})


def choose_flip(network: Network, codes: IntArray, seed: int) -> Flip:
    """A flip of an entry that the vectors reach, after which at least one output of the reference changes.

    Entries whose flipped value stays within its table's range are taken first, so that no sum leaves its bounds. Raises
    FirmwareError when no flip changes an output, as when every edge is pruned.
    """
    rng = np.random.default_rng(seed)
    expected = evaluate(network, codes)
    candidates = [_candidates(network, codes, rng, inside) for inside in (True, False)]
    for flips in (*candidates, _weights(network, rng)):
        for flip in flips:
            if (evaluate(flipped(network, flip), codes) != expected).any():
                return flip
    raise FirmwareError(
        f"no negative control: flipping a bit of a table entry that the {len(codes)} vectors reach changes no output"
    )


def _candidates(network: Network, codes: IntArray, rng: np.random.Generator, inside: bool) -> list[Flip]:
    found = []
    values = all_values(network, codes)
    for n, layer in enumerate(network.layers):
        if not isinstance(layer, TableLayer):
            continue
        seen = channel_codes(network, n, values, int(rng.integers(layer.n_positions)))
        for i, o in layer.edges():
            kif, table = layer.inputs[i], layer.table(i, o)
            for entry in np.unique((seen[:, i] - kif.lo) >> (kif.bits - int(layer.widths[i, o]))):
                for bit in range(max(entry_bits(table) - 1, 1)):
                    value = int(table[entry]) ^ (1 << bit)
                    if not inside or table.min() <= value <= table.max():
                        found.append(Flip(n, i, o, int(entry), bit))
    return _some(found, rng)


def _weights(network: Network, rng: np.random.Generator) -> list[Flip]:
    """Flips of weights, which leave bounds unproven: only where no table is left."""
    found = []
    for n, layer in enumerate(network.layers):
        for i, o in layer.edges():
            if not layer.reads_addresses and layer.edge_constant(i, o, 0) is not None:
                found.append(Flip(n, i, o, 0, 0))
    return _some(found, rng)


def _some(found: list[Flip], rng: np.random.Generator) -> list[Flip]:
    return [found[k] for k in rng.permutation(len(found))[:ATTEMPTS]]


def flip_keras(model: Any, network: Network, flip: Flip) -> None:
    """Flip the bit in the table that a Keras model reads.

    Raises FirmwareError when the model has no such table or entry.
    """
    form = table_layer(network, flip.layer)
    name, _, place = form.name.partition("_place") if form.name not in _names(model) else (form.name, "", "")
    layer = _names(model).get(name)
    if layer is None or layer.table.shape[-3::2] != form.shape:
        raise FirmwareError(f"model {model.name!r} has other layers than the integer network")
    layer.refresh()
    whole = np.array(layer.table)
    table = whole[int(place)] if place else whole
    scale = 2.0 ** int(form.fraction_bits[flip.output])
    positions = 1 << int(layer.channel_bits[flip.channel])
    share = positions >> int(form.widths[flip.channel, flip.output])
    if share < 1:
        raise FirmwareError(f"layer {layer.name!r}, channel {flip.channel}: {positions} entries are too few")
    rows = slice(flip.entry * share, (flip.entry + 1) * share)
    entry = round(float(table[flip.channel, rows.start, flip.output]) * scale) ^ (1 << flip.bit)
    table[flip.channel, rows, flip.output] = entry / scale
    layer.table.assign(whole)


def _names(model: Any) -> dict[str, Any]:
    """Layers of tables by name, those of inner models as well."""
    return {layer.name: layer for layer in model._flatten_layers(recursive=True) if hasattr(layer, "table")}


def flip_hls(source: Path, folder: Path, network: Network, flip: Flip) -> None:
    """Copy an hls4ml project to `folder`, flip the bit in the copy's table and compile it.

    Raises FirmwareError when the project has no such table or entry.
    """
    shutil.copytree(source, folder)
    path = folder / "firmware" / "parameters.h"
    text = path.read_text(encoding="utf-8")
    name = rom_pattern(network.layers[flip.layer].name, flip.channel, flip.output)
    found = re.search(rf"^(static const \S+ {name}\[\d+\] = {{)(.*)(}};)$", text, re.MULTILINE)
    entries = found[2].split(", ") if found else []
    if not found or flip.entry >= len(entries):
        raise FirmwareError(f"{path}: expected a table {name} with an entry {flip.entry}, found {len(entries)} entries")
    entries[flip.entry] = str(int(entries[flip.entry]) ^ (1 << flip.bit))
    path.write_text(text[: found.start(2)] + ", ".join(entries) + text[found.end(2) :], encoding="utf-8")
    recompile(folder, "control")
