"""Five gigabytes of ROOT files to integer codes, compared with plain `uproot.iterate`: `pytest -m benchmark -s`.

TRIGGER_LUT_GB gives another size. Needs about six times as much room where pytest has its temporary folder.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import awkward as ak
import numpy as np
import pytest
import yaml

from trigger_lut.config.data_set.files import Source
from trigger_lut.data.event_codes import load_codes

pytestmark = pytest.mark.benchmark

GIGABYTES, FILES, BASKET, CHUNK = float(os.environ.get("TRIGGER_LUT_GB", "5")), 4, 100_000, 50_000
NUMBERS = [f"f{n}" for n in range(16)]
BRANCHES = [*NUMBERS, "event", "label", "pt"]
MEMORY_GIB = 1.0
PLAIN = """
import sys, uproot
for path in sys.argv[3:]:
    for arrays in uproot.iterate({path: "t"}, sys.argv[1].split(","), step_size=int(sys.argv[2]), library="ak"):
        len(arrays)
"""


class Used(NamedTuple):
    """Figures of one process: wall and CPU seconds, and its peak memory."""

    wall: float
    cpu: float
    gib: float


def run(*command: str) -> Used:
    started = time.monotonic()
    process = subprocess.Popen(command)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command
    return Used(time.monotonic() - started, used.ru_utime + used.ru_stime, used.ru_maxrss / 2**20)


def write(path: Path, first: int, size: float) -> int:
    """A file of at least so many bytes; returns its entries."""
    import uproot

    rng = np.random.default_rng(first)
    count = 0
    kinds = {**dict.fromkeys(NUMBERS, "float32"), "event": "int64", "label": "int32", "pt": "var * float32"}
    with uproot.recreate(path, compression=uproot.ZLIB(1)) as file:
        tree = file.mktree("t", kinds)
        while path.stat().st_size < size:
            lengths = rng.integers(0, 8, BASKET)
            numbers = {name: rng.normal(size=BASKET).astype(np.float32) for name in NUMBERS}
            pt = ak.unflatten(rng.exponential(30, lengths.sum()).astype(np.float32), lengths)
            event = np.arange(first + count, first + count + BASKET)
            tree.extend({**numbers, "event": event, "label": (event % 2).astype(np.int32), "pt": pt})
            count += BASKET
    return count


def described(folder: Path, files: list[Path]) -> Path:
    content = {
        "name": "many",
        "files": [str(file) for file in files],
        "tree": "t",
        "event_id": ["event"],
        "label": {"expression": "label", "classes": ["a", "b"]},
        "features": [{"name": name} for name in NUMBERS] + [{"name": "ht", "expression": "sum(pt)"}],
        "chunk_entries": CHUNK,
    }
    path = folder / "many.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def test_any_size_is_read_in_a_gibibyte(tmp_path: Path) -> None:
    files, entries, size = [tmp_path / f"{n}.root" for n in range(FILES)], 0, GIGABYTES * 1e9 / FILES
    for file in files:
        entries += write(file, entries, size)
    total = sum(file.stat().st_size for file in files) / 1e9
    path = described(tmp_path, files)
    tool = str(Path(sys.executable).with_name("trigger-lut"))
    plain = run(sys.executable, "-c", PLAIN, ",".join(BRANCHES), str(CHUNK), *map(str, files))

    def read(number: int) -> Used:
        return run(
            *(tool, "stage", "read", "--description", str(path), "--source", Source(files[number]).text()),
            *("--card", str(tmp_path / f"read/{number}.json")),
        )

    started = time.monotonic()
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # a job per file, as many at a time as the workflow has cores
        reads = list(pool.map(read, range(FILES)))
    together = time.monotonic() - started
    codes = tmp_path / "codes.npz"
    whole = run(
        *(
            tool,
            "stage",
            "ingest",
            "--description",
            str(path),
            "--codes",
            str(codes),
            "--card",
            str(tmp_path / "ingest.json"),
        ),
        *("--read", str(tmp_path / "read")),
    )
    print(f"\n{total:.2f} GB in {FILES} files, {entries} entries, {len(BRANCHES)} branches")
    reading = Used(together, sum(r.cpu for r in reads), max(r.gib for r in reads))
    for name, used in (("uproot.iterate", plain), (f"read, {os.cpu_count()} at a time", reading), ("ingest", whole)):
        print(f"{name}: {used.wall:.1f} s, {used.cpu:.1f} s of CPU, at most {used.gib:.2f} GiB")
    print(f"read reaches {100 * plain.wall / together:.0f} % of what one uproot.iterate does")
    print(f"per CPU second {100 * plain.cpu / reading.cpu:.0f} %")
    assert len(load_codes(codes).labels) == entries
    assert max(reading.gib, whole.gib) < MEMORY_GIB
