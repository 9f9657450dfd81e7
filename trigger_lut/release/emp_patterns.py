"""Pattern files for board tests: the text format of CMS' EMP framework, 64 bits a link and clock cycle.

The buses of the top-level module lie on consecutive links, 64 bits each, the lowest bits on the first. A frame is a
clock cycle; `valid` is the module's valid bit. Of the metadata bits, start of orbit is set in the first frame, and
each run of valid frames is a packet.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from trigger_lut.errors import DataError
from trigger_lut.utils.escape import ascii_line

METADATA = "Metadata: (strobe,) start of orbit, start of packet, end of packet, valid"
LINK_BITS = 64

Words = NDArray[np.uint64]


def pattern_text(name: str, words: Words, valid: NDArray[np.bool_]) -> str:
    """Write a pattern file.

    Parameters
    ----------
    name
        Name in its first line.
    words : NDArray of shape (frames, links)
        Words of 64 bits.
    valid : NDArray of shape (frames,)
        Valid bits.

    Returns
    -------
    str
        Text of the file.
    """
    before, after = np.append(False, valid[:-1]), np.append(valid[1:], False)
    links = "".join(f"{n:03d}".center(23) for n in range(words.shape[1])).rstrip()
    lines = [f"ID: {ascii_line(name)}", METADATA, "", f"      Link    {links}"]
    for frame, row in enumerate(words):
        flags = (frame == 0, valid[frame] and not before[frame], valid[frame] and not after[frame], valid[frame])
        bits = "".join(str(int(flag)) for flag in flags)
        lines.append(f"Frame {frame:04d}    " + "  ".join(f"{bits} {int(word):016x}" for word in row))
    return "\n".join(lines) + "\n"


def read_pattern(text: str) -> tuple[Words, NDArray[np.bool_]]:
    """Read a pattern file.

    Parameters
    ----------
    text
        Text of the file.

    Returns
    -------
    words : NDArray of shape (frames, links)
        Words of 64 bits.
    valid : NDArray of shape (frames,)
        Valid bits.

    Raises
    ------
    DataError
        For text of another form.
    """
    lines = text.splitlines()
    if len(lines) < 4 or not lines[0].startswith("ID: ") or not lines[1].startswith(METADATA):
        raise DataError(f"no pattern file: expected 'ID: ' and {METADATA!r} in the first lines")
    rows, flags = [], []
    for frame, line in enumerate(lines[4:]):
        found = re.fullmatch(r"Frame (\d+) +(.*)", line)
        if not found or int(found[1]) != frame:
            raise DataError(f"pattern file, line {frame + 5}: expected frame {frame}, found {line[:40]!r}")
        links = [re.fullmatch(r"[01]?[01]{3}([01]) ([0-9a-fA-F]{16})", part) for part in found[2].split("  ")]
        if not all(links):
            raise DataError(f"pattern file, line {frame + 5}: a link is no metadata and 16 hexadecimal digits")
        rows.append([int(link[2], 16) for link in links if link])
        flags.append([link[1] == "1" for link in links if link])
    if len({len(row) for row in rows}) != 1 or any(len(set(row)) != 1 for row in flags):
        raise DataError("pattern file: frames differ in their links, or links in their valid bit")
    return np.array(rows, dtype=np.uint64), np.array([row[0] for row in flags])


def as_links(bus: NDArray[np.uint32]) -> Words:
    """Distribute buses over links.

    Parameters
    ----------
    bus : NDArray of shape (frames, words)
        Words of 32 bits, low word first.

    Returns
    -------
    NDArray of shape (frames, links)
        Words of 64 bits.
    """
    even = np.pad(bus, ((0, 0), (0, bus.shape[1] % 2))).astype(np.uint64)
    links: Words = even[:, ::2] | even[:, 1::2] << np.uint64(32)
    return links


def from_links(words: Words, bus_words: int) -> NDArray[np.uint32]:
    """Collect buses from links, the inverse of `as_links`.

    Parameters
    ----------
    words : NDArray of shape (frames, links)
        Words of 64 bits.
    bus_words
        Words of 32 bits in a bus.

    Returns
    -------
    NDArray of shape (frames, bus_words)
        Words of 32 bits.
    """
    low, high = words & np.uint64(0xFFFFFFFF), words >> np.uint64(32)
    both = np.stack([low, high], axis=2).reshape(len(words), -1)[:, :bus_words]
    return both.astype(np.uint32)
