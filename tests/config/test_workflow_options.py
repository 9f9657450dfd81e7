"""Options for Snakemake: unknown keys, misplaced budget files and values of another kind are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from trigger_lut.config.workflow_options import WorkflowOptions, workflow_options
from trigger_lut.errors import ConfigurationError


def test_options_default_and_given() -> None:
    usual = Path("config")
    assert workflow_options({}) == WorkflowOptions(
        usual / "budget.yaml", usual / "targets.yaml", usual / "data_sets", 1, 0, 1
    )
    given = {"budget": "my {1} $b.yaml", "targets": "t", "data_sets": "d", "train_threads": 3, "train_gpus": 2}
    given["check_files"] = 0
    assert workflow_options(given) == WorkflowOptions(Path("my {1} $b.yaml"), Path("t"), Path("d"), 3, 2, 0)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"budgets": "a"}, "unknown key 'budgets'; nearest: 'budget'"),
        ({"train-threads": 2}, "unknown key 'train-threads'; nearest: 'train_threads'"),
        ({"budget": 12}, "budget: expected a path, found 12"),
        ({"targets": True}, "targets: expected a path, found true"),
        ({"data_sets": None}, "data_sets: expected a path, found null"),
        ({"budget": ""}, "budget: expected a path of printable characters, found ''"),
        ({"budget": "a\nb"}, "budget: expected a path of printable characters, found 'a\\nb'"),
        ({"train_threads": "two"}, "train_threads: expected an integer, at least 1, found 'two'"),
        ({"train_threads": 0}, "train_threads: expected an integer, at least 1, found 0"),
        ({"train_threads": 1.5}, "train_threads: expected an integer, at least 1, found 1.5"),
        ({"train_gpus": True}, "train_gpus: expected an integer, at least 0, found true"),
        ({"train_gpus": -1}, "train_gpus: expected an integer, at least 0, found -1"),
    ],
)
def test_options_mistake_is_named(config: dict[str, Any], expected: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        workflow_options(config)
    assert str(caught.value).startswith("--config: ")
    assert expected in str(caught.value)
    assert "found" in expected or "nearest" in expected


def test_options_all_mistakes_at_once() -> None:
    with pytest.raises(ConfigurationError) as caught:
        workflow_options({"a": 1, "budget": 1, "train_gpus": "x"})
    assert len(str(caught.value).splitlines()) == 3


@pytest.mark.parametrize("key", ["designs", "scan", "network"])
def test_options_budget_as_configfile(key: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        workflow_options({key: {"mine": {}}, "seed": 1}, [Path("/x/mine.yaml")])
    assert str(caught.value).startswith("--configfile /x/mine.yaml: this is a budget file, so its designs (")
    assert str(caught.value).endswith("would not be planned. Give it as: --config budget=/x/mine.yaml")
    assert ("results/mine/" in str(caught.value)) == (key == "designs")


def test_options_budget_with_blanks_is_quoted() -> None:
    with pytest.raises(ConfigurationError, match=r"--config budget='/x y/mine\.yaml'$"):
        workflow_options({"designs": {"mine": {}}}, [Path("/x y/mine.yaml")])
