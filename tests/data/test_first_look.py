"""First look into data files: what a job would refuse after minutes is said at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rootfiles import description, jet_columns, truncated, write_description, write_tree

from trigger_lut.config.data_set.load import load_data_set
from trigger_lut.data.first_look import MOST_SHOWN, first_look


def look(folder: Path, files: list[Path], **changes: Any) -> list[str]:
    data_set = load_data_set(write_description(folder / "toy.yaml", description(files, **changes)))
    return first_look(data_set, data_set.sources())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write_tree(tmp_path / "a.root", jet_columns(3000))


def test_sound_files_pass(file: Path, tmp_path: Path) -> None:
    assert look(tmp_path, [file, write_tree(tmp_path / "b.root", jet_columns(10, first_event=3000))]) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"tree": "jetz"}, "no tree 'jetz'; nearest: 'jets'"),
        ({"features": [{"name": "masss"}]}, "has no branch 'masss' (feature 'masss'); nearest: 'mass'"),
        ({"features": [{"name": "pt"}]}, "feature 'pt'"),
        ({"event_id": ["run"]}, "999 of the first 1000 entries have the event_id (run) of another. Expected branches"),
        ({"event_id": ["x"]}, "event_id: branch 'x' holds float32, expected integers"),
        ({"label": {"expression": "n", "classes": ["a", "b"]}}, "label"),
        ({"cut": "x"}, "cut: 'x' is not one truth value per entry; compare, as in x > 0"),
    ],
)
def test_each_problem_is_named_before_any_job(
    file: Path, tmp_path: Path, changes: dict[str, Any], expected: str
) -> None:
    (problem,) = look(tmp_path, [file], **changes)
    assert str(file) in problem
    assert expected in problem


def test_later_files_are_opened_too(file: Path, tmp_path: Path) -> None:
    other = write_tree(tmp_path / "b.root", {k: v for k, v in jet_columns(30).items() if k != "mass"})
    cut_off = truncated(tmp_path / "c.root", file)
    lacking, damaged = look(tmp_path, [file, other, cut_off])
    assert "b.root: tree 'jets' has no branch 'mass'" in lacking
    assert "c.root: truncated" in damaged
    assert len(look(tmp_path, [file, other, cut_off], on_bad_file="skip")) == 1, "asked for by the description"


def test_files_without_entries_are_refused_together(tmp_path: Path) -> None:
    columns = {k: v for k, v in jet_columns(6).items() if isinstance(v, np.ndarray)}
    empty = write_tree(tmp_path / "a.root", {k: v[:0] for k, v in columns.items()})
    features = [{"name": "x"}]
    assert look(tmp_path, [empty], features=features) == ["data set toy: its files have no entries in tree 'jets'"]
    assert look(tmp_path, [empty, write_tree(tmp_path / "b.root", columns)], features=features) == []


def test_time_and_length_are_bounded(file: Path, tmp_path: Path) -> None:
    bad = [write_tree(tmp_path / f"b{n}.root", {"event": np.arange(3)}) for n in range(MOST_SHOWN + 3)]
    lines = look(tmp_path, bad)
    assert (len(lines), lines[-1]) == (MOST_SHOWN + 1, "and 3 more problems")
    data_set = load_data_set(write_description(tmp_path / "toy.yaml", description(bad)))
    assert len(first_look(data_set, data_set.sources(), longest_s=0)) == 1
