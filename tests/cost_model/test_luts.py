"""LUTs counted by hand: tables, adders, saturation, sharing."""

import numpy as np
import pytest
from networks import random_network

from trigger_lut.cost_model import luts as surrogate
from trigger_lut.cost_model.delay import DelayModel
from trigger_lut.cost_model.latency import network_cycles
from trigger_lut.cost_model.luts import LayerCost, adder_luts, conversion_luts, summarize, table_luts
from trigger_lut.cost_model.weights import COUNTED
from trigger_lut.errors import ConfigurationError
from trigger_lut.fixed_point.formats import KIF
from trigger_lut.network.lowering.adder_tree import plan_output
from trigger_lut.network.network import Network, TableLayer

NS = 2.5


def estimate(network, clock_period_ns, family="xcup"):
    """Every LUT as it is counted; the weights that were fitted to Yosys are left aside."""
    return surrogate.estimate(network, DelayModel(clock_period_ns, family), weights=COUNTED)


XOR = [0, 1, 1, 0]


def layer(inputs, tables, bias=None, overflow="WRAP", name="lut_dense_0"):
    """A layer from tables[i][o], each a list of 2**m entries ([] for a pruned edge), without fractional bits."""
    c_in, c_out = len(tables), len(tables[0])
    widths = np.array([[max(len(t), 1).bit_length() - 1 for t in row] for row in tables])
    packed = np.zeros((c_in, c_out, 1 << int(widths.max(initial=0))), dtype=np.int64)
    for i, row in enumerate(tables):
        for o, t in enumerate(row):
            packed[i, o, : len(t)] = t
    bias = np.zeros(c_out, dtype=np.int64) if bias is None else np.array(bias)
    return TableLayer(
        name, tuple(inputs), (overflow,) * c_in, widths, packed, bias, fraction_bits=np.zeros(c_out, np.int64)
    )


def network(*layers):
    built = Network(layers[0].inputs, layers)
    assert built.validate() == []
    return built


# ---------------------------------------------------------------- tables


@pytest.mark.parametrize(
    ("values", "luts"),
    [
        ([0, 0, 0, 0], 0),  # constant
        ([5, 5, 5, 5], 0),
        ([0, 1], 0),  # the address bit itself
        ([0, 1, 2, 3], 0),  # both address bits
        ([-4, -3, -2, -1], 0),  # the sign is constant
        ([0, 0, 0, 1], 1),  # AND
        ([1, 0], 0),  # NOT goes into what reads it
        (XOR, 1),
        ([0, 3, 3, 0], 1),  # two equal bits are built once
        ([-1, 0, 0, 0], 1),  # every bit up to the sign is the same
        ([0, 1, 3, 2], 1),  # Gray code: one bit is a wire
        ([0, 1, 1, 2], 2),  # half adder
        (list(np.eye(64, dtype=int)[63]), 1),  # six address bits: one LUT
    ],
)
def test_table_by_hand(values, luts):
    assert table_luts(np.array(values)) == luts


def parity(bits):
    return np.array([bin(n).count("1") & 1 for n in range(1 << bits)])


@pytest.mark.parametrize(("bits", "luts"), [(6, 1), (7, 2), (8, 2)])
def test_parity_has_two_cofactors(bits, luts):
    """Parity has two cofactors of any number of further inputs: even and odd."""
    assert table_luts(parity(bits)) == luts


def test_seven_bits_with_one_trivial_cofactor():
    values = np.concatenate([np.zeros(64, dtype=np.int64), parity(6)])
    assert table_luts(values) == 1


def test_unused_top_address_bit_costs_nothing():
    assert table_luts(np.tile(parity(6), 2)) == table_luts(parity(6)) == 1


def test_random_tables_cost_twice_as_much_at_seven_address_bits():
    rng = np.random.default_rng(3)
    six, seven = rng.integers(0, 256, 64), rng.integers(0, 256, 128)
    assert table_luts(six) == 8
    assert table_luts(seven) == 16


# ---------------------------------------------------------------- adders


def adders(*tables):
    return adder_luts(plan_output(layer([KIF(0, 2, 0)] * len(tables), [[t] for t in tables]), 0))


def test_adder_of_one_bit():
    """Two tables of 0..1: one LUT, the upper bit of the sum is the carry."""
    assert adders(XOR, XOR) == 1


def test_adder_is_where_both_operands_have_bits():
    fine, coarse, far = [0, 3, 1, 2], [0, 6, 2, 4], [0, 12, 4, 8]
    assert adders(fine, fine) == 2
    assert adders(fine, coarse) == 1
    assert adders(fine, far) == 0, "0..3 and multiples of 4 are a concatenation"


def test_adder_tree_of_four():
    """Four tables of 0..1: two sums of 0..2 (one LUT each), one of 0..4 (two LUTs)."""
    assert adders(XOR, XOR, XOR, XOR) == 1 + 1 + 2


def test_one_addend_needs_no_adder():
    assert adders(XOR) == 0


# ---------------------------------------------------------------- saturation


@pytest.mark.parametrize(
    ("codes", "kif", "luts"),
    [
        ((-4, 3, 0), KIF(1, 2, 0), 0),  # fits
        ((0, 7, 0), KIF(1, 3, 0), 0),
        ((0, 15, 0), KIF(0, 3, 0), 3 + 1),  # three bits to select, one overflow
        ((-8, 7, 0), KIF(1, 2, 0), 3 + 1),  # overflow on both sides: one LUT sees it
        ((-1024, 1023, 0), KIF(1, 2, 0), 3 + 2),  # eight bits above: two LUTs see it
        ((-8, 7, 1), KIF(1, 1, 3), 3 + 1),  # missing fractional bits are zeros and cost nothing
    ],
)
def test_saturation_by_hand(codes, kif, luts):
    assert conversion_luts(codes, kif) == luts


def chain(first, second_format, second_tables=((XOR,),)):
    tables = [list(row) for row in second_tables]
    return network(first, layer([second_format] * len(tables), tables, overflow="SAT", name="lut_dense_1"))


def test_saturation_counts_once_a_channel_that_is_read():
    first = layer([KIF(0, 2, 0)], [[[0, 9, 3, 5]] * 2])
    both = chain(first, KIF(0, 2, 0), [[XOR, XOR], [XOR, XOR]])
    one = chain(first, KIF(0, 2, 0), [[XOR, XOR], [[], []]])
    assert estimate(both, NS, "xcup").layers[1].saturation == 2 * conversion_luts((0, 9, 0), KIF(0, 2, 0)) == 6
    assert estimate(one, NS, "xcup").layers[1].saturation == 3


def test_no_saturation_where_the_bounds_fit():
    first = layer([KIF(0, 2, 0)], [[XOR]])
    assert estimate(chain(first, KIF(0, 2, 0)), NS, "xcup").layers[1].saturation == 0


# ---------------------------------------------------------------- layers and networks


def test_layer_by_hand():
    """Two tables of one LUT; the adder takes one, and absorbs one of the tables."""
    single = network(layer([KIF(0, 2, 0)] * 2, [[XOR], [XOR]]))
    cost = estimate(single, NS, "xcup")
    assert cost.layers == (LayerCost(tables=1.0, adders=1.0, saturation=0.0),)
    assert cost.luts == 2.0


def test_an_adder_absorbs_no_table_that_is_read_elsewhere():
    """Both tables are read by both outputs, so they stay: two tables, two adders."""
    single = network(layer([KIF(0, 2, 0)] * 2, [[XOR, XOR], [XOR, XOR]]))
    assert estimate(single, NS, "xcup").layers == (LayerCost(tables=2.0, adders=2.0, saturation=0.0),)


def test_an_adder_absorbs_no_table_of_six_address_bits():
    wide = parity(6).tolist()
    single = network(layer([KIF(0, 6, 0)] * 2, [[wide], [wide]]))
    assert estimate(single, NS, "xcup").layers == (LayerCost(tables=2.0, adders=1.0, saturation=0.0),)
    five = parity(5).tolist()
    single = network(layer([KIF(0, 5, 0)] * 2, [[five], [five]]))
    assert estimate(single, NS, "xcup").layers == (LayerCost(tables=1.0, adders=1.0, saturation=0.0),)


def test_equal_tables_of_one_channel_are_built_once():
    same = network(layer([KIF(0, 2, 0)], [[XOR, XOR]]))
    different = network(layer([KIF(0, 2, 0)], [[XOR, [0, 0, 0, 1]]]))
    assert estimate(same, NS, "xcup").luts == 1
    assert estimate(different, NS, "xcup").luts == 2


def test_equal_tables_of_two_channels_are_built_twice():
    apart = network(layer([KIF(0, 2, 0)] * 2, [[XOR, []], [[], XOR]]))
    assert estimate(apart, NS, "xcup").luts == 2


def test_tables_that_differ_by_a_constant_are_shared():
    single = network(layer([KIF(0, 2, 0)], [[XOR, [4, 5, 5, 4]]], bias=[0, -4]))
    assert estimate(single, NS, "xcup").luts == 1


def test_pruned_edges_are_free():
    single = network(layer([KIF(0, 2, 0)] * 2, [[[]], [[]]], bias=[7]))
    assert estimate(single, NS, "xcup").luts == 0
    assert estimate(single, NS, "xcup").latency_cycles == 1


def test_pruning_an_edge_never_costs_luts():
    whole = random_network(5, units=(5, 6, 3), prune=0.0)
    before = estimate(whole, NS, "xcup").luts
    for i, o in whole.layers[0].edges()[::5]:
        first = whole.layers[0]
        widths, tables = first.widths.copy(), first.tables.copy()
        widths[i, o], tables[i, o] = 0, 0
        pruned = TableLayer(
            first.name, first.inputs, first.overflow, widths, tables, first.bias, fraction_bits=first.fraction_bits
        )
        assert estimate(Network(whole.inputs, (pruned, *whole.layers[1:])), NS, "xcup").layers[0].luts < before


@pytest.mark.parametrize("seed", range(4))
def test_total_is_sum_of_parts_and_latency_of_the_delay_model(seed):
    drawn = random_network(seed)
    cost = estimate(drawn, NS, "xc7")
    assert cost.luts == sum(c.tables + c.adders + c.saturation for c in cost.layers)
    assert cost.latency_cycles == network_cycles(drawn, DelayModel(NS, "xc7"))
    assert all(c.tables > 0 and c.adders > 0 for c in cost.layers)


def test_a_faster_clock_takes_more_cycles_and_the_same_luts():
    drawn = random_network(1, units=(8, 6, 3), prune=0.0)
    slow, fast = estimate(drawn, 10.0, "xcup"), estimate(drawn, 1.2, "xcup")
    assert slow.luts == fast.luts
    assert slow.latency_cycles < fast.latency_cycles


def test_unknown_family():
    with pytest.raises(ConfigurationError, match=r"^no delays for family 'xcupp'; nearest: 'xcup'"):
        estimate(random_network(0), NS, "xcupp")


def test_summary_counts_every_edge():
    single = layer([KIF(0, 2, 0)] * 2, [[XOR, []], [[0, 3, 1, 2], [0, 4]]])
    assert summarize(single) == ([1, 1, 2], [1, 1, 1, 1])
    for seed in range(3):
        form = random_network(seed).layers[0]
        inputs, outputs = summarize(form)
        assert sum(inputs) == sum(outputs) == form.widths.size
        assert inputs[0] == (form.widths == 0).sum()
