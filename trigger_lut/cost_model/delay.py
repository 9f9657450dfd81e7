"""A simple delay model: how much logic fits between two registers at a clock.

The figures are our own round numbers for the three families (28 nm, 20 nm, 16 nm), wiring included. They decide where
the pipeline is cut, and give an Fmax that is labeled an estimate. Beyond 8,600 LUTs delays grow with the size of the
design: longer wires. That growth, and the error of the estimate, are fitted to 24 published designs after place and
route on UltraScale+ (`published_latency`, `delays.json`). Nothing is checked on the other two families, nor the figure
for block RAM on any.

The fit would also shorten the delays of smaller designs. The model does not: only four of the designs are so small, and
a delay that is too long costs registers, but never promises a clock that is missed.

Time within a pipeline is counted in ns of logic from the first register on, registers skipped: stage s covers
(s * stage_ns, (s + 1) * stage_ns]. No register cuts an operator. One that does not fit into the present stage waits for
the next one; `finish` is that rule. latency_cycles of a network is `cycles` of its last output.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

from trigger_lut.config.budget import Target
from trigger_lut.errors import ConfigurationError, nearest

TOLERANCE = 1e-9  # of a sum of delays in ns
# Fraction of the time between two registers that is planned for. The rest is a reserve: synthesis shares logic between
# tables and so puts a second LUT into some paths. Yosys was seen to need one level more than planned.
FILL = 0.82


@dataclass(frozen=True)
class Delays:
    """Delays of a family in ns.

    lut         Through a 6-input LUT.
    net         Wire from one cell to the next.
    wide_mux    Through one multiplexer that joins two LUTs (MUXF7, MUXF8, MUXF9).
    carry       Into and out of a carry chain, over its first bit.
    carry_bit   Along the chain, each further bit.
    register    Clock to output, setup and clock uncertainty together.
    block_ram   Clock to output of a block RAM without output register, beyond the delay of a register.
    muxed_bits  Address bits of the largest table that these multiplexers join; not a delay.
    """

    lut: float
    net: float
    wide_mux: float
    carry: float
    carry_bit: float
    register: float
    block_ram: float
    muxed_bits: int

    @property
    def lut_and_wire(self) -> float:
        """Delay of one LUT and the wire behind it, in ns."""
        return self.lut + self.net

    def table(self, address_bits: int) -> float:
        """Return the delay of a table, in ns.

        One LUT covers up to 6 address bits. Wide multiplexers join LUTs, then more LUTs do. One address bit chooses
        between two constants: that is wiring.

        Parameters
        ----------
        address_bits : int
            The table has 2**address_bits entries.

        Returns
        -------
        float
        """
        if address_bits <= 1:
            return 0.0
        muxed = min(max(address_bits - 6, 0), self.muxed_bits - 6)
        # A LUT is a multiplexer of four: it takes off two address bits per level.
        levels = math.ceil(max(address_bits - self.muxed_bits, 0) / 2)
        return (1 + levels) * self.lut_and_wire + muxed * self.wide_mux

    def adder(self, bits: int) -> float:
        """Return the delay of an adder in ns: one LUT per bit and the carry chain.

        Parameters
        ----------
        bits : int
            Width of the adder; 0: the operands do not overlap.

        Returns
        -------
        float
        """
        return self.lut_and_wire + self.carry + (bits - 1) * self.carry_bit if bits > 0 else 0.0


FAMILIES = {
    "xcup": Delays(
        lut=0.12, net=0.33, wide_mux=0.10, carry=0.24, carry_bit=0.005, register=0.25, block_ram=0.90, muxed_bits=9
    ),
    "xcu": Delays(
        lut=0.15, net=0.45, wide_mux=0.13, carry=0.32, carry_bit=0.008, register=0.32, block_ram=1.20, muxed_bits=9
    ),
    "xc7": Delays(
        lut=0.20, net=0.60, wide_mux=0.20, carry=0.50, carry_bit=0.020, register=0.50, block_ram=1.70, muxed_bits=8
    ),
}


@dataclass(frozen=True)
class Unmeasured:
    """A family without delay figures: its clock is not measured.

    Attributes
    ----------
    planned_as
        Family whose delays cut the pipeline, and whose LUTs training counts. A choice, not a fact about the device.
    mapping
        Command of Yosys that counts its cells; empty where Yosys has none.
    counts
        What the count of LUTs is.
    """

    planned_as: str
    mapping: str
    counts: str


_ALM = "ALUTs as Yosys maps Cyclone V; other devices with ALMs differ: an estimate"
_INTEL = "synth_intel_alm -family cyclonev -noiopad -noclkbuf -nodsp -nobram -nolutram"
UNMEASURED = {
    "versal": Unmeasured("xcup", "", "LUT6 as Yosys maps UltraScale+; Yosys has no mapping for Versal: an estimate"),
    "agilex": Unmeasured("xcup", _INTEL, _ALM),
    "stratix10": Unmeasured("xcup", _INTEL, _ALM),
    "polarfire": Unmeasured(
        "xc7",
        "synth_microchip -family polarfire -noiopad -noclkbuf -nodsp -nobram -discard-ffinit",
        "LUT4 as Yosys maps PolarFire",
    ),
}
"""Families without a source of delay figures. Their clock is "not measured", so it is never met."""
SOURCES = {
    "xcup": "our own round numbers for 16 nm; compared with 24 published designs",
    "xcu": "our own round numbers for 20 nm; compared with no design",
    "xc7": "our own round numbers for 28 nm; compared with no design",
    **dict.fromkeys(UNMEASURED, "none"),
}
"""Source of the delay figures by family."""


@dataclass(frozen=True)
class Growth:
    """Growth of delays with the size of a design: (LUTs / luts) ** power, at least 1."""

    luts: float
    power: float

    def factor(self, luts: float) -> float:
        """Return the factor on the delays of a design.

        Parameters
        ----------
        luts : float
            LUTs of the design.

        Returns
        -------
        float
            At least 1.
        """
        return max(1.0, float((luts / self.luts) ** self.power))


# The fit of `published_latency` to the published designs; tests/cost_model/test_published_latency.py fits again.
GROWTH = Growth(luts=8600, power=0.299)
CHECKED_FAMILY, CHECKED_DESIGNS, SMALLEST_CHECKED_LUTS = "xcup", 24, 1232
# Measured over predicted period by probability: central intervals over the published designs, each skipped in turn.
PERIOD_RATIOS = {0.68: (0.88, 1.09), 0.95: (0.60, 1.26)}


def has_vendor_scripts(family: str) -> bool:
    """Return whether Vivado and Vitis HLS build for a family: those of AMD.

    Parameters
    ----------
    family : str
        Family of a target.

    Returns
    -------
    bool
    """
    return family not in UNMEASURED or not UNMEASURED[family].mapping


def modeled_as(family: str) -> str:
    """Return the family whose delays and LUTs plan a family: itself, unless it has no figures of its own.

    Parameters
    ----------
    family : str
        Family of a target.

    Returns
    -------
    str
        Family as Yosys' synth_xilinx names it.
    """
    return UNMEASURED[family].planned_as if family in UNMEASURED else family


def delays(family: str) -> Delays:
    """Return the delays that a family is planned with. They say nothing of the clock of a family in `UNMEASURED`.

    Parameters
    ----------
    family : str
        Family as Yosys names it.

    Returns
    -------
    Delays

    Raises
    ------
    ConfigurationError
        For a family that the model does not know.
    """
    planned = modeled_as(family)
    if planned not in FAMILIES:
        raise ConfigurationError(f"no delays for family {family!r}{nearest(family, [*FAMILIES, *UNMEASURED])}")
    return FAMILIES[planned]


@dataclass(frozen=True)
class DelayModel:
    """Delays of a family at a clock.

    Attributes
    ----------
    clock_period_ns : float
        Clock period in ns.
    family : str
        Family as Yosys names it.
    """

    clock_period_ns: float
    family: str

    @classmethod
    def of(cls, target: Target) -> DelayModel:
        """Return the model of a target.

        Parameters
        ----------
        target : Target
            Target of a design.

        Returns
        -------
        DelayModel
        """
        return cls(target.clock_period_ns, target.family)

    @cached_property
    def delays(self) -> Delays:
        """Delays of the family. Raises ConfigurationError for a family that the model does not know."""
        return delays(self.family)

    @cached_property
    def stage_ns(self) -> float:
        """Logic that is planned between two registers, in ns.

        Raises
        ------
        ConfigurationError
            If the clock leaves no room for one LUT, or the family is unknown.
        """
        room = FILL * (self.clock_period_ns - self.delays.register)
        if room < self.delays.lut_and_wire:
            fastest = 1000 / (self.delays.register + self.delays.lut_and_wire / FILL)
            raise ConfigurationError(
                f"a clock period of {self.clock_period_ns:.4g} ns leaves no room for logic on {self.family}: "
                f"expected at most {fastest:.0f} MHz"
            )
        return room

    def finish(self, start: float, delay: float) -> float:
        """Return when an operator is done: `finish` with the stage of this model.

        Parameters
        ----------
        start : float
            Time in ns at which all operands are ready.
        delay : float
            Delay of the operator in ns.

        Returns
        -------
        float
            Time in ns of logic.
        """
        return finish(start, delay, stage=self.stage_ns)


def finish(start: float, delay: float, *, stage: float) -> float:
    """Return when an operator is done, if no register may cut it.

    One that is longer than a stage gets a stage of its own.

    Parameters
    ----------
    start : float
        Time in ns at which all operands are ready.
    delay : float
        Delay of the operator in ns.
    stage : float
        Logic of a stage in ns, by `DelayModel.stage_ns`.

    Returns
    -------
    float
        Time in ns of logic.
    """
    if delay <= 0:
        return start
    delay = min(delay, stage)
    begun = math.floor(start / stage + TOLERANCE)
    if start + delay <= (begun + 1) * stage + TOLERANCE:
        return start + delay
    return (begun + 1) * stage + delay


def cycles(total_delay: float, stage: float) -> int:
    """Return the number of stages up to a time.

    Parameters
    ----------
    total_delay : float
        Time in ns, by `finish`.
    stage : float
        Logic of a stage in ns, by `DelayModel.stage_ns`.

    Returns
    -------
    int
        At least 1.
    """
    return max(1, math.ceil(total_delay / stage - TOLERANCE))


def fmax_mhz(logic_ns: float, family: str, *, luts: float = 0) -> float:
    """Estimate the clock that a path between two registers reaches.

    Parameters
    ----------
    logic_ns : float
        Logic on the path in ns.
    family : str
        Family as Yosys names it.
    luts : float
        LUTs of the design: large designs are slower.

    Returns
    -------
    float
        Clock in MHz.
    """
    return 1000 / (logic_ns * GROWTH.factor(luts) + delays(family).register)
