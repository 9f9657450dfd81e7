"""Networks for 16 particles with an event every cycle, every 3 and every 16 cycles: `pytest -m benchmark -s`.

All designs of an example are trained in one run of the workflow, on the same jets. It prints LUTs, accuracy, clock and
time of the proof, and ratios to the first design. TRIGGER_LUT_EPOCHS shortens the training.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from helpers.workflows import ROOT, copy_workflow

pytestmark = pytest.mark.benchmark


@pytest.mark.parametrize(
    ("example", "designs"),
    [("jets_particles_shared", {"ii1": 1, "ii3": 3, "ii16": 16}), ("jets_particles", {"particles": 16})],
)
def test_sixteen_particles(tmp_path: Path, example: str, designs: dict[str, int]) -> None:
    """`designs`: cycles between two events by design."""
    budget = yaml.safe_load((ROOT / f"config/examples/{example}.yaml").read_text())
    if epochs := os.environ.get("TRIGGER_LUT_EPOCHS"):
        budget["training"] = {"epochs": int(epochs)}
    data_set = budget["data_set"]
    description = (ROOT / f"config/data_sets/{data_set}.yaml").read_text()
    copy_workflow(tmp_path, yaml.safe_dump(budget), description.replace(f"name: {data_set}", "name: toy"))
    (tmp_path / f"config/data_sets/{data_set}.yaml").write_text(description)
    wanted = [f"results/{design}/{card}.json" for design in designs for card in ("timing", "prove", "physics")]
    command = [sys.executable, "-m", "snakemake", "--cores", "all", "--quiet", "all", "--", *wanted]
    subprocess.run(command, cwd=tmp_path, check=True)
    rows = {ii: _figures(tmp_path / f"results/{design}") for design, ii in designs.items()}
    first = next(iter(rows.values()))
    print(f"\n{'II':>3} {'LUTs':>6} {'ratio':>6} {'accuracy':>15} {'points':>7} {'cycles':>7} {'MHz':>6} {'proof':>9}")
    for ii, row in rows.items():
        print(
            f"{ii:3} {row['luts']:6.0f} {row['luts'] / first['luts']:6.2f} {100 * row['accuracy']:8.2f} +-"
            f"{100 * row['error']:4.2f}% {100 * (row['accuracy'] - first['accuracy']):+7.2f} {row['cycles']:7.0f} "
            f"{row['mhz']:6.0f} {row['seconds']:7.0f} s ({row['proven']})"
        )
    assert all(row["proven"] == "proven" for row in rows.values())
    assert all(row["interval"] <= ii for ii, row in rows.items())


def _figures(folder: Path) -> dict[str, float | str]:
    cards = {
        name: json.loads((folder / f"{name}.json").read_text()) for name in ("physics", "synth", "timing", "prove")
    }
    statuses = {output["status"] for output in cards["prove"]["outputs"]}
    return {
        "luts": cards["synth"]["luts"]["value"],
        "accuracy": cards["physics"]["score"],
        "error": cards["physics"]["scores"]["weighted_error"],
        "cycles": cards["timing"]["latency_cycles"]["value"],
        "interval": cards["timing"]["ii"]["value"],
        "mhz": cards["timing"]["fmax_mhz_estimate"]["value"],
        "seconds": cards["prove"]["seconds"],
        "proven": "proven" if statuses == {"proven"} else ", ".join(sorted(statuses)),
    }
