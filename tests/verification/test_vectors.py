"""The vectors reach what they promise to reach."""

import itertools

import numpy as np
import pytest

from trigger_lut.fixed_point.formats import KIF, uniform
from trigger_lut.verification.vectors import corners, make_vectors, special

FORMATS = (KIF(1, 2, 3), KIF(0, 3, 0), KIF(0, 0, 1), KIF(1, 0, 4))


def rows_of(codes):
    return {tuple(int(c) for c in row) for row in codes}


def test_at_least_as_many_as_asked_and_all_within_the_formats():
    test = uniform(FORMATS, 500, rng=np.random.default_rng(7)).astype(np.int32)
    codes, sets = make_vectors(FORMATS, test, seed=1)
    assert codes.dtype == np.int64
    assert len(codes) == sum(sets.values()) == 100_000
    assert list(sets) == ["test", "corners", "changed", "random"]
    assert sets["test"] == 500
    np.testing.assert_array_equal(codes[:500], test)
    for i, kif in enumerate(FORMATS):
        assert codes[:, i].min() == kif.lo
        assert codes[:, i].max() == kif.hi


def test_a_large_test_split_is_used_whole_and_random_codes_stay():
    test = uniform(FORMATS, 120_000, rng=np.random.default_rng(7))
    codes, sets = make_vectors(FORMATS, test, seed=1)
    assert sets["test"] == 120_000
    assert (sets["changed"], sets["random"]) == (10_000, 10_000)
    assert len(codes) == sum(sets.values())


def test_some_vectors_are_events_with_few_channels_changed():
    formats = FORMATS * 3
    test = uniform(formats, 50, rng=np.random.default_rng(7))
    codes, sets = make_vectors(formats, test, seed=1)
    changed = codes[50 + sets["corners"] :][: sets["changed"]]
    differing = (changed[:400, None, :] != test[None]).sum(axis=2).min(axis=1)
    assert differing.max() == 3
    assert (differing == 0).mean() < 0.2, "a random code can be the one that was there"
    alone, sets = make_vectors(formats, test[:0], seed=1, at_least=5000)
    assert sets["changed"] == 0
    assert len(alone) == sum(sets.values()) >= 5000


def test_the_same_seed_gives_the_same_vectors():
    test = np.zeros((3, 4), dtype=np.int64)
    first, again, other = (make_vectors(FORMATS, test, seed=seed, at_least=3000)[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize(
    ("kif", "expected"),
    [
        (KIF(1, 2, 3), [-32, -31, -1, 0, 1, 30, 31]),
        (KIF(0, 3, 0), [0, 1, 3, 4, 6, 7]),
        (KIF(0, 0, 1), [0, 1]),
        (KIF(1, 0, 1), [-2, -1, 0, 1]),
    ],
)
def test_special_codes(kif, expected):
    assert special(kif) == expected


def test_each_channel_at_its_corners_with_the_others_at_rest():
    rows = rows_of(corners(FORMATS, np.random.default_rng(0)))
    middles = [(kif.lo + kif.hi + 1) // 2 for kif in FORMATS]
    for i, kif in enumerate(FORMATS):
        for code in (kif.lo, kif.hi, 0):
            for others in ([0] * 4, middles, [f.lo for f in FORMATS], [f.hi for f in FORMATS]):
                row = list(others)
                row[i] = code
                assert tuple(row) in rows


def test_all_combinations_of_extremes_where_they_are_few():
    rows = rows_of(corners(FORMATS, np.random.default_rng(0)))
    assert rows_of(itertools.product(*[(kif.lo, kif.hi) for kif in FORMATS])) <= rows


def test_extremes_of_many_channels_include_all_low_and_all_high():
    formats = FORMATS * 5
    rows = rows_of(corners(formats, np.random.default_rng(0)))
    assert tuple(kif.lo for kif in formats) in rows
    assert tuple(kif.hi for kif in formats) in rows
    assert len(rows) > 4000
