"""Firmware of fixed networks, byte for byte, and models that version 0.1 saved.

A change of the firmware is accepted by hand: the failing test prints the new entry for tests/fixtures/firmware.json.
"""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import version
from pathlib import Path

import keras
import numpy as np
import pytest
from keras_twin import keras_twin
from networks import random_codes, random_graph, random_network

from trigger_lut.config.budget import load_budget, resolve
from trigger_lut.conversion.keras_model import decode_outputs, integer_network
from trigger_lut.conversion.saved_model import load_model
from trigger_lut.firmware.emulator.files import emulator_files
from trigger_lut.firmware.hls.project import write_hls
from trigger_lut.firmware.rtl.build import write_rtl
from trigger_lut.network.reference_model import evaluate
from trigger_lut.release.contents import _hls

ROOT = Path(__file__).parents[1]
FIXTURES = ROOT / "tests/fixtures"
GENERATORS = ("alkaid", "hls4ml", "keras", "numpy")


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def folder_digest(files: dict[str, bytes]) -> str:
    return digest("".join(f"{digest(content)} {name}\n" for name, content in sorted(files.items())).encode())


@pytest.fixture(scope="module")
def spec():
    budget, target = load_budget(ROOT / "config/budget.yaml", ROOT / "config/targets.yaml")
    return resolve(budget, target, design=next(iter(budget.designs)))


def written(network, spec, folder: Path) -> dict[str, str]:
    """Digests of the sources that every generator writes for a network."""
    rtl = write_rtl(network, folder / "rtl", spec=spec)
    digests = {
        "verilog": folder_digest({path.name: path.read_bytes() for path in rtl.files}),
        "vhdl": folder_digest({path.name: path.read_bytes() for path in rtl.vhdl}),
        "emulators": folder_digest(
            {n: t.encode() for n, t in emulator_files(network, spec.design, version="0").items()}
        ),
    }
    if len(network.layers) == len([layer for layer in network.layers if hasattr(layer, "widths")]):
        keras.backend.clear_session()  # names of layers are counted from 1 on, as in a new process
        write_hls(keras_twin(network), network, folder=folder / "hls", spec=spec)
        digests["hls"] = folder_digest(_hls(folder / "hls"))
    return digests


@pytest.mark.parametrize(("name", "network"), [("dense", random_network(6)), ("graph", random_graph(2))])
def test_the_firmware_of_a_network_is_the_same_byte_for_byte(name, network, spec, tmp_path):
    golden = json.loads((FIXTURES / "firmware.json").read_text())
    versions = {package: version(package) for package in GENERATORS}
    if golden["versions"] != versions:
        pytest.skip(f"recorded with {golden['versions']}, installed: {versions}")
    again = written(network, spec, tmp_path / "elsewhere")
    assert written(network, spec, tmp_path) == again, "the folder has no influence"
    assert again == golden["networks"].get(name), json.dumps(again, indent=2)


@pytest.mark.parametrize("name", ["particles", "convolutions"])
def test_model_of_version_0_1_loads_and_predicts_its_integers(name):
    model = load_model(FIXTURES / f"models_0_1/{name}.keras")
    network = integer_network(model)
    codes = random_codes(network, 200)
    values = codes * 2.0 ** -np.array([kif.f for kif in network.inputs], dtype=float)
    predicted = model.predict(values.reshape(-1, *model.input_shape[1:]).astype("f"), verbose=0)
    outputs = evaluate(network, codes)
    np.testing.assert_array_equal(predicted, decode_outputs(outputs, network))
    assert len(np.unique(outputs)) > 10, "the outputs depend on the inputs"
