"""The example of docs/how-to/extend_back_end.md: a toy back end in verification, fuzzer and release."""

import made_cards
import numpy as np
import pytest
from documentation_pages import ROOT, run_python
from keras_twin import keras_twin
from networks import random_codes, random_network

from trigger_lut.errors import FirmwareError
from trigger_lut.firmware.backend import Design
from trigger_lut.firmware.backends import BACKENDS
from trigger_lut.firmware.rtl.project import read_project
from trigger_lut.network.network import Network
from trigger_lut.network.reference_model import evaluate
from trigger_lut.release import forms
from trigger_lut.release.contents import Sources, files_of
from trigger_lut.verification.compare import compare
from trigger_lut.verification.fuzz.implementations import Case, implementations
from trigger_lut.verification.fuzz.random_models import as_drawn

PAGE = ROOT / "docs/how-to/extend_back_end.md"


@pytest.fixture
def toy():
    """Register the back end of the page. The rows and their order are restored afterwards."""
    rows = dict(BACKENDS)
    run_python(PAGE)
    yield BACKENDS["text"]
    BACKENDS.clear()
    BACKENDS.update(rows)


def one_layer() -> Network:
    network = random_network(6)
    return Network(network.inputs, network.layers[:1])


@pytest.fixture
def design():
    network = one_layer()
    return Design(keras_twin(network), network, made_cards.spec())


def test_toy_back_end_is_compared_with_its_control(toy, design, tmp_path):
    for name in ("hls4ml", "vhdl"):  # slow, and tested elsewhere
        del BACKENDS[name]
    for name in ("rtl", "text"):
        BACKENDS[name].write(design, tmp_path)
    result = compare(design, tmp_path, vectors=random_codes(design.network, 500), seed=1)
    (comparison,) = (c for c in result.comparisons if c.name == "text")
    assert comparison.mismatches == 0
    assert comparison.control_mismatches > 0


def test_toy_back_end_is_fuzzed(toy, design):
    case, codes = Case(as_drawn(design.network), design.network, design.spec), random_codes(design.network, 100)
    predict = implementations(case)["text"]
    np.testing.assert_array_equal(predict(codes), evaluate(design.network, codes))


def test_toy_back_end_is_shipped_and_run_by_the_check(toy, design, tmp_path, monkeypatch):
    monkeypatch.setattr("trigger_lut.release.contents._hls", lambda folder: {})
    for name in ("rtl", "text"):
        BACKENDS[name].write(design, tmp_path)
    codes = random_codes(design.network, 50)
    files = files_of(Sources("toy", "0", design.network, tmp_path), codes)
    assert files["text/tables.txt"] == (tmp_path / "text/tables.txt").read_bytes()
    assert read_project(tmp_path / "rtl").top
    outputs = forms.form_of("text")(tmp_path, codes).outputs
    np.testing.assert_array_equal(outputs, evaluate(design.network, codes))


def test_toy_back_end_refuses_other_networks(toy, tmp_path):
    network = random_network(6)
    with pytest.raises(FirmwareError, match="expected one layer of tables"):
        toy.write(Design(None, network, made_cards.spec()), tmp_path)
