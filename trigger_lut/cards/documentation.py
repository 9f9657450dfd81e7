"""Documentation of the cards, made from the models that write and check them."""

from __future__ import annotations

import types
import typing
from typing import Any

from pydantic import BaseModel

from trigger_lut.cards import (
    attack,
    decision,
    drift,
    firmware,
    importance,
    physics,
    proof,
    release,
    route,
    scan,
    stage_cards,
    vendor,
)
from trigger_lut.cards.base import DIGEST, Card, Measured
from trigger_lut.cards.simulation import (
    CrossingCheck,
    CrossingClass,
    CrossingFileCard,
    MassPeak,
    MuonCheck,
    MuonFileCard,
    PhysicsCheck,
)

DIGEST_ROW = f"| `{DIGEST}` | str | sha256 of the other keys: a card that was edited by hand is refused. |"
CARDS: dict[str, type[BaseModel]] = {
    "data/&lt;data set&gt;/&lt;process&gt;_&lt;part&gt;.json": stage_cards.SimulateCard,
    "data/&lt;data set&gt;/muon_&lt;part&gt;.json": MuonFileCard,
    "data/&lt;data set of crossings&gt;/&lt;process&gt;_&lt;part&gt;.json": CrossingFileCard,
    "results/data/&lt;data set&gt;/check_simulation.json": PhysicsCheck,
    "results/data/&lt;data set of muons&gt;/check_simulation.json": MuonCheck,
    "results/data/&lt;data set of crossings&gt;/check_simulation.json": CrossingCheck,
    "results/data/&lt;data set&gt;/read/&lt;number&gt;.json (temporary)": stage_cards.ReadCard,
    "results/data/&lt;data set&gt;/input_formats.json (of an imported model)": stage_cards.InputFormatsCard,
    "results/data/&lt;data set&gt;/ingest.json": stage_cards.IngestCard,
    "results/data/&lt;data set&gt;/teacher.json": stage_cards.TeacherCard,
    "results/data/&lt;data set&gt;/reference.json": stage_cards.ReferenceCard,
    "results/&lt;design&gt;/train.json": stage_cards.TrainCard,
    "results/&lt;design&gt;/physics.json": physics.PhysicsCard,
    "results/&lt;design&gt;/importance.json": importance.ImportanceCard,
    "results/&lt;design&gt;/thresholds.json": physics.ThresholdsCard,
    "results/&lt;design&gt;/rate.json": physics.RateCard,
    "results/&lt;design&gt;/decision.json": decision.DecisionCard,
    "results/&lt;design&gt;/drift_&lt;data set&gt;.json": drift.DriftCard,
    "results/&lt;design&gt;/firmware.json": firmware.FirmwareCard,
    "results/&lt;design&gt;/verify.json": firmware.VerifyCard,
    "results/&lt;design&gt;/prove.json": proof.ProveCard,
    "results/&lt;design&gt;/faults.json": proof.FaultsCard,
    "attack.json (of `trigger-lut attack`)": attack.AttackCard,
    "results/&lt;design&gt;/synth.json": firmware.SynthCard,
    "results/&lt;design&gt;/timing.json": firmware.TimingCard,
    "results/&lt;design&gt;/release.json": release.ReleaseCard,
    "results/&lt;design&gt;/vendor.json": vendor.VendorCard,
    "results/&lt;design&gt;/route.json": route.RouteCard,
    "results/summary.json": stage_cards.Summary,
    "results/scan.json": scan.ScanCard,
    "results/verdict.json": stage_cards.VerdictCard,
}
PARTS: tuple[type[BaseModel], ...] = (
    stage_cards.DesignSummary,
    stage_cards.BudgetLine,
    stage_cards.DesignVerdict,
    stage_cards.FormVerdict,
    scan.ScanPoint,
    scan.PublishedResult,
    Measured,
    stage_cards.InputFormat,
    stage_cards.FeatureSummary,
    MassPeak,
    CrossingClass,
    firmware.PipelineStage,
    firmware.TableEntries,
    firmware.Comparison,
    firmware.Difference,
    decision.DecisionBit,
    decision.DecisionForm,
    proof.OutputProof,
    proof.SecondProof,
    proof.SecondOutput,
    proof.FaultCount,
    attack.AttackCount,
    release.CheckLine,
    vendor.VivadoFigures,
    vendor.HlsFigures,
    route.RoutedDepth,
    stage_cards.LayerSummary,
    stage_cards.Epoch,
    stage_cards.TargetSummary,
    physics.RocCurve,
    physics.Classification,
    physics.QuantizationLoss,
    physics.PairedDifference,
    physics.TargetResolution,
    physics.Resolution,
    physics.WorkingPoint,
    physics.Interval68,
    physics.RateCurve,
    physics.Turnon,
    physics.Reliability,
    importance.FeatureImportance,
    importance.BitImportance,
    importance.SlotImportance,
    importance.Loss,
    drift.InputDrift,
    drift.Distance,
    drift.Spread,
    drift.ValueRatio,
    drift.CodeShift,
    drift.CodeHistogram,
    drift.NumberDrift,
    drift.PointDrift,
    drift.TargetDrift,
)


def card_tables() -> str:
    """Markdown: the fields common to all cards, each card's own, and the records inside them."""
    lines = ["**Every card**", "", *_table(Card, ()), DIGEST_ROW]
    for path, model in CARDS.items():
        lines += ["", f"**{path}**", "", *_table(model, tuple(Card.model_fields))]
    for model in PARTS:
        lines += ["", f"**{model.__name__}** (inside a card)", "", *_table(model, ())]
    return "\n".join(lines) + "\n"


def _table(model: type[BaseModel], left_out: tuple[str, ...]) -> list[str]:
    rows = [
        f"| `{name}` | {_name(field.annotation)} | {field.description or ''} |"
        for name, field in model.model_fields.items()
        if name not in left_out
    ]
    return ["| field | type | meaning |", "|---|---|---|", *rows]


def _name(annotation: Any) -> str:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Literal:
        return ", ".join(f"`{a}`" for a in arguments)
    if origin is types.UnionType or origin is typing.Union:
        return " or ".join("null" if a is type(None) else _name(a) for a in arguments)
    if origin is typing.Annotated:
        return _name(arguments[0])
    if origin is not None:
        return f"{origin.__name__} of {', '.join(_name(a) for a in arguments)}"
    return str(annotation.__name__)
