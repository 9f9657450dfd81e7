"""Page of a release: its content, and the result of its check."""

from __future__ import annotations

from pathlib import Path

from trigger_lut.cards.base import read_card
from trigger_lut.cards.release import ReleaseCard
from trigger_lut.report.template import Cell, Page, Table, cells, write_page
from trigger_lut.utils.wording import counted

KINDS = {"ok": "good", "failed": "bad", "not checked": "text"}


def page_of_release(*, release: Path, output: Path) -> None:
    """Write the page of a release.

    Parameters
    ----------
    release : Path
        ReleaseCard.

    Raises
    ------
    CardError
        If a card is missing or damaged.
    """
    write_page(release_page(read_card(ReleaseCard, release)), output)


def release_page(card: ReleaseCard) -> Page:
    """Return the page."""
    checks = Table(
        "trigger-lut check-release",
        ["Check", "Result", "Detail"],
        [[Cell(c.name, "text"), Cell(c.status, KINDS[c.status]), Cell(c.detail, "text")] for c in card.checks],
    )
    folders: dict[str, list[int]] = {}
    for path, size in card.files.items():
        folders.setdefault("/".join(path.split("/")[:-1][:2]) or path, []).append(size)
    content = Table(
        "Content",
        ["Folder or file", "Files", "Bytes"],
        [cells(name, len(sizes), sum(sizes)) for name, sizes in sorted(folders.items())],
        note=f"{card.archive}: {card.archive_bytes:,} bytes, sha256 {card.archive_sha256}",
    )
    return Page(
        title=f"{card.design}: release",
        lead=(
            f"The release has {counted(len(card.files), 'file')}. The C++ emulator evaluates "
            f"{card.emulator_events_per_second / 1e6:.1f} million events a second of CPU time on one core."
        ),
        tables=[checks, content],
        cards={"release": card},
    )
