"""All ROOT files of scikit-hep-testdata: read as uproot reads them, or refused in one sentence; none is slow.

Release 0.3.12 holds the files; later ones download them: pip install --no-deps scikit-hep-testdata==0.3.12
"""

from __future__ import annotations

import importlib.util
import time
from pathlib import Path
from typing import Any
from unittest import mock

import awkward as ak
import pytest
import uproot

from trigger_lut.data.read import chunks
from trigger_lut.data.scaffold import write_yaml
from trigger_lut.data.scaffold.inspect import TreeSample, sample_tree
from trigger_lut.errors import TriggerLutError

LONGEST_S = 20.0
MOST_BRANCHES, MOST_OTHERS, ENTRIES = 25, 4, 200


def files() -> list[Path]:
    spec = importlib.util.find_spec("skhep_testdata")
    places = [] if spec is None else spec.submodule_search_locations or []
    return sorted(path for place in places for path in Path(place, "data").glob("*.root"))


def problem(path: Path, folder: Path) -> str:
    """Return what is wrong with how a file is taken; empty where nothing is. Proposal and reading have one limit."""
    began = time.monotonic()
    samples: list[TreeSample] = []

    def noted(*arguments: Any) -> TreeSample:
        samples.append(sample_tree(*arguments))
        return samples[-1]

    try:
        with mock.patch.object(write_yaml, "sample_tree", noted):
            write_yaml.start([str(path)], None, name="mine", output=folder / path.stem / "mine.yaml")
    except TriggerLutError as error:
        if len(str(error)) >= 1500:
            return f"a long message: {len(str(error))} characters"
    if not (folder / path.stem / "mine.yaml").exists():
        seconds = time.monotonic() - began
        return f"refused after {seconds:.0f} s" if seconds > LONGEST_S else ""
    sample = samples[0]
    usable = [name for name, branch in sample.branches.items() if branch.kind != "other"]
    others = [name for name in sample.branches if name not in usable]
    texts = [name for name in usable if sample.branches[name].kind == "text"]
    arrays = values(path, sample.tree, usable[:MOST_BRANCHES], texts)
    for name in others[:MOST_OTHERS]:
        arrays |= values(path, sample.tree, [name], texts)
    if (seconds := time.monotonic() - began) > LONGEST_S:
        return f"{seconds:.0f} s"
    with uproot.open(path) as file:
        tree = file[sample.tree]
        for name in (name for name in arrays if name in tree):
            wanted = tree[name].array(entry_stop=ENTRIES, library="ak")
            if not ak.array_equal(ak.Array(arrays[name]), wanted, equal_nan=True, dtype_exact=False):
                return f"{name}: other values than uproot reads"
    return ""


def values(path: Path, tree: str, names: list[str], texts: list[str]) -> dict[str, Any]:
    """Read branches together, as `ingest` does; where one is refused, half of them, to find which."""
    try:
        return next(chunks(path, tree, branches=dict.fromkeys(names, "feature"), size=ENTRIES, texts=texts))[1]
    except StopIteration:
        return {}
    except TriggerLutError:
        half = len(names) // 2
        return {} if half == 0 else values(path, tree, names[:half], texts) | values(path, tree, names[half:], texts)


@pytest.mark.slow
def test_all_files_are_read_or_refused_in_one_sentence(tmp_path: Path) -> None:
    every = files()
    if not every:
        pytest.skip("scikit-hep-testdata with its files is not installed: see the docstring of this file")
    wrong, written = {}, 0
    for path in every:
        try:
            text = problem(path, tmp_path)
        except Exception as error:  # what a user would see as a traceback
            text = f"{type(error).__name__}: {str(error)[:200]}"
        written += (tmp_path / path.stem / "mine.yaml").exists()
        if text:
            wrong[path.name] = text
    assert wrong == {}
    assert written > len(every) // 4, "the others hold no tree that init can propose from"
