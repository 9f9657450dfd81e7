"""Cards: the typed JSON record that each stage leaves and the next stages read.

Every card carries its schema version, the versions of the tools that made it, the seconds that took, and the
sha256 of every file it was made from. A figure that a tool measured is a `Measured` with its source.
"""

from __future__ import annotations

import hashlib
import json
import time
from importlib import metadata
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from trigger_lut.atomic import atomic_path
from trigger_lut.errors import CardError

Source = Literal[
    "surrogate",
    "yosys",
    "yosys-levels",
    "yosys-delay-model",
    "rtl-simulation",
    "csynth",
    "post-synth",
    "post-route",
    "not measured",
]
NOT_MEASURED: Source = "not measured"


class Strict(BaseModel):
    """Base of all records: unknown keys are refused, instances are immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Measured(Strict):
    """A number and where it comes from; what did not run has no value."""

    value: float | None = Field(None, description="The number; null when not measured.")
    source: Source = Field(
        NOT_MEASURED, description="What measured or estimated it; yosys-delay-model: the delay model on Yosys' netlist."
    )

    @model_validator(mode="after")
    def _value_has_source(self) -> Self:
        if (self.value is None) != (self.source == NOT_MEASURED):
            raise ValueError("a value needs a source, and 'not measured' has no value")
        return self


class Card(Strict):
    """What every card holds beside its stage's own fields."""

    schema_version: Literal[1] = Field(1, description="Raised when a field changes its meaning.")
    stage: str = Field(description="Name of the stage.")
    seconds: float = Field(ge=0, description="Wall time of the stage.")
    versions: dict[str, str] = Field(description="Versions of the packages that did the work.")
    inputs: dict[str, str] = Field(description="sha256 of each file read, by path.")


AnyCard = TypeVar("AnyCard", bound=BaseModel)


def sha256(path: Path) -> str:
    """Hex digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def versions(*packages: str) -> dict[str, str]:
    """Installed versions of the packages, trigger_lut's own first."""
    return {name: metadata.version(name) for name in ("trigger_lut", *packages)}


class Stopwatch:
    """Seconds since it was made; `provenance` gives a card's common fields."""

    def __init__(self) -> None:
        self.start = time.monotonic()

    def provenance(self, read: list[Path], *packages: str) -> dict[str, Any]:
        """Keyword arguments for a card: seconds, versions of packages, sha256 of the files read."""
        return {
            "seconds": round(time.monotonic() - self.start, 6),
            "versions": versions(*packages),
            "inputs": {str(p): sha256(p) for p in read},
        }


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all: a killed process leaves the earlier file."""
    with atomic_path(path) as part:
        part.write_text(text, encoding="utf-8")


def write_card(card: BaseModel, path: Path) -> None:
    """Write a card as indented JSON, whole or not at all."""
    write_text(path, json.dumps(card.model_dump(mode="json"), indent=2) + "\n")


def stage_of(path: Path) -> str | None:
    """The stage that a card names, None where it is no card: `read_card` then says what is wrong with it."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content.get("stage") if isinstance(content, dict) else None


def read_card(kind: type[AnyCard], path: Path) -> AnyCard:
    """Read a card of a kind. Raises CardError when it is missing, not JSON, or not of this kind and version."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise CardError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise CardError(f"{path}: not a {kind.__name__}: {where}: {first['msg']}") from error
