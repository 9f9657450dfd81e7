"""A new calibration: a design that is trained again on other data, in the interface of an earlier one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from rootfiles import write_three_classes
from workflows import copy_workflow, snakemake

from trigger_lut.cards.base import read_card
from trigger_lut.cards.firmware import TimingCard
from trigger_lut.config.budget import Spec
from trigger_lut.network.network import load_network
from trigger_lut.verification.consistency import Design
from trigger_lut.verification.judgement import other_interface

BUDGET = """\
data_set: toy
target: cms-phase2-correlator
network: {units: [4, 3]}
training: {epochs: 16}
verification: {rtl_vectors: 100000, sat_timeout_s: 30}
designs:
  first: {luts: 150, latency_ns: 20}
"""
DATA_SET = """\
name: toy
files: [ntuples/toy*.root]
tree: events
event_id: [run, event]
label: {expression: kind, classes: [low, middle, high]}
features: [{name: x}, {name: y}, {name: z}]
width: 6
"""
AGAIN = {
    "data_set": "later",
    "designs": {
        "second": {"luts": 200, "latency_ns": 20, "retrain": "results/first", "keep": "structure"},
        "third": {"luts": 150, "latency_ns": 20, "retrain": "results/first"},
    },
}


WANTED = [f"results/{design}/{card}.json" for design in AGAIN["designs"] for card in ("release", "prove")]


def ask_again(folder: Path, **changes) -> None:
    """Write a budget file that trains the first design again, with changes to its first design."""
    budget = yaml.safe_load(BUDGET) | {"data_set": "later"}
    budget["designs"] = {name: dict(entry) for name, entry in AGAIN["designs"].items()}
    budget["designs"]["second"] |= changes.pop("second", {})
    (folder / "config/budget.yaml").write_text(yaml.safe_dump(budget | changes))


def describe(folder: Path, **changes) -> None:
    content = yaml.safe_load(DATA_SET) | {"name": "later", "files": ["ntuples/later*.root"]} | changes
    (folder / "config/data_sets/later.yaml").write_text(yaml.safe_dump(content))


# Three designs to release and proof take six minutes; tests/training/test_kept_interface.py is the quick test.
pytestmark = [pytest.mark.slow, pytest.mark.soak]


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """The first design, and both that are trained again."""
    folder = copy_workflow(tmp_path_factory.mktemp("retrain") / "w", BUDGET, DATA_SET)
    write_three_classes(folder / "ntuples/toy_1.root", 2000, 1)
    write_three_classes(folder / "ntuples/later_1.root", 3000, 7)
    ran = snakemake(folder, "--cores", "2", "results/first/release.json", timeout=900)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    describe(folder)
    ask_again(folder)
    ran = snakemake(folder, "--cores", "2", *WANTED, timeout=900)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return folder


def card(folder: Path, design: str, name: str):
    return json.loads((folder / f"results/{design}/{name}.json").read_text())


def project(folder: Path, design: str):
    return json.loads((folder / f"results/{design}/firmware/rtl/project.json").read_text())


@pytest.mark.parametrize("design", ["second", "third"])
def test_interface_is_kept_and_all_is_verified(finished, design):
    first, again = project(finished, "first"), project(finished, design)
    for key in ("inputs", "outputs", "latency_cycles_planned"):
        assert again[key] == first[key], key
    assert card(finished, design, "verify")["mismatches"] == 0
    assert {x["status"] for x in card(finished, design, "prove")["outputs"]} == {"proven"}
    assert {check["status"] for check in card(finished, design, "release")["checks"]} <= {"ok", "not checked"}
    assert "results/first" in card(finished, design, "train")["notes"][0]
    ingested = json.loads((finished / "results/data/later/ingest.json").read_text())
    assert [feature["kif"] for feature in ingested["features"]] == first["inputs"]


def test_release_says_what_changed(finished):
    text = (finished / "results/second/release/CHANGES.txt").read_text()
    assert "structure: the same" in text
    line = next(line for line in text.splitlines() if line.startswith("constants: "))
    assert 0 < int(line.split()[1]) <= int(line.split()[3])
    assert not [line for line in text.splitlines() if line.strip().startswith(("input ", "output ", "latency"))]


@pytest.mark.parametrize("design", ["second", "third"])
def test_verdict_accepts_the_interface_but_no_other_latency(finished, design, monkeypatch):
    monkeypatch.chdir(finished)
    results = Path("results", design)
    cards = {"timing": read_card(TimingCard, results / "timing.json")}
    judged = Design(results, read_card(Spec, results / "spec.json"), load_network(results / "network.npz"), cards)
    assert other_interface(judged) == []
    frozen = judged.spec.frozen
    fewer = frozen.model_copy(update={"latency_cycles": frozen.latency_cycles - 1})
    (reason,) = other_interface(replace(judged, spec=judged.spec.model_copy(update={"frozen": fewer})))
    assert "latency_cycles: expected" in reason


REFUSED = [
    ({"second": {"retrain": "results/none"}}, {}, "no finished design. Expected results/none/spec.json"),
    ({"network": {"units": [5, 3]}}, {}, "network: expected {'units': [4, 3]"),
    ({"target": "cms-phase2-global-trigger"}, {}, "results/first: target: expected"),
    ({}, {"features": [{"name": "x"}, {"name": "z"}, {"name": "y"}]}, "features: expected those of results/first"),
    (
        {},
        {
            "features": [
                {"name": "x", "format": {"signed": True, "width": 9, "integer": 4}},
                {"name": "y"},
                {"name": "z"},
            ]
        },
        "feature x: expected the format",
    ),
    ({"second": {"latency_ns": 3}}, {}, "latency_ns: expected at least"),
]


@pytest.mark.parametrize(("budget", "data_set", "message"), REFUSED)
def test_what_cannot_work_is_refused_in_a_sentence(finished, budget, data_set, message):
    describe(finished, **data_set)
    ask_again(finished, **budget)
    ran = snakemake(finished, "-n")
    describe(finished)
    ask_again(finished)
    assert ran.returncode != 0
    output = ran.stdout + ran.stderr
    assert message in output
    assert "Traceback" not in output
