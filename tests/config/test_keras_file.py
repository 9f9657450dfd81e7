"""Description of a saved model, read without Keras."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from trigger_lut.config.keras_file import mistakes

DATA = Path(__file__).parents[1] / "fixtures" / "hgq2"


def test_a_saved_model_of_as_many_inputs_is_fine():
    assert mistakes(DATA / "0.1.0_dense.keras", 6) == []
    assert mistakes(DATA / "0.1.6_conv_t.keras", 16) == []  # 8 places of 2 channels


def test_another_number_of_features_is_named():
    (mistake,) = mistakes(DATA / "0.1.6_conv_t.keras", 5)
    assert mistake.endswith("takes 16 values (inputs of shape [[8, 2]]), the data set has 5 features")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 damaged", b"\x89HDF\r\n\x1a\n"])
def test_what_is_no_file_of_keras_is_named(tmp_path, content):
    (tmp_path / "model.keras").write_bytes(content)
    (mistake,) = mistakes(tmp_path / "model.keras", 3)
    assert "expected a file that model.save('name.keras') or model.save('name.h5') wrote" in mistake


def test_a_zip_of_something_else_is_named(tmp_path):
    with zipfile.ZipFile(tmp_path / "model.keras", "w") as archive:
        archive.writestr("other.json", "{}")
    assert "config.json" in mistakes(tmp_path / "model.keras", 3)[0]
    assert mistakes(tmp_path / "none.keras", 3) == [f"no file {tmp_path / 'none.keras'}"]


def test_shapes_that_are_open_are_left_to_keras(tmp_path):
    layer = {"class_name": "InputLayer", "config": {"batch_shape": [None, None, 2]}}
    with zipfile.ZipFile(tmp_path / "model.keras", "w") as archive:
        archive.writestr("config.json", json.dumps({"config": {"layers": [layer]}}))
    assert mistakes(tmp_path / "model.keras", 3) == []
