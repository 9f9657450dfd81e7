"""Models of QKeras: the fixtures were saved by qkeras-v3 1.2.1, with outputs that it computed."""

import json
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from converted import unexplained

from trigger_lut.config.keras_file import mistakes, saved_config
from trigger_lut.conversion.final_activation import without_final_activation
from trigger_lut.conversion.qkeras_file import is_qkeras_file
from trigger_lut.conversion.saved_model import load_model
from trigger_lut.errors import CardError

FIXTURES = Path(__file__).parents[1] / "fixtures/qkeras"


def data(name):
    """Return inputs, and the outputs that QKeras computed for them."""
    with np.load(FIXTURES / f"{name}.npz") as archive:
        return archive["x"], archive["y"]


@pytest.mark.parametrize("suffix", ["keras", "h5"])
@pytest.mark.parametrize("name", ["dense", "conv"])
def test_outputs_are_those_of_qkeras(name, suffix):
    model, _ = without_final_activation(load_model(FIXTURES / f"{name}.{suffix}"))
    x, y = data(name)
    np.testing.assert_array_equal(model.predict(x, verbose=0), y)


@pytest.mark.parametrize("name", ["dense", "conv"])
def test_firmware_integers_are_those_of_the_model(name):
    model, _ = without_final_activation(load_model(FIXTURES / f"{name}.keras"))
    assert unexplained(model) == 0


def test_model_is_trained_further():
    model, _ = without_final_activation(load_model(FIXTURES / "dense.keras"))
    x, y = data("dense")
    before = [np.array(weight) for weight in model.trainable_variables]
    model.compile(keras.optimizers.Adam(0.01), "mse")
    model.fit(x, -y, epochs=2, verbose=0)
    assert (
        sum((np.array(weight) != old).any() for weight, old in zip(model.trainable_variables, before, strict=True)) > 4
    )


def changed(path: Path, old: str, new: str) -> Path:
    """Return a copy of the dense fixture with another configuration."""
    assert old in saved_config(FIXTURES / "dense.h5")
    copy = path / "changed.h5"
    copy.write_bytes((FIXTURES / "dense.h5").read_bytes())
    with h5py.File(copy, "a") as file:
        file.attrs["model_config"] = saved_config(copy).replace(old, new)
    return copy


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('"alpha": 1', '"alpha": "auto"', "alpha='auto'"),
        ('"alpha": 1', '"alpha": 0.7', "alpha=0.7"),
        ("quantized_relu", "quantized_tanh", "found quantizer quantized_tanh"),
        ('"use_sigmoid": 0', '"use_sigmoid": 1', "quantized_relu with use_sigmoid=1"),
        ("quantized_bits", "ternary", "found quantizer ternary"),
        ('"qnoise_factor": 1.0', '"qnoise_factor": 0.5', "with qnoise_factor=0.5"),
        ('"post_training_scale": null', '"post_training_scale": [0.5]', "with post_training_scale=[0.5]"),
        ('"alpha": null', '"alpha": "auto_po2"', "bias_quantizer with alpha='auto_po2'"),
        ("QDense", "QDenseBatchnorm", "QDenseBatchnorm"),
        ('"kernel_range": null', '"mask": [1]', "found mask=[1]"),
    ],
)
def test_what_cannot_be_read_exactly_is_refused(tmp_path, old, new, expected):
    path = changed(tmp_path, old, new).rename(tmp_path / "other.h5")
    with pytest.raises(CardError) as caught:
        load_model(path)
    assert expected in str(caught.value)


def test_other_quantizer_gives_other_outputs(tmp_path):
    path = changed(tmp_path, '"bits": 5, "integer": 1, "use', '"bits": 5, "integer": 2, "use')
    model, _ = without_final_activation(load_model(path))
    x, y = data("dense")
    assert (model.predict(x, verbose=0) != y).any()


def test_layout_of_keras_2_is_read(tmp_path):
    """Keras 2 wrote quantizers without module and registered name."""
    path = tmp_path / "old.h5"
    path.write_bytes((FIXTURES / "dense.h5").read_bytes())
    config = json.loads(saved_config(path))

    def old(value):
        if isinstance(value, list):
            return [old(item) for item in value]
        if not isinstance(value, dict):
            return value
        if str(value.get("module", "")).startswith("qkeras.quantizers"):
            value = {key: value[key] for key in ("class_name", "config")}
        return {key: old(item) for key, item in value.items()}

    with h5py.File(path, "a") as file:
        file.attrs["model_config"] = json.dumps(old(config)).encode()
    model, _ = without_final_activation(load_model(path))
    x, y = data("dense")
    np.testing.assert_array_equal(model.predict(x, verbose=0), y)


def test_only_models_of_qkeras_are_taken_for_such(tmp_path):
    assert is_qkeras_file(FIXTURES / "conv.keras")
    assert not is_qkeras_file(tmp_path / "none.keras")
    (tmp_path / "text.keras").write_text("quantized_bits")
    assert not is_qkeras_file(tmp_path / "text.keras")
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]).save(tmp_path / "plain.h5")
    assert not is_qkeras_file(tmp_path / "plain.h5")
    assert load_model(tmp_path / "plain.h5").count_params() == 8


def test_activation_of_keras_is_read_in_each_layout(tmp_path):
    """QKeras writes QActivation("relu") as a name, or as an object of kind function."""
    path = changed(tmp_path, "QActivation", "QActivation")
    config = json.loads(saved_config(path))
    layer = next(x for x in config["config"]["layers"] if x["class_name"].endswith("QActivation"))
    kinds = []
    for activation in ("relu", {"class_name": "function", "config": "relu", "registered_name": "function"}):
        layer["config"]["activation"] = activation
        with h5py.File(path, "a") as file:
            file.attrs["model_config"] = json.dumps(config)
        model, _ = without_final_activation(load_model(path))
        kinds.append([type(layer).__name__ for layer in model.layers])
    assert kinds[0] == kinds[1]
    assert "Activation" in kinds[0]


def test_number_of_inputs_is_checked_without_keras(tmp_path):
    assert mistakes(FIXTURES / "dense.h5", 6) == []
    assert "takes 6 values" in mistakes(FIXTURES / "dense.h5", 7)[0]
    with zipfile.ZipFile(tmp_path / "a.keras", "w") as archive:
        archive.writestr("other.json", "{}")
    assert "expected a file that model.save('name.keras')" in mistakes(tmp_path / "a.keras", 6)[0]
