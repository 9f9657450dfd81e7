"""Random integer networks, drawn layer by layer without Keras: what no layer of Keras gives, formats give too."""

from __future__ import annotations

from typing import Any

import numpy as np

from trigger_lut.fixed_point.formats import KIF, IntArray
from trigger_lut.network.back_ends import KINDS, RANDOM_LAYER
from trigger_lut.network.network import PADDING, IntegerLayer, LinearLayer, MaxLayer, Network, TableLayer
from trigger_lut.verification import layer_kinds as _layer_kinds  # noqa: F401 (registers added kinds)

MOST_BITS = 10
WIDEST = 34  # bits of a value: a sum of weighted values keeps away from 64
OVERFLOWS = ("WRAP", "SAT", "SAT_SYM")
WEIGHTS = {"tables": 0.6, "linear": 0.25, "max": 0.15}
"""Frequency of each kind of layer."""


def draw_format(rng: np.random.Generator) -> KIF:
    """Draw a format: signed or not, 1 to 10 bits, with the binary point anywhere from above the format to below it."""
    k = int(rng.integers(2))
    bits = int(rng.integers(1 + k, MOST_BITS + 1))
    i = int(rng.integers(-2, bits + 2)) - k
    return KIF(k, i, bits - k - i)


def draw_network(rng: np.random.Generator) -> Network:
    """Draw one to three layers of any kind at one to three places; they read any values before them, and padding."""
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


def _layer(network: Network, n: int, rng: np.random.Generator) -> IntegerLayer:
    known = network.first_value[-1]
    c_in, c_out, places = (int(rng.integers(1, most)) for most in (6, 5, 4))
    gather_index = rng.integers(0, known, (places, c_in))
    gather_index[rng.random(gather_index.shape) < 0.1] = PADDING
    inputs = tuple(draw_format(rng) for _ in range(c_in))
    overflow = tuple(map(str, rng.choice(OVERFLOWS, c_in)))
    rounding = str(rng.choice(["TRN", "RND"]))
    weights = np.array([WEIGHTS.get(name, 0.15) for name in KINDS])
    name = str(rng.choice(list(KINDS), p=weights / weights.sum()))
    layer: IntegerLayer = RANDOM_LAYER.of(KINDS[name])(
        rng,
        c_out,
        name=f"{name}_{n}",
        inputs=inputs,
        overflow=overflow,
        gather_index=gather_index,
        rounding=rounding,
    )
    return layer


@RANDOM_LAYER.register(MaxLayer)
def _random_max(rng: np.random.Generator, c_out: int, **common: Any) -> MaxLayer:
    rng.integers(-2, 6, c_out)  # drawn by the other kinds: a seed gives the same networks as in earlier versions
    output_of = rng.integers(-1, c_out, len(common["inputs"]))
    finest = max(kif.f for kif in common["inputs"])
    return MaxLayer(output_of=output_of, fraction_bits=finest + rng.integers(0, 3, c_out), **common)


@RANDOM_LAYER.register(LinearLayer)
def _random_linear(rng: np.random.Generator, c_out: int, **common: Any) -> LinearLayer:
    shape = len(common["inputs"]), c_out
    fraction_bits, bias = _sums(rng, c_out)
    weights = rng.integers(-9, 10, shape) << rng.integers(0, 4, shape)
    weights[rng.random(weights.shape) < 0.3] = 0
    relu = bool(rng.random() < 0.5)
    return LinearLayer(weights=weights, bias=bias, relu=relu, fraction_bits=fraction_bits, **common)


@RANDOM_LAYER.register(TableLayer)
def _random_tables(rng: np.random.Generator, c_out: int, **common: Any) -> TableLayer:
    fraction_bits, bias = _sums(rng, c_out)
    widths, tables = _tables(common["inputs"], c_out, rng)
    return TableLayer(widths=widths, tables=tables, bias=bias, fraction_bits=fraction_bits, **common)


def _sums(rng: np.random.Generator, c_out: int) -> tuple[IntArray, IntArray]:
    """Draw fraction bits and biases of the outputs."""
    return rng.integers(-2, 6, c_out), rng.integers(-20, 20, c_out) * rng.integers(0, 2, c_out)


def _tables(inputs: tuple[KIF, ...], c_out: int, rng: np.random.Generator) -> tuple[IntArray, IntArray]:
    """Draw widths from 0, a pruned edge, to all bits of the channel, and entries of up to 10 bits, some constant."""
    bits = np.array([kif.bits for kif in inputs])
    widths = np.minimum(rng.integers(0, MOST_BITS + 1, (len(inputs), c_out)), bits[:, None])
    widths[rng.random(widths.shape) < 0.2] = 0
    tables = np.zeros((*widths.shape, 1 << int(widths.max(initial=0))), dtype=np.int64)
    for i, o in np.argwhere(widths > 0):
        size, most = 1 << int(widths[i, o]), 1 << int(rng.integers(0, 10))
        tables[i, o, :size] = rng.integers(-most, most + 1, size if rng.random() < 0.9 else 1)
    return widths, tables
