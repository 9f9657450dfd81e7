"""Random integer networks for tests: every feature of the format, small enough to run in a moment."""

from __future__ import annotations

import itertools
from functools import partial

import numpy as np

from trigger_lut.fixed_point.formats import KIF, kif_for_range
from trigger_lut.fixed_point.ranges import fits
from trigger_lut.network.network import IntegerLayer, LinearLayer, MaxLayer, Network, TableLayer


def random_network(
    seed: int,
    units: tuple[int, ...] = (4, 5, 3),
    max_bits: int = 6,
    prune: float = 0.3,
    inputs: tuple[KIF, ...] | None = None,
) -> Network:
    """A network with signed and unsigned channels, odd fractions, pruned edges, and both overflow modes."""
    rng = np.random.default_rng(seed)

    def formats(n: int) -> tuple[KIF, ...]:
        kifs = []
        for _ in range(n):
            k, bits = int(rng.integers(2)), int(rng.integers(3, max_bits + 1))
            i = int(rng.integers(-1, 4))
            kifs.append(KIF(k, i, bits - k - i))
        return tuple(kifs)

    inputs = formats(units[0]) if inputs is None else inputs
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
        overflow = tuple("WRAP" if fits(*r, kif=k) else "SAT" for r, k in zip(ranges, kifs, strict=True))
        layer = TableLayer(
            name=f"lut_dense_{n}",
            inputs=kifs,
            overflow=overflow,
            widths=widths.astype(np.int64),
            tables=tables,
            bias=rng.integers(-9, 9, c_out),
            fraction_bits=rng.integers(-1, 6, c_out),
        )
        lo, hi = layer.bounds()
        ranges = [(int(a), int(b), int(f)) for a, b, f in zip(lo, hi, layer.fraction_bits, strict=True)]
        layers.append(layer)
    names = tuple(f"x{i}" for i in range(units[0]))
    return Network(inputs, tuple(layers), names, tuple(f"class{o}" for o in range(units[-1])))


def random_codes(network: Network, count: int, seed: int = 0) -> np.ndarray:
    """(count, C_in) random integers in the input formats."""
    rng = np.random.default_rng(seed)
    return np.stack([rng.integers(f.lo, f.hi + 1, count) for f in network.inputs], axis=1)


def _kif(rng: np.random.Generator, bits: int) -> KIF:
    k, i = int(rng.integers(2)), int(rng.integers(-1, 3))
    return KIF(k, i, bits - k - i)


def random_graph(seed: int, channels: int = 6) -> Network:
    """Table layers at several places with padding, a branch, arithmetic layers with and without ReLU, a selection.

    - Windows of three input channels: one set of tables, padding at the ends, TRN or RND.
    - Sums over the positions, and weighted sums of the inputs (SAT or SAT_SYM, RND), in parallel.
    - Maxima of windows of three positions, at the ends of padding and weighted sums; one output has no channel.
    - Tables over all of these and two of the inputs. The outputs have another order, and one of them is an input.
    """
    rng = np.random.default_rng(seed)
    kif = partial(_kif, rng)

    def tables(name: str, inputs: tuple[KIF, ...], c_out: int, gather_index: np.ndarray, ranges: list) -> TableLayer:
        bits = np.array([f.bits for f in inputs])
        widths = np.minimum(rng.integers(1, 6, (len(inputs), c_out)), bits[:, None])
        widths[rng.random(widths.shape) < 0.25] = 0
        entries = np.zeros((*widths.shape, 1 << int(widths.max(initial=0))), dtype=np.int64)
        for i, o in np.argwhere(widths > 0):
            entries[i, o, : 1 << int(widths[i, o])] = rng.integers(-12, 12, 1 << int(widths[i, o]))
        rounding = str(rng.choice(["TRN", "RND"]))
        overflow = overflows(inputs, gather_index, ranges, rounding)
        fraction = rng.integers(0, 5, c_out)
        return TableLayer(
            name,
            inputs,
            overflow,
            widths,
            entries,
            rng.integers(-9, 9, c_out),
            fraction_bits=fraction,
            gather_index=gather_index,
            rounding=rounding,
        )

    def overflows(inputs, gather_index, ranges, rounding="TRN", saturated="SAT"):
        lo, hi, f = ranges
        proven = [
            all(
                fits(int(lo[v]), int(hi[v]), f=int(f[v]), kif=kif, rounding=rounding)
                for v in gather_index[:, i]
                if v >= 0
            )
            for i, kif in enumerate(inputs)
        ]
        return tuple("WRAP" if yes else saturated for yes in proven)

    inputs = tuple(kif(int(rng.integers(3, 7))) for _ in range(channels))
    layers: list[IntegerLayer] = []

    def known() -> list[np.ndarray]:
        r = Network(inputs, tuple(layers)).ranges
        return [r.lo, r.hi, r.f]

    windows = np.stack([np.arange(channels) + shift for shift in (-1, 0, 1)], axis=1)
    windows[windows >= channels] = -1
    layers.append(tables("windows", tuple(kif(5) for _ in range(3)), 2, windows, known()))
    first = channels
    by_output = np.arange(first, first + 2 * channels).reshape(channels, 2).T
    exact = Network(inputs, tuple(layers)).ranges
    hull = tuple(
        KIF(*(max(part) for part in zip(*(kif_for_range(*exact.one(int(v))) for v in by_output[:, i]), strict=True)))
        for i in range(channels)
    )
    common = max(h.f for h in hull)
    ones = np.array([[1 << (common - h.f)] for h in hull], dtype=np.int64)
    layers.append(
        LinearLayer(
            "sum",
            hull,
            ("WRAP",) * channels,
            ones,
            np.array([0]),
            fraction_bits=np.array([common]),
            gather_index=by_output,
        )
    )
    formats = tuple(kif(4) for _ in range(channels))
    gather_index = np.arange(channels)[None]
    saturated, rounding = str(rng.choice(["SAT", "SAT_SYM"])), str(rng.choice(["TRN", "RND"]))
    weights = rng.integers(-7, 8, (channels, 3))
    weights[:, 2] = 0
    top = max(f.f for f in formats)
    weights <<= np.array([top - f.f for f in formats])[:, None]
    layers.append(
        LinearLayer(
            "weighted",
            formats,
            overflows(formats, gather_index, known(), rounding, saturated),
            weights,
            rng.integers(-20, 20, 3),
            fraction_bits=np.full(3, top),
            gather_index=gather_index,
            rounding=rounding,
            relu=bool(rng.integers(2)),
        )
    )
    start = Network(inputs, tuple(layers)).first_value
    pooled = np.stack([by_output[:, :-2].T, by_output[:, 1:-1].T, by_output[:, 2:].T], axis=2).reshape(-1, 6)
    ends = np.array([[-1, start[2], start[2] + 1, first, -1, 0], [first, 1, first, start[2], start[2] + 1, -1]])
    gather_index = np.concatenate([pooled, ends])
    formats = tuple(kif(5) for _ in range(6))
    least, rounding = max(f.f for f in formats), str(rng.choice(["TRN", "RND"]))
    output_of = np.array([0, 0, 0, 2, 2, int(rng.integers(-1, 3))])
    layers.append(
        MaxLayer(
            "largest",
            formats,
            overflows(formats, gather_index, known(), rounding, saturated),
            output_of,
            fraction_bits=rng.integers(least, least + 2, 3),
            gather_index=gather_index,
            rounding=rounding,
        )
    )
    end = Network(inputs, tuple(layers)).first_value[-1]
    read = np.array([[*range(start[1], start[3]), *range(end - 9, end), 0, channels - 1]])
    layers.append(tables("head", tuple(kif(5) for _ in range(read.shape[1])), 3, read, known()))
    end = Network(inputs, tuple(layers)).first_value[-1]
    return Network(inputs, tuple(layers), outputs=np.array([end - 1, 1, end - 3, start[2]]))


def shared_network(seed: int, positions: int = 5, channels: int = 3) -> Network:
    """Two table layers that are shared over positions, their sums (with or without ReLU) and maxima, and a head.

    The head also reads one input and one value of a single position. Inputs have formats of their own.
    """
    rng = np.random.default_rng(seed)
    kif = partial(_kif, rng)

    def tables(name: str, c_in: int, c_out: int, gather_index: np.ndarray) -> TableLayer:
        inputs = tuple(kif(int(rng.integers(3, 6))) for _ in range(c_in))
        widths = np.minimum(rng.integers(1, 6, (c_in, c_out)), np.array([f.bits for f in inputs])[:, None])
        widths[rng.random(widths.shape) < 0.2] = 0
        entries = np.zeros((c_in, c_out, 1 << int(widths.max(initial=0))), dtype=np.int64)
        for i, o in np.argwhere(widths > 0):
            entries[i, o, : 1 << int(widths[i, o])] = rng.integers(-12, 12, 1 << int(widths[i, o]))
        return TableLayer(
            name,
            inputs,
            ("SAT",) * c_in,
            widths,
            entries,
            rng.integers(-9, 9, c_out),
            fraction_bits=rng.integers(0, 4, c_out),
            gather_index=gather_index,
        )

    inputs = tuple(kif(int(rng.integers(3, 6))) for _ in range(positions * channels))
    layers: list[IntegerLayer] = []
    at = len(inputs)
    layers.append(tables("first", channels, 4, np.arange(at).reshape(positions, channels)))
    layers.append(tables("second", 4, 3, at + np.arange(4 * positions).reshape(positions, 4)))
    shared = at + 4 * positions
    at = shared + 3 * positions
    by_channel = (shared + np.arange(3 * positions)).reshape(positions, 3).T
    ranges = Network(inputs, tuple(layers)).ranges
    for kind in ("sum", "max"):
        read = [[kif_for_range(*ranges.one(int(v))) for v in row] for row in by_channel]
        hull = tuple(KIF(*(max(part) for part in zip(*column, strict=True))) for column in zip(*read, strict=True))
        wraps, common = ("WRAP",) * positions, np.array([max(h.f for h in hull)])
        ones = np.array([[1 << int(common[0] - h.f)] for h in hull])
        layers.append(
            LinearLayer(
                kind,
                hull,
                wraps,
                ones,
                np.array([int(rng.integers(-5, 6))]),
                fraction_bits=common,
                gather_index=by_channel,
                relu=bool(rng.integers(2)),
            )
            if kind == "sum"
            else MaxLayer(
                kind,
                hull,
                wraps,
                np.zeros(positions, dtype=np.int64),
                fraction_bits=common,
                gather_index=by_channel,
            )
        )
    head = [*range(at, at + 6), 1, shared + 4]
    layers.append(tables("head", len(head), 3, np.array([head])))
    features = tuple(f"x{i}" for i in range(len(inputs)))
    return Network(inputs, tuple(layers), features, ("a", "b", "c"))


def encode(values, kif: KIF) -> np.ndarray:
    """Return codes of finite real values: rounded towards minus infinity (TRN), saturated (SAT)."""
    scaled = np.floor(np.asarray(values, dtype=np.float64) * 2.0**kif.f)
    return np.clip(scaled, kif.lo, kif.hi).astype(np.int64)
