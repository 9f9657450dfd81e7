"""Names with blanks, quotes, braces and dollar signs, from the command line to the codes."""

from __future__ import annotations

import numpy as np
import uproot
import yaml
from workflows import BUDGET, copy_workflow, snakemake

from trigger_lut.cards.base import read_card
from trigger_lut.cards.stage_cards import IngestCard

DESCRIPTION = {
    "name": "d",
    "tree": "e",
    "event_id": ["event"],
    "features": [{"name": "{x} $y", "expression": "x"}],
    "label": {"expression": "label", "classes": ["-a {b}", "{design}"]},
    "trigger": {"signal": ["{design}"], "input_rate_khz": 100, "rates_khz": [10], "efficiency_variables": ["{x} $y"]},
    "plot_label": "-s {design} $(id)",
}


def test_workflow_reads_files_whatever_their_names(tmp_path):
    folder = copy_workflow(tmp_path / "a {x} $(id)")
    file = "a{1} $HOME `id` 'q' \"d\" \u00e9*[0];&|<>.root"
    columns = {"event": np.arange(300), "label": np.arange(300) % 2, "x": np.arange(300.0)}
    with uproot.recreate(str(tmp_path / "plain.root")) as root:
        root.mktree("e", {name: column.dtype for name, column in columns.items()}).extend(columns)
    (tmp_path / "plain.root").rename(folder / file)
    (folder / "sets {d}").mkdir()
    (folder / "sets {d}/d.yaml").write_text(yaml.safe_dump(DESCRIPTION | {"files": [file]}))
    budget = "-b {y} $(id) 'q'.yaml"
    (folder / budget).write_text(BUDGET.replace("toy", "d").replace("[4, 5]", "[4, 2]"))
    (folder / "config/targets.yaml").rename(folder / "t {1}.yaml")
    config = [f"budget={budget}", "targets=t {1}.yaml", "data_sets=sets {d}"]
    ran = snakemake(folder, "--cores", "1", "--until", "ingest", "resolve_design", "--config", *config)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    card = read_card(IngestCard, folder / "results/data/d/ingest.json")
    assert (card.features[0].name, card.features[0].maximum) == ("{x} $y", 299)
    assert (folder / "results/small/spec.json").is_file()

    # A file that Snakemake does not see as an input still counts: another one is read again.
    again = snakemake(folder, "-n", "--until", "ingest", "--config", *config)
    assert "Params have changed" not in again.stdout + again.stderr
    (folder / file).touch()
    again = snakemake(folder, "-n", "--until", "ingest", "--config", *config)
    assert "Params have changed" in again.stdout + again.stderr


def test_workflow_budget_as_configfile_is_refused(tmp_path):
    folder = copy_workflow(tmp_path / "workflow")
    for arguments, expected in (
        (["--configfile", "config/budget.yaml"], "Give it as: --config budget="),
        (["--config", "budgets=x.yaml"], "unknown key 'budgets'; nearest: 'budget'"),
    ):
        ran = snakemake(folder, "-n", *arguments)
        assert ran.returncode == 1
        assert "Traceback" not in ran.stdout + ran.stderr
        assert expected in ran.stdout + ran.stderr
    assert not (folder / "results").exists()
