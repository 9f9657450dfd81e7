"""Resources that each job asks of a cluster, and the profiles that send it there. tests/cluster runs one of them."""

from __future__ import annotations

import contextlib
import logging
import re
import shutil
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest
from cluster.test_slurm import DESIGNS, prepare
from planned import PlannedJob, dag_of, planned, planned_jobs
from workflows import ROOT, copy_workflow, run_jobs, snakemake

PROFILES = ("local", "slurm", "htcondor")
LOCAL = {"all", "resolve_design", "resolve_data_set", "resolve_simulation", "check_budgets"}
LARGEST_MEMORY_MB = 16_000  # of a stage on a data set of the default's size
LONGEST_MINUTES = 24 * 60


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return copy_workflow(tmp_path_factory.mktemp("profiles") / "w")


def without_resources(jobs: list[PlannedJob]) -> set[str]:
    """Rules that would go to a cluster without saying how much memory and time they need."""
    return {job.rule for job in jobs if not job.local and not (job.mem_mb and job.runtime)}


def test_every_job_of_a_cluster_says_what_it_needs(folder):
    jobs = planned_jobs(folder)
    assert without_resources(jobs) == set()
    assert {job.rule for job in jobs if job.local} == LOCAL
    for job in jobs:
        if not job.local:
            assert 500 <= job.mem_mb <= LARGEST_MEMORY_MB, job
            assert 5 <= job.runtime <= LONGEST_MINUTES, job
        assert (job.threads, job.gpu) == (1, 0), "more only on demand"


def test_a_rule_without_resources_is_found(folder, tmp_path):
    """Negative control."""
    copy = tmp_path / "w"
    shutil.copytree(folder, copy)
    rules = copy / "workflow/rules/timing.smk"
    text = rules.read_text()
    rules.write_text(re.sub(r"    resources:\n.*\n", "", text))
    assert rules.read_text() != text
    assert without_resources(planned_jobs(copy)) == {"timing"}


def test_the_next_attempt_asks_for_twice_as_much(folder):
    first, second = planned_jobs(folder), planned_jobs(folder, attempt=2)
    for before, after in zip(first, second, strict=True):
        assert before.rule == after.rule
        if not before.local:
            assert (after.mem_mb, after.runtime) == (2 * before.mem_mb, 2 * before.runtime)


def test_more_cores_and_a_gpu_for_training_alone(folder):
    for job in planned_jobs(folder, {"train_threads": 8, "train_gpus": 1}):
        assert (job.threads, job.gpu) == ((8, 1) if job.rule == "train" else (1, 0)), job


@pytest.mark.parametrize(("ii", "jobs"), [(1, 1), (16, 2)])
def test_parts_of_shared_hardware_get_a_core_each(folder, tmp_path, ii, jobs):
    copy = tmp_path / "w"
    shutil.copytree(folder, copy)
    text = (ROOT / "config/examples/jets_particles.yaml").read_text()
    (copy / "config/budget.yaml").write_text(text.replace("ii: 16", f"ii: {ii}"))
    shutil.copy(ROOT / "config/data_sets/jets_particles_more.yaml", copy / "config/data_sets")
    with dag_of(copy) as dag:
        (training,) = [job for job in dag.jobs if job.rule.name == "train"]
        assert training.threads == jobs
        assert " --threads 1 " in training.shellcmd
        assert f" --jobs={jobs} " in training.shellcmd


@pytest.mark.parametrize(("config", "gpus"), [({}, 0), ({"train_gpus": 2}, 2)])
def test_a_training_is_told_how_many_gpus_share_it(folder, config, gpus):
    with dag_of(folder, config) as dag:
        commands = [job.shellcmd for job in dag.jobs if job.rule.name == "train"]
    assert commands
    assert all(f" --gpus={gpus} " in command for command in commands)


def arguments_of(profile: Path):
    """Return the options that Snakemake's command line reads from a profile."""
    from snakemake.cli import parse_args

    _, arguments = parse_args(["--profile", str(profile)])
    return arguments


@pytest.mark.parametrize("name", PROFILES)
def test_snakemake_reads_the_profile(name):
    read = arguments_of(ROOT / "workflow/profiles" / name)
    assert read.executor == (None if name == "local" else name)
    assert (read.keep_going, read.rerun_incomplete) == (True, True)
    if name != "local":
        assert (read.jobs, read.local_cores, read.retries, read.latency_wait) == (100, 2, 1, 60)
        assert read.cores is None, "cores would limit the threads of the cluster's jobs"
        assert "software-deployment" in {str(use) for use in read.shared_fs_usage}


@pytest.mark.parametrize("name", PROFILES)
def test_the_lines_that_wait_for_a_site_are_right_too(name, tmp_path):
    text = (ROOT / "workflow/profiles" / name / "config.yaml").read_text()
    active = re.sub(r"^# (resources:|default-resources:|  \w+: )", r"\1", text, flags=re.MULTILINE)
    assert active != text
    (tmp_path / "config.yaml").write_text(active)
    read = arguments_of(tmp_path)
    if name == "local":
        assert read.resources["mem_mb"].value == 16_000
    else:
        named = {"slurm": "slurm_partition", "htcondor": "classad_MaxRuntime"}[name]
        assert named in read.default_resources


@pytest.mark.parametrize("name", PROFILES)
def test_a_misspelt_key_is_refused(name, tmp_path, capsys):
    """Negative control."""
    text = (ROOT / "workflow/profiles" / name / "config.yaml").read_text()
    (tmp_path / "config.yaml").write_text(text + "\nrerun-incomplet: true\n")
    with pytest.raises(SystemExit):
        arguments_of(tmp_path)
    assert "rerun-incomplet" in capsys.readouterr().err


@pytest.mark.parametrize("name", PROFILES)
def test_a_dry_run_plans_the_same_jobs(folder, name):
    """With the executor of the profile loaded; none needs its cluster for that."""
    ran = snakemake(folder, "-n", "--profile", f"workflow/profiles/{name}")
    shown = ran.stdout + ran.stderr
    assert ran.returncode == 0, shown
    counted = re.findall(r"^(\w+) +(\d+)$", shown.split("Job stats:")[-1], re.MULTILINE)
    expected = Counter(job.split(":")[0] for job in run_jobs(folder).elements())
    assert {rule: int(count) for rule, count in counted if rule != "total"} == expected


def test_the_workflow_that_is_run_on_a_cluster_has_a_plan(tmp_path):
    """tests/cluster does not run in a plain `pytest`."""
    jobs = run_jobs(prepare(tmp_path / "w"))
    assert {job for job in jobs if job.startswith("train:")} == {f"train:{name}" for name in DESIGNS}


def train_job(dag):
    (job,) = [job for job in dag.jobs if job.rule.name == "train" and job.wildcards_dict["design"] == "small"]
    return job


@pytest.mark.parametrize("config", [{}, {"train_threads": 8, "train_gpus": 1}], ids=["default", "gpu"])
def test_what_sbatch_is_asked_for(folder, config):
    from snakemake_executor_plugin_slurm.submit_string import get_submit_command
    from snakemake_executor_plugin_slurm.utils import set_gres_string

    given = {"run_uuid": "r", "slurm_logfile": "l", "comment_str": "c", "account": "", "partition": "", "workdir": "/w"}
    with dag_of(folder, config) as dag:
        job = train_job(dag)
        asked = planned(job)
        call = get_submit_command(job, given) + set_gres_string(job)
    assert f" --mem {asked.mem_mb} " in call
    assert f" -t {asked.runtime} " in call
    assert f" --cpus-per-task={asked.threads} " in call
    assert call.endswith(" --gpus=1") == bool(config)


@pytest.mark.parametrize("config", [{}, {"train_threads": 8, "train_gpus": 1}], ids=["default", "gpu"])
def test_what_htcondor_is_asked_for(folder, config, monkeypatch, tmp_path):
    """The plugin's own submission, up to the queue that would take it."""
    import snakemake_executor_plugin_htcondor as plugin

    submitted: list[dict[str, str]] = []

    class Queue:
        def submit(self, description):
            submitted.append(dict(description))
            return SimpleNamespace(cluster=lambda: 1)

    monkeypatch.setattr(plugin.htcondor, "Schedd", Queue)
    executor = object.__new__(plugin.Executor)
    executor.__dict__ |= {
        "workflow": SimpleNamespace(storage_settings=SimpleNamespace(shared_fs_usage={"input-output"})),
        "logger": logging.getLogger("htcondor"),
        "jobDir": str(tmp_path),
        "_unified_log_file": str(tmp_path / "log"),
        "shared_fs_prefixes": [],
        "envvars": dict,
        "format_job_exec": lambda job: "python -m snakemake --snakefile Snakefile",
        "report_job_submission": lambda info: None,
    }
    with dag_of(folder, config) as dag, contextlib.chdir(tmp_path):
        job = train_job(dag)
        asked = planned(job)
        executor.run_job(job)
    (description,) = submitted
    assert Path(description["executable"]).is_absolute(), "the interpreter of the shared virtual environment"
    assert description["request_cpus"] == str(asked.threads)
    assert description["request_memory"] == f"{asked.mem_mb}MB"
    assert int(description["allowed_execute_duration"]) == 60 * asked.runtime
    assert description.get("request_gpus") == ("1" if config else None)
