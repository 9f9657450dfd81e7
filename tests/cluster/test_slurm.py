"""The workflow on SLURM, for real: `pytest -m cluster`, as root on Debian or Ubuntu, 2 cores; 6 to 8 minutes.

Not part of a plain `pytest`. start_slurm.sh installs SLURM if need be and starts it on this machine, with accounting
and with this machine's cores and memory. The profile workflow/profiles/slurm then runs as it is, on three designs, from
ROOT files to the verdict. The accounting of every job is compared with the resources of its rule. The virtual
environment is not on PATH: a node knows it only by the full path of the interpreter. Negative controls: a stage that
is given too little memory is ended by SLURM, and with the controller stopped nothing runs.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest
from planned import planned_jobs

from workflow import test_end_to_end as end_to_end

HERE = Path(__file__).parent
TINY = "  tiny: {luts: 250, latency_ns: 25}\n"
DESIGNS = {"tiny": 250, "small": 300, "roomy": 400}  # LUTs; budgets that this short training is known to keep

pytestmark = pytest.mark.cluster


@dataclass(frozen=True)
class Accounted:
    """Record of one job in SLURM's accounting: memory in MB, time limit in minutes."""

    job_id: str
    comment: str
    state: str
    cpus: int
    mem_mb: int
    limit: int
    start: datetime
    end: datetime


def accounted(folder: Path) -> list[Accounted]:
    """All jobs that were submitted from a folder and have ended."""
    fields = "JobIDRaw,Comment,State,ReqCPUS,ReqMem,TimelimitRaw,Start,End,WorkDir"
    command = ["sacct", "--allocations", "--parsable2", "--noheader", "--starttime=now-1day", f"--format={fields}"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    jobs = []
    for line in lines:
        job_id, comment, state, cpus, memory, limit, start, end, submitted_from = line.split("|")
        if submitted_from == str(folder):
            assert memory.endswith("M"), line
            times = (datetime.fromisoformat(start), datetime.fromisoformat(end))
            jobs.append(Accounted(job_id, comment, state, int(cpus), int(memory[:-1]), int(limit), *times))
    return jobs


@pytest.fixture(scope="module")
def slurm() -> Iterator[Path]:
    """A one-node SLURM; its folder."""
    folder = Path(tempfile.mkdtemp(prefix="slurm"))
    log_path = folder / "start.log"
    with log_path.open("w") as log:  # not a pipe: the services would hold it open
        command = [HERE / "start_slurm.sh", folder / "s"]
        started = subprocess.run(command, stdout=log, stderr=log, timeout=600, check=False)
    assert started.returncode == 0, log_path.read_text()
    try:
        yield folder / "s"
    finally:
        subprocess.run([HERE / "stop_slurm.sh", folder / "s"], timeout=120, check=True)
        shutil.rmtree(folder)


def prepare(folder: Path) -> Path:
    """The workflow of the end-to-end test with three designs."""
    designs = "".join(TINY.replace("tiny", name).replace("250", str(luts)) for name, luts in DESIGNS.items())
    return end_to_end.prepare(folder, end_to_end.BUDGET.replace(TINY, designs))


def on_slurm(folder: Path, *arguments: str, timeout: float = 1200) -> subprocess.CompletedProcess[str]:
    """`snakemake --profile workflow/profiles/slurm` in an environment that knows nothing of the virtual environment."""
    command = [sys.executable, "-m", "snakemake", "--profile", "workflow/profiles/slurm", *arguments]
    passed_on = {name: os.environ[name] for name in ("HOME", "PYTHONPATH", "OPENBLAS_CORETYPE") if name in os.environ}
    environment = passed_on | {"PATH": "/usr/local/bin:/usr/bin:/bin"}
    assert shutil.which("trigger-lut", path=environment["PATH"]) is None
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=timeout, check=False
    )


@pytest.fixture(scope="module")
def finished(slurm, tmp_path_factory) -> Path:
    """Everything, run through SLURM."""
    folder = prepare(tmp_path_factory.mktemp("slurm") / "w")
    ran = on_slurm(folder)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    time.sleep(3)  # accounting lags behind
    return folder


def test_it_comes_to_the_verdict(finished):
    assert json.loads((finished / "results/verdict.json").read_text())["designs"] == list(DESIGNS)
    rows = json.loads((finished / "results/summary.json").read_text())["designs"]
    assert [(row["bit_exact"], row["mismatches"], row["budget_met"]) for row in rows] == [(True, 0, True)] * 3


def test_every_job_went_through_slurm_with_its_resources(finished):
    asked = [(job.comment, job.threads, job.mem_mb, job.runtime) for job in planned_jobs(finished) if not job.local]
    got = accounted(finished)
    print(*got, sep="\n")
    assert sorted((job.comment, job.cpus, job.mem_mb, job.limit) for job in got) == sorted(asked)
    assert {job.state for job in got} == {"COMPLETED"}
    assert len({job.job_id for job in got}) == len(asked)


def test_designs_train_side_by_side(finished):
    training = sorted((job.start, job.end) for job in accounted(finished) if job.comment.startswith("rule_train_"))
    assert len(training) == len(DESIGNS)
    assert training[1][0] < training[0][1], "the second began before the first had ended"


def test_nothing_is_left_to_do(finished):
    ran = on_slurm(finished, "-n")
    assert "Nothing to be done" in ran.stdout + ran.stderr


def test_too_little_memory_is_tried_again_with_twice_as_much(slurm, tmp_path):
    """Negative control: what is asked for is what SLURM enforces."""
    folder = prepare(tmp_path / "w")
    ran = on_slurm(folder, "--set-resources", "ingest:mem_mb=40 * attempt", "--", "results/data/toy/ingest.json")
    assert ran.returncode != 0
    assert not (folder / "results/data/toy/ingest.json").exists()
    time.sleep(3)
    assert sorted((job.comment, job.mem_mb, job.state) for job in accounted(folder)) == [
        ("rule_ingest", 40, "FAILED"),
        ("rule_ingest", 80, "FAILED"),
        ("rule_read_wildcards_0", 1000, "COMPLETED"),
        ("rule_read_wildcards_1", 1000, "COMPLETED"),
    ]


def test_without_the_controller_nothing_runs(slurm, tmp_path):
    """Negative control: the jobs depend on SLURM."""
    folder = prepare(tmp_path / "w")
    pid = int((slurm / "pids/slurmctld").read_text())
    subprocess.run(["scontrol", "shutdown", "slurmctld"], check=True, capture_output=True)
    for _ in range(100):
        if not Path(f"/proc/{pid}").exists():
            break
        time.sleep(0.1)
    try:
        ran = on_slurm(folder, "--", "results/data/toy/ingest.json")
    finally:
        environment = os.environ | {"SLURM_CONF": str(slurm / "slurm.conf")}
        subprocess.run(["/usr/sbin/slurmctld"], env=environment, check=True, capture_output=True)
    assert ran.returncode != 0
    assert "Unable to contact slurm controller" in ran.stdout + ran.stderr
    assert not (folder / "results/data/toy/ingest.json").exists()
