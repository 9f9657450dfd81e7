"""Every entry of every table is looked up, or proven beyond reach; what is called unreachable is never reached."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from networks import random_codes, random_network

from trigger_lut.fixed_point.formats import KIF
from trigger_lut.network.network import LinearLayer, Network, TableLayer
from trigger_lut.network.reference_model import all_values
from trigger_lut.verification import table_coverage
from trigger_lut.verification.code_sets import WIDEST, possible
from trigger_lut.verification.input_search import Solver
from trigger_lut.verification.table_coverage import open_entries, vectors_for_entries


def dense(name, kifs, widths, tables, bias, overflow="SAT"):
    c_out = len(bias)
    return TableLayer(
        name,
        tuple(kifs),
        (overflow,) * len(kifs),
        np.array(widths, dtype=np.int64),
        np.array(tables, dtype=np.int64),
        np.array(bias, dtype=np.int64),
        fraction_bits=np.zeros(c_out, dtype=np.int64),
    )


@pytest.fixture
def deep():
    """Two inputs of 3 bits, each table even: the second layer, whose channel is read whole, meets even codes alone."""
    inputs = (KIF(0, 3, 0), KIF(0, 3, 0))
    even = [[[0, 2, 4, 6, 8, 10, 12, 14]], [[0, 16, 32, 48, 64, 80, 96, 112]]]
    first = dense("first", inputs, [[3], [3]], even, [0])
    second = dense("second", (KIF(0, 7, 0),), [[7]], [[list(range(128))]], [0])
    return Network(inputs, (first, second))


def all_codes(network):
    return np.array(list(itertools.product(*(range(kif.lo, kif.hi + 1) for kif in network.inputs))))


def test_entries_between_the_sums_are_proven_beyond_reach(deep):
    missing, coverage = open_entries(deep, all_codes(deep), sets=possible(deep))
    assert (coverage.entries, coverage.reached, coverage.unreachable, missing) == (144, 80, 64, [])


def test_one_vector_is_enough_to_start_from(deep):
    some = np.array([[0, 0]])
    before = open_entries(deep, some, sets=possible(deep))[1]
    assert before.missed == 144 - 64 - 3
    more, coverage = vectors_for_entries(deep, some, seed=1)
    assert coverage.missed == 0
    assert coverage.reached == 80
    assert len(more) >= 63, "each code of the second layer's channel needs a vector of its own"
    again, _ = vectors_for_entries(deep, some, seed=1)
    np.testing.assert_array_equal(more, again)


def test_a_search_stands_in_where_sums_are_not_solved(deep, monkeypatch):
    monkeypatch.setattr(Solver, "solved", lambda *_, **__: None)
    some = all_codes(deep)[::9]
    _, coverage = vectors_for_entries(deep, some, seed=1)
    assert coverage.missed == 0


def test_a_search_ends_after_its_look_ups_and_says_what_it_left(deep, monkeypatch, caplog):
    """Entries that are left count as missed."""
    caplog.set_level("INFO")
    monkeypatch.setattr(Solver, "solved", lambda *_, **__: None)
    codes = np.zeros((1, 2), dtype=np.int64)
    every, whole = vectors_for_entries(deep, codes, seed=1)
    assert whole.missed == 0
    assert "the search ended" not in caplog.text
    monkeypatch.setattr(table_coverage, "MOST_LOOK_UPS", 0)
    more, coverage = vectors_for_entries(deep, codes, seed=1)
    assert len(more) < len(every)
    assert coverage.missed > 0
    assert "the search ended after" in caplog.text


@pytest.mark.parametrize("seed", range(12))
def test_what_is_called_unreachable_is_never_reached(seed):
    network = random_network(seed)
    codes = random_codes(network, 2000)
    values = all_values(network, codes)
    for n, (first, flags) in enumerate(possible(network)):
        assert (values[:, n] >= first).all()
        if len(flags) < WIDEST:
            assert flags[values[:, n] - first].all(), n


@pytest.mark.parametrize("seed", range(6))
def test_vectors_lie_in_their_formats_and_add_coverage(seed):
    network = random_network(seed)
    few = random_codes(network, 5)
    before = open_entries(network, few, sets=possible(network))[1]
    more, after = vectors_for_entries(network, few, seed=seed)
    for i, kif in enumerate(network.inputs):
        assert (more[:, i] >= kif.lo).all()
        assert (more[:, i] <= kif.hi).all()
    assert before.missed > after.missed
    assert after.entries == before.entries


def places(bias=0, relu=False):
    """Three places of one table of 3 bits, their sum, and a table that reads it: a tree over different inputs."""
    inputs = (KIF(0, 3, 0),) * 3
    shared = replace(
        dense("shared", inputs[:1], [[3]], [[[0, 5, 5, 9, 1, 2, 2, 30]]], [0]), gather_index=np.array([[0], [1], [2]])
    )
    total = LinearLayer(
        "sum",
        (KIF(0, 5, 0),) * 3,
        ("SAT",) * 3,
        np.array([[1], [1], [-1]]),
        np.array([bias]),
        fraction_bits=np.zeros(1, dtype=np.int64),
        relu=relu,
    )
    last = dense("last", (KIF(1, 7, 0),), [[8]], [[list(range(256))]], [0])
    return Network(inputs, (shared, total, last))


@pytest.mark.parametrize(("bias", "relu"), [(0, False), (-7, False), (-20, True), (-80, True)])
def test_sums_of_places_are_solved_and_their_sets_are_exact(bias, relu):
    network = places(bias, relu)
    value = network.first_value[2]
    taken = np.unique(all_values(network, all_codes(network))[:, value])
    first, flags = possible(network)[value]
    np.testing.assert_array_equal(first + np.flatnonzero(flags), taken)
    _, coverage = vectors_for_entries(network, np.zeros((1, 3), dtype=np.int64), seed=1)
    assert coverage.missed == 0
    assert coverage.reached == open_entries(network, all_codes(network), sets=possible(network))[1].reached


def test_values_that_share_inputs_are_not_solved_but_searched():
    inputs = (KIF(0, 3, 0),) * 2
    twice = dense(
        "twice", inputs, [[3, 3], [3, 0]], [[list(range(8))] * 2, [[0, 16, 32, 48, 64, 80, 96, 112]] * 2], [0, 0]
    )
    last = dense(
        "last", (KIF(0, 7, 0), KIF(0, 3, 0)), [[7], [3]], [[list(range(128))], [list(range(8)) + [0] * 120]], [0]
    )
    end = dense("end", (KIF(0, 8, 0),), [[8]], [[list(range(256))]], [0])
    network = Network(inputs, (twice, last, end))
    solver = Solver(network, possible(network), rng=np.random.default_rng(0))
    value = network.first_value[2]
    assert solver.support(value) == {0, 1}
    assert solver.solved(value, np.array([5]), base=np.zeros(2, dtype=np.int64)) is None
    vector = solver.searched(
        value, np.array([14]), pool=all_codes(network)[:4], values=all_values(network, all_codes(network)[:4])[:, value]
    )
    assert all_values(network, vector[None])[0, value] == 14


def test_values_are_evaluated_in_blocks_of_vectors(monkeypatch):
    """Memory does not depend on the number of vectors; what is found is the same."""
    network = random_network(5)
    codes, sizes = random_codes(network, 200), []
    whole = vectors_for_entries(network, codes[:50], seed=1), open_entries(network, codes, sets=possible(network))

    def watched(network, codes):
        sizes.append(len(codes))
        return all_values(network, codes)

    monkeypatch.setattr(table_coverage, "all_values", watched)
    monkeypatch.setattr(table_coverage, "BLOCK_BYTES", 8 * network.first_value[-1] * 30)
    blocks = vectors_for_entries(network, codes[:50], seed=1), open_entries(network, codes, sets=possible(network))
    assert max(sizes) == 30
    np.testing.assert_array_equal(blocks[0][0], whole[0][0])
    assert (blocks[0][1], blocks[1]) == (whole[0][1], whole[1])
