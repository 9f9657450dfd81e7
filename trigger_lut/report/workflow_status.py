"""State of a workflow at a glance, from the newest log of Snakemake and the logs of the jobs that run."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from trigger_lut.errors import DataError
from trigger_lut.utils.progress import duration

TIME_FORMAT = "%a %b %d %H:%M:%S %Y"
RULE = re.compile(r"(?:local)?(?:rule|checkpoint) (\w+):")
FAILED = re.compile(r"Error in rule (\w+)")
FINISHED = re.compile(r"Finished jobid: (\d+)")
STEPS = re.compile(r"(\d+) of (\d+) steps")
STAMP = re.compile(r"\[(\w{3} \w{3} +\d+ [\d:]{8} \d{4})\]")
DETAIL = re.compile(r" {4}(jobid|log|wildcards): (.*)")
NOTHING = "Nothing to be done"


@dataclass
class Job:
    """A job that has started.

    Attributes
    ----------
    rule
        Name of its rule.
    started
        Time of its start.
    wildcards
        What it is for, such as "design=small".
    log
        Path of its log, relative to the folder of the workflow.
    """

    rule: str
    started: datetime
    wildcards: str = ""
    log: str = ""


@dataclass
class Run:
    """Content of a log of Snakemake.

    Attributes
    ----------
    started
        Time of the first job; None before it.
    done, steps
        Number of finished jobs, and of all jobs.
    running, failed
        Jobs by their number.
    complete
        Whether nothing is left to do.
    """

    started: datetime | None = None
    done: int = 0
    steps: int = 0
    running: dict[int, Job] = field(default_factory=dict)
    failed: dict[int, Job] = field(default_factory=dict)
    complete: bool = False


def read_log(text: str) -> Run:
    """Read a log of Snakemake.

    Parameters
    ----------
    text
        Content of a file in .snakemake/log.

    Returns
    -------
    Run
        What the log says.
    """
    run, job, failing = Run(), None, False
    now = datetime.min
    for line in text.splitlines():
        if match := STAMP.fullmatch(line.strip()):
            now = datetime.strptime(match[1], TIME_FORMAT)
            run.started = run.started or now
        elif match := RULE.fullmatch(line) or FAILED.match(line):
            job, failing = Job(match[1], now), match.re is FAILED
        elif match := FINISHED.match(line):
            run.running.pop(int(match[1]), None)
        elif match := STEPS.match(line):
            run.done, run.steps = int(match[1]), int(match[2])
        elif line.startswith(NOTHING):
            run.complete = True
        elif job is not None and (match := DETAIL.fullmatch(line)):
            _add_detail(run, job, match[1], match[2], failing)
        elif match := re.fullmatch(r"total +(\d+)", line):
            run.steps = int(match[1])
    run.complete = run.complete or 0 < run.steps == run.done
    return run


def _add_detail(run: Run, job: Job, key: str, value: str, failing: bool) -> None:
    if key == "wildcards":
        job.wildcards = value
    elif key == "log":
        job.log = value.split(" (")[0].split(", ")[0]
    elif failing:
        started = run.running.pop(int(value), job)
        run.failed[int(value)] = started
    else:
        run.running[int(value)] = job


def status_text(folder: Path, now: datetime) -> str:
    """Describe the newest run of the workflow in a folder.

    Parameters
    ----------
    folder
        Folder in which Snakemake runs or has run.
    now
        Current time.

    Returns
    -------
    str
        A line on the run, on each failed job, and on each running job with the last line of its log.

    Raises
    ------
    DataError
        If no workflow has run there.
    """
    logs = sorted((folder / ".snakemake" / "log").glob("*.snakemake.log"))
    if not logs:
        raise DataError(
            f"{folder}: no log of a workflow. Expected files in .snakemake/log, found none. "
            "Name the folder in which snakemake runs."
        )
    run = read_log(logs[-1].read_text(encoding="utf-8", errors="replace"))
    locked = any((folder / ".snakemake" / "locks").glob("*.lock"))
    state = "finished" if run.complete else "running" if locked else "failed" if run.failed else "stopped"
    since = "" if run.started is None else f", started {run.started:%H:%M:%S}"
    if state == "running" and run.started is not None:
        since += f", {_duration(now, run.started)} ago"
    lines = [f"{state}: {run.done} of {run.steps} steps{since}"]
    lines += [f"  failed  {_name(job)}: see {job.log}" for job in run.failed.values()]
    if state == "running":
        lines += [
            f"  {_name(job)}, {_duration(now, job.started)}  {_last_line(folder, job)}".rstrip()
            for job in run.running.values()
        ]
    return "\n".join(lines) + "\n"


def _name(job: Job) -> str:
    return f"{job.rule} ({job.wildcards})" if job.wildcards else job.rule


def _duration(now: datetime, then: datetime) -> str:
    return duration(max(0.0, (now - then).total_seconds()))


def _last_line(folder: Path, job: Job) -> str:
    """Return the last line of a job's log that is not empty."""
    path = folder / job.log
    if not job.log or not path.is_file():
        return ""
    with path.open("rb") as log:
        log.seek(max(0, path.stat().st_size - 4096))
        lines = [line for line in log.read().decode("utf-8", "replace").splitlines() if line.strip()]
    return lines[-1].strip() if lines else ""
