"""Landing page: the verdict, all designs and stages, and links to all pages. Drawn from cards only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from trigger_lut.cards.base import AnyCard, Card, read_card
from trigger_lut.cards.decision import DecisionCard
from trigger_lut.cards.drift import DriftCard
from trigger_lut.cards.firmware import FirmwareCard, SynthCard, TimingCard, VerifyCard
from trigger_lut.cards.importance import ImportanceCard
from trigger_lut.cards.physics import PhysicsCard, RateCard, of_point_key
from trigger_lut.cards.proof import FaultsCard, ProveCard
from trigger_lut.cards.release import ReleaseCard
from trigger_lut.cards.route import RouteCard
from trigger_lut.cards.scan import ScanCard
from trigger_lut.cards.stage_cards import METRICS, IngestCard, ReferenceCard, Summary, TrainCard
from trigger_lut.config.budget import Spec
from trigger_lut.report.drift_findings import in_short
from trigger_lut.report.pages.dashboard import JUDGED, banner, interval_of, panel
from trigger_lut.report.pages.quality_plot import quality_plot
from trigger_lut.report.plots.style import styled
from trigger_lut.report.template import Cell, Page, Table, number, percent, write_page
from trigger_lut.utils.wording import counted
from trigger_lut.verification.judgement import failing, reasons_to_fail


class Stage(NamedTuple):
    """Row of the table of stages: name, name and kind of the card, page, and the most important figure of the card."""

    name: str
    card: str
    kind: type[Card]
    page: str
    figure: Callable[[Any], str]


def _train(card: TrainCard) -> str:
    return f"{METRICS[card.metric]} {percent(card.score).text}, {number(card.luts.value)} LUTs"


def _firmware(card: FirmwareCard) -> str:
    return counted(card.rtl_latency_cycles_planned, "pipeline stage")


def _differing(mismatches: int) -> str:
    return counted(mismatches, "mismatch")


def _verify(card: VerifyCard) -> str:
    return f"{_differing(card.mismatches)} in {card.vectors:,} vectors"


def _prove(card: ProveCard) -> str:
    if not card.seconds_allowed:
        return number(None)
    return f"{sum(x.status == 'proven' for x in card.outputs)} of {len(card.outputs)} outputs proven"


def _faults(card: FaultsCard) -> str:
    injected = sum(kind.injected for kind in card.kinds.values())
    if not injected:
        return number(None)
    return f"{len(card.undetected)} undetected of {counted(injected, 'fault')}" + (
        f", {len(card.undecided)} undecided" if card.undecided else ""
    )


def _synth(card: SynthCard) -> str:
    return f"{number(card.luts.value)} LUTs, {number(card.ff.value)} flip-flops ({card.luts.source})"


def _one_digit(value: float | None) -> str:
    return number(value) if value is None else f"{value:.1f}"


def _timing(card: TimingCard) -> str:
    return f"{number(card.latency_cycles.value)} cycles, {_one_digit(card.latency_ns.value)} ns"


def _route(card: RouteCard) -> str:
    return f"{_one_digit(card.fmax_mhz.value)} MHz on {card.device}"


def _physics(card: PhysicsCard) -> str:
    return f"{METRICS[card.metric]} {percent(card.score).text}"


def _importance(card: ImportanceCard) -> str:
    return f"{card.bits_read} of {card.bits} input bits read"


def _rate(card: RateCard) -> str:
    key, methods = list(card.points.items())[len(card.points) // 2]
    name, khz = of_point_key(key)
    wanted = f"{khz:g} kHz" + (f" of path {name}" if name else "")
    efficiency = methods[-1].efficiency
    if not efficiency:
        return f"{number(methods[-1].rate_khz.value)} kHz on the test split, {wanted} wanted"
    return f"{100 * list(efficiency.values())[-1].value:.1f} % of the signal at {wanted}"


def _decision(card: DecisionCard) -> str:
    bits = counted(len(card.bits), "bit")
    return f"{bits} after {number(card.latency_cycles.value)} cycles, {_differing(card.differences)}"


def _release(card: ReleaseCard) -> str:
    return f"{card.archive_bytes / 1e6:.1f} MB, sha256 {card.archive_sha256[:8]}"


STAGES = (
    Stage("train", "train.json", TrainCard, "train.html", _train),
    Stage("firmware", "firmware.json", FirmwareCard, "firmware.html", _firmware),
    Stage("verify", "verify.json", VerifyCard, "verify.html", _verify),
    Stage("prove", "prove.json", ProveCard, "prove.html", _prove),
    Stage("faults", "faults.json", FaultsCard, "faults.html", _faults),
    Stage("synth", "synth.json", SynthCard, "synth.html", _synth),
    Stage("timing", "timing.json", TimingCard, "timing.html", _timing),
    Stage("route", "route.json", RouteCard, "timing.html", _route),
    Stage("physics", "physics.json", PhysicsCard, "physics.html", _physics),
    Stage("importance", "importance.json", ImportanceCard, "importance.html", _importance),
    Stage("rate", "rate.json", RateCard, "rate.html", _rate),
    Stage("decision", "decision.json", DecisionCard, "rate.html", _decision),
    Stage("event", "physics.json", PhysicsCard, "event.html", lambda _: "one event, all integers"),
    Stage("release", "release.json", ReleaseCard, "release.html", _release),
)
JUDGED_CARDS = (*JUDGED, "decision")
DRIFT = "drift_"  # prefix of the stages of later data


def _stage_of_drift(name: str) -> Stage:
    return Stage(f"drift: {name.removeprefix(DRIFT)}", f"{name}.json", DriftCard, f"{name}.html", in_short)


def page_of_index(
    *,
    designs: Sequence[Path],
    stages: Sequence[str],
    data: Path,
    output: Path,
    summary: Path | None = None,
    scan: Path | None = None,
    proof_required: bool = False,
) -> None:
    """Write the landing page. All folders lie in the folder of the page.

    Parameters
    ----------
    designs : sequence of Path
        Folders of the designs.
    stages : sequence of str
        Stages of STAGES that ran, and drift_<data set>.
    data : Path
        Folder of the data set, with its pages in `pages`.
    summary, scan : Path or None
        Cards of all designs and of the scan.
    proof_required : bool
        True if a design fails when an output is not proven.

    Raises
    ------
    CardError
        If a card is missing or damaged.
    """
    root = output.parent
    card = read_card(Summary, summary) if summary is not None else None
    scanned = read_card(ScanCard, scan) if scan is not None else None
    folders = {read_card(Spec, folder / "spec.json").design: folder for folder in designs}
    lead = [f"Data set {data.name}.", *([f"Target {card.target}."] if card is not None else [])]
    tables = [_stages(folders, stages, root)] if designs else []
    tables.append(Table("Data and overviews", ["Page", "Shows"], _others(data, summary, scan, root)))
    with styled():
        shown = Page(
            title="Results",
            lead=" ".join(lead),
            tables=tables,
            cards={},
            template="dashboard.html",
            more=_dashboard(card, scanned, folders, stages, root, proof_required=proof_required),
        )
        write_page(shown, output)


def _dashboard(
    card: Summary | None,
    scan: ScanCard | None,
    folders: Mapping[str, Path],
    stages: Sequence[str],
    root: Path,
    *,
    proof_required: bool,
) -> dict[str, object]:
    """Judge as the verdict does, and return the values of the template."""

    def card_of(name: str, stage: str, kind: type[AnyCard]) -> AnyCard | None:
        return read_card(kind, folders[name] / f"{stage}.json") if stage in stages else None

    rows = [row for row in card.designs if row.name in folders] if card is not None else []
    points = [point for point in scan.points if point.scanned] if scan is not None else []
    proofs = {row.name: card_of(row.name, "prove", ProveCard) for row in rows}
    judged = [folders[row.name] / f"{name}.json" for row in rows for name in JUDGED_CARDS if name in stages]
    reasons = reasons_to_fail(rows, points, cards=judged, proofs=proofs if proof_required else None)
    of_design = {row.name: [x for x in reasons if x.startswith(f"{row.name}:")] for row in rows}
    absent = [name for name in JUDGED if name not in stages] if rows else []
    physics = {row.name: card_of(row.name, "physics", PhysicsCard) for row in rows}
    errors = {name: ends for name, measures in physics.items() if (ends := interval_of(measures)) is not None}
    return {
        "banner": banner(reasons, failing(reasons), designs=len(rows), points=len(points), absent=absent),
        "judged": not absent,
        "stages": stages,
        "panels": [
            panel(
                row,
                of_design[row.name],
                pages=_to(root, folders[row.name] / "pages"),
                physics=physics[row.name],
                timing=card_of(row.name, "timing", TimingCard),
                prove=proofs[row.name],
                faults=card_of(row.name, "faults", FaultsCard),
            )
            for row in rows
        ],
        "plot": quality_plot(card, {x for x in of_design if of_design[x]}, errors=errors, scan=scan)
        if card and rows
        else None,
    }


def _stages(folders: Mapping[str, Path], stages: Sequence[str], root: Path) -> Table:
    """Return the table of all stages of all designs, with figures and links."""
    shown = [stage for stage in STAGES if stage.name in stages]
    shown += [_stage_of_drift(name) for name in stages if name.startswith(DRIFT)]
    rows = [
        [
            Cell(stage.name, "text"),
            *(
                Cell(
                    stage.figure(read_card(stage.kind, folder / stage.card)),
                    "text",
                    link=_to(root, folder / "pages" / stage.page),
                )
                for folder in folders.values()
            ),
        ]
        for stage in shown
    ]
    return Table("Stages", ["Stage", *folders], rows, note="Each entry links to the page of its stage.")


def _others(data: Path, summary: Path | None, scan: Path | None, root: Path) -> list[list[Cell]]:
    ingest, reference = read_card(IngestCard, data / "ingest.json"), read_card(ReferenceCard, data / "reference.json")
    links = []
    if (data / "pages/simulate.html").is_file():
        links.append(("Simulation", data / "pages/simulate.html", "check of the simulated data"))
    sources = f"{counted(ingest.events, 'event')} from {counted(ingest.files, 'file')}"
    channels = f"{sources}, {counted(len(ingest.features), 'channel')}"
    learnable = "; ".join(f"{baseline.name} {percent(baseline.score).text}" for baseline in reference.baselines)
    links += [
        ("Ingest", data / "pages/ingest.html", channels),
        ("Reference", data / "pages/reference.html", f"{METRICS[reference.metric]} of baselines: {learnable}"),
    ]
    if (data / "pages/teacher.html").is_file():
        links.append(("Teacher", data / "pages/teacher.html", "anomaly score, learned from background"))
    if summary is not None:
        links.append(("All designs", summary.with_suffix(".html"), "all figures of all designs"))
    if (root / "guarantees.html").is_file():
        links.append(("Guarantees", root / "guarantees.html", "meaning of each claim, its checks and assumptions"))
    if scan is not None:
        points = len(read_card(ScanCard, scan).points)
        links.append(("Scan", scan.with_suffix(".html"), f"{counted(points, 'point')}, Pareto front"))
    return [[Cell(name, "text", link=_to(root, page)), Cell(text, "text")] for name, page, text in links]


def _to(root: Path, page: Path) -> str:
    return page.relative_to(root).as_posix()
