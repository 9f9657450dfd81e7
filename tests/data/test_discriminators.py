"""Given discriminators are read with the observables, and no network reads them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from rootfiles import description, jet_columns, write_description, write_tree

from trigger_lut.data.event_codes import load_codes
from trigger_lut.errors import DataError
from trigger_lut.stages.ingest import run as ingest


def test_discriminators_follow_the_observables(tmp_path: Path) -> None:
    file = write_tree(tmp_path / "a.root", jet_columns(300))
    baselines = {"deep": {"expression": "-x", "signal": "a"}, "mass": "mass"}
    content = description([file], observables={"m": "mass"}, baselines=baselines)
    ingest(
        description=write_description(tmp_path / "toy.yaml", content),
        codes=tmp_path / "codes.npz",
        card=tmp_path / "ingest.json",
    )
    events = load_codes(tmp_path / "codes.npz")
    assert events.observable_names == ("m", "deep", "mass")
    assert "deep" not in events.features
    assert events.observables is not None
    np.testing.assert_array_equal(events.observables[:, 0], events.observables[:, 2])
    content = description([file], baselines={"deep": "1 / (n - n)"})
    with pytest.raises(DataError, match="'deep'"):
        ingest(
            description=write_description(tmp_path / "toy.yaml", content),
            codes=tmp_path / "2.npz",
            card=tmp_path / "2.json",
        )
