"""The keys `baselines` and `tagging` of a data set: given discriminators, and pairs of classes that pages compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from trigger_lut.cards.base import StrictModel
from trigger_lut.config.data_set.features import ExpressionText
from trigger_lut.config.validation import Text
from trigger_lut.errors import nearest

Rate = Annotated[float, Field(gt=0, lt=1)]


def _expression(content: Any) -> Any:
    return {"expression": content} if isinstance(content, str) else content


class Discriminator(StrictModel):
    """Output of another tagger that the files hold."""

    expression: ExpressionText = Field(description="Branch or expression; one number per entry, larger for the class.")
    signal: Text | None = Field(
        None, description="Class that it finds; default: the one that it tells best from all others."
    )


Discriminators = dict[
    Text, Annotated[Discriminator, BeforeValidator(_expression, json_schema_input_type=ExpressionText | Discriminator)]
]


class Tagging(StrictModel):
    """Pairs of classes, working points, and variables that the page of physics shows."""

    pairs: list[tuple[Text, Text]] = Field(
        min_length=1, description="Signal and background: [[b, light], [b, c]]. The score is the difference of outputs."
    )
    mistag_rates: list[Rate] = Field(
        [0.1, 0.01], min_length=1, description="Efficiencies of the background of a pair, at which thresholds are set."
    )
    efficiency_variables: list[Text] = Field(
        [], description="Observables or channels that efficiencies are shown against, such as pt, eta, pile-up."
    )


class TaggingOptions(StrictModel):
    """Everything that the stage `physics` needs to know of both keys."""

    tagging: Tagging | None = None
    discriminators: dict[Text, Text | None] = Field(
        default={}, description="Class of each given discriminator, by name."
    )


def tagging_mistakes(
    tagging: Tagging | None,
    discriminators: Mapping[str, Discriminator],
    *,
    classes: Sequence[str],
    observables: Sequence[str],
    channels: Sequence[str],
) -> list[str]:
    """List unknown classes and variables, and names that occur twice.

    Parameters
    ----------
    tagging : Tagging or None
        The key `tagging`.
    discriminators : mapping
        The key `baselines`.
    classes : sequence of str
        Classes of the data set; none for a regression.
    observables, channels : sequence of str
        Variables of the data set.

    Returns
    -------
    list of str
        Lines of the form "key: problem".
    """
    if not classes and (tagging is not None or discriminators):
        return ["tagging: pairs need classes" if tagging is not None else "baselines: discriminators need classes"]
    lines = [f"baselines: {name!r} is an observable too" for name in discriminators if name in observables]
    wanted = [(f"baselines.{name}.signal", given.signal) for name, given in discriminators.items()]
    for n, pair in enumerate(tagging.pairs if tagging is not None else []):
        wanted += [(f"tagging.pairs.{n}", name) for name in pair]
        lines += [f"tagging.pairs.{n}: expected two classes, found {pair[0]!r} twice"] * (pair[0] == pair[1])
    lines += [
        f"{key}: no class {name!r}{nearest(name, classes)}"
        for key, name in wanted
        if name is not None and name not in classes
    ]
    known = [*observables, *channels]
    lines += [
        f"tagging.efficiency_variables: no observable or feature {name!r}{nearest(name, known)}"
        for name in (tagging.efficiency_variables if tagging is not None else [])
        if name not in known
    ]
    return lines
