"""The cards of the stages from data to physics, and of the tables over all designs.

A card says what a stage wrote, for the next one and for the pages. Those from firmware to timing are in
`cards.firmware`, and a scan's in `cards.scan`.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from trigger_lut.cards.base import Card, Count, Measured, StrictModel
from trigger_lut.cards.estimates import FmaxInterval
from trigger_lut.cards.time_sharing import SharingSummary

Metric = Literal["accuracy", "r2", "mean_score"]
"""Score of a network. Classification: fraction of right classes. Regression: fraction of the targets' variance that is
explained. Several heads: mean of these, with the weights of their losses."""
METRICS: dict[Metric, str] = {"accuracy": "Accuracy", "r2": "R²", "mean_score": "Mean score"}


class SimulateCard(Card):
    """One simulated ROOT file."""

    stage: Literal["simulate"] = "simulate"
    process: str = Field(description="Jet class: g, q, W, Z or t.")
    seed: int = Field(description="Pythia8's seed of this file.")
    jets: int = Field(description="Entries in the file.")
    events_generated: int = Field(description="Collisions generated to get them.")
    pt_range_gev: tuple[float, float] = Field(description="Window of the jets' transverse momentum.")


class ReadCard(Card):
    """One ROOT file, read with its friends into records."""

    stage: Literal["read"] = "read"
    file: str = Field(description="The file, or its address.")
    entries: int = Field(description="Entries in its tree.")
    selected: int = Field(description="Records: entries, or objects of entries, that pass the cut and have a class.")
    without_class: dict[str, int] = Field({}, description="Number of entries without a class, by value of the label.")
    skip_reason: str | None = Field(description="Why it was skipped; null: it was read.")
    remote: dict[str, str] = Field({}, description="UUID in the header of each remote file, instead of a checksum.")


class FeatureSummary(StrictModel):
    """One input channel after ingest."""

    name: str = Field(description="Name of the feature.")
    kif: tuple[int, int, int] = Field(description="Keep-negative, integer bits without sign, fractional bits.")
    format: str = Field(description="The same as fixed<W,I> or ufixed<W,I>.")
    automatic: bool = Field(description="Whether the range was picked from quantiles of the training split.")
    of_model: bool = Field(False, description="Whether the format is what the imported model reads.")
    minimum: float | None = Field(description="Smallest value before rounding; null: the slot holds an object in none.")
    maximum: float | None = Field(description="Largest value before rounding.")
    saturated_fraction: float = Field(description="Fraction of entries outside the format's range.")
    nonfinite: int = Field(description="NaN or infinite entries, treated as the description says.")
    lsb: float | None = Field(None, description="Real value of one step; null: the format's own step.")
    empty_fraction: float = Field(
        0.0, description="Fraction of entries whose slot is empty. All other statistics exclude these entries."
    )
    distinct_codes: int = Field(description="How many codes occur.")
    histogram: dict[str, list[list[float]]] = Field(description="{'edges': [edges], 'counts': [counts a class]}.")


class TargetSummary(StrictModel):
    """Target of a regression."""

    name: str = Field(title="Target", description="Name of the target, and of the network's output.")
    unit: str = Field(title="Unit", description="Its unit; may be empty.")
    scale: float = Field(title="Value of output 1", description="Real value of an output of 1.")
    minimum: float = Field(title="Smallest", description="Smallest value of all events.")
    maximum: float = Field(title="Largest", description="Largest value.")
    mean: float = Field(title="Mean", description="Mean of all events.")
    spread: float = Field(title="Standard deviation", description="Standard deviation of all events.")


class InputFormat(StrictModel):
    """Format in which an imported model reads an input."""

    kif: tuple[int, int, int] = Field(description="Bits of the sign, integer and fraction.")
    wraps: bool = Field(description="Whether the model counts values beyond the range modulo the range.")


class InputFormatsCard(Card):
    """Formats in which an imported model reads its inputs."""

    stage: Literal["input_formats"] = "input_formats"
    formats: list[InputFormat | None] = Field(
        description="One entry per input; null where no quantizer of the model reads it."
    )


class IngestCard(Card):
    """Integer codes and labels of all events."""

    stage: Literal["ingest"] = "ingest"
    data_set: str = Field(description="Name of the description.")
    files: int = Field(description="ROOT files read.")
    skipped_files: dict[str, str] = Field({}, description="Files that could not be read, each with the reason.")
    remote: dict[str, str] = Field({}, description="UUID in the header of each remote file, instead of a checksum.")
    events: int = Field(description="Entries kept.")
    without_class: dict[str, int] = Field({}, description="Number of entries without a class, by value of the label.")
    classes: list[str] = Field(description="Class names in the order of their labels.")
    class_counts: dict[str, dict[str, int]] = Field(description="Events per class, by split.")
    targets: list[TargetSummary] = Field([], description="Of a regression; its events are of one class, 'all'.")
    features: list[FeatureSummary] = Field(description="One entry per channel of the firmware.")
    warnings: list[str] = Field([], description="Channels that are constant, copies, or give the class alone.")


class TeacherCard(Card):
    """Score of an autoencoder of background, which the networks of an anomaly detection learn."""

    stage: Literal["teacher"] = "teacher"
    background: list[str] = Field(description="Classes that it was trained on.")
    channels: list[str] = Field(description="Channels that it reads.")
    units: list[int] = Field(description="Outputs of its layers, from the input to the narrowest.")
    events: int = Field(description="Events of the training split.")
    loss_training: list[float] = Field(description="Mean squared error by epoch, channels in standard deviations.")
    loss_validation: list[float] = Field(description="The same on the validation split.")
    target: TargetSummary = Field(description="The score; networks aim at it less its mean in training.")
    auc: dict[str, float] = Field(description="Area under the ROC curve of each other class against background, test.")
    edges: list[float] = Field(description="Edges of bins of the score.")
    counts: dict[str, list[int]] = Field(description="Test events in them, by class.")


class Scores(StrictModel):
    """Mean score of the events of a split in three ways, each with its standard error; null: fewer than two events."""

    weighted: float = Field(description="With the weights of the events, as training and its log judge.")
    weighted_error: float | None = Field(description="Its standard error.")
    plain: float = Field(description="All events alike.")
    plain_error: float | None = Field(description="Its standard error.")
    balanced: float | None = Field(description="Mean over classes of the mean of each; null: no classes.")
    balanced_error: float | None = Field(description="Its standard error.")


class HeadScores(StrictModel):
    """Scores of one head of a network that has several."""

    name: str = Field(description="Name of the head: class, or a target.")
    metric: Metric = Field(description="Fraction of right classes, or R^2.")
    share: float = Field(description="Its weight in the mean score; those of all heads add up to 1.")
    scores: Scores = Field(description="On the test split.")


class LargestClass(StrictModel):
    """Score of a method that assigns all events to the largest class of the training split."""

    name: str = Field(description="Name of the class.")
    scores: Scores = Field(description="On the test split.")


class Baseline(StrictModel):
    """One method without quantization, trained on the events of the designs."""

    name: str = Field(description="Name in tables and plots.")
    layers: str = Field(description="Layers of the network, or kind of trees.")
    scores: Scores = Field(description="On the test split.")
    heads: list[HeadScores] = Field([], description="The same for each head of several.")
    parameters: int = Field(description="Trainable parameters; of trees their leaves.")
    epochs: int = Field(description="Epochs that it was trained; of trees the rounds of boosting.")
    converged: bool = Field(description="The loss on validation events stopped falling before the epochs ended.")
    seconds: float = Field(description="Training time.")

    @property
    def score(self) -> float:
        """Score by which designs are judged: with the weights of the events."""
        return self.scores.weighted


class ReferenceCard(Card):
    """Scores of the baselines, which are not quantized, on the test split."""

    stage: Literal["reference"] = "reference"
    network: str = Field(description="Network of the designs that the baselines are for.")
    events: int = Field(description="Events that all were trained on, a million at most.")
    metric: Metric = Field("accuracy", description="Metric of the scores: a fraction of right classes, or R^2.")
    baselines: list[Baseline] = Field(description="One entry per method.")
    largest_class: LargestClass | None = Field(None, description="Of a classification.")


class Epoch(StrictModel):
    """One entry of the training history."""

    epoch: int = Field(description="Epochs done.")
    loss: float = Field(description="Mean loss of the epoch: cross-entropy, or squared error in units of the scale.")
    loss_validation: float | None = Field(None, description="The same on the validation split; null: not measured.")
    score: float = Field(description="On the validation split, weighted; of a regression R^2.")
    luts_estimate: float = Field(description="LUTs by the surrogate's count.")
    luts_target: float = Field(description="What the controller aimed at in this epoch, correction included.")
    correction: float = Field(description="LUTs by Yosys over LUTs by the surrogate, as last measured; 1 before.")
    multiplier: float = Field(description="The controller's multiplier on log(cost / target).")
    latency_cycles: int = Field(description="Cycles by the plan.")


class Measurement(StrictModel):
    """One synthesis during training."""

    epoch: int = Field(title="Epoch", description="Epochs done.")
    reason: Literal["before freezing", "fine-tuning", "result", "given"] = Field(
        title="Reason",
        description="Why then; a result that is beyond the budget is followed by another one, if there is any.",
    )
    luts: Measured = Field(title="LUTs, measured", description="LUT1 to LUT6 cells.")
    luts_estimate: Measured = Field(title="LUTs, estimate", description="Of the same network.")
    latency_cycles: int = Field(
        title="Latency [cycles]",
        description="Pipeline registers of the Verilog from input to output; where no cut within the budget reaches "
        "the clock, those of the next cut. Before freezing: of the first cut, if cycles are left for others.",
    )
    fmax_mhz_estimate: Measured = Field(
        title="Fmax estimate [MHz]",
        json_schema_extra={"format": ".1f"},
        description="Largest clock that the netlist reaches by the delay model.",
    )
    cuts: int = Field(
        1, title="Cuts tried", description="Cuts of the pipeline that were synthesized to find one that is fast enough."
    )


class LayerSummary(StrictModel):
    """Widths of one layer after training."""

    name: str = Field(title="Layer", description="Name of the layer.")
    kind: str = Field("tables", title="Kind", description="What it computes with.")
    positions: int = Field(1, title="Positions", description="Positions of the layer.")
    inputs: int = Field(title="Inputs", description="Input channels.")
    outputs: int = Field(title="Outputs", description="Outputs.")
    edges: int = Field(title="Edges", description="inputs times outputs; of a selection: inputs.")
    edges_active: int = Field(
        title="Edges active",
        description="Edges that are not pruned. Arithmetic layer: weights that are not 0. Selection: inputs that enter "
        "an output.",
    )
    input_width_counts: list[int] = Field(
        description="Edges by address width, from 0 on. Arithmetic layer: weights by width of the input. Selection: "
        "inputs by width."
    )
    output_width_counts: list[int] = Field(
        description="Edges by bits of table output, from 0 on. Arithmetic layer: weights by their own bits. Selection: "
        "inputs by the width at which they are compared."
    )
    saturating_channels: int = Field(title="Saturating channels", description="Input channels that are saturated.")
    luts_tables: float = Field(
        title="LUTs, tables", json_schema_extra={"format": ".0f"}, description="LUTs in tables, all places together."
    )
    luts_adders: float = Field(
        title="LUTs, adders", json_schema_extra={"format": ".0f"}, description="LUTs in adder trees."
    )
    luts_saturation: float = Field(
        title="LUTs, saturation", json_schema_extra={"format": ".0f"}, description="LUTs in rounding and saturation."
    )


class TrainCard(Card):
    """A trained network that keeps to its budget after synthesis, or the nearest one found."""

    stage: Literal["train"] = "train"
    design: str = Field(description="Name of the design.")
    metric: Metric = Field("accuracy", description="Metric of the scores: a fraction of right classes, or R^2.")
    epochs: int = Field(description="Epochs trained.")
    meets_budget: bool = Field(
        description="Whether LUTs after Yosys and cycles of the Verilog are within the budget, and the netlist reaches "
        "the clock."
    )
    verdict: str = Field(description="'within the budget', or by how much it is missed and what was tried.")
    score_validation: float = Field(le=1, description="On the validation split, by the integer network, weighted.")
    score: float = Field(le=1, description="On the test split, by the integer network, weighted.")
    luts: Measured = Field(description="Of the network as training synthesized it.")
    luts_estimate: float = Field(description="LUTs by the surrogate's count.")
    ff_estimate: int | None = Field(None, description="Flip-flops, counted on the pipeline before synthesis.")
    luts_budget: int = Field(description="LUTs asked for.")
    clock_mhz: float = Field(description="The target's clock.")
    fmax_mhz_estimate: Measured = Field(
        description="Largest clock that the netlist of the result reaches by the delay model."
    )
    latency_cycles: int = Field(
        description="Pipeline registers of the Verilog from input to output; where no cut within the budget reaches "
        "the clock, those of the next cut."
    )
    latency_cycles_estimate: int = Field(description="Cycles by the plan that the firmware is built to.")
    latency_cycles_budget: int = Field(description="Whole clock cycles in the latency asked for.")
    prune_rounds: int = Field(description="How often training went on with fewer edges after its last epoch.")
    regrow_rounds: int = Field(description="How often it went on with more, its budget being used by less than 90 %.")
    measurements: list[Measurement] = Field(description="Networks synthesized in the course of training.")
    seconds_measuring: float = Field(description="Wall time of these measurements.")
    seconds_per_epoch: float = Field(
        description="Wall time; compilation and evaluations of cost and accuracy included, measurements not."
    )
    layers: list[LayerSummary] = Field(description="Widths and LUTs of each layer.")
    sharing: SharingSummary | None = Field(
        None, description="Layers that share hardware over the cycles of an event; null where the budget's II is 1."
    )
    history: list[Epoch] = Field(description="One entry for each evaluation of cost and accuracy.")
    notes: list[str] = Field(
        [], description="Of an imported model: a final activation that was removed, inputs coarser than its quantizers."
    )


class BudgetLine(StrictModel):
    """One line of a design's budget, judged."""

    quantity: str = Field(description="luts, latency_ns, ii, dsp, bram18 or clock_mhz.")
    budget: float = Field(description="Asked for; of clock_mhz the target's clock.")
    at_least: bool = Field(False, description="Whether the budget is a lower limit, as for clock_mhz.")
    measured: float | None = Field(description="Measured; null where it was not.")
    source: str = Field(description="Where the figure comes from.")
    met: bool = Field(description="found is measured, keeps to the budget, and counts.")
    reason: str | None = Field(
        None,
        description="Why the line is missed, where the figure alone does not say it: it does not count, or what "
        "keeps it from the budget.",
    )


class DesignSummary(StrictModel):
    """One row of results/summary.json."""

    name: str = Field(description="Name of the design.")
    metric: Metric = Field("accuracy", description="Metric of the scores: a fraction of right classes, or R^2.")
    score: float = Field(description="Of the integer network, on the test split, weighted.")
    scores: Scores = Field(description="The same in three ways.")
    heads: list[HeadScores] = Field([], description="The same for each head of several.")
    baselines: list[Baseline] = Field(description="Methods without quantization.")
    largest_class: LargestClass | None = Field(None, description="Of a classification.")
    auc: dict[str, float] = Field(description="Area under the ROC curve, by class; empty for a regression.")
    efficiency_at_1e2: dict[str, float] = Field(
        description="Signal efficiency at a background efficiency of 1e-2, by class."
    )
    efficiency_at_1e3: dict[str, float] = Field(description="The same at 1e-3.")
    luts: int = Field(description="6-input LUTs.")
    luts_source: str = Field(description="Where luts, ff, dsp and bram18 come from.")
    luts_budget: int = Field(description="Asked for.")
    luts_estimate: float = Field(description="What training counted.")
    ff: int = Field(description="Flip-flops.")
    dsp: int = Field(description="DSP slices.")
    bram18: int = Field(description="18 Kb block RAMs.")
    latency_cycles: int = Field(description="From valid input to valid output.")
    latency_ns: float = Field(description="latency_cycles times the target's period.")
    latency_source: str = Field(description="Where latency and II come from.")
    latency_ns_budget: float = Field(description="Asked for.")
    ii: int = Field(description="Initiation interval in cycles.")
    clock_mhz: float = Field(description="The target's clock.")
    fmax_mhz_estimate: float = Field(description="From a delay model; not a timing run.")
    fmax_mhz_interval: FmaxInterval | None = Field(
        description="Where the Fmax of published designs lies at this estimate; null: none of the family is published."
    )
    bit_exact: bool = Field(description="0 mismatches, and every negative control caught.")
    vectors: int = Field(description="Vectors verified.")
    mismatches: int = Field(description="Output values that differ.")
    training_seconds: float = Field(description="Wall time of all epochs, those before an interruption included.")
    budget: list[BudgetLine] = Field(description="Every line of the budget, judged.")
    budget_met: bool = Field(description="All lines met.")


class Summary(Card):
    """results/summary.json: all designs side by side."""

    stage: Literal["summary"] = "summary"
    data_set: str = Field(description="Name of the data set.")
    target: str = Field(description="Name of the target.")
    designs: list[DesignSummary] = Field(description="One entry per design.")


class FormVerdict(StrictModel):
    """One form of the firmware, compared with the reference model."""

    name: str = Field(description="keras, hls4ml, alkaid, rtl or vhdl.")
    vectors: int = Field(description="Vectors compared.")
    mismatches: int = Field(description="Output values that differ.")
    rounding_mismatches: Count = Field(
        0, description="Output values of an imported Keras model that differ by float32 rounding alone."
    )


class DesignVerdict(StrictModel):
    """Everything that the verdict says of one design, computed again from its cards and files."""

    name: str = Field(description="Name of the design.")
    spec_sha256: str = Field(description="Of spec.json.")
    network_sha256: str = Field(description="Of network.npz.")
    budget: list[BudgetLine] = Field(description="Every line of the budget, judged.")
    forms: list[FormVerdict] = Field(description="One entry per form that was compared.")
    proven: list[str] = Field(description="Outputs proven equal to the network for all inputs.")
    sampled: list[str] = Field(description="Outputs compared on vectors alone.")
    statements: list[str] = Field(description="The same as text, with what was not asked for and what did not run.")


class VerdictCard(Card):
    """results/verdict.json: written only when every design meets its budget and is bit-exact."""

    stage: Literal["verdict"] = "verdict"
    designs: list[str] = Field(description="The designs that pass.")
    details: list[DesignVerdict] = Field([], description="One entry per design, those of the scan behind the others.")
    files: int = Field(0, description="Files that agree with their checksums, from the cards back to the data.")
    removed_files: list[str] = Field([], description="Data files that were removed after they were read: not compared.")
