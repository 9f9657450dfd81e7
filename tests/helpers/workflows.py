"""A copy of the workflow with a small data set, and what Snakemake would run in it."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from trigger_lut.cards.base import write_card
from trigger_lut.plan import load_plan, simulation_of

ROOT = Path(__file__).parents[2]

BUDGET = """\
data_set: toy
target: cms-phase2-correlator
network: {units: [4, 5]}
designs:
  small: {luts: 700, latency_ns: 25}
  large: {luts: 3000, latency_ns: 31}
"""
SCAN = """\
scan:
  luts: [300, 600]
  latency_ns: [20]
"""
SIMULATED = """\
name: toy
simulate: {jets: 20, files_per_class: 1}
tree: jets
event_id: [run, event, jet]
label: {expression: label, classes: [g, q, W, Z, t]}
features: [{name: zlogz}, {name: mass_mmdt}]
"""
NO_LOOK = {"check_files": 0}
"""Configuration for data files that tests only pretend to have."""
GIVEN = SIMULATED.replace("simulate: {jets: 20, files_per_class: 1}", "files: [ntuples/*.root]")


def copy_workflow(folder: Path, budget: str = BUDGET, data_set: str = SIMULATED) -> Path:
    """Snakefile, rules and configuration in a new folder, with a budget and a description of the data set `toy`."""
    shutil.copytree(ROOT / "workflow", folder / "workflow")
    shutil.copy(ROOT / "Snakefile", folder)
    (folder / "config/data_sets").mkdir(parents=True)
    shutil.copy(ROOT / "config/targets.yaml", folder / "config")
    (folder / "config/budget.yaml").write_text(budget)
    (folder / "config/data_sets/toy.yaml").write_text(data_set)
    return folder


@contextlib.contextmanager
def opened(folder: Path, config: Mapping[str, object] = NO_LOOK, *, cores: int = 2) -> Iterator[Any]:
    """The workflow in a folder as Snakemake's interface gives it."""
    from snakemake.api import SnakemakeApi
    from snakemake.settings.types import ConfigSettings, OutputSettings, Quietness, ResourceSettings

    with contextlib.chdir(Path.cwd()), SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
        yield api.workflow(
            resource_settings=ResourceSettings(cores=cores),
            config_settings=ConfigSettings(config=config),
            snakefile=folder / "Snakefile",
            workdir=folder,
        )


def run_jobs(
    folder: Path, executor: str = "dryrun", targets: tuple[str, ...] = (), force: bool = False
) -> Counter[str]:
    """Jobs that Snakemake would run ('dryrun') or marks as done ('touch'), as 'rule' or 'rule:wildcards'."""
    from snakemake.settings.types import DAGSettings

    with opened(folder) as workflow:
        dag = workflow.dag(DAGSettings(targets=set(targets), forceall=force))
        dag.execute_workflow(executor=executor)
        jobs = workflow._workflow.dag
        return Counter(
            ":".join([job.rule.name, *job.wildcards_dict.values()]) for job in jobs.jobs if jobs.needrun(job)
        )


def all_outputs(folder: Path) -> list[tuple[Path, bool]]:
    """(path, is a folder) of every output of every job, relative to the workflow's folder."""
    from snakemake.settings.types import DAGSettings

    with opened(folder) as workflow:
        workflow.dag(DAGSettings(forceall=True)).execute_workflow(executor="dryrun")
        return [(Path(str(f)), f.is_directory) for job in workflow._workflow.dag.jobs for f in job.output]


def pretend_done(folder: Path) -> Path:
    """Files for all outputs, empty but for what was resolved, and Snakemake's record that this workflow made them."""
    for path, is_folder in all_outputs(folder):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).mkdir(exist_ok=True) if is_folder else (folder / path).write_text("")
    with contextlib.chdir(folder):
        plan = load_plan(Path("config/budget.yaml"), Path("config/targets.yaml"), data_sets=Path("config/data_sets"))
    for name, spec in plan.specs.items():
        write_card(spec, folder / f"results/{name}/spec.json")
    of_data = folder / f"results/data/{plan.data_set.name}"
    write_card(plan.data_set, of_data / "data_set.json")
    for name, other in plan.drift.items():
        write_card(other.data_set, of_data / f"drift/{name}/data_set.json")
    for described in (plan, *plan.drift.values()):
        if described.simulated:
            content = json.dumps(simulation_of(described.data_set))
            (folder / f"data/{described.data_set.name}/simulation.json").write_text(content)
    run_jobs(folder, "touch", force=True)
    return folder


def snakemake(folder: Path, *arguments: str, timeout: float = 600) -> subprocess.CompletedProcess[str]:
    """Run Snakemake's command line in a folder."""
    command = [sys.executable, "-m", "snakemake", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=timeout, check=False)
