"""The card of a scan: all its points, and what others published on the same data."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from trigger_lut.cards.base import Card, StrictModel
from trigger_lut.cards.stage_cards import Baseline, Metric


class ScanPoint(StrictModel):
    """One design on the scan's page, and its place relative to the Pareto front."""

    name: str = Field(description="Name of the design.")
    scanned: bool = Field(description="Whether the scan asked for it; the others are in `designs`.")
    network: str = Field(description="Widths or kinds of the layers, or the function's name.")
    max_input_bits: int | None = Field(description="Largest address width of an edge; null for a function.")
    seed: int = Field(description="Seed of initialization and shuffling.")
    warm_from: str | None = Field(description="Design that its training started from; null: from scratch.")
    epochs: int = Field(description="Epochs of its own training.")
    training_seconds: float = Field(description="Wall time of these epochs.")
    score: float = Field(description="Of the integer network, on the test split.")
    metric: Metric = Field("accuracy", description="Metric of the score: a fraction of right classes, or R^2.")
    score_error: float | None = Field(description="Its standard error; null: fewer than two events.")
    luts: int = Field(description="6-input LUTs.")
    luts_source: str = Field(description="Where luts and ff come from.")
    luts_budget: int = Field(description="Asked for.")
    ff: int = Field(description="Flip-flops.")
    latency_cycles: int = Field(description="From valid input to valid output.")
    latency_ns: float = Field(description="latency_cycles times the target's period.")
    latency_source: str = Field(description="Where the latency comes from.")
    latency_ns_budget: float = Field(description="Asked for.")
    bit_exact: bool = Field(description="0 mismatches, and every negative control caught.")
    vectors: int = Field(description="Vectors verified.")
    mismatches: int = Field(description="Output values that differ.")
    budget_met: bool = Field(description="All lines of its budget met.")
    missed_budgets: list[str] = Field(description="Lines of the budget that are not met.")
    front_luts: bool = Field(description="Bit-exact, and none is as accurate with fewer LUTs, or better with as many.")
    front_latency: bool = Field(description="The same for latency instead of LUTs.")


class PublishedResult(StrictModel):
    """A result of others on the same public data set, as they state it."""

    method: str = Field(description="Name of the method or network.")
    source: str = Field(description="Publication, with the table if it has several.")
    accuracy: float = Field(description="As published.")
    luts: int = Field(description="As published.")
    ff: int | None = Field(None, description="As published; null where not found.")
    fmax_mhz: float | None = Field(None, description="Clock after place and route, as published; null where not found.")
    latency_ns: float | None = Field(None, description="As published; null where not found.")
    part: str | None = Field(None, description="FPGA part; null where not found.")


class ScanCard(Card):
    """results/scan.json: all points of a scan, and the other designs."""

    stage: Literal["scan"] = "scan"
    data_set: str = Field(description="Name of the data set.")
    target: str = Field(description="Name of the target.")
    events: int = Field(description="Events in the test split.")
    baselines: list[Baseline] = Field(description="Methods without quantization.")
    points: list[ScanPoint] = Field(description="One entry per design, those of the scan first.")
    public_data_set: str | None = Field(description="The public data set that this one is; null: none.")
    published: list[PublishedResult] = Field(description="Results of others on it; empty without one.")
