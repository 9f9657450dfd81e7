"""Simplification changes none of a network's outputs."""

import dataclasses

import numpy as np
import pytest
from networks import random_codes, random_graph, random_network

from trigger_lut.fixed_point.formats import KIF
from trigger_lut.network.network import LinearLayer, Network, TableLayer, with_layer
from trigger_lut.network.reachability import address_bits, code_ranges, entries_in_firmware, reachable
from trigger_lut.network.reference_model import all_values, channel_codes, evaluate
from trigger_lut.network.simplify import with_proven_overflow, without_unread

WAYS = {
    "overflow": with_proven_overflow,
    "unread": without_unread,
    "all": lambda network: without_unread(with_proven_overflow(network)),
}


def looked_up(layer, codes, i, o):
    return reachable(layer.inputs[i], int(layer.widths[i, o]), codes=codes[i].tolist())


def edges(network):
    return sum(layer.live_edges for layer in network.layers)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("seed", range(12))
def test_outputs_stay_the_same(seed, way):
    for network in (random_graph(seed), random_network(seed)):
        codes = random_codes(network, 400, seed)
        after = WAYS[way](network)
        assert after.validate() == []
        steps = np.maximum(network.fractions, after.fractions)
        before, now = (evaluate(n, codes) * 2.0 ** (steps - n.fractions).astype(np.float64) for n in (network, after))
        np.testing.assert_array_equal(now, before)
        assert edges(after) <= edges(network)


@pytest.mark.parametrize(("overflow", "after"), [("SAT_SYM", "SAT_SYM"), ("SAT", "WRAP")])
def test_symmetric_saturation_stays_if_the_lowest_code_can_occur(overflow, after):
    kif = KIF(1, 2, 0)
    layer = LinearLayer("one", (kif,), (overflow,), np.array([[1]]), np.array([0]), fraction_bits=np.array([0]))
    network = Network((kif,), (layer,))
    simplified = with_proven_overflow(network)
    assert simplified.layers[0].overflow == (after,)
    lowest = np.array([[kif.lo]])
    assert (
        evaluate(simplified, lowest).tolist()
        == evaluate(network, lowest).tolist()
        == [[-3 if after == overflow else -4]]
    )
    narrow = Network((KIF(1, 1, 0),), (layer,))
    assert with_proven_overflow(narrow).layers[0].overflow == ("WRAP",)


def test_a_wrong_simplification_is_seen():
    network = random_network(0)
    codes = random_codes(network, 400)
    layer = network.layers[0]
    wrong = with_layer(network, 0, tables=np.roll(layer.tables, 1, axis=2) * (layer.tables != 0))
    assert (evaluate(wrong, codes) != evaluate(network, codes)).any()


def chain(tables, hidden, head):
    """One input of two bits, one hidden value with `tables`, a table `head` on it in format `hidden`."""
    first = TableLayer(
        "first",
        (KIF(0, 2, 0),),
        ("WRAP",),
        np.array([[2]]),
        np.array([[tables]]),
        np.array([0]),
        fraction_bits=np.array([0]),
    )
    bits = len(head).bit_length() - 1
    last = TableLayer(
        "last", (hidden,), ("SAT",), np.array([[bits]]), np.array([[head]]), np.array([0]), fraction_bits=np.array([0])
    )
    return Network((KIF(0, 2, 0),), (first, last))


def test_unreachable_entries_are_not_in_firmware():
    network = chain([1, 2, 2, 1], KIF(0, 3, 0), [7, 1, 2, 9, 9, 9, 9, 0])
    assert address_bits(network.layers[1], network.input_ranges(1)).tolist() == [[2]]
    codes = code_ranges(network.layers[1], network.input_ranges(1))
    assert looked_up(network.layers[1], codes, i=0, o=0) == (1, 2, 1)
    assert entries_in_firmware(network.layers[1], codes, i=0, o=0).tolist() == [1, 1, 2, 2]


def test_signed_windows_keep_the_sign():
    network = chain([-1, 0, 0, -1], KIF(1, 2, 0), [1, 2, 3, 4, 5, 6, 7, 8])
    codes = code_ranges(network.layers[1], network.input_ranges(1))
    assert entries_in_firmware(network.layers[1], codes, i=0, o=0).tolist() == [3, 4], "-1 and 0: one bit, the sign"


def test_zeros_at_the_end_of_a_coarser_value_are_no_address_bits():
    """-1, 0 and 1 in steps of 4: of 16 entries three are reached."""
    network = chain([-1, 0, 1, 0], KIF(1, 1, 2), list(range(8)))
    codes = code_ranges(network.layers[1], network.input_ranges(1))
    assert codes.tolist() == [[-4, 4, 2]]
    network = chain([-1, 0, 1, 0], KIF(1, 2, 2), list(range(32)))
    codes = code_ranges(network.layers[1], network.input_ranges(1))
    assert looked_up(network.layers[1], codes, i=0, o=0) == (12, 20, 4)
    assert entries_in_firmware(network.layers[1], codes, i=0, o=0).tolist() == [12, 12, 16, 20]
    assert address_bits(network.layers[1], network.input_ranges(1)).tolist() == [[2]]


@pytest.mark.parametrize("seed", range(8))
def test_what_is_looked_up_is_reachable(seed):
    network = random_graph(seed)
    values = all_values(network, random_codes(network, 400, seed))
    for n, layer in enumerate(network.layers):
        if not isinstance(layer, TableLayer):
            continue
        codes = code_ranges(layer, network.input_ranges(n))
        channels = np.concatenate([channel_codes(network, n, values=values, place=p) for p in range(layer.n_positions)])
        for i, o in layer.edges():
            kif = layer.inputs[i]
            address = (channels[:, i] - kif.lo) >> (kif.bits - int(layer.widths[i, o]))
            first, last, step = looked_up(layer, codes, i=i, o=o)
            assert first <= address.min() <= address.max() <= last
            assert ((address - first) % step == 0).all()
            assert set(np.unique(address)) <= set(entries_in_firmware(layer, codes, i=i, o=o).tolist())


def test_a_value_read_at_one_place_only_is_kept():
    network = random_graph(1)
    windows = network.layers[0]
    read = dataclasses.replace(network, outputs=np.array([network.first_value[0]]))
    assert without_unread(read).layers[0].widths[:, 0].tolist() == windows.widths[:, 0].tolist()
    assert not without_unread(read).layers[2].weights.any(), "nothing reads the arithmetic layer"
