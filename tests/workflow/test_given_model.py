"""A model of HGQ2's as the network: from its file and ROOT files to the verdict, without training."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rootfiles import write_three_classes
from workflows import copy_workflow, snakemake

BUDGET = """\
data_set: toy
target: cms-phase2-correlator
network: {keras_file: models/hgq.keras, baseline_units: [4, 3]}
verification: {rtl_vectors: 100000, faults: 30, sat_timeout_s: 30}
designs:
  given: {luts: 3000, latency_ns: 100}
"""
DATA_SET = """\
name: toy
files: [ntuples/*.root]
tree: events
event_id: [run, event]
label: {expression: kind, classes: [low, middle, high]}
features: [{name: x}, {name: y}, {name: z}]
width: 6
"""


def save_model(path: Path) -> None:
    """Tables and arithmetic of HGQ2 behind wrapping quantizers, as after some steps of training."""
    import keras
    import numpy as np
    from hgq.layers import QDense, QDenseT

    keras.utils.set_random_seed(4)
    rng = np.random.default_rng(4)
    model = keras.Sequential([keras.Input((3,)), QDenseT(5, activation="relu", batch_norm=True), QDense(3)])
    model(rng.normal(size=(500, 3)).astype("f"), training=True)
    for layer in model._flatten_layers(include_self=False):
        if hasattr(inner := getattr(layer, "quantizer", None), "_f"):
            inner._f.assign(rng.integers(0, 4, inner._f.shape))
    path.parent.mkdir(parents=True)
    model.save(path)


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """The whole workflow."""
    folder = copy_workflow(tmp_path_factory.mktemp("given") / "w", BUDGET, DATA_SET)
    write_three_classes(folder / "ntuples/part_1.root", 2400, 1)
    save_model(folder / "models/hgq.keras")
    ran = snakemake(folder, "--cores", "2", timeout=900)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return folder


def card(folder: Path, name: str):
    return json.loads((folder / f"results/given/{name}.json").read_text())


@pytest.mark.slow
def test_it_comes_out_verified_proven_and_timed(finished):
    assert card(finished, "train")["epochs"] == 0
    verified = card(finished, "verify")
    assert (verified["bit_exact"], verified["mismatches"]) == (True, 0)
    (keras,) = [c for c in verified["comparisons"] if c["name"] == "keras"]
    assert (keras["mismatches"], keras["note"]) == (0, None), "what differs by float32 rounding was evaluated exactly"
    assert all(c["control_mismatches"] > 0 for c in verified["comparisons"])
    assert {x["status"] for x in card(finished, "prove")["outputs"]} <= {"proven", "sampled"}
    assert card(finished, "faults")["undetected"] == []
    assert card(finished, "timing")["latency_cycles"]["value"] > 0
    (row,) = json.loads((finished / "results/summary.json").read_text())["designs"]
    assert row["budget_met"] is True
    assert (finished / "results/verdict.json").is_file()


@pytest.mark.slow
def test_inputs_have_the_formats_that_it_reads(finished):
    ingested = json.loads((finished / "results/data/toy/ingest.json").read_text())
    read = json.loads((finished / "results/data/toy/input_formats.json").read_text())["formats"]
    for feature, one in zip(ingested["features"], read, strict=True):
        assert feature["of_model"]
        assert feature["kif"][2] == one["kif"][2]
    assert card(finished, "train")["notes"] == []


@pytest.mark.slow
def test_its_release_holds_no_keras_and_passes(finished):
    assert {check["status"] for check in card(finished, "release")["checks"]} <= {"ok", "not checked"}


@pytest.mark.slow
def test_its_page_says_that_nothing_was_trained(finished):
    page = (finished / "results/given/pages/train.html").read_text()
    assert "A given network, taken over as it is" in page


@pytest.mark.slow
def test_an_edited_model_is_taken_over_again(finished):
    source = finished / "models/hgq.keras"
    before = json.loads((finished / "results/given/train.json").read_text())["inputs"]
    source.unlink()
    missing = snakemake(finished, "-n")
    assert missing.returncode != 0
    assert "network.keras_file: no file models/hgq.keras" in missing.stdout + missing.stderr
    source.write_text("no model")
    damaged = snakemake(finished, "-n")
    assert (
        "expected a file that model.save('name.keras') or model.save('name.h5') wrote"
        in damaged.stdout + damaged.stderr
    )
    assert json.loads((finished / "results/given/train.json").read_text())["inputs"] == before
