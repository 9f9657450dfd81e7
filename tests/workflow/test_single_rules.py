"""Single rules on made cards, through Snakemake: what they write, and what they say when they fail."""

from __future__ import annotations

import json
from pathlib import Path

import made_cards
import made_results
import pytest
from workflows import GIVEN, copy_workflow, snakemake

from trigger_lut.cards.base import write_card

CLASSES = "[g, q, W]"
BUDGET = """\
data_set: toy
target: level-1
network: {units: [6, 3]}
verification: {rtl_vectors: 100000}
designs:
  small: {luts: 1000, latency_ns: 20}
"""


@pytest.fixture
def folder(tmp_path) -> Path:
    """A workflow with the cards of the design `small` and of its data set."""
    folder = copy_workflow(tmp_path / "w", BUDGET, GIVEN.replace("[g, q, W, Z, t]", CLASSES))
    (folder / "ntuples").mkdir()
    (folder / "ntuples/a.root").write_text("")
    (folder / "config/targets.yaml").write_text(json.dumps({"level-1": made_cards.TARGET}))
    write_card(made_cards.reference(), folder / "results/data/toy/reference.json")
    write_card(made_cards.ingest(), folder / "results/data/toy/ingest.json")
    return folder


def only(folder: Path, *rules: str, target: str) -> tuple[int, str]:
    """Run these rules alone; (exit status, what was shown)."""
    ran = snakemake(folder, target, "--cores", "1", "--allowed-rules", *rules, "--rerun-triggers", "mtime")
    return ran.returncode, ran.stdout + ran.stderr


def test_resolve_writes_the_specification(folder):
    status, shown = only(folder, "resolve_design", target="results/small/spec.json")
    assert status == 0, shown
    spec = json.loads((folder / "results/small/spec.json").read_text())
    assert spec["budget"] == {"luts": 1000, "latency_ns": 20.0, "ii": 1, "dsp": 0, "bram18": 0}
    assert spec["target"]["clock_mhz"] == 400.0


def test_summary_and_verdict_of_a_design_that_passes(folder, monkeypatch):
    monkeypatch.chdir(folder)  # cards hold the paths that the workflow uses
    made_results.finished(Path(), "small")
    (folder / "results/summary.json").unlink()
    status, shown = only(folder, "summary", target="results/summary.json")
    assert status == 0, shown
    (row,) = json.loads((folder / "results/summary.json").read_text())["designs"]
    assert (row["name"], row["luts"], row["budget_met"], row["bit_exact"]) == ("small", 900, True, True)
    for page in _pages(folder):
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text("")
    status, shown = only(folder, "check_budgets", target="results/verdict.json")
    assert status == 0, shown
    assert json.loads((folder / "results/verdict.json").read_text())["designs"] == ["small"]


def test_failed_verdict_says_by_how_much_and_keeps_the_results(folder, monkeypatch):
    monkeypatch.chdir(folder)
    changed = {"synth": made_cards.synth(luts=1030), "verify": made_cards.verify(mismatches=3)}
    made_results.finished(Path(), "small", small=changed)
    for page in _pages(folder):
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text("")
    before = {p: p.read_bytes() for p in (folder / "results").rglob("*") if p.is_file() and p.suffix != ".log"}
    status, shown = only(folder, "check_budgets", target="results/verdict.json")
    assert status == 1
    assert (
        "trigger-lut: error: 1 of 1 designs fail\n"
        "  small: LUTs: 1,030 of 1,000 (yosys): 30 too many, 3.0 %\n"
        "  small: not bit-exact: 3 mismatches in 100,600 vectors\n"
    ) in shown
    assert shown.count("results/logs/verdict.log: error: 1 of 1 designs fail\n") == 1
    assert "Traceback" not in shown
    after = {p: p.read_bytes() for p in (folder / "results").rglob("*") if p.is_file() and p.suffix != ".log"}
    assert after == before


def test_pages_of_a_design(folder):
    made_cards.write_design(folder / "results")
    status, shown = only(folder, "pages_of_design", target="results/small/pages/train.html")
    assert status == 0, shown
    pages = folder / "results/small/pages"
    assert {p.name for p in pages.iterdir()} == {
        *("train.html", "training.svg", "widths.svg", "physics.html", "roc.svg", "confusion.svg", "scores.svg"),
        *("verify.html", "verification.svg", "synth.html", "resources.svg", "timing.html", "pipeline.svg"),
    }


def test_a_damaged_card_is_named(folder):
    made_cards.write_design(folder / "results")
    (folder / "results/small/timing.json").write_text('{"stage": "timing"}')
    status, shown = only(folder, "summary", target="results/summary.json")
    assert status == 1
    assert "trigger-lut: error: results/small/timing.json: not a TimingCard: seconds: Field required" in shown
    assert not (folder / "results/summary.json").exists()
    assert not (folder / "results/summary.tsv").exists()


def _pages(folder: Path) -> list[Path]:
    design = ("train", "physics", "verify", "synth", "timing", "event", "release", "prove", "faults", "firmware")
    design += ("importance",)
    plots = (
        "training",
        "widths",
        "roc",
        "confusion",
        "scores",
        "verification",
        "resources",
        "pipeline",
        "faults",
        "stages",
    )
    plots += ("importance",)
    return [
        *(folder / f"results/small/pages/{name}.html" for name in design),
        *(folder / f"results/small/pages/{name}.svg" for name in plots),
        *(folder / f"results/data/toy/pages/{name}" for name in ("ingest.html", "inputs.svg", "codes.svg")),
        folder / "results/data/toy/pages/reference.html",
        *(folder / f"results/{name}" for name in ("summary.html", "summary.svg", "index.html", "guarantees.html")),
    ]
