"""The card of the decision stage: the trigger's decision bits in firmware."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from trigger_lut.cards import Card, Measured, Strict
from trigger_lut.clock import FmaxInterval
from trigger_lut.records_firmware import Difference


class DecisionBit(Strict):
    """One working point, one bit of the firmware's decision."""

    rate_khz: float = Field(description="Wanted rate.")
    code: int | None = Field(
        description="Smallest score that sets the bit; null: no threshold keeps to the rate, it is 0."
    )
    threshold: float | None = Field(description="The same as a real number.")
    vectors: dict[str, int] = Field(
        description="Vectors at the edge, of those simulated: with a score one code below the threshold, equal to it, "
        "one above; none for a bit that is 0."
    )
    control: dict[str, int | None] = Field(
        description="Vectors on which the Verilog with this threshold a code up or down differed; null: there is no "
        "vector at that edge, so it cannot."
    )


class DecisionForm(Strict):
    """One form of the firmware against the NumPy reference."""

    name: Literal["rtl", "vhdl"] = Field(description="Verilog in Verilator, or VHDL in GHDL.")
    vectors: int = Field(description="Vectors compared.")
    differences: int = Field(description="Output codes and decision bits that differ.")
    first: Difference | None = Field(None, description="The first one; bits are numbered behind the outputs.")
    control_missed: int = Field(description="Moved thresholds that made other differences than those at their edge.")
    seconds: float = Field(description="Wall time, negative control included.")


class DecisionCard(Card):
    """The module that gives the trigger's decision beside the network's outputs."""

    stage: Literal["decision"] = "decision"
    design: str = Field(description="Name of the design.")
    folder: str = Field(description="Where it lies.")
    top: str = Field(description="Name of the module with the network in it.")
    files: dict[str, str] = Field(description="sha256 of each file.")
    signal: list[str] = Field(description="Outputs whose largest counts for the score.")
    background: list[str] = Field(description="Outputs whose largest is subtracted; empty: one score.")
    fraction: int = Field(description="Fractional bits of a score.")
    score_range: tuple[int, int] = Field(description="Smallest and largest score.")
    score_bits: int = Field(description="Bits of a score and of a threshold, the sign included.")
    bits: list[DecisionBit] = Field(description="By working point, bit 0 first.")
    network_latency_cycles: int = Field(description="Of the network alone.")
    latency_cycles: Measured = Field(description="From valid input to valid decision.")
    latency_ns: Measured = Field(description="latency_cycles times the target's period.")
    luts: Measured = Field(description="Of the decision's logic, without the network: LUT1 to LUT6 cells.")
    ff: Measured = Field(description="Its flip-flops, those that delay the outputs among them.")
    logic_levels: Measured = Field(description="LUTs and carry chains in a row between two registers, at most.")
    clock_mhz: float = Field(description="The target's clock.")
    fmax_mhz_estimate: Measured = Field(
        description="Largest clock that the decision's synthesized logic reaches by the delay model; not a timing run."
    )
    fmax_mhz_interval: FmaxInterval | None = Field(
        description="Where the Fmax of published designs lies at this estimate; null: none of the family is published."
    )
    clock_met: bool = Field(description="fmax_mhz_estimate is at least clock_mhz.")
    vector_sets: dict[str, int] = Field(
        description="Vectors by origin: test, corners, changed, random; edge: events at the edge of a threshold."
    )
    forms: list[DecisionForm] = Field(description="Verilog, and VHDL where GHDL is installed.")
    not_run: dict[str, str] = Field({}, description="Forms that were not simulated, and why.")
    proof: Literal["proven", "sampled", "different"] = Field(
        description="proven: the logic is the decision for all outputs of the network, by SAT; sampled: on vectors."
    )
    proof_control: bool | None = Field(description="Whether SAT found a moved threshold; null: not asked, or open.")
    differences: int = Field(description="Over all forms.")
    bit_exact: bool = Field(description="No differences, no control missed, and not proven different.")
    verdict: str = Field(description="'bit-exact', or what is not, with count and place.")
