"""The card of the attack on the proof."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from trigger_lut.cards.base import Card, StrictModel


class AttackCount(StrictModel):
    """Mutants of one kind, operator or network."""

    mutants: int = Field(title="Mutants", description="Drawn.")
    different: int = Field(title="Different", description="Differ from the network in some cycle of the simulation.")
    equal: int = Field(title="Equal", description="No difference was simulated.")
    not_compiled: int = Field(title="Not compiled", description="Verilator does not take the text.")
    proven_wrongly: int = Field(
        title="Wrongly proven",
        json_schema_extra={"format": "zero"},
        description="An output is proven that differs, or of a text that is not compiled.",
    )
    refused_equal: int = Field(
        title="Equal, but refused", description="No difference was simulated, and some output is not proven."
    )


class AttackCard(Card):
    """Mutants of generated Verilog: what simulation and what the proof say of them."""

    stage: Literal["attack"] = "attack"
    seed: int = Field(description="Seed of the draw and of the simulation.")
    seconds_allowed: float = Field(description="Time for SAT in one proof.")
    total: AttackCount = Field(description="All mutants.")
    kinds: dict[str, AttackCount] = Field(description="Mutants by kind of mutation.")
    operators: dict[str, AttackCount] = Field(description="Mutants by mutation operator.")
    networks: dict[str, AttackCount] = Field(description="Mutants by network.")
    proven_wrongly: list[str] = Field(description="Holes of the proof, with what simulation finds.")
    refused_equal: list[str] = Field(description="Mutants without a difference that the proof refuses.")
    crashes: list[str] = Field(description="Mutants on which the proof ends without an error message of its own.")
    claims_refuted: list[str] = Field(description="Mutants that are equal by construction, but differ: our own faults.")
