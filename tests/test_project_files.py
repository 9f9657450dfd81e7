"""Files of hosting services, containers and tools: they parse, and what they name exists."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from workflows import copy_workflow

ROOT = Path(__file__).parents[1]
FILES = [
    ".github/dependabot.yml",
    ".github/workflows/ci.yml",
    *(f".github/ISSUE_TEMPLATE/{name}.yml" for name in ("bug", "config", "feature")),
    ".gitlab-ci.yml",
    ".pre-commit-config.yaml",
    ".readthedocs.yaml",
]
TEXTS = [".github/workflows/ci.yml", ".gitlab-ci.yml", "containers/Dockerfile", "containers/trigger_lut.def"]
TEXTS += ["CONTRIBUTING.md", "CHANGELOG.md", "noxfile.py", ".ci/run"]
NAMED = re.compile(
    r"(?<![\w/.$])((?:\.ci|tests|containers|workflow|config)/[\w/*.]+|[A-Z_]+\.md|requirements\.lock|pyproject\.toml)"
)
MADE = {"config/other.yaml"}
GITLAB_STAGES = ["data", "train", "verify", "release", "compare"]


def missing(text):
    """Files that a text names and that do not exist."""
    named = {name.rstrip(".") for name in NAMED.findall(text)} - MADE
    return sorted(name for name in named if not list(ROOT.glob(name)))


def load(name):
    return yaml.safe_load((ROOT / name).read_text())


def test_a_missing_file_is_found():
    assert missing("bash .ci/run; see tests/network and tests/none.py, requirements.lock, MISSING.md.") == [
        "MISSING.md",
        "tests/none.py",
    ]


@pytest.mark.parametrize("name", TEXTS)
def test_named_files_exist(name):
    assert missing((ROOT / name).read_text()) == []


@pytest.mark.parametrize("name", FILES)
def test_yaml_is_a_mapping(name):
    assert isinstance(load(name), dict)


def test_images_of_the_readme_are_small_and_described():
    images = re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", (ROOT / "README.md").read_text())
    assert {path for _, path in images} == {"docs/images/pipeline.svg", "docs/images/report.png"}
    assert all(len(text.split()) > 5 for text, _ in images)
    assert [path for _, path in images if (ROOT / path).stat().st_size >= 120_000] == []


def test_github_jobs_run_ci_and_sessions_of_nox():
    jobs = load(".github/workflows/ci.yml")["jobs"]
    commands = [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step]
    assert "bash .ci/run" in commands
    sessions = set(re.findall(r"^def (\w+)\(session", (ROOT / "noxfile.py").read_text(), re.MULTILINE))
    called = {re.split(r"nox -s ", command)[1].split("-")[0] for command in commands if "nox" in command}
    assert called == {"tests", "lower", "wheel"} < sessions
    assert all(job["timeout-minutes"] <= 60 for job in jobs.values())


def test_gitlab_jobs_exclude_each_other():
    pipeline = load(".gitlab-ci.yml")
    assert pipeline["tests"]["rules"] == [{"if": '$TRIGGER_LUT == ""'}]
    assert pipeline[".workflow"]["rules"] == [{"if": '$TRIGGER_LUT != ""'}]
    assert [
        name for name in pipeline["stages"] if pipeline.get(name, {}).get("extends") == ".workflow"
    ] == GITLAB_STAGES
    used = set(re.findall(r"\$\{?(TRIGGER_LUT\w*)", (ROOT / ".gitlab-ci.yml").read_text()))
    assert used == set(pipeline["variables"])


def gitlab_script(name, folder, **env):
    """Run the script of a job in a folder, in an environment with this package."""
    pipeline = load(".gitlab-ci.yml")
    lines = "\n".join(pipeline[name]["script"])
    path = f"{folder}/programs:{Path(sys.executable).parent}:{os.environ['PATH']}"
    variables = {**pipeline["variables"], "PATH": path, **env}
    command = ["bash", "-euo", "pipefail", "-c", lines]
    return subprocess.run(command, cwd=folder, env=os.environ | variables, capture_output=True, text=True)


def test_gitlab_stages_plan_the_jobs_of_the_workflow(tmp_path):
    """Snakemake gets `-n`, so that each stage only plans; the next one does not know that the jobs have run."""
    folder = copy_workflow(tmp_path / "w")
    (folder / "programs").mkdir()
    (folder / "programs/snakemake").write_text(f'#!/bin/sh\nexec {sys.executable} -m snakemake -n "$@"\n')
    (folder / "programs/snakemake").chmod(0o755)
    planned = []
    for name in GITLAB_STAGES[:3]:
        done = gitlab_script(name, folder)
        assert done.returncode == 0, done.stdout + done.stderr
        stats = done.stdout.split("Job stats:")[1].split("total")[0]
        planned.append(set(re.findall(r"^(\w+) +\d+$", stats, re.MULTILINE)))
    data, train, verify = planned
    assert {"simulate", "ingest"} <= data
    assert "train" in train - data
    assert {"verify", "synth", "prove", "inject_faults"} <= verify - train


def test_gitlab_compares_releases_of_two_runs(tmp_path):
    (tmp_path / "programs").mkdir()
    log = tmp_path / "said.txt"
    (tmp_path / "programs/trigger-lut").write_text(
        f'#!/bin/sh\necho "$@" >> {log}\n[ "$2" != results/bad/release.zip ]\n'
    )
    (tmp_path / "programs/trigger-lut").chmod(0o755)
    for name in ("results/small", "results/large", "old/small"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "release.zip").write_text("")
    assert gitlab_script("compare", tmp_path, TRIGGER_LUT_PREVIOUS="old").returncode == 0
    assert log.read_text().splitlines() == [
        "check-release results/large/release.zip",
        "check-release results/small/release.zip",
        "diff old/small/release.zip results/small/release.zip",
    ]
    (tmp_path / "results/bad").mkdir()
    (tmp_path / "results/bad/release.zip").write_text("")
    assert gitlab_script("compare", tmp_path).returncode == 1


def test_issue_forms_have_what_github_asks_for():
    for name in ("bug", "feature"):
        form = load(f".github/ISSUE_TEMPLATE/{name}.yml")
        assert {"name", "description", "body"} <= set(form)
        assert all(part["type"] == "textarea" and part["attributes"]["label"] for part in form["body"])


def test_containers_copy_what_git_has():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    tracked = {path.split("/")[0] for path in listed.splitlines()}
    files = (ROOT / "containers/trigger_lut.def").read_text().split("%files\n")[1].split("\n\n")[0]
    copied = [line.split() for line in files.splitlines()]
    assert all(target == f"/source/{source}" for source, target in copied)
    names = {source for source, _ in copied}
    linked = {path.resolve().name for path in (ROOT / "trigger_lut/project").iterdir() if path.is_symlink()}
    assert {"pyproject.toml", "README.md", "LICENSE", "requirements.lock", "trigger_lut", ".git"} | linked <= names
    assert names <= tracked | {".git"}
    ignored = set((ROOT / ".dockerignore").read_text().split())
    assert {".venv*", ".snakemake", "data", "results", "build"} <= ignored
    assert not ignored & tracked


def test_both_containers_install_the_same():
    texts = [(ROOT / f"containers/{name}").read_text() for name in ("Dockerfile", "trigger_lut.def")]
    for pattern in (r"apt-get .*", r"pip install .*", r"python:[\w.-]+"):
        matches = [re.findall(pattern, text) for text in texts]
        assert matches[0] == matches[1] != [], pattern
