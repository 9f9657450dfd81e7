"""The stage `ingest`: a data set description and its ROOT files in, integer codes and a card out."""

from __future__ import annotations

import json
import logging
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from trigger_lut.cards.base import Stopwatch, read_card, write_card
from trigger_lut.cards.stage_cards import IngestCard, InputFormatsCard, ReadCard
from trigger_lut.config.data_set.channels import channels
from trigger_lut.config.data_set.files import Source
from trigger_lut.config.data_set.heads import CLASSES, names_by_kind
from trigger_lut.config.data_set.load import load_data_set
from trigger_lut.config.data_set.model import DataSet
from trigger_lut.data.event_codes import SPLIT_NAMES, EventCodes, load_codes, save_arrays
from trigger_lut.data.labels import shortened
from trigger_lut.data.merge import Merged, Shard, merge
from trigger_lut.errors import CardError, DataError
from trigger_lut.fixed_point.formats import KIF
from trigger_lut.stages.read import read_file, rows_of
from trigger_lut.stages.registry import Output
from trigger_lut.utils.files import sha256, write_together
from trigger_lut.utils.wording import counted

LOG = logging.getLogger(__name__)


def run(
    *,
    description: Path,
    codes: Output,
    card: Output,
    read: Path | None = None,
    frozen: Path | None = None,
    input_formats: Path | None = None,
    frozen_formats: str | None = None,
) -> None:
    """Turn the entries of a data set into integer codes.

    Parameters
    ----------
    codes : Output
        Integer codes to write (codes.npz).
    read : Path or None
        Folder in which the files were read; default: they are read here.
    frozen : Path or None
        Codes of the data set whose formats are kept; default: new formats.
    input_formats : Path or None
        Card of what an imported model reads: the formats of channels without a format and a width of their own.
    frozen_formats : str or None
        JSON of the formats (k, i, f) of all channels, which a design that is trained again keeps.

    Raises
    ------
    ConfigurationError
        For mistakes in the description.
    CardError
        For records of another description, file or feature.
    DataError
        For files that cannot be read or written. Earlier codes and card then stay.
    """
    watch = Stopwatch()
    data_set = load_data_set(description, truth=frozen is None)
    held_fast = None if frozen is None else _frozen(frozen, data_set)
    of_model = None if input_formats is None else read_card(InputFormatsCard, input_formats).formats
    if of_model is not None and len(of_model) != len(channels(data_set)):
        raise CardError(
            f"{input_formats}: expected formats of the {len(channels(data_set))} features of data set {data_set.name}, "
            f"found {len(of_model)}. Give a model with as many inputs."
        )
    kept = tuple(KIF(*kif) for kif in json.loads(frozen_formats)) if frozen_formats else None
    with _scratch(codes) as folder:
        sources = data_set.sources()
        cards = [(folder if read is None else read) / f"{n}.json" for n in range(len(sources))]
        if read is None:
            for source, path in zip(sources, cards, strict=True):
                read_file(description, source, card=path)
        read_cards = {path: read_card(ReadCard, path) for path in cards}
        _refuse_others(description, sources, read_cards)
        left_out = _left_out(data_set, list(read_cards.values()))
        shards = [Shard(c.file, rows_of(path), c.selected) for path, c in read_cards.items() if c.skip_reason is None]
        merged = merge(data_set, shards, folder=folder, frozen=held_fast, read=of_model, formats=kept)
        beside = [path for path in (frozen, input_formats) if path is not None]
        provenance = watch.provenance([description, *data_set.lists(), *beside], "uproot", "awkward", "numpy")
        provenance["inputs"] |= {file: digest for c in read_cards.values() for file, digest in c.inputs.items()}
        ingest_card = IngestCard(
            **provenance,
            data_set=data_set.name,
            files=len(shards),
            skipped_files=left_out,
            remote={file: uuid for c in read_cards.values() for file, uuid in c.remote.items()},
            events=int(merged.counts.sum()),
            without_class=dict(shortened(sum((Counter(c.without_class) for c in read_cards.values()), Counter()))),
            classes=data_set.label_classes,
            class_counts=_class_counts(data_set, merged),
            targets=merged.targets,
            features=merged.features,
            warnings=merged.warnings,
        )
        for line in merged.warnings:
            LOG.warning(f"ingest: warning: {line}")
        write_together(
            {
                codes: lambda path: save_arrays(merged.part, merged.arrays, path=path),
                card: lambda path: write_card(ingest_card, path),
            }
        )


def _frozen(path: Path, data_set: DataSet) -> EventCodes:
    """Return the codes whose formats are kept. Raises CardError when they have other channels or targets."""
    frozen = load_codes(path)
    channel_names = tuple(channel.name for channel in channels(data_set))
    if channel_names != frozen.features:
        raise CardError(
            f"{path}: codes of other features. Expected {_some(channel_names)} as in data set {data_set.name}, found "
            f"{_some(frozen.features)}. Give codes of a data set with the same features."
        )
    known = {CLASSES: list(frozen.label_classes)} if frozen.label_classes else names_by_kind(frozen.heads)
    for kind, names in names_by_kind(data_set.truth_heads).items():
        if names != known.get(kind):
            trained_names = _some(frozen.label_classes or frozen.classes)
            raise CardError(
                f"{path}: codes of other classes or targets. Expected {_some(names)} as in data set {data_set.name}, "
                f"found {trained_names}. Give codes of a data set with the same classes and targets."
            )
    return frozen


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")


@contextmanager
def _scratch(codes: Path) -> Iterator[Path]:
    """Give an empty folder next to the codes, and remove it afterwards. An earlier one is emptied."""
    folder = codes.with_name(codes.name + ".work")
    shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.mkdir(parents=True)
        yield folder
    except OSError as error:
        if error.filename is not None:
            raise
        raise DataError(f"{folder}: cannot be written: {error.strerror or error}") from error  # no space left
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _refuse_others(description: Path, sources: Sequence[Source], cards: dict[Path, ReadCard]) -> None:
    mine = sha256(description)
    for source, (path, card) in zip(sources, cards.items(), strict=True):
        if card.file != str(source.file):
            raise CardError(
                f"{path}: card of another file. Expected {source.file}, found {card.file}. Run the read stage again."
            )
        if mine not in card.inputs.values():
            raise CardError(
                f"{path}: {card.file} was read with another description. Expected {description} as it is now. Run the "
                "read stage again."
            )


def _left_out(data_set: DataSet, cards: Sequence[ReadCard]) -> dict[str, str]:
    """Return the skipped files. Raises DataError when no file is left, or no event passes the cut."""
    reasons = {c.file: c.skip_reason for c in cards if c.skip_reason is not None}
    if len(reasons) == len(cards):
        lines = [f"{file}: {reason}" for file, reason in reasons.items()]
        raise DataError(f"data set {data_set.name}: none of its files can be read\n  " + "\n  ".join(lines))
    if reasons:
        LOG.warning(f"ingest: skipped {len(reasons)} of {counted(len(cards), 'file')}")
    where = cards[0].file if len(cards) == 1 else f"{len(cards)} files ({cards[0].file}, ...)"
    total = sum(c.entries for c in cards)
    if not total:
        raise DataError(
            f"data set {data_set.name}: tree {data_set.tree!r} has no entries in {where}. Check tree and files."
        )
    if not any(c.selected for c in cards):
        raise DataError(
            f"data set {data_set.name}: none of {total} entries in {where} passes the cut and has a class. Check cut "
            "and label."
        )
    return reasons


def _class_counts(data_set: DataSet, merged: Merged) -> dict[str, dict[str, int]]:
    return {
        name: {c: int(merged.counts[s, k]) for k, c in enumerate(data_set.label_classes)}
        for s, name in enumerate(SPLIT_NAMES)
    }
