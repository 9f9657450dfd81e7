"""One file read: its records in a file of their own, with a card. Files are read apart from each other."""

from __future__ import annotations

import sys
from pathlib import Path

from trigger_lut.cards import Stopwatch, write_card
from trigger_lut.errors import BadFileError, DataError
from trigger_lut.events.columns import read_source
from trigger_lut.events.description import DataSet, load_data_set
from trigger_lut.events.files import Source
from trigger_lut.events.opening import file_uuid
from trigger_lut.events.rows import RowWriter, row_type
from trigger_lut.events.together import write_together
from trigger_lut.records import ReadCard


def read(description: Path, source: Source, rows: Path, card: Path) -> None:
    """Write the records of one file of a data set, and a ReadCard.

    Raises ConfigurationError for the description, and DataError for the file (a BadFileError where the description says
    that such a file is left out becomes a card without entries) and for what cannot be written; nothing is overwritten
    then.
    """
    read_file(load_data_set(description), description, source, rows, card)


def read_file(data_set: DataSet, description: Path, source: Source, rows: Path, card: Path) -> None:
    """As `read`, with the description at hand."""
    watch = Stopwatch()
    counts = [0, 0]
    left_out: list[str] = []

    def write(path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            writer = RowWriter(file, row_type(data_set))
            try:
                for entries, found in read_source(data_set, source):
                    writer.add(found)
                    counts[0] += entries
            except BadFileError as error:
                if data_set.on_bad_file == "refuse":
                    raise
                print(f"ingest: left out: {error}", file=sys.stderr, flush=True)
                left_out.append(str(error).removeprefix(f"{source.file}: "))
                file.seek(0)
                file.truncate()
                writer = RowWriter(file, row_type(data_set))
                counts[0] = 0
            writer.close()
            counts[1] = writer.count

    def made() -> ReadCard:
        held = [] if left_out else source.all_files()
        here = [file for file in held if isinstance(file, Path)]
        try:
            provenance = watch.provenance([description, *here], "uproot", "awkward", "numpy")
        except OSError as error:
            raise DataError(
                f"{error.filename}: read, but gone before its checksum was taken: {error.strerror}"
            ) from error
        return ReadCard(
            **provenance,
            file=str(source.file),
            entries=counts[0],
            kept=counts[1],
            left_out=left_out[0] if left_out else None,
            remote={file: file_uuid(file) for file in held if isinstance(file, str)},
        )

    write_together({rows: write, card: lambda path: write_card(made(), path)})
