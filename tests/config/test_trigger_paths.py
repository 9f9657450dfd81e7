"""Paths in the `trigger` block: what is refused, and which names they know."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rootfiles import description, write_description

from trigger_lut.config.data_set.load import load_data_set
from trigger_lut.config.data_set.trigger_paths import slot_lists
from trigger_lut.errors import ConfigurationError

TRIGGER = {"signal": ["c"], "input_rate_khz": 100.0}
OBJECTS = {"jet": {"count": 2, "features": [{"name": "pt", "expression": "pt"}]}}


def loaded(folder: Path, paths: list[dict[str, Any]], *, trigger: dict[str, Any] | None = None, **changes: Any) -> Any:
    content = description([folder / "x.root"], trigger={**TRIGGER, "paths": paths, **(trigger or {})}, **changes)
    return load_data_set(write_description(folder / "d.yaml", content))


def mistakes(folder: Path, *args: Any, **keys: Any) -> list[str]:
    with pytest.raises(ConfigurationError) as raised:
        loaded(folder, *args, **keys)
    return [line.strip() for line in str(raised.value).splitlines()[1:]]


def test_paths_know_channels_observables_and_lists_of_objects(tmp_path: Path) -> None:
    one = {"name": "a", "expression": "(sum(jet_pt) > 90) & (x > 1) & (jet_0_pt > vertices) & (score >= threshold)"}
    data_set = loaded(tmp_path, [one], objects=OBJECTS, observables={"vertices": "n"})
    assert data_set.trigger.paths[0].rates_khz is None
    assert slot_lists(["jet_0_pt", "jet_1_pt", "mu_1_pt", "x"]) == {"jet_pt": ["jet_0_pt", "jet_1_pt"]}
    assert slot_lists(["jet_0_pt", "jet_pt"]) == {}, "a channel of this name comes first"


def test_mistakes_of_paths_are_listed_at_once(tmp_path: Path) -> None:
    paths = [
        {"name": "a", "expression": "(masss > 1) & (score >= threshold)"},
        {"name": "a", "expression": "mass > 1"},
    ]
    assert mistakes(tmp_path, paths, trigger={"signal_events": "mass > 1"}) == [
        "trigger.signal_events: only with paths of a data set with rows; elsewhere classes are of events",
        "trigger.paths.1: 'a' occurs twice",
        "trigger.paths.0.expression: 'masss' is no observable, feature or list of objects; nearest: 'mass'",
        "trigger.paths.1.expression: 'score' is missing; write a condition such as score >= threshold",
        "trigger.paths.1.expression: 'threshold' is missing; write a condition such as score >= threshold",
    ]


def test_rows_need_the_rate_of_events(tmp_path: Path) -> None:
    paths = [{"name": "a", "expression": "any(score >= threshold)"}]
    sections = {"input_rate_khz": None, "cross_section_pb": {"a": 1.0, "b": 2.0}, "luminosity_cm2s": 1e34}
    lines = mistakes(tmp_path, paths, trigger=sections, rows="pt")
    assert lines == ["trigger.input_rate_khz: missing; with rows it is the rate of background events that have a row"]
    fractions = {"class_fractions": {"a": 0.5, "b": 0.5}}
    assert "class_fractions: not with trigger.paths and rows; events would lose objects" in mistakes(
        tmp_path, paths, rows="pt", **fractions
    )
