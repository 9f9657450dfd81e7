"""The card of each stage: what it wrote, for the next stage and for the pages."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from trigger_lut.cards import Card, Measured, Strict


class SimulateCard(Card):
    """One simulated ROOT file."""

    stage: Literal["simulate"] = "simulate"
    process: str = Field(description="Jet class: g, q, W, Z or t.")
    seed: int
    jets: int
    events_generated: int
    pt_range_gev: tuple[float, float] = Field(description="Window of the jets' transverse momentum.")


class FeatureSummary(Strict):
    """One input channel after ingest."""

    name: str
    kif: tuple[int, int, int] = Field(description="Keep-negative, integer bits without sign, fractional bits.")
    format: str = Field(description="The same as fixed<W,I> or ufixed<W,I>.")
    automatic: bool = Field(description="Whether the range was picked from quantiles of the training split.")
    minimum: float
    maximum: float
    saturated_fraction: float = Field(description="Share of entries outside the format's range.")
    nonfinite: int = Field(description="NaN or infinite entries, treated as the description says.")
    distinct_codes: int
    histogram: dict[str, list[list[float]]] = Field(description="{'edges': [edges], 'counts': [counts a class]}.")


class IngestCard(Card):
    """Integer codes and labels of all events."""

    stage: Literal["ingest"] = "ingest"
    data_set: str
    files: int
    events: int
    classes: list[str]
    class_counts: dict[str, dict[str, int]] = Field(description="Events a class, by split.")
    features: list[FeatureSummary]


class ReferenceCard(Card):
    """What is learnable: references without quantisation, on the test split."""

    stage: Literal["reference"] = "reference"
    units: list[int]
    accuracy_dense: float = Field(description="Unquantised Dense network of the same widths.")
    accuracy_trees: float = Field(description="Gradient-boosted trees (scikit-learn).")
    parameters_dense: int
    seconds_dense: float
    seconds_trees: float


class Epoch(Strict):
    """One entry of the training history."""

    epoch: int
    loss: float
    accuracy: float = Field(description="On the validation split.")
    luts_surrogate: float
    luts_target: float = Field(description="What the controller aimed at in this epoch.")
    multiplier: float = Field(description="The controller's multiplier on log(cost / target).")
    latency_cycles: int


class LayerSummary(Strict):
    """Widths of one layer after training."""

    name: str
    inputs: int
    outputs: int
    edges: int
    edges_live: int
    input_width_counts: list[int] = Field(description="Edges by address width, from 0 on.")
    output_width_counts: list[int] = Field(description="Edges by bits of table output, from 0 on.")
    saturating_channels: int
    luts_tables: float
    luts_adders: float
    luts_saturation: float


class TrainCard(Card):
    """A trained network that keeps to its budget by the surrogate, or the closest one found."""

    stage: Literal["train"] = "train"
    design: str
    epochs: int
    feasible: bool = Field(description="Whether the surrogate's LUTs and cycles are within the budget.")
    accuracy_validation: float
    accuracy: float = Field(description="On the test split, by the integer network.")
    luts_surrogate: float
    luts_budget: int
    latency_cycles_surrogate: int
    latency_cycles_budget: int
    seconds_per_epoch: float
    layers: list[LayerSummary]
    history: list[Epoch]


class RocCurve(Strict):
    """One class against all others."""

    auc: float
    efficiency_at_1e2: float = Field(description="Signal efficiency at a background efficiency of 1e-2.")
    efficiency_at_1e3: float = Field(description="Signal efficiency at a background efficiency of 1e-3.")
    background: list[float] = Field(description="Background efficiencies of the curve's points.")
    signal: list[float] = Field(description="Signal efficiencies of the same points.")


class PhysicsCard(Card):
    """Classification performance of the integer network on the test split."""

    stage: Literal["physics"] = "physics"
    design: str
    events: int
    accuracy: float
    classes: dict[str, RocCurve]
    confusion: list[list[int]] = Field(description="Events by true (row) and assigned (column) class.")


class FirmwareCard(Card):
    """Generated firmware: an hls4ml project with a compiled emulator, and pipelined Verilog."""

    stage: Literal["firmware"] = "firmware"
    design: str
    hls_project: str
    hls_handlers: dict[str, str] = Field(description="Which converter handler took which layer.")
    hls_result_types: dict[str, str] = Field(description="Result type of each layer of the hls4ml model.")
    rtl_project: str
    rtl_top: str
    rtl_files: dict[str, str] = Field(description="sha256 of each generated Verilog file.")
    rtl_latency_cycles_planned: int = Field(description="Pipeline registers counted by alkaid from input to output.")
    rtl_cost: float = Field(description="alkaid's own estimate of LUTs.")
    clock_period_ns: float


class Difference(Strict):
    """The first place where two evaluations disagree."""

    vector: int
    output: int
    expected: int
    found: int | float | None = Field(description="Not whole where an evaluation leaves its grid; null if not finite.")


class Comparison(Strict):
    """One evaluation against the NumPy reference."""

    name: Literal["keras", "hls4ml", "alkaid", "rtl"]
    vectors: int
    mismatches: int = Field(description="Output values that differ; bit-exact means 0.")
    first: Difference | None = None
    seconds: float
    control_mismatches: int = Field(description="Differences found after one bit of a table was flipped; must be > 0.")


class VerifyCard(Card):
    """All evaluations against the NumPy reference, each with its negative control."""

    stage: Literal["verify"] = "verify"
    design: str
    vectors: int
    vector_sets: dict[str, int] = Field(description="Vectors by origin: test, corners, random.")
    outputs: int
    comparisons: list[Comparison]
    control: str = Field(description="Which bit of which table entry was flipped for the negative control.")
    mismatches: int
    controls_caught: bool
    bit_exact: bool = Field(description="0 mismatches in all comparisons, and every control caught.")
    latency_cycles_measured: int = Field(description="Cycles from valid input to valid output in the RTL simulation.")
    ii_measured: int = Field(description="Cycles between two inputs in the RTL simulation.")
    verdict: str = Field(description="'bit-exact', or 'not bit-exact' with count and place.")


class SynthCard(Card):
    """Resources after Yosys, out of context."""

    stage: Literal["synth"] = "synth"
    design: str
    part: str
    family: str
    luts: Measured
    ff: Measured
    carry: Measured
    dsp: Measured
    bram18: Measured
    logic_levels: Measured = Field(
        description="Largest number of LUTs and carry chains in a row between two registers or ports."
    )
    path_ns_estimate: float | None = Field(None, description="Longest such path in ns by the delay model; an estimate.")
    cells: dict[str, int]
    luts_surrogate: Measured
    surrogate_error: float = Field(description="(surrogate - yosys) / yosys.")


class TimingCard(Card):
    """Latency and throughput at the target's clock, set against budget and target."""

    stage: Literal["timing"] = "timing"
    design: str
    clock_mhz: float
    latency_cycles: Measured
    latency_ns: Measured
    ii: Measured
    latency_ns_budget: float
    latency_allowed_ns: float | None
    logic_levels: Measured
    fmax_mhz_estimate: float = Field(description="From logic levels and a delay model; an estimate, not a timing run.")
    fmax_model: str
    latency_met: bool
    ii_met: bool


class BudgetLine(Strict):
    """One line of a design's budget, judged."""

    quantity: str
    budget: float
    found: float | None
    source: str
    met: bool


class DesignSummary(Strict):
    """One row of results/summary.json."""

    name: str
    accuracy: float
    accuracy_reference: float
    accuracy_trees: float
    auc: dict[str, float]
    efficiency_at_1e2: dict[str, float]
    efficiency_at_1e3: dict[str, float]
    luts: int
    luts_source: str
    luts_budget: int
    luts_surrogate: float
    ff: int
    dsp: int
    bram18: int
    latency_cycles: int
    latency_ns: float
    latency_source: str
    latency_ns_budget: float
    ii: int
    fmax_mhz_estimate: float
    bit_exact: bool
    vectors: int
    mismatches: int
    training_seconds: float
    budget: list[BudgetLine]
    budget_met: bool


class Summary(Card):
    """results/summary.json: all designs side by side."""

    stage: Literal["summary"] = "summary"
    data_set: str
    target: str
    designs: list[DesignSummary]


class VerdictCard(Card):
    """results/verdict.json: written only when every design meets its budget and is bit-exact."""

    stage: Literal["verdict"] = "verdict"
    designs: list[str]
