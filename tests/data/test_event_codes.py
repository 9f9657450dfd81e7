"""The file of codes: the same events give the same bytes, and no damaged file is taken."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from trigger_lut.config.data_set.heads import heads_of
from trigger_lut.data.event_codes import TEST, TRAIN, VALIDATION, EventCodes, load_codes, save_codes
from trigger_lut.errors import CardError
from trigger_lut.fixed_point.formats import KIF


@pytest.fixture
def events() -> EventCodes:
    return EventCodes(
        codes=np.array([[0, -4], [7, 3], [1, 1], [2, 2]], np.int32),
        labels=np.array([0, 1, 1, 0]),
        split=np.array([TRAIN, VALIDATION, TEST, TRAIN], np.uint8),
        event_id=np.array([1, 2, 3, 2**64 - 1], np.uint64),
        formats=(KIF(0, 3, 0), KIF(1, 1, 1)),
        features=("x", "y"),
        classes=("a", "b"),
    )


def test_what_is_saved_is_loaded(events: EventCodes, tmp_path: Path) -> None:
    save_codes(events, tmp_path / "codes.npz")
    loaded = load_codes(tmp_path / "codes.npz")
    for field in dataclasses.fields(events):
        np.testing.assert_array_equal(getattr(loaded, field.name), getattr(events, field.name))
    assert loaded.formats == events.formats
    assert loaded.codes.dtype == np.int32
    assert loaded.event_id.dtype == np.uint64
    codes, labels = loaded.of(TRAIN)
    assert codes.tolist() == [[0, -4], [2, 2]]
    assert labels.tolist() == [0, 0]


def test_the_same_events_give_the_same_bytes(events: EventCodes, tmp_path: Path) -> None:
    save_codes(events, tmp_path / "a.npz")
    save_codes(events, tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    save_codes(dataclasses.replace(events, classes=("a", "c")), tmp_path / "c.npz")
    assert (tmp_path / "a.npz").read_bytes() != (tmp_path / "c.npz").read_bytes()


def test_heads_are_kept_where_there_are_several(events: EventCodes, tmp_path: Path) -> None:
    heads = heads_of(events.classes, ["pt"], loss_weights={"pt": 0.3})
    both = dataclasses.replace(
        events,
        classes=(*events.classes, "pt"),
        targets=np.ones((len(events.codes), 1), np.float32),
        scales=(16.0,),
        units=("GeV",),
        several_heads=heads,
    )
    save_codes(both, tmp_path / "codes.npz")
    loaded = load_codes(tmp_path / "codes.npz")
    assert loaded.heads == heads
    assert loaded.label_names == events.classes
    assert (loaded.output_scales[-1], loaded.output_units[0]) == (16.0, "")
    assert loaded.truth(TRAIN).shape == (len(events.labels_of(TRAIN)), 2)
    wrong = dataclasses.replace(both, several_heads=heads_of(events.classes, ["eta"]))
    assert any(line.startswith("heads:") for line in wrong.problems())


def test_saving_inconsistent_events_leaves_the_earlier_file(events: EventCodes, tmp_path: Path) -> None:
    path = tmp_path / "codes.npz"
    save_codes(events, path)
    before = path.read_bytes()
    with pytest.raises(AssertionError, match="do not fit"):
        save_codes(dataclasses.replace(events, codes=events.codes + 10), path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["codes.npz"]


def test_missing_truncated_and_foreign_files_are_refused(events: EventCodes, tmp_path: Path) -> None:
    path = tmp_path / "codes.npz"
    with pytest.raises(CardError, match=r"codes\.npz: no such file of codes\."):
        load_codes(path)
    save_codes(events, path)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(CardError, match=r"codes\.npz: not a file of codes"):
        load_codes(path)
    np.savez(path, x=np.zeros(2))
    with pytest.raises(CardError, match=r"codes\.npz: not a file of codes"):
        load_codes(path)


def test_another_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "codes.npz"
    np.savez(path, meta=np.array(json.dumps({"schema_version": 9})))
    with pytest.raises(CardError, match=r"codes\.npz: .* Expected schema_version 3, found 9\."):
        load_codes(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"codes": np.array([[8, 0]] * 4, np.int32)}, r"feature x: codes 8\.\.8 do not fit ufixed<3,3> \(0\.\.7\)"),
        ({"codes": np.zeros((4, 2))}, r"codes: expected int32 of shape \(4, 2\), found float64 \(4, 2\)"),
        ({"labels": np.array([0, 1, 2, 0])}, r"labels 0\.\.2 of 2 classes"),
        ({"split": np.array([0, 1, 2, 3], np.uint8)}, r"split 3, expected 0\.\.2"),
        ({"features": ("x",)}, "2 columns of codes, 2 formats, 1 features"),
        ({"event_id": np.zeros(3, np.uint64)}, r"event_id: expected uint64 of shape \(4,\), found uint64 \(3,\)"),
    ],
)
def test_inconsistent_codes_are_refused(
    events: EventCodes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict, message: str
) -> None:
    path = tmp_path / "codes.npz"
    with monkeypatch.context() as patch:
        patch.setattr(EventCodes, "problems", lambda self: [])
        save_codes(dataclasses.replace(events, **change), path)
    with pytest.raises(CardError, match="codes.npz: inconsistent codes: " + message):
        load_codes(path)


def test_reading_codes_and_descriptions_needs_no_root_reader() -> None:
    program = (
        "import sys, trigger_lut.data.event_codes, trigger_lut.config.data_set.model;"
        "print([m for m in ('uproot', 'awkward', 'tensorflow', 'sklearn', 'matplotlib') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"
