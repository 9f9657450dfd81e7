"""Pattern files of boards: each format reads back what it wrote, and refuses damage with file and line."""

import dataclasses
import gzip
import lzma

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trigger_lut.errors import DataError
from trigger_lut.release.pattern_files import (
    FLAGS,
    FORMATS,
    board_data,
    pattern_text,
    read_pattern,
    read_pattern_file,
    words_of_bus,
)

KEPT = {"EMPv2": FLAGS, "EMPv1": ("strobe", "valid"), "APx": tuple(f for f in FLAGS if f != "strobe")}
"""Flags that a format has."""


def random_data(seed, frames=5, links=3):
    rng = np.random.default_rng(seed)
    words = rng.integers(0, 1 << 64, (frames, links), dtype=np.uint64)
    numbers = tuple(int(n) for n in rng.choice(120, links, replace=False))
    data = board_data("a board", words, valid=rng.random((frames, links)) < 0.5, links=numbers)
    return dataclasses.replace(data, **{flag: rng.random((frames, links)) < 0.5 for flag in FLAGS})


@pytest.mark.parametrize("name", FORMATS)
@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(1, 5))
def test_pattern_read_back_is_the_same(name, seed, frames, links):
    data = random_data(seed, frames, links)
    if "strobe" not in KEPT[name]:
        data = dataclasses.replace(data, strobe=np.ones_like(data.strobe))
    again = read_pattern(pattern_text(data, name))
    assert again.links == data.links
    np.testing.assert_array_equal(again.words, data.words)
    for flag in KEPT[name]:
        np.testing.assert_array_equal(getattr(again, flag), getattr(data, flag), flag)


@given(st.integers(1, 9), st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_bus_is_the_same_after_links(frames, bus_words, seed):
    bus = np.random.default_rng(seed).integers(0, 1 << 32, (frames, bus_words), dtype=np.uint32)
    words = words_of_bus(bus)
    both = np.stack([words & np.uint64(0xFFFFFFFF), words >> np.uint64(32)], axis=2).reshape(frames, -1)
    np.testing.assert_array_equal(both[:, :bus_words], bus)


def test_packets_are_runs_of_valid_words():
    data = board_data("x", np.arange(6, dtype=np.uint64)[:, None], valid=np.array([1, 1, 0, 1, 0, 1], dtype=bool))
    lines = pattern_text(data).splitlines()
    assert [line[14:18] for line in lines[4:]] == ["1101", "0011", "0000", "0111", "0000", "0111"]
    assert lines[0] == "ID: x"


# Written by hand after the source of CMSSW's DemonstratorTools.
EXAMPLES = {
    "EMPv1": "Board CMSSW\n Quad/Chan :         q01c0                q01c1       \n"
    "      Link :          004                  005        \n"
    "Frame 0000 :   1v00000000000000ff   0v0000000000000000\n"
    "Frame 0001 :   0v0000000000000000   1vfedcba9876543210\n",
    "EMPv2": f"ID: x1\n{'Metadata: (strobe,) start of orbit, start of packet, end of packet, valid'}\n\n"
    "      Link              004                     005        \n"
    "Frame 0000    1101 00000000000000ff  0000 0000000000000000\n"
    "Frame 0001    0000 0000000000000000  0111 fedcba9876543210\n",
    "APx": "#Sideband ON\n#LinkLabel                LINK_04                    LINK_05    \n#BeginData\n"
    "0x0000    0x03 0x00000000000000ff    0x00 0x0000000000000000\n"
    "0x0001    0x00 0x0000000000000000    0x0b 0xfedcba9876543210\n",
}


@pytest.mark.parametrize("name", FORMATS)
def test_files_of_cmssw_are_read(name):
    data = read_pattern(EXAMPLES[name])
    assert data.links == (4, 5)
    assert data.words.tolist() == [[0xFF, 0], [0, 0xFEDCBA9876543210]]
    assert data.valid.tolist() == [[True, False], [False, True]]


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("fedcba9876543210", "gedcba9876543210", "expected flags and 16 hexadecimal digits"),
        ("0001", "0002", "expected frame 1"),
        ("05 ", "04 ", "links. Expected different numbers"),
    ],
)
def test_damage_is_named_with_file_and_line(name, old, new, problem):
    text = EXAMPLES[name]
    assert old in text
    with pytest.raises(DataError, match=r"capture\.txt, line \d+: " + problem):
        read_pattern(
            text.replace(old, new, 1) if name != "EMPv1" or old != "0001" else text.replace("Frame 0001", "Frame 0002"),
            source="capture.txt",
        )


@pytest.mark.parametrize("name", FORMATS)
def test_missing_word_is_named(name):
    text = EXAMPLES[name].rstrip("\n")
    with pytest.raises(DataError, match=r"expected 2 words, one per link, found 1|expected flags"):
        read_pattern(text[: text.rindex("  " if name != "APx" else "    ")] + "\n")


@pytest.mark.parametrize("text", ["", "\n\n", "nonsense\n", "\0", "Frame 0000"])
def test_text_of_no_format_is_refused(text):
    with pytest.raises(DataError, match=r"unknown format\. Expected one of EMPv2, EMPv1, APx"):
        read_pattern(text)


@pytest.mark.parametrize("name", FORMATS)
def test_every_cut_file_is_refused_or_shorter(name):
    text = EXAMPLES[name]
    for end in range(len(text)):
        try:
            assert len(read_pattern(text[:end], name).words) <= 2
        except DataError:
            continue


@pytest.mark.parametrize("name", ["X2O", "x2o", "EMP", ""])
def test_unknown_formats_are_refused(name):
    with pytest.raises(DataError, match="Choose one of these"):
        pattern_text(random_data(1), name)


def test_apx_refuses_a_strobe():
    with pytest.raises(DataError, match="has no strobe"):
        pattern_text(dataclasses.replace(random_data(1), strobe=np.zeros((5, 3), dtype=bool)), "APx")


@pytest.mark.parametrize(
    ("suffix", "compress"), [(".txt", bytes), (".txt.gz", gzip.compress), (".txt.xz", lzma.compress)]
)
def test_compressed_files_are_read(tmp_path, suffix, compress):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(compress(EXAMPLES["APx"].encode()))
    assert read_pattern_file(path).links == (4, 5)
    path.write_bytes(path.read_bytes()[:-9] + b"\xff")
    with pytest.raises(DataError):
        read_pattern_file(path)


def test_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        read_pattern_file(tmp_path / "none.txt")
