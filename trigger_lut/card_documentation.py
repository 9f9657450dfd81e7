"""Documentation of the cards, made from the models that write and check them."""

from __future__ import annotations

import types
import typing
from typing import Any

from pydantic import BaseModel

from trigger_lut import (
    records,
    records_attack,
    records_decision,
    records_drift,
    records_firmware,
    records_importance,
    records_physics,
    records_proof,
    records_release,
    records_route,
    records_scan,
    records_vendor,
)
from trigger_lut.cards import DIGEST, Card, Measured
from trigger_lut.simulation.check import MassPeak, PhysicsCheck
from trigger_lut.simulation.crossing_check import CrossingCheck, CrossingClass
from trigger_lut.simulation.crossing_run import CrossingFileCard
from trigger_lut.simulation.muon_run import MuonCheck, MuonFileCard

START, END = "<!-- cards: made by `trigger-lut schema cards` -->", "<!-- end of cards -->"
DIGEST_ROW = f"| `{DIGEST}` | str | sha256 of the other keys: a card that was edited by hand is refused. |"
CARDS: dict[str, type[BaseModel]] = {
    "data/&lt;data set&gt;/&lt;process&gt;_&lt;part&gt;.json": records.SimulateCard,
    "data/&lt;data set&gt;/muon_&lt;part&gt;.json": MuonFileCard,
    "data/&lt;data set of crossings&gt;/&lt;process&gt;_&lt;part&gt;.json": CrossingFileCard,
    "results/data/&lt;data set&gt;/check_simulation.json": PhysicsCheck,
    "results/data/&lt;data set of muons&gt;/check_simulation.json": MuonCheck,
    "results/data/&lt;data set of crossings&gt;/check_simulation.json": CrossingCheck,
    "results/data/&lt;data set&gt;/read/&lt;number&gt;.json (temporary)": records.ReadCard,
    "results/data/&lt;data set&gt;/ingest.json": records.IngestCard,
    "results/data/&lt;data set&gt;/teacher.json": records.TeacherCard,
    "results/data/&lt;data set&gt;/reference.json": records.ReferenceCard,
    "results/&lt;design&gt;/train.json": records.TrainCard,
    "results/&lt;design&gt;/physics.json": records_physics.PhysicsCard,
    "results/&lt;design&gt;/importance.json": records_importance.ImportanceCard,
    "results/&lt;design&gt;/rate.json": records_physics.RateCard,
    "results/&lt;design&gt;/decision.json": records_decision.DecisionCard,
    "results/&lt;design&gt;/drift_&lt;data set&gt;.json": records_drift.DriftCard,
    "results/&lt;design&gt;/firmware.json": records_firmware.FirmwareCard,
    "results/&lt;design&gt;/verify.json": records_firmware.VerifyCard,
    "results/&lt;design&gt;/prove.json": records_proof.ProveCard,
    "results/&lt;design&gt;/faults.json": records_proof.FaultsCard,
    "attack.json (of `trigger-lut attack`)": records_attack.AttackCard,
    "results/&lt;design&gt;/synth.json": records_firmware.SynthCard,
    "results/&lt;design&gt;/timing.json": records_firmware.TimingCard,
    "results/&lt;design&gt;/release.json": records_release.ReleaseCard,
    "results/&lt;design&gt;/vendor.json": records_vendor.VendorCard,
    "results/&lt;design&gt;/route.json": records_route.RouteCard,
    "results/summary.json": records.Summary,
    "results/scan.json": records_scan.ScanCard,
    "results/verdict.json": records.VerdictCard,
}
PARTS: tuple[type[BaseModel], ...] = (
    records.DesignSummary,
    records.BudgetLine,
    records.DesignVerdict,
    records.FormVerdict,
    records_scan.ScanPoint,
    records_scan.PublishedResult,
    Measured,
    records.FeatureSummary,
    MassPeak,
    CrossingClass,
    records_firmware.PipelineStage,
    records_firmware.TableEntries,
    records_firmware.Comparison,
    records_firmware.Difference,
    records_decision.DecisionBit,
    records_decision.DecisionForm,
    records_proof.OutputProof,
    records_proof.SecondProof,
    records_proof.SecondOutput,
    records_proof.FaultCount,
    records_attack.AttackCount,
    records_release.CheckLine,
    records_vendor.VivadoFigures,
    records_vendor.HlsFigures,
    records_route.RoutedDepth,
    records.LayerSummary,
    records.Epoch,
    records.TargetSummary,
    records_physics.RocCurve,
    records_physics.Classification,
    records_physics.Cost,
    records_physics.PairedDifference,
    records_physics.TargetResolution,
    records_physics.Resolution,
    records_physics.WorkingPoint,
    records_physics.Measured68,
    records_physics.RateCurve,
    records_physics.Turnon,
    records_physics.Reliability,
    records_importance.FeatureImportance,
    records_importance.BitImportance,
    records_importance.SlotImportance,
    records_importance.Loss,
    records_drift.InputDrift,
    records_drift.Distance,
    records_drift.Spread,
    records_drift.Compared,
    records_drift.CodeShift,
    records_drift.CodeHistogram,
    records_drift.NumberDrift,
    records_drift.PointDrift,
    records_drift.TargetDrift,
)


def card_tables() -> str:
    """Markdown: the fields common to all cards, each card's own, and the records inside them."""
    lines = ["**Every card**", "", *_table(Card, ()), DIGEST_ROW]
    for path, model in CARDS.items():
        lines += ["", f"**{path}**", "", *_table(model, tuple(Card.model_fields))]
    for model in PARTS:
        lines += ["", f"**{model.__name__}** (inside a card)", "", *_table(model, ())]
    return "\n".join(lines) + "\n"


def with_card_tables(text: str) -> str:
    """A document with the tables put between its two marks."""
    before, rest = text.split(START)
    return f"{before}{START}\n\n{card_tables()}\n{END}{rest.split(END)[1]}"


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
