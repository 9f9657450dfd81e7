"""`trigger-lut init` on files with numbers to be found: targets, the cut on entries without one, and no target else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
from rootfiles import write_tree

from trigger_lut.cards.base import read_card
from trigger_lut.cards.stage_cards import IngestCard
from trigger_lut.config.data_set.load import load_data_set
from trigger_lut.config.data_set.model import DataSet
from trigger_lut.data.scaffold.features import propose
from trigger_lut.data.scaffold.inspect import Branch, sample_tree
from trigger_lut.data.scaffold.targets import propose_targets
from trigger_lut.data.scaffold.write_yaml import start
from trigger_lut.stages.ingest import run as ingest

COUNT = 600


def gun(**more: Any) -> dict[str, Any]:
    """Jets with a generated momentum next to a measured one; a fifth has none, of which some are NaN."""
    rng = np.random.default_rng(3)
    generated = (rng.exponential(30, COUNT) + 5).astype(np.float32)
    matched = np.where(np.arange(COUNT) % 5 == 0, np.float32(-1), generated)
    matched[:COUNT:50] = np.nan
    return {
        "event": np.arange(COUNT),
        "pt": (generated * rng.normal(0.8, 0.1, COUNT)).astype(np.float32),
        "eta": rng.normal(0, 1.5, COUNT).astype(np.float32),
        "gen_pt": matched,
        "gen_eta": rng.normal(0, 1.5, COUNT).astype(np.float32),
        "gen_pdgId": rng.choice([1, 2, 21], COUNT),
        **more,
    }


def described(tmp_path: Path, columns: dict[str, Any]) -> tuple[DataSet, str, str]:
    output = tmp_path / "mine.yaml"
    messages = start([str(write_tree(tmp_path / "gun.root", columns))], None, name=None, output=output)
    return load_data_set(output), output.read_text(), messages


def test_generated_momentum_with_a_measured_one_is_the_target(tmp_path: Path) -> None:
    data_set, text, messages = described(tmp_path, gun())
    assert [(target.name, target.expression) for target in data_set.regression_targets] == [("gen_pt", "gen_pt")]
    assert data_set.label is None
    assert data_set.cut == "gen_pt > 0"
    assert [feature.name for feature in data_set.features] == ["pt", "eta"]
    assert "# label: none, so a regression is proposed, of gen_pt next to pt" in text
    assert "# - {name: gen_eta, expression: gen_eta}" in text
    assert "number of targets" in text
    assert "regression_targets: gen_pt (" in messages
    ingest(description=tmp_path / "mine.yaml", codes=tmp_path / "codes.npz", card=tmp_path / "ingest.json")
    card = read_card(IngestCard, tmp_path / "ingest.json")
    assert sum(sum(split.values()) for split in card.class_counts.values()) == int((gun()["gen_pt"] > 0).sum())
    assert [target.name for target in card.targets] == ["gen_pt"]


def test_a_label_goes_before_targets(tmp_path: Path) -> None:
    data_set, text, _ = described(tmp_path, gun(label=np.arange(COUNT) % 2))
    assert data_set.regression_targets is None
    assert data_set.label.expression == "label"
    assert "so a regression is proposed" not in text


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"jet_gen_pt": "f", "jet_pt": "f"}, ["jet_gen_pt"]),
        ({"jet_genpt": "f", "jet_pt": "f", "jet_eta": "f"}, ["jet_genpt"]),
        ({"trueE": "f", "cells": "f"}, ["trueE"]),  # no partner is needed for a momentum
        ({"target": "f", "x": "f"}, ["target"]),
        ({"gen_met": "f", "met": "f"}, ["gen_met"]),
        ({"gen_eta": "f", "eta": "f"}, []),  # an angle alone may be anything
        ({"gen_pt": "i", "pt": "f"}, []),  # integers may be classes
        ({"genWeight": "f", "pt": "f"}, []),
        ({"x": "f", "pt": "f"}, []),
    ],
)
def test_target_by_names_and_values(columns: dict[str, str], expected: list[str]) -> None:
    rng = np.random.default_rng(0)
    values = {"f": rng.exponential(20, 200), "i": rng.integers(0, 90, 200)}
    proposed = propose_targets({name: Branch(name, "number", kind, values[kind]) for name, kind in columns.items()})
    assert [target.name for target in proposed.targets if target.used] == expected


def test_flags_that_may_be_labels_are_no_inputs(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    columns = {"event": np.arange(200), "is_hh": np.arange(200) % 2, "pt": rng.exponential(30, 200)}
    proposal = propose(sample_tree([write_tree(tmp_path / "a.root", columns)]))
    assert {feature.name: feature.used for feature in proposal.features} == {"is_hh": False, "pt": True}
    assert "may be a label" in proposal.features[0].comment
    proposal = propose(sample_tree([write_tree(tmp_path / "b.root", {**columns, "label": np.arange(200) % 2})]))
    assert [feature.name for feature in proposal.used] == ["is_hh", "pt"], "a flag may be an input if there is a label"


def test_targets_of_objects_are_mentioned_with_rows(tmp_path: Path) -> None:
    counts = np.arange(200) % 4
    rng = np.random.default_rng(1)
    lists = {name: ak.unflatten(rng.exponential(30, counts.sum()), counts) for name in ("Jet_pt", "Jet_genPt")}
    file = write_tree(tmp_path / "a.root", {"event": np.arange(200), **lists})
    note = propose(sample_tree([file])).notes["label"]
    assert "for a regression of each Jet, write rows: Jet and the target Jet_genPt next to Jet_pt" in note
