"""The teacher: an autoencoder of background finds what is not like it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from trigger_lut.cards.base import read_card
from trigger_lut.cards.stage_cards import TeacherCard
from trigger_lut.config.data_set.anomaly import Teacher
from trigger_lut.data.event_codes import TEST, TRAIN, EventCodes, load_codes, save_codes
from trigger_lut.errors import ConfigurationError
from trigger_lut.fixed_point.formats import KIF
from trigger_lut.stages import anomaly_score
from trigger_lut.stages.anomaly_score import run as teach
from trigger_lut.stages.anomaly_score import units_of
from trigger_lut.utils.files import sha256


@pytest.fixture(scope="module")
def encoded(tmp_path_factory) -> Path:
    """Background in a plane of six dimensions, one channel that never varies; signal off the plane, or like it."""
    rng = np.random.default_rng(1)
    count = 6000
    kind = rng.choice(4, count, p=[0.4, 0.4, 0.1, 0.1])
    plane = rng.normal(size=(2, 6))
    x = rng.normal(size=(count, 2)) @ plane + 0.1 * rng.normal(size=(count, 6))
    x[kind == 2] = 2.0 * rng.normal(size=((kind == 2).sum(), 6))
    codes = np.concatenate([np.clip(np.floor(x * 8), -64, 63), np.full((count, 1), 3)], axis=1)
    split = rng.integers(0, 3, count)
    split[kind >= 2] = TEST
    events = EventCodes(
        codes=codes.astype(np.int32),
        labels=kind.astype(np.int64),
        split=split.astype(np.uint8),
        event_id=np.arange(count, dtype=np.uint64),
        formats=(KIF(1, 3, 3),) * 7,
        features=tuple("abcdefg"),
        classes=("soft", "hard", "new", "same"),
    )
    path = tmp_path_factory.mktemp("teacher") / "encoded.npz"
    save_codes(events, path)
    return path


def taught(encoded: Path, folder: Path, **changes) -> tuple[EventCodes, TeacherCard]:
    settings = Teacher(units=[16, 2], **changes)
    teach(
        encoded=encoded,
        background=["soft", "hard"],
        teacher=settings,
        codes=folder / "codes.npz",
        card=folder / "teacher.json",
    )
    return load_codes(folder / "codes.npz"), read_card(TeacherCard, folder / "teacher.json")


def test_what_is_off_the_plane_has_a_high_score(encoded, tmp_path, monkeypatch):
    monkeypatch.setattr(anomaly_score, "EPOCHS", 40)
    events, card = taught(encoded, tmp_path)
    before = load_codes(encoded)
    assert card.auc["new"] > 0.97
    assert card.channels == list("abcdefg")
    assert abs(card.auc["same"] - 0.5) < 0.06, "control: signal that is like background"
    assert card.loss_validation[-1] < 0.3 * card.loss_validation[0]
    np.testing.assert_array_equal(events.codes, before.codes)
    np.testing.assert_array_equal(events.split, before.split)
    training = events.split == TRAIN
    assert abs(events.targets[training].mean()) < 1e-5
    assert 0.7 < events.targets[training].std() < 1.5
    assert events.weights[training].mean() == pytest.approx(1, rel=1e-4)
    assert {name: sum(c) for name, c in card.counts.items()} == {
        name: int(((before.labels == k) & (before.split == TEST)).sum()) for k, name in enumerate(before.classes)
    }


def test_a_teacher_that_could_copy_its_channels_is_refused():
    names = list("abcd")
    assert units_of(Teacher(), names) == [32, 2]
    assert units_of(Teacher(), [f"x{n}" for n in range(40)]) == [32, 6]
    assert units_of(Teacher(units=[16, 3]), names) == [16, 3]
    with pytest.raises(ConfigurationError, match=r"fewer units than the 4 channels, found \[16, 4\]"):
        units_of(Teacher(units=[16, 4]), names)
    with pytest.raises(ConfigurationError, match="at least two channels, found 1"):
        units_of(Teacher(channels=["a"]), names)


def test_the_same_seed_gives_the_same_bytes(encoded, tmp_path, monkeypatch):
    monkeypatch.setattr(anomaly_score, "EPOCHS", 3)
    digests = []
    for n, seed in enumerate((1, 1, 2)):
        (tmp_path / str(n)).mkdir()
        taught(encoded, tmp_path / str(n), seed=seed)
        digests.append(sha256(tmp_path / str(n) / "codes.npz"))
    assert digests[0] == digests[1] != digests[2]


def test_no_weights_where_none_are_wanted(encoded, tmp_path, monkeypatch):
    monkeypatch.setattr(anomaly_score, "EPOCHS", 1)
    assert taught(encoded, tmp_path, flatten=1)[0].weights is None
