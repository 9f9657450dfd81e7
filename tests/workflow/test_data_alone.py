"""Anomaly detection on data without labels: from `init` to rates and decision bits."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from rootfiles import write_tree
from workflows import copy_workflow, snakemake

from trigger_lut import cli

BUDGET = """\
data_set: mine
target: cms-phase2-correlator
network: {units: [3, 1], edge_hidden_units: 4, max_input_bits: 5}
training: {epochs: 12}
verification: {rtl_vectors: 100000}
designs:
  tiny: {luts: 250, latency_ns: 25}
"""
DATA_ALONE = """\
anomaly: {}
trigger: {input_rate_khz: 30000, rates_khz: [300, 3000], efficiency_variables: [met]}
"""
PAGES = ("pages/rate.html", "pages/physics.html", "decision.json")


def write_run(path: Path, run: int, count: int = 1500) -> None:
    """Events of one run, whose ht follows pt but for a few."""
    rng = np.random.default_rng(run)
    pt = rng.exponential(30, count) + 5
    columns = {"met": rng.exponential(20, count), "ht": 3 * pt + rng.exponential(30, count), "pt": pt}
    identity = {"run": np.full(count, run, np.int32), "event": np.arange(count)}
    write_tree(path, identity | {name: values.astype(np.float32) for name, values in columns.items()}, "Events")


@pytest.mark.slow
def test_data_alone_are_judged_by_rate_and_teacher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = copy_workflow(tmp_path / "w", BUDGET)
    for run in (1, 2):
        write_run(folder / f"ntuples/run_{run}.root", run)
    with monkeypatch.context() as patch:
        patch.chdir(folder)
        assert cli.main(["init", "ntuples/*.root", "--name", "mine"]) == 0
    description = folder / "config/data_sets/mine.yaml"
    before, after = description.read_text().split("label:\n")
    assert "`anomaly: {}`" in before
    description.write_text(before + DATA_ALONE + after[after.index("\n\n") :])
    targets = [f"results/tiny/{name}" for name in PAGES]
    ran = snakemake(folder, *targets, "results/data/mine/pages/teacher.html", "--cores", "2", timeout=1800)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    rate = json.loads((folder / "results/tiny/rate.json").read_text())
    assert (rate["signal"], rate["background"]) == ([], ["data"])
    firmware = rate["points"]["3000"][-1]
    assert firmware["method"] == "Firmware"
    assert firmware["rate_khz"]["value"] < 1.5 * 3000
    assert firmware["shared_with_teacher"]["low"] > 0.2, "control: by chance it is 0.1"
    (target,) = json.loads((folder / "results/tiny/physics.json").read_text())["targets"]
    assert target["methods"][-1]["rank_correlation"] > 0.3
    assert json.loads((folder / "results/tiny/decision.json").read_text())["bit_exact"]
