"""A scan of networks that mix convolutions of tables and arithmetic, from ROOT files to the scan's page.

The larger point is trained from scratch. The smaller one starts from it, and proves impossible in training.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rootfiles import write_three_classes
from workflows import copy_workflow, snakemake

BUDGET = """\
data_set: toy
target: cms-phase2-correlator
network:
  input_shape: [3, 1]
  max_input_bits: 5
  layers:
    - lut_conv1d: {filters: 3, kernel_size: 2, batch_norm: true}
    - flatten: {}
    - q_dense: {units: 4, activation: relu}
    - lut_dense: {units: 3}
training: {epochs: 24, batch_size: 512}
verification: {rtl_vectors: 100000, faults: 30}
scan:
  luts: [3, 450]
  latency_ns: [30]
"""
IMPOSSIBLE, LARGE = "scan_l3_t30_s1", "scan_l450_t30_s1"
DATA_SET = """\
name: toy
files: [ntuples/*.root]
tree: events
event_id: [run, event]
label: {expression: kind, classes: [low, middle, high]}
features: [{name: x}, {name: y}, {name: z}]
width: 6
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """The whole workflow."""
    folder = copy_workflow(tmp_path_factory.mktemp("scan") / "w", BUDGET, DATA_SET)
    write_three_classes(folder / "ntuples/part_1.root", 2400, 1)
    ran = snakemake(folder, "--cores", "2", timeout=900)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return folder


def designs(folder: Path) -> dict[str, Path]:
    return {path.parent.name: path.parent for path in folder.glob("results/*/spec.json")}


@pytest.mark.slow
def test_every_point_is_bit_exact_and_within_its_budget(finished):
    assert sorted(designs(finished)) == [IMPOSSIBLE, LARGE]
    for name, folder in designs(finished).items():
        verified = json.loads((folder / "verify.json").read_text())
        assert (verified["bit_exact"], verified["mismatches"]) == (True, 0)
        assert {c["name"] for c in verified["comparisons"]} - {"vhdl"} == {"keras", "hls4ml", "alkaid", "rtl"}
        assert all(c["control_mismatches"] > 0 for c in verified["comparisons"])
        budget = json.loads((folder / "spec.json").read_text())["budget"]["luts"]
        luts = json.loads((folder / "synth.json").read_text())["luts"]["value"]
        assert luts > 0
        assert (luts > budget) is (name == IMPOSSIBLE)


@pytest.mark.slow
def test_impossible_point_is_complete_and_listed_as_missed(finished):
    trained = json.loads((designs(finished)[IMPOSSIBLE] / "train.json").read_text())
    assert trained["meets_budget"] is False
    assert trained["verdict"].startswith("no network of this shape fits 3 LUTs and 10 cycles")
    assert (
        trained["luts"]["value"]
        == json.loads((designs(finished)[IMPOSSIBLE] / "synth.json").read_text())["luts"]["value"]
    )
    points = {p["name"]: p for p in json.loads((finished / "results/scan.json").read_text())["points"]}
    assert {name for name, p in points.items() if not p["budget_met"]} == {IMPOSSIBLE}
    assert points[IMPOSSIBLE]["missed_budgets"][0].startswith("LUTs: ")
    assert (finished / "results/verdict.json").is_file(), "a scan's points may miss their budgets"


@pytest.mark.slow
def test_smaller_points_start_from_larger_ones(finished):
    points = {p["name"]: p for p in json.loads((finished / "results/scan.json").read_text())["points"]}
    assert {name: p["warm_from"] for name, p in points.items()} == {LARGE: None, IMPOSSIBLE: LARGE}
    assert points[LARGE]["epochs"] >= 24 > points[IMPOSSIBLE]["epochs"]
    read = json.loads((designs(finished)[IMPOSSIBLE] / "train.json").read_text())["inputs"]
    assert f"results/{LARGE}/warm.npz" in read


@pytest.mark.slow
def test_cards_tell_the_kinds_of_layers(finished):
    folder = designs(finished)[LARGE]
    layers = json.loads((folder / "train.json").read_text())["layers"]
    assert [(x["kind"], x["positions"], x["inputs"], x["outputs"]) for x in layers] == [
        ("tables", 2, 2, 3),
        ("arithmetic", 1, 6, 4),
        ("tables", 1, 4, 3),
    ]
    firmware = json.loads((folder / "firmware.json").read_text())
    assert firmware["hls_fallback_reason"] is None
    assert sorted(set(firmware["hls_handlers"].values())) == [
        "TableHandler",
        "hls4ml's QDenseHandler",
        "hls4ml's ReshapeHandler",
    ]


@pytest.mark.slow
def test_the_scan_has_its_page(finished):
    page = (finished / "results/scan.html").read_text()
    assert all(name in page for name in designs(finished))
    assert (finished / "results/scan.svg").stat().st_size > 1000
