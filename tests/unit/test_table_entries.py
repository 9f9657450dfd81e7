"""Every entry of every table is looked up, or proven beyond reach; what is called unreachable is never reached."""

import itertools

import numpy as np
import pytest
from networks import random_codes, random_network

from trigger_lut.fixed_point import KIF
from trigger_lut.network import LUTDenseTables, Network
from trigger_lut.reference import all_values
from trigger_lut.verification import table_entries
from trigger_lut.verification.table_entries import open_entries, possible, vectors_for_entries


def dense(name, kifs, widths, tables, bias, overflow="SAT"):
    c_out = len(bias)
    return LUTDenseTables(
        name,
        tuple(kifs),
        (overflow,) * len(kifs),
        np.array(widths, dtype=np.int64),
        np.array(tables, dtype=np.int64),
        np.array(bias, dtype=np.int64),
        np.zeros(c_out, dtype=np.int64),
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
    missing, coverage = open_entries(deep, all_codes(deep), possible(deep))
    assert (coverage.entries, coverage.reached, coverage.unreachable, missing) == (144, 80, 64, [])


def test_one_vector_is_enough_to_start_from(deep):
    some = np.array([[0, 0]])
    before = open_entries(deep, some, possible(deep))[1]
    assert before.missed == 144 - 64 - 3
    more, coverage = vectors_for_entries(deep, some, seed=1)
    assert coverage.missed == 0
    assert coverage.reached == 80
    assert len(more) >= 63, "each code of the second layer's channel needs a vector of its own"
    again, _ = vectors_for_entries(deep, some, seed=1)
    np.testing.assert_array_equal(more, again)


def test_a_search_stands_in_where_sums_are_not_solved(deep, monkeypatch):
    monkeypatch.setattr(table_entries, "_solved", lambda *_: None)
    some = all_codes(deep)[::9]
    _, coverage = vectors_for_entries(deep, some, seed=1)
    assert coverage.missed == 0


@pytest.mark.parametrize("seed", range(12))
def test_what_is_called_unreachable_is_never_reached(seed):
    network = random_network(seed)
    codes = random_codes(network, 2000)
    values = all_values(network, codes)
    for n, (first, flags) in enumerate(possible(network)):
        assert (values[:, n] >= first).all()
        if len(flags) < table_entries.WIDEST:
            assert flags[values[:, n] - first].all(), n


@pytest.mark.parametrize("seed", range(6))
def test_vectors_lie_in_their_formats_and_add_coverage(seed):
    network = random_network(seed)
    few = random_codes(network, 5)
    before = open_entries(network, few, possible(network))[1]
    more, after = vectors_for_entries(network, few, seed)
    for i, kif in enumerate(network.inputs):
        assert (more[:, i] >= kif.lo).all()
        assert (more[:, i] <= kif.hi).all()
    assert before.missed > after.missed
    assert after.entries == before.entries
