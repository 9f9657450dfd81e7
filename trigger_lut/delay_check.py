"""The delay model set against published post-route latencies of networks of two table layers.

HGQ-LUT (arXiv 2604.22293) gives the latency of networks 16-20-5 on an xcvu13p. In such a network the slowest path
passes a table a layer, an adder tree over 16 and one over 20 inputs, and the conversion between the layers. Table and
sum widths of the published networks are not given; six address bits and sums of eight bits are those of networks
trained here. How many registers they hold is not given either: the estimate has those of our pipeline at 360 MHz.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from trigger_lut import delay_model

FAN_INS = (16, 20)
ADDRESS_BITS, SUM_BITS = 6, 8
CLOCK_MHZ = 360.0
FAMILY = "xcup"


@dataclass(frozen=True)
class Published:
    """A latency after place and route on an xcvu13p, in ns."""

    name: str
    latency_ns: float
    source: str


PUBLISHED = (
    Published("HGQ-LUT, jets of OpenML, 16-20-5", 9.2, "arXiv 2604.22293"),
    Published("HGQ-LUT, jets of CERNBox, 16-20-5", 10.1, "arXiv 2604.22293"),
)


@dataclass(frozen=True)
class Checked:
    """What the model gives for a published latency; error is estimate over published, less 1."""

    published: Published
    estimate_ns: float

    @property
    def error(self) -> float:
        return self.estimate_ns / self.published.latency_ns - 1


def logic_ns() -> float:
    """Logic of the slowest path in ns, without registers."""
    return sum(delay for _, delay in _operators())


def estimate_ns() -> tuple[float, int]:
    """Latency in ns of the logic and its registers, and the number of registers."""
    stage, time = delay_model.stage_ns(1000 / CLOCK_MHZ, FAMILY), 0.0
    for _, delay in _operators():
        time = delay_model.finish(time, delay, stage)
    registers = delay_model.cycles(time, stage)
    return logic_ns() + registers * delay_model.delays(FAMILY).register, registers


def checked() -> list[Checked]:
    """The model beside each published latency."""
    estimate, _ = estimate_ns()
    return [Checked(published, estimate) for published in PUBLISHED]


def _operators() -> list[tuple[str, float]]:
    """Operators on the path in order, with their delays in ns."""
    found = []
    for n, fan_in in enumerate(FAN_INS):
        found.append(("table", delay_model.table_delay(ADDRESS_BITS, FAMILY)))
        found += [("adder", delay_model.adder_delay(SUM_BITS, FAMILY))] * math.ceil(math.log2(fan_in))
        if n == 0:  # saturation: seen in a table of the upper bits, then selected
            found.append(("overflow", delay_model.table_delay(2, FAMILY)))
            found.append(("limit", delay_model.lut_delay(FAMILY)))
    return found
