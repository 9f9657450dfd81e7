"""The trained network as plain integers: what training freezes, and all that the later stages read.

All integers of a network - its inputs, then the outputs of each layer - are numbered in one sequence, the values. A
layer says by number which of them it reads, so chains, branches, several inputs, concatenation, slices and reshapes are
nothing but index arrays. The arithmetic of a layer is in `network.layers`.
"""

from __future__ import annotations

import json
from contextlib import nullcontext
from dataclasses import MISSING, dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from trigger_lut.errors import CardError
from trigger_lut.fixed_point.formats import KIF, IntArray
from trigger_lut.fixed_point.ranges import Ranges, fits
from trigger_lut.network import layer_kinds as _layer_kinds  # noqa: F401 (registers added kinds)
from trigger_lut.network.back_ends import KINDS
from trigger_lut.network.layers import PADDING, IntegerLayer, LinearLayer, MaxLayer, TableLayer

__all__ = [
    "PADDING",
    "IntegerLayer",
    "LinearLayer",
    "MaxLayer",
    "Network",
    "TableLayer",
    "load_network",
]

SCHEMA_VERSION = 2
FILE_KEYS = {"gather_index": "sites", "fraction_bits": "fraction"}
"""Keys of a network file that differ from the fields of a layer: files of earlier versions stay readable."""


@dataclass(frozen=True)
class Network:
    """A graph of layers. `inputs` are the formats of the integers that the firmware gets.

    Values are numbered: the inputs from 0 on, then each layer's outputs, position by position. A layer reads values of
    lower numbers than its own. `outputs` are the numbers of the network's outputs; None: all outputs of the last layer.
    `port_formats` are the formats in which firmware gives the outputs, which hold their ranges; None: the narrowest.
    """

    inputs: tuple[KIF, ...]
    layers: tuple[IntegerLayer, ...]
    features: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    outputs: IntArray | None = None
    port_formats: tuple[KIF, ...] | None = None

    @cached_property
    def first_value(self) -> list[int]:
        """Number of the first output of each layer, and the number of all values at the end."""
        starts = [len(self.inputs)]
        for layer in self.layers:
            starts.append(starts[-1] + layer.n_positions * layer.shape[1])
        return starts

    @cached_property
    def gather_index(self) -> list[IntArray]:
        """(P, C_in) numbers of the values that each layer reads; never None."""
        first = [0, *self.first_value]
        return [
            np.arange(first[n], first[n + 1], dtype=np.int64)[None]
            if layer.gather_index is None
            else layer.gather_index
            for n, layer in enumerate(self.layers)
        ]

    @property
    def output_values(self) -> IntArray:
        """Numbers of the network's outputs; never None."""
        if self.outputs is not None:
            return self.outputs
        first = [0, *self.first_value]
        return np.arange(first[-2], first[-1], dtype=np.int64)

    @cached_property
    def ranges(self) -> Ranges:
        """Ranges of all values, from the formats of the inputs on."""
        known = [np.array([getattr(kif, end) for kif in self.inputs], dtype=np.int64) for end in ("lo", "hi", "f")]
        for layer, gather_index in zip(self.layers, self.gather_index, strict=True):
            output_ranges = layer.output_ranges(read_ranges(Ranges(*known), gather_index, layer=layer))
            known = [
                np.concatenate([k, m])
                for k, m in zip(known, (output_ranges.lo, output_ranges.hi, output_ranges.f), strict=True)
            ]
        return Ranges(*known)

    @cached_property
    def _fractions(self) -> list[int]:
        fractions = [kif.f for kif in self.inputs]
        for layer in self.layers:
            fractions += layer.fraction_bits.tolist() * layer.n_positions
        return fractions

    def fraction_of(self, value: int) -> int:
        """Return the fraction bits of a value.

        Parameters
        ----------
        value : int
            Number of the value.

        Returns
        -------
        int
        """
        return self._fractions[value]

    def input_ranges(self, n: int) -> Ranges:
        """Return the ranges of the values that a layer reads; padding is the code 0 of the channel's format.

        Parameters
        ----------
        n : int
            Number of the layer, from 0.

        Returns
        -------
        Ranges
            Of shape (P, C_in).
        """
        return read_ranges(self.ranges, self.gather_index[n], layer=self.layers[n])

    @property
    def fractions(self) -> IntArray:
        """Fraction bits of each output of the network."""
        return np.array([self.fraction_of(int(v)) for v in self.output_values], dtype=np.int64)

    def output_formats(self) -> tuple[KIF, ...]:
        """Return the format of each output: that of its port, else the narrowest."""
        return self.ranges[self.output_values].formats() if self.port_formats is None else self.port_formats

    def output_names(self) -> list[str]:
        """Return the name of each output: its class, or its number where there is none."""
        return [self.classes[o] if o < len(self.classes) else str(o) for o in range(len(self.output_values))]

    def validate(self) -> list[str]:
        """List inconsistencies; empty for a sound network."""
        problems = [f"{layer.name}: {p}" for layer in self.layers for p in layer.validate()]
        if problems or not self.layers:
            return problems or ["a network needs at least one layer"]
        for n, (layer, gather_index) in enumerate(zip(self.layers, self.gather_index, strict=True)):
            if gather_index.shape[1] != layer.shape[0]:
                return [f"{layer.name}: takes {layer.shape[0]} channels, gets {gather_index.shape[1]}"]
            if gather_index.max(initial=0) >= self.first_value[n] or gather_index.min(initial=0) < PADDING:
                return [f"{layer.name}: reads value {gather_index.max()}, there are {self.first_value[n]} before it"]
        outside = (self.output_values < 0) | (self.output_values >= self.first_value[-1])
        if outside.any() or not len(self.output_values):
            return [f"outputs {self.output_values[outside].tolist()} of {self.first_value[-1]} values"]
        ports = self.port_formats
        if ports is not None and len(ports) != len(self.output_values):
            return [f"{len(ports)} formats of ports, {len(self.output_values)} outputs"]
        return [
            f"output {o}: codes {lo}..{hi} at f={f} do not fit its port {kif}"
            for o, kif in enumerate(ports or ())
            for lo, hi, f in [self.ranges.one(int(self.output_values[o]))]
            if kif.f != f or not kif.lo <= lo <= hi <= kif.hi
        ]

    def overflow_risks(self) -> list[str]:
        """List channels marked WRAP whose codes are not proven to fit: there values count modulo 2**bits."""
        risks = []
        for n, layer in enumerate(self.layers):
            read = self.input_ranges(n)
            for p, i in np.ndindex(read.lo.shape):
                codes, kif = read.one(p, i), layer.inputs[i]
                if layer.overflow[i] == "WRAP" and not fits(*codes, kif=kif, rounding=layer.rounding):
                    lo, hi, f = codes
                    risks.append(f"{layer.name}: channel {i} may wrap: codes {lo}..{hi} at f={f} into {kif}")
        return risks


def read_ranges(ranges: Ranges, gather_index: IntArray, *, layer: IntegerLayer) -> Ranges:
    """Return the ranges (P, C_in) of the values at `gather_index`; padding is 0, at the fraction of its channel."""
    padded = gather_index == PADDING
    f = np.array([kif.f for kif in layer.inputs], dtype=np.int64)
    read = ranges[np.where(padded, 0, gather_index)]
    zero = np.int64(0)
    return Ranges(np.where(padded, zero, read.lo), np.where(padded, zero, read.hi), np.where(padded, f, read.f))


def with_layer(network: Network, n: int, **changes: Any) -> Network:
    """Return the network with changes to one layer.

    Parameters
    ----------
    network : Network
        The integer network; it stays as it is.
    n : int
        Number of the layer, from 0.
    **changes
        New values of fields of the layer.

    Returns
    -------
    Network
    """
    layers = list(network.layers)
    layers[n] = replace(layers[n], **changes)
    return replace(network, layers=tuple(layers))


def save_network(network: Network, path: str | Path | BinaryIO) -> None:
    """Write a network to a .npz file. The same network gives the same bytes.

    Parameters
    ----------
    network : Network
        The integer network.
    path : str, Path or binary file
        Where to write it.

    Raises
    ------
    AssertionError
        If the network is inconsistent.
    """
    problems = network.validate()
    assert not problems, problems
    layers: list[dict[str, Any]] = []
    arrays: dict[str, IntArray] = {}
    for n, layer in enumerate(network.layers):
        content = {FILE_KEYS.get(name, name): getattr(layer, name) for name in _file_fields(type(layer))}
        arrays |= {f"{n}_{key}": v.astype(np.int64) for key, v in content.items() if isinstance(v, np.ndarray)}
        plain = {key: v for key, v in content.items() if not isinstance(v, np.ndarray)}
        layers.append({"kind": layer.kind, **plain})
    meta = {
        "schema_version": SCHEMA_VERSION,
        "inputs": network.inputs,
        "features": network.features,
        "classes": network.classes,
        "layers": layers,
    }
    if network.port_formats is not None:
        meta["port_formats"] = network.port_formats
    if network.outputs is not None:
        arrays["outputs"] = network.outputs.astype(np.int64)
    with Path(path).open("wb") if isinstance(path, str | Path) else nullcontext(path) as out:
        np.savez_compressed(out, meta=np.array(json.dumps(meta)), **arrays)  # type: ignore[arg-type]


def load_network(path: str | Path | BinaryIO) -> Network:
    """Read a network that `save_network` wrote.

    Parameters
    ----------
    path : str, Path or binary file
        The .npz file (network.npz).

    Returns
    -------
    Network
        The integer network.

    Raises
    ------
    CardError
        If the file is missing, damaged, inconsistent or of another version.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            meta = json.loads(str(archive["meta"]))
            if meta["schema_version"] != SCHEMA_VERSION:
                raise CardError(
                    f"{path}: written by another version of trigger_lut. Expected schema_version {SCHEMA_VERSION}, "
                    f"found {meta['schema_version']}. Run the train stage again."
                )
            network = Network(
                tuple(KIF(*f) for f in meta["inputs"]),
                tuple(_layer(entry, n, archive) for n, entry in enumerate(meta["layers"])),
                tuple(meta["features"]),
                tuple(meta["classes"]),
                archive["outputs"] if "outputs" in archive.files else None,
                tuple(KIF(*f) for f in meta["port_formats"]) if "port_formats" in meta else None,
            )
    except FileNotFoundError as error:
        raise CardError(f"{path}: no such network file. Run the train stage first.") from error
    except CardError:
        raise
    except Exception as error:
        raise CardError(
            f"{path}: not a network file ({type(error).__name__}: {error}). Run the train stage again."
        ) from error
    if problems := network.validate():
        raise CardError(f"{path}: inconsistent network: {'; '.join(problems[:5])}. Run the train stage again.")
    return network


def _file_fields(kind: type[IntegerLayer]) -> list[str]:
    """List fields in the order of network files: fields of the kind are between the common ones."""
    common = [f.name for f in fields(IntegerLayer)]
    own = [f for f in fields(kind) if f.name not in common]
    required = [f.name for f in own if f.default is MISSING]
    return [*common[:3], *required, *common[3:], *(f.name for f in own if f.default is not MISSING)]


def _layer(entry: dict[str, Any], n: int, archive: Any) -> IntegerLayer:
    kind = KINDS[entry.pop("kind")]
    prefix = f"{n}_"
    arrays = {key.removeprefix(prefix): archive[key] for key in archive.files if key.startswith(prefix)}
    entry |= {"inputs": tuple(KIF(*f) for f in entry["inputs"]), "overflow": tuple(entry["overflow"])}
    for name, key in FILE_KEYS.items():
        for content in (entry, arrays):
            if key in content:
                content[name] = content.pop(key)
    return kind(**entry, **arrays)
