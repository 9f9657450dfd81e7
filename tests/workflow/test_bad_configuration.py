"""Bad configurations: the whole message, no traceback, a non-zero exit, and nothing run."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from rootfiles import write_tree
from workflows import BUDGET, GIVEN, SIMULATED, copy_workflow, run_jobs, snakemake

from trigger_lut.errors import TriggerLutError
from trigger_lut.plan import load_plan


def refusal(folder) -> str:
    """Return the plan's errors about the configuration in a folder, which must be the working directory."""
    from pathlib import Path

    with pytest.raises(TriggerLutError) as caught:
        load_plan(Path("config/budget.yaml"), Path("config/targets.yaml"), data_sets=Path("config/data_sets"))
    return str(caught.value)


def test_the_command_line_shows_the_message_alone(tmp_path):
    budget = BUDGET.replace("latency_ns: 25", "latency_us: 1").replace("seed", "sed").replace("3000", "3k")
    folder = copy_workflow(tmp_path / "bad", budget=budget)
    ran = snakemake(folder, "-n")
    assert ran.returncode == 1
    assert "Traceback" not in ran.stdout + ran.stderr
    message = (
        "config/budget.yaml: 3 mistakes\n"
        "  designs.small.latency_ns: missing\n"
        "  designs.small.latency_us: unknown key; nearest: 'latency_ns'\n"
        "  designs.large.luts: expected an integer, found '3k'\n"
    )
    assert message in ran.stdout + ran.stderr
    assert not (folder / "results").exists()


@pytest.mark.parametrize(
    ("budget", "data_set", "expected"),
    [
        (
            BUDGET.replace("data_set: toy", "data_set: toys"),
            SIMULATED,
            "config/budget.yaml: 1 mistake\n  data_set: no file config/data_sets/toys.yaml; nearest: 'toy'",
        ),
        (
            BUDGET.replace("cms-phase2-correlator", "cms-phase3-correlator"),
            SIMULATED,
            "config/budget.yaml: 1 mistake\n  target: config/targets.yaml has no 'cms-phase3-correlator'; "
            "nearest: 'cms-phase2-correlator', 'cms-phase2-global-trigger'",
        ),
        (
            BUDGET.replace("[4, 5]", "[4, 3]").replace("small:", "data:"),
            SIMULATED,
            "config/budget.yaml: 2 mistakes\n"
            "  designs.data: reserved name, as results/data/ holds other files. Rename the design\n"
            "  network.units: the last layer has 3 outputs, data set 'toy' has 5 classes (g, q, W, Z, t)",
        ),
        (
            BUDGET,
            SIMULATED.replace("name: toy", "name: tool"),
            "config/data_sets/toy.yaml: name: expected 'toy' as the file, found 'tool'",
        ),
        (
            BUDGET,
            SIMULATED.replace("jets: 20", "jet: 20").replace("tree: jets", "treee: jets"),
            "config/data_sets/toy.yaml: 3 mistakes\n  simulate.jet: unknown key; nearest: 'jets'\n  tree: missing\n"
            "  treee: unknown key; nearest: 'tree', 'trigger'",
        ),
        (
            BUDGET.replace("designs:", "scan: {luts: [9, 9], latency_ns: [20], unit: [[5]]}\ndesigns:"),
            SIMULATED,
            "config/budget.yaml: 2 mistakes\n"
            "  scan.unit: unknown key; nearest: 'units', 'luts'\n  scan.luts: 9 occurs twice",
        ),
        (
            BUDGET.replace("designs:", "scan: {luts: [9], latency_ns: [20], units: [[4, 5], [4, 3]]}\ndesigns:"),
            SIMULATED,
            "config/budget.yaml: 1 mistake\n"
            "  scan.units.1: the last layer has 3 outputs, data set 'toy' has 5 classes (g, q, W, Z, t)",
        ),
        (
            BUDGET.replace("{units: [4, 5]}", "{layers: [{lut_conv1d: {filters: 5, kernel_size: 3}}]}"),
            SIMULATED,
            "config/budget.yaml: 1 mistake\n"
            "  network.layers.0 (lut_conv1d): expected an input of shape (length, channels), found (2,)",
        ),
        (
            BUDGET.replace(
                "designs:",
                "scan: {luts: [9], latency_ns: [20], networks: {c: {input_shape: [2, 2], layers: [{flatten: {}}]}}}\n"
                "designs:",
            ),
            SIMULATED,
            "config/budget.yaml: 1 mistake\n"
            "  scan.networks.c.input_shape: expected 2 values, one for each feature of the data set, "
            "found (2, 2) with 4",
        ),
        (BUDGET, GIVEN, "data set toy: nothing matches ntuples/*.root; there are none"),
    ],
)
def test_the_message_names_every_mistake(tmp_path, monkeypatch, budget, data_set, expected):
    folder = copy_workflow(tmp_path / "bad", budget=budget, data_set=data_set)
    monkeypatch.chdir(folder)
    assert refusal(folder) == expected


def test_data_files_are_looked_into_before_any_job(tmp_path):
    columns = {"run": np.arange(9), "event": np.arange(9), "jet": np.arange(9), "label": np.arange(9) % 5}
    write_tree(tmp_path / "bad/ntuples/a.root", columns)
    folder = copy_workflow(tmp_path / "bad", data_set=GIVEN)
    ran = snakemake(folder, "-n")
    assert ran.returncode == 1
    assert "a.root: tree 'jets' has no branch 'zlogz' (feature 'zlogz')" in ran.stdout + ran.stderr
    assert "Traceback" not in ran.stdout + ran.stderr
    assert snakemake(folder, "-n", "--config", "check_files=0").returncode == 0, "switched off"
    card = folder / "results/data/toy/ingest.json"
    card.parent.mkdir(parents=True)
    card.write_text("{}")
    assert snakemake(folder, "-n").returncode == 0, "ingested before: not opened again"


def test_a_missing_budget(tmp_path):
    folder = copy_workflow(tmp_path / "bad")
    (folder / "config/budget.yaml").unlink()
    ran = snakemake(folder, "-n")
    assert ran.returncode == 1
    assert "config/budget.yaml: no such file" in ran.stdout + ran.stderr
    assert "Traceback" not in ran.stdout + ran.stderr


def test_another_budget_file_can_be_given(tmp_path):
    folder = copy_workflow(tmp_path / "other")
    shutil.move(folder / "config/budget.yaml", folder / "mine.yaml")
    ran = snakemake(folder, "-n", "--quiet", "--config", "budget=mine.yaml")
    assert ran.returncode == 0, ran.stderr


def test_an_unknown_design_is_no_target(tmp_path):
    folder = copy_workflow(tmp_path / "unknown")
    ran = snakemake(folder, "results/smal/spec.json", "--cores", "1")
    assert ran.returncode == 1
    assert "no design 'smal'; nearest: 'small'" in ran.stdout + ran.stderr
    assert "Traceback" not in ran.stdout + ran.stderr
    assert snakemake(folder, "-n", "results/smal/train.json").returncode == 1
    assert run_jobs(folder)["resolve_design:small"] == 1


def test_a_bad_list_of_layers_is_refused_before_any_job(tmp_path):
    layers = "{layers: [{lut_dense: {units: 4}}, {lut_dens: {units: 5}}, {q_dense: {units: 5, activation: tanh}}]}"
    folder = copy_workflow(tmp_path / "bad", budget=BUDGET.replace("{units: [4, 5]}", layers))
    ran = snakemake(folder, "-n")
    assert ran.returncode == 1
    assert "Traceback" not in ran.stdout + ran.stderr
    message = (
        "config/budget.yaml: 2 mistakes\n"
        "  network.layers.1.lut_dens: unknown key; nearest: 'lut_dense', 'q_dense', 'lut_conv2d'\n"
        "  network.layers.2.q_dense.activation: expected 'relu', found 'tanh'\n"
    )
    assert message in ran.stdout + ran.stderr
    assert not (folder / "results").exists()


def test_impossible_budgets_are_refused_before_any_job(tmp_path):
    budget = BUDGET.replace("luts: 700", "luts: 2") + "scan: {luts: [1, 300], latency_ns: [20]}\n"
    folder = copy_workflow(tmp_path / "bad", budget=budget)
    ran = snakemake(folder, "-n")
    assert ran.returncode == 1
    output = ran.stdout + ran.stderr
    assert "Traceback" not in output
    assert "config/budget.yaml: 2 mistakes\n  design small: luts: 2 is below the minimum of 3 for 5 classes" in output
    assert "  design scan_l1_t20_s1: luts: 1 is below" in output
    assert not (folder / "results").exists()
