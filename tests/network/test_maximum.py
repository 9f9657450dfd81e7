"""Layers that choose the largest of values: against plain Python, inconsistencies, what is pruned, what it takes."""

from __future__ import annotations

import dataclasses
from fractions import Fraction

import networks
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trigger_lut.cost_model.delay import DelayModel
from trigger_lut.cost_model.latency import network_cycles
from trigger_lut.cost_model.luts import estimate, summarize
from trigger_lut.cost_model.weights import COUNTED
from trigger_lut.fixed_point.formats import KIF
from trigger_lut.network.network import PADDING, MaxLayer, Network, load_network, save_network
from trigger_lut.network.reference_model import evaluate
from trigger_lut.network.simplify import with_proven_overflow, without_unread

FORMATS = st.builds(lambda k, i, bits: KIF(k, i, bits - i), st.integers(0, 1), st.integers(-2, 3), st.integers(1, 5))


def largest(inputs, output_of, gather_index=None, overflow="SAT", rounding="TRN", formats=None) -> Network:
    """A network of one selection; its formats are those of the inputs at its gather_index where none are given."""
    output_of = np.array(output_of)
    gather_index = np.arange(len(inputs))[None] if gather_index is None else np.array(gather_index)
    formats = tuple(formats or (inputs[v] for v in gather_index[0]))
    fraction = np.array(
        [
            max([f.f for f, p in zip(formats, output_of, strict=True) if p == o], default=0)
            for o in range(max(output_of) + 1)
        ]
    )
    layer = MaxLayer(
        "largest",
        formats,
        (overflow,) * len(formats),
        output_of,
        fraction_bits=fraction,
        gather_index=gather_index,
        rounding=rounding,
    )
    network = Network(tuple(inputs), (layer,))
    assert network.validate() == []
    return network


@given(st.lists(FORMATS, min_size=1, max_size=6), st.data())
def test_equals_python_s_max(inputs, data):
    output_of = data.draw(st.lists(st.integers(0, 2), min_size=len(inputs), max_size=len(inputs)))
    network = largest(inputs, [*output_of[:-1], 2])
    codes = [data.draw(st.integers(f.lo, f.hi)) for f in inputs]
    reals = [Fraction(c) / Fraction(2) ** f.f for c, f in zip(codes, inputs, strict=True)]
    (outputs,) = evaluate(network, np.array([codes]))
    for o, z in enumerate(outputs.tolist()):
        chosen = [r for r, entered in zip(reals, [*output_of[:-1], 2], strict=True) if entered == o]
        assert Fraction(z) / Fraction(2) ** int(network.layers[0].fraction_bits[o]) == max(chosen, default=0)
        lo, hi, _ = network.ranges.one(len(inputs) + o)
        assert lo <= z <= hi


def test_padding_is_0_and_a_repeated_value_changes_nothing():
    kif = KIF(1, 3, 0)
    codes = np.array([[-5, -2, 3], [-1, -7, -8]])
    network = largest([kif] * 3, [0, 0, 0], [[0, 1, 0], [0, 1, PADDING], [2, 2, 2]])
    assert evaluate(network, codes).tolist() == [[-2, 0, 3], [-1, 0, -8]]


def test_inconsistencies_are_found():
    network = largest([KIF(1, 2, 1), KIF(1, 2, 2)], [0, 1])
    (layer,) = network.layers

    def problems(**changes):
        return Network(network.inputs, (dataclasses.replace(layer, **changes),)).validate()

    assert problems(output_of=np.array([0, 2])) == ["largest: channel 1: enters output 2 of 2"]
    assert problems(fraction_bits=np.array([1, 1])) == [
        "largest: channel 1: fixed<5,3> has more fraction bits than the 1 of output 1"
    ]
    assert problems(overflow=("SAT", "CLIP")) == ["largest: channel 1: overflow 'CLIP'"]
    assert problems(inputs=layer.inputs[:1])[0] == "largest: 2 channels, 1 formats, 2 overflow modes"
    narrow = dataclasses.replace(layer, inputs=(KIF(1, 1, 1), KIF(1, 2, 2)), overflow=("WRAP", "WRAP"))
    assert Network(network.inputs, (narrow,)).overflow_risks() == [
        "largest: channel 0 may wrap: codes -8..7 at f=1 into fixed<3,2>"
    ]


def test_unread_outputs_and_proven_saturation_are_removed():
    inputs = [KIF(1, 2, 1), KIF(1, 2, 2), KIF(1, 1, 1)]
    network = dataclasses.replace(largest(inputs, [0, 1, 1]), outputs=np.array([4]))
    codes = networks.random_codes(network, 50)
    (layer,) = without_unread(network).layers
    assert layer.output_of.tolist() == [-1, 1, 1]
    assert (layer.used_channels().tolist(), layer.live_edges, layer.overflow) == ([1, 2], 2, ("WRAP",) * 3)
    assert (evaluate(without_unread(network), codes) == evaluate(network, codes)).all()
    clipped = largest(inputs, [0, 1, 1], formats=[KIF(1, 1, 1), *inputs[1:]])
    assert with_proven_overflow(clipped).layers[0].overflow == ("SAT", "WRAP", "WRAP")
    assert summarize(layer) == ([1, 0, 0, 1, 0, 1], [1, 0, 0, 0, 1, 1])


def test_reads_back_as_it_was(tmp_path):
    network = networks.random_graph(3)
    save_network(network, tmp_path / "n.npz")
    again, layer = load_network(tmp_path / "n.npz").layers[3], network.layers[3]
    assert isinstance(again, MaxLayer)
    for field in dataclasses.fields(MaxLayer):
        assert np.array_equal(getattr(again, field.name), getattr(layer, field.name)), field.name


def luts(network: Network) -> float:
    return estimate(network, DelayModel(2.5, "xcup"), weights=COUNTED).luts


@pytest.mark.parametrize(
    ("formats", "count"),
    [
        ([KIF(0, 4, 0)] * 2, 5 + 4),  # difference with its sign, and a choice per bit
        ([KIF(0, 4, 0)], 0),
        ([KIF(0, 4, 0)] * 4, 3 * 9),
        ([KIF(0, 4, 0), KIF(0, 4, 2)], 5 + 6),  # the low bits of one are chosen, but not compared
    ],
)
def test_luts_by_hand(formats, count):
    assert luts(largest(formats, [0] * len(formats))) == count


def test_what_is_read_twice_or_never_the_largest_costs_nothing():
    unsigned, below = KIF(0, 4, 0), KIF(1, 4, 0)
    assert luts(largest([unsigned], [0, 0, 0], [[0, 0, 0]])) == 0
    assert luts(largest([unsigned, unsigned], [0, 0, 0], [[0, 1, PADDING]])) == 9, "none is below 0"
    assert luts(largest([below], [0, 0], [[0, PADDING]])) == 0, "a ReLU"


def test_depth_grows_with_the_logarithm():
    cycles = [
        network_cycles(largest([KIF(1, 4, 0)] * n, [0] * n), DelayModel(2.5, "xcup")) for n in (1, 2, 4, 8, 16, 32)
    ]
    assert cycles[0] == cycles[1] == 1
    assert cycles == sorted(cycles)
    assert network_cycles(largest([KIF(1, 4, 0)] * 32, [0] * 32), DelayModel(0.8, "xcup")) == 10, (
        "a comparison, a choice, five times"
    )
