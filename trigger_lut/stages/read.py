"""Stage `read`: the records of one file, in a file of their own, with a card. Files are read independently."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from trigger_lut.cards.base import Stopwatch, write_card
from trigger_lut.cards.stage_cards import ReadCard
from trigger_lut.config.data_set.files import Source
from trigger_lut.config.data_set.load import load_data_set
from trigger_lut.config.data_set.model import DataSet
from trigger_lut.data.columns import Part, read_source
from trigger_lut.data.labels import shortened
from trigger_lut.data.records import RowWriter, row_type
from trigger_lut.data.root_files import file_uuid
from trigger_lut.errors import BadFileError, DataError
from trigger_lut.stages.registry import Output
from trigger_lut.utils.files import write_together

LOG = logging.getLogger(__name__)


def rows_of(card: Path) -> Path:
    """Return the file of the records that a ReadCard describes.

    Parameters
    ----------
    card : Path
        The card.

    Returns
    -------
    Path
        The file next to it, with the ending .rows.
    """
    return card.with_suffix(".rows")


def run(*, description: Path, source: str, card: Output) -> None:
    """Read one ROOT file of a data set into records, with a ReadCard next to them.

    Parameters
    ----------
    source : str
        JSON of the file, with its friends and its class.
    card : Output
        Card to write. `rows_of` gives the file of the records. Both are written, or none.

    Raises
    ------
    ConfigurationError
        If the description has mistakes.
    DataError
        If an output cannot be written, or the file is gone before its checksum is taken.
    BadFileError
        If the file cannot be read. Where the description has `on_bad_file: skip`, the card has no entries instead.
    """
    read_file(description, Source.of(source), card=card)


def read_file(description: Path, source: Source, *, card: Path) -> None:
    """Write the records of one file, as `run`."""
    watch, data_set = Stopwatch(), load_data_set(description, truth=False)
    left_out: str | None = None
    entries = kept = 0
    others: Counter[str] = Counter()

    def write(path: Path) -> None:
        nonlocal left_out, entries, kept, others
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            entries, kept, others = _write_rows(data_set, read_source(data_set, source), path)
        except BadFileError as error:
            if data_set.on_bad_file == "refuse":
                raise
            LOG.warning(f"ingest: skipped: {error}")
            left_out = str(error).removeprefix(f"{source.file}: ")
            entries, kept, others = _write_rows(data_set, (), path)

    def make_card() -> ReadCard:
        files = [] if left_out is not None else source.all_files()
        here = [file for file in files if isinstance(file, Path)]
        try:
            provenance = watch.provenance([description, *here], "uproot", "awkward", "numpy")
        except OSError as error:
            raise DataError(
                f"{error.filename}: cannot be read a second time, for its checksum: {error.strerror}. Keep the file in "
                "place until the stage ends."
            ) from error
        return ReadCard(
            **provenance,
            file=str(source.file),
            entries=entries,
            selected=kept,
            without_class=dict(others),
            skip_reason=left_out,
            remote={file: file_uuid(file) for file in files if isinstance(file, str)},
        )

    write_together({rows_of(card): write, card: lambda path: write_card(make_card(), path)})


def _write_rows(data_set: DataSet, parts: Iterable[Part], path: Path) -> tuple[int, int, Counter[str]]:
    """Return the entries read, the records written, and the entries without a class by value."""
    entries, others = 0, Counter[str]()
    with path.open("wb") as file:
        writer = RowWriter(file, row_type(data_set))
        for part in parts:
            writer.add(part.rows)
            entries += part.entries
            others = shortened(others + part.without_class)
        writer.finish()
    return entries, writer.count, others
