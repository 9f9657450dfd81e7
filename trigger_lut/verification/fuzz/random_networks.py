"""Random integer networks, drawn layer by layer without Keras: what no layer of Keras gives, formats give too."""

from __future__ import annotations

import numpy as np

from trigger_lut.fixed_point.formats import KIF, IntArray
from trigger_lut.network.network import PADDING, Layer, LinearLayer, MaxLayer, Network, TableLayer

MOST_BITS = 10
WIDEST = 34  # bits of a value: a sum of weighted values keeps away from 64
OVERFLOWS = ("WRAP", "SAT", "SAT_SYM")


def draw_format(rng: np.random.Generator) -> KIF:
    """Signed or unsigned, 1 to 10 bits, binary point anywhere from above the format to below it."""
    k = int(rng.integers(2))
    bits = int(rng.integers(1 + k, MOST_BITS + 1))
    i = int(rng.integers(-2, bits + 2)) - k
    return KIF(k, i, bits - k - i)


def draw_network(rng: np.random.Generator) -> Network:
    """One to three layers of any kind, each at one to three places, reading any values before it, and padding."""
    inputs = tuple(draw_format(rng) for _ in range(int(rng.integers(1, 7))))
    network = Network(inputs, ())
    for n in range(int(rng.integers(1, 4))):
        layer = _layer(network, n, rng)
        grown = Network(inputs, (*network.layers, layer))
        if max(kif.bits for kif in grown.ranges.formats()) <= WIDEST:
            network = grown
    if not network.layers:
        return draw_network(rng)
    last = np.arange(network.first_value[-2], network.first_value[-1])
    others = rng.integers(0, network.first_value[-1], int(rng.integers(0, 3)))
    outputs = rng.permutation(np.concatenate([last[:4], others]))
    return Network(inputs, network.layers, outputs=outputs)


def _layer(network: Network, n: int, rng: np.random.Generator) -> Layer:
    known = network.first_value[-1]
    c_in, c_out, places = (int(rng.integers(1, most)) for most in (6, 5, 4))
    gather_index = rng.integers(0, known, (places, c_in))
    gather_index[rng.random(gather_index.shape) < 0.1] = PADDING
    inputs = tuple(draw_format(rng) for _ in range(c_in))
    overflow = tuple(map(str, rng.choice(OVERFLOWS, c_in)))
    rounding = str(rng.choice(["TRN", "RND"]))
    kind = rng.choice(["tables", "linear", "max"], p=[0.6, 0.25, 0.15])
    fraction = rng.integers(-2, 6, c_out)
    if kind == "max":
        output_of = rng.integers(-1, c_out, c_in)
        finest = max(kif.f for kif in inputs)
        return MaxLayer(
            f"max_{n}", inputs, overflow, output_of, finest + rng.integers(0, 3, c_out), gather_index, rounding
        )
    bias = rng.integers(-20, 20, c_out) * rng.integers(0, 2, c_out)
    if kind == "linear":
        weights = rng.integers(-9, 10, (c_in, c_out)) << rng.integers(0, 4, (c_in, c_out))
        weights[rng.random(weights.shape) < 0.3] = 0
        relu = bool(rng.random() < 0.5)
        return LinearLayer(f"linear_{n}", inputs, overflow, weights, bias, fraction, gather_index, rounding, relu)
    return TableLayer(
        f"tables_{n}", inputs, overflow, *_tables(inputs, c_out, rng), bias, fraction, gather_index, rounding
    )


def _tables(inputs: tuple[KIF, ...], c_out: int, rng: np.random.Generator) -> tuple[IntArray, IntArray]:
    """Widths from 0, a pruned edge, to all bits of the channel; entries of up to 10 bits, some all the same."""
    bits = np.array([kif.bits for kif in inputs])
    widths = np.minimum(rng.integers(0, MOST_BITS + 1, (len(inputs), c_out)), bits[:, None])
    widths[rng.random(widths.shape) < 0.2] = 0
    tables = np.zeros((*widths.shape, 1 << int(widths.max(initial=0))), dtype=np.int64)
    for i, o in np.argwhere(widths > 0):
        size, most = 1 << int(widths[i, o]), 1 << int(rng.integers(0, 10))
        tables[i, o, :size] = rng.integers(-most, most + 1, size if rng.random() < 0.9 else 1)
    return widths, tables
