"""Seconds, CPU time and memory of each stage: `pytest -m benchmark -s tests/benchmark/test_stages.py`.

One run of the workflow from nothing, another one after one design got another LUT budget, and one of an imported
network. Caches of the user count as empty at the start. Each prints a table, and the load of the machine before it.
In the environment:

- TRIGGER_LUT_BUDGET: budget file in the first run (config/budget.yaml), such as config/examples/muon_chamber.yaml
- TRIGGER_LUT_EPOCHS: shortens trainings
- TRIGGER_LUT_UNITS: outputs of the layers of the imported network (200,60,5), which decide its LUTs
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
import yaml
from helpers.workflows import ROOT

pytestmark = pytest.mark.benchmark

BUDGET = ROOT / os.environ.get("TRIGGER_LUT_BUDGET", "config/budget.yaml")
UNITS = [int(n) for n in os.environ.get("TRIGGER_LUT_UNITS", "200,60,5").split(",")]
COLUMNS = ("seconds", "cpu_s", "cpu_programs_s")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the workflow and its configuration."""
    project = tmp_path_factory.mktemp("stages") / "project"
    project.mkdir()
    for name in ("workflow", "config"):
        shutil.copytree(ROOT / name, project / name)
    shutil.copy(ROOT / "Snakefile", project)
    return project


def write_budget(folder: Path, budget: dict[str, Any]) -> None:
    """Write the budget of a run, with fewer epochs where the environment says so."""
    if epochs := os.environ.get("TRIGGER_LUT_EPOCHS"):
        budget = budget | {"training": budget.get("training", {}) | {"epochs": int(epochs)}}
    (folder / "config/budget.yaml").write_text(yaml.safe_dump(budget, sort_keys=False))


def run(folder: Path, *, name: str, wanted: tuple[str, ...] = ("all",)) -> list[dict[str, Any]]:
    """Run the workflow, print what its stages used, and return that."""
    usage, cache = folder.parent / f"{name}.jsonl", folder.parent / "cache"
    path = os.pathsep.join([str(Path(__file__).parent / "usage"), str(ROOT), os.environ.get("PYTHONPATH", "")])
    environment = {"TRIGGER_LUT_USAGE": str(usage), "XDG_CACHE_HOME": str(cache), "PYTHONPATH": path}
    load, started = os.getloadavg()[0], time.monotonic()
    command = [sys.executable, "-m", "snakemake", "--cores", "all", "--quiet", "all", "--", *wanted]
    subprocess.run(command, cwd=folder, env={**os.environ, **environment}, check=True)
    total = time.monotonic() - started
    jobs = [json.loads(line) for line in usage.read_text().splitlines()]
    print(f"\n{name}: {total:.0f} s on {os.cpu_count()} cores, load {load:.1f} before it")
    print(table(jobs))
    return jobs


def table(jobs: list[dict[str, Any]]) -> str:
    """Write a line per stage, the one with the most CPU time first."""
    of_stage = defaultdict(list)
    for job in jobs:
        of_stage[job["stage"]].append(job)
    rows = [(stage, own, [sum(job[c] for job in own) for c in COLUMNS]) for stage, own in of_stage.items()]
    rows.sort(key=lambda row: -row[2][1] - row[2][2])
    rows.append(("all", jobs, [sum(job[c] for job in jobs) for c in COLUMNS]))
    lines = [f"{'stage':20} {'jobs':>4} {'seconds':>8} {'CPU s':>8} {'programs':>8} {'MB':>6}"]
    for stage, own, (seconds, cpu, programs) in rows:
        memory = max(job["memory_mb"] for job in own)
        lines.append(f"{stage:20} {len(own):4} {seconds:8.1f} {cpu:8.1f} {programs:8.1f} {memory:6.0f}")
    return "\n".join(lines)


def test_a_run_and_an_edited_design(folder: Path) -> None:
    """The budget as it is, then its last design with nine tenths of the LUTs: the others are not run again."""
    budget = yaml.safe_load(BUDGET.read_text())
    write_budget(folder, budget)
    first = run(folder, name="run")
    name = list(budget["designs"])[-1]
    budget["designs"][name]["luts"] = round(0.9 * budget["designs"][name]["luts"])
    write_budget(folder, budget)
    again = run(folder, name="edited")
    assert [job["stage"] for job in again].count("train") == 1
    assert len(again) < len(first)


def test_an_imported_network(folder: Path) -> None:
    """An untrained network of tables, imported, verified, proven, with 500 faults, and released."""
    write_model(folder / "model.keras")
    budget = yaml.safe_load((ROOT / "config/budget.yaml").read_text())
    budget["network"] = {"keras_file": "model.keras", "train": False, "baseline_units": UNITS}
    budget["designs"] = {"imported": {"luts": 200_000, "latency_ns": 200}}
    write_budget(folder, budget)
    wanted = tuple(f"results/imported/{card}.json" for card in ("verify", "prove", "faults", "release"))
    run(folder, name="imported", wanted=wanted)
    cards = {card: json.loads((folder / f"results/imported/{card}.json").read_text()) for card in ("synth", "verify")}
    print(f"{cards['synth']['luts']['value']:.0f} LUTs, {cards['verify']['verdict']}")
    assert cards["verify"]["bit_exact"]


def write_model(path: Path) -> None:
    """Save a network of `UNITS` without training, for the formats of the default data set."""
    import keras

    from trigger_lut import LUTDense

    keras.utils.set_random_seed(1)
    layers = [keras.Input((16,)), *(LUTDense(units) for units in UNITS)]
    model = keras.Sequential(layers)
    model.save(path)
