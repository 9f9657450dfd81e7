"""Keras' ways of building models: the integers are the model, or the layer is refused by name."""

import keras
import made_cards
import numpy as np
import pytest
from hgq.config import QuantizerConfigScope
from hgq.layers import QAdd, QDense, QDenseT
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import random_codes

from trigger_lut.conversion.keras_model import integer_network
from trigger_lut.conversion.saved_model import load_model
from trigger_lut.errors import ConfigurationError, FirmwareError
from trigger_lut.fixed_point.formats import KIF
from trigger_lut.layers import LUTDense
from trigger_lut.network.reference_model import evaluate
from trigger_lut.training.build_model import of_flat_input
from trigger_lut.verification.fuzz.implementations import Case, implementations
from trigger_lut.verification.fuzz.random_models import Drawn
from trigger_lut.verification.keras_model import outputs_of, run_keras, values_of

L = keras.layers
KIND = KIF(1, 2, 2)
FORMAT = "fixed<5,3>"


def lut(units, seed=1, **options):
    return LUTDense(units, input_format=FORMAT, edge_hidden_units=2, max_input_bits=5, seed=seed, **options)


def differing(model, inputs=None) -> int:
    """Events in which Keras and the integers differ. The outputs must depend on the inputs."""
    count = sum(int(np.prod(x.shape[1:])) for x in model.inputs)
    network = integer_network(model, inputs=inputs or [KIND] * count, wraps=True)
    codes = random_codes(network, 200)
    expected = evaluate(network, codes)
    assert len(np.unique(expected, axis=0)) > 5
    outputs = model(values_of(model, network, codes=codes, kind=np.float32), training=False)
    return int((outputs_of(outputs, network, events=len(codes)) != expected).any(axis=1).sum())


# ---------------------------------------------------------------- models within models


def two_by_two():
    """A model of two inputs, named against their order, and two outputs."""
    z, a = keras.Input((3,), name="z"), keras.Input((2,), name="a")
    return keras.Model([z, a], [lut(2, 1)(L.Concatenate()([z, a])), lut(2, 2)(a)])


def by_list(inner, z, a):
    return inner([z, a])


def by_name(inner, z, a):
    return inner({"a": a, "z": z})


def called_twice(call):
    x = keras.Input((5,))
    inner, first = two_by_two(), (x[:, :3], x[:, 3:])
    p, q = call(inner, *first)
    r, s = call(inner, L.Concatenate()([p, q])[:, 1:], q)
    return keras.Model(x, {"b": r, "a": L.Concatenate()([s, p])})


@keras.saving.register_keras_serializable(package="test_ways_of_building")
class Twice(L.Layer):
    """An own layer that calls another one twice."""

    def __init__(self, **options):
        super().__init__(**options)
        self.inner = lut(2, 7)

    def build(self, shape):
        self.inner.build((shape[0], 2))
        super().build(shape)

    def call(self, x):
        return keras.ops.concatenate([self.inner(x[:, 2:4]), self.inner(x[:, :2])], axis=-1)


@keras.saving.register_keras_serializable(package="test_ways_of_building")
class Subclassed(keras.Model):
    def __init__(self, **options):
        super().__init__(**options)
        self.first, self.last = lut(3, 5), lut(2, 6)

    def call(self, x, training=False):
        return self.last(self.first(x, training=training), training=training)


def reordered():
    a, b = keras.Input((2,), name="first"), keras.Input((3,), name="second")
    return keras.Model([b, a], lut(2)(L.Concatenate()([a, b])))


def own_layers():
    x, own, model = keras.Input((4,)), Twice(), Subclassed()
    return keras.Model(x, L.Concatenate()([model(own(own(x))), model(x)]))


def arithmetic():
    x = keras.Input((2, 3))
    with QuantizerConfigScope(place="datalane", overflow_mode="SAT"):
        phi = keras.Sequential([keras.Input((3,)), QDense(4, activation="relu"), QDense(2)])
        return keras.Model(x, QAdd()([phi(x[:, 0]), phi(x[:, 1])]))


BUILT = {
    "by list": lambda: called_twice(by_list),
    "by name": lambda: called_twice(by_name),
    "reordered": reordered,
    "own layers": own_layers,
    "arithmetic": arithmetic,
}


@pytest.mark.parametrize("name", BUILT)
def test_models_in_models_are_followed_at_each_call(name, tmp_path):
    keras.utils.set_random_seed(1)
    model = BUILT[name]()
    assert differing(model) == 0
    model.save(tmp_path / "model.keras")
    assert differing(keras.models.load_model(tmp_path / "model.keras", compile=False)) == 0


@st.composite
def graphs(draw):
    """Draw steps of a model on tensors of four values: layers and models of a pool, each called any number of times."""
    step = st.tuples(st.integers(0, 5), st.integers(0, 9), st.integers(0, 9))
    return draw(st.lists(step, min_size=3, max_size=7))


@settings(max_examples=5, deadline=None, derandomize=True, database=None)
@given(graphs())
def test_any_graph_of_calls_is_followed(steps):
    keras.backend.clear_session()
    keras.utils.set_random_seed(0)
    inner = keras.Sequential([lut(4, 1)])  # without an Input
    inner.build((None, 4))
    h = keras.Input((4,))
    outer = keras.Model(h, keras.ops.flip(lut(4, 2)(L.Concatenate()([inner(h), inner(h[:, ::-1])])), axis=1))
    shared = lut(4, 3)
    x = keras.Input((8,))
    tensors = [x[:, :4], x[:, 4:]]
    for kind, a, b in steps:
        one, other = tensors[a % len(tensors)], tensors[b % len(tensors)]
        tensors.append(
            {
                0: lambda one, other: inner(one),
                1: lambda one, other: outer(one),
                2: lambda one, other: shared(one),
                3: lambda one, other: L.Concatenate()([other[:, 2:], one[:, 2:]]),
                4: lambda one, other: L.Reshape((4,))(L.Permute((2, 1))(L.Reshape((2, 2))(one))),
                5: lambda one, other: outer(L.Concatenate()([inner(one)[:, 1:3], other[:, ::3]])),
            }[kind](one, other)
        )
    assert differing(keras.Model(x, lut(3, 4)(L.Concatenate()([*tensors[-2:], tensors[0]])))) == 0


# ---------------------------------------------------------------- models of HGQ2, copied and saved


def shared_and_nested():
    inner, shared = keras.Sequential([keras.Input((2,)), QDenseT(3), QDense(2)]), QDenseT(2)
    x = keras.Input((4,))
    halves = inner(x[:, :2]), inner(x[:, 2:])
    return keras.Model(x, QDense(2)(L.Concatenate()([shared(halves[0]), shared(halves[1]), halves[0]])))


def built_within_fit():
    model = keras.Sequential([QDense(3, activation="relu"), QDenseT(2)])
    model.compile("adam", "mse")
    model.fit(np.random.default_rng(0).normal(size=(64, 4)).astype("f"), np.zeros((64, 2)), verbose=0)
    return model


def named_inputs_and_outputs():
    b, a = keras.Input((2,), name="b"), keras.Input((3,), name="a")
    h = L.Concatenate()([QDenseT(2)(a), b])
    return keras.Model({"b": b, "a": a}, {"z": QDense(2)(h), "a": QDenseT(1)(h)})


def index_expressions():
    x = keras.Input((4, 3))
    h = QDense(3)(x)
    parts = [h[:, 0], h[:, -1, ::2], h[..., 1], h[:, 1:3, 2], keras.ops.take(h, [2, 0], axis=1)[:, 0], h[:, None, 1, 0]]
    return keras.Model(x, QDense(2)(L.Concatenate()(parts)))


@pytest.mark.parametrize("make", [shared_and_nested, built_within_fit, named_inputs_and_outputs, index_expressions])
def test_copies_of_a_model_of_hgq2_are_the_model(make, tmp_path):
    """The copies live in the same process as the model, with the names that Keras then gives."""
    keras.utils.set_random_seed(1)
    model = make()
    model.save(tmp_path / "model.keras")
    model.save_weights(tmp_path / "model.weights.h5")
    cloned, again = keras.models.clone_model(model), make()
    cloned.set_weights(model.get_weights())
    again.load_weights(tmp_path / "model.weights.h5")
    count = sum(int(np.prod(x.shape[1:])) for x in model.inputs)
    copies = [model, load_model(tmp_path / "model.keras"), cloned, again, of_flat_input(model, count)]
    assert [differing(copy) for copy in copies] == [0] * 5
    networks = [integer_network(copy, inputs=[KIND] * count, wraps=True) for copy in copies]
    codes = random_codes(networks[0], 100)
    expected = evaluate(networks[0], codes)
    for network in networks[1:]:
        np.testing.assert_array_equal(evaluate(network, codes), expected)


@pytest.mark.parametrize("names", [("module", "class", "void"), ("a.b-c>d", "a_b_c_d", "1x"), ("int", "reg", "wire")])
def test_names_of_layers_are_free_in_all_forms(names):
    """Names that are words of Verilog or C++, and names that are equal once they are made names of modules."""
    keras.utils.set_random_seed(1)
    x = keras.Input((3,))
    model = keras.Model(x, QDense(2, name=names[1])(QDenseT(3, name=names[0])(x)), name=names[2])
    drawn = Drawn(model, [KIND] * 3, True)
    case = Case(drawn, integer_network(model, inputs=drawn.formats, wraps=True), made_cards.spec(latency_ns=100))
    codes = random_codes(case.network, 100)
    expected = evaluate(case.network, codes)
    forms = implementations(case)
    for form in ("keras", "rtl", "cpp"):
        np.testing.assert_array_equal(forms[form](codes), expected, err_msg=form)


@pytest.mark.parametrize("name", ["my model", "größe", "a\\b", "_first"])
def test_saved_names_that_tensorflow_refuses_are_changed(name, tmp_path):
    x = keras.Input((3,))
    model = keras.Model(x, L.Flatten(name="flat")(QDense(2)(x)), name=name)
    model.layers[-1].name = name
    model.save(tmp_path / "model.keras")
    loaded = load_model(tmp_path / "model.keras")
    assert len({layer.name for layer in (loaded, *loaded.layers)}) == 4
    network = integer_network(loaded, inputs=[KIND] * 3, wraps=True)
    codes = random_codes(network, 50)
    np.testing.assert_array_equal(run_keras(loaded, network, codes=codes), evaluate(network, codes))


def test_model_that_keras_cannot_evaluate_is_refused():
    model = keras.Sequential([keras.Input((3,), dtype="int32"), QDense(2)], name="of_integers")
    network = integer_network(model, inputs=[KIND] * 3, wraps=True)
    with pytest.raises(FirmwareError, match=r"model 'of_integers': Keras cannot evaluate it \(TypeError: .*float32"):
        run_keras(model, network, codes=random_codes(network, 5))


# ---------------------------------------------------------------- axes and formats


def behind(shape, layer):
    x = keras.Input(shape)
    h = layer(lut(shape[-1])(x))
    return keras.Model(x, lut(3)(L.Reshape((int(np.prod(h.shape[1:])),))(h)))


LAYERS = {
    (4, 2): [L.Flatten, L.GlobalMaxPooling1D, L.GlobalAveragePooling1D, lambda **o: L.MaxPooling1D(2, **o)],
    (2, 4, 2): [
        lambda **o: L.ZeroPadding2D(((1, 0), (0, 2)), **o),
        lambda **o: L.Cropping2D(((1, 0), (0, 1)), **o),
        lambda **o: L.AveragePooling2D(2, **o),
        L.GlobalMaxPooling2D,
    ],
}


def refusal(model):
    """Return the error of `integer_network`; None where its integers are the model."""
    try:
        assert differing(model) == 0
    except FirmwareError as error:
        return str(error)


@pytest.mark.parametrize("data_format", ["channels_first", "channels_last"])
def test_data_format_is_read_or_refused_by_name(data_format):
    messages = {}
    for shape, some in LAYERS.items():
        for layer in (make(data_format=data_format) for make in some):
            messages[layer.name] = refusal(behind(shape, layer))
    refused = {name: text for name, text in messages.items() if text is not None}
    assert all(name in text and "data_format 'channels_first'" in text for name, text in refused.items())
    assert len(refused) <= (2 if data_format == "channels_first" else 0)


@pytest.mark.parametrize(
    "move",
    [
        lambda x: x[:, :2],
        lambda x: x[..., 1:],
        lambda x: x[:, -1, None],
        lambda x: keras.ops.transpose(x, (0, 2, 1)),
        lambda x: keras.ops.roll(x, 1, axis=-1),
        lambda x: L.Concatenate(axis=1)([x, x[:, :1]]),
        lambda x: keras.ops.moveaxis(x, [1], [2]),
        lambda x: L.ZeroPadding1D((1, 0))(L.Cropping1D((0, 1))(x)),
    ],
)
def test_saved_rearrangements_give_the_same_integers(move, tmp_path):
    """Keras writes keys, axes and shapes as lists."""
    model = behind((4, 3), move)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", compile=False)
    assert differing(model) == 0
    assert differing(loaded) == 0


# ---------------------------------------------------------------- what has no exact integers


class Identity(L.Layer):
    """Has a name that Keras uses for something else."""

    def call(self, x):
        return keras.ops.sin(x)


class Doubled(LUTDense):
    def call(self, x, training=False):
        return 2 * super().call(x, training=training)


class OwnCall(keras.Sequential):
    def call(self, x, training=None, mask=None):
        return -super().call(x)


def refused_models():
    x = keras.Input((4,))
    h = lut(4)(x)
    yield "sin", lambda: keras.Model(x, Identity()(h))
    yield "call as a Doubled cannot be followed", lambda: keras.Model(x, Doubled(2, input_format=FORMAT)(x))
    yield "without a graph", lambda: OwnCall([keras.Input((4,)), lut(2)])
    yield "training=True", lambda: keras.Model(x, L.Dropout(0.5)(h, training=True))
    yield "over the batch", lambda: keras.Model(x, h[::-1, :])
    yield "over the batch", lambda: keras.Model(x, lut(2)(keras.ops.reshape(h, (-1, 2))))
    yield "computes in float16", lambda: keras.Model(x, L.Flatten(dtype="mixed_float16")(h))
    yield "shape", lambda: keras.Model(y := keras.Input((None, 4)), lut(2)(y))


@pytest.mark.parametrize(("text", "make"), list(refused_models()))
def test_models_that_compute_something_else_are_refused(text, make):
    with pytest.raises(FirmwareError, match=text):
        integer_network(make())


# ---------------------------------------------------------------- tables are those of the weights


@pytest.mark.parametrize("batch_norm", [False, True])
def test_tables_follow_each_weight_and_each_way_to_set_it(batch_norm, tmp_path):
    def model_of(seed):
        return keras.Sequential([keras.Input((3,)), lut(3, seed, batch_norm=batch_norm, edge_hidden_layers=2)])

    model, other = model_of(1), model_of(2)
    (layer,), x = model.layers, np.random.default_rng(0).normal(size=(100, 3)).astype("f4")
    names = [v.name for v in layer.variables if not v.name.startswith("table")]
    assert len(names) == (12 if batch_norm else 8)
    for name in names:
        (variable,) = (v for v in layer.variables if v.name == name)
        before = np.asarray(model(x))
        variable.assign(np.asarray(variable) * 0.6 + 0.3)
        now = np.asarray(model(x))
        np.testing.assert_array_equal(layer.table, layer.current_tables()[0], err_msg=name)
        if name != "batch_statistics":
            assert (now != before).any(), name
    means = [0.5 * (a + b) for a, b in zip(model.get_weights(), other.get_weights(), strict=True)]
    model.set_weights(means)  # tables and all
    model(x)
    np.testing.assert_array_equal(layer.table, layer.current_tables()[0])
    model.save_weights(tmp_path / "m.weights.h5")
    other(x)
    other.load_weights(tmp_path / "m.weights.h5")
    np.testing.assert_array_equal(other(x), model(x))


def test_averaged_weights_predict_save_and_become_integers(tmp_path):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(200, 4)).astype("f4")
    keras.utils.set_random_seed(1)
    model = keras.Sequential([lut(2, 1)])  # without Input: built within fit
    model.compile(keras.optimizers.Adam(0.05, use_ema=True, ema_momentum=0.9), "mse")
    file = tmp_path / "model.keras"
    model.fit(x, x[:, :2], epochs=2, verbose=0, callbacks=[keras.callbacks.ModelCheckpoint(file)])
    network = integer_network(model)
    codes = random_codes(network, 300)
    np.testing.assert_array_equal(run_keras(model, network, codes=codes), evaluate(network, codes))
    for layer in model.layers:
        np.testing.assert_array_equal(layer.table, layer.current_tables()[0])


def test_a_frozen_layer_changes_nothing_and_passes_gradients():
    x = np.random.default_rng(1).normal(size=(100, 4)).astype("f4")
    layers = [lut(3, 1), lut(2, 2, batch_norm=True)]
    model = keras.Sequential([keras.Input((4,)), *layers])
    layers[1].trainable = False
    model.compile("adam", "mse")
    h = model.layers[0](x)
    model(x)
    before = [[np.array(v) for v in layer.variables] for layer in layers]
    model.fit(x, x[:, :2], verbose=0)
    after = [[np.array(v) for v in layer.variables] for layer in layers]
    moved = [any((a != b).any() for a, b in zip(*pair, strict=True)) for pair in zip(before, after, strict=True)]
    assert moved == [True, False]
    layers[1].trainable = True
    layers[1](h, training=True)
    assert (np.asarray(layers[1].moving_mean) != 0).any()


def test_subclassed_model_is_built_within_fit_and_loaded(tmp_path):
    x = np.random.default_rng(1).normal(size=(100, 4)).astype("f4")
    model = Subclassed()
    model.compile("adam", "mse")
    assert np.isfinite(model.fit(x, x[:, :2], verbose=0).history["loss"][0])
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(x), model(x))


def test_mixed_precision_and_values_that_are_no_numbers():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        layers = [keras.Input((3,)), LUTDense(3, input_format="fixed<14,6>", max_input_bits=12, seed=1), lut(2)]
        assert differing(keras.Sequential(layers), [KIF(1, 5, 8)] * 3) == 0
    finally:
        keras.config.set_dtype_policy("float32")
    with pytest.raises(ConfigurationError, match="dtype: expected float32"):
        lut(2, dtype="float16")
    layer, x = lut(2), np.zeros((4, 3), "f4")
    x[1, 2], x[2, 0] = np.nan, np.inf
    for training in (False, True):
        y = np.asarray(layer(x, training=training))
        assert np.isnan(y).all(axis=1).tolist() == [False, True, False, False]
        np.testing.assert_array_equal(y[2], layer(np.array([[99.0, 0, 0]]))[0])
