"""Description of the way from branches of an event to input codes, as plain data: `inputs.json` of a release.

It follows from the description of the data set and the formats of the codes. The generated C++ and the emulator in
Python are made from it. The order of steps: select, sort, cut off, pad, round to 32-bit numbers, scale, saturate.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from trigger_lut.config.data_set.channels import channels
from trigger_lut.config.data_set.expressions import parse
from trigger_lut.config.data_set.features import Feature, Objects
from trigger_lut.config.data_set.functions import value_kind
from trigger_lut.config.data_set.model import DataSet
from trigger_lut.errors import FirmwareError
from trigger_lut.fixed_point.formats import KIF

EXACT = (
    "+ - * / % ** 2, comparisons, & | ~ << >>, abs, floor, sqrt, minimum, maximum, clip, where, deltaphi, reductions"
)
TIES = "objects of equal keys keep the order of the list; a key that is NaN comes last"


def front_end(data_set: DataSet, formats: Sequence[KIF], *, branches: Mapping[str, Any]) -> dict[str, Any]:
    """Describe the way from branches to codes.

    Parameters
    ----------
    data_set : DataSet
    formats : sequence of KIF
        Format of each channel.
    branches : mapping of str to numpy.ndarray or awkward.Array
        Some events, for the types of the branches.

    Returns
    -------
    dict
        Plain data, as JSON has it.

    Raises
    ------
    FirmwareError
        If a branch is text or a list of lists, or the number of formats differs from that of the channels.
    """
    used: dict[str, None] = {}
    for text in [feature_text(feature) for feature in data_set.features]:
        used |= dict.fromkeys(parse(text).names)
    for objects in data_set.objects.values():
        for text in expressions_of(objects):
            used |= dict.fromkeys(parse(text).names)
    return described_as(data_set, formats, types={name: _type(name, branches[name]) for name in used})


def described_as(data_set: DataSet, formats: Sequence[KIF], *, types: Mapping[str, Any]) -> dict[str, Any]:
    """Describe the way from branches of known types to codes.

    Parameters
    ----------
    data_set : DataSet
    formats : sequence of KIF
        Format of each channel.
    types : mapping
        By branch, whether it is a list, and the letter of its numbers.

    Returns
    -------
    dict
        Plain data, as JSON has it.

    Raises
    ------
    FirmwareError
        If the number of formats differs from that of the channels.
    """
    return {
        "branches": dict(types),
        "features": [feature_text(feature) for feature in data_set.features],
        "objects": [
            {
                "name": name,
                "count": objects.count,
                "select": objects.select,
                "sort_by": objects.sort_by,
                "pad": objects.pad,
                "mask": objects.mask is not None,
                "features": [feature_text(feature) for feature in objects.features],
            }
            for name, objects in data_set.objects.items()
        ],
        "channels": coded_channels(data_set, formats),
        "ties": TIES,
        "exact": EXACT,
    }


def coded_channels(data_set: DataSet, formats: Sequence[KIF]) -> list[dict[str, Any]]:
    """Describe how each channel's value becomes a code. This needs no events.

    Parameters
    ----------
    data_set : DataSet
    formats : sequence of KIF
        Format of each channel.

    Returns
    -------
    list of dict
        Name, format, LSB, rounding and replacement by channel.

    Raises
    ------
    FirmwareError
        If the number of formats differs from that of the channels.
    """
    described = channels(data_set)
    if len(described) != len(formats):
        raise FirmwareError(
            f"data set {data_set.name}: expected {len(described)} formats, found {len(formats)}. Run the "
            "ingest stage again."
        )
    return [
        {
            "name": channel.name,
            "kif": list(kif),
            "lsb": None if (scale := channel.feature.scale) is None else scale.lsb,
            "half_up": scale is not None and scale.rounding == "nearest",
            "replace": _replacement(data_set, channel.feature),
        }
        for channel, kif in zip(described, formats, strict=True)
    ]


def front_end_text(described: Mapping[str, Any]) -> str:
    """Return a description as JSON.

    Parameters
    ----------
    described : mapping
        Result of `front_end`.

    Returns
    -------
    str
    """
    return json.dumps(described, indent=1) + "\n"


def expressions_of(objects: Objects) -> list[str]:
    """Return all expressions of some objects: features, selection and key.

    Parameters
    ----------
    objects : Objects

    Returns
    -------
    list of str
    """
    texts = [feature_text(feature) for feature in objects.features]
    return texts + [text for text in (objects.select, objects.sort_by) if text is not None]


def feature_text(feature: Feature) -> str:
    """Return the expression of a feature, or the branch of its name as an expression.

    Parameters
    ----------
    feature : Feature

    Returns
    -------
    str
    """
    return feature.expression if feature.expression is not None else f"branch({json.dumps(feature.name)})"


def _replacement(data_set: DataSet, feature: Feature) -> float | None:
    """Return the number instead of NaN and infinities; None where such an event has no codes."""
    action = feature.nonfinite if feature.nonfinite is not None else data_set.nonfinite
    return action if isinstance(action, float) else None


def _type(name: str, array: Any) -> dict[str, Any]:
    kind, depth = value_kind(array), int(getattr(array, "ndim", 1)) - 1
    if kind not in "biuf":
        raise FirmwareError(
            f"branch {name!r}: the emulator does not read text. Expected numbers. Store it as integers."
        )
    if depth > 1:
        raise FirmwareError(
            f"branch {name!r}: the emulator does not read lists of lists. Expected numbers or lists of numbers. Store "
            "the inner values as branches of their own."
        )
    return {"list": depth == 1, "kind": kind}
