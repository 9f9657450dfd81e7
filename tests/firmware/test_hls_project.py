"""LUTDense as a native hls4ml layer: the compiled emulator is the Keras model, bit for bit."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from keras_twin import keras_twin
from networks import random_codes, random_network

from trigger_lut.config.budget import load_budget, resolve
from trigger_lut.errors import CardError, FirmwareError, ToolFailedError, ToolMissingError
from trigger_lut.firmware.hls import project as hls
from trigger_lut.firmware.hls.cpp import common_format, network_code
from trigger_lut.fixed_point.formats import KIF
from trigger_lut.layers import LUTDense
from trigger_lut.network.reference_model import evaluate

CONFIG = Path(__file__).parents[2] / "config"


@pytest.fixture(scope="module")
def spec():
    budget, target = load_budget(CONFIG / "budget.yaml", CONFIG / "targets.yaml")
    return resolve(budget, target, design=next(iter(budget.designs)))


@pytest.fixture(scope="module")
def written(tmp_path_factory, spec):
    """A network with three layers, its Keras twin and its hls4ml project."""
    network = random_network(6, units=(4, 5, 4, 3))
    model = keras_twin(network)
    return network, model, hls.write_hls(model, network, folder=tmp_path_factory.mktemp("hls") / "project", spec=spec)


def kinds(network):
    return {(kif.k, mode) for layer in network.layers for kif, mode in zip(layer.inputs, layer.overflow, strict=True)}


def test_emulator_is_the_integer_network(written):
    network, _, project = written
    # The network has what the layer can have: both overflow modes and signs, pruned edges, negative fractions.
    assert kinds(network) == {(0, "SAT"), (0, "WRAP"), (1, "SAT"), (1, "WRAP")}
    assert any((layer.widths == 0).any() for layer in network.layers)
    assert any((layer.fraction_bits < 0).any() for layer in network.layers)
    codes = random_codes(network, 20_000)
    np.testing.assert_array_equal(hls.predict_hls(project.folder, codes), evaluate(network, codes))


def test_emulator_of_a_network_with_wide_tables(spec, tmp_path):
    network = random_network(20, units=(3, 4, 2), max_bits=8)
    assert network.layers[0].widths.max() == 8
    hls.write_hls(keras_twin(network), network, folder=tmp_path / "hls", spec=spec)
    codes = random_codes(network, 20_000)
    np.testing.assert_array_equal(hls.predict_hls(tmp_path / "hls", codes), evaluate(network, codes))


def test_project_says_who_took_what(written):
    network, _, project = written
    assert project.handlers == {f"lut_dense_{n}": "TableHandler" for n in range(3)}
    assert project.note == ""
    assert hls.load_hls(project.folder) == project
    source = common_format(network.inputs)
    entrance, *layers = project.result_types.items()
    assert entrance[1].startswith(str(source)[:-1])
    for (name, text), layer in zip(layers, network.layers, strict=True):
        assert name == layer.name
        assert text.startswith(str(common_format(layer.output_formats()))[:-1])
    top = (project.folder / "firmware" / f"{project.name}.cpp").read_text()
    assert "#pragma HLS PIPELINE II=1" in top
    assert len(re.findall(r"config\d+::evaluate\(", top)) == 3


def test_layer_works_in_plain_hls4ml_with_any_fallbacks(written, tmp_path):
    """Defaults of hls4ml allow its fallbacks, and none takes the layer; predict is hls4ml's own."""
    import hls4ml

    network, model, project = written
    source = common_format(network.inputs)
    name = model.inputs[0]._keras_history.operation.name
    converted = hls4ml.converters.convert_from_keras_model(
        model,
        output_dir=str(tmp_path / "plain"),
        backend="Vitis",
        hls_config={"LayerName": {name: {"Precision": {"result": str(source)}}}},
    )
    assert [node.class_name for node in converted.get_layers()] == ["Input"] + ["LUTNetworkNode"] * 3
    converted.compile()
    codes = random_codes(network, 200)
    values = np.ascontiguousarray(codes * 2.0 ** -np.array([float(f.f) for f in network.inputs]))
    outputs = converted.predict(values) * 2.0 ** network.fractions.astype(float)
    np.testing.assert_array_equal(outputs, hls.predict_hls(project.folder, codes))


def test_a_wider_input_saturates_as_keras_does(tmp_path):
    """The user gives the input a type that holds more than the layer's format."""
    import hls4ml

    model = keras.Sequential([keras.Input((4,)), LUTDense(3, input_format="fixed<5,2>", seed=1)])
    name = model.inputs[0]._keras_history.operation.name
    converted = hls4ml.converters.convert_from_keras_model(
        model,
        output_dir=str(tmp_path),
        backend="Vitis",
        hls_config={"Model": {}, "LayerName": {name: {"Precision": {"result": "fixed<12,6>"}}}},
    )
    converted.compile()
    values = np.ascontiguousarray(np.random.default_rng(0).integers(-2000, 2000, (500, 4)) / 64)
    assert (np.abs(values) > 4).mean() > 0.5, "most are beyond the layer's format"
    np.testing.assert_array_equal(converted.predict(values), model.predict(values, verbose=0))


def test_another_backend_is_refused(written, tmp_path):
    """hls4ml's default backend knows no template of the layer and would leave its code out."""
    import hls4ml

    with pytest.raises(FirmwareError, match=r"^lut_dense_0: layers of tables are for backend='Vitis' only, found 'Viv"):
        hls4ml.converters.convert_from_keras_model(written[1], output_dir=str(tmp_path / "vivado"))


def test_tables_as_synthesis_sees_them_give_the_same(written, tmp_path):
    """The emulator keeps entries in built-in types; with ap_int of the exact width nothing changes."""
    network, _, project = written
    shutil.copytree(project.folder, tmp_path / "exact")
    header = tmp_path / "exact" / "firmware" / "nnet_utils" / "nnet_lut_network.h"
    text = header.read_text()
    assert "#ifdef __SYNTHESIS__" in text
    header.write_text(text.replace("#ifdef __SYNTHESIS__", "#if 1"))
    hls.recompile(tmp_path / "exact", "exact")
    codes = random_codes(network, 2000)
    np.testing.assert_array_equal(hls.predict_hls(tmp_path / "exact", codes), evaluate(network, codes))


def test_other_layers_are_refused_by_name(spec, tmp_path):
    model = keras.Sequential([keras.Input((4,)), LUTDense(3), keras.layers.Dense(2, name="plain")])
    with pytest.raises(FirmwareError, match="layer 'plain'"):
        hls.write_hls(model, random_network(0), folder=tmp_path / "hls", spec=spec)
    assert not (tmp_path / "hls").exists()


def test_a_layer_that_hls4ml_does_not_know_is_refused_by_hls4ml(tmp_path):
    import hls4ml

    class Own(keras.layers.Layer):
        def call(self, x):
            return x + 1

    model = keras.Sequential([keras.Input((4,)), LUTDense(3, input_format="fixed<4,2>"), Own()])
    with pytest.raises(ValueError, match=r"Layer <class '.*Own'> not found in registry"):
        hls4ml.converters.convert_from_keras_model(model, output_dir=str(tmp_path), backend="Vitis")


def test_without_our_handler_the_project_has_the_whole_network(spec, tmp_path, monkeypatch):
    from hls4ml.converters.keras_v3._base import registry

    from trigger_lut.firmware.hls.hls4ml_plugin import TABLE_LAYERS

    for name in TABLE_LAYERS:
        monkeypatch.delitem(registry, name)
    network = random_network(0)
    project = hls.write_hls(keras_twin(network), network, folder=tmp_path / "hls", spec=spec)
    assert project.handlers == {"network": "WholeNetworkHandler"}
    assert project.note.startswith("not layer by layer: hls4ml refuses the model (Layer <class 'trigger_lut.layers")
    codes = random_codes(network, 500)
    np.testing.assert_array_equal(hls.predict_hls(tmp_path / "hls", codes), evaluate(network, codes))


def test_a_handler_that_is_wrong_is_noticed_and_not_used(spec, tmp_path, monkeypatch):
    """One table entry is off in what the handler makes: the emulator is checked at once."""
    from trigger_lut.firmware.hls.hls4ml_plugin import TableHandler

    right = TableHandler.handle

    def wrong(self, layer, in_tensors, out_tensors):
        handled = right(self, layer, in_tensors, out_tensors)
        tables = handled["network"].layers[0].tables
        tables[tuple(np.argwhere(tables == tables.max())[0])] -= 1
        return handled

    monkeypatch.setattr(TableHandler, "handle", wrong)
    network = random_network(0)
    project = hls.write_hls(keras_twin(network), network, folder=tmp_path / "hls", spec=spec)
    assert re.search(r"[1-9]\d* of \d+ outputs differ from the model's integers, with handlers of this", project.note)
    codes = random_codes(network, 500)
    np.testing.assert_array_equal(hls.predict_hls(tmp_path / "hls", codes), evaluate(network, codes))


def test_missing_compiler(spec, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    network = random_network(0)
    with pytest.raises(ToolMissingError, match=r"^g\+\+ is not on PATH"):
        hls.write_hls(keras_twin(network), network, folder=tmp_path / "hls", spec=spec)


def test_broken_source_is_a_tool_failure(written, tmp_path):
    shutil.copytree(written[2].folder, tmp_path / "broken")
    with (tmp_path / "broken" / "firmware" / "parameters.h").open("a") as file:
        file.write("this is not C++\n")
    with pytest.raises(ToolFailedError, match=r"build_lib\.sh ended with 1: .*error"):
        hls.recompile(tmp_path / "broken", "broken")


def test_emulator_is_compiled_once_a_user_for_the_same_sources(written, tmp_path, monkeypatch):
    """In another folder and under another stamp. A changed table is another emulator."""
    network, _, project = written
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    runs = []

    def counted(*args, own=hls._run_script):
        runs.append(args)
        return own(*args)

    monkeypatch.setattr(hls, "_run_script", counted)
    for name in ("first", "second"):
        shutil.copytree(project.folder, tmp_path / name)
        hls.recompile(tmp_path / name, name)
    assert len(runs) == 1
    codes = random_codes(network, 500)
    np.testing.assert_array_equal(hls.predict_hls(tmp_path / "second", codes), evaluate(network, codes))
    path = tmp_path / "second/firmware/parameters.h"
    path.write_text(re.sub(r"= \{(-?\d+), ", lambda match: f"= {{{int(match[1]) ^ 1}, ", path.read_text()))
    hls.recompile(tmp_path / "second", "changed")
    assert len(runs) == 2
    assert (hls.predict_hls(tmp_path / "second", codes) != evaluate(network, codes)).any()


def test_no_project(tmp_path):
    with pytest.raises(CardError, match=r"project\.json: no hls4ml project of this package"):
        hls.predict_hls(tmp_path, np.zeros((1, 4), dtype=np.int64))


def test_sums_beyond_the_emulator_are_refused():
    network = random_network(0)
    network.layers[0].bias[1] = 1 << 31
    with pytest.raises(FirmwareError, match=r"lut_dense_0: output 1 may reach 21\d+; the hls4ml emulator adds within"):
        network_code(network, 2, sources=[(len(network.inputs), KIF(1, 3, 3))])


def test_project_comes_from_the_keras_model(spec, tmp_path):
    """Where the Keras model differs from the network, the emulator follows Keras, so the comparison can see it."""
    network = random_network(6, units=(3, 2))
    model = keras_twin(network)
    model.layers[0].table_bias.assign(np.asarray(model.layers[0].table_bias) + 1.0)
    hls.write_hls(model, network, folder=tmp_path / "hls", spec=spec)
    codes = random_codes(network, 100)
    one = 1 << network.fractions
    np.testing.assert_array_equal(hls.predict_hls(tmp_path / "hls", codes), evaluate(network, codes) + one)


def test_hls4ml_loads_the_plug_in_itself():
    """In a process that imports nothing of this package."""
    script = "import hls4ml; from hls4ml.model.layers import layer_map; print('LUTNetwork' in layer_map)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.split()[-1] == "True", done.stdout + done.stderr
