"""Classification as a trigger: classes of signal, and the input rate of background."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Self

from pydantic import Field, model_validator

from trigger_lut.cards.base import StrictModel
from trigger_lut.config.data_set.features import ExpressionText
from trigger_lut.config.data_set.trigger_paths import Rate, TriggerPath
from trigger_lut.errors import nearest

BUNCH_CROSSING_MHZ = 40.079
PB_IN_CM2 = 1e-36
Streams = list[tuple[tuple[int, ...], float]]
"""(numbers of background classes, kHz): all entries of these classes have the same rate, and together this one."""


class Trigger(StrictModel):
    """The `trigger` block of a data set description. Exactly one way to state the input rate is given."""

    signal: list[str] = Field(
        [], description="Classes that are to pass; all others are background. None where an anomaly has no signal."
    )
    input_rate_khz: Rate | None = Field(None, description="Rate of background entries at the input.")
    filled_fraction: Annotated[float, Field(gt=0, le=1)] | None = Field(
        None, description="Each background entry is a crossing; this fraction of 40.079 MHz has collisions."
    )
    shares: dict[str, Annotated[float, Field(gt=0, le=1)]] | None = Field(
        None, description="With filled_fraction: fraction of the crossings of each background class."
    )
    cross_section_pb: dict[str, Rate] | None = Field(None, description="Of each background class; with luminosity.")
    luminosity_cm2s: Rate | None = Field(None, description="Instantaneous, per square centimetre and second.")
    rates_khz: list[Rate] = Field([1.0, 10.0, 100.0], min_length=1, description="Working points.")
    paths: list[TriggerPath] = Field(
        [], description="Conditions on events, each with working points of its own; default: the score alone."
    )
    signal_events: ExpressionText | None = Field(
        None,
        description="With rows and paths: an event is signal if this is true for one of its rows. All other events "
        "make the rate; default: all do.",
    )
    efficiency_variables: list[str] = Field([], description="Observables or features that efficiency is shown against.")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        ways = [key for key in ("input_rate_khz", "filled_fraction", "cross_section_pb") if getattr(self, key)]
        if len(ways) != 1:
            given = " and ".join(ways) or "none"
            raise ValueError(f"give one of input_rate_khz, filled_fraction and cross_section_pb, found {given}")
        if (self.cross_section_pb is None) != (self.luminosity_cm2s is None):
            raise ValueError("cross_section_pb and luminosity_cm2s go together")
        if self.shares is not None and self.filled_fraction is None:
            raise ValueError("shares: only with filled_fraction")
        if self.shares is not None and abs(sum(self.shares.values()) - 1) > 0.01:
            raise ValueError(f"shares: expected a sum of 1, found {sum(self.shares.values()):.4g}")
        return self

    def mistakes(self, classes: Sequence[str], unsupervised: Sequence[str] = ()) -> list[str]:
        """Return what does not fit the classes of a data set.

        Parameters
        ----------
        classes : sequence of str
        unsupervised : sequence of str
            Classes that an anomaly detection trains on.

        Returns
        -------
        list of str
            Lines of the form "key: problem"; empty when there is none.
        """
        lines = [f"signal: no class {name!r}{nearest(name, classes)}" for name in self.signal if name not in classes]
        background = [name for name in classes if name not in self.signal]
        if not self.signal and set(unsupervised) != set(classes):
            tested = [name for name in classes if name not in unsupervised]
            lines.append(f"signal: missing; expected some of {', '.join(tested)}")
        if not background:
            lines.append("signal: all classes are signal; a rate needs background")
        for key, stated in (("cross_section_pb", self.cross_section_pb), ("shares", self.shares)):
            if stated is None:
                continue
            lines += [
                f"{key}: {name!r} is no background class{nearest(name, background)}"
                for name in stated
                if name not in background
            ]
            lines += [f"{key}: {name!r} is missing" for name in background if name not in stated]
        return lines

    def unknown_variables(self, known: Sequence[str]) -> list[str]:
        """Return a mistake for each of `efficiency_variables` that is no observable and no input channel.

        Parameters
        ----------
        known : sequence of str
            Observables and channels.

        Returns
        -------
        list of str
            Lines of the form "key: problem"; empty when there is none.
        """
        return [
            f"efficiency_variables: no observable or feature {name!r}{nearest(name, known)}"
            for name in self.efficiency_variables
            if name not in known
        ]

    def streams(self, classes: Sequence[str]) -> Streams:
        """Return the input: all background in one stream, or one stream per class.

        Parameters
        ----------
        classes : sequence of str

        Returns
        -------
        list of tuple
            Numbers of background classes and their rate in kHz. With cross sections it is sigma * L.
        """
        background = [k for k, name in enumerate(classes) if name not in self.signal]
        if self.cross_section_pb is not None and self.luminosity_cm2s is not None:
            per_pb = PB_IN_CM2 * self.luminosity_cm2s / 1000
            return [((k,), self.cross_section_pb[classes[k]] * per_pb) for k in background]
        crossings = 1000 * BUNCH_CROSSING_MHZ * (self.filled_fraction or 0.0)
        if self.shares is not None:
            return [((k,), self.shares[classes[k]] * crossings) for k in background]
        return [(tuple(background), self.input_rate_khz or crossings)]

    def stated(self) -> str:
        """Return the origin of the input rate as text."""
        if self.input_rate_khz is not None:
            return f"input_rate_khz: {self.input_rate_khz:g}"
        if self.filled_fraction is not None:
            crossings = f"{BUNCH_CROSSING_MHZ} MHz x filled_fraction {self.filled_fraction:g}"
            weighted = "" if self.shares is None else ", weighted by `shares`"
            return f"{crossings}, each background entry a crossing{weighted}"
        return f"cross_section_pb x luminosity_cm2s {self.luminosity_cm2s:g}"
