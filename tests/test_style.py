"""The tools that keep code, workflow, licences and citations in order, as tests: one line runs everything."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
WORKFLOW = [str(p.relative_to(ROOT)) for p in [ROOT / "Snakefile", *sorted((ROOT / "workflow").rglob("*.smk"))]]
TOOLS = {
    "ruff": ["check", "."],
    "ruff format": ["--check", "."],
    "snakefmt": ["--check", *WORKFLOW],
    "mypy": [],
}


def run(tool, arguments, cwd=ROOT):
    command = [*tool.split(), *arguments]
    done = subprocess.run([sys.executable, "-m", *command], cwd=cwd, capture_output=True, text=True)
    return done.returncode, (done.stdout + done.stderr).strip()


@pytest.mark.parametrize("tool", TOOLS)
def test_clean(tool):
    status, output = run(tool, TOOLS[tool])
    assert status == 0, f"{tool}:\n{output}"


@pytest.mark.parametrize("tool", TOOLS)
def test_a_fault_is_found(tool, tmp_path):
    """Negative control: each tool finds the fault in these two files."""
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    (tmp_path / "trigger_lut").mkdir()
    (tmp_path / "trigger_lut" / "wrong.py").write_text("import os\ndef f(x:int)->str :\n    return x\n")
    (tmp_path / "Snakefile").write_text('rule a:\n  output: "x"\n  shell: "touch {output}"\n')
    arguments = ["--check", "Snakefile"] if tool == "snakefmt" else TOOLS[tool]
    status, output = run(tool, arguments, tmp_path)
    assert status != 0
    assert ("1 file(s) would be changed" if tool == "snakefmt" else "wrong.py") in output


def dependencies():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    return {
        heading: [re.split(r"[=<>\[; ]", line)[0] for line in lines]
        for heading, lines in {
            "Needed": project["dependencies"],
            "Optional extra `sim`": extras["sim"],
            "Optional extra `cluster`": extras["cluster"],
            "Optional extra `remote`": extras["remote"],
            "Optional extra `docs`": extras["docs"],
            "Optional extra `test`": extras["test"],
        }.items()
    }


def licences(text, heading):
    """Packages in the first column of the table under a heading."""
    section = text.split(f"## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"^\| ([\w-]+) \|", section, re.MULTILINE)[1:]


@pytest.mark.parametrize("heading", dependencies())
def test_licences_of_all_direct_dependencies_are_listed(heading):
    assert licences((ROOT / "THIRD_PARTY.md").read_text(), heading) == dependencies()[heading]


def test_licence_is_the_whole_apache_licence():
    text = (ROOT / "LICENSE").read_text()
    assert text.lstrip().startswith("Apache License\n")
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_citation_names_this_project_and_complete_references():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert cited["title"] == project["name"]
    assert cited["license"] == project["license"]
    for reference in cited["references"]:
        assert reference["authors"], reference["title"]
        assert "doi" in reference or "url" in reference, reference["title"]
        assert reference["type"] != "article" or reference["year"], reference["title"]
    titles = [reference["title"] for reference in cited["references"]]
    assert len(set(titles)) == len(titles)


def test_ci_runs_the_test_line_of_the_readme():
    line = "pip install -e '.[sim,test]' -c requirements.lock && pytest -n auto --maxprocesses 4 --dist loadfile"
    assert line in (ROOT / ".ci" / "run").read_text()
    readme = (ROOT / "README.md").read_text()
    assert line in readme


def test_files_that_ci_names_exist():
    named = re.findall(r"tests/[\w/*.]+", (ROOT / ".ci/run").read_text())
    assert named
    assert [path for path in named if not list(ROOT.glob(path))] == []
