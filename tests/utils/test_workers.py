"""Processes of a pool end with their command."""

import os
import signal
import sys

import pytest
from stopping import needs_proc, stopped

from trigger_lut.utils.workers import workers

CODE = """
import argparse, subprocess, sys
from trigger_lut import cli
from trigger_lut.utils.workers import workers

whole = cli.parser

def work(args):
    with workers(2) as pool:
        for found in [pool.submit(subprocess.run, ["sleep", "300"]) for _ in range(3)]:
            found.result()

def parser(only):
    known = whole()
    known.parse_args = lambda words: argparse.Namespace(function=work)
    return known

if __name__ == "__main__":
    cli.parser = parser
    sys.exit(cli.main())
"""


@needs_proc
@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_workers_and_their_programs(tmp_path, number, status):
    """Ctrl-C in a terminal goes to the whole group of processes."""
    script = tmp_path / "command.py"
    script.write_text(CODE)
    said = stopped(
        [sys.executable, str(script)], tmp_path / "tmp", "sleep", lambda process: os.killpg(process.pid, number)
    )
    assert said == (status, "trigger-lut: stopped. Run the same command again to continue.\n")


def test_workers_give_results_and_errors():
    with workers(1) as pool:
        assert pool.submit(int, "3").result() == 3
        assert isinstance(pool.submit(int, "x").exception(), ValueError)
