"""Provenance: files are compared with the checksums in the cards that read or wrote them.

Stages refuse firmware that is not the firmware stage's (`require_current_files`). The verdict follows all cards back to
the data (`follow`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trigger_lut.cards.base import AnyCard, load_json, read_card, require_own_digest, require_schema_version
from trigger_lut.cards.firmware import FirmwareCard
from trigger_lut.errors import CardError
from trigger_lut.utils.files import sha256

SNAKEMAKE_STAMP = ".snakemake_timestamp"  # Snakemake writes it into each folder that is an output of a rule
# Data files may be removed after they were read: the stages behind these depend on their outputs alone.
STAGES_OF_DATA = ("simulate", "read", "ingest")
CARDS_OF_DATA = {"codes.npz": ("ingest.json", "teacher.json"), "encoded.npz": ("ingest.json",)}


def files_in(folder: Path) -> dict[str, str]:
    """Return the sha256 of each file below a folder.

    Parameters
    ----------
    folder : Path
        The folder. Snakemake's timestamp in it is skipped.

    Returns
    -------
    dict of str to str
        Checksum by path, sorted by path.
    """
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != SNAKEMAKE_STAMP)
    return {str(path): sha256(path) for path in paths}


def require_current_files(firmware_card: Path, *inputs: Path) -> FirmwareCard:
    """Compare the firmware and its inputs with the checksums in the firmware's card.

    Parameters
    ----------
    firmware_card
        Card of the firmware stage (firmware.json).
    inputs
        Files that the caller reads and that the firmware was made from, such as the network.

    Returns
    -------
    FirmwareCard
        The card.

    Raises
    ------
    CardError
        When a file is missing, was changed, or was added to the folders of the firmware.
    """
    card = read_card(FirmwareCard, firmware_card)
    for path in inputs:
        _require_input(path, card, firmware_card)
    for name, digest in card.files.items():
        require_digest(Path(name), digest, card=firmware_card, stage="firmware")
    own = {Path(card.rtl_project), Path(card.hls_project)}
    common = {folder.parent for folder in own}
    for folder in sorted(common if len(common) == 1 else own):  # a common folder holds all back ends
        for name in files_in(folder):
            if name not in card.files:
                raise CardError(
                    f"{name}: not listed in {firmware_card}. Expected only files that the firmware stage wrote, found "
                    "one more. Run the firmware stage again."
                )
    return card


def require_card_of(kind: type[AnyCard], path: Path, *, made_from: Path) -> AnyCard:
    """Read a card, and compare a file with the checksum in it.

    Parameters
    ----------
    kind : type
        Model of the card.
    path : Path
        The card.
    made_from : Path
        A file that its stage read, such as the network.

    Returns
    -------
    AnyCard
        The card.

    Raises
    ------
    CardError
        If the card is damaged, or was made from another file.
    """
    card = read_card(kind, path)
    if sha256(made_from) not in getattr(card, "inputs", {}).values():
        raise CardError(f"{path}: made from another file than {made_from}. Run its stage again.")
    return card


def _require_input(path: Path, card: FirmwareCard, firmware_card: Path) -> None:
    actual = sha256(path)
    if actual in card.inputs.values():
        return
    recorded = [digest for name, digest in card.inputs.items() if Path(name).name == path.name]
    raise CardError(
        f"{path}: changed since {firmware_card} was written. Expected sha256 {recorded[0] if recorded else 'none'}, "
        f"found {actual}. Run the firmware stage again."
    )


def require_digest(path: Path, digest: str, *, card: Path, stage: str, actual: str | None = None) -> None:
    """Raise CardError when a file is missing or has another sha256 than a card lists.

    Parameters
    ----------
    path, digest
        The file and its sha256 in the card.
    card, stage
        The card, and the stage to run again.
    actual
        The file's sha256, if the caller has it.

    Raises
    ------
    CardError
        If the file is missing, or its sha256 differs.
    """
    if actual is None and not path.is_file():
        raise CardError(
            f"{path}: missing. Expected the file that {card} lists, found none. Run the {stage} stage again."
        )
    if (actual := actual or sha256(path)) != digest:
        raise CardError(
            f"{path}: changed since {card} was written. Expected sha256 {digest}, found {actual}. "
            f"Run the {stage} stage again."
        )


@dataclass
class Chain:
    """Result of following cards back to the data.

    Attributes
    ----------
    problems : list of str
        Files that are missing or were changed, and cards that cannot be read, one message each.
    absent : list of str
        Data files that were removed after they were read.
    files : int
        Number of files that agree with their checksums.
    """

    problems: list[str] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    files: int = 0


def follow(cards: Sequence[Path]) -> Chain:
    """Compare all files that some cards were made from with their checksums, card by card back to the data.

    Parameters
    ----------
    cards
        Cards to start from. Each must have its digest, as no other card records its checksum.

    Returns
    -------
    Chain
        What was found. Nothing is raised.
    """
    chain, digests, waiting = Chain(), dict[Path, str | None](), list(cards)
    problems: dict[Path, str] = {}  # one per file, by the first card that names it
    followed: set[Path] = set()
    while waiting:
        card = waiting.pop(0)
        if card in followed:
            continue
        followed.add(card)
        try:
            content = _content(card, needs_digest=card in cards)
        except (CardError, OSError) as error:
            problems.setdefault(card, str(error))
            continue
        if content is None:
            continue
        for name, digest in (*content["inputs"].items(), *_written(content).items()):
            file = Path(name)
            if file not in digests:
                digests[file] = sha256(file) if file.is_file() else None
            if digests[file] is None and content["stage"] in STAGES_OF_DATA:
                chain.absent.append(name)
                continue
            try:
                require_digest(file, digest, card=card, stage=content["stage"], actual=digests[file])
            except CardError as error:
                problems.setdefault(file, str(error))
            waiting += _cards_of(file)
    chain.problems = list(problems.values())
    chain.absent = sorted(set(chain.absent))
    chain.files = sum(digest is not None for digest in digests.values())
    return chain


def _content(path: Path, needs_digest: bool) -> dict[str, Any] | None:
    """Return the content of a card, None for JSON that is no card. Raises CardError for one that was edited."""
    try:
        content = load_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CardError(f"{path}: missing. Expected a card, found none. Run its stage again.") from error
    except ValueError as error:
        raise CardError(f"{path}: {error}. Expected a card. Run its stage again.") from error
    if not isinstance(content, dict) or not isinstance(content.get("stage"), str):
        return None
    if needs_digest or "digest" in content:
        require_own_digest(content, path)
    require_schema_version(content, path)
    for entry in (content.get("inputs"), _written(content)):
        if not isinstance(entry, dict) or not all(isinstance(digest, str) for digest in entry.values()):
            raise CardError(f"{path}: inputs: expected a sha256 for each path, found none. Run its stage again.")
    return content


def _written(content: Mapping[str, Any]) -> dict[str, str]:
    """Return the sha256 of the files that a stage wrote next to its card, by path."""
    folder = Path(content.get("folder", "")) if content["stage"] == "decision" else Path()
    written = content.get("files", {}) if content["stage"] in ("firmware", "decision") else {}
    return {str(folder / name): digest for name, digest in written.items()}


def _cards_of(file: Path) -> list[Path]:
    """Return the cards to follow from a file: itself, or those of the stage that made the data."""
    if file.suffix == ".json":
        return [file]
    return [card for name in CARDS_OF_DATA.get(file.name, ()) if (card := file.with_name(name)).is_file()]
