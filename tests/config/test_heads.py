"""Heads of a data set: their names, columns and weights, and descriptions that are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rootfiles import write_description

from trigger_lut.config.data_set.heads import CLASSES, TARGETS, Head, heads_of, joined_truth, names_by_kind, placed
from trigger_lut.config.data_set.load import load_data_set
from trigger_lut.config.data_set.model import DataSet
from trigger_lut.errors import ConfigurationError

BOTH: dict[str, Any] = {
    "name": "jets",
    "files": ["jets.root"],
    "tree": "events",
    "event_id": ["event"],
    "label": {"expression": "kind", "classes": ["light", "b"]},
    "regression_targets": [{"name": "pt", "expression": "true_pt"}],
    "features": [{"name": "x"}],
}


def loaded(tmp_path: Path, **changes: Any) -> DataSet:
    content = {key: value for key, value in (BOTH | changes).items() if value is not None}
    return load_data_set(write_description(tmp_path / "d.yaml", content))


def refused(tmp_path: Path, **changes: Any) -> str:
    with pytest.raises(ConfigurationError) as raised:
        loaded(tmp_path, **changes)
    return str(raised.value)


def test_one_kind_is_one_head() -> None:
    assert heads_of(["a", "b"], ()) == (Head("class", CLASSES, ("a", "b")),)
    assert heads_of((), ["x", "y"]) == (Head("targets", TARGETS, ("x", "y")),)
    assert heads_of((), ()) == ()


def test_classes_and_each_target_are_heads_with_their_weights(tmp_path: Path) -> None:
    data_set = loaded(tmp_path, loss_weights={"pt": 0.3})
    assert data_set.heads == (Head("class", CLASSES, ("light", "b"), 1.0), Head("pt", TARGETS, ("pt",), 0.3))
    assert data_set.outputs == ["light", "b", "pt"]
    assert data_set.scored_classes == ["light", "b"]
    assert names_by_kind(data_set.heads) == {CLASSES: ["light", "b"], TARGETS: ["pt"]}
    learned = loaded(tmp_path, loss_weights="uncertainty")
    assert [head.loss_weight for head in learned.heads] == [None, None]
    two = heads_of((), ["x", "y"], loss_weights={"x": 2.0})
    assert [(head.name, head.loss_weight) for head in two] == [("x", 2.0), ("y", 1.0)]


def test_columns_follow_the_order_of_heads() -> None:
    classes, pt = placed(heads_of(["a", "b", "c"], ["pt"]))
    assert (classes.outputs, classes.truth) == (slice(0, 3), slice(0, 1))
    assert (pt.outputs, pt.truth) == (slice(3, 4), slice(1, 2))
    labels, targets = np.array([2, 0]), np.array([[0.5], [-1.0]], np.float32)
    truth = joined_truth(labels, targets, heads=[classes.head, pt.head])
    np.testing.assert_array_equal(classes.truth_of(truth), labels)
    np.testing.assert_array_equal(pt.truth_of(truth), targets)
    np.testing.assert_array_equal(classes.truth_of(labels), labels)


def test_unknown_head_in_loss_weights_is_refused_with_nearest(tmp_path: Path) -> None:
    message = refused(tmp_path, loss_weights={"klass": 1.0, "pt": 0.3})
    assert "loss_weights: no head 'klass'" in message
    assert "Expected some of class, pt" in message


@pytest.mark.parametrize("weights", [{"pt": 0.0}, {"pt": -1.0}, {"pt": float("nan")}, "certainty"])
def test_weights_that_are_not_positive_are_refused(tmp_path: Path, weights: object) -> None:
    assert "loss_weights" in refused(tmp_path, loss_weights=weights)


def test_weights_of_a_single_head_are_refused(tmp_path: Path) -> None:
    assert "loss_weights: expected several heads" in refused(
        tmp_path, regression_targets=None, loss_weights="uncertainty"
    )


@pytest.mark.parametrize("name", ["b", "class"])
def test_a_target_with_the_name_of_a_class_is_refused(tmp_path: Path, name: str) -> None:
    targets = [{"name": name, "expression": "true_pt"}]
    assert f"regression_targets: {name!r} is a class too" in refused(tmp_path, regression_targets=targets)


def test_a_path_can_read_the_target_that_the_network_gives(tmp_path: Path) -> None:
    trigger = {"signal": ["b"], "input_rate_khz": 100}
    path = {"name": "hard", "expression": "(score >= threshold) & (predicted_pt > 30)"}
    assert loaded(tmp_path, trigger=trigger | {"paths": [path]}).trigger is not None
    path = {"name": "hard", "expression": "(score >= threshold) & (predicted_eta > 30)"}
    assert "'predicted_eta' is no observable" in refused(tmp_path, trigger=trigger | {"paths": [path]})
