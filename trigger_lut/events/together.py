"""Files that belong together are written together: all of them, or none and the earlier ones stay."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from trigger_lut.errors import DataError


def write_together(writers: Mapping[Path, Callable[[Path], None]]) -> None:
    """Have each file written under another name beside its place; only when all are there, each takes its place.

    Raises DataError when one cannot be written (disk full, no permission); nothing is left of it then.
    """
    new = {path: path.with_name(path.name + ".new") for path in writers}
    current = None
    try:
        for path, write in writers.items():
            current = path
            write(new[path])
        for path, made in new.items():
            current = path
            made.replace(path)
    except OSError as error:
        raise DataError(f"{current}: cannot be written: {error.strerror or error}") from error
    finally:
        for made in new.values():
            for left in (made, made.with_name(made.name + ".part")):
                left.unlink(missing_ok=True)
