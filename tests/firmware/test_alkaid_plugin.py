"""`alkaid convert` on saved models with layers of tables: its logic against the integer reference, 0 differences."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import keras
import networks
import numpy as np
import pytest
from alkaid.converter import _plugin_loader, trace_model
from alkaid.converter.builtin.keras.layers._base import _registry
from alkaid.trace import trace
from alkaid.types import CombLogic
from converted import arithmetic_first, conv1d, conv2d, seq
from hgq.config import QuantizerConfigScope
from hgq.layers import QDense, QSum
from keras_twin import keras_twin

from trigger_lut.conversion.keras_model import integer_network
from trigger_lut.errors import FirmwareError
from trigger_lut.firmware.alkaid import plugin as alkaid_plugin
from trigger_lut.fixed_point.formats import KIF
from trigger_lut.layers import LUTConv1D, LUTConv2D, LUTDense
from trigger_lut.network.reference_model import evaluate

FORMAT = "fixed<5,2>"
ROOT = Path(__file__).parents[2]


def per_position_widths():
    first = LUTDense(4, input_format=["fixed<5,2>", "ufixed<4,1>"], batch_norm=True, per_position_widths=True)
    return seq((3, 2), first, keras.layers.Flatten(), LUTDense(3))


def hybrid():
    x = keras.Input((4, 3))
    h = QSum(axes=1, scale=2.0**-2)(LUTDense(3, input_format=FORMAT)(x))
    return keras.Model(x, LUTDense(3)(QDense(6, activation="relu")(h)))


def selection():
    h = keras.Input((7, 2))
    return keras.Model(h, LUTDense(3)(keras.layers.GlobalMaxPooling1D()(LUTConv1D(3, 2, input_format=FORMAT)(h))))


MODELS = [(conv1d, None), (conv2d, None), (per_position_widths, None), (hybrid, None), (arithmetic_first, KIF(1, 2, 3))]
MODELS += [(selection, None), (conv1d, KIF(1, 4, 6)), (conv2d, KIF(1, 4, 6))]  # wider than the layers': saturated


def trained(make, seed=0):
    """A model with scattered widths and biases, as if trained."""
    keras.utils.set_random_seed(seed)
    with QuantizerConfigScope(place="datalane", overflow_mode="SAT"):
        model = make()
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        if hasattr(layer, "output_fraction"):
            layer.input_width.assign(rng.uniform(0, 6, layer.input_width.shape))
            layer.output_fraction.assign(rng.uniform(0, 5, layer.output_fraction.shape))
            layer.w2.assign(layer.w2 * 4)
        if getattr(layer, "bias", None) is not None:
            layer.bias.assign(rng.normal(size=layer.bias.shape))
    return model


@pytest.fixture
def plugin(monkeypatch):
    """alkaid finds the plug-in that pyproject.toml declares, whatever is installed; as in a fresh process."""
    for kind in (LUTDense, LUTConv1D, LUTConv2D):
        monkeypatch.delitem(_registry, kind, raising=False)
    monkeypatch.delitem(sys.modules, "trigger_lut.firmware.alkaid.layers", raising=False)
    monkeypatch.setattr(_plugin_loader, "_LOADED", {("keras", "keras")})
    entry = type("Entry", (), {"group": "alkaid_keras", "value": "", "load": lambda self: alkaid_plugin.register})()
    hgq = {key: e for key, e in _plugin_loader.get_plugins().items() if key[0] == "hgq"}
    plugins = {("trigger_lut", "keras"): entry, **hgq}
    monkeypatch.setattr(_plugin_loader, "get_plugins", lambda: plugins)
    return plugins


def logic(model, given=None):
    return trace(*trace_model(model, inputs_kif=None if given is None else tuple(given)))


def mismatches(comb, network, codes):
    values = codes * 2.0 ** -np.array([float(kif.f) for kif in network.inputs])
    outputs = comb.predict(values).reshape(len(codes), -1) * 2.0**network.fractions
    return int((outputs != evaluate(network, codes)).sum())


def integers(model, given=None):
    return integer_network(model, inputs=None if given is None else [given] * int(np.prod(model.input_shape[1:])))


@pytest.mark.parametrize(("make", "given"), MODELS)
def test_alkaid_converts_what_the_reference_computes(make, given, plugin):
    model = trained(make)
    network = integers(model, given)
    assert mismatches(logic(model, given), network, networks.random_codes(network, 500)) == 0


@pytest.mark.parametrize("seed", range(6))
def test_every_overflow_and_one_bit_tables(seed, plugin):
    network = networks.random_network(seed, (2, 3, 3, 2), max_bits=(3, 6)[seed % 2])
    assert mismatches(logic(keras_twin(network)), network, networks.random_codes(network, 500)) == 0


def test_a_changed_table_shows(plugin):
    model = trained(conv1d)
    network = integers(model)
    layer = model.layers[-1]
    upper = (np.arange(layer.table.shape[1]) * 2 >= 1 << np.asarray(layer.channel_bits).astype(int)[:, None]) * 2.0**-4
    layer.table.assign(np.asarray(layer.table) + upper[:, :, None])
    assert mismatches(logic(model), network, networks.random_codes(network, 500)) > 0


def test_without_the_plugin_alkaid_refuses(plugin):
    del plugin["trigger_lut", "keras"]
    with pytest.raises(AssertionError, match=r"not found in plugins"):
        logic(trained(conv1d))


def test_two_limits_for_one_input_are_refused(plugin):
    x = keras.Input((2,))
    two = [
        LUTDense(2, input_format=text, name=text[-4:-1].replace(",", "_"))(x) for text in ("fixed<5,2>", "fixed<6,3>")
    ]
    model = keras.Model(x, keras.layers.Add()(two))
    with pytest.raises(FirmwareError) as caught:
        logic(model)
    assert str(caught.value) == (
        "layer '6_3' saturates an input of the model to [-4.0, 4.0), another layer reads [-2.0, 2.0); "
        "expected --inputs-kif, the format of the inputs"
    )
    given = KIF(1, 2, 3)
    network = integers(model, given)
    assert mismatches(logic(model, given), network, networks.random_codes(network, 200)) == 0


def test_command_line(tmp_path):
    """`alkaid convert` in a process of its own, with the entry point as installing this package declares it."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]
    lines = [f"[{group}]\n" + "\n".join(f"{k} = {v}" for k, v in e.items()) for group, e in declared.items()]
    installed = tmp_path / "trigger_lut-0.1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: trigger_lut\nVersion: 0.1.0\n")
    (installed / "entry_points.txt").write_text("\n".join(lines) + "\n")
    given = KIF(1, 4, 6)
    model = trained(conv1d)
    network = integers(model, given)
    model.save(tmp_path / "model.keras")
    command = [
        sys.executable,
        "-c",
        "import alkaid._cli as c; c.main()",
        "convert",
        "model.keras",
        "out",
        "-n",
        "1000",
        "--inputs-kif",
    ]
    paths = [str(tmp_path), str(ROOT), os.environ.get("PYTHONPATH", "")]
    done = subprocess.run(
        [*command, *map(str, given)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads((tmp_path / "out" / "mismatches.json").read_text())["n_mismatch"] == 0
    assert re.search(r"\[0/\d+\] mismatches", done.stdout)
    comb = CombLogic.load(tmp_path / "out" / "model" / "comb.json.gz")
    assert mismatches(comb, network, networks.random_codes(network, 500)) == 0
    assert list((tmp_path / "out" / "src").glob("*.v"))
