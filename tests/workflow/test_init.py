"""A description that `trigger-lut init` writes is one that the workflow plans with, or refuses with what to fill in."""

from __future__ import annotations

from pathlib import Path

import pytest
from rootfiles import write_nano
from workflows import BUDGET, copy_workflow, run_jobs, snakemake

from trigger_lut import cli

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
    assert {"ingest", "reference", "train:small", "train:large", "verdict"} <= set(jobs)
    assert not any(job.startswith("simulate") for job in jobs)
    assert snakemake(folder, "-n").returncode == 0


def test_what_is_to_be_filled_in_stops_the_workflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = described(tmp_path / "flow", monkeypatch, label=False)
    ran = snakemake(folder, "-n")
    assert ran.returncode == 1
    assert "Traceback" not in ran.stdout + ran.stderr
    assert (
        "config/data_sets/mine.yaml: 2 mistakes\n  label.expression: expression 'FILL IN: " in ran.stdout + ran.stderr
    )
    assert not (folder / "results").exists()
