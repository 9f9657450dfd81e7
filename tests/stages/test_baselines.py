"""References without quantization: as many events as they may have, and outputs for all of validation and test."""

import dataclasses

import numpy as np
import pytest
from stage_calls import in_order

from trigger_lut.cards.base import read_card
from trigger_lut.cards.stage_cards import ReferenceCard
from trigger_lut.data.event_codes import TEST, TRAIN, VALIDATION, EventCodes, save_codes
from trigger_lut.data.npy import map_arrays
from trigger_lut.evaluation import baselines
from trigger_lut.fixed_point.formats import KIF
from trigger_lut.stages.baselines import run as references


@pytest.fixture
def codes(tmp_path):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 1200)
    held = np.stack([rng.integers(0, 16, 1200), np.clip(rng.normal(8 + 4 * labels, 2), 0, 15)], axis=1).astype(np.int32)
    split = rng.choice([TRAIN, VALIDATION, TEST], 1200, p=[0.6, 0.2, 0.2]).astype(np.uint8)
    formats, names = (KIF(0, 4, 0),) * 2, ("noise", "shifted")
    events = EventCodes(held, labels, split, np.arange(1200, dtype=np.uint64), formats, names, ("a", "b"))
    save_codes(events, tmp_path / "codes.npz")
    return events


@pytest.mark.parametrize("most", [10**6, 100])
def test_events_and_outputs(codes, tmp_path, monkeypatch, most):
    monkeypatch.setattr(baselines, "MAX_EVENTS", most)
    monkeypatch.setattr("trigger_lut.stages.baselines.MAX_EVENTS", most)
    monkeypatch.setattr(baselines, "EPOCHS", 3)
    files = [tmp_path / name for name in ("codes.npz", "reference.npz", "reference.json")]
    in_order(references, files[0], [4, 2], 1, *files[1:])
    card = read_card(ReferenceCard, files[2])
    assert card.events == min(int((codes.split == TRAIN).sum()), most)
    assert card.score_trees > 0.7, "half by chance"
    found = map_arrays(files[1])
    for name, split in (("validation", VALIDATION), ("test", TEST)):
        for method in ("dense", "trees"):
            assert found[f"{method}_{name}"].shape == ((codes.split == split).sum(), 2)


def test_a_channel_that_first_varies_in_the_test_split_does_not_run_away(codes, monkeypatch):
    """As of objects that background does not have: in units of a spread that is zero it would count without end."""
    monkeypatch.setattr(baselines, "EPOCHS", 3)
    held = np.concatenate([codes.codes, np.where(codes.split == TEST, 15, 2)[:, None].astype(np.int32)], axis=1)
    events = dataclasses.replace(codes, codes=held, formats=(KIF(0, 4, 0),) * 3, features=("a", "b", "constant"))
    found, _ = baselines.dense_predictions(events, [4, 2], 1)
    plain, _ = baselines.dense_predictions(
        dataclasses.replace(events, codes=np.where([[True, True, False]], held, 2).astype(np.int32)), [4, 2], 1
    )
    np.testing.assert_array_equal(found[TEST], plain[TEST])
    assert np.abs(found[TEST]).max() < 10
