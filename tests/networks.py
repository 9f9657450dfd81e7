"""Random integer networks for tests: every feature of the format, small enough to run in a moment."""

from __future__ import annotations

import itertools

import numpy as np

from trigger_lut.fixed_point import KIF
from trigger_lut.network import LUTDenseTables, Network, fits


def random_network(seed: int, units: tuple[int, ...] = (4, 5, 3), max_bits: int = 6, prune: float = 0.3) -> Network:
    """A network with signed and unsigned channels, odd fractions, pruned edges, and both overflow modes."""
    rng = np.random.default_rng(seed)

    def formats(n: int) -> tuple[KIF, ...]:
        kifs = []
        for _ in range(n):
            k, bits = int(rng.integers(2)), int(rng.integers(3, max_bits + 1))
            i = int(rng.integers(-1, 4))
            kifs.append(KIF(k, i, bits - k - i))
        return tuple(kifs)

    inputs = formats(units[0])
    ranges = [(f.lo, f.hi, f.f) for f in inputs]
    layers = []
    for n, (c_in, c_out) in enumerate(itertools.pairwise(units)):
        kifs = inputs if n == 0 else formats(c_in)
        bits = np.array([f.bits for f in kifs])
        widths = np.minimum(rng.integers(1, max_bits + 1, (c_in, c_out)), bits[:, None])
        widths[rng.random(widths.shape) < prune] = 0
        tables = np.zeros((c_in, c_out, 1 << int(widths.max(initial=0))), dtype=np.int64)
        for i, o in np.argwhere(widths > 0):
            size = 1 << int(widths[i, o])
            tables[i, o, :size] = rng.integers(-20, 20, size) << int(rng.integers(0, 2))
        overflow = tuple("WRAP" if fits(*r, k) else "SAT" for r, k in zip(ranges, kifs, strict=True))
        layer = LUTDenseTables(
            name=f"lut_dense_{n}",
            inputs=kifs,
            overflow=overflow,
            widths=widths.astype(np.int64),
            tables=tables,
            bias=rng.integers(-9, 9, c_out),
            fraction=rng.integers(-1, 6, c_out),
        )
        lo, hi = layer.bounds()
        ranges = [(int(a), int(b), int(f)) for a, b, f in zip(lo, hi, layer.fraction, strict=True)]
        layers.append(layer)
    names = tuple(f"x{i}" for i in range(units[0]))
    return Network(inputs, tuple(layers), names, tuple(f"class{o}" for o in range(units[-1])))


def random_codes(network: Network, count: int, seed: int = 0) -> np.ndarray:
    """(count, C_in) random integers in the input formats."""
    rng = np.random.default_rng(seed)
    return np.stack([rng.integers(f.lo, f.hi + 1, count) for f in network.inputs], axis=1)
