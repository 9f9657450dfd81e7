"""Options of verification and measurement: `verification` of the budget file."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from trigger_lut.cards.base import StrictModel


class VerificationOptions(StrictModel):
    """Effort of tests and proofs, and further tools. No option changes a network, so training is not repeated."""

    rtl_vectors: int = Field(
        default=1_000_000, ge=100_000, le=100_000_000, description="Least number of vectors through the RTL."
    )
    sat_timeout_s: int = Field(
        default=60,
        ge=0,
        description="Time for SAT, of what is not proven word by word, a design, in seconds; 0: nothing is proven.",
    )
    second_proof_timeout_s: int = Field(
        default=15,
        ge=0,
        description="Processor time of a design's second proof, by another algorithm and solver, in seconds. It is not "
        "made if this or sat_timeout_s is 0.",
    )
    faults: int = Field(default=500, ge=0, le=100_000, description="Faults of one bit put into the firmware; 0: none.")
    ecp5_place_and_route: bool = Field(default=False, description="Place and route with nextpnr, for ECP5.")
    vivado: bool = Field(default=False, description="Synthesize and route with Vivado, where it is on PATH.")
    vitis_hls: bool = Field(default=False, description="Synthesize with Vitis HLS, where it is on PATH.")
    require_proof: bool = Field(
        default=False,
        description="The verdict fails a design with an output or a decision that is not proven. "
        "It needs sat_timeout_s of at least 1.",
    )

    @model_validator(mode="after")
    def _proof_is_made(self) -> Self:
        if self.require_proof and not self.sat_timeout_s:
            raise ValueError(
                "require_proof: no output would be proven. Expected sat_timeout_s of at least 1, found 0. "
                "Raise it, or set require_proof to false"
            )
        return self
