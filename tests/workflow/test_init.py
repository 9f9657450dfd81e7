"""A description that `trigger-lut init` writes is one that the workflow plans with, or refuses with what to fill in."""

from __future__ import annotations

from pathlib import Path

import pytest
from rootfiles import write_nano, write_objects
from workflows import BUDGET, copy_workflow, run_jobs, snakemake

from trigger_lut import cli
from trigger_lut.cards.base import read_card
from trigger_lut.cards.stage_cards import IngestCard

TWO_CLASSES = BUDGET.replace("data_set: toy", "data_set: mine").replace("[4, 5]", "[4, 2]")


def described(folder: Path, monkeypatch: pytest.MonkeyPatch, label: bool) -> Path:
    copy_workflow(folder, budget=TWO_CLASSES)
    write_nano(folder / "ntuples/a.root", 300, label=label)
    with monkeypatch.context() as patch:
        patch.chdir(folder)
        assert cli.main(["init", "ntuples/*.root", "--name", "mine"]) == 0
    return folder


def test_the_workflow_plans_with_what_init_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = described(tmp_path / "flow", monkeypatch, label=True)
    jobs = run_jobs(folder)
    assert {"ingest:mine", "baselines", "train:small", "train:large", "check_budgets"} <= set(jobs)
    assert not any(job.startswith("simulate") for job in jobs)
    assert snakemake(folder, "-n").returncode == 0


def test_workflow_ingests_objects_of_two_processes_by_file(tmp_path, monkeypatch):
    folder = copy_workflow(tmp_path / "flow", budget=TWO_CLASSES)
    for seed, name in enumerate(("hh_0", "hh_1", "qcd_0")):
        write_objects(folder / f"ntuples/{name}.root", 300, seed, first=300 * (name == "hh_1"))
    with monkeypatch.context() as patch:
        patch.chdir(folder)
        assert cli.main(["init", "ntuples/*.root", "--name", "mine"]) == 0
    assert snakemake(folder, "-n").returncode == 0
    ran = snakemake(folder, "results/data/mine/codes.npz", "--cores", "1")
    assert ran.returncode == 0, ran.stderr
    card = read_card(IngestCard, folder / "results/data/mine/ingest.json")
    counts = {name: sum(split[name] for split in card.class_counts.values()) for name in card.classes}
    assert counts == {"qcd": 300, "hh": 600}
    assert "Jet_7_eta" in [feature.name for feature in card.features]


def test_what_is_to_be_filled_in_stops_the_workflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = described(tmp_path / "flow", monkeypatch, label=False)
    ran = snakemake(folder, "-n")
    assert ran.returncode == 1
    assert "Traceback" not in ran.stdout + ran.stderr
    assert (
        "config/data_sets/mine.yaml: 2 mistakes\n  label.expression: expression 'FILL IN: " in ran.stdout + ran.stderr
    )
    assert not (folder / "results").exists()
