"""Processes of a pool end with their command."""

import os
import signal
import sys
import time

import pytest
from stopping import needs_proc, processes_of, stopped

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
    ending = stopped(
        [sys.executable, str(script)], tmp_path / "tmp", "sleep", lambda process: os.killpg(process.pid, number)
    )
    assert ending == (status, "trigger-lut: stopped. Run the same command again to continue.\n")


@needs_proc
def test_ctrl_c_while_a_worker_starts_stops_without_traceback(tmp_path):
    """The worker is in the import of the script, and hears Ctrl-C before the command does."""
    script = tmp_path / "command.py"
    script.write_text('import time\n\nif __name__ == "__mp_main__":\n    time.sleep(300)\n' + CODE)

    def stop(process):
        time.sleep(1)  # its interpreter is up
        for number, command in processes_of(tmp_path / "tmp").items():
            if "spawn_main" in command:
                os.kill(number, signal.SIGINT)
        time.sleep(1)
        process.send_signal(signal.SIGINT)

    ending = stopped([sys.executable, str(script)], tmp_path / "tmp", "spawn_main", stop)
    assert ending == (130, "trigger-lut: stopped. Run the same command again to continue.\n")


def test_workers_give_results_and_errors():
    with workers(1) as pool:
        assert pool.submit(int, "3").result() == 3
        assert isinstance(pool.submit(int, "x").exception(), ValueError)
