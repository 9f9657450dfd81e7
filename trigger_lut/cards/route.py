"""The card of place and route with open tools."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from trigger_lut.cards.base import Card, Measured, StrictModel


class RoutedDepth(StrictModel):
    """One pipeline depth of a design, placed and routed."""

    latency_cycles: int = Field(description="Cycles from valid input to valid output.")
    as_built: bool = Field(description="Whether this is the design's own Verilog.")
    fmax_mhz: Measured = Field(description="After place and route, on `device`; the median of the seeds.")
    fmax_mhz_by_seed: dict[str, float] = Field(description="The same for each seed of the placer.")
    latency_ns: Measured = Field(description="latency_cycles / fmax_mhz, on `device`.")
    luts: Measured = Field(description="4-input LUT sites, those of carry chains included.")
    ff: Measured = Field(description="Flip-flops, a register in front of each input included.")
    rank: int = Field(description="1 for the highest fmax_mhz.")


class RouteCard(Card):
    """Fmax and resources after place and route by nextpnr, on an ECP5, which is not the target."""

    stage: Literal["route"] = "route"
    design: str = Field(description="Name of the design.")
    device: str = Field(description="Device, package and speed grade.")
    target: str = Field(description="The design's own part, for which none of this is measured.")
    clock_mhz: float = Field(description="What was aimed at: the target's clock.")
    luts_available: int = Field(description="4-input LUT sites of the device.")
    ff_available: int = Field(description="Flip-flops of the device.")
    fmax_mhz: Measured = Field(description="Of the design as built.")
    depths: list[RoutedDepth] = Field(description="Pipeline depths, the shallowest first.")
