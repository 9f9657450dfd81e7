"""The card of the release stage."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from trigger_lut.cards.base import Card, StrictModel


class CheckLine(StrictModel):
    """One check of a release."""

    name: str = Field(description="What was checked.")
    status: Literal["ok", "failed", "not checked"] = Field(description="How it came out.")
    detail: str = Field(description="Counts, or why it failed or was not made.")


class ReleaseCard(Card):
    """Release of a design, and its check."""

    stage: Literal["release"] = "release"
    design: str = Field(description="Name of the design.")
    archive: str = Field(description="The zip.")
    archive_sha256: str = Field(description="Its checksum; the same for the same inputs.")
    archive_bytes: int = Field(description="Its size.")
    manifest_sha256: str = Field(description="Checksum of its manifest, which lists all files.")
    files: dict[str, int] = Field(description="Files in it, and their bytes.")
    vectors: int = Field(description="Vectors in it, with their outputs.")
    emulator_events_per_second: float = Field(description="Of the C++ emulator, a second of CPU time on one core.")
    checks: list[CheckLine] = Field(description="What `trigger-lut check-release` says of it.")
