"""All pages of made-up results: designs that pass and fail, a given network, a scan; a regression; an anomaly."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import made_cards
from made_results import write_scan, write_summary
from networks import random_codes, random_network

from trigger_lut.cards.base import Card, write_card
from trigger_lut.cards.drift import DriftCard
from trigger_lut.network.event_trace import trace_event
from trigger_lut.report.pages.data import pages_of_data
from trigger_lut.report.pages.design import pages_of_design
from trigger_lut.report.pages.drift import page_of_drift
from trigger_lut.report.pages.event import event_page
from trigger_lut.report.pages.firmware import page_of_firmware
from trigger_lut.report.pages.guarantees import page_of_guarantees
from trigger_lut.report.pages.importance import page_of_importance
from trigger_lut.report.pages.index import STAGES, page_of_index
from trigger_lut.report.pages.proof import pages_of_proof
from trigger_lut.report.pages.rate import page_of_rate
from trigger_lut.report.pages.release import page_of_release
from trigger_lut.report.pages.scan import pages_of_scan
from trigger_lut.report.pages.summary import pages_of_summary
from trigger_lut.report.pages.teacher import page_of_teacher
from trigger_lut.report.plots.style import styled
from trigger_lut.report.template import write_page

DRIFTS = ("drift_later", "drift_real")
STAGE_NAMES = [*(stage.name for stage in STAGES if stage.name != "route"), *DRIFTS]


def cards_of(design: str, luts: float = 900, accuracy: float = 0.797, **changed: Card) -> dict[str, Card]:
    """Cards of a design by stage that `made_cards.write_design` does not write."""
    cards: dict[str, Any] = {name: getattr(made_cards, name)(design) for name in ("rate", "decision", "importance")}
    cards |= {name: getattr(made_cards, name)(design) for name in ("firmware", "release", "prove", "faults")}
    cards |= {"synth": made_cards.synth(design, luts), "physics": made_cards.physics(design, accuracy)}
    cards |= {"drift_later": made_cards.drift(design), "drift_real": made_cards.drift(design, "real", labeled=False)}
    return {**cards, **changed}


def failed(design: str) -> dict[str, Card]:
    """Cards of a design that fails wherever a design can."""
    late = made_cards.timing(design, cycles=9, fmax_mhz=312.5)
    prove = made_cards.prove(design, "sampled")
    verify = made_cards.verify(design, mismatches=2)
    faults = made_cards.faults(design, undetected=1)
    return cards_of(design, 1240, 0.81, timing=late, prove=prove, verify=verify, faults=faults)


def given(design: str) -> dict[str, Card]:
    """Cards of an imported network, for which neither proof nor faults were asked for."""
    sharing = made_cards.shared_train().sharing
    train = made_cards.train(design).model_copy(update={"epochs": 0, "history": [], "sharing": sharing})
    nothing = {"seconds_allowed": 0, "second": None, "control_caught": None}
    prove = made_cards.prove(design, "sampled").model_copy(update=nothing)
    faults = made_cards.faults(design).model_copy(
        update={"kinds": {}, "equivalent": [], "detection_rate": None, "median_vectors": None}
    )
    return cards_of(design, 420, 0.74, train=train, prove=prove, faults=faults)


def draw_design(root: Path, design: str, cards: Mapping[str, Card]) -> Path:
    """Write cards of a design, and all pages that are drawn from them."""
    folder = made_cards.write_design(root, design, **cards)
    pages = folder / "pages"
    at = {name: folder / f"{name}.json" for name in ("spec", "train", "physics", "verify", "synth", "timing")}
    pages_of_design(reference=next(root.glob("data/*/reference.json")), folder=pages, **at)
    pages_of_proof(prove=folder / "prove.json", faults=folder / "faults.json", folder=pages)
    page_of_rate(rate=folder / "rate.json", decision=folder / "decision.json", folder=pages)
    page_of_importance(importance=folder / "importance.json", folder=pages)
    page_of_firmware(firmware=folder / "firmware.json", folder=pages)
    for name in (name for name, card in cards.items() if isinstance(card, DriftCard)):
        page_of_drift(drift=folder / f"{name}.json", folder=pages)
    page_of_release(release=folder / "release.json", output=pages / "release.html")
    network = random_network(6)
    codes = random_codes(network, 1)[0]
    with styled():
        write_page(
            event_page(design, network, codes=codes, steps=trace_event(network, codes), event=0, truth="true class g"),
            pages / "event.html",
        )
    return folder


def draw(root: Path, designs: Mapping[str, Mapping[str, Card]], points: int = 0, **data: Card) -> Path:
    """Draw results/ of designs, of a scan of so many points, and of a data set, its cards by name. Give its index."""
    folder = root / "data/toy"
    cards = {"reference": made_cards.reference(), "ingest": made_cards.ingest(), **data}
    cards.setdefault("check", made_cards.check_simulation())
    for name, card in cards.items():
        write_card(card, folder / f"{name}.json")
    at = {name: folder / f"{name}.json" for name in ("ingest", "reference")}
    pages_of_data(simulation=folder / "check.json", folder=folder / "pages", **at)
    if "teacher" in data:
        page_of_teacher(teacher=folder / "teacher.json", folder=folder / "pages")
    folders = [draw_design(root, name, cards) for name, cards in designs.items()]
    write_summary(root, folders, folder / "reference.json")
    pages_of_summary(summary=root / "summary.json", folder=root)
    page_of_guarantees(designs=folders, output=root / "guarantees.html")
    if points:
        scanned = [scanned_point(root / "scan", n) for n in range(1, points + 1)]
        write_scan(root, folders, scanned, folder / "reference.json", published="jsc-openml-42468")
        pages_of_scan(scan=root / "scan.json", folder=root)
    stages = [name for name in STAGE_NAMES if (folders[0] / f"{name}.json").is_file() or name == "event"]
    scan = root / "scan.json" if points else None
    page = root / "index.html"
    page_of_index(designs=folders, stages=stages, data=folder, output=page, summary=root / "summary.json", scan=scan)
    return root / "index.html"


def scanned_point(root: Path, n: int) -> Path:
    """Write cards of a point of a scan."""
    name = f"scan_l{100 * n}_t20_s1"
    changed = cards_of(name, 90 * n + 7 * (n % 3), 0.7 + 0.11 * (1 - 0.8**n))
    return made_cards.write_design(root, name, **changed, spec=made_cards.spec(name, luts=100 * n))


def of_classes(root: Path) -> Path:
    """Draw a classification: three designs, a scan, other data."""
    designs = {"small": cards_of("small"), "large": failed("large"), "given_by_others": given("given_by_others")}
    return draw(root, designs, points=14)


def of_angles(root: Path) -> Path:
    """Draw a regression that has no trigger."""
    cards = {k: v for k, v in cards_of("fit").items() if k not in DRIFTS}
    reference = made_cards.reference().model_copy(update={"metric": "r2"})
    return draw(root, {"fit": {**cards, "physics": made_cards.regression("fit")}}, reference=reference)


def of_anomalies(root: Path) -> Path:
    """Draw the search for an anomaly: a teacher, one score, crossings."""
    one = made_cards.decision("odd").model_copy(update={"signal": ["anomaly"], "background": []})
    rate = made_cards.rate("odd", single_score=True)
    cards = cards_of("odd", physics=made_cards.regression("odd"), rate=rate, decision=one)
    cards_of_data = {"teacher": made_cards.teacher(), "check": made_cards.check_crossings()}
    reference = made_cards.reference().model_copy(update={"metric": "r2"})
    return draw(root, {"odd": cards}, reference=reference, **cards_of_data)


SITES = {"classes": of_classes, "angles": of_angles, "anomalies": of_anomalies}
