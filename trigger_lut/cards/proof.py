"""The cards of the stages that prove: equivalence for all inputs, and faults that must be noticed."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from trigger_lut.cards.base import Card, Count, StrictModel, require


class OutputProof(StrictModel):
    """One output of the network, firmware against reference."""

    name: str = Field(description="Name of the output.")
    bits: int = Field(description="Its width.")
    status: Literal["proven", "sampled", "different"] = Field(
        description="proven: equal for all inputs; sampled: compared on vectors alone, by the verify stage."
    )
    by: Literal["words", "SAT"] | None = Field(
        None,
        description="How it was proven: words: both are seen to be the same sum of functions; SAT: by search. Of "
        "firmware with an II above 1, how its pipelines were proven; its blocks are always proven by SAT.",
    )
    detail: str = Field(default="", description="Why it was not proven, or where it differs.")


SecondStatus = Literal["agrees", "disagrees", "open", "not attempted"]


class SecondOutput(StrictModel):
    """One output in the second proof."""

    name: str = Field(description="Name of the output, or valid_out.")
    status: SecondStatus = Field(
        description="agrees: proven equal for all inputs, gaps and states of the registers. disagrees: a mismatch was "
        "found. open: the time did not suffice. not attempted: outside the limits."
    )
    detail: str = Field(default="", description="Where it differs, or why it was not proven.")


class SecondProof(StrictModel):
    """The second proof: the Verilog with its registers, unrolled cycle by cycle, against the network, by SAT."""

    solver: str = Field(description="SAT solver; the first proof uses another one.")
    seconds_allowed: int = Field(description="Processor time for the comparison.")
    cycles: int = Field(description="Clock cycles from an input to its output, all of them unrolled.")
    gates: int | None = Field(default=None, description="And gates of network and unrolled Verilog; null: not built.")
    most_gates: int = Field(description="Limit of gates; larger designs are not attempted.")
    outputs: list[SecondOutput] = Field(description="One entry per output, and the last one for valid_out.")
    control: str = Field(
        default="", description="Which bit was flipped for its negative control; empty: it was not built."
    )
    control_caught: bool | None = Field(
        default=None, description="Whether the flipped bit was found; null: not in the time, or not built."
    )


class ProveCard(Card):
    """Equivalence of the generated Verilog and the network, for all inputs: word by word, else by SAT."""

    stage: Literal["prove"] = "prove"
    design: str = Field(description="Name of the design.")
    outputs: list[OutputProof] = Field(description="One entry per output.")
    method: str = Field(description="How it was proven.")
    registers: int | None = Field(
        None,
        description="Registers that all paths to the outputs and to valid_out cross; null: not seen to be as many. Of "
        "firmware that uses hardware in several cycles: cycles from an event to its outputs.",
    )
    gates: dict[str, int] = Field(description="And gates of both graphs; empty where SAT was not needed.")
    seconds_allowed: int = Field(description="Time for SAT.")
    control: str = Field(description="Which bit of which table was flipped for the negative control.")
    control_caught: bool | None = Field(description="Whether the flipped bit was found; null: not in the time.")
    second: SecondProof | None = Field(None, description="A second proof by other means; null: not asked for.")


class FaultCount(StrictModel):
    """Faults of one kind."""

    injected: Count = Field(title="Injected", description="Put into the firmware, one at a time.")
    detected: Count = Field(
        title="Detected by vectors",
        description="Noticed by the vectors of the verify stage. A fault may lead to undefined entries of tables. It "
        "counts as noticed if outputs differ for each way to fill them: with 0, with 1, or with both in turn.",
    )
    solved: Count = Field(
        0,
        title="Detected by solved inputs",
        description="Noticed not by these vectors, but by inputs that were solved for, from sums or by SAT. Simulation "
        "confirms it.",
    )
    equivalent: Count = Field(
        title="Proven to change nothing",
        description="Not noticed, and proven to change no output, for each of these fillings.",
    )
    undetected: Count = Field(
        title="Undetected",
        json_schema_extra={"format": "zero"},
        description="Not noticed, and proven to change an output.",
    )
    undecided: Count = Field(
        0,
        title="Undecided",
        description="Not noticed, and proven neither way: the time did not suffice, or the filling decides whether an "
        "output changes.",
    )

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        parts = self.detected + self.solved + self.equivalent + self.undetected + self.undecided
        require("injected: not the sum of the outcomes", parts, actual=self.injected)
        return self


class FaultsCard(Card):
    """Faults of one bit in the generated Verilog, and what verification says of each."""

    stage: Literal["faults"] = "faults"
    design: str = Field(description="Name of the design.")
    vectors: Count = Field(description="Vectors that a fault got, at most.")
    kinds: dict[str, FaultCount] = Field(description="By kind: table, adder, register, output.")
    detection_rate: float | None = Field(
        description="Of faults that change a function, those shown by inputs found for them included; null: none did."
    )
    median_vectors: float | None = Field(description="Until a fault was noticed.")
    solved: dict[str, list[int]] = Field(
        {},
        description="Faults for which inputs were found, from sums or by SAT, with the input codes. If a bit comes "
        "early or late, the codes are those of the event that shows it among others.",
    )
    equivalent: list[str] = Field(description="Faults that are proven to change nothing.")
    undetected: list[str] = Field(description="Faults that were not noticed although they change an output.")
    undecided: list[str] = Field([], description="Faults that were not noticed, of which nothing is proven.")

    @model_validator(mode="after")
    def _figures_agree(self) -> Self:
        def total(outcome: str) -> int:
            return sum(getattr(count, outcome) for count in self.kinds.values())

        for outcome in ("equivalent", "undetected", "undecided"):
            require(f"{outcome}: not as many as kinds says", total(outcome), actual=len(getattr(self, outcome)))
        caught = total("detected") + total("solved")
        changing = caught + total("undetected")
        rate = caught / changing if changing else None
        require("detection_rate: not what the counts say", rate, actual=self.detection_rate)
        if total("injected") and not self.vectors:
            raise ValueError("vectors: nothing was tried. Expected at least 1, found 0")
        return self
