"""Branches of `vector<pair<...>>`, as uproot gives them: listed as no numbers, and refused in one sentence.

uproot writes no such branch, so that what it returns or raises for one is given in its place.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot
from rootfiles import write_tree

from trigger_lut.data.read import chunks
from trigger_lut.data.scaffold.inspect import sample_tree
from trigger_lut.errors import DataError

PAIRS = ak.Array([[{"first": 1, "second": 0.5}], [], [{"first": 2, "second": 1.5}, {"first": 3, "second": 2.5}]])


def unknown(*_: Any, **__: Any) -> Any:
    raise NotImplementedError("memberwise serialization of AsVector(pair<int,float>)\n    in file a.root")


@pytest.mark.parametrize(
    ("answer", "reason", "refused"),
    [
        (lambda *_, **__: PAIRS, "not numbers", "expected numbers, found"),
        (unknown, "cannot be read: NotImplementedError: memberwise serialization", "memberwise serialization"),
    ],
    ids=["records", "unknown"],
)
def test_pairs_are_refused_in_one_sentence(
    answer: Any, reason: str, refused: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write_tree(tmp_path / "a.root", {"event": np.arange(3), "pairs": np.arange(3.0)})
    array = uproot.TBranch.array

    def pairs_or_array(branch: Any, *args: Any, **keys: Any) -> Any:
        return answer() if branch.name == "pairs" else array(branch, *args, **keys)

    monkeypatch.setattr(uproot.TBranch, "array", pairs_or_array)
    sample = sample_tree([file])
    assert sample.branches["event"].kind == "number"
    assert sample.branches["pairs"].kind == "other"
    assert sample.branches["pairs"].reason.startswith(reason)
    with pytest.raises(DataError) as raised:
        list(chunks(file, "jets", branches={"pairs": "feature"}, size=10))
    assert refused in str(raised.value)
    assert "\n" not in str(raised.value)
