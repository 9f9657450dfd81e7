"""The card of the decision stage: the trigger's decision bits in firmware."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from trigger_lut.cards.base import Card, Count, Measured, StrictModel, require
from trigger_lut.cards.estimates import FmaxInterval
from trigger_lut.cards.firmware import Difference


class DecisionBit(StrictModel):
    """One working point, one bit of the firmware's decision."""

    path: str = Field("", description="Path of the trigger, whose condition the bit is a part of; empty: the score.")
    rate_khz: float = Field(description="Wanted rate.")
    code: int | None = Field(
        description="Smallest score that sets the bit; null: no threshold keeps to the rate, it is 0."
    )
    threshold: float | None = Field(description="The same as a real number.")
    vectors: dict[str, int] = Field(
        description="Simulated vectors with a score one code below the threshold, equal to it, or one above. None for "
        "a bit that is 0."
    )
    control: dict[str, int | None] = Field(
        description="Vectors on which the Verilog differed with this threshold one code up or down. null: no vector "
        "has such a score."
    )


class DecisionForm(StrictModel):
    """One form of the firmware against the NumPy reference."""

    name: Literal["rtl", "vhdl"] = Field(description="Verilog in Verilator, or VHDL in GHDL.")
    vectors: Count = Field(description="Vectors compared.")
    differences: Count = Field(description="Mismatches: output codes and decision bits that differ.")
    first: Difference | None = Field(None, description="The first one; bits are numbered behind the outputs.")
    control_missed: Count = Field(description="Moved thresholds that gave mismatches other than those at their edge.")
    seconds: float = Field(description="Wall time, negative control included.")


class DecisionCard(Card):
    """Module with the trigger's decision and the network's outputs."""

    stage: Literal["decision"] = "decision"
    design: str = Field(description="Name of the design.")
    folder: str = Field(description="Where it lies.")
    top: str = Field(description="Name of the module with the network in it.")
    files: dict[str, str] = Field(description="sha256 of each file.")
    signal: list[str] = Field(description="Outputs whose largest counts for the score.")
    background: list[str] = Field(description="Outputs whose largest is subtracted; empty: one score.")
    fraction: int = Field(description="Fractional bits of a score.")
    score_range: tuple[int, int] = Field(description="Smallest and largest score.")
    score_bits: Count = Field(description="Bits of a score and of a threshold, the sign included.")
    bits: list[DecisionBit] = Field(description="By working point, bit 0 first.")
    paths: dict[str, str] = Field({}, description="Condition on events of each path; empty: the score alone.")
    network_latency_cycles: Count = Field(description="Of the network alone.")
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
        description="proven: the Verilog is the decision in every cycle, for all outputs of the network, by checks of "
        "the text and SAT; sampled: on vectors."
    )
    proof_detail: str = Field("", description="Why it is not proven.")
    proof_control: bool | None = Field(description="Whether SAT found a moved threshold; null: not asked, or open.")
    differences: Count = Field(description="Over all forms.")
    bit_exact: bool = Field(description="No mismatch, no control missed, and not proven different.")
    verdict: str = Field(description="'bit-exact', or what is not, with count and place.")

    @model_validator(mode="after")
    def _figures_agree(self) -> Self:
        if not self.forms or not self.bits:
            raise ValueError("forms, bits: nothing was compared. Expected at least one of each, found none")
        for form in self.forms:
            if not form.vectors:
                raise ValueError(f"{form.name}: vectors: nothing was compared. Expected at least 1, found 0")
            require(
                f"{form.name}: first: not in agreement with differences",
                form.differences > 0,
                actual=form.first is not None,
            )
        require(
            "differences: not the sum over the forms", sum(f.differences for f in self.forms), actual=self.differences
        )
        missed = sum(form.control_missed for form in self.forms)
        exact = not self.differences and not missed and self.proof != "different" and self.proof_control is not False
        require("bit_exact: not what forms and proof say", exact, actual=self.bit_exact)
        require("verdict: not what bit_exact says", exact, actual=self.verdict == "bit-exact")
        fmax = self.fmax_mhz_estimate.value
        require(
            "clock_met: not what fmax_mhz_estimate says",
            fmax is not None and fmax >= self.clock_mhz,
            actual=self.clock_met,
        )
        return self
