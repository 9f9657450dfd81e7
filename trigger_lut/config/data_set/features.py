"""One input feature of a network: where its value comes from, and the format in which the firmware has it."""

from __future__ import annotations

import math
import re
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    PlainValidator,
    ValidationError,
    model_validator,
)

from trigger_lut.cards.base import StrictModel
from trigger_lut.config.data_set.expressions import Expression, branch, parse
from trigger_lut.config.validation import Text
from trigger_lut.errors import ConfigurationError
from trigger_lut.fixed_point.formats import KIF, kif_from_fixed

MAX_WIDTH = 16
LEAST_FRACTION = -33  # of fractional bits: alkaid finds other formats than ours for steps above 2**33
MAX_SLOTS = 1024


def _parsable(text: str) -> str:
    if wrong := next((c for c in text if not (c.isprintable() or c in " \t\r\n")), None):
        raise ValueError(f"expected printable characters, found U+{ord(wrong):04X} at position {text.index(wrong)}")
    try:
        parse(text)
    except ConfigurationError as error:
        raise ValueError(str(error)) from error
    return text


def _auto(value: Any) -> Any:
    if value == "auto":
        return None
    if value is None or isinstance(value, str):
        raise ValueError("expected 'auto' or a mapping with signed, width and integer")
    return value


def _pair(value: Any) -> Any:
    """Return a list of YAML as a tuple; strict validation takes no list."""
    return tuple(value) if isinstance(value, list) else value


def _lsb(value: Any) -> Any:
    if isinstance(value, str) and (match := re.fullmatch(r"\s*pi\s*/\s*(\d+(?:\.\d*)?)\s*", value)):
        return math.pi / float(match[1]) if float(match[1]) else value
    return value


def _nonfinite(value: Any) -> Any:
    if value in ("refuse", "drop"):
        return value
    if isinstance(value, dict) and list(value) == ["replace"]:
        number = value["replace"]
        if isinstance(number, int | float) and not isinstance(number, bool) and abs(number) < 1e30:
            return float(number)
    raise ValueError("expected 'refuse', 'drop' or a mapping {replace: <number>}")


class Replace(StrictModel):
    """A number instead of every NaN and infinity."""

    replace: float


class FixedFormat(StrictModel):
    """A format in Vivado's sense: ap_fixed<width, integer> or ap_ufixed<width, integer>."""

    signed: bool
    width: int = Field(ge=1, le=MAX_WIDTH, description="Bits in all, the sign included.")
    integer: int = Field(ge=-64, le=64, description="Bits left of the binary point, the sign included.")

    @model_validator(mode="after")
    def _has_value_bits(self) -> Self:
        try:
            kif = self.kif()
        except ConfigurationError as error:
            raise ValueError(str(error)) from error
        if kif.f < LEAST_FRACTION:
            raise ValueError(f"expected steps of 2**{-LEAST_FRACTION} at most, found 2**{-kif.f}")
        return self

    def kif(self) -> KIF:
        """Return the format of the codes."""
        return kif_from_fixed(self.signed, self.width, integer=self.integer)


class Scale(StrictModel):
    """Integers of an LSB, as trigger hardware has them: ap_int<width> or ap_uint<width> of value / lsb."""

    signed: bool
    width: int = Field(ge=1, le=MAX_WIDTH, description="Bits in all, the sign included.")
    lsb: Annotated[float, BeforeValidator(_lsb, json_schema_input_type=float | str)] = Field(
        gt=0, allow_inf_nan=False, description="Value of a step of one: a number, or 'pi/<number>'."
    )
    rounding: Literal["nearest", "floor"] = Field(
        "nearest", description="Of value / lsb; a half goes up. floor for values that are cut off in hardware."
    )

    @model_validator(mode="after")
    def _has_value_bits(self) -> Self:
        try:
            self.kif()
        except ConfigurationError as error:
            raise ValueError(str(error)) from error
        return self

    def kif(self) -> KIF:
        """Return the format of the codes."""
        return kif_from_fixed(self.signed, self.width, integer=self.width)


ExpressionText = Annotated[str, AfterValidator(_parsable)]
Format = Annotated[
    FixedFormat | None,
    BeforeValidator(_auto, json_schema_input_type=FixedFormat | Literal["auto"]),
    PlainSerializer(lambda v: "auto" if v is None else v.model_dump()),
]
# 'refuse', 'drop', or the number that replaces
NonFinite = Annotated[
    Literal["refuse", "drop"] | float,
    PlainValidator(_nonfinite, json_schema_input_type=Literal["refuse", "drop"] | Replace),
    PlainSerializer(lambda v: {"replace": v} if isinstance(v, float) else v),
]
Width = Annotated[int, Field(ge=2, le=MAX_WIDTH)]
Quantile = Annotated[float, Field(ge=0, le=1)]
Quantiles = Annotated[
    tuple[Quantile, Quantile], BeforeValidator(_pair, json_schema_input_type=tuple[Quantile, Quantile])
]


class Feature(StrictModel):
    """One input channel of the network."""

    name: Text = Field(description="Name of the channel; also the branch, unless an expression is given.")
    expression: ExpressionText | None = Field(None, description="Arithmetic over branches; one number per entry.")
    format: Format = Field(
        None,
        description="Hardware format, or auto: what an imported model reads, else a power-of-two range from quantiles.",
        json_schema_extra={"default": "auto"},
    )
    scale: Scale | None = Field(None, description="Integers of an LSB, instead of a format.")
    width: Width | None = Field(
        None, description="Bits of an automatic format, even for a model; default: the data set's width."
    )
    quantiles: Quantiles | None = Field(None, description="Quantiles that an automatic format must hold.")
    nonfinite: NonFinite | None = Field(None, description="NaN and infinities; default: the data set's nonfinite.")

    @property
    def given(self) -> KIF | None:
        """The format that the description gives; None: automatic."""
        stated = self.scale or self.format
        return None if stated is None else stated.kif()

    def parsed(self) -> Expression:
        """Return the expression, or the branch of the same name."""
        return branch(self.name) if self.expression is None else parse(self.expression)


class FeatureArray(StrictModel):
    """Input channels from the innermost axis of an array, one for each name; other keys hold for all of them."""

    names: list[Text | None] = Field(min_length=1, description="Name of each element in order; null skips one.")
    expression: ExpressionText = Field(description="Branch or expression with a list or array an entry.")
    format: Format = Field(None, json_schema_extra={"default": "auto"}, description="As of a feature.")
    scale: Scale | None = Field(None, description="As of a feature.")
    width: Width | None = Field(None, description="As of a feature.")
    quantiles: Quantiles | None = Field(None, description="As of a feature.")
    nonfinite: NonFinite | None = Field(None, description="As of a feature.")


def _features(content: Any) -> Any:
    """Replace each entry with `names` by one feature for each name."""
    if not isinstance(content, list):
        return content
    entries: list[Any] = []
    for n, entry in enumerate(content):
        if not isinstance(entry, dict) or "names" not in entry:
            entries.append(entry)
            continue
        try:
            array = FeatureArray.model_validate(entry, strict=True)
        except ValidationError as error:
            lines = [
                f"{'.'.join(map(str, e['loc']))}: {e['msg'].removeprefix('Value error, ')}" for e in error.errors()
            ]
            raise ValueError(f"entry {n} with names: {'; '.join(lines)}") from error
        shared = {key: value for key, value in entry.items() if key not in ("names", "expression")}
        entries += [
            {"name": name, "expression": f"({array.expression})[..., {place}]", **shared}
            for place, name in enumerate(array.names)
            if name is not None
        ]
    return entries


FeatureList = Annotated[list[Feature], BeforeValidator(_features, json_schema_input_type=list[Feature | FeatureArray])]


class Objects(StrictModel):
    """Objects of an entry (jets, muons, particles) in a fixed number of slots, `count` * features channels."""

    count: int = Field(ge=1, le=MAX_SLOTS, description="Slots; objects beyond are dropped, as hardware does.")
    sort_by: ExpressionText | None = Field(
        None, description="Key by which the objects are sorted, largest first; default: the order of the file."
    )
    select: ExpressionText | None = Field(None, description="Objects for which this is false are dropped.")
    pad: float = Field(0.0, ge=-1e30, le=1e30, description="Value of all features of an empty slot.")
    mask: Text | None = Field(
        None, description="Name of a further feature of one bit: 1 where the slot holds an object."
    )
    features: FeatureList = Field(
        min_length=1, description="Of each object; expressions give a list per entry. One format for all slots."
    )
