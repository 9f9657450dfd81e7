"""The workers' processes for test files: one a file, and a crash costs one test."""

import subprocess
import sys
from pathlib import Path

HELPERS = Path(__file__).parent / "helpers"
CONFTEST = "from file_processes import register as pytest_configure\n"
TESTS = """
import os, signal, pytest

@pytest.fixture(scope="module")
def pid():
    return os.getpid()

def test_first(pid):
    print(f"{__name__} in {pid}")
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
    assert pid == os.getpid()
"""


def test_crash_fails_one_test_only(tmp_path):
    (tmp_path / "conftest.py").write_text(CONFTEST)
    for name in ("test_a.py", "test_b.py"):
        (tmp_path / name).write_text(TESTS)
    options = [
        "-q",
        "-rA",
        "-n",
        "1",
        "--dist",
        "loadfile",
        "-p",
        "no:cacheprovider",
        "-c",
        "/dev/null",
        f"--rootdir={tmp_path}",
    ]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(tmp_path)],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(HELPERS), "PATH": "/usr/bin:/bin"},
    )
    assert "4 failed, 6 passed, 2 skipped" in run.stdout
    assert run.stdout.count("the process of this test file ended with -11") >= 2
    pids = {line.split()[-1] for line in run.stdout.splitlines() if line.startswith(("test_a in", "test_b in"))}
    assert len(pids) == 2
