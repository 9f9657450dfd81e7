"""The card of the stage `drift`: other data, compared with the data of the training."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from trigger_lut.cards.base import Card, StrictModel
from trigger_lut.cards.physics import Interval68, Resolution
from trigger_lut.cards.stage_cards import Metric


class Distance(StrictModel):
    """Distance of two distributions of one integer."""

    ks: float = Field(description="Largest difference of the two cumulative distributions (Kolmogorov and Smirnov).")
    ks_p_value: float = Field(
        description="Largest probability of at least that distance where both are samples of one distribution "
        "(of integers, which repeat, it is smaller: G. Noether, Metrika 7 (1963) 115)."
    )
    chi2_p_value: float = Field(
        description="Probability of at least as different fractions of codes (chi-square of weighted events, after "
        "N. Gagunashvili, arXiv:physics/0605123)."
    )
    total_variation: float = Field(description="Half of the sum of all differences of fractions: 0 equal, 1 disjoint.")
    by_chance: float = Field(description="Its mean for two samples of these sizes from one distribution.")

    @property
    def p_value(self) -> float:
        """Smaller of the two probabilities, corrected for two tests."""
        return min(2 * min(self.ks_p_value, self.chi2_p_value), 1.0)


class Spread(StrictModel):
    """Mean and standard deviation of one sample."""

    mean: float = Field(description="Mean.")
    error: float = Field(description="Its standard error.")
    spread: float = Field(description="Standard deviation.")


class ValueRatio(StrictModel):
    """A fraction or rate in both data sets."""

    trained: Interval68 = Field(description="Of the data set the design was trained on, test split.")
    new: Interval68 = Field(description="Of the other data set.")
    ratio: Interval68 | None = Field(
        description="New over trained; errors of both in quadrature, to first order; null: the trained one is 0."
    )


class CodeShift(StrictModel):
    """One code of an input."""

    code: int = Field(description="The integer.")
    value: float = Field(description="Its real value.")
    trained: float = Field(description="Fraction of events with it that the design was trained on.")
    new: float = Field(description="Fraction of the new events.")


class CodeHistogram(StrictModel):
    """Fractions of events by bins of neighboring codes."""

    edges: list[float] = Field(description="Edges of the bins, as values.")
    trained: list[float] = Field(description="Fraction of events per bin.")
    new: list[float] = Field(description="The same of the new events.")


class InputDrift(StrictModel):
    """One input of the firmware in both data sets."""

    name: str = Field(description="Name of the channel.")
    format: str = Field(description="Its frozen format.")
    distance: Distance = Field(description="Distance between the two distributions of its codes.")
    trained: Spread = Field(description="Of its values, as decoded from codes.")
    new: Spread = Field(description="The same of the new events.")
    lowest: ValueRatio = Field(description="Fraction of events at the lowest code, where smaller values saturate.")
    highest: ValueRatio = Field(description="Fraction of events at the highest code, where larger values saturate.")
    saturated: tuple[float, float] = Field(
        description="Fraction of values beyond the format, of all events: trained, new (from the cards of ingest)."
    )
    distinct_codes: tuple[int, int] = Field(description="How many codes occur: trained, new.")
    unseen: float = Field(description="Fraction of new events with codes that no event of any split had.")
    unseen_by_chance: float = Field(
        description="What one expects of it: codes that one event had, over events (I. Good, Biometrika 40 (1953) 237)."
    )
    shifted: list[CodeShift] = Field(description="The codes whose fractions differ most.")
    histogram: CodeHistogram | None = Field(None, description="Of the inputs that drifted most; null: of the others.")


class NumberDrift(StrictModel):
    """One integer of each event in both data sets: an output of the firmware, or a sum over inputs."""

    name: str = Field(description="Class or target, or the feature of objects that is summed.")
    unit: str = Field("", description="Of a target.")
    distance: Distance = Field(description="Of the distributions of its integers.")
    trained: Spread = Field(description="Of its values.")
    new: Spread = Field(description="The same of the new events.")


class PointDrift(StrictModel):
    """A working point of the trigger: the firmware's threshold stays as it was chosen."""

    path: str = Field("", description="Path of the trigger; empty: the score alone.")
    wanted_khz: float = Field(description="Rate that the threshold was chosen for.")
    threshold: float | None = Field(description="Smallest score that passes; null: there was none.")
    code: int | None = Field(description="The same as a difference of output codes.")
    rate_khz: ValueRatio | None = Field(
        description="Rate of the background; null: no labels, a stream without events, or a path, whose condition "
        "has more than the score."
    )
    passing: dict[str, ValueRatio] = Field(
        description="Fraction of the network's entries whose score passes, by class; without labels of 'all' events."
    )


class TargetDrift(StrictModel):
    """Resolution of one target of a regression in both data sets."""

    name: str = Field(description="Name of the target.")
    unit: str = Field(description="Its unit; may be empty.")
    trained: Resolution = Field(description="On the test split of the training's data.")
    new: Resolution = Field(description="On the new events.")


class DriftCard(Card):
    """Another data set, run through the frozen network of a design and compared with the trained one's test split."""

    stage: Literal["drift"] = "drift"
    design: str = Field(description="Name of the design.")
    data_set: str = Field(description="Data set that it was trained on.")
    drift: str = Field(description="The other one, encoded in the formats of the first.")
    metric: Metric = Field(
        description="Whether outputs are scores of classes (accuracy), targets (r2), or both (mean_score)."
    )
    events: tuple[int, int] = Field(description="Events compared: trained (test split), new (all).")
    effective_events: tuple[float, float] = Field(
        description="As many events of equal weight say as much: (sum w)^2 / sum w^2 (L. Kish, Survey Sampling, 1965)."
    )
    skipped_files: dict[str, str] = Field(
        description="New files that could not be read and were skipped, with the reason."
    )
    shared_events: int = Field(
        description="New events that have the identity of one of the trained data set, of any split."
    )
    class_counts: dict[str, tuple[int, int]] = Field(
        description="Events per class that both have: trained, new; empty: no labels. New ones are weighted to the "
        "trained fractions of these classes."
    )
    skipped_events: dict[str, int] = Field(
        description="Events of classes that the other data set has none of, skipped."
    )
    expressions: dict[str, tuple[str, str]] = Field(description="Features that are read differently: trained, new.")
    features: list[InputDrift] = Field(description="Largest distance first.")
    sums: list[NumberDrift] = Field(
        description="For each feature of objects, its sum over all slots, such as the number of hits. A sum shows "
        "drifts that are too small in a single slot."
    )
    outputs: list[NumberDrift] = Field(description="In the order of the network.")
    points: list[PointDrift] = Field([], description="Working points; empty: no trigger.")
    input_rate_khz: float | None = Field(
        None, description="Rate of background at the input, for both; null: no trigger."
    )
    accuracy: dict[str, ValueRatio] = Field(
        {},
        description="Fraction of events assigned to their class, by class; 'all': of all events, weighted to the "
        "trained fractions.",
    )
    targets: list[TargetDrift] = Field([], description="Of a regression with known targets.")
