"""Warnings of ingest about channels, each with data that deserve none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from rootfiles import write_tree

from trigger_lut.cards.base import read_card
from trigger_lut.cards.stage_cards import IngestCard
from trigger_lut.errors import DataError
from trigger_lut.stages.ingest import run as ingest

COUNT = 600
RNG = np.random.default_rng(1)
LABEL = RNG.integers(0, 2, COUNT)
SOUND = RNG.normal(size=COUNT) + LABEL


def warnings(folder: Path, values: Any, **feature: Any) -> list[str]:
    write_tree(folder / "a.root", {"x": np.asarray(values), "sound": SOUND, "label": LABEL}, "t")
    content = {
        "name": "d",
        "files": [str(folder / "a.root")],
        "tree": "t",
        "event_id": "entry",
        "label": {"expression": "label", "classes": ["a", "b"]},
        "features": [{"name": "sound"}, {"name": "x", "nonfinite": {"replace": 0}, **feature}],
    }
    (folder / "d.yaml").write_text(yaml.safe_dump(content))
    ingest(description=folder / "d.yaml", codes=folder / "codes.npz", card=folder / "card.json")
    return read_card(IngestCard, folder / "card.json").warnings


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.full(COUNT, np.nan), ["channel 'x': no value is finite"]),
        (np.full(COUNT, 3), ["channel 'x': always 3. Remove it"]),
        (SOUND, ["channel 'x': a copy of 'sound'. Remove one of them"]),
        (np.where(np.arange(COUNT) == 7, -999e3, RNG.normal(size=COUNT)), ["channel 'x': reaches -999000 to"]),
        (np.where(np.arange(COUNT) == np.argmax(SOUND), 1e9, RNG.random(COUNT)), ["channel 'x': reaches "]),
        (
            LABEL + 0.01 * RNG.normal(size=COUNT),
            ["channel 'x': gives the class alone"],
        ),
        (LABEL == 0, ["channel 'x': gives the class alone, with a balanced accuracy of 1.000"]),
        (RNG.normal(size=COUNT) + LABEL, []),
        (RNG.integers(0, 2, COUNT), []),
        (np.where(np.arange(COUNT) < 9, np.nan, SOUND), []),
    ],
)
def test_channel_warnings_of_values(
    tmp_path: Path, values: Any, expected: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    lines = warnings(tmp_path, values)
    assert len(lines) == len(expected)
    for line, wanted in zip(lines, expected, strict=True):
        assert line.startswith(wanted)
        assert f"ingest: warning: {line}" in caplog.text


def test_huge_values_are_refused_with_a_hint(tmp_path: Path) -> None:
    expected = r"feature 'x': expected steps of 2\*\*33 at most, found 2\*\*3[678] .* Scale it in its expression"
    with pytest.raises(DataError, match=expected):
        warnings(tmp_path, RNG.normal(size=COUNT) * 1e13)
    assert warnings(tmp_path, RNG.normal(size=COUNT) * 1e13, width=16) == [], "more bits have finer steps"
    assert warnings(tmp_path, RNG.normal(size=COUNT) * 1e13, expression="x / 1e13") == []
    assert warnings(tmp_path, RNG.normal(size=COUNT) * 2.0**36) == []
