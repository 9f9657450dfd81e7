"""All ROOT files of scikit-hep-testdata: read as uproot reads them, or refused in one sentence; none is slow.

Release 0.3.12 holds the files; later ones download them: pip install --no-deps scikit-hep-testdata==0.3.12
"""

from __future__ import annotations

import importlib.util
import time
from pathlib import Path

import awkward as ak
import pytest
import uproot

from trigger_lut.data.read import chunks
from trigger_lut.data.scaffold.inspect import sample_tree
from trigger_lut.data.scaffold.write_yaml import start
from trigger_lut.errors import TriggerLutError

LONGEST_S = 20.0
MOST_BRANCHES, ENTRIES = 25, 200


def files() -> list[Path]:
    found = importlib.util.find_spec("skhep_testdata")
    places = [] if found is None else found.submodule_search_locations or []
    return sorted(path for place in places for path in Path(place, "data").glob("*.root"))


def problem(path: Path, folder: Path) -> str:
    """Return what is wrong with how a file is taken; empty where nothing is."""
    try:
        start([str(path)], None, name="mine", output=folder / path.stem / "mine.yaml")
        sample = sample_tree([path])
    except TriggerLutError as error:
        return "" if len(str(error)) < 1500 else f"a long message: {len(str(error))} characters"
    with uproot.open(path) as file:
        tree = file[sample.tree]
        for name in list(sample.branches)[:MOST_BRANCHES]:
            try:
                _, found = next(chunks(path, sample.tree, branches={name: "feature"}, size=ENTRIES))
            except (TriggerLutError, StopIteration):
                continue
            if name in tree:
                wanted = tree[name].array(entry_stop=ENTRIES, library="ak")
                if not ak.array_equal(ak.Array(found[name]), wanted, equal_nan=True, dtype_exact=False):
                    return f"{name}: other values than uproot reads"
    return ""


@pytest.mark.slow
def test_all_files_are_read_or_refused_in_one_sentence(tmp_path: Path) -> None:
    every = files()
    if not every:
        pytest.skip("scikit-hep-testdata with its files is not installed: see the docstring of this file")
    wrong, written = {}, 0
    for path in every:
        began = time.monotonic()
        try:
            said = problem(path, tmp_path)
        except Exception as error:  # what a user would see as a traceback
            said = f"{type(error).__name__}: {str(error)[:200]}"
        written += (tmp_path / path.stem / "mine.yaml").exists()
        seconds = time.monotonic() - began
        if said or seconds > LONGEST_S:
            wrong[path.name] = said or f"{seconds:.0f} s"
    assert wrong == {}
    assert written > len(every) // 4, "the others hold no tree that init can propose from"
