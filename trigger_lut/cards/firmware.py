"""The cards of the stages from firmware to timing: what each wrote, for the next one and for the pages."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from trigger_lut.cards.base import Card, Count, Measured, StrictModel, require
from trigger_lut.cards.estimates import FmaxInterval


class PipelineStage(StrictModel):
    """One stage of the pipeline, before synthesis."""

    tables: Count = Field(title="Tables", description="Look-up tables.")
    adders: Count = Field(title="Adders", description="Adders, subtractions and comparisons.")
    choices: Count = Field(title="Choices", description="Multiplexers and gates: saturation, maxima, ReLU.")
    register_bits: Count = Field(
        title="Registers behind it [bits]", description="Registers behind the stage, the valid bit among them."
    )
    logic_ns: float | None = Field(
        title="Longest path, estimate [ns]",
        json_schema_extra={"format": ".2f"},
        description="Longest path by the delay model; an estimate. null: not estimated apart.",
    )


class SharedBlock(StrictModel):
    """Layers that use the same hardware in several cycles of an event."""

    layers: str = Field(description="Names of the layers, joined by '+'.")
    positions: Count = Field(description="Positions, such as particles, with the same tables.")
    instances: Count = Field(description="Positions that are computed in one cycle.")
    cycles: Count = Field(description="Cycles in which an event uses the hardware.")
    first_stage: Count = Field(description="Number of the pipeline stage that chooses the words, from 1 on.")
    step_cycles: Count = Field(description="Latency of the hardware of one cycle's positions.")


class ObjectStepFigures(StrictModel):
    """Verilog of the way from objects of hardware integers to input codes. The budget does not count it."""

    top: str = Field(title="Module", description="Name of the module from objects to codes.")
    whole: str = Field(title="With the network", description="Name of the module with the network behind it.")
    latency_cycles: Count = Field(title="Latency [cycles]", description="Cycles from objects to codes.")
    luts: Measured = Field(title="LUTs", description="LUTs of the module alone, by synthesis out of context.")
    ff: Measured = Field(title="Flip-flops", description="Flip-flops of the module alone.")
    fmax_mhz_estimate: Measured = Field(
        title="Fmax [MHz]",
        description="Largest clock that the module's netlist reaches by the delay model; not a timing run.",
    )


class FirmwareCard(Card):
    """Generated firmware: an hls4ml project with a compiled emulator, and pipelined Verilog."""

    stage: Literal["firmware"] = "firmware"
    design: str = Field(description="Name of the design.")
    hls_project: str = Field(description="Folder of the hls4ml project.")
    hls_fallback_reason: str | None = Field(None, description="Why it was not made layer by layer; null: it was.")
    hls_handlers: dict[str, str] = Field(description="Which converter handler took which layer.")
    hls_result_types: dict[str, str] = Field(description="Result type of each layer of the hls4ml model.")
    rtl_project: str = Field(description="Folder of the Verilog project.")
    rtl_top: str = Field(description="Name of the top-level module.")
    files: dict[str, str] = Field(description="sha256 of each file that the stage wrote, by path.")
    rtl_latency_cycles_planned: Count = Field(description="Pipeline registers counted by alkaid from input to output.")
    rtl_stages: list[PipelineStage] = Field(default=[], description="What sits in each stage, from the inputs on.")
    rtl_cuts: int = Field(1, description="Cuts of the pipeline that were synthesized to find one that is fast enough.")
    rtl_clock_obstacle: str | None = Field(
        None, description="Why no cut within the latency budget reaches the target's clock; null: one does."
    )
    rtl_ii: int = Field(1, description="Cycles between two events that the Verilog needs.")
    rtl_blocks: list[SharedBlock] = Field([], description="Layers that use their hardware in several cycles.")
    rtl_cost: float = Field(description="alkaid's own estimate of LUTs.")
    rtl_bench: str | None = Field(None, description="Folder of the self-checking test benches and their vectors.")
    rtl_tmux_cycles: int | None = Field(None, description="Cycles per event of the time-multiplexed wrapper.")
    rtl_objects: ObjectStepFigures | None = Field(None, description="Object step in Verilog; null: not asked for.")
    clock_period_ns: float = Field(description="The target's clock.")


class Difference(StrictModel):
    """The first place where two evaluations disagree."""

    vector: int = Field(description="Index of the vector.")
    output: int = Field(description="Index of the output.")
    expected: int = Field(description="By the NumPy reference.")
    found: int | float | None = Field(description="Not whole where an evaluation leaves its grid; null if not finite.")


class TableEntries(StrictModel):
    """Entries of the tables of all edges that are not pruned."""

    entries: Count = Field(description="How many there are; one of a shared table counts once.")
    covered: Count = Field(description="Looked up by some vector.")
    unreachable: Count = Field(description="Proven beyond reach: no input leads to them.")
    uncovered: Count = Field(description="Neither.")

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        require(
            "entries: not the sum of its parts", self.covered + self.unreachable + self.uncovered, actual=self.entries
        )
        return self


class Comparison(StrictModel):
    """One evaluation against the NumPy reference."""

    name: str = Field(description="Implementation: keras, or a row of the registry of back ends.")
    vectors: Count = Field(description="Vectors compared.")
    mismatches: Count = Field(
        description="Output values that differ, but for those that float rounding explains; bit-exact means 0."
    )
    first: Difference | None = Field(None, description="Where it differs first; null when nothing does.")
    seconds: float = Field(description="Wall time.")
    control_mismatches: Count = Field(
        description="Mismatches after one bit of a table or weight was flipped; must be > 0."
    )
    rounding_mismatches: Count = Field(
        0,
        description="Output values of an imported Keras model that differ by float32 rounding alone: evaluated "
        "exactly, the model gives the integers of these events. Of all others, float rounding is no excuse.",
    )
    largest_difference: float | None = Field(
        None,
        description="Largest difference in steps of the output, by float rounding or not; null: none, or not finite.",
    )
    note: str | None = Field(
        None, description="Why mismatches of an imported Keras model were not evaluated exactly; null: they were."
    )

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if not self.vectors:
            raise ValueError(f"{self.name}: vectors: nothing was compared. Expected at least 1, found 0")
        require(
            f"{self.name}: first: not in agreement with mismatches", self.mismatches > 0, actual=self.first is not None
        )
        return self


class VerifyCard(Card):
    """All evaluations against the NumPy reference, each with its negative control."""

    stage: Literal["verify"] = "verify"
    design: str = Field(description="Name of the design.")
    vectors: Count = Field(description="Input vectors of all forms; the Verilog gets more, the VHDL some of them.")
    vector_sets: dict[str, Count] = Field(description="Vectors by origin: test, corners, random, tables.")
    table_entries: TableEntries = Field(description="Which table entries these vectors look up.")
    outputs: Count = Field(description="Outputs a vector.")
    comparisons: list[Comparison] = Field(
        description="Keras, hls4ml's emulator, alkaid's interpreter, Verilog (rtl) and VHDL against the reference."
    )
    not_run: dict[str, str] = Field({}, description="Comparisons that were not made, and why.")
    control: str = Field(description="Which bit of which table entry was flipped for the negative control.")
    mismatches: Count = Field(description="Output values that differ, summed over the comparisons.")
    controls_caught: bool = Field(description="Whether every comparison noticed the flipped bit.")
    bit_exact: bool = Field(description="0 mismatches in all comparisons, and every control caught.")
    latency_cycles_measured: Count = Field(description="Cycles from valid input to valid output in the RTL simulation.")
    ii_measured: Count = Field(description="Cycles between two inputs in the RTL simulation.")
    verdict: str = Field(description="'bit-exact', or 'not bit-exact' with count and place.")

    @model_validator(mode="after")
    def _figures_agree(self) -> Self:
        for name, count in (("vectors", self.vectors), ("outputs", self.outputs), ("ii_measured", self.ii_measured)):
            if not count:
                raise ValueError(f"{name}: nothing was measured. Expected at least 1, found 0")
        require("vectors: not the sum of vector_sets", sum(self.vector_sets.values()), actual=self.vectors)
        names = [compared.name for compared in self.comparisons]
        require("comparisons: a form occurs twice", len(set(names)), actual=len(names))
        counted = sum(compared.mismatches for compared in self.comparisons)
        require("mismatches: not the sum over the comparisons", counted, actual=self.mismatches)
        for compared in self.comparisons:
            values = compared.vectors * self.outputs
            if compared.mismatches > values:
                raise ValueError(
                    f"{compared.name}: mismatches: more than there are values. Expected at most {values}, found "
                    f"{compared.mismatches}"
                )
        caught = all(compared.control_mismatches for compared in self.comparisons)
        require("controls_caught: not what the comparisons say", caught, actual=self.controls_caught)
        exact = self.mismatches == 0 and caught
        require("bit_exact: not what mismatches and controls say", exact, actual=self.bit_exact)
        require("verdict: not what bit_exact says", exact, actual=self.verdict.startswith("bit-exact"))
        return self


class StageTiming(StrictModel):
    """Static timing of one pipeline stage of the netlist, by the delay model: estimates."""

    luts: Count = Field(description="LUTs in the stage.")
    carry_chains: Count = Field(description="Carry chains in the stage.")
    registers: Count = Field(description="Registers behind it.")
    logic_levels: Count = Field(description="LUTs and carry chains in a row, at most.")
    logic_ns: float = Field(description="Delay of its slowest path without the register.")
    on_path: dict[str, Count] = Field(description="Cells of that path by kind.")
    path: list[str] = Field(
        description="What the path passes, by layer, place, output and edge, as far as it is named."
    )


class DeviceCount(StrictModel):
    """Resources on a device of which there are no delay figures."""

    luts: Measured = Field(description="LUTs of the device; the budget's LUTs are compared with them.")
    ff: Measured = Field(description="Registers of the device; not measured where Yosys has no mapping.")
    counts: str = Field(description="What the count of LUTs is.")
    mapping: str = Field(description="Command of Yosys; empty where it has none for the device.")
    cells: dict[str, Count] = Field(description="Cells by type.")


class SynthCard(Card):
    """Resources after Yosys, out of context."""

    stage: Literal["synth"] = "synth"
    design: str = Field(description="Name of the design.")
    part: str = Field(description="FPGA part number.")
    family: str = Field(description="Family as Yosys names it.")
    luts: Measured = Field(description="LUT1 to LUT6 cells.")
    ff: Measured = Field(description="Flip-flops.")
    carry: Measured = Field(description="Carry cells.")
    dsp: Measured = Field(description="DSP slices.")
    bram18: Measured = Field(description="18 Kb block RAMs.")
    logic_levels: Measured = Field(
        description="Largest number of LUTs and carry chains in a row between two registers or ports."
    )
    path_ns_estimate: float | None = Field(None, description="Longest such path in ns by the delay model; an estimate.")
    clock_obstacle: str | None = Field(
        None, description="Why no cut within the latency budget reaches the target's clock; null: one does."
    )
    stages: list[StageTiming] = Field([], description="Static timing of the pipeline, from the inputs on.")
    luts_by_layer: dict[str, Count] = Field(
        {}, description="LUTs of the netlist by the layer whose value they drive or lead to."
    )
    netlist_vectors: Count = Field(
        0, description="Random vectors on which the netlist was evaluated and gave the network's outputs."
    )
    cells: dict[str, Count] = Field(description="Cells by type.")
    device: DeviceCount | None = Field(
        None, description="The count on the device itself, where the netlist is that of another family."
    )
    luts_estimate: Measured = Field(description="What training counted.")
    luts_estimate_error: float = Field(description="(surrogate - yosys) / yosys, of LUTs.")
    ff_estimate: Measured = Field(description="Flip-flops as training counted them.")

    @model_validator(mode="after")
    def _figures_agree(self) -> Self:
        if self.stages:
            longest = max(stage.logic_ns for stage in self.stages)
            require("path_ns_estimate: not the longest path of the stages", longest, actual=self.path_ns_estimate)
        return self


class TimingCard(Card):
    """Latency and throughput at the target's clock, set against budget and target."""

    stage: Literal["timing"] = "timing"
    design: str = Field(description="Name of the design.")
    clock_mhz: float = Field(description="The target's clock.")
    latency_cycles: Measured = Field(description="From valid input to valid output.")
    latency_ns: Measured = Field(description="latency_cycles times the target's period.")
    ii: Measured = Field(description="Cycles between two inputs.")
    latency_ns_budget: float = Field(description="Asked for.")
    latency_allowed_ns: float | None = Field(description="What the trigger grants; null where not found.")
    logic_levels: Measured = Field(description="LUTs and carry chains between two registers, at most.")
    fmax_mhz_estimate: Measured = Field(
        description="Largest clock that the synthesized netlist reaches by the delay model; an estimate, not a timing "
        "run."
    )
    fmax_mhz_interval: FmaxInterval | None = Field(
        description="Where the Fmax of published designs lies at this estimate; null: none of the family is published."
    )
    fmax_model: str = Field(description="What the estimate rests on.")
    clock_met: bool = Field(description="fmax_mhz_estimate is at least clock_mhz.")
    clock_obstacle: str | None = Field(
        None, description="Why no cut within the latency budget reaches the target's clock; null: one does."
    )
    latency_met: bool = Field(description="latency_ns is within the budget and the clock is met.")
    ii_met: bool = Field(description="Against the budget.")
