"""Jobs that an edit reruns, as sets."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from edits import replace_in
from planned import dag_of
from workflows import BUDGET, GIVEN, ROOT, SCAN, SIMULATED, copy_workflow, pretend_done, run_jobs, snakemake

PROCESSES = ("g", "q", "W", "Z", "t")
SIMULATION = {"resolve_simulation:toy", *(f"simulate:toy:{p}:0" for p in PROCESSES)}
OF_DATA = {"resolve_data_set:toy", "ingest:toy", "baselines", "pages_of_data"}
OF_DATA |= {f"read:toy:{n}" for n in range(len(PROCESSES))}
OF_ONE_FILE = {"resolve_data_set:toy", "ingest:toy", "baselines", "pages_of_data", "read:toy:0"}
JUDGEMENT = {"page_of_index", "check_budgets", "all"}
LAST = {"summary", "pages_of_summary", "page_of_guarantees", *JUDGEMENT}


# Of designs that are judged alone, not of a scan's points.
JUDGED = ("prove", "inject_faults", "release", "importance", "page_of_importance")
JUDGED += ("pages_of_design", "page_of_firmware", "pages_of_proof", "page_of_event", "page_of_release")


def of_design(name: str) -> set[str]:
    stages = ("train", "firmware", "verify", "synth", "timing", "physics", *JUDGED)
    return {"resolve_design:" + name, *(f"{stage}:{name}" for stage in stages)}


DOWNSTREAM = {*of_design("small"), *of_design("large"), *LAST}
EVERYTHING = {*SIMULATION, "check_simulation", *OF_DATA, *DOWNSTREAM}
RESOLVED = {"resolve_design:small", "resolve_design:large"}


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Path:
    """A workflow in which everything is done."""
    return pretend_done(copy_workflow(tmp_path_factory.mktemp("finished")))


@pytest.fixture
def done(finished, tmp_path) -> Path:
    """A copy of it to edit."""
    folder = tmp_path / "workflow"
    shutil.copytree(finished, folder, copy_function=shutil.copy2)
    return folder


@pytest.fixture
def edited(done) -> Callable[..., set[str]]:
    """Replaces text in a file of a finished workflow and gives the jobs to run."""

    def edit(file: str, old: str, new: str) -> set[str]:
        replace_in(done / file, old, new)
        return set(run_jobs(done))

    return edit


def test_a_fresh_workflow_runs_every_stage_once(tmp_path):
    jobs = run_jobs(copy_workflow(tmp_path / "fresh"))
    assert set(jobs) == EVERYTHING
    assert set(jobs.values()) == {1}


def test_a_finished_workflow_runs_nothing(done):
    assert run_jobs(done) == {}


def test_a_design_s_budget_reruns_that_design_alone(edited):
    assert edited("config/budget.yaml", "luts: 700", "luts: 701") == of_design("small") | LAST


def test_an_edit_is_seen_without_snakemake_s_memory(done, edited):
    shutil.rmtree(done / ".snakemake")
    assert edited("config/budget.yaml", "designs:\n", "# a comment\ndesigns:\n") == set()
    assert edited("config/budget.yaml", "luts: 700", "luts: 701") == of_design("small") | LAST


def test_a_new_design_is_made_and_the_others_stay(edited):
    jobs = edited("config/budget.yaml", "designs:\n", "designs:\n  tiny: {luts: 200, latency_ns: 20}\n")
    assert jobs == of_design("tiny") | LAST


def test_a_design_that_is_removed_reruns_the_summary_alone(edited):
    jobs = edited("config/budget.yaml", "  small: {luts: 700, latency_ns: 25}\n", "")
    assert jobs == LAST


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("designs:\n", "# a comment\ndesigns:\n"),
        ("luts: 700,", "luts: 700, ii: 1, dsp: 0,"),
        ("latency_ns: 25}", "latency_ns: 25.0}"),
        ("data_set: toy\n", "training: {learning_rate: 0.01}\nseed: 1\ndata_set: toy\n"),
    ],
)
def test_comments_and_spelled_out_defaults_rerun_nothing(edited, old, new):
    assert edited("config/budget.yaml", old, new) == set()


def test_network_shape_retrains_all_designs_and_the_baselines(edited):
    jobs = edited("config/budget.yaml", "units: [4, 5]", "units: [8, 5]")
    assert jobs == DOWNSTREAM | {"baselines", "pages_of_data"}


def test_baselines_are_trained_as_long_as_designs(edited):
    jobs = edited("config/budget.yaml", "network:", "training: {epochs: 20}\nnetwork:")
    assert jobs == DOWNSTREAM | {"baselines", "pages_of_data"}


def test_other_options_of_training_leave_the_baselines_alone(edited):
    assert edited("config/budget.yaml", "network:", "training: {learning_rate: 0.02}\nnetwork:") == DOWNSTREAM


def test_a_target_s_clock_reruns_its_designs(edited):
    assert edited("config/targets.yaml", "clock_mhz: 360", "clock_mhz: 320") == DOWNSTREAM


def test_another_target_s_clock_reruns_nothing(edited):
    assert edited("config/targets.yaml", "clock_mhz: 240", "clock_mhz: 241") == set()


def test_a_feature_is_read_again_without_simulating_again(edited):
    jobs = edited("config/data_sets/toy.yaml", "{name: zlogz}", "{name: zlogz, width: 6}")
    assert jobs == OF_DATA | DOWNSTREAM - RESOLVED


def test_more_jets_are_simulated(edited):
    jobs = edited("config/data_sets/toy.yaml", "jets: 20", "jets: 25")
    assert jobs == EVERYTHING - RESOLVED


def test_a_comment_in_the_description_reruns_nothing(edited):
    assert edited("config/data_sets/toy.yaml", "name: toy\n", "name: toy  # a comment\nchunk_entries: 20000\n") == set()


def test_another_data_set_reruns_everything_but_simulation(done):
    (done / "ntuples").mkdir()
    (done / "ntuples/a.root").write_text("")
    other = GIVEN.replace("name: toy", "name: other")
    (done / "config/data_sets/other.yaml").write_text(other)
    budget = done / "config/budget.yaml"
    budget.write_text(budget.read_text().replace("data_set: toy", "data_set: other"))
    expected = {job.replace(":toy", ":other") for job in OF_ONE_FILE}
    assert set(run_jobs(done)) == expected | DOWNSTREAM


def test_a_changed_root_file_is_read_again(tmp_path):
    folder = copy_workflow(tmp_path / "given", data_set=GIVEN)
    (folder / "ntuples").mkdir()
    (folder / "ntuples/a.root").write_text("events")
    pretend_done(folder)
    assert run_jobs(folder) == {}
    time.sleep(0.01)
    (folder / "ntuples/a.root").write_text("more events")
    assert set(run_jobs(folder)) == OF_ONE_FILE - {"resolve_data_set:toy"} | DOWNSTREAM - RESOLVED
    (folder / "ntuples/a.root").write_text("events")
    (folder / "ntuples/b.root").write_text("a new file that the glob finds")
    assert {"read:toy:0", "read:toy:1", "ingest:toy"} <= set(run_jobs(folder))


def test_removed_results_do_not_simulate_again(done):
    shutil.rmtree(done / "results")
    assert set(run_jobs(done)) == EVERYTHING - SIMULATION


def test_a_lost_firmware_folder_is_made_again_where_it_is_needed(done):
    shutil.rmtree(done / "results/small/firmware")
    assert run_jobs(done) == {}
    (done / "results/small/verify.json").unlink()
    assert set(run_jobs(done, targets=("results/small/verify.json",))) == {"firmware:small", "verify:small"}


@pytest.mark.parametrize("check", ["vivado", "vitis_hls"])
def test_vendor_tool_adds_its_stage_and_redraws_the_pages(edited, check):
    pages = {"pages_of_design:small", "pages_of_design:large"}
    jobs = edited("config/budget.yaml", "designs:\n", f"verification: {{{check}: true}}\ndesigns:\n")
    assert jobs == {"vendor:small", "vendor:large", *pages, *JUDGEMENT}


def test_place_and_route_adds_its_stage_and_redraws_the_pages(edited):
    pages = {"pages_of_design:small", "pages_of_design:large", "pages_of_summary"}
    jobs = edited("config/budget.yaml", "designs:\n", "verification: {ecp5_place_and_route: true}\ndesigns:\n")
    assert jobs == {"route:small", "route:large", *pages, *JUDGEMENT}


def test_one_design_can_be_asked_for(done):
    shutil.rmtree(done / "results")
    jobs = run_jobs(done, targets=("results/small/timing.json",))
    wanted = of_design("small") - {"physics:small", *(f"{stage}:small" for stage in JUDGED)}
    assert set(jobs) == wanted | OF_DATA - {"baselines", "pages_of_data"}


# ---------------------------------------------------------------- scans


def of_point(name: str) -> set[str]:
    """Jobs of a design of the scan: no pages of its own."""
    return of_design(name) - {f"{stage}:{name}" for stage in JUDGED}


POINTS = {*of_point("scan_l300_t20_s1"), *of_point("scan_l600_t20_s1")}
OF_SCAN = {"scan", "pages_of_scan"}
SCAN_ALONE = BUDGET[: BUDGET.index("designs:")] + SCAN


@pytest.fixture(scope="session")
def finished_scan(tmp_path_factory) -> Path:
    """A workflow with designs and a scan in which everything is done."""
    return pretend_done(copy_workflow(tmp_path_factory.mktemp("scanned"), budget=BUDGET + SCAN))


@pytest.fixture
def edited_scan(finished_scan, tmp_path) -> Callable[..., set[str]]:
    """Replaces text in the budget of a finished workflow with a scan and gives the jobs to run."""
    folder = tmp_path / "scanned"
    shutil.copytree(finished_scan, folder, copy_function=shutil.copy2)

    def edit(old: str, new: str) -> set[str]:
        replace_in(folder / "config/budget.yaml", old, new)
        return set(run_jobs(folder))

    return edit


def test_a_fresh_scan_adds_its_own_jobs_alone(tmp_path):
    jobs = run_jobs(copy_workflow(tmp_path / "fresh", budget=BUDGET + SCAN))
    assert set(jobs) - EVERYTHING == POINTS | OF_SCAN
    assert set(jobs) >= EVERYTHING
    assert set(jobs.values()) == {1}


def test_a_scan_alone_has_no_summary(tmp_path):
    jobs = set(run_jobs(copy_workflow(tmp_path / "fresh", budget=SCAN_ALONE)))
    of_designs = {*of_design("small"), *of_design("large"), "summary", "pages_of_summary"}
    assert jobs == EVERYTHING - of_designs | POINTS | OF_SCAN


def test_a_scan_switched_on_runs_its_points_and_the_verdict(edited):
    assert edited("config/budget.yaml", "designs:\n", SCAN + "designs:\n") == POINTS | OF_SCAN | JUDGEMENT


def test_a_scan_switched_off_judges_again(edited_scan):
    assert edited_scan(SCAN, "") == JUDGEMENT


def test_a_finished_scan_runs_nothing(edited_scan):
    assert edited_scan("scan:\n", "# a comment\nscan:\n  warm_start: true\n") == set()


@pytest.mark.parametrize(
    ("old", "new", "points"),
    [
        ("[300, 600]", "[200, 300, 600]", ["scan_l200_t20_s1"]),
        ("latency_ns: [20]", "latency_ns: [20, 25]", ["scan_l300_t25_s1", "scan_l600_t25_s1"]),
        ("scan:\n", "scan:\n  seeds: [1, 2]\n", ["scan_l300_t20_s2", "scan_l600_t20_s2"]),
        ("scan:\n", "scan:\n  max_input_bits: [4, 6]\n", ["scan_l300_t20_b4_s1", "scan_l600_t20_b4_s1"]),
        ("scan:\n", "scan:\n  units: [[4, 5], [7, 5]]\n", ["scan_l300_t20_u7x5_s1", "scan_l600_t20_u7x5_s1"]),
        ("[300, 600]", "[600]", []),
    ],
)
def test_an_edited_scan_runs_the_points_that_are_new(edited_scan, old, new, points):
    new_jobs = {job for name in points for job in of_point(name)}
    assert edited_scan(old, new) == new_jobs | OF_SCAN | JUDGEMENT


@pytest.mark.parametrize(
    ("old", "new", "resolved", "retrained"),
    [
        ("[300, 600]", "[300, 700]", ["scan_l700_t20_s1", "scan_l300_t20_s1"], []),
        ("[300, 600]", "[300, 600, 900]", ["scan_l900_t20_s1", "scan_l600_t20_s1"], ["scan_l300_t20_s1"]),
        ("[300, 600]", "[300]", ["scan_l300_t20_s1"], []),
        ("scan:\n", "scan:\n  warm_start: false\n", ["scan_l300_t20_s1"], []),
    ],
)
def test_point_is_retrained_when_its_warm_start_changes(edited_scan, old, new, resolved, retrained):
    jobs = {job for name in resolved for job in of_point(name)}
    jobs |= {job for name in retrained for job in of_point(name) - {"resolve_design:" + name}}
    assert edited_scan(old, new) == jobs | OF_SCAN | JUDGEMENT


def starts(folder: Path) -> dict[str, str | None]:
    """By design: which design's training must be over before its own, in the jobs as Snakemake sees them."""
    with dag_of(folder) as dag:
        trainings = [job for job in dag.jobs if job.rule.name == "train"]
        before = {job: [x for x in dag.dependencies[job] if x.rule.name == "train"] for job in trainings}
        assert all(len(names) <= 1 for names in before.values())
        assert all(bool(job.input.warm_start) == bool(before[job]) for job in trainings)
        return {job.wildcards.design: before[job][0].wildcards.design if before[job] else None for job in trainings}


def test_points_differing_in_luts_form_a_chain_from_the_largest(tmp_path):
    scan = SCAN.replace("[300, 600]", "[300, 900, 600]").replace("[20]", "[20, 25]")
    folder = copy_workflow(tmp_path / "chains", budget=BUDGET + scan + "  seeds: [1, 2]\n")
    chains = {}
    for end in ("t20_s1", "t20_s2", "t25_s1", "t25_s2"):
        largest, middle, smallest = (f"scan_l{luts}_{end}" for luts in (900, 600, 300))
        chains |= {largest: None, middle: largest, smallest: middle}
    assert starts(folder) == chains | {"small": None, "large": None}


def test_without_warm_starts_all_points_are_trained_from_scratch(tmp_path):
    folder = copy_workflow(tmp_path / "scratch", budget=BUDGET + SCAN + "  warm_start: false\n")
    assert set(starts(folder).values()) == {None}
    assert len(starts(folder)) == 4


def test_the_network_of_a_named_variant_reruns_its_points_alone(tmp_path):
    networks = "  networks: {a: {units: [3, 5]}, b: {layers: [{lut_dense: {units: 6}}, {lut_dense: {units: 5}}]}}\n"
    budget = SCAN_ALONE + networks
    folder = pretend_done(copy_workflow(tmp_path / "named", budget=budget))
    assert run_jobs(folder) == {}
    (folder / "config/budget.yaml").write_text(budget.replace("{units: 6}", "{units: 6, edge_hidden_layers: 2}"))
    changed = of_point("scan_l300_t20_b_s1") | of_point("scan_l600_t20_b_s1")
    assert set(run_jobs(folder)) == changed | OF_SCAN | JUDGEMENT


def test_a_user_s_function_that_is_edited_trains_again(tmp_path):
    budget = BUDGET.replace("network: {units: [4, 5]}", "network: {builder: 'mine:build', baseline_units: [4, 5]}")
    folder = copy_workflow(tmp_path / "function", budget=budget)
    (folder / "mine.py").write_text("def build(formats, classes, seed): ...")
    pretend_done(folder)
    assert run_jobs(folder) == {}
    (folder / "mine.py").write_text("def build(formats, classes, seed): return 1")
    assert set(run_jobs(folder)) == DOWNSTREAM


def test_choice_of_published_results_changes_the_scan_page_alone(tmp_path):
    folder = copy_workflow(tmp_path / "given", budget=BUDGET + SCAN, data_set=GIVEN)
    (folder / "ntuples").mkdir()
    (folder / "ntuples/a.root").write_text("events")
    pretend_done(folder)
    description = folder / "config/data_sets/toy.yaml"
    description.write_text(description.read_text() + "public_data_set: jsc-openml-42468\n")
    assert set(run_jobs(folder)) == OF_SCAN | JUDGEMENT


def test_one_point_s_pages_can_be_asked_for(finished_scan):
    jobs = run_jobs(finished_scan, targets=("results/scan_l300_t20_s1/pages/train.html",))
    assert set(jobs) == {"pages_of_design:scan_l300_t20_s1"}


def test_planning_the_shipped_workflow_imports_nothing_slow(tmp_path, monkeypatch):
    """Each of these takes longer to import than the whole planning. uproot looks into the files of the data set."""
    folder = copy_workflow(tmp_path / "shipped")
    shutil.copytree(ROOT / "config", folder / "config", dirs_exist_ok=True)
    monkeypatch.setenv("PYTHONPROFILEIMPORTTIME", "1")
    planned = snakemake(folder, "-n")
    assert planned.returncode == 0, planned.stderr
    imported = {line.rsplit("|", 1)[1].strip() for line in planned.stderr.splitlines() if line.count("|") == 2}
    assert "trigger_lut.plan" in imported, "the list is the one of the process that plans"
    assert not imported & {"tensorflow", "keras", "hls4ml", "hgq", "alkaid", "sklearn", "fastjet"}


def test_every_rule_is_documented_and_has_a_log():
    for path in sorted((ROOT / "workflow/rules").glob("*.smk")):
        rules = re.split(r"^\s*rule ", path.read_text(), flags=re.MULTILINE)[1:]
        assert rules or path.stem == "common", path
        for rule in rules:
            name = rule.split(":")[0]
            assert '"""' in rule, f"{path}: rule {name} has no docstring"
            if "shell:" in rule:
                assert "&> {log} || failed {log}" in rule or re.search(r"^ *stage\(\s*\"", rule, re.MULTILINE), (
                    f"{path}: rule {name} does not log"
                )
                assert "log:" in rule, f"{path}: rule {name} has no log"
                assert "code=fingerprint(" in rule or name.startswith(("resolve", "all")), name


def test_every_command_of_the_rules_is_a_command():
    from trigger_lut.cli import parser, stages_of

    known = stages_of(parser())
    for path in sorted((ROOT / "workflow/rules").glob("*.smk")):
        for command in re.findall(r'"trigger-lut (.*?) [-"{]', path.read_text()):
            group, _, stage = command.partition(" ")
            if group == "stage":
                assert stage.split()[0] in known, f"{path}: {command}"
            else:
                assert command == "report event", f"{path}: {command}"
        for name in re.findall(r'^ *stage\(\s*"(\w+)"', path.read_text(), re.MULTILINE):
            assert name.replace("_", "-") in known, f"{path}: {name}"


# ---------------------------------------------------------------- rates

TRIGGER = "trigger: {signal: [W, Z, t], input_rate_khz: 100, rates_khz: [1, 10], efficiency_variables: [mass_mmdt]}\n"
OF_RATES = {f"{rule}:{d}" for rule in ("thresholds", "rate", "decision", "page_of_rate") for d in ("small", "large")}
RELEASED = {f"{rule}:{d}" for rule in ("release", "page_of_release") for d in ("small", "large")}  # holds the decision


@pytest.fixture(scope="session")
def finished_with_rates(tmp_path_factory) -> Path:
    """A workflow with a `trigger` block in which everything is done."""
    return pretend_done(copy_workflow(tmp_path_factory.mktemp("rates"), data_set=SIMULATED + TRIGGER))


@pytest.fixture
def described(finished_with_rates, tmp_path) -> Callable[[str], set[str]]:
    """Writes another description of the data set and gives the jobs to run."""
    folder = tmp_path / "described"
    shutil.copytree(finished_with_rates, folder, copy_function=shutil.copy2)

    def describe(text: str) -> set[str]:
        (folder / "config/data_sets/toy.yaml").write_text(text)
        return set(run_jobs(folder))

    return describe


def test_a_trigger_adds_its_own_jobs_alone(tmp_path):
    jobs = run_jobs(copy_workflow(tmp_path / "fresh", data_set=SIMULATED + TRIGGER))
    assert set(jobs) - EVERYTHING == OF_RATES
    assert set(jobs) >= EVERYTHING


def test_a_trigger_switched_on_reads_no_event_again(edited):
    assert (
        edited("config/data_sets/toy.yaml", "tree: jets\n", "tree: jets\n" + TRIGGER) == OF_RATES | RELEASED | JUDGEMENT
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [("[1, 10]", "[1, 5]"), ("khz: 100,", "khz: 750,"), ("[W, Z, t]", "[t]")],
)
def test_other_rate_or_signal_reruns_decision_and_release_alone(described, old, new):
    assert old in TRIGGER
    assert described(SIMULATED + TRIGGER.replace(old, new)) == OF_RATES | RELEASED | JUDGEMENT


def test_another_variable_measures_rates_again_alone(described):
    changed = SIMULATED + TRIGGER.replace("[mass_mmdt]", "[zlogz]")
    assert (
        described(changed)
        == {f"{rule}:{d}" for rule in ("rate", "page_of_rate") for d in ("small", "large")} | JUDGEMENT
    )


def test_a_spelled_out_default_of_the_trigger_reruns_nothing(described):
    assert described(SIMULATED + "# a comment\n" + TRIGGER.replace("khz: 100,", "khz: 100.0,")) == set()


def test_a_trigger_switched_off_judges_again(described):
    assert described(SIMULATED) == RELEASED | JUDGEMENT


def test_decision_bits_wait_for_no_baselines(tmp_path):
    with dag_of(copy_workflow(tmp_path / "order", data_set=SIMULATED + TRIGGER)) as dag:
        before = {
            rule: [{x.rule.name for x in dag.dependencies[job]} for job in dag.jobs if job.rule.name == rule]
            for rule in ("thresholds", "rate", "decision")
        }
        decided = [job for job in dag.jobs if job.rule.name == "decision"]
        needed = {x.rule.name for job in decided for x in dag.bfs(dag.dependencies, job)}
        (judged,) = [job for job in dag.jobs if job.rule.name == "check_budgets"]
        assert {f"results/{name}/decision.json" for name in ("small", "large")} <= set(judged.input.cards)
    assert before == {
        "thresholds": [{"resolve_design", "train", "ingest"}] * 2,
        "rate": [{"resolve_design", "train", "ingest", "baselines", "thresholds"}] * 2,
        "decision": [{"resolve_design", "train", "ingest", "firmware", "thresholds"}] * 2,
    }
    assert "read" in needed
    assert not needed & {"baselines", "rate"}


# ---------------------------------------------------------------- anomaly detection

ANOMALY = """\
name: toy
simulate_crossings: {background: {soft: 9, pt20: 9, pt40: 9, pt80: 9}, signal: 9, files_per_class: 1, pool: 100}
tree: crossings
event_id: [run, event]
label: {expression: label, classes: [soft, pt20, pt40, pt80, fourleptons, ditau, taunu, leptoquarks]}
anomaly: {background: [soft, pt20, pt40, pt80]}
features: [{name: met_pt}, {name: met_phi}]
"""
OF_TEACHER = {"anomaly_score", "page_of_teacher"}


@pytest.fixture(scope="session")
def finished_anomaly(tmp_path_factory) -> Path:
    """A workflow that looks for anomalies in which everything is done."""
    budget = BUDGET.replace("[4, 5]", "[4, 1]")
    return pretend_done(copy_workflow(tmp_path_factory.mktemp("anomaly"), budget, ANOMALY))


def test_anomaly_score_runs_between_ingest_and_readers_of_codes(tmp_path):
    budget = BUDGET.replace("[4, 5]", "[4, 1]")
    folder = copy_workflow(tmp_path / "fresh", budget, ANOMALY)
    jobs = run_jobs(folder)
    assert set(jobs) >= OF_TEACHER
    assert {f"simulate:toy:{kind}:0" for kind in ("soft", "pt20", "pt80", "ditau")} <= set(jobs)
    with dag_of(folder) as dag:
        before = {job.rule.name: {x.rule.name for x in dag.dependencies[job]} for job in dag.jobs}
    assert before["anomaly_score"] == {"ingest_without_scores"}
    assert "anomaly_score" in before["baselines"] & before["train"] & before["physics"] & before["verify"]
    assert "ingest_without_scores" not in before["train"]


def test_another_teacher_reads_no_event_again(finished_anomaly, tmp_path):
    folder = tmp_path / "done"
    shutil.copytree(finished_anomaly, folder, copy_function=shutil.copy2)
    assert run_jobs(folder) == {}
    path = folder / "config/data_sets/toy.yaml"
    path.write_text(ANOMALY.replace("pt80]}\nf", "pt80], teacher: {seed: 2}}\nf"))
    jobs = set(run_jobs(folder))
    assert jobs >= OF_TEACHER | {"baselines", "train:small"}
    assert not any(job.startswith(("simulate", "read", "ingest")) for job in jobs)
    path.write_text(ANOMALY.replace("pt40, pt80]}\nf", "pt40]}\nf"))
    assert {"ingest_without_scores:toy", *(f"read:toy:{n}" for n in range(8))} <= set(run_jobs(folder)), (
        "background decides the split"
    )
