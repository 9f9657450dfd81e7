"""Classes and a regression from one network of hardware integers: from ROOT files to a checked release with objects."""

from __future__ import annotations

import json
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
from rootfiles import write_tree
from workflows import copy_workflow, snakemake

from trigger_lut.cli import main

BUDGET = """\
data_set: toy
target: cms-phase2-correlator
network: {units: [4, 3], edge_hidden_units: 4, max_input_bits: 5}
training: {epochs: 16, batch_size: 128}
verification: {rtl_vectors: 100000, faults: 20}
designs:
  tiny: {luts: 250, latency_ns: 25}
drift: [later]
release:
  object_step:
    tiny:
      numbers: {x: {signed: true, width: 7}, raw_pt: {signed: false, width: 7}}
      lists: {track: {length: 5, branches: {track_pt: {signed: false, width: 6}, track_z: {signed: true, width: 5}}}}
"""
DATA_SET = """\
name: toy
files: [ntuples/*.root]
tree: events
event_id: [run, event]
label: {expression: kind, classes: [light, b]}
regression_targets: [{name: pt, expression: true_pt, unit: GeV}]
loss_weights: uncertainty
features:
  - {name: x, format: {signed: true, width: 6, integer: 6}}
  - {name: raw_pt, scale: {signed: false, width: 6, lsb: 2}}
objects:
  track:
    count: 2
    select: track_z > -8
    sort_by: track_pt
    features: [{name: pt, expression: track_pt, format: {signed: false, width: 6, integer: 6}}]
trigger:
  signal: [b]
  input_rate_khz: 100
  rates_khz: [20]
  paths: [{name: hard_b, expression: (score >= threshold) & (predicted_pt > 30)}]
"""
LATER = DATA_SET.replace("name: toy", "name: later").replace("ntuples/", "later/")


def write_jets(path: Path, count: int, seed: int) -> None:
    """Jets of two classes that x tells apart; raw_pt is below the true pt, which is to be found. Tracks say nothing."""
    rng = np.random.default_rng(seed)
    kind, pt = rng.integers(0, 2, count), rng.uniform(20, 80, count)
    columns = {
        "run": np.full(count, seed, np.int32),
        "event": np.arange(count, dtype=np.int64),
        "kind": kind.astype(np.int32),
        "true_pt": pt.astype(np.float32),
        "x": np.clip(rng.normal(12 * kind, 6.4, count).round(), -64, 63).astype(np.int32),
        "raw_pt": (0.8 * pt + rng.normal(0, 3, count)).clip(0, 127).astype(np.int32),
    }
    tracks = rng.integers(0, 6, count)
    for name, low, high in (("track_pt", 0, 64), ("track_z", -16, 16)):
        columns[name] = ak.unflatten(rng.integers(low, high, tracks.sum()).astype(np.int32), tracks)
    write_tree(path, columns, "events")


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """The whole workflow, run on them."""
    folder = copy_workflow(tmp_path_factory.mktemp("two_heads") / "w", BUDGET, DATA_SET)
    write_jets(folder / "ntuples/jets.root", 1500, 1)
    write_jets(folder / "later/jets.root", 600, 2)
    (folder / "config/data_sets/later.yaml").write_text(LATER)
    ran = snakemake(folder, "--cores", "2", timeout=900)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return folder


def card(folder: Path, name: str) -> dict:
    return json.loads((folder / f"results/tiny/{name}.json").read_text())


@pytest.mark.slow
def test_both_heads_are_learned_and_shown_with_errors(finished):
    physics = card(finished, "physics")
    heads = {head["name"]: head for head in physics["heads"]["Firmware"]}
    assert [heads[name]["metric"] for name in ("class", "pt")] == ["accuracy", "r2"]
    assert heads["class"]["scores"]["weighted"] > 0.7
    assert heads["pt"]["scores"]["weighted"] > 0.5
    assert all(head["scores"]["weighted_error"] > 0 for head in heads.values())
    shares = [heads[name]["share"] for name in ("class", "pt")]
    mean = np.dot(shares, [heads[name]["scores"]["weighted"] for name in ("class", "pt")])
    assert (physics["metric"], physics["score"]) == ("mean_score", pytest.approx(mean))
    assert physics["score"] == pytest.approx(card(finished, "train")["score"])
    assert [target["name"] for target in physics["targets"]] == ["pt"]
    assert list(physics["classes"]) == ["light", "b"]
    page = (finished / "results/tiny/pages/physics.html").read_text()
    assert all(text in page for text in ("Heads", "Each class against all others", "Resolution", "data:image/svg+xml"))


@pytest.mark.slow
def test_firmware_of_both_heads_is_exact_proven_and_delivered(finished):
    assert card(finished, "verify")["bit_exact"]
    assert {output["status"] for output in card(finished, "prove")["outputs"]} == {"proven"}
    assert card(finished, "faults")["undetected"] == []
    assert json.loads((finished / "results/verdict.json").read_text())["designs"] == ["tiny"]
    assert "pt" in (finished / "results/tiny/release/README.md").read_text()


@pytest.mark.slow
def test_objects_of_integers_become_the_same_codes_in_verilog(finished, capsys):
    objects = card(finished, "firmware")["rtl_objects"]
    assert objects["luts"]["value"] > 0
    assert objects["fmax_mhz_estimate"]["value"] >= 360
    main(["check-release", str(finished / "results/tiny/release.zip")])
    checks = [line for line in capsys.readouterr().out.splitlines() if "object step" in line]
    assert len(checks) == 2
    assert all("0 mismatches in 2,000 fresh events" in line for line in checks)


@pytest.mark.slow
def test_decision_uses_classes_and_its_path_the_regression(finished):
    decision = card(finished, "decision")
    assert (decision["signal"], decision["background"], decision["bit_exact"]) == (["b"], ["light"], True)
    assert decision["paths"] == {"hard_b": "(score >= threshold) & (predicted_pt > 30)"}
    project = json.loads((finished / "results/tiny/release/decision/project.json").read_text())
    assert sorted(project["signal"] + project["background"]) == [0, 1]


@pytest.mark.slow
def test_later_data_are_compared_in_both_heads(finished):
    drift = card(finished, "drift_later")
    assert set(drift["accuracy"]) == {"all", "light", "b"}
    assert [target["name"] for target in drift["targets"]] == ["pt"]
