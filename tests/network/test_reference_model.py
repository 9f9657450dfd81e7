"""The integer model against a model in exact rationals, one vector at a time."""

from __future__ import annotations

import dataclasses
import math
import time
from fractions import Fraction

import networks
import numpy as np
import pytest

from trigger_lut.errors import DataError
from trigger_lut.fixed_point.formats import KIF
from trigger_lut.network import reference_model
from trigger_lut.network.network import LinearLayer, MaxLayer, Network, TableLayer


def by_hand(network: Network, vector: list[int]) -> list[int]:
    """The formulas of network/layers.py with Python's rationals; no shifts, no NumPy arithmetic."""
    reals = [Fraction(int(c)) / Fraction(2) ** kif.f for c, kif in zip(vector, network.inputs, strict=True)]
    codes, start = [int(c) for c in vector], 0
    for layer in network.layers:
        first, start = start, len(codes)
        gather_index = [list(range(first, start))] if layer.gather_index is None else layer.gather_index.tolist()
        for site in gather_index:
            if isinstance(layer, MaxLayer):
                outputs = largest_by_hand(layer, [reals[v] if v >= 0 else Fraction(0) for v in site])
                codes += outputs
                reals += [
                    Fraction(z) / Fraction(2) ** int(f) for z, f in zip(outputs, layer.fraction_bits, strict=True)
                ]
                continue
            outputs = [int(b) for b in layer.bias]
            for i, kif in enumerate(layer.inputs):
                code = converted(
                    reals[site[i]] if site[i] >= 0 else Fraction(0), kif, layer.overflow[i], layer.rounding
                )
                for o in range(layer.shape[1]):
                    if isinstance(layer, LinearLayer):
                        outputs[o] += int(layer.weights[i, o]) * code
                    elif m := int(layer.widths[i, o]):
                        outputs[o] += int(layer.table(i, o)[(code - kif.lo) // 2 ** (kif.bits - m)])
            if isinstance(layer, LinearLayer) and layer.relu:
                outputs = [max(z, 0) for z in outputs]
            codes += outputs
            reals += [Fraction(z) / Fraction(2) ** int(f) for z, f in zip(outputs, layer.fraction_bits, strict=True)]
    wanted = range(start, len(codes)) if network.outputs is None else network.outputs
    return [codes[v] for v in wanted]


def largest_by_hand(layer: MaxLayer, read: list[Fraction]) -> list[int]:
    entered: list[list[Fraction]] = [[] for _ in layer.fraction_bits]
    for i, (real, kif) in enumerate(zip(read, layer.inputs, strict=True)):
        code = converted(real, kif, layer.overflow[i], layer.rounding)
        if layer.output_of[i] >= 0:
            entered[layer.output_of[i]].append(Fraction(code) / Fraction(2) ** kif.f)
    largest = [
        max(reals, default=Fraction(0)) * Fraction(2) ** int(f)
        for reals, f in zip(entered, layer.fraction_bits, strict=True)
    ]
    assert all(z.denominator == 1 for z in largest)
    return [int(z) for z in largest]


def converted(real: Fraction, kif: KIF, overflow: str, rounding: str) -> int:
    code = math.floor(real * Fraction(2) ** kif.f + (Fraction(1, 2) if rounding == "RND" else 0))
    if overflow == "SAT":
        return min(max(code, kif.lo), kif.hi)
    if overflow == "SAT_SYM":
        return min(max(code, -kif.hi if kif.k else 0), kif.hi)
    assert kif.lo <= code <= kif.hi, "WRAP is proven"
    return code


@pytest.mark.parametrize("seed", range(20))
def test_equals_exact_rationals(seed):
    network = networks.random_network(seed)
    codes = networks.random_codes(network, 40, seed)
    assert reference_model.evaluate(network, codes).tolist() == [by_hand(network, v) for v in codes.tolist()]


@pytest.mark.parametrize("seed", range(20))
def test_a_graph_equals_exact_rationals(seed):
    network = networks.random_graph(seed)
    assert network.validate() == []
    codes = networks.random_codes(network, 40, seed)
    assert reference_model.evaluate(network, codes).tolist() == [by_hand(network, v) for v in codes.tolist()]


def test_every_value_stays_within_its_range():
    for seed in range(10):
        network = networks.random_graph(seed)
        values = reference_model.all_values(network, networks.random_codes(network, 500, seed))
        assert (values >= network.ranges.lo).all()
        assert (values <= network.ranges.hi).all()


def test_a_flipped_bit_is_seen():
    network = networks.random_network(3)
    codes = networks.random_codes(network, 500)
    layer = network.layers[-1]
    i, o = layer.edges()[0]
    tables = layer.tables.copy()
    tables[i, o, : 1 << int(layer.widths[i, o])] ^= 1
    broken = dataclasses.replace(network, layers=(*network.layers[:-1], dataclasses.replace(layer, tables=tables)))
    difference = reference_model.evaluate(network, codes) != reference_model.evaluate(broken, codes)
    assert difference[:, o].all()
    assert not np.delete(difference, o, axis=1).any()


def test_chunks_join_up(monkeypatch):
    network = networks.random_network(5)
    codes = networks.random_codes(network, 100)
    whole = reference_model.evaluate(network, codes)
    monkeypatch.setattr(reference_model, "CHUNK", 7)
    assert np.array_equal(reference_model.evaluate(network, codes), whole)


def test_wrap_is_modular():
    """WRAP is allowed only where nothing wraps; the model still does what the word says."""
    layer = TableLayer(
        name="wraps",
        inputs=(KIF(1, 1, 0),),
        overflow=("WRAP",),
        widths=np.array([[2]]),
        tables=np.array([[[10, 11, 12, 13]]]),
        bias=np.array([0]),
        fraction_bits=np.array([0]),
    )
    network = Network((KIF(1, 2, 0),), (layer,))
    assert reference_model.evaluate(network, np.arange(-4, 4)[:, None])[:, 0].tolist() == [
        12,
        13,
        10,
        11,
        12,
        13,
        10,
        11,
    ]


def test_no_vectors_and_all_pruned():
    network = networks.random_network(1, prune=1.0)
    codes = networks.random_codes(network, 3)
    assert reference_model.evaluate(network, codes).tolist() == [network.layers[-1].bias.tolist()] * 3
    assert reference_model.evaluate(network, codes[:0]).shape == (0, 3)


def test_refuses_what_is_not_a_code():
    network = networks.random_network(0)
    codes = networks.random_codes(network, 5)
    kif = network.inputs[2]
    bad = codes.copy()
    bad[3, 2] = kif.hi + 1
    with pytest.raises(DataError) as caught:
        reference_model.evaluate(network, bad)
    assert str(caught.value) == (
        f"codes: channel 2 (x2), vector 3: {kif.hi + 1} is outside {kif}, "
        f"whose codes are {kif.lo}..{kif.hi} (1 such values)"
    )
    with pytest.raises(DataError, match=r"^codes: expected shape \(vectors, 4\), found \(5, 3\)$"):
        reference_model.evaluate(network, codes[:, :3])
    with pytest.raises(DataError, match=r"^codes: expected integers, found float64$"):
        reference_model.evaluate(network, codes.astype(float))


def test_fast_enough_for_100_000_vectors():
    network = networks.random_network(0, (16, 20, 5), prune=0.0)
    codes = networks.random_codes(network, 100_000)
    start = time.perf_counter()
    reference_model.evaluate(network, codes)
    assert time.perf_counter() - start < 20
