"""The landing page: every stage of every design at a glance, each with the way to its page. Drawn from cards alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from trigger_lut.budget import Spec
from trigger_lut.cards import read_card
from trigger_lut.drift.findings import in_short
from trigger_lut.figures.style import styled
from trigger_lut.pages.html import Cell, Page, Table, judgement, number, percent, write_page
from trigger_lut.records import MEASURES, IngestCard, ReferenceCard, Summary, TrainCard
from trigger_lut.records_decision import DecisionCard
from trigger_lut.records_drift import DriftCard
from trigger_lut.records_firmware import FirmwareCard, SynthCard, TimingCard, VerifyCard
from trigger_lut.records_importance import ImportanceCard
from trigger_lut.records_physics import PhysicsCard, RateCard
from trigger_lut.records_proof import FaultsCard, ProveCard
from trigger_lut.records_release import ReleaseCard
from trigger_lut.records_route import RouteCard
from trigger_lut.records_scan import ScanCard


class Stage(NamedTuple):
    """A row of the matrix: name, card, page, and the figure that matters, from the card's path."""

    name: str
    card: str
    page: str
    figure: Callable[[Path], str]


def _train(path: Path) -> str:
    card = read_card(TrainCard, path)
    return f"{MEASURES[card.measure]} {percent(card.accuracy).text}, {number(card.luts.value)} LUT"


def _firmware(path: Path) -> str:
    return f"{read_card(FirmwareCard, path).rtl_latency_cycles_planned} pipeline stages"


def _verify(path: Path) -> str:
    card = read_card(VerifyCard, path)
    return f"{card.mismatches} differences in {card.vectors:,} vectors"


def _prove(path: Path) -> str:
    card = read_card(ProveCard, path)
    return f"{sum(x.status == 'proven' for x in card.outputs)} of {len(card.outputs)} outputs proven"


def _faults(path: Path) -> str:
    card = read_card(FaultsCard, path)
    injected = sum(kind.injected for kind in card.kinds.values())
    return f"{len(card.undetected)} undetected of {injected}" + (
        f", {len(card.undecided)} undecided" if card.undecided else ""
    )


def _synth(path: Path) -> str:
    card = read_card(SynthCard, path)
    return f"{number(card.luts.value)} LUT, {number(card.ff.value)} FF ({card.luts.source})"


def _timing(path: Path) -> str:
    card = read_card(TimingCard, path)
    return f"{number(card.latency_cycles.value)} cycles, {number(card.latency_ns.value)} ns"


def _route(path: Path) -> str:
    card = read_card(RouteCard, path)
    return f"{number(card.fmax_mhz.value)} MHz on {card.device}"


def _physics(path: Path) -> str:
    card = read_card(PhysicsCard, path)
    return f"{MEASURES[card.measure]} {percent(card.accuracy).text}"


def _importance(path: Path) -> str:
    card = read_card(ImportanceCard, path)
    return f"{card.bits_read} of {card.bits} input bits read"


def _rate(path: Path) -> str:
    card = read_card(RateCard, path)
    wanted, methods = list(card.points.items())[len(card.points) // 2]
    efficiency = methods[-1].efficiency
    return f"{100 * list(efficiency.values())[-1].value:.1f} % of the signal at {wanted} kHz"


def _decision(path: Path) -> str:
    card = read_card(DecisionCard, path)
    return f"{len(card.bits)} bits after {number(card.latency_cycles.value)} cycles, {card.differences} differences"


def _drift(path: Path) -> str:
    return in_short(read_card(DriftCard, path))


def _release(path: Path) -> str:
    card = read_card(ReleaseCard, path)
    return f"{card.archive_bytes / 1e6:.1f} MB, sha256 {card.archive_sha256[:8]}"


STAGES = (
    Stage("train", "train.json", "train.html", _train),
    Stage("firmware", "firmware.json", "firmware.html", _firmware),
    Stage("verify", "verify.json", "verify.html", _verify),
    Stage("prove", "prove.json", "prove.html", _prove),
    Stage("faults", "faults.json", "faults.html", _faults),
    Stage("synth", "synth.json", "synth.html", _synth),
    Stage("timing", "timing.json", "timing.html", _timing),
    Stage("route", "route.json", "timing.html", _route),
    Stage("physics", "physics.json", "physics.html", _physics),
    Stage("importance", "importance.json", "importance.html", _importance),
    Stage("rate", "rate.json", "rate.html", _rate),
    Stage("decision", "decision.json", "rate.html", _decision),
    Stage("event", "physics.json", "event.html", lambda _: "one event, all integers"),
    Stage("release", "release.json", "release.html", _release),
)
DRIFT = "drift_"  # what the stages of other data begin with


def _stage_of_drift(name: str) -> Stage:
    return Stage(f"drift: {name.removeprefix(DRIFT)}", f"{name}.json", f"{name}.html", _drift)


def page_of_index(
    designs: Sequence[Path], stages: Sequence[str], data: Path, summary: Path | None, scan: Path | None, page: Path
) -> None:
    """Write the landing page. Raises CardError when a card is missing or damaged.

    designs: their folders. stages: those of STAGES that were made, and drift_<data set>. data: the folder of the data
    set, with its pages in `pages`. All folders lie beside the page or below.
    """
    with styled():
        write_page(index_page(designs, stages, data, summary, scan, page.parent), page)


def index_page(
    designs: Sequence[Path], stages: Sequence[str], data: Path, summary: Path | None, scan: Path | None, root: Path
) -> Page:
    tables, lead = [], [f"Data set {data.name}."]
    if summary is not None:
        card = read_card(Summary, summary)
        lead.append(f"Target {card.target}.")
        rows = [
            [
                Cell(design.name, "text"),
                judgement(design.budget_met),
                judgement(design.bit_exact, "yes", "no"),
                Cell(f"{design.luts} of {design.luts_budget}"),
                Cell(f"{design.latency_ns:.2f} of {design.latency_ns_budget:g}"),
                percent(design.accuracy),
            ]
            for design in card.designs
        ]
        head = ["Design", "Budget", "Bit-exact", "LUT", "Latency [ns]", MEASURES[card.designs[0].measure]]
        tables.append(Table("Designs", head, rows, note="All figures side by side: the page over all designs, below."))
    if designs:
        shown = [stage for stage in STAGES if stage.name in stages]
        shown += [_stage_of_drift(name) for name in stages if name.startswith(DRIFT)]
        rows = [
            [
                Cell(stage.name, "text"),
                *(
                    Cell(stage.figure(folder / stage.card), "text", link=_to(root, folder / "pages" / stage.page))
                    for folder in designs
                ),
            ]
            for stage in shown
        ]
        heads = [read_card(Spec, folder / "spec.json").design for folder in designs]
        tables.append(Table("Stages", ["Stage", *heads], rows, note="Each entry leads to the page of its stage."))
    tables.append(Table("Data and overviews", ["Page", "Shows"], _others(data, summary, scan, root)))
    return Page(title="Results", lead=" ".join(lead), tables=tables, cards={})


def _others(data: Path, summary: Path | None, scan: Path | None, root: Path) -> list[list[Cell]]:
    ingest, reference = read_card(IngestCard, data / "ingest.json"), read_card(ReferenceCard, data / "reference.json")
    found = []
    if (data / "pages/simulate.html").is_file():
        found.append(("Simulation", data / "pages/simulate.html", "what was simulated, and its check"))
    channels = f"{ingest.events:,} events from {ingest.files} files, {len(ingest.features)} channels"
    learnable = f"{MEASURES[reference.measure]} {percent(reference.accuracy_dense).text} (Dense), "
    found += [
        ("Ingest", data / "pages/ingest.html", channels),
        ("Reference", data / "pages/reference.html", f"{learnable}{percent(reference.accuracy_trees).text} (trees)"),
    ]
    if (data / "pages/teacher.html").is_file():
        found.append(("Teacher", data / "pages/teacher.html", "what is unusual, learnt from background alone"))
    if summary is not None:
        found.append(("All designs", summary.with_suffix(".html"), "every figure of every design"))
    if (root / "guarantees.html").is_file():
        found.append(("Guarantees", root / "guarantees.html", "meaning of each claim, its checks and assumptions"))
    if scan is not None:
        points = len(read_card(ScanCard, scan).points)
        found.append(("Scan", scan.with_suffix(".html"), f"{points} points, Pareto front"))
    return [[Cell(name, "text", link=_to(root, page)), Cell(text, "text")] for name, page, text in found]


def _to(root: Path, page: Path) -> str:
    return page.relative_to(root).as_posix()
