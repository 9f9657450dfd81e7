"""Keras models of described networks: shapes as followed without TensorFlow, formats, seeds, saving, refusals."""

from __future__ import annotations

import sys
from itertools import product

import keras
import networks
import numpy as np
import pytest
import tensorflow as tf
from hgq.layers import QDense

from trigger_lut.config.budget import NetworkShape
from trigger_lut.config.shapes import ShapeError, output_shape
from trigger_lut.conversion.keras_model import decode_outputs, integer_network
from trigger_lut.conversion.saved_model import load_model
from trigger_lut.errors import CardError, ConfigurationError, FirmwareError
from trigger_lut.fixed_point.formats import KIF
from trigger_lut.layers import LUTDense
from trigger_lut.network.reference_model import evaluate
from trigger_lut.training.build_model import all_layers, build_model, of_flat_input

FORMATS = [KIF(1, 2, n % 3 + 1) for n in range(12)]
LUT = {"edge_hidden_units": 2, "max_input_bits": 3}

EXAMPLES = {
    "units": {"units": [4, 3]},
    "dense": {
        "layers": [
            {"lut_dense": {"units": 4, "edge_hidden_layers": 2, "activation": "sin"}},
            {"lut_dense": {"units": 3}},
        ]
    },
    "particles": {
        "input_shape": [4, 3],
        "layers": [
            {"lut_dense": {"units": 5, "per_position_widths": True}},
            {"sum": {"axis": "particles"}},
            {"q_dense": {"units": 6, "activation": "relu"}},
            {"lut_dense": {"units": 3, "input_rounding": "RND"}},
        ],
    },
    "conv1d": {
        "input_shape": [6, 2],
        "layers": [
            {"lut_conv1d": {"filters": 3, "kernel_size": 3, "padding": "same", "strides": 2}},
            {"q_conv1d": {"filters": 4, "kernel_size": 2, "dilation_rate": 2}},
            {"flatten": {}},
            {"lut_dense": {"units": 3}},
        ],
    },
    "conv2d": {
        "input_shape": [3, 4],
        "layers": [
            {"reshape": {"target_shape": [3, 4, 1]}},
            {"lut_conv2d": {"filters": 2, "kernel_size": [2, 3], "padding": "same"}},
            {"q_conv2d": {"filters": 2, "kernel_size": 2, "strides": [1, 2], "activation": "relu"}},
            {"sum": {"axis": [1, 2]}},
            {"q_dense": {"units": 3, "use_bias": False}},
        ],
    },
    "pools": {
        "input_shape": [6, 2],
        "layers": [
            {"max_pool": {"pool_size": 3, "strides": 2, "padding": "same"}},
            {"lut_conv1d": {"filters": 4, "kernel_size": 2, "padding": "same"}},
            {"reshape": {"target_shape": [3, 2, 2]}},
            {"average_pool": {"pool_size": [1, 2]}},
            {"max_pool": {"pool_size": [2, 1], "strides": [1, 1]}},
            {"flatten": {}},
            {"lut_dense": {"units": 3, "max_input_bits": 8}},
        ],
    },
    "einsum": {
        "input_shape": [4, 3],
        "layers": [
            {"q_einsum_dense": {"equation": "bpc,pq->bqc", "output_shape": [2, 3], "bias_axes": "q"}},
            {"lut_dense": {"units": 2}},
            {"flatten": {}},
            {"lut_dense": {"units": 3}},
        ],
    },
}


def described(**content) -> NetworkShape:
    return NetworkShape.model_validate({**LUT, **content})


def events(count: int = 40) -> np.ndarray:
    return np.random.default_rng(1).uniform(-4, 4, (count, len(FORMATS))).astype(np.float32)


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_network_is_built_and_saved(name, tmp_path):
    shape = described(**EXAMPLES[name])
    model = build_model(shape, FORMATS, classes=3, seed=1)
    assert model.output_shape == (None, *output_shape(shape, len(FORMATS))) == (None, 3)
    outputs = np.asarray(model(events()))
    assert (outputs.std(axis=0) > 0).all(), "an output that does not depend on the input"
    model.save(tmp_path / "model.keras")
    import hgq.layers  # noqa: F401  registers its layers

    np.testing.assert_array_equal(np.asarray(load_model(tmp_path / "model.keras")(events())), outputs)


def test_all_kinds_of_layers_in_one_network_are_trained():
    model = build_model(described(**EXAMPLES["particles"]), FORMATS, classes=3, seed=1)
    before = {v.path: np.array(v) for v in model.trainable_variables}
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(events(), np.arange(40) % 3, epochs=2, verbose=0)
    changed = {v.path.split("/")[0] for v in model.trainable_variables if (np.array(v) != before[v.path]).any()}
    assert changed == {"lut_dense_0", "q_dense_2", "lut_dense_3"}


@pytest.mark.parametrize("name", EXAMPLES)
def test_weights_follow_the_seed(name):
    shape = described(**EXAMPLES[name])
    first, same, other = (build_model(shape, FORMATS, classes=3, seed=seed) for seed in (1, 1, 2))
    weights = [[np.array(v) for v in m.trainable_variables] for m in (first, same, other)]
    assert all((a == b).all() for a, b in zip(weights[0], weights[1], strict=True))
    assert any((a != b).any() for a, b in zip(weights[0], weights[2], strict=True))


def test_shapes_are_those_of_keras():
    """Every convolution that Keras accepts has its shape."""
    checked = 0
    for size, k, step, apart, padding in product((3, 4, 7), (1, 2, 3), (1, 2), (1, 2), ("valid", "same")):
        options = {"filters": 2, "kernel_size": k, "strides": step, "dilation_rate": apart, "padding": padding}
        shape = NetworkShape.model_validate({"input_shape": [size, 3], "layers": [{"lut_conv1d": options}]})
        if (step > 1 and apart > 1) or (padding == "valid" and (k - 1) * apart + 1 > size):
            continue
        conv = keras.layers.Conv1D(**options)
        assert output_shape(shape, 3 * size) == conv.compute_output_shape((None, size, 3))[1:]
        checked += 1
    assert checked > 50


def test_pools_have_shapes_of_keras_and_exact_or_refused_means():
    checked = refused = 0
    for size, k, step, padding in product((3, 4, 7), (1, 2, 3, 4), (None, 1, 2), ("valid", "same")):
        if padding == "valid" and k > size:
            continue
        options = {"pool_size": k, "strides": step, "padding": padding}
        for kind, pool in (("max_pool", keras.layers.MaxPooling1D), ("average_pool", keras.layers.AveragePooling1D)):
            layers = [{kind: options}, {"flatten": {}}]
            shape = NetworkShape.model_validate(
                {"input_shape": [size, 1], "layers": [layers[0]], "baseline_units": [3]}
            )
            x = keras.Input((size, 1))
            model = keras.Model(x, pool(**options)(x))
            codes = np.random.default_rng(0).integers(-16, 16, (20, size))
            try:
                assert output_shape(shape, size) == model.output_shape[1:]
            except ShapeError:
                refused += 1
                with pytest.raises(FirmwareError, match="no exact fixed-point form"):
                    integer_network(model, inputs=[KIF(1, 4, 0)] * size)
                continue
            network = integer_network(model, inputs=[KIF(1, 4, 0)] * size)
            outputs = decode_outputs(evaluate(network, codes), network)
            np.testing.assert_array_equal(model(codes[..., None].astype(np.float32))[..., 0], outputs)
            checked += 1
    assert checked > 60
    assert refused > 10


def test_the_largest_of_the_data_has_the_format_of_the_data():
    layers = [{"max_pool": {"pool_size": 2}}, {"lut_dense": {"units": 2}}, {"flatten": {}}, {"lut_dense": {"units": 3}}]
    formats = [KIF(1, 2, 3), KIF(0, 3, 0), KIF(1, 1, 4), KIF(0, 4, 1)]
    model = build_model(described(input_shape=[2, 2], layers=layers), formats, classes=3, seed=1)
    first = next(layer for layer in model.layers if layer.name == "lut_dense_1")
    assert list(first.input_format) == [str(KIF(1, 2, 4)), str(KIF(0, 4, 1))]


def test_the_first_layer_has_the_formats_of_the_data():
    flat = build_model(described(units=[3]), FORMATS, classes=3, seed=1)
    assert list(flat.layers[-1].input_format) == [str(kif) for kif in FORMATS]
    layers = [{"flatten": {}}, {"lut_dense": {"units": 3}}]
    behind = build_model(described(input_shape=[4, 3], layers=layers), FORMATS, classes=3, seed=1)
    assert list(behind.layers[-1].input_format) == [str(kif) for kif in FORMATS]


def test_one_format_holds_a_channel_at_all_places():
    formats = [KIF(1, 2, 3), KIF(0, 3, 0), KIF(1, 1, 4), KIF(0, 4, 1)]
    layers = [{"lut_dense": {"units": 2}}, {"flatten": {}}, {"lut_dense": {"units": 3}}]
    model = build_model(described(input_shape=[2, 2], layers=layers), formats, classes=3, seed=1)
    first = next(layer for layer in model.layers if layer.name == "lut_dense_0")
    assert list(first.input_format) == [str(KIF(1, 2, 4)), str(KIF(0, 4, 1))]


def test_sums_of_many_have_more_integer_bits():
    def format_behind(particles: int) -> str:
        layers = [{"lut_dense": {"units": 2}}, {"sum": {"axis": "particles"}}, {"lut_dense": {"units": 3}}]
        shape = described(input_shape=[particles, 1], layers=layers)
        return build_model(shape, [KIF(1, 2, 1)] * particles, classes=3, seed=1).layers[-1].input_format

    assert (format_behind(2), format_behind(4), format_behind(32)) == ("fixed<8,4>", "fixed<8,4>", "fixed<8,6>")


def test_a_sum_is_exact():
    layers = [{"sum": {"axis": "particles"}}, {"lut_dense": {"units": 3, "input_format": "fixed<16,8>"}}]
    model = build_model(described(input_shape=[4, 3], layers=layers), FORMATS, classes=3, seed=1)
    x = np.random.default_rng(2).integers(-(2**15), 2**15, (9, 12)).astype(np.float32) / 2**8
    total = next(layer for layer in model.layers if layer.name == "sum_0")
    np.testing.assert_array_equal(total(x.reshape(9, 4, 3)), x.reshape(9, 4, 3).sum(axis=1))


def test_options_are_the_layer_s_own_or_the_network_s():
    layers = [
        {"lut_dense": {"units": 4, "edge_hidden_units": 5}},
        {"lut_dense": {"units": 4, "batch_norm": False}},
        {"lut_dense": {"units": 3, "overflow": "WRAP", "max_input_bits": 2}},
    ]
    shape = described(layers=layers)
    options = [(x.options.batch_norm, x.options.edge_hidden_units, x.options.max_input_bits) for x in all_layers(shape)]
    assert options == [(True, 5, 3), (False, 2, 3), (False, 2, 2)]
    model = build_model(shape, FORMATS, classes=3, seed=1)
    assert [(x.batch_norm, x.edge_hidden_units, x.max_input_bits, x.overflow) for x in model.layers[1:]] == [
        (True, 5, 3, "SAT"),
        (False, 2, 3, "SAT"),
        (False, 2, 2, "WRAP"),
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"units": [4]}, "network.units: the last layer has 4 outputs, expected one for each of 3 classes"),
        (
            {"layers": [{"lut_dense": {"units": 4}}]},
            "network.layers: the last layer has an output of shape (4,), expected one for each of 3 classes",
        ),
        (
            {"layers": [{"lut_conv1d": {"filters": 3, "kernel_size": 2}}]},
            "network.layers.0 (lut_conv1d): expected an input of shape (length, channels), found (12,)",
        ),
        (
            {"input_shape": [5, 3], "layers": [{"flatten": {}}]},
            "network.input_shape: expected 12 values, one for each feature of the data set, found (5, 3) with 15",
        ),
    ],
)
def test_what_does_not_fit_is_refused(content, expected):
    with pytest.raises(ConfigurationError) as caught:
        build_model(described(**content), FORMATS, classes=3, seed=1)
    assert str(caught.value) == expected


# ---------------------------------------------------------------- a user's function

MODULE = """
import keras
from trigger_lut.layers import LUTDense

def build(formats, classes, seed):
    texts = [str(kif) for kif in formats]
    return keras.Sequential([keras.Input((len(formats),)), LUTDense(classes, input_format=texts, seed=seed)])

@keras.saving.register_keras_serializable(package="my_networks")
class Halves(keras.layers.Layer):
    # The second half of the channels before the first, through a table layer of its own.

    def __init__(self, seed=0, **kwargs):
        super().__init__(**kwargs)
        self.seed = seed
        self.tables = LUTDense(4, input_format="fixed<6,3>", seed=seed)

    def build(self, shape):
        self.tables.build((shape[0], 2, shape[1] // 2))
        super().build(shape)

    def call(self, x):
        x = keras.ops.reshape(x, (-1, 2, x.shape[1] // 2))
        x = self.tables(keras.ops.flip(x, axis=1))
        return keras.ops.reshape(keras.ops.expand_dims(x[:, :, 1:], 1), (-1, 6))

    def get_config(self):
        return {**super().get_config(), "seed": self.seed}

def own_layer(formats, classes, seed):
    x = keras.Input((len(formats),))
    return keras.Model(x, LUTDense(classes, input_format="fixed<8,4>", seed=seed)(Halves(seed, name="mine")(x)))

def wrong(formats, classes, seed):
    return keras.Sequential([keras.Input((len(formats),)), LUTDense(classes + 1)])

def nothing(formats, classes, seed):
    return None

number = 3
"""


@pytest.fixture
def module(tmp_path, monkeypatch) -> str:
    """A package in the working directory, found there and nowhere else."""
    folder = tmp_path / "my_networks_for_a_test"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "jets.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p != str(tmp_path)])
    yield "my_networks_for_a_test.jets"
    for name in [name for name in sys.modules if name.startswith("my_networks_for_a_test")]:
        del sys.modules[name]


def of_function(text: str) -> NetworkShape:
    return NetworkShape.model_validate({"builder": text, "baseline_units": [4, 3]})


def test_a_function_gets_formats_classes_and_seed(module):
    model = build_model(of_function(f"{module}:build"), FORMATS, classes=3, seed=7)
    assert (model.layers[-1].units, model.layers[-1].seed) == (3, 7)
    assert list(model.layers[-1].input_format) == [str(kif) for kif in FORMATS]


def test_a_function_s_own_layer_is_loaded_and_becomes_integers(module, tmp_path):
    shape = of_function(f"{module}:own_layer")
    model = build_model(shape, FORMATS, classes=3, seed=7)
    model.save(tmp_path / "model.keras")
    network = integer_network(model, inputs=FORMATS)
    codes = networks.random_codes(network, 200)
    expected = decode_outputs(evaluate(network, codes), network)
    assert len(np.unique(expected, axis=0)) > 100
    # As in a process of its own: nothing of the module is known any more.
    for registry in (sys.modules, keras.saving.get_custom_objects()):
        for name in [name for name in registry if name.startswith("my_networks")]:
            del registry[name]
    with pytest.raises(CardError, match=r"(?s)model\.keras: not a saved Keras model .*class .Halves."):
        load_model(tmp_path / "model.keras")
    loaded = load_model(tmp_path / "model.keras", shape.builder)
    values = (codes * 2.0 ** -np.array([float(kif.f) for kif in FORMATS])).astype(np.float32)
    np.testing.assert_array_equal(np.asarray(loaded(values)), expected)
    np.testing.assert_array_equal(evaluate(integer_network(loaded, inputs=FORMATS), codes), evaluate(network, codes))
    own = loaded.get_layer("mine")
    assert own.tables._inbound_nodes == [], "reading the layer leaves nothing behind"
    own.tables.table.assign(np.asarray(own.tables.table) + 0.5)
    assert (np.asarray(loaded(values)) != expected).any()


@keras.saving.register_keras_serializable(package="test_model_building")
class Computes(keras.layers.Layer):
    def call(self, x):
        return keras.ops.sin(x)


class OutsideKeras(keras.layers.Layer):
    def call(self, x):
        return tf.raw_ops.Neg(x=x)


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (Computes, r"^layer 'sin.*': its results have no exact fixed-point form, and no quantizer follows"),
        (OutsideKeras, r"^layer 'mine': its call as a OutsideKeras cannot be followed \("),
    ],
)
def test_own_layer_that_computes_otherwise_is_refused_by_name(layer, expected):
    x = keras.Input((3,))
    model = keras.Model(x, layer(name="mine")(LUTDense(2, input_format="fixed<5,2>")(x)))
    with pytest.raises(FirmwareError, match=expected):
        integer_network(model)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("jets:biuld", "{}: {} has no function 'biuld'"),
        ("jets:number", "{}: {} has no function 'number'"),
        ("jest:build", "{}: {} cannot be imported: No module named '{}'"),
        ("jets:wrong", "{}: expected an output of shape (None, 3), found (None, 4)"),
        ("jets:nothing", "{}: expected a Keras model, found NoneType"),
    ],
)
def test_a_function_that_cannot_be_used_is_named(module, name, expected):
    text = module.removesuffix("jets") + name
    own = text.split(":")[0]
    with pytest.raises(ConfigurationError) as caught:
        build_model(of_function(text), FORMATS, classes=3, seed=1)
    assert str(caught.value) == "network.builder: " + expected.format(text, own, own)


def test_given_model_of_several_inputs_has_flat_values():
    first, second = keras.Input((2, 3)), keras.Input((4,))
    outputs = [QDense(2)(first), QDense(3)(second)]
    for inputs in ([first, second], {"a": first, "b": second}):
        model = keras.Model(inputs, outputs)
        flat = of_flat_input(model, 10)
        assert [tuple(tensor.shape) for tensor in (*flat.inputs, *flat.outputs)] == [(None, 10), (None, 7)]
        formats = [KIF(1, 2, n % 4) for n in range(10)]
        codes = np.random.default_rng(0).integers(-4, 4, (50, 10))
        expected, flat_network = (integer_network(m, inputs=formats, wraps=True) for m in (model, flat))
        np.testing.assert_array_equal(evaluate(flat_network, codes), evaluate(expected, codes))
    plain = keras.Sequential([keras.Input((4,)), QDense(2)])
    assert of_flat_input(plain, 4) is plain
