"""The delay model against published designs after place and route.

`python -m trigger_lut.cost_model.published_latency` prints them all.

`cost_model/delays.json` has each design's LUTs, its measured time, and operators and registers on its slowest path.
Most are one stage, whose time is the achieved clock period; of two networks the latency is known. Widths of adders and
tables are not published and are assumed there.

The delays of `delay` are multiplied by a power of the LUTs that is fitted to all designs: larger designs have
longer wires. Errors are those of leave-one-out: each design is predicted by the fit to the others.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field

from trigger_lut.cards.base import StrictModel, read_card
from trigger_lut.cost_model import delay
from trigger_lut.cost_model.delay import Growth

DATA = Path(__file__).with_name("delays.json")
DIGITS = 3  # of the fitted figures


class PublishedDesign(StrictModel):
    """A design after place and route."""

    name: str
    part: str = Field(description="FPGA part number.")
    luts: int
    time_ns: float = Field(gt=0, description="Of the path: achieved clock period, or latency with several registers.")
    registers: int = Field(ge=1, description="On the path.")
    path: list[tuple[Literal["adder", "table"], int]] = Field(description="Operators, each with its bits.")
    source: str = Field(description="Key of `sources`.")


class UnusedDesign(StrictModel):
    """A published design whose slowest path is not known."""

    name: str
    luts: int
    fmax_mhz: float
    reason: str
    source: str


class PublishedDelays(StrictModel):
    """trigger_lut/cost_model/delays.json."""

    family: str = Field(description="Family as Yosys names it.")
    sources: dict[str, str]
    designs: list[PublishedDesign]
    not_used: list[UnusedDesign]


@dataclass(frozen=True)
class Checked:
    """A published design and what the fit to the other designs gives for it, in ns."""

    published: PublishedDesign
    predicted_ns: float

    @property
    def ratio(self) -> float:
        """Measured time over predicted time."""
        return self.published.time_ns / self.predicted_ns


@cache
def load() -> PublishedDelays:
    """Return the published designs that are shipped."""
    return read_card(PublishedDelays, DATA)


def logic_ns(design: PublishedDesign, family: str) -> float:
    """Return the delay of a design's path by the figures of `delay`, without registers and without growth.

    Parameters
    ----------
    design : PublishedDesign
        Design with the operators on its path.
    family : str
        Family as Yosys names it.

    Returns
    -------
    float
        Delay in ns.
    """
    operators = {"adder": delay.delays(family).adder, "table": delay.delays(family).table}
    return sum(operators[kind](bits) for kind, bits in design.path)


def fit(designs: Sequence[PublishedDesign], family: str) -> Growth:
    """Fit the growth of delays with the LUTs: a straight line of their logarithms, by least squares.

    Parameters
    ----------
    designs : sequence of PublishedDesign
        Designs with measured times.
    family : str
        Family as Yosys names it.

    Returns
    -------
    Growth
    """
    register = delay.delays(family).register
    scales = [(d.time_ns - d.registers * register) / logic_ns(d, family) for d in designs]
    power, offset = np.polyfit(np.log([d.luts for d in designs]), np.log(scales), 1)
    return Growth(luts=round(math.exp(-offset / power), -2), power=round(float(power), DIGITS))


def predicted_ns(design: PublishedDesign, family: str, *, growth: Growth) -> float:
    """Predict the time of a design's path.

    Parameters
    ----------
    design : PublishedDesign
        Design with the operators on its path.
    family : str
        Family as Yosys names it.
    growth : Growth
        Growth of delays with the LUTs.

    Returns
    -------
    float
        Time in ns, registers included.
    """
    return logic_ns(design, family) * growth.factor(design.luts) + design.registers * delay.delays(family).register


@cache
def checked() -> tuple[Checked, ...]:
    """Predict each design by the fit to all others."""
    published = load()
    return tuple(
        Checked(
            design,
            predicted_ns(design, published.family, growth=fit(_others(published.designs, design), published.family)),
        )
        for design in published.designs
    )


def _others(designs: Sequence[PublishedDesign], design: PublishedDesign) -> list[PublishedDesign]:
    return [other for other in designs if other is not design]


def ratio_intervals(probabilities: Sequence[float]) -> dict[float, tuple[float, float]]:
    """Return central intervals of measured over predicted time, rounded to the designs outwards.

    Parameters
    ----------
    probabilities : sequence of float
        Probabilities of the intervals, 0 to 1.

    Returns
    -------
    dict of float to tuple of float
        Ends of the interval by probability.
    """
    ratios = [row.ratio for row in checked()]

    def bound(quantile: float, method: Literal["lower", "higher"]) -> float:
        return round(float(np.quantile(ratios, quantile, method=method)), 2)

    return {p: (bound((1 - p) / 2, "lower"), bound((1 + p) / 2, "higher")) for p in probabilities}


def main() -> None:
    """Print each design with its prediction, the fit and the intervals."""
    published = load()
    growth = fit(published.designs, published.family)
    print(f"{'design':<42} {'LUTs':>8} {'measured':>9} {'predicted':>9} {'ratio':>6}   [ns; fit to the others]")
    for row in checked():
        d = row.published
        print(f"{d.name:<42} {d.luts:>8,} {d.time_ns:>9.3f} {row.predicted_ns:>9.3f} {row.ratio:>6.2f}")
    print(f"delays x (LUTs / {growth.luts:,.0f}) ** {growth.power}, at least x 1")
    for p, (low, high) in ratio_intervals(tuple(delay.PERIOD_RATIOS)).items():
        print(f"measured / predicted in {100 * p:.0f} % of {len(checked())} designs: {low} to {high}")
    for unused in published.not_used:
        print(f"not used: {unused.name}, {unused.luts:,} LUTs, {unused.fmax_mhz:g} MHz: {unused.reason}")


if __name__ == "__main__":
    main()
