"""State of a workflow, read from the logs that Snakemake itself writes."""

import subprocess
import sys
from datetime import datetime

import pytest

from trigger_lut.errors import DataError
from trigger_lut.report.workflow_status import read_log, status_text

SNAKEFILE = """\
rule all:
    input: "b", "c"
rule a:
    output: "a"
    shell: "touch a"
rule b:
    input: "a"
    output: "b"
    log: "logs/b.log"
    shell: "(echo first; echo; echo '3 of 8 faults') &> {log}; TRIGGER_LUT status > b"
rule c:
    input: "b"
    output: "c"
    log: "logs/c.log"
    shell: "exit 3 &> {log}"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Folder of a run whose job `b` asked for the status, and whose job `c` failed."""
    folder = tmp_path_factory.mktemp("status")
    program = f"{sys.executable} -m trigger_lut.cli"
    (folder / "Snakefile").write_text(SNAKEFILE.replace("TRIGGER_LUT", program))
    ran = subprocess.run([sys.executable, "-m", "snakemake", "--cores", "1"], cwd=folder, capture_output=True)
    assert ran.returncode == 1
    return folder


def test_running_job_has_its_time_and_last_line(folder):
    run, job = (folder / "b").read_text().splitlines()
    assert run.startswith("running: 1 of 4 steps, started ")
    assert job.startswith("  b, ")
    assert job.endswith(" s  3 of 8 faults")


def test_failed_job_is_named_with_its_log(folder):
    assert status_text(folder, datetime.now()).splitlines()[1:] == ["  failed  c: see logs/c.log"]
    assert status_text(folder, datetime.now()).startswith("failed: 2 of 4 steps, started ")


def test_finished_run_says_so(folder):
    subprocess.run([sys.executable, "-m", "snakemake", "--cores", "1", "b"], cwd=folder, capture_output=True)
    assert status_text(folder, datetime.now()).startswith("finished")


def test_run_without_a_lock_is_stopped(tmp_path):
    log = "[Sun Nov 29 17:55:28 2026]\nlocalrule a:\n    jobid: 2\n"
    assert read_log(log).running[2].started == datetime(2026, 11, 29, 17, 55, 28)
    (tmp_path / ".snakemake/log").mkdir(parents=True)
    (tmp_path / ".snakemake/log/1.snakemake.log").write_text(log)
    assert status_text(tmp_path, datetime.now()) == "stopped: 0 of 0 steps, started 17:55:28\n"


def test_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(DataError, match="no log of a workflow"):
        status_text(tmp_path, datetime.now())
