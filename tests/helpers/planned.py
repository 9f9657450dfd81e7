"""The jobs of a workflow as an executor gets them, with what they ask for."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workflows import NO_LOOK, opened


@dataclass(frozen=True)
class PlannedJob:
    """Resources that a rule asks an executor for: memory in MB, time in minutes; None where a rule says nothing."""

    rule: str
    wildcards: tuple[str, ...]
    local: bool
    threads: int
    mem_mb: int | None
    runtime: int | None
    gpu: int

    @property
    def comment(self) -> str:
        """The SLURM plugin's comment on this job."""
        return "_".join([f"rule_{self.rule}", *(["wildcards"] if self.wildcards else []), *self.wildcards])


@contextlib.contextmanager
def dag_of(folder: Path, config: Mapping[str, object] | None = None) -> Iterator[Any]:
    """Snakemake's jobs of the workflow in a folder, all of them to run, on a machine with 64 cores."""
    from snakemake.settings.types import DAGSettings

    with opened(folder, {**NO_LOOK, **(config or {})}, cores=64) as workflow:
        workflow.dag(DAGSettings(forceall=True)).execute_workflow(executor="dryrun")
        yield workflow._workflow.dag


def planned(job: Any, attempt: int = 1) -> PlannedJob:
    """One of Snakemake's jobs, in its `attempt`-th attempt."""
    job.attempt = attempt
    asked = job.resources
    return PlannedJob(
        rule=job.rule.name,
        wildcards=tuple(job.wildcards_dict.values()),
        local=job.rule.norun or job.rule.name in job.dag.workflow._localrules,
        threads=job.threads,
        mem_mb=asked.get("mem_mb"),
        runtime=asked.get("runtime"),
        gpu=asked.get("gpu") or 0,
    )


def planned_jobs(folder: Path, config: Mapping[str, object] | None = None, attempt: int = 1) -> list[PlannedJob]:
    """All jobs of the workflow in a folder."""
    with dag_of(folder, config) as dag:
        return [planned(job, attempt) for job in dag.jobs]
