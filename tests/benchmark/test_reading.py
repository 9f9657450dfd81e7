"""Reading against plain `uproot.iterate` on the same branches, in one run: `pytest -m benchmark -s`.

Chunks of 20,000 entries (the default of a data set) do not end where the baskets of 50,000 do. In
addition to uproot's own work there is one reader per branch, so that a fault names its branch, and each array is
checked.
"""

from pathlib import Path

import awkward as ak
import numpy as np
import pytest
from benchmark.timing import Way, in_turn

pytestmark = pytest.mark.benchmark

ENTRIES, BASKET, CHUNK, ROUNDS = 400_000, 50_000, 20_000, 7
NUMBERS = [f"f{n}" for n in range(16)]
BRANCHES = dict.fromkeys([*NUMBERS, "event", "pt"], "benchmark")


def write(path: Path) -> Path:
    import uproot

    rng = np.random.default_rng(0)
    with uproot.recreate(path) as file:
        tree = file.mktree("t", {**dict.fromkeys(NUMBERS, "float32"), "event": "int64", "pt": "var * float32"})
        for start in range(0, ENTRIES, BASKET):
            lengths = rng.integers(0, 8, BASKET)
            numbers = {name: rng.normal(size=BASKET).astype(np.float32) for name in NUMBERS}
            pt = ak.unflatten(rng.exponential(30, lengths.sum()).astype(np.float32), lengths)
            tree.extend({**numbers, "event": np.arange(start, start + BASKET), "pt": pt})
    return path


def test_reading_takes_little_longer_than_uproot_alone(tmp_path: Path) -> None:
    import uproot

    from trigger_lut.data.read import chunks

    path = write(tmp_path / "many.root")

    def ours() -> int:
        return sum(len(arrays["event"]) for _, arrays in chunks(path, "t", branches=BRANCHES, size=CHUNK))

    def plain() -> int:
        return sum(map(len, uproot.iterate({path: "t"}, list(BRANCHES), step_size=CHUNK, library="ak")))

    assert ours() == plain() == ENTRIES
    ways = [Way("chunks", ours), Way("uproot.iterate", plain)]
    in_turn(ways, ROUNDS)
    for way in ways:
        print(f"\n{way.name}: {1e9 * way.cpu / ENTRIES:.0f} ns of CPU an entry")
    ratio = ways[0].cpu / ways[1].cpu
    print(f"chunks take {ratio:.2f} times the CPU time of uproot.iterate")
    assert ratio < 2
