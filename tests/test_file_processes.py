"""The workers' processes for test files: reused while small, and a crash costs one test."""

import subprocess
import sys
from pathlib import Path

import pytest

HELPERS = Path(__file__).parent / "helpers"
CONFTEST = "import file_processes\nfrom file_processes import register as pytest_configure\n"
TESTS = """
import os, signal, pytest

@pytest.fixture(scope="module")
def pid():
    return os.getpid()

def test_first(pid):
    print(f"{__name__} begins in {pid}")
    assert pid != os.getppid()

def test_same_process(pid):
    assert pid == os.getpid()

def test_wrong(pid):
    assert pid == 0

@pytest.mark.skip
def test_skipped(): pass

def test_crash():
    os.kill(os.getpid(), signal.SIGSEGV)

def test_after_the_crash(pid):
    print(f"{__name__} ends in {pid}")
    assert pid == os.getpid()
"""


@pytest.fixture
def run_two_files(tmp_path):
    def run(conftest):
        (tmp_path / "conftest.py").write_text(conftest)
        for name in ("test_a.py", "test_b.py"):
            (tmp_path / name).write_text(TESTS)
        options = ["-q", "-rA", "-n", "1", "--dist", "loadfile", "-p", "no:cacheprovider"]
        run = subprocess.run(
            [sys.executable, "-m", "pytest", *options, "-c", "/dev/null", f"--rootdir={tmp_path}", str(tmp_path)],
            capture_output=True,
            text=True,
            env={"PYTHONPATH": str(HELPERS), "PATH": "/usr/bin:/bin"},
        )
        lines = {line.split(" in ")[0]: line.split()[-1] for line in run.stdout.splitlines() if "s in " in line}
        return run.stdout, lines

    return run


def test_crash_fails_one_test_only(run_two_files):
    output, pids = run_two_files(CONFTEST)
    assert "4 failed, 6 passed, 2 skipped" in output
    assert output.count("the process of this test file ended with -11") >= 2
    assert pids["test_a begins"] != pids["test_a ends"] == pids["test_b begins"] != pids["test_b ends"]


@pytest.mark.parametrize("limit", ["MAX_MAPPINGS", "MAX_MEMORY_KB"])
def test_large_process_gets_no_further_file(run_two_files, limit):
    output, pids = run_two_files(f"{CONFTEST}file_processes.{limit} = 0\n")
    assert "4 failed, 6 passed, 2 skipped" in output
    assert len(set(pids.values())) == 4
