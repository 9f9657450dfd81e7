"""Large Verilog files are read in pieces: Yosys takes 200 times the size of a text that it reads, and keeps that.

Each piece becomes RTLIL, Yosys' own form, and is forgotten. So 16 MB of tables took 0.6 GB and not 3.8 GB.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

LARGEST_BYTES = 4_000_000
"""A larger file is read in pieces."""

PIECE_BYTES = 1_000_000

READ = re.compile(r'read_verilog (?:-defer )?-sv((?: "[^"]+")+)')
HARMLESS = re.compile(r"^`timescale [^`\n]*$|^/\* verilator \w+ \w+ \*/$", re.MULTILINE)
"""Lines that Yosys passes over."""

UNSAFE = re.compile(r'//|/\*|\*/|[`"\\]|\bparameter\b')
"""Signs of a text in which a line `endmodule` may not end a module, or of modules that are read for each instance."""

END = re.compile(r"(?<=^endmodule\n)", re.MULTILINE)


def in_pieces(commands: Sequence[str], folder: Path) -> list[str]:
    """Replace the reading of large files, where it is the first command, by the reading of pieces of them.

    Parameters
    ----------
    commands
        Commands in Yosys' language.
    folder
        Folder for the pieces.

    Returns
    -------
    list of str
        Commands.
    """
    read = READ.fullmatch(commands[0]) if commands else None
    if read is None:
        return list(commands)
    files = [Path(name) for name in re.findall(r'"([^"]+)"', read[1])]
    large = {path: parts for path in files if (parts := pieces(path))}
    if not large:
        return list(commands)
    converting: list[str] = []
    stored: list[str] = []
    for n, text in enumerate(text for texts in large.values() for text in texts):
        piece = folder / f"piece_{n}.v"
        piece.write_text(text, encoding="utf-8")
        stored.append(f'read_rtlil "{piece.with_suffix(".il")}"')
        converting += [f'read_verilog -sv "{piece}"', f'write_rtlil "{piece.with_suffix(".il")}"', "design -reset"]
    rest = "".join(f' "{path}"' for path in files if path not in large)
    reading = [commands[0].replace(read[1], rest)] if rest else []
    return [*converting, *stored, *reading, *commands[1:]]


def pieces(path: Path) -> list[str]:
    """Cut a large Verilog file behind modules.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    list of str
        Texts that give the file when joined. None for a small file, and for one that may not be cut safely.
    """
    if not path.is_file() or path.stat().st_size <= LARGEST_BYTES:
        return []
    text = path.read_text(encoding="utf-8")
    if UNSAFE.search(HARMLESS.sub("", text)):
        return []
    parts = [""]
    for part in END.split(text):
        if len(parts[-1]) + len(part) > PIECE_BYTES and parts[-1]:
            parts.append("")
        parts[-1] += part
    return parts
