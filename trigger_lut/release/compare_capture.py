"""Comparison of the data that a board sent with the expected data: delay of each link, first difference by name."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trigger_lut.errors import DataError
from trigger_lut.fixed_point.formats import KIF
from trigger_lut.release.archive import read_release
from trigger_lut.release.pattern_files import LINK_BITS, BoardData, Words, read_pattern_file

NETWORK = "emulator/python/network.json"


@dataclass(frozen=True)
class LinkDelay:
    """Delay of a link: frames from the expected valid words to the captured ones.

    `frames` is None if no word of the capture is valid, or if no delay lies within the capture. `matching` counts the
    expected words that come at this delay, of `expected` words.
    """

    link: int
    frames: int | None
    matching: int
    expected: int


@dataclass(frozen=True)
class Difference:
    """A word that differs, and its lowest different bit, named by output if the outputs are known.

    `word` is the place of the link among those of the expectation: which 64 bits of the bus it has.
    """

    link: int
    frame: int
    event: int
    expected: int
    found: int | None
    bit: int | None
    output: str | None = None
    output_bit: int | None = None
    word: int | None = None


@dataclass(frozen=True)
class CaptureComparison:
    """Result of a comparison. `differences` counts words; `first` is the first of them in time."""

    delays: tuple[LinkDelay, ...]
    delay_frames: int | None
    words: int
    differences: int
    unexpected: int
    first: Difference | None

    @property
    def is_equal(self) -> bool:
        """True if every expected word came, no other one did, and all links have the same delay."""
        return self.first is None and self.unexpected == 0 and self.delay_frames is not None


@dataclass(frozen=True)
class BusLayout:
    """Names and formats of the values on a bus, the first one at bit 0 of the first link."""

    names: tuple[str, ...]
    formats: tuple[KIF, ...]

    def locate(self, bus_bit: int) -> tuple[str, int] | None:
        """Return the value and its bit at a bit of the bus; None behind the last value."""
        for name, kif in zip(self.names, self.formats, strict=True):
            if bus_bit < kif.bits:
                return name, bus_bit
            bus_bit -= kif.bits
        return None

    def word(self, codes: Sequence[int], number: int) -> int:
        """Return 64 bits of the bus that holds some codes.

        Parameters
        ----------
        codes : sequence of int
            Code of each value.
        number : int
            Place of the link.

        Returns
        -------
        int
            The word.
        """
        bus = at = 0
        for code, kif in zip(codes, self.formats, strict=True):
            bus |= (code & ((1 << kif.bits) - 1)) << at
            at += kif.bits
        return bus >> (LINK_BITS * number) & ((1 << LINK_BITS) - 1)

    def value(self, index: int, number: int, *, word: int) -> int | None:
        """Return the code of a value in one word of the bus; None where other words hold a part of it.

        Parameters
        ----------
        index : int
            Number of the value.
        number : int
            Place of the link.
        word : int
            The word.

        Returns
        -------
        int or None
            Code.
        """
        kif = self.formats[index]
        at = sum(other.bits for other in self.formats[:index]) - LINK_BITS * number
        if at < 0 or at + kif.bits > LINK_BITS:
            return None
        code = word >> at & ((1 << kif.bits) - 1)
        return code - (1 << kif.bits) if code > kif.hi else code


def compare_files(
    capture: Path,
    expected: Path,
    *,
    format_name: str | None = None,
    delay_frames: int | None = None,
    release: Path | None = None,
) -> CaptureComparison:
    """Compare two pattern files.

    Parameters
    ----------
    capture, expected : Path
        Pattern files, plain or compressed (`.gz`, `.xz`).
    format_name : str, optional
        Format of both; default: recognized file by file.
    delay_frames : int, optional
        As in `compare_captures`.
    release : Path, optional
        Folder or zip of the release whose outputs `expected` has on its links. It names outputs.

    Returns
    -------
    CaptureComparison
        Delays, and differences with the first of them.

    Raises
    ------
    DataError
        If a file cannot be read, or the two cannot be compared.
    """
    layout = None if release is None else output_layout(release)
    data, wanted = read_pattern_file(capture, format_name), read_pattern_file(expected, format_name)
    return compare_captures(data, wanted, delay_frames=delay_frames, layout=layout)


def output_layout(release: Path) -> BusLayout:
    """Return names and formats of a release's outputs.

    Parameters
    ----------
    release : Path
        Folder or zip of the release.

    Returns
    -------
    BusLayout
        Outputs in order.

    Raises
    ------
    DataError
        If the release does not state them.
    """
    try:
        outputs = json.loads(read_release(release)[NETWORK])["outputs"]
        names = tuple(str(output["name"]) for output in outputs)
        formats = tuple(_format(output["min"], output["max"], output["fraction"]) for output in outputs)
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{release}: {NETWORK}: no list of outputs ({type(error).__name__}). Expected a release as the release "
            "stage writes it. Check the path."
        ) from error
    return BusLayout(names, formats)


def _format(low: int, high: int, fraction_bits: int) -> KIF:
    signed = int(low < 0)
    return KIF(signed, (high + 1).bit_length() - 1 - fraction_bits, fraction_bits)


def compare_captures(
    captured: BoardData, expected: BoardData, *, delay_frames: int | None = None, layout: BusLayout | None = None
) -> CaptureComparison:
    """Compare a capture with what was expected. Links are independent: only links of `expected` count.

    Parameters
    ----------
    captured, expected : BoardData
        An event is a valid word of the expected data, counted for each link from 0.
    delay_frames : int, optional
        Frames from the expected words to the captured ones; default: the delay that most links have.
    layout : BusLayout, optional
        Values on the links of `expected`, in their order.

    Raises
    ------
    DataError
        If the capture lacks a link, or nothing valid is expected.
    """
    if missing := [link for link in expected.links if link not in captured.links]:
        raise DataError(
            f"capture: links are missing. Expected {_numbers(expected.links)}, found {_numbers(captured.links)}. "
            f"Capture link {_numbers(missing)} too."
        )
    if not expected.valid.any():
        raise DataError("expected data: no valid word. Expected at least one, found none. Choose another file.")
    columns = [captured.links.index(link) for link in expected.links]
    words, valid = captured.words[:, columns], captured.valid[:, columns]
    delays = tuple(
        _delay(expected.links[n], words[:, n], valid[:, n], expected.words[:, n], expected.valid[:, n])
        for n in range(len(columns))
        if expected.valid[:, n].any()
    )
    known = [delay.frames for delay in delays if delay.frames is not None]
    if delay_frames is None and known:
        delay_frames = max(sorted(set(known)), key=known.count)
    if delay_frames is None:
        first = _first_missing(expected)
        return CaptureComparison(delays, None, int(expected.valid.sum()), int(expected.valid.sum()), 0, first)
    wanted, wanted_valid = (
        _moved(expected.words, delay_frames, len(words)),
        _moved(expected.valid, delay_frames, len(words)),
    )
    lost = int(expected.valid.sum() - wanted_valid.sum())
    wrong = wanted_valid & (~valid | (words != wanted))
    first_wrong = _first_difference(expected, wrong, words=words, valid=valid, delay=delay_frames, layout=layout)
    return CaptureComparison(
        delays=delays,
        delay_frames=delay_frames if len(set(known)) <= 1 else None,
        words=int(expected.valid.sum()),
        differences=int(wrong.sum()) + lost,
        unexpected=int((valid & ~wanted_valid).sum()),
        first=first_wrong or (_first_lost(expected, delay_frames, len(words)) if lost else None),
    )


def _numbers(links: Sequence[int]) -> str:
    return ", ".join(map(str, links)) or "none"


def _moved(array: np.ndarray, frames: int, length: int) -> np.ndarray:
    """Return an array of `length` frames that comes `frames` later, filled with 0; frames outside are lost."""
    moved = np.zeros((length, *array.shape[1:]), dtype=array.dtype)
    first = max(frames, 0)
    source = array[max(-frames, 0) : max(length - frames, 0)]
    source = source[: max(length - first, 0)]
    moved[first : first + len(source)] = source
    return moved


def _delay(link: int, words: Words, valid: np.ndarray, expected: Words, expected_valid: np.ndarray) -> LinkDelay:
    """Return the delay at which most expected words come; of equally good ones, the smallest distance from 0."""
    total = int(expected_valid.sum())
    if not valid.any():
        return LinkDelay(link, None, 0, total)
    frames, at = np.flatnonzero(expected_valid), np.flatnonzero(valid)
    best: tuple[int, int, int] | None = None
    for delay in sorted(set(range(int(at[0] - frames[-1]), int(at[-1] - frames[0]) + 1)), key=lambda d: (abs(d), d)):
        moved = frames + delay
        inside = (moved >= 0) & (moved < len(words))
        there = moved[inside]
        both = valid[there]
        matching = int((both & (words[there] == expected[frames[inside]])).sum())
        score = (matching, int(both.sum()))
        if best is None or score > best[:2]:
            best = (*score, delay)
    assert best is not None
    return LinkDelay(link, best[2] if best[0] else None, best[0], total)


def _first_missing(expected: BoardData) -> Difference:
    frame, n = (int(v) for v in np.argwhere(expected.valid)[0])
    return Difference(expected.links[n], frame, 0, int(expected.words[frame, n]), None, None)


def _first_lost(expected: BoardData, delay: int, length: int) -> Difference:
    """Return the first expected word that lies outside the capture."""
    places = np.argwhere(expected.valid)
    outside = places[(places[:, 0] + delay < 0) | (places[:, 0] + delay >= length)]
    frame, n = (int(v) for v in outside[0])
    event = int(expected.valid[:frame, n].sum())
    return Difference(expected.links[n], frame + delay, event, int(expected.words[frame, n]), None, None)


def _first_difference(
    expected: BoardData,
    wrong: np.ndarray,
    *,
    words: Words,
    valid: np.ndarray,
    delay: int,
    layout: BusLayout | None,
) -> Difference | None:
    if not wrong.any():
        return None
    frame, n = (int(v) for v in np.argwhere(wrong)[0])
    wanted = int(expected.words[frame - delay, n])
    event = int(expected.valid[: frame - delay, n].sum())
    if not valid[frame, n]:
        return Difference(expected.links[n], frame, event, wanted, None, None)
    actual = int(words[frame, n])
    bit = ((wanted ^ actual) & -(wanted ^ actual)).bit_length() - 1
    output, output_bit = (layout.locate(n * LINK_BITS + bit) if layout else None) or (None, None)
    return Difference(expected.links[n], frame, event, wanted, actual, bit, output, output_bit, n)


def _when(delay: LinkDelay) -> str:
    if delay.frames is None:
        return "no delay at which a word matches"
    return f"{abs(delay.frames)} frames {'earlier' if delay.frames < 0 else 'later'}"


def comparison_text(result: CaptureComparison) -> str:
    """Describe a comparison in lines of text.

    Parameters
    ----------
    result : CaptureComparison
        Comparison of two captures.

    Returns
    -------
    str
        Lines of text.
    """
    lines = []
    for delay in result.delays:
        lines.append(f"link {delay.link}: {_when(delay)}, {delay.matching} of {delay.expected} words match")
    if result.delay_frames is None and len({d.frames for d in result.delays}) > 1:
        lines.append("The links have different delays.")
    lines.append(f"{result.words} words expected, {result.differences} differences, {result.unexpected} unexpected")
    if result.first is not None:
        first = result.first
        actual = "no valid word" if first.found is None else f"{first.found:016x}"
        lines.append(
            f"first difference: link {first.link}, frame {first.frame}, event {first.event}: "
            f"expected {first.expected:016x}, found {actual}"
        )
        if first.output is not None:
            lines.append(f"lowest different bit: {first.bit} of the link, bit {first.output_bit} of {first.output}")
        elif first.bit is not None:
            lines.append(f"lowest different bit: {first.bit} of the link")
    return "\n".join(lines) + "\n"
