"""Provenance of firmware: stages refuse files that are not those that the firmware stage read and wrote."""

from __future__ import annotations

from pathlib import Path

from trigger_lut.cards import read_card, sha256
from trigger_lut.errors import CardError
from trigger_lut.records_firmware import FirmwareCard

SNAKEMAKE_STAMP = ".snakemake_timestamp"  # Snakemake writes it into each folder that is an output of a rule


def files_in(folder: Path) -> dict[str, str]:
    """Return the sha256 of each file below a folder, by path, without Snakemake's timestamp."""
    found = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != SNAKEMAKE_STAMP)
    return {str(path): sha256(path) for path in found}


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
        require_digest(Path(name), digest, firmware_card, "firmware")
    for folder in (Path(card.rtl_project), Path(card.hls_project)):
        for name in files_in(folder):
            if name not in card.files:
                raise CardError(
                    f"{name}: not listed in {firmware_card}. Expected only files that the firmware stage wrote, found "
                    "one more. Run the firmware stage again."
                )
    return card


def _require_input(path: Path, card: FirmwareCard, firmware_card: Path) -> None:
    found = sha256(path)
    if found in card.inputs.values():
        return
    recorded = [digest for name, digest in card.inputs.items() if Path(name).name == path.name]
    raise CardError(
        f"{path}: changed since {firmware_card} was written. Expected sha256 {recorded[0] if recorded else 'none'}, "
        f"found {found}. Run the firmware stage again."
    )


def require_digest(path: Path, digest: str, card: Path, stage: str) -> None:
    """Raise CardError when a file is missing or has another sha256 than a card lists; stage: what to run again."""
    if not path.is_file():
        raise CardError(
            f"{path}: missing. Expected the file that {card} lists, found none. Run the {stage} stage again."
        )
    if (found := sha256(path)) != digest:
        raise CardError(
            f"{path}: changed since {card} was written. Expected sha256 {digest}, found {found}. "
            f"Run the {stage} stage again."
        )
