"""Pattern files: what is written is read back, and what is damaged is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trigger_lut.errors import DataError
from trigger_lut.release.emp_patterns import as_links, from_links, pattern_text, read_pattern


@given(st.integers(1, 9), st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_what_is_written_is_read_back(frames, bus_words, seed):
    rng = np.random.default_rng(seed)
    bus = rng.integers(0, 1 << 32, (frames, bus_words), dtype=np.uint32)
    valid = rng.random(frames) < 0.5
    words, found = read_pattern(pattern_text("x", as_links(bus), valid))
    np.testing.assert_array_equal(found, valid)
    np.testing.assert_array_equal(from_links(words, bus_words), bus)


def test_metadata_mark_the_orbit_and_the_packets():
    text = pattern_text("x", np.arange(6, dtype=np.uint64)[:, None], np.array([1, 1, 0, 1, 0, 1], dtype=bool))
    assert [line[14:18] for line in text.splitlines()[4:]] == ["1101", "0011", "0000", "0111", "0000", "0111"]
    assert text.splitlines()[0] == "ID: x"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("ID: ", "", "no pattern file"),
        ("Frame 0001", "Frame 0002", "line 6: expected frame 1"),
        ("0000000000000001", "000000000000000g", "line 6: a link is no metadata"),
    ],
)
def test_what_is_damaged_is_refused(old, new, said):
    text = pattern_text("x", np.arange(3, dtype=np.uint64)[:, None], np.ones(3, dtype=bool))
    assert old in text
    with pytest.raises(DataError, match=said):
        read_pattern(text.replace(old, new, 1))
