"""Files in the layouts of experiments, from `trigger-lut init` to a checked release: the label is named by hand."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from layouts import LAYOUTS, write_trees
from workflows import copy_workflow, snakemake

from trigger_lut.cli import main

pytestmark = pytest.mark.soak

BUDGET = """\
data_set: mine
target: cms-phase2-correlator
network: {units: [8, 2]}
training: {epochs: 20}
designs:
  first: {luts: 300, latency_ns: 25}
"""


def name_the_label(description: Path) -> None:
    """Write the label as a user would: at its marks, or instead of a proposed regression."""
    text = description.read_text()
    text = text.replace(
        "'FILL IN: branch or expression that is 0 for the first class, 1 for the second, ...'", "kind_of"
    )
    text = text.replace("'FILL IN: names of the classes, from 0 on'", "[a, b]")
    label = "label: {expression: kind_of, classes: [a, b]}\n"
    text = re.sub(r"^regression_targets:.*?(?=^\w)", label, text, flags=re.MULTILINE | re.DOTALL)
    assert "FILL IN" not in text
    description.write_text(text)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layout_runs_from_init_to_a_checked_release(
    layout: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = copy_workflow(tmp_path / "flow", BUDGET)
    for seed in (1, 2):
        write_trees(folder / f"ntuples/part_{seed}.root", LAYOUTS[layout](1500, seed))
    monkeypatch.chdir(folder)
    assert main(["init", "ntuples/*.root", "--name", "mine"]) == 0
    name_the_label(folder / "config/data_sets/mine.yaml")
    ran = snakemake(folder, "--cores", "2", timeout=1200)
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-3000:]
    check = [sys.executable, "-m", "trigger_lut.cli", "check-release", "results/first/release.zip"]
    checked = subprocess.run(check, cwd=folder, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "failed" not in checked.stdout
