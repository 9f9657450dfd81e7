"""Bits that count as unread change no output, ever; what is read and kept is what the integers say."""

import dataclasses

import networks
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trigger_lut.fixed_point.formats import KIF, wrap
from trigger_lut.network.input_usage import input_reads
from trigger_lut.network.network import LinearLayer, MaxLayer, Network, TableLayer, with_layer
from trigger_lut.network.reference_model import evaluate
from trigger_lut.verification.fuzz.random_networks import draw_network

EIGHT = KIF(1, 3, 4)


def tables(widths, entries, inputs=(EIGHT,), gather_index=None, overflow="WRAP"):
    widths = np.array(widths, dtype=np.int64)
    contents = np.zeros((*widths.shape, 1 << int(widths.max())), dtype=np.int64)
    for (i, o), values in entries.items():
        contents[i, o, : len(values)] = values
    c_out = widths.shape[1]
    zero = np.zeros(c_out, dtype=np.int64)
    return TableLayer(
        "tables",
        inputs,
        (overflow,) * len(inputs),
        widths,
        contents,
        zero,
        fraction_bits=zero,
        gather_index=gather_index,
    )


def flipped(network, codes, channel, bit):
    """Codes with a bit of one channel flipped; bit: its place from the most significant on."""
    kif, changed = network.inputs[channel], codes.copy()
    unsigned = changed[:, channel] & ((1 << kif.bits) - 1)
    changed[:, channel] = wrap(unsigned ^ (1 << (kif.bits - 1 - bit)), kif)
    return changed


@settings(deadline=None, max_examples=150)
@given(st.integers(0, 10**9), st.sampled_from(["drawn", "chain", "graph"]))
def test_an_unread_bit_changes_no_output_ever(seed, kind):
    if kind == "drawn":
        network = draw_network(np.random.default_rng(seed))
    else:
        network = networks.random_network(seed) if kind == "chain" else networks.random_graph(seed)
    codes = networks.random_codes(network, 60, seed)
    expected = evaluate(network, codes)
    for channel, reads in enumerate(input_reads(network)):
        for bit in np.flatnonzero(~reads.bits):
            outputs = evaluate(network, flipped(network, codes, channel, bit))
            np.testing.assert_array_equal(outputs, expected, f"channel {channel}, bit {bit}")


def test_random_networks_have_read_and_unread_bits():
    """The property above is not empty: in the same networks a read bit does change outputs, mostly."""
    changed = total = unread = 0
    for seed in range(30):
        network = networks.random_network(seed)
        codes = networks.random_codes(network, 200, seed)
        for channel, reads in enumerate(input_reads(network)):
            unread += int((~reads.bits).sum())
            for bit in np.flatnonzero(reads.bits):
                total += 1
                changed += (evaluate(network, flipped(network, codes, channel, bit)) != evaluate(network, codes)).any()
    assert unread > 20
    assert total > 200
    assert changed / total > 0.95


def test_an_address_of_three_bits_reads_the_three_highest():
    network = Network((EIGHT,), (tables([[3]], {(0, 0): [0, 1, 5, 2, 7, 3, 4, 6]}),))
    (reads,) = input_reads(network)
    assert reads.bits.tolist() == [True] * 3 + [False] * 5
    assert reads.kept == reads.possible == {(0, 0, 0)}


def test_table_that_ignores_a_middle_bit_does_not_read_it():
    network = Network((EIGHT,), (tables([[3]], {(0, 0): [0, 1, 0, 1, 7, 8, 7, 8]}),))
    (reads,) = input_reads(network)
    assert reads.bits.tolist() == [True, False, True] + [False] * 5
    one_entry = Network((EIGHT,), (tables([[3]], {(0, 0): [0, 1, 0, 1, 7, 8, 7, 9]}),))
    assert input_reads(one_entry)[0].bits[1], "negative control: one other entry, and the bit is read"


def test_a_constant_table_and_a_pruned_edge_read_nothing():
    network = Network((EIGHT, EIGHT), (tables([[2, 0], [0, 0]], {(0, 0): [3, 3, 3, 3]}, (EIGHT, EIGHT)),))
    first, second = input_reads(network)
    assert not first.bits.any()
    assert not second.bits.any()
    assert (len(first.kept), len(first.possible)) == (1, 2)
    assert (len(second.kept), len(second.possible)) == (0, 2)


def test_a_table_whose_output_nothing_reads_does_not_count():
    layer = tables([[3, 2]], {(0, 0): range(8), (0, 1): range(4)})
    (both,) = input_reads(Network((EIGHT,), (layer,)))
    (one,) = input_reads(Network((EIGHT,), (layer,), outputs=np.array([2])))
    assert (both.bits.sum(), one.bits.sum()) == (3, 2)
    assert one.kept == {(0, 0, 1)}


def test_arithmetic_reads_what_its_conversion_leaves():
    narrow = KIF(0, 2, 1)
    layer = LinearLayer("sum", (narrow,), ("WRAP",), np.array([[5]]), np.array([0]), fraction_bits=np.array([1]))
    (reads,) = input_reads(Network((EIGHT,), (layer,)))
    assert reads.bits.tolist() == [False, False, True, True, True, False, False, False], "wrapped and rounded down"
    (saturated,) = input_reads(Network((EIGHT,), (dataclasses.replace(layer, overflow=("SAT",)),)))
    assert saturated.bits.tolist() == [True] * 5 + [False] * 3, "saturation reads the high bits"
    (rounded,) = input_reads(Network((EIGHT,), (dataclasses.replace(layer, rounding="RND"),)))
    assert rounded.bits.tolist() == [False, False, True, True, True, True, False, False], "half up reads one more"
    (unread,) = input_reads(Network((EIGHT,), (dataclasses.replace(layer, weights=np.array([[0]])),)))
    assert not unread.bits.any()
    assert (len(unread.kept), len(unread.possible)) == (0, 1)


def test_selection_and_network_output_read_all_bits():
    layer = MaxLayer("max", (EIGHT, EIGHT), ("WRAP",) * 2, np.array([0, -1]), fraction_bits=np.array([4]))
    entered, left_out = input_reads(Network((EIGHT, EIGHT), (layer,)))
    assert entered.bits.all()
    assert not left_out.bits.any()
    passed = Network((EIGHT, EIGHT), (layer,), outputs=np.array([2, 1]))
    assert input_reads(passed)[1].bits.all()
    assert not input_reads(passed)[1].kept


def test_a_window_that_is_shared_reads_each_of_its_places():
    gather_index = np.array([[0, 1], [1, 2], [2, -1]])
    layer = tables([[2], [0]], {(0, 0): [0, 3, 1, 2]}, (EIGHT, EIGHT), gather_index)
    channels = input_reads(Network((EIGHT,) * 3, (layer,)))
    assert [reads.bits.sum() for reads in channels] == [2, 2, 2]
    assert [reads.kept for reads in channels] == [{(0, 0, 0)}] * 3
    second = input_reads(
        Network(
            (EIGHT,) * 3,
            (dataclasses.replace(layer, widths=layer.widths[::-1].copy(), tables=layer.tables[::-1].copy()),),
        )
    )
    assert [reads.bits.sum() for reads in second] == [0, 2, 2]


@pytest.mark.parametrize("seed", range(5))
def test_a_removed_edge_reads_no_more_than_before(seed):
    network = networks.random_network(seed)
    layer = network.layers[0]
    i, o = layer.edges()[0]
    widths, entries = layer.widths.copy(), layer.tables.copy()
    widths[i, o], entries[i, o] = 0, 0
    fewer = input_reads(with_layer(network, 0, widths=widths, tables=entries[:, :, : 1 << int(widths.max())]))
    before = input_reads(network)
    assert all((a.bits <= b.bits).all() for a, b in zip(fewer, before, strict=True))
    assert len(before[i].kept) - len(fewer[i].kept) == 1
