"""Values that the Snakefile gets: lines, files with other content, outputs of stages."""

from __future__ import annotations

import json
import os
from pathlib import Path

import made_cards
import pytest

from trigger_lut.cards.base import write_card
from trigger_lut.config.data_set.load import load_data_set
from trigger_lut.errors import ConfigurationError
from trigger_lut.plan import flat_parameters, is_stale, load_plan, simulation_of, stage_errors

ROOT = Path(__file__).parents[1]


@pytest.fixture
def plan(monkeypatch):
    """The plan of the shipped configuration."""
    monkeypatch.chdir(ROOT)
    return load_plan(Path("config/budget.yaml"), Path("config/targets.yaml"), data_sets=Path("config/data_sets"))


def test_the_shipped_plan(plan):
    assert list(plan.specs) == list(plan.budget.designs) == ["small", "medium", "large"]
    assert plan.files == [Path("config/data_sets/jets.root")]
    assert not plan.simulated
    assert all(spec.network.units[-1] == 5 for spec in plan.specs.values())


def test_settings_are_one_line_a_value():
    lines = flat_parameters({"a": 1, "b": {"c": [1, 2], "d": None}, "e": {}})
    assert lines == ["a=1", "b.c=[1, 2]", "b.d=null", "e={}"]
    one, other = flat_parameters(made_cards.spec(luts=1000)), flat_parameters(made_cards.spec(luts=1001))
    assert set(one) ^ set(other) == {"budget.luts=1000", "budget.luts=1001"}


def test_simulation_is_a_part_of_the_description(plan):
    simulated = load_data_set(ROOT / "config/data_sets/jets_simulated.yaml")
    assert json.loads(json.dumps(simulation_of(simulated)))["simulate"]["jets"] == simulated.simulate.jets == 90_000
    with pytest.raises(
        ConfigurationError, match=r"^data set jets: simulate: missing. Expected a data set that is simulated"
    ):
        simulation_of(plan.data_set)


def test_a_resolved_file_with_other_content_is_found(tmp_path):
    path = tmp_path / "spec.json"
    assert not is_stale(path, made_cards.spec())
    write_card(made_cards.spec(), path)
    assert not is_stale(path, made_cards.spec())
    assert is_stale(path, made_cards.spec(luts=1001))
    path.write_text("{")
    assert is_stale(path, made_cards.spec())


def test_stage_errors_are_those_of_this_run(tmp_path):
    (tmp_path / "small").mkdir()
    old, new, fine = tmp_path / "old.log", tmp_path / "small/new.log", tmp_path / "fine.log"
    old.write_text("trigger-lut: error: long ago\n")
    os.utime(old, (1000, 1000))
    new.write_text("epoch 1\ntrigger-lut: error: 2 mistakes\n  a\n  b\n")
    fine.write_text("epoch 1\n")
    assert stage_errors(tmp_path, 2000) == [f"{new}: error: 2 mistakes\n  a\n  b"]
    assert stage_errors(tmp_path / "none", 0) == []
