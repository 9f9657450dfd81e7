"""Captures against expectations: any delay is recognized, and any changed bit is named."""

import dataclasses
import gzip

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from networks import random_network

from trigger_lut.cli import main
from trigger_lut.errors import DataError
from trigger_lut.firmware.emulator.network_json import network_json
from trigger_lut.fixed_point.formats import KIF
from trigger_lut.release.compare_capture import (
    NETWORK,
    BusLayout,
    compare_captures,
    compare_files,
    comparison_text,
    output_layout,
)
from trigger_lut.release.pattern_files import FLAGS, board_data, pattern_text

FRAMES, LINKS = 24, 3
LAYOUT = BusLayout(("a", "b", "c"), (KIF(0, 40, 0), KIF(1, 39, 20), KIF(0, 64, 0)))


def expectation(seed=0):
    """Return data in which every link has its own valid bits; the first and the last frame are valid."""
    rng = np.random.default_rng(seed)
    valid = rng.random((FRAMES, LINKS)) < 0.6
    valid[[0, -1]] = True
    words = np.where(valid, rng.integers(1, 1 << 64, (FRAMES, LINKS), dtype=np.uint64), np.uint64(0))
    return board_data("x", words, valid=valid, links=(7, 2, 30))


def shifted(data, frames):
    """Return data that comes `frames` later: idle frames are put in front, and frames at the end are kept."""
    pad = ((frames, 0), (0, 0))
    flags = {flag: np.pad(getattr(data, flag), pad, constant_values=flag == "strobe") for flag in FLAGS}
    return dataclasses.replace(data, words=np.pad(data.words, pad), **flags)


@given(st.integers(0, 2**32 - 1), st.integers(0, 40))
def test_delay_of_an_equal_capture_is_found(seed, delay):
    expected = expectation(seed)
    result = compare_captures(shifted(expected, delay), expected)
    assert result.is_equal
    assert (result.delay_frames, result.differences, result.first) == (delay, 0, None)


@given(st.integers(0, 2**32 - 1), st.integers(0, 9), st.integers(0, 63), st.data())
def test_changed_bit_is_named(seed, delay, bit, data):
    expected = expectation(seed)
    places = np.argwhere(expected.valid)
    frame, n = (int(v) for v in places[data.draw(st.integers(0, len(places) - 1))])
    captured = shifted(expected, delay)
    captured.words[frame + delay, n] ^= np.uint64(1 << bit)
    result = compare_captures(captured, expected, layout=LAYOUT)
    first = result.first
    assert (result.is_equal, result.differences, result.delay_frames) == (False, 1, delay)
    assert (first.link, first.frame, first.bit) == (expected.links[n], frame + delay, bit)
    assert first.event == expected.valid[:frame, n].sum()
    at = n * 64 + bit
    where = ("a", at) if at < 40 else ("b", at - 40) if at < 100 else ("c", at - 100) if at < 164 else (None, None)
    assert (first.output, first.output_bit) == where


def test_missing_and_unexpected_words_are_counted():
    expected = expectation()
    captured = shifted(expected, 2)
    captured.valid[2, 1] = False
    frame, n = (int(v) for v in np.argwhere(~expected.valid)[0])
    captured.valid[frame + 2, n] = True
    result = compare_captures(captured, expected)
    assert (result.differences, result.unexpected, result.first.found) == (1, 1, None)
    assert "found no valid word" in comparison_text(result)


def test_link_that_is_later_than_others_is_named():
    expected = expectation()
    captured = shifted(expected, 3)
    late = shifted(expected, 4)
    for field in ("words", "valid"):
        getattr(captured, field)[:, 1] = getattr(late, field)[: FRAMES + 3, 1]
    result = compare_captures(captured, expected)
    assert [delay.frames for delay in result.delays] == [3, 4, 3]
    assert not result.is_equal
    assert "The links have different delays." in comparison_text(result)


def test_capture_that_ends_early_is_not_equal():
    expected = expectation()
    captured = shifted(expected, 3)
    cut = {
        f.name: getattr(captured, f.name)[:-3] for f in dataclasses.fields(captured) if f.name not in ("name", "links")
    }
    result = compare_captures(dataclasses.replace(captured, **cut), expected)
    assert not result.is_equal
    assert result.differences == expected.valid[-3:].sum()


def test_idle_capture_is_not_equal():
    expected = expectation()
    idle = dataclasses.replace(expected, valid=np.zeros_like(expected.valid))
    result = compare_captures(idle, expected)
    assert (result.is_equal, result.differences) == (False, expected.valid.sum())
    assert "no delay at which a word matches" in comparison_text(result)


def test_missing_links_and_empty_expectations_are_refused():
    expected = expectation()
    fewer = dataclasses.replace(expected, links=(7, 2, 31))
    with pytest.raises(DataError, match=r"Expected 7, 2, 30, found 7, 2, 31\. Capture link 30 too"):
        compare_captures(fewer, expected)
    with pytest.raises(DataError, match="no valid word"):
        compare_captures(expected, dataclasses.replace(expected, valid=np.zeros_like(expected.valid)))


def test_order_of_links_in_the_capture_does_not_matter():
    expected = expectation()
    order = [2, 0, 1]
    fields = {
        f.name: getattr(expected, f.name)[:, order]
        for f in dataclasses.fields(expected)
        if f.name not in ("name", "links")
    }
    captured = dataclasses.replace(expected, links=tuple(expected.links[n] for n in order), **fields)
    assert compare_captures(captured, expected).is_equal


@pytest.fixture
def release(tmp_path):
    """A folder with the file of a release that describes its network."""
    network = random_network(5)
    path = tmp_path / "release" / NETWORK
    path.parent.mkdir(parents=True)
    path.write_text(network_json(network, "x"))
    return tmp_path / "release", network


def test_layout_is_that_of_the_networks_outputs(release):
    folder, network = release
    assert output_layout(folder) == BusLayout(tuple(network.classes), tuple(network.output_formats()))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"outputs": 1}', '{"outputs": [{"name": "a"}]}'])
def test_damaged_release_is_refused(release, text):
    folder, _ = release
    (folder / NETWORK).write_text(text)
    with pytest.raises(DataError, match="no list of outputs"):
        output_layout(folder)


def test_files_of_different_formats_are_compared(tmp_path, release):
    folder, network = release
    expected = expectation()
    captured = shifted(expected, 4)
    frame = int(np.flatnonzero(expected.valid[:, 0])[1])
    captured.words[frame + 4, 0] ^= np.uint64(1)
    (tmp_path / "expected.txt").write_text(pattern_text(expected, "EMPv2"))
    (tmp_path / "capture.txt.gz").write_bytes(gzip.compress(pattern_text(captured, "APx").encode()))
    result = compare_files(tmp_path / "capture.txt.gz", tmp_path / "expected.txt", release=folder)
    assert (result.delay_frames, result.differences) == (4, 1)
    assert (result.first.event, result.first.output, result.first.output_bit) == (1, network.classes[0], 0)
    assert f"bit 0 of {network.classes[0]}" in comparison_text(result)


def test_compare_command_ends_with_one_for_a_difference(tmp_path, capsys):
    expected = expectation()
    captured = shifted(expected, 2)
    for name, data in (("expected", expected), ("capture", captured)):
        (tmp_path / f"{name}.txt").write_text(pattern_text(data))
    arguments = ["compare", str(tmp_path / "capture.txt"), str(tmp_path / "expected.txt")]
    assert main(arguments) == 0
    assert "link 7: 2 frames later" in capsys.readouterr().out
    assert main([*arguments, "--delay", "1"]) == 1
    printed = capsys.readouterr()
    assert "first difference: link 7, frame 1, event 0" in printed.out
    assert "Traceback" not in printed.err
