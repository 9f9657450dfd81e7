"""The cards of the stages `physics` and `rate`: what a design does to events."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from trigger_lut.cards.base import Card, Fraction, StrictModel
from trigger_lut.cards.stage_cards import HeadScores, Metric, Scores

ALL = "all"  # of a working point: all signal classes together
AT = " at "  # between path and rate in the key of a working point


def point_key(path: str, rate_khz: float) -> str:
    """Return the key of a working point in a card: its rate in kHz, after the path if there is one.

    Parameters
    ----------
    path : str
        Name of the path; empty: the score alone.
    rate_khz : float
        Wanted rate.

    Returns
    -------
    str
        Such as '10', or 'two_b at 10'.
    """
    return f"{path}{AT}{rate_khz:g}" if path else f"{rate_khz:g}"


def of_point_key(key: str) -> tuple[str, float]:
    """Return path and rate in kHz of a working point.

    Parameters
    ----------
    key : str
        Key that `point_key` gave.

    Returns
    -------
    tuple of str and float
        Path, empty for the score alone, and wanted rate in kHz.
    """
    path, _, rate_khz = key.rpartition(AT)
    return path, float(rate_khz)


class RocCurve(StrictModel):
    """One class against all others."""

    auc: Fraction = Field(description="Area under the curve.")
    auc_error: float | None = Field(
        None, description="Its standard error (DeLong et al., Biometrics 44 (1988) 837); null: fewer than two events."
    )
    efficiency_at_1e2: Fraction = Field(description="Signal efficiency at a background efficiency of 1e-2.")
    efficiency_at_1e3: Fraction = Field(description="Signal efficiency at a background efficiency of 1e-3.")
    background: list[Fraction] = Field(description="Background efficiencies of the curve's points.")
    signal: list[Fraction] = Field(description="Signal efficiencies of the same points.")


class Interval68(StrictModel):
    """A fraction or rate with its central interval of 68.3 % (Clopper and Pearson, Biometrika 26 (1934) 404)."""

    value: float = Field(description="Fraction, or rate in kHz.")
    low: float = Field(description="Lower end.")
    high: float = Field(description="Upper end.")


class Classification(StrictModel):
    """Accuracy and ROC curves of one method."""

    method: str = Field(description="Reference, trained network, or the firmware's integers.")
    accuracy: Interval68 = Field(
        description="Fraction of events whose largest output is their class, with the weights of the events."
    )
    scores: Scores = Field(description="The same weighted, plain and balanced.")
    classes: dict[str, RocCurve] = Field(description="One class against all others, by name.")
    confusion: list[list[int]] = Field(description="Events by true (row) and assigned (column) class.")


class ScoreHistogram(StrictModel):
    """Score of one class, log-odds against all others, by true class."""

    edges: list[float] = Field(description="Edges of bins; the end bins include all values beyond.")
    counts: dict[str, list[int]] = Field(description="Test events in them, by true class.")


class BinnedEfficiency(StrictModel):
    """Efficiency of one method in bins of a variable at one threshold."""

    variable: str = Field(description="Name of the variable.")
    edges: list[float] = Field(description="Edges of bins with about as many signal events each.")
    signal: list[Interval68] = Field(description="Of the signal of the pair.")
    background: list[Interval68] = Field(description="Of its background.")


class MistagPoint(StrictModel):
    """One method at one mistag rate: threshold from the validation split, figures from the test split."""

    mistag_rate: float = Field(description="Largest efficiency of the background on the validation split.")
    threshold: float | None = Field(description="Smallest score that passes; null: none keeps to the rate.")
    efficiency: dict[str, Interval68] = Field(description="Fraction that passes, by class.")


class PairMethod(StrictModel):
    """One method on a pair of classes."""

    method: str = Field(description="Name of the method.")
    roc: RocCurve = Field(description="Curve of the signal against the background alone.")
    points: list[MistagPoint] = Field(description="One entry per mistag rate.")
    binned: list[BinnedEfficiency] = Field(description="One entry per variable, at the middle mistag rate.")


class PairResult(StrictModel):
    """Two classes, told apart by every method."""

    signal: str = Field(description="Name of the signal.")
    background: str = Field(description="Name of the background.")
    binned_at: float = Field(description="Mistag rate of the efficiencies in bins.")
    methods: list[PairMethod] = Field(description="References first, the firmware's integers last.")


class DiscriminatorResult(StrictModel):
    """A given discriminator, as a tagger of its class against all others."""

    name: str = Field(description="Its name.")
    signal: str = Field(description="Class that it finds.")
    stated: bool = Field(description="The description names this class; false: it is the class told apart best.")
    roc: RocCurve = Field(description="Its class against all others.")


class PairedDifference(StrictModel):
    """A difference of two methods on the same events."""

    value: float = Field(description="Firmware minus the other.")
    error: float | None = Field(description="Its standard error, event by event; null: fewer than two events.")


class QuantizationLoss(StrictModel):
    """Difference of the firmware and another method on the same events."""

    method: str = Field(description="The other method.")
    accuracy: PairedDifference = Field(description="Of the accuracies.")
    only_firmware: int = Field(description="Events that the firmware alone assigns to their class.")
    only_other: int = Field(description="Events that the other method alone assigns to their class.")
    auc: dict[str, PairedDifference] = Field(description="Of the areas under the curves, by class.")


class Resolution(StrictModel):
    """Resolution of one method for one target. All but r2 in the target's unit."""

    method: str = Field(description="Reference, trained network, or the firmware's integers.")
    r2: float = Field(description="Fraction of the target's variance that is explained.")
    bias: float = Field(description="Mean of found minus true.")
    rms: float = Field(description="Root of the mean squared deviation.")
    central: float = Field(description="Half of the interval that holds the central 68.3 % of the deviations.")
    central_error: float = Field(description="Its standard error, from resampled events.")
    rank_correlation: float | None = Field(
        None, description="Spearman's, with the teacher of an anomaly; null: no anomaly, or one value alone."
    )


class TargetResolution(StrictModel):
    """One target of a regression."""

    name: str = Field(description="Name of the target.")
    unit: str = Field(description="Its unit; may be empty.")
    methods: list[Resolution] = Field(description="References first, the firmware's integers last.")
    edges: list[float] = Field(description="Edges of bins of found minus true.")
    counts: dict[str, list[int]] = Field(description="Events by bin, a method; those beyond count in the end bins.")
    true_edges: list[float] = Field(description="Edges of bins of the true value, equally many events in each.")
    central_by_true: dict[str, list[float]] = Field(description="`central` in each of these bins, a method.")


class PhysicsCard(Card):
    """Results of all methods on the test split."""

    stage: Literal["physics"] = "physics"
    design: str = Field(description="Name of the design.")
    metric: Metric = Field(
        "accuracy", description="Metric of the score: a fraction of right classes, R^2, or their mean."
    )
    events: int = Field(description="Events in the test split.")
    score: float = Field(
        le=1,
        description="Fraction of events assigned to their class, weighted; of a regression R^2; of both the mean.",
    )
    scores: Scores = Field(description="The same weighted, plain and balanced.")
    weighted: bool = Field(False, description="Events have weights.")
    classes: dict[str, RocCurve] = Field({}, description="Of the firmware: one class against all others, by name.")
    confusion: list[list[int]] = Field([], description="Of the firmware: events by true (row) and assigned class.")
    methods: list[Classification] = Field([], description="References first, the firmware's integers last.")
    quantization_losses: list[QuantizationLoss] = Field([], description="Firmware against each of the other methods.")
    targets: list[TargetResolution] = Field([], description="Of a regression.")
    heads: dict[str, list[HeadScores]] = Field(
        {}, description="By method, the scores of each head of several; empty for one head."
    )
    differences: dict[str, PairedDifference] = Field(
        {}, description="By other method, the mean score of the firmware minus its; empty for one head."
    )
    score_histograms: dict[str, ScoreHistogram] = Field({}, description="Of the firmware: score of each class.")
    pairs: list[PairResult] = Field([], description="Pairs of classes that the data set asks for.")
    discriminators: list[DiscriminatorResult] = Field([], description="Given discriminators.")


class WorkingPoint(StrictModel):
    """One method at one wanted rate: threshold from the validation split, figures from the test split."""

    method: str = Field(description="Reference, trained network, or the firmware's integers.")
    threshold: float | None = Field(description="Smallest score that passes; null: none keeps to the rate.")
    code: int | None = Field(description="The same for the firmware: smallest difference of output codes.")
    rate_khz: Interval68 = Field(description="Rate on the test split.")
    efficiency: dict[str, Interval68] = Field(
        description="Fraction that passes, by signal class and of all of them; empty without signal."
    )
    shared_with_teacher: Interval68 | None = Field(
        None,
        description="Of the background that passes the teacher's threshold of this rate: fraction that passes here; "
        "null: no anomaly, or nothing passes there.",
    )


class RateCurve(StrictModel):
    """Rate and efficiency of one method at every threshold, on the test split, thinned."""

    path: str = Field("", description="Path of the trigger; empty: the score alone.")
    method: str = Field(description="Reference, trained network, or the firmware's integers.")
    threshold: list[float] = Field(description="Scores, falling.")
    rate_khz: list[float] = Field(description="Rate of the events at or above them.")
    efficiency: list[float] = Field(description="Fraction of the signal at or above them; empty without signal.")


class Turnon(StrictModel):
    """Efficiency of the signal against a variable, at one working point; without signal that of the background."""

    path: str = Field("", description="Path of the trigger; empty: the score alone.")
    variable: str = Field(description="A feature of the network, or an observable; of an event its largest.")
    rate_khz: float = Field(description="The working point's wanted rate.")
    edges: list[float] = Field(description="Edges of bins, about equally many of these events in each.")
    efficiency: dict[str, list[Interval68]] = Field(description="By method, in each bin.")


class Reliability(StrictModel):
    """Predicted probability that an event is signal, against the fraction that is."""

    method: str = Field(description="Reference, trained network, or the firmware's integers.")
    predicted: list[float] = Field(description="Mean predicted probability of the events of a bin.")
    observed: list[Interval68] = Field(description="Fraction of signal among them.")


class ThresholdsCard(Card):
    """Thresholds of the firmware's score, one for each rate of the trigger. No other method takes part."""

    stage: Literal["thresholds"] = "thresholds"
    design: str = Field(description="Name of the design.")
    signal: list[str] = Field(description="Signal classes; none where an anomaly has no signal.")
    background: list[str] = Field(description="All other classes.")
    single_score: bool = Field(False, description="The score is the network's one output: anomaly detection.")
    points: dict[str, WorkingPoint] = Field(
        description="Working point of the firmware, by rate in kHz; of a path by 'name at rate'."
    )
    paths: dict[str, str] = Field({}, description="Condition of each path; empty: the score alone.")


class RateCard(Card):
    """Rate in kHz and signal efficiency of a design as a trigger."""

    stage: Literal["rate"] = "rate"
    design: str = Field(description="Name of the design.")
    plot_label: str = Field(description="What the data are, for plots.")
    signal: list[str] = Field(description="Signal classes; none where an anomaly has no signal.")
    background: list[str] = Field(description="All others: what makes the rate.")
    input_rate_khz: float = Field(description="Rate of background at the input.")
    input_rate_from: str = Field(description="How that was stated.")
    single_score: bool = Field(False, description="Whether the score is the network's one output: anomaly detection.")
    events: dict[str, int] = Field(description="Test events per class.")
    khz_per_event: dict[str, float] = Field(description="What one test event of a background class represents.")
    points: dict[str, list[WorkingPoint]] = Field(
        description="By wanted rate in kHz, of a path by 'name at rate': every method."
    )
    paths: dict[str, str] = Field({}, description="Condition of each path; empty: the score alone.")
    of_rows: bool = Field(False, description="An event has several rows, so its classes are not those of the network.")
    curves: list[RateCurve] = Field(description="Every method.")
    turnons: list[Turnon] = Field(description="One entry per variable.")
    reliability: list[Reliability] = Field(description="Every method; empty where there is but one score.")
