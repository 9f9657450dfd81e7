"""Files of hosting services, containers and tools: they parse, and what they name exists."""

import re
from pathlib import Path

import pytest
import yaml

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
    assert pipeline["firmware"]["rules"] == [{"if": '$TRIGGER_LUT != ""'}]
    used = set(re.findall(r"\$\{?(TRIGGER_LUT\w*)", (ROOT / ".gitlab-ci.yml").read_text()))
    assert used == set(pipeline["variables"])


def test_issue_forms_have_what_github_asks_for():
    for name in ("bug", "feature"):
        form = load(f".github/ISSUE_TEMPLATE/{name}.yml")
        assert {"name", "description", "body"} <= set(form)
        assert all(part["type"] == "textarea" and part["attributes"]["label"] for part in form["body"])


def test_both_containers_install_the_same():
    texts = [(ROOT / f"containers/{name}").read_text() for name in ("Dockerfile", "trigger_lut.def")]
    for pattern in (r"apt-get .*", r"pip install .*", r"python:[\w.-]+"):
        found = [re.findall(pattern, text) for text in texts]
        assert found[0] == found[1] != [], pattern
