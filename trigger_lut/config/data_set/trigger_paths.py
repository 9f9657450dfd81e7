"""Paths of a trigger: conditions on whole events, over their objects and the score of a network."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from trigger_lut.cards.base import StrictModel
from trigger_lut.config.data_set.features import ExpressionText
from trigger_lut.config.validation import Name
from trigger_lut.errors import nearest

if TYPE_CHECKING:
    from trigger_lut.config.data_set.trigger import Trigger

SCORE, THRESHOLD = "score", "threshold"
PREDICTED = "predicted_"  # before the name of a target: what the network gives for it
Rate = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class TriggerPath(StrictModel):
    """One path: the events that pass it, its working points, and one decision bit for each of them."""

    name: Name
    expression: ExpressionText = Field(
        description="True for events that pass, such as (sum(pt) > 300) & (num(score[score >= threshold]) >= 2). "
        "`score` is that of the network and `threshold` is chosen for each rate. With `rows`, score, features and "
        "observables are lists of the objects of an event. Objects in slots are lists such as jet_pt. predicted_pt is "
        "the value that the network gives for its target pt.",
    )
    rates_khz: Annotated[list[Rate], Field(min_length=1)] | None = Field(
        None, description="Working points of this path; default: rates_khz of the trigger."
    )


def slot_lists(names: Sequence[str]) -> dict[str, list[str]]:
    """Return the channels of objects in slots as lists.

    Parameters
    ----------
    names : sequence of str
        Channels, such as jet_0_pt and jet_1_pt.

    Returns
    -------
    dict of str to list of str
        Channels of all slots by list, such as jet_pt. Names that a channel has are not among them.
    """
    lists: dict[str, dict[int, str]] = {}
    for name in names:
        if slot := re.fullmatch(r"(.+)_(\d+)_(.+)", name):
            lists.setdefault(f"{slot[1]}_{slot[3]}", {})[int(slot[2])] = name
    return {
        word: [names_by_slot[n] for n in range(len(names_by_slot))]
        for word, names_by_slot in lists.items()
        if sorted(names_by_slot) == list(range(len(names_by_slot))) and word not in names
    }


def path_mistakes(trigger: Trigger, known: Sequence[str], *, rows: bool, predicted: Sequence[str] = ()) -> list[str]:
    """Return what does not fit the paths of a trigger.

    Parameters
    ----------
    trigger : Trigger
    known : sequence of str
        Observables and channels.
    rows : bool
        Whether events are made of several rows.
    predicted : sequence of str
        Names that expressions have for targets as the network gives them.

    Returns
    -------
    list of str
        Lines of the form "key: problem"; empty when there is none.
    """
    from trigger_lut.config.data_set.expressions import parse

    lines = []
    if trigger.signal_events is not None and not (rows and trigger.paths):
        lines.append("signal_events: only with paths of a data set with rows; elsewhere classes are of events")
    if not trigger.paths:
        return lines
    names = [path.name for path in trigger.paths]
    lines += [f"paths.{n}: {name!r} occurs twice" for n, name in enumerate(names) if name in names[:n]]
    if rows and trigger.input_rate_khz is None:
        lines.append("input_rate_khz: missing; with rows it is the rate of background events that have a row")
    variables = [*known, *slot_lists(known), *predicted]
    for n, path in enumerate(trigger.paths):
        used = parse(path.expression).names
        lines += [
            f"paths.{n}.expression: {name!r} is missing; write a condition such as {SCORE} >= {THRESHOLD}"
            for name in (SCORE, THRESHOLD)
            if name not in used
        ]
        lines += _unknown(f"paths.{n}.expression", used, [*variables, SCORE, THRESHOLD])
    if trigger.signal_events is not None:
        lines += _unknown("signal_events", parse(trigger.signal_events).names, list(known))
    return lines


def _unknown(key: str, used: Sequence[str], known: Sequence[str]) -> list[str]:
    return [
        f"{key}: {name!r} is no observable, feature or list of objects{nearest(name, known)}"
        for name in used
        if name not in known
    ]
