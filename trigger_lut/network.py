"""The trained network as plain integers: what training freezes, and all that the later stages read.

Arithmetic of one `LUTDenseTables` layer on integer codes `y` of the layer before (or of the input):

    c[i] = overflow_i( y[i] * 2**(f_in[i] - f_y[i]) rounded down (TRN) )    in format inputs[i]
    a    = (c[i] - lo_i) >> (bits_i - m[i,o])                               address, m[i,o] bits
    z[o] = bias[o] + sum_i tables[i, o, a]                                  exact, fraction[o] fractional bits

`lo_i` is the smallest code of the format, so tables are in rising order of value for signed channels too.
`overflow_i` is WRAP only where bounds prove that nothing wraps, SAT elsewhere.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trigger_lut.errors import CardError
from trigger_lut.fixed_point import KIF, IntArray, kif_for_range

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class LUTDenseTables:
    """One table layer, C_in channels to C_out.

    inputs    format of each input channel, C_in of them
    overflow  'WRAP' or 'SAT' a channel, C_in of them
    widths    (C_in, C_out) address bits of each edge; 0 is a pruned edge
    tables    (C_in, C_out, 2**max(widths)) integers; entries from 2**widths[i, o] on are 0, and all of a pruned edge
    bias      (C_out,) integers at `fraction`
    fraction  (C_out,) fractional bits of each output
    """

    name: str
    inputs: tuple[KIF, ...]
    overflow: tuple[str, ...]
    widths: IntArray
    tables: IntArray
    bias: IntArray
    fraction: IntArray

    @property
    def shape(self) -> tuple[int, int]:
        return self.widths.shape[0], self.widths.shape[1]

    def table(self, i: int, o: int) -> IntArray:
        """The 2**m entries of edge (i, o), in rising order of input value."""
        return self.tables[i, o, : 1 << int(self.widths[i, o])]

    def edges(self) -> list[tuple[int, int]]:
        """(i, o) of every edge that is not pruned."""
        return [(int(i), int(o)) for i, o in np.argwhere(self.widths > 0)]

    def bounds(self) -> tuple[IntArray, IntArray]:
        """Smallest and largest possible code of each output: sums of the tables' extremes."""
        lo, hi = self.bias.copy(), self.bias.copy()
        for i, o in self.edges():
            lo[o] += self.table(i, o).min()
            hi[o] += self.table(i, o).max()
        return lo, hi

    def output_formats(self) -> tuple[KIF, ...]:
        """The narrowest format of each output."""
        lo, hi = self.bounds()
        return tuple(kif_for_range(int(a), int(b), int(f)) for a, b, f in zip(lo, hi, self.fraction, strict=True))

    def problems(self) -> list[str]:
        """What is inconsistent in this layer; empty when all is well."""
        c_in, c_out = self.shape
        found = []
        if len(self.inputs) != c_in or len(self.overflow) != c_in:
            found.append(f"{c_in} channels, {len(self.inputs)} formats, {len(self.overflow)} overflow modes")
            return found
        if self.bias.shape != (c_out,) or self.fraction.shape != (c_out,):
            found.append(f"{c_out} outputs, bias {self.bias.shape}, fraction {self.fraction.shape}")
        if self.tables.shape != (c_in, c_out, 1 << int(self.widths.max(initial=0))):
            found.append(f"tables of shape {self.tables.shape} for widths up to {self.widths.max(initial=0)}")
            return found
        found += [
            f"channel {i}: overflow {mode!r}" for i, mode in enumerate(self.overflow) if mode not in ("WRAP", "SAT")
        ]
        for i, o in np.argwhere((self.widths < 0) | (self.widths > np.array([f.bits for f in self.inputs])[:, None])):
            found.append(f"edge ({i}, {o}): {self.widths[i, o]} address bits of a {self.inputs[i].bits}-bit channel")
        live = np.where(self.widths > 0, 1 << np.clip(self.widths, 0, 62), 0)[..., None]
        stray = (np.arange(self.tables.shape[2]) >= live) & (self.tables != 0)
        for i, o in np.argwhere(stray.any(axis=2)):
            found.append(f"edge ({i}, {o}): entries beyond its 2**{self.widths[i, o]} are not 0")
        return found


@dataclass(frozen=True)
class Network:
    """A chain of table layers. `inputs` are the formats of the integers that the firmware sees."""

    inputs: tuple[KIF, ...]
    layers: tuple[LUTDenseTables, ...]
    features: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()

    @property
    def fractions(self) -> IntArray:
        """Fractional bits of each output of the network."""
        return self.layers[-1].fraction

    def output_formats(self) -> tuple[KIF, ...]:
        return self.layers[-1].output_formats()

    def problems(self) -> list[str]:
        """What is inconsistent; empty when all is well. WRAP without a proof is a problem."""
        found = [f"{layer.name}: {p}" for layer in self.layers for p in layer.problems()]
        if found or not self.layers:
            return found or ["a network needs at least one layer"]
        ranges = [(f.lo, f.hi, f.f) for f in self.inputs]
        for layer in self.layers:
            if len(ranges) != layer.shape[0]:
                return [f"{layer.name}: takes {layer.shape[0]} channels, gets {len(ranges)}"]
            for i, ((lo, hi, f), kif) in enumerate(zip(ranges, layer.inputs, strict=True)):
                if layer.overflow[i] == "WRAP" and not fits(lo, hi, f, kif):
                    found.append(f"{layer.name}: channel {i} may wrap: codes {lo}..{hi} at f={f} into {kif}")
            bounds = layer.bounds()
            ranges = [(int(a), int(b), int(f)) for a, b, f in zip(*bounds, layer.fraction, strict=True)]
        return found


def fits(lo: int, hi: int, f: int, kif: KIF) -> bool:
    """Whether every code from lo to hi with f fractional bits, rounded down, lies in the format."""
    scale = 2.0 ** (kif.f - f)
    return bool(np.floor(lo * scale) >= kif.lo and np.floor(hi * scale) <= kif.hi)


def save_network(network: Network, path: Path) -> None:
    """Write the network to one .npz; the same network gives the same bytes.

    Raises AssertionError when the network is inconsistent (our bug, not the user's).
    """
    problems = network.problems()
    assert not problems, problems
    meta = {
        "schema_version": SCHEMA_VERSION,
        "inputs": network.inputs,
        "features": network.features,
        "classes": network.classes,
        "layers": [{"name": x.name, "inputs": x.inputs, "overflow": x.overflow} for x in network.layers],
    }
    arrays = {"meta": np.array(json.dumps(meta))}
    for n, layer in enumerate(network.layers):
        for key in ("widths", "tables", "bias", "fraction"):
            arrays[f"{n}_{key}"] = getattr(layer, key).astype(np.int64)
    with path.open("wb") as out:
        np.savez_compressed(out, **arrays)  # type: ignore[arg-type]


def load_network(path: Path) -> Network:
    """Read a network. Raises CardError when the file is missing, damaged, inconsistent or of another version."""
    try:
        with np.load(path, allow_pickle=False) as held:
            meta = json.loads(str(held["meta"]))
            if meta["schema_version"] != SCHEMA_VERSION:
                raise CardError(f"{path}: schema_version {meta['schema_version']}, expected {SCHEMA_VERSION}")
            layers = tuple(
                LUTDenseTables(
                    name=x["name"],
                    inputs=tuple(KIF(*f) for f in x["inputs"]),
                    overflow=tuple(x["overflow"]),
                    **{key: held[f"{n}_{key}"] for key in ("widths", "tables", "bias", "fraction")},
                )
                for n, x in enumerate(meta["layers"])
            )
    except FileNotFoundError as error:
        raise CardError(f"{path}: no such network file") from error
    except CardError:
        raise
    except Exception as error:
        raise CardError(f"{path}: not a network file ({type(error).__name__}: {error})") from error
    network = Network(tuple(KIF(*f) for f in meta["inputs"]), layers, tuple(meta["features"]), tuple(meta["classes"]))
    if problems := network.problems():
        raise CardError(f"{path}: inconsistent network: " + "; ".join(problems[:5]))
    return network
