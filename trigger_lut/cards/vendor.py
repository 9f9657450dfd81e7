"""The card of the vendors' tools."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from trigger_lut.cards.base import NOT_MEASURED, Card, Measured, StrictModel

NOTHING = Measured(value=None, source=NOT_MEASURED)


class Resources(StrictModel):
    """Resources by a vendor's tool."""

    luts: Measured = Field(default=NOTHING, description="LUTs.")
    ff: Measured = Field(default=NOTHING, description="Flip-flops.")
    dsp: Measured = Field(default=NOTHING, description="DSP slices.")
    bram18: Measured = Field(default=NOTHING, description="18 Kb block RAMs.")
    uram: Measured = Field(default=NOTHING, description="UltraRAMs.")


class VivadoFigures(Resources):
    """Resources and timing after one step of Vivado, out of context."""

    wns_ns: Measured = Field(default=NOTHING, description="Worst slack of setup at the target's clock.")
    whs_ns: Measured = Field(default=NOTHING, description="Worst slack of hold.")
    failing_endpoints: Measured = Field(default=NOTHING, description="Endpoints that miss setup.")
    logic_levels: Measured = Field(default=NOTHING, description="Of the worst path.")
    fmax_mhz: Measured = Field(default=NOTHING, description="1 / (period - wns_ns).")


class HlsFigures(Resources):
    """Estimates of Vitis HLS after C synthesis."""

    latency_cycles: Measured = Field(default=NOTHING, description="Worst case.")
    ii: Measured = Field(default=NOTHING, description="Cycles between two inputs, worst case.")
    clock_ns: Measured = Field(default=NOTHING, description="Clock period the tool expects to reach.")


class VendorCard(Card):
    """Results of the vendor's tools."""

    stage: Literal["vendor"] = "vendor"
    design: str = Field(description="Name of the design.")
    part: str = Field(description="FPGA part number.")
    scripts: dict[str, str] = Field(description="sha256 of each build script and constraint file.")
    vivado: str | None = Field(description="Version of Vivado; null where it did not run.")
    vivado_note: str | None = Field(description="Why it did not run.")
    post_synth: VivadoFigures = Field(description="After synthesis.")
    post_route: VivadoFigures = Field(description="After place and route.")
    vitis_hls: str | None = Field(description="Version of Vitis HLS; null where it did not run.")
    vitis_hls_note: str | None = Field(description="Why it did not run.")
    csynth: HlsFigures = Field(description="After C synthesis of the hls4ml project.")
