"""Texts replaced in files, each of which must be there."""

from __future__ import annotations

from pathlib import Path


def replace_in(path: Path, old: str, new: str, *, count: int = -1) -> None:
    """Replace a text in a file, everywhere or `count` times."""
    text = path.read_text()
    assert old in text, old
    path.write_text(text.replace(old, new, count))
