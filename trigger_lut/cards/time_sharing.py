"""Shared hardware of a network over the cycles of an event: ways that were tried, and the parts that follow."""

from __future__ import annotations

from pydantic import Field

from trigger_lut.cards.base import StrictModel


class SharingTry(StrictModel):
    """One way to share hardware; LUTs and cycles are estimates of the whole network."""

    block: str = Field(title="Layers", description="Names of the layers that share hardware, joined by '+'.")
    positions: int = Field(title="Positions", description="Positions of these layers.")
    instances: int = Field(title="Instances", description="Positions that are computed in one cycle.")
    fold: int = Field(title="Cycles used", description="Cycles in which the instances are used for one event.")
    luts: float = Field(title="LUTs, estimate", json_schema_extra={"format": ".0f"}, description="Of the network.")
    latency_cycles: int = Field(title="Latency [cycles], estimate", description="Of the network.")
    chosen: bool = Field(title="Chosen", description="Whether it is built.")


class SharedPart(StrictModel):
    """One part of the network; parts follow each other."""

    layers: str = Field(title="Layers", description="Names of its layers, joined by '+'.")
    logic_cycles: int = Field(title="Logic [cycles]", description="Pipeline stages of its logic.")
    positions: int = Field(default=1, title="Positions", description="Positions of its layers; 1: it is not shared.")
    instances: int = Field(default=1, title="Instances", description="Positions that are computed in one cycle.")
    fold: int = Field(default=1, title="Cycles used", description="Cycles in which the part is used for one event.")
    wait_cycles: int = Field(
        default=0,
        title="Wait [cycles]",
        description="Cycles before the first word; 1 where the clock leaves no time to choose it from the inputs.",
    )

    @property
    def latency_cycles(self) -> int:
        """Cycles from its inputs to its outputs; a shared part takes fold + 1 or fold + 2 in addition to its logic."""
        return self.logic_cycles + (self.fold + 1 + self.wait_cycles if self.fold > 1 else 0)


class SharingSummary(StrictModel):
    """Choice of the layers that share hardware, by the LUTs that the surrogate estimates."""

    ii_budget: int = Field(description="Cycles between two events that the budget grants.")
    ii: int = Field(description="Cycles between two events that the parts need.")
    luts: float = Field(description="LUTs of the parts, estimate.")
    luts_parallel: float = Field(description="LUTs without sharing, estimate.")
    latency_cycles: int = Field(description="Latency of the parts, estimate.")
    latency_cycles_parallel: int = Field(description="Latency without sharing, estimate.")
    parts: list[SharedPart] = Field(description="Parts in order; one that is not shared where nothing is.")
    tried: list[SharingTry] = Field(description="Ways that were compared.")
    verdict: str = Field(description="What sharing saves, or why II = 1 was better.")

    @property
    def latency_cycles_from_last_word(self) -> int:
        """Cycles from the last word of the first part to the outputs; its words enter one a cycle."""
        return self.latency_cycles - (self.parts[0].fold - 1)
