"""Pattern files of CMS' boards: what each link sends or receives in each clock cycle, 64 bits per frame.

The formats are those of CMSSW's package L1Trigger/DemonstratorTools (`src/utilities.cc`), which boards and CMSSW
exchange. Its X2O format has no definition yet: that package refuses to read and to write it.
"""

from __future__ import annotations

import gzip
import lzma
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trigger_lut.errors import DataError
from trigger_lut.utils.escape import ascii_line

LINK_BITS = 64
METADATA = "Metadata: (strobe,) start of orbit, start of packet, end of packet, valid"
FLAGS = ("strobe", "start_of_orbit", "start_of_packet", "end_of_packet", "valid")
APX_BITS = {"valid": 0, "start_of_packet": 1, "start_of_orbit": 2, "end_of_packet": 3}
"""Bit of each flag in an APx sideband."""
OPENERS: dict[str, Callable[..., bytes]] = {".gz": gzip.decompress, ".xz": lzma.decompress}

Words = NDArray[np.uint64]
Bits = NDArray[np.bool_]


@dataclass(frozen=True)
class BoardData:
    """Frames of some links of a board. Links are independent: each has its own flags.

    Attributes
    ----------
    name : str
        Name of the board or module.
    links : tuple of int
        Numbers of the links, in the order of columns.
    words : array of shape (frames, links), uint64
        Data words.
    valid, strobe, start_of_orbit, start_of_packet, end_of_packet : array of shape (frames, links), bool
        Flags of each word. A format without a flag gives its default: strobe True, all others False.
    """

    name: str
    links: tuple[int, ...]
    words: Words
    valid: Bits
    strobe: Bits
    start_of_orbit: Bits
    start_of_packet: Bits
    end_of_packet: Bits


def board_data(name: str, words: Words, *, valid: Bits, links: tuple[int, ...] | None = None) -> BoardData:
    """Return data whose packets are the runs of valid words; the orbit starts in the first frame.

    Parameters
    ----------
    name : str
    words : array of shape (frames, links), uint64
    valid : array of shape (frames,) or (frames, links), bool
    links : tuple of int, optional
        Numbers of the links; default: from 0.
    """
    count = words.shape[1]
    valid = np.broadcast_to(valid if valid.ndim == 2 else valid[:, None], words.shape)
    idle = np.zeros((1, count), dtype=np.bool_)
    before, after = np.concatenate([idle, valid[:-1]]), np.concatenate([valid[1:], idle])
    first = np.zeros(words.shape, dtype=np.bool_)
    first[:1] = True
    return BoardData(
        name=name,
        links=tuple(range(count)) if links is None else links,
        words=words,
        valid=valid,
        strobe=np.ones(words.shape, dtype=np.bool_),
        start_of_orbit=first,
        start_of_packet=valid & ~before,
        end_of_packet=valid & ~after,
    )


def pattern_text(data: BoardData, format_name: str = "EMPv2") -> str:
    """Return the text of a pattern file.

    Raises
    ------
    DataError
        If the format is unknown or cannot hold the data: EMPv1 has no packets, APx no strobe.
    """
    return _format(format_name).write(data)


def read_pattern(text: str, format_name: str | None = None, *, source: str = "pattern file") -> BoardData:
    """Read a pattern file.

    Parameters
    ----------
    text : str
    format_name : str, optional
        A key of FORMATS; default: recognized by its first line.
    source : str
        Name of the file, for messages.

    Raises
    ------
    DataError
        If the text is not a pattern file of that format, with file and line.
    """
    name = format_name or next((key for key, one in FORMATS.items() if one.is_format(text)), None)
    if name is None:
        first = text.lstrip().splitlines()[:1] or [""]
        raise DataError(
            f"{source}: unknown format. Expected one of {', '.join(FORMATS)}, found a file that begins with "
            f"{first[0][:40]!r}. State the format."
        )
    try:
        return _format(name).read(text)
    except _LineError as error:
        raise DataError(f"{source}, line {error.line}: {error.problem}") from None


def read_pattern_file(path: Path, format_name: str | None = None) -> BoardData:
    """Read a pattern file: plain, `.gz` or `.xz`. Raises DataError as `read_pattern`, or if it cannot be opened."""
    try:
        content = path.read_bytes()
        text = OPENERS.get(path.suffix, bytes)(content).decode("utf-8")
    except (OSError, EOFError, zlib.error, lzma.LZMAError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read. Expected a pattern file, found: {error}. Check the path.") from error
    return read_pattern(text, format_name, source=str(path))


class _LineError(Exception):
    def __init__(self, line: int, problem: str) -> None:
        super().__init__(line, problem)
        self.line, self.problem = line, problem


Word = tuple[int, dict[str, bool]]
"""A data word and its flags."""


def _assemble(name: str, links: list[int], rows: list[list[Word]]) -> BoardData:
    """Return the data of parsed rows. Flags that a format does not state have their defaults."""
    shape = (len(rows), len(links))
    words = np.array([[word for word, _ in row] for row in rows], dtype=np.uint64).reshape(shape)
    flags = {
        flag: np.array([[set_flags.get(flag, flag == "strobe") for _, set_flags in row] for row in rows], dtype=bool)
        for flag in FLAGS
    }
    return BoardData(name=name, links=tuple(links), words=words, **{f: a.reshape(shape) for f, a in flags.items()})


def _lines(text: str, first: int) -> Iterator[tuple[int, str]]:
    """Yield (number, line) of the lines with data, from line number `first` on."""
    for number, line in enumerate(text.splitlines(), 1):
        if number >= first and line.strip() and not line.startswith("#"):
            yield number, line


def _labels(number: int, tokens: list[str], pattern: str) -> list[int]:
    """Return the numbers of links. Each may occur once."""
    matches = [re.fullmatch(pattern, token) for token in tokens]
    links = [int(match[1]) for match in matches if match]
    if not links or not all(matches) or len(set(links)) != len(links):
        raise _LineError(number, f"links. Expected different numbers of links, found {' '.join(tokens)[:60]!r}.")
    return links


def _row(number: int, tokens: list[str], *, links: int, word: Callable[[str], Word | None]) -> list[Word]:
    row = [word(token) for token in tokens]
    if len(row) != links:
        raise _LineError(number, f"expected {links} words, one per link, found {len(row)}.")
    for token, parsed in zip(tokens, row, strict=True):
        if parsed is None:
            raise _LineError(number, f"expected flags and 16 hexadecimal digits, found {token[:40]!r}.")
    return [parsed for parsed in row if parsed is not None]


def _frame(number: int, line: str, *, count: int, pattern: str) -> str:
    """Return what follows the number of the frame. Frames are counted from 0."""
    match = re.match(pattern, line)
    if not match or int(match[1], 16 if match[1].startswith("0x") else 10) != count:
        raise _LineError(number, f"expected frame {count}, found {line[:40]!r}.")
    return line[match.end() :]


def _header(text: str, prefixes: tuple[str, ...]) -> list[tuple[int, str]]:
    """Return (line number, text behind the prefix) of the first lines, which must have these prefixes in order."""
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    headers = []
    for n, prefix in enumerate(prefixes):
        number, line = lines[n] if n < len(lines) else (len(text.splitlines()) + 1, "")
        if not line.lstrip().startswith(prefix):
            raise _LineError(number, f"expected {prefix!r} at the beginning, found {line[:40]!r}.")
        headers.append((number, line.lstrip()[len(prefix) :]))
    return headers


def _write_emp2(data: BoardData) -> str:
    strobed = [not all(column) for column in data.strobe.T]
    labels = "".join(
        " " * int(extra) + f"{link:03d}".center(23) for link, extra in zip(data.links, strobed, strict=True)
    )
    lines = [f"ID: {ascii_line(data.name)}", METADATA, "", f"      Link    {labels}".rstrip()]
    for frame in range(len(data.words)):
        cells = []
        for n, word in enumerate(data.words[frame]):
            flags = "".join(str(int(getattr(data, flag)[frame, n])) for flag in FLAGS[0 if strobed[n] else 1 :])
            cells.append(f"{flags} {int(word):016x}")
        lines.append(f"Frame {frame:04d}    " + "  ".join(cells))
    return "\n".join(lines) + "\n"


def _read_emp2(text: str) -> BoardData:
    (_, name), _, (number, labels) = _header(text, ("ID: ", METADATA, "Link"))
    links = _labels(number, labels.split(), r"(\d+)")
    rows: list[list[Word]] = []

    def word(token: str) -> Word | None:
        match = re.fullmatch(r"([01])?([01])([01])([01])([01]) ([0-9a-fA-F]{16})", token)
        if not match:
            return None
        return int(match[6], 16), {f: match[n + 1] == "1" for n, f in enumerate(FLAGS) if match[n + 1] is not None}

    for line_number, line in _lines(text, number + 1):
        rest = _frame(line_number, line, count=len(rows), pattern=r"Frame (\d+) {2}")
        tokens = [token for token in re.split(r"\s\s+", rest.strip()) if token]
        rows.append(_row(line_number, tokens, links=len(links), word=word))
    return _assemble(name, links, rows)


def _write_emp1(data: BoardData) -> str:
    strobed = [not all(column) for column in data.strobe.T]
    lines = [
        f"Board {ascii_line(data.name)}",
        " Quad/Chan :" + "".join(f"q{link // 4:02d}c{link % 4}".center(22) for link in data.links).rstrip(),
        "      Link :" + "".join(f"{link:03d}".center(22) for link in data.links).rstrip(),
    ]
    for frame in range(len(data.words)):
        cells = []
        for n, word in enumerate(data.words[frame]):
            strobe = f"{int(data.strobe[frame, n])}s" if strobed[n] else "  "
            cells.append(f" {strobe}{int(data.valid[frame, n])}v{int(word):016x}")
        lines.append(f"Frame {frame:04d} :" + "".join(cells))
    return "\n".join(lines) + "\n"


def _read_emp1(text: str) -> BoardData:
    (_, name), _, (number, labels) = _header(text, ("Board ", "Quad/Chan :", "Link :"))
    links = _labels(number, labels.split(), r"(\d+)")
    rows: list[list[Word]] = []

    def word(token: str) -> Word | None:
        match = re.fullmatch(r"(?:([01])s)?([01])v([0-9a-fA-F]{16})", token)
        if not match:
            return None
        return int(match[3], 16), {"valid": match[2] == "1", "strobe": match[1] != "0"}

    for line_number, line in _lines(text, number + 1):
        rest = _frame(line_number, line, count=len(rows), pattern=r"Frame (\d+) :")
        rows.append(_row(line_number, rest.split(), links=len(links), word=word))
    return _assemble(name, links, rows)


def _write_apx(data: BoardData) -> str:
    if not data.strobe.all():
        raise DataError("APx: has no strobe. Expected data with a word in every frame. Write the file as EMPv2.")
    lines = ["#Sideband ON", "#LinkLabel" + "".join(f"LINK_{link:02d}".center(27) for link in data.links).rstrip()]
    lines.append("#BeginData")
    for frame in range(len(data.words)):
        cells = []
        for n, word in enumerate(data.words[frame]):
            sideband = sum(int(getattr(data, flag)[frame, n]) << bit for flag, bit in APX_BITS.items())
            cells.append(f"    0x{sideband:02x} 0x{int(word):016x}")
        lines.append(f"0x{frame:04x}" + "".join(cells))
    return "\n".join(lines) + "\n"


def _read_apx(text: str) -> BoardData:
    sideband = text.startswith("#Sideband")
    headers = _header(text, (*(("#Sideband",) if sideband else ()), "#LinkLabel", "#BeginData"))
    number, labels = headers[-2]
    links = _labels(number, labels.split(), r"LINK_(\d+)")
    rows: list[list[Word]] = []

    def word(token: str) -> Word | None:
        match = re.fullmatch(r"0x([0-9a-fA-F]{1,4}) 0x([0-9a-fA-F]{1,16})", token)
        if not match:
            return None
        return int(match[2], 16), {flag: bool(int(match[1], 16) >> bit & 1) for flag, bit in APX_BITS.items()}

    for line_number, line in _lines(text, headers[-1][0] + 1):
        rest = _frame(line_number, line, count=len(rows), pattern=r"(0x[0-9a-fA-F]+)").split()
        tokens = [" ".join(rest[n : n + 2]) for n in range(0, len(rest), 2)]
        rows.append(_row(line_number, tokens, links=len(links), word=word))
    return _assemble("", links, rows)


@dataclass(frozen=True)
class Format:
    """A format of pattern files: writes data, reads text, and recognizes its own files by their first line."""

    write: Callable[[BoardData], str]
    read: Callable[[str], BoardData]
    opening: str

    def is_format(self, text: str) -> bool:
        """Return True if a text begins as files of this format do."""
        return text.lstrip().startswith(self.opening)


FORMATS = {
    "EMPv2": Format(_write_emp2, _read_emp2, "ID: "),
    "EMPv1": Format(_write_emp1, _read_emp1, "Board "),
    "APx": Format(_write_apx, _read_apx, "#"),
}


def _format(name: str) -> Format:
    if name.upper() == "X2O":
        raise DataError(
            "X2O: no public definition of this format. CMSSW's DemonstratorTools refuses to read and to write it. "
            f"Expected one of {', '.join(FORMATS)}, found X2O. Choose one of these."
        )
    if name not in FORMATS:
        raise DataError(f"format: unknown. Expected one of {', '.join(FORMATS)}, found {name!r}. Choose one of these.")
    return FORMATS[name]


def words_of_bus(bus: NDArray[np.uint32]) -> Words:
    """Return buses (frames, words of 32 bits, low word first) as words of 64 bits, one per link."""
    even = np.pad(bus, ((0, 0), (0, bus.shape[1] % 2))).astype(np.uint64)
    words: Words = even[:, ::2] | even[:, 1::2] << np.uint64(32)
    return words
