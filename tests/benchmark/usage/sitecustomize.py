"""Loaded by each Python process of `test_stages.py`: at its end, a stage adds what it used to a file."""

import atexit
import json
import os
import resource
import sys
import time
from pathlib import Path


def _at_end(started: float) -> None:
    if len(sys.argv) < 3 or sys.argv[1] != "stage":
        return
    own, programs = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    used = {
        "stage": sys.argv[2],
        "seconds": time.monotonic() - started,
        "cpu_s": own.ru_utime + own.ru_stime,
        "cpu_programs_s": programs.ru_utime + programs.ru_stime,
        "memory_mb": max(own.ru_maxrss, programs.ru_maxrss) / 1024,
    }
    with Path(os.environ["TRIGGER_LUT_USAGE"]).open("a", encoding="utf-8") as file:
        file.write(json.dumps(used) + "\n")


if "TRIGGER_LUT_USAGE" in os.environ:
    atexit.register(_at_end, time.monotonic())
