"""Cards: the typed JSON record that each stage leaves and the next stages read.

Every card carries its schema version, the versions of the tools that made it, and the seconds that took. It lists the
sha256 of every file it was made from. A figure that a tool measured is a `Measured` with its source. The key `digest`
of the file is a checksum of the other keys, so that an edited card is refused. It is no signature: anyone can compute
it.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import time
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from trigger_lut.errors import CardError
from trigger_lut.utils.files import atomic_path, sha256

FIXED_SOURCES = ("estimate", "rtl-simulation", "csynth", "post-synth", "post-route", "not measured")
OF_SYNTHESIZER = re.compile(r"[a-z][a-z0-9_]*(-levels|-delay-model)?")


def _known_source(source: str) -> str:
    if source not in FIXED_SOURCES and not OF_SYNTHESIZER.fullmatch(source):
        raise ValueError(
            f"unknown source. Expected {', '.join(FIXED_SOURCES)}, or the name of a synthesizer, alone or with "
            f"-levels or -delay-model, found {source!r}"
        )
    return source


Source = Annotated[str, AfterValidator(_known_source)]
NOT_MEASURED: Source = "not measured"
DIGEST = "digest"
SCHEMA_VERSION: Literal[2] = 2
SIGNED: tuple[Source, ...] = ("post-synth", "post-route")  # slacks


Count = Annotated[int, Field(ge=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]


class StrictModel(BaseModel):
    """Base of all records: unknown keys are refused, instances are immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True)


def require(problem: str, expected: object, *, actual: object) -> None:
    """Raise ValueError where a figure of a record is not what its other figures make it."""
    if expected != actual:
        raise ValueError(f"{problem}. Expected {expected}, found {actual}")


class Measured(StrictModel):
    """A number and where it comes from; what did not run has no value."""

    value: float | None = Field(None, description="The number; null when not measured.")
    source: Source = Field(
        NOT_MEASURED,
        description="Tool that measured or estimated it; -delay-model: the delay model on its netlist.",
    )

    @model_validator(mode="after")
    def _value_has_source(self) -> Self:
        if (self.value is None) != (self.source == NOT_MEASURED):
            raise ValueError("a value needs a source, and 'not measured' has no value")
        if self.value is not None and self.value < 0 and self.source not in SIGNED:
            raise ValueError(f"a figure by {self.source} cannot be negative, found {self.value:g}")
        return self


class Card(StrictModel):
    """Fields of all cards."""

    schema_version: Literal[2] = Field(SCHEMA_VERSION, description="Raised when a field changes its name or meaning.")
    stage: str = Field(description="Name of the stage.")
    seconds: float = Field(ge=0, description="Wall time of the stage.")
    versions: dict[str, str] = Field(description="Versions of the packages that did the work.")
    inputs: dict[str, str] = Field(description="sha256 of each file read, by path.")


AnyCard = TypeVar("AnyCard", bound=BaseModel)


def versions(*packages: str) -> dict[str, str]:
    """Return the installed versions of packages.

    Parameters
    ----------
    *packages : str
        Names of distributions.

    Returns
    -------
    dict of str to str
        Version by name, trigger_lut's own first.
    """
    return {name: metadata.version(name) for name in ("trigger_lut", *packages)}


class Stopwatch:
    """Seconds since it was made; `provenance` gives a card's common fields."""

    def __init__(self) -> None:
        self.start = time.monotonic()

    def provenance(self, read: list[Path], *packages: str) -> dict[str, Any]:
        """Return the fields that all cards have.

        Parameters
        ----------
        read : list of Path
            Files that the stage read.
        *packages : str
            Packages that did the work.

        Returns
        -------
        dict
            `seconds` since the stopwatch was made, `versions` of the packages, and `inputs`: sha256 of the files by
            path.
        """
        return {
            "seconds": round(time.monotonic() - self.start, 6),
            "versions": versions(*packages),
            "inputs": {str(p): sha256(p) for p in read},
        }


def write_text(path: Path, text: str) -> None:
    """Write a text file completely or not at all: a killed process leaves the earlier file.

    Parameters
    ----------
    path : Path
        File to write.
    text : str
        Its content, encoded as UTF-8.

    Raises
    ------
    OutputError
        If another process writes the same file, or the file system refuses the bytes.
    """
    with atomic_path(path) as part:
        part.write_text(text, encoding="utf-8")


def write_card(card: BaseModel, path: Path) -> None:
    """Write a card completely or not at all.

    Parameters
    ----------
    card : BaseModel
        The card, or another record such as a specification.
    path : Path
        File to write.

    Raises
    ------
    OutputError
        If another process writes the same file, or the file system refuses the bytes.
    """
    write_text(path, card_text(card))


def card_text(card: BaseModel) -> str:
    """Return the text of a card's file.

    Parameters
    ----------
    card : BaseModel
        The card, or another record such as a specification.

    Returns
    -------
    str
        Indented JSON. Cards have their digest in it, other records have none.
    """
    content = card.model_dump(mode="json")
    if isinstance(card, Card):
        content[DIGEST] = digest_of(content)
    return json.dumps(content, indent=2) + "\n"


def digest_of(content: Mapping[str, Any]) -> str:
    """Return the sha256 of a card's content without its digest, in a form that does not depend on order or layout."""
    rest = {key: value for key, value in content.items() if key != DIGEST}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def load_json(text: str) -> Any:
    """Parse JSON as Python does, but refuse what its standard leaves open.

    Parameters
    ----------
    text : str
        The JSON document.

    Returns
    -------
    Any
        Its content.

    Raises
    ------
    ValueError
        For text that is no JSON, or a key that occurs twice in one object. For NaN, Infinity, a number beyond the range
        of a double, or nesting beyond Python's limit.
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        content: dict[str, Any] = {}
        for key, value in pairs:
            if key in content:
                raise ValueError(f"key {key!r} occurs twice in one object")
            content[key] = value
        return content

    def refuse(word: str) -> NoReturn:
        raise ValueError(f"{word} is no number of JSON")

    def finite(digits: str) -> float:
        value = float(digits)
        if not math.isfinite(value):
            raise ValueError(f"{digits} is beyond the range of a double")
        return value

    try:
        return json.loads(text, object_pairs_hook=unique, parse_constant=refuse, parse_float=finite)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def stage_of(path: Path) -> str | None:
    """Return the stage that a card names.

    Parameters
    ----------
    path : Path
        The card.

    Returns
    -------
    str or None
        Name of the stage; None where the file is no card, which `read_card` then reports.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content.get("stage") if isinstance(content, dict) else None


def read_card(kind: type[AnyCard], path: Path) -> AnyCard:
    """Read a card.

    Parameters
    ----------
    kind : type
        Model of the card.
    path : Path
        The card.

    Returns
    -------
    BaseModel
        Instance of `kind`.

    Raises
    ------
    CardError
        If the card is missing, is no JSON, was edited, or is not of this kind and version.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise CardError(f"{path}: cannot be read: {error.strerror}") from error
    return parse_card(kind, text, path=path)


def parse_card(kind: type[AnyCard], text: str, *, path: Path) -> AnyCard:
    """Read a card from its text.

    Parameters
    ----------
    kind : type
        Model of the card.
    text : str
        Content of the file.
    path : Path
        Name of the file, for messages.

    Returns
    -------
    BaseModel
        Instance of `kind`.

    Raises
    ------
    CardError
        If the text is no JSON, was edited, or is not of this kind and version.
    """
    try:
        return kind.model_validate_json(_without_digest(text, path))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole file"
        problem = first["msg"].removeprefix("Value error, ").removesuffix(".")
        raise CardError(f"{path}: not a {kind.__name__}: {where}: {problem}. Run its stage again.") from error


def _without_digest(text: str, path: Path) -> str:
    """Return the JSON of a card without its digest. Raises CardError when the digest or the JSON is wrong."""
    try:
        content = load_json(text)
    except json.JSONDecodeError:
        return text  # the model says where
    except ValueError as error:
        raise CardError(f"{path}: {error}. Expected a card as its stage wrote it. Run its stage again.") from error
    if isinstance(content, dict) and DIGEST in content:
        require_own_digest(content, path)
    require_schema_version(content, path)
    return json.dumps(content)


def require_schema_version(content: Any, path: Path) -> None:
    """Refuse a card of another schema version.

    Parameters
    ----------
    content : Any
        The parsed card. Content without a schema version passes: the model of the card judges it.
    path : Path
        The card, for messages.

    Raises
    ------
    CardError
        For another version, with what to do.
    """
    version = content.get("schema_version", SCHEMA_VERSION) if isinstance(content, dict) else SCHEMA_VERSION
    if version != SCHEMA_VERSION:
        raise CardError(
            f"{path}: written by another version of trigger_lut. Expected schema_version {SCHEMA_VERSION}, found "
            f"{version!r}. Run its stage again, or remove results/ and run the workflow."
        )


def require_own_digest(content: dict[str, Any], path: Path) -> None:
    """Remove the digest from a card's content. Raises CardError when it is of other content."""
    if (written := content.pop(DIGEST, None)) != (digest := digest_of(content)):
        raise CardError(
            f"{path}: changed since its stage wrote it. Expected digest {written}, found {digest}. Run its stage again."
        )
