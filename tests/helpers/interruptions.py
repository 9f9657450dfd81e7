"""Commands of a finished workflow, run again on a full disk, or killed and repeated."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import resource
import shlex
import shutil
import signal
import subprocess
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

VOLATILE = ("versions", "inputs", "digest", "emulator_events_per_second", "files")
METADATA = ("metadata.json",)
"""Members of a .keras file with the date of the saving."""


@dataclass(frozen=True)
class Job:
    """A stage's command line and the files that it writes."""

    rule: str
    command: list[str]
    outputs: tuple[Path, ...]


def jobs_of(folder: Path) -> dict[str, Job]:
    """Return the jobs of the workflow in a folder that call `trigger-lut`, by rule; of several of a rule the first."""
    from snakemake.api import SnakemakeApi
    from snakemake.settings.types import DAGSettings, OutputSettings, Quietness, ResourceSettings

    jobs: dict[str, Job] = {}
    with contextlib.chdir(Path.cwd()), SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
        workflow = api.workflow(
            resource_settings=ResourceSettings(cores=2), snakefile=folder / "Snakefile", workdir=folder
        )
        workflow.dag(DAGSettings(forceall=True)).execute_workflow(executor="dryrun")
        for job in workflow._workflow.dag.jobs:
            text = (job.shellcmd or "").partition("&>")[0].strip()
            if text.startswith("trigger-lut "):
                outputs = tuple(folder / str(path) for path in job.output)
                jobs.setdefault(job.rule.name, Job(job.rule.name, shlex.split(text), outputs))
    return jobs


def contents(folder: Path) -> dict[str, str]:
    """Return the sha256 of every file in a folder, but for logs and what Snakemake keeps."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not {".snakemake", "logs", "checkpoints", "__pycache__"} & set(path.parts)
    }


def result_of(path: Path) -> object:
    """Return what a result file says, without what differs from run to run.

    hls4ml gives each compiled library a random name, which the project's script and description repeat.
    """
    if path.is_dir():
        files = [p for p in sorted(path.rglob("*")) if p.is_file() and p.name != ".snakemake_timestamp"]
        return {str(p.relative_to(path)): result_of(p) for p in files if p.suffix != ".so"}
    if path.suffix == ".json":
        return without_volatile(json.loads(path.read_text()))
    if path.suffix == ".keras":  # the archive holds the time of its members
        with zipfile.ZipFile(path) as archive:
            return {
                name: hashlib.sha256(archive.read(name)).hexdigest()
                for name in archive.namelist()
                if name not in METADATA
            }
    return hashlib.sha256(path.read_bytes()).hexdigest()


def without_volatile(content: object) -> object:
    """Return a card, or a part of one, without the fields that differ from run to run."""
    if isinstance(content, list):
        return [without_volatile(item) for item in content]
    if isinstance(content, dict):
        kept = {key: value for key, value in content.items() if key not in VOLATILE and not key.startswith("seconds")}
        return {key: without_volatile(value) for key, value in kept.items()}
    return content


def largest_output(job: Job) -> int:
    """Return the size of the largest file among a job's outputs, in bytes."""
    files = [file for path in job.outputs for file in ([path] if path.is_file() else path.rglob("*"))]
    return max(file.stat().st_size for file in files if file.is_file())


@contextlib.contextmanager
def kept(job: Job, folder: Path) -> Iterator[None]:
    """Put a job's outputs back at the end, with their times: later stages were made from these."""
    folder.mkdir()
    for n, path in enumerate(job.outputs):
        copy = shutil.copytree if path.is_dir() else shutil.copy2
        copy(path, folder / str(n))
    try:
        yield
    finally:
        for n, path in enumerate(job.outputs):
            if path.is_dir():
                shutil.rmtree(path)
            shutil.move(folder / str(n), path)


def start(job: Job, folder: Path, temporary: Path, largest_file: int | None = None) -> subprocess.Popen[str]:
    """Start a job's command in a session of its own. largest_file: bytes that it may write to one file."""

    def limit() -> None:
        if largest_file is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    temporary.mkdir(exist_ok=True)
    env = {**os.environ, "TMPDIR": str(temporary)}
    return subprocess.Popen(
        job.command,
        cwd=folder,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=limit,
    )


def run(job: Job, folder: Path, temporary: Path, largest_file: int | None = None) -> tuple[int, str, float]:
    """Run a job's command. Returns its exit status, its messages, and the seconds that it took."""
    began = time.monotonic()
    with start(job, folder, temporary, largest_file) as process:
        messages, _ = process.communicate(timeout=600)
    return process.returncode, messages, time.monotonic() - began


def kill_after(job: Job, folder: Path, temporary: Path, seconds: float) -> bool:
    """Start a job's command and kill it and its children. Returns False if it ended before."""
    with start(job, folder, temporary) as process:
        try:
            process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return True
    return False
