"""Everything, from a ROOT file to the verdict, on a task small enough for CI."""

from __future__ import annotations

import contextlib
import csv
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from interruptions import Job, contents, jobs_of, kept, kill_after, largest_output, result_of, run
from rootfiles import write_three_classes
from workflows import copy_workflow, snakemake

from trigger_lut.cli import main

BUDGET = """\
data_set: toy
target: cms-phase2-correlator
network: {units: [3, 3], edge_hidden_units: 4, max_input_bits: 5}
training: {epochs: 24, batch_size: 512}
verification: {rtl_vectors: 200000, faults: 60}
designs:
  tiny: {luts: 250, latency_ns: 25}
drift: [later]
"""
DATA_SET = """\
name: toy
files: [ntuples/*.root]
tree: events
event_id: [run, event]
label: {expression: kind, classes: [low, middle, high]}
features:
  - name: x
  - {name: y, format: {signed: true, width: 6, integer: 3}}
  - {name: ratio, expression: x / (1 + abs(y))}
width: 6
trigger: {signal: [high], input_rate_khz: 100, rates_khz: [0.0001, 10], efficiency_variables: [x]}
"""
# Other files, in which x has another scale
LATER = DATA_SET.replace("name: toy", "name: later").replace("ntuples/", "later/")
LATER = LATER.replace("- name: x\n", "- {name: x, expression: 1.3 * x}\n")
STAGES = ("spec", "train", "firmware", "verify", "prove", "faults", "synth", "timing", "physics")
STAGES += ("importance", "release", "thresholds", "rate", "decision", "drift_later")


def prepare(folder: Path, budget: str = BUDGET) -> Path:
    """The workflow with small ROOT files, two to train on and one from later."""
    copy_workflow(folder, budget, DATA_SET)
    for seed in (1, 2):
        write_three_classes(folder / f"ntuples/part_{seed}.root", 1500, seed)
    write_three_classes(folder / "later/part_3.root", 3000, 3)
    (folder / "config/data_sets/later.yaml").write_text(LATER)
    return folder


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """The whole workflow, run on them."""
    folder = prepare(tmp_path_factory.mktemp("end_to_end") / "w")
    ran = snakemake(folder, "--cores", "2", timeout=900)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return folder


@pytest.fixture(scope="module")
def row(finished) -> dict[str, object]:
    (row,) = json.loads((finished / "results/summary.json").read_text())["designs"]
    return row


@pytest.mark.slow
def test_design_is_proven_faults_are_found_and_release_passes(finished):
    cards = {
        name: json.loads((finished / f"results/tiny/{name}.json").read_text())
        for name in ("prove", "faults", "release")
    }
    assert {x["status"] for x in cards["prove"]["outputs"]} == {"proven"}
    assert cards["prove"]["control_caught"] is True
    assert sum(kind["injected"] for kind in cards["faults"]["kinds"].values()) == 60
    assert cards["faults"]["undetected"] == []
    assert {check["status"] for check in cards["release"]["checks"]} <= {"ok", "not checked"}
    assert (finished / "results/tiny/release.zip").is_file()


@pytest.mark.slow
def test_the_decision_in_firmware_is_bit_exact_and_delivered(finished):
    decision, rates = (json.loads((finished / f"results/tiny/{n}.json").read_text()) for n in ("decision", "rate"))
    assert (decision["differences"], decision["bit_exact"], decision["proof"]) == (0, True, "proven")
    assert [bit["code"] for bit in decision["bits"]] == [methods[-1]["code"] for methods in rates["points"].values()]
    never, ten = decision["bits"]
    assert never["code"] is None
    assert ten["vectors"]["equal"] > 0
    assert ten["control"]["up"] > 0
    delivered = {p.name for p in (finished / "results/tiny/release/decision").iterdir()}
    assert (
        delivered
        == set(decision["files"])
        == {"design_tiny_top_decide.v", "design_tiny_top_decide.vhd", "project.json"}
    )


@pytest.mark.slow
def test_every_stage_leaves_its_card(finished):
    for stage in STAGES:
        card = json.loads((finished / f"results/tiny/{stage}.json").read_text())
        assert card["schema_version"] == 2
        if stage != "spec":
            assert card["stage"] == stage.split("_")[0]
            assert card["seconds"] > 0
            assert card["inputs"]
    assert json.loads((finished / "results/verdict.json").read_text())["designs"] == ["tiny"]
    assert not list((finished / "results").rglob("*.part"))


@pytest.mark.slow
def test_the_design_is_bit_exact_and_keeps_its_budget(finished, row):
    assert (row["bit_exact"], row["mismatches"], row["budget_met"]) == (True, 0, True)
    assert row["vectors"] >= 100_000
    assert 0 < row["luts"] <= row["luts_budget"] == 250
    assert (row["ii"], row["dsp"], row["bram18"]) == (1, 0, 0)
    assert row["latency_ns"] == pytest.approx(row["latency_cycles"] * 1000 / 360)
    verified = json.loads((finished / "results/tiny/verify.json").read_text())
    assert {c["name"] for c in verified["comparisons"]} - {"vhdl"} == {"keras", "hls4ml", "alkaid", "rtl"}
    assert all(c["control_mismatches"] > 0 for c in verified["comparisons"])


@pytest.mark.slow
def test_the_network_has_learned_something(row):
    assert row["score"] > 0.6, "three classes; chance is 0.33"
    assert row["baselines"][-1]["scores"]["weighted"] > 0.7
    assert min(row["auc"].values()) > 0.7


@pytest.mark.slow
def test_the_integers_are_those_of_the_files(finished):
    arrays = np.load(finished / "results/data/toy/codes.npz")
    assert arrays["codes"].shape == (3000, 3)
    split = np.bincount(arrays["split"]) / 3000
    np.testing.assert_allclose(split, [0.6, 0.2, 0.2], atol=0.04)


@pytest.mark.slow
def test_the_input_that_drifted_is_named(finished):
    card = json.loads((finished / "results/tiny/drift_later.json").read_text())
    assert card["events"][1] == 3000
    assert card["expressions"] == {"x": ["x", "1.3 * x"]}
    assert card["features"][0]["name"] == "x"
    assert card["features"][0]["distance"]["ks_p_value"] < 1e-6
    y = next(feature for feature in card["features"] if feature["name"] == "y")
    assert y["distance"]["ks_p_value"] > 0.01
    text = (finished / "results/tiny/pages/drift_later.html").read_text()
    assert "does not affect the verdict" in text
    assert "x (0." in text


@pytest.mark.slow
def test_pages_table_and_report(finished, row):
    with (finished / "results/summary.tsv").open() as file:
        (line,) = csv.DictReader(file, delimiter="\t")
    assert line["luts"] == str(row["luts"])
    assert "bit-exact" in (finished / "results/tiny/pages/verify.html").read_text()
    pages = list((finished / "results").rglob("*.html"))
    assert len(pages) == 18
    assert (finished / "results/index.html") in pages
    ran = snakemake(finished, "--report", "report.zip")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    shutil.unpack_archive(finished / "report.zip", finished / "unpacked")
    (report,) = (finished / "unpacked").rglob("report.html")
    assert {p.suffix for p in report.parent.rglob("*") if p.is_file()} >= {".html", ".svg"}


def judge(folder):
    """Run the verdict on a finished workflow; gives its exit status."""
    cards = [f"results/tiny/{name}.json" for name in ("prove", "faults", "release", "decision")]
    asked = ["--budget", "config/budget.yaml", "--targets", "config/targets.yaml"]
    arguments = ["stage", "check-budgets", "--summary", "results/summary.json", "--cards", *cards, *asked]
    with contextlib.chdir(folder):
        return main([*arguments, "--output", "results/judged.json"])


def first_leaf(content):
    """The place of a number in a card that decides something: neither seconds nor versions."""
    for key in sorted(content.keys() - {"seconds", "schema_version", "versions", "inputs", "digest"}):
        if isinstance(content[key], int | float):
            return key
    return "design" if "design" in content else "stage"


@pytest.mark.slow
def test_verdict_on_any_changed_file_is_refused(finished, capsys):
    """One thing is changed at a time, and put back: every card, and files of every kind."""
    assert judge(finished) == 0
    cards = [path for path in finished.rglob("results/**/*.json") if '"stage"' in path.read_text()]
    cards = [path for path in cards if path.name != "verdict.json" and path.name != "judged.json"]
    judged = [path for path in cards if path.stem not in ("importance", "rate", "drift_later", "later")]
    files = [finished / f"results/tiny/{name}" for name in ("network.npz", "model.keras", "spec.json", "release.zip")]
    files += [finished / "results/data/toy/codes.npz", finished / "ntuples/part_1.root"]
    files += [
        next((finished / "results/tiny/firmware").rglob(name)) for name in ("*_top.v", "project.json", "*.so", "*.h")
    ]
    files += [next((finished / "results/tiny/decision").glob("*.v"))]
    for path in (*judged, *files):
        if path.is_relative_to(finished / "results/data/toy/drift"):
            continue
        kept = path.read_bytes()
        if path in judged:
            content = json.loads(kept)
            key = first_leaf(content)
            content[key] = content[key] + 1 if isinstance(content[key], int | float) else f"{content[key]}x"
            path.write_text(json.dumps(content))
        else:
            path.write_bytes(kept + b"\0")
        try:
            assert judge(finished) == 1, path
            assert path.name in capsys.readouterr().err
        finally:
            path.write_bytes(kept)
    assert judge(finished) == 0


@pytest.mark.slow
def test_check_of_the_folder_of_a_run_passes(finished, capsys):
    """Snakemake leaves its timestamp in the folder."""
    assert (finished / "results/tiny/release/.snakemake_timestamp").is_file()
    digest = json.loads((finished / "results/tiny/release.json").read_text())["manifest_sha256"]
    arguments = ["check-release", str(finished / "results/tiny/release"), "--manifest-sha256", digest, "--synthesize"]
    assert main(arguments) == 0
    output = capsys.readouterr().out
    assert "ok          manifest checksum" in output
    assert "ok          synthesis: luts" in output


@pytest.mark.slow
def test_nothing_is_left_to_do(finished):
    ran = snakemake(finished, "-n")
    assert "Nothing to be done" in ran.stdout + ran.stderr


@pytest.mark.slow
def test_a_training_goes_on_from_its_checkpoint(finished):
    """The checkpoint outlives the outputs of the rule: a repeated training has nothing left to train."""
    network = (finished / "results/tiny/network.npz").read_bytes()
    history = json.loads((finished / "results/tiny/train.json").read_text())["history"]
    for name in ("model.keras", "network.npz", "predictions.npz", "train.json"):
        (finished / "results/tiny" / name).unlink()
    ran = snakemake(finished, "--cores", "1", "results/tiny/train.json")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert (finished / "results/tiny/network.npz").read_bytes() == network
    assert json.loads((finished / "results/tiny/train.json").read_text())["history"] == history


# A compiler and Yosys, a ZIP, a table. `soak` runs the others.
ON_A_FULL_DISK = ("firmware", "release", "summary")
OTHERS = ("train", "verify", "synth", "page_of_index", "baselines", "prove", "inject_faults", "timing", "physics")
OTHERS += (
    "importance",
    "thresholds",
    "rate",
    "decision",
    "check_budgets",
    "pages_of_data",
    "pages_of_design",
    "pages_of_proof",
)
KILLED = {"release": 0.5}


@pytest.fixture(scope="module")
def jobs(finished) -> dict[str, Job]:
    return jobs_of(finished)


@pytest.mark.slow
@pytest.mark.parametrize("rule", [*ON_A_FULL_DISK, *(pytest.param(rule, marks=pytest.mark.soak) for rule in OTHERS)])
def test_stage_on_a_full_disk_writes_nothing(finished, jobs, tmp_path, rule):
    """A file may grow to half of the stage's largest output. The stage says so, and all earlier files stay."""
    before = contents(finished)
    status, messages, _ = run(jobs[rule], finished, tmp_path / "tmp", largest_output(jobs[rule]) // 2)
    assert status != 0
    assert "trigger-lut: error: " in messages
    assert "Traceback" not in messages
    assert contents(finished) == before
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rule", "share"),
    [*KILLED.items(), *(pytest.param(rule, 0.4, marks=pytest.mark.soak) for rule in (*ON_A_FULL_DISK, *OTHERS))],
)
def test_stage_killed_and_repeated_gives_the_same(finished, jobs, tmp_path, rule, share):
    """share: of the stage's time, after which it and its children are killed."""
    job = jobs[rule]
    expected = [result_of(path) for path in job.outputs]
    with kept(job, tmp_path / "kept"):
        _, _, seconds = run(job, finished, tmp_path / "tmp")
        assert kill_after(job, finished, tmp_path / "tmp", share * seconds)
        assert all(path.exists() for path in job.outputs), "earlier outputs stay until the new ones are complete"
        status, messages, _ = run(job, finished, tmp_path / "tmp")
        assert status == 0, messages
        assert [result_of(path) for path in job.outputs] == expected
    assert list((tmp_path / "tmp").iterdir()) == []
    assert not list((finished / "results").rglob("*.part*"))


@pytest.mark.slow
def test_two_runs_in_one_folder_second_is_refused(finished):  # the last one: it makes prove.json again
    """The second run ends with a message of Snakemake while the first one runs, and changes nothing."""
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--forcerun", "prove", "--until", "prove"]
    with subprocess.Popen(command, cwd=finished, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as first:
        deadline = time.monotonic() + 60
        while not any((finished / ".snakemake/locks").glob("*")) and time.monotonic() < deadline:
            time.sleep(0.1)
        second = snakemake(finished, "--cores", "1", "--forcerun", "timing", "results/tiny/timing.json")
        messages, _ = first.communicate(timeout=300)
    assert second.returncode != 0
    assert "cannot be locked" in second.stdout + second.stderr
    assert "Traceback" not in second.stdout + second.stderr
    assert first.returncode == 0, messages
