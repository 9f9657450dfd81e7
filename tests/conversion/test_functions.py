"""Functions of one value, averages, minima and rounding modes: the integers are the model."""

import keras
import numpy as np
import pytest
from converted import KIND, between, branches, built, seq, unexplained
from hgq.layers import QConv2D, QConv3D, QDense, QDenseT, QGlobalAveragePooling2D, QMinimum
from hypothesis import given, settings
from hypothesis import strategies as st
from quantizers.fixed_point._fixed_point_ops import _get_fixed_quantizer

from trigger_lut.conversion.final_activation import without_final_activation
from trigger_lut.conversion.functions import RealFunction, exact_chain, quantized_chain, single
from trigger_lut.conversion.keras_model import integer_network
from trigger_lut.conversion.rounding import MODES, SUPPORTED, quantize_real, rounding_layer
from trigger_lut.errors import FirmwareError
from trigger_lut.fixed_point.formats import KIF, kif_for_range
from trigger_lut.fixed_point.ranges import OVERFLOWS
from trigger_lut.network.network import Network
from trigger_lut.network.reference_model import evaluate

L = keras.layers


@keras.saving.register_keras_serializable("test_functions")
def share(x):
    return x / (1 + keras.ops.sum(keras.ops.abs(x), axis=-1, keepdims=True))


def pooled(layer):
    return seq((4, 4, 1), QConv2D(2, 2, activation="relu"), layer, L.Flatten(), QDense(3))


def normalized():
    return between(
        L.BatchNormalization(
            moving_mean_initializer="random_normal", gamma_initializer="uniform", beta_initializer="uniform"
        )
    )


MODELS = {
    "tanh": lambda: seq((4,), QDense(4, activation="tanh"), QDense(3)),
    "gelu": lambda: seq((4,), QDense(4, activation="gelu"), QDense(3)),
    "sigmoid and relu6": lambda: seq((4,), QDense(4, activation="sigmoid"), QDense(4, activation="relu6"), QDense(3)),
    "QDenseT": lambda: seq((4,), QDenseT(3, activation="tanh"), QDense(3)),
    "LeakyReLU": lambda: between(L.LeakyReLU()),
    "PReLU": lambda: between(L.PReLU(alpha_initializer="uniform")),
    "ReLU": lambda: between(L.ReLU(max_value=2, negative_slope=0.25, threshold=0.5)),
    "hard_sigmoid": lambda: between(L.Activation("hard_sigmoid")),
    "Rescaling": lambda: seq((4,), L.Rescaling(1 / 3, 0.1), QDense(3)),
    "Rescaling of channels": lambda: seq((2, 3), L.Rescaling([0.5, 2, 1 / 3], [0, 1, 2]), L.Flatten(), QDense(3)),
    "Normalization": lambda: seq(
        (4,), L.Normalization(mean=[0.1, 0.2, 0.3, 0.4], variance=[1.0, 2, 3, 0.5]), QDense(3)
    ),
    "BatchNormalization": normalized,
    "functions of functions": lambda: branches(lambda a, b: keras.ops.tanh(keras.ops.maximum(a, 0.3) * 0.7)[:, ::-1]),
    "constant of padding": lambda: pooled(L.ZeroPadding2D(1)).__class__(
        [keras.Input((2, 2, 1)), QConv2D(2, 1), L.ZeroPadding2D(1), L.Activation("sigmoid"), L.Flatten(), QDense(2)]
    ),
    "average of nine": lambda: pooled(L.AveragePooling2D(3)),
    "average at the edge": lambda: pooled(L.AveragePooling2D(2, strides=2, padding="same")),
    "GlobalAveragePooling2D": lambda: pooled(L.GlobalAveragePooling2D()),
    "QGlobalAveragePooling2D": lambda: pooled(QGlobalAveragePooling2D()),
    "Average": lambda: branches(lambda a, b: L.Average()([a, b, a])),
    "mean": lambda: branches(lambda a, b: keras.ops.mean(keras.ops.stack([a, b, a], axis=1), axis=1)),
    "QMinimum": lambda: branches(lambda a, b: QMinimum()([a, b])),
    "minimum": lambda: branches(lambda a, b: keras.ops.min(keras.ops.minimum(a, b), axis=1, keepdims=True)),
    "QConv3D": lambda: seq((2, 2, 2, 1), QConv3D(2, 2), L.Flatten(), QDense(2)),
    "UpSampling2D": lambda: pooled(L.UpSampling2D(2)),
}


@pytest.mark.parametrize("name", MODELS)
def test_model_with_functions_is_converted(name):
    assert unexplained(built(MODELS[name])) == 0


@pytest.mark.parametrize("rounding", SUPPORTED)
@pytest.mark.parametrize("overflow", ["WRAP", "SAT_SYM"])
def test_model_with_a_rounding_mode_is_converted(rounding, overflow):
    make = lambda: seq((4,), QDense(4, activation="tanh"), QDense(4), QDense(3))  # noqa: E731
    assert unexplained(built(make, round_mode=rounding, overflow_mode=overflow)) == 0


# ---------------------------------------------------------------- one function, all codes

KIFS = st.builds(lambda k, i, f: KIF(k, i, f), st.integers(0, 1), st.integers(0, 3), st.integers(1, 4))
SHAPES = {
    "tanh": np.tanh,
    "line": lambda x: 0.37 * x + 0.11,
    "third": lambda x: (x.astype(np.float32) / np.float32(3)).astype(float),
    "leaky": lambda x: np.where(x > 0, x, 0.3 * x),
    "sine": lambda x: np.sin(3 * x),
    "constant": lambda x: np.full(len(x), 0.7),
    "step": lambda x: np.where(x > 0.2, 5.0, -1.0),
}


def outputs_of(chain, lo, hi, f, kif=None, overflow="WRAP", rounding="TRN"):
    """Evaluate a chain for all codes, and quantize its output."""
    layers, ids = [], [0]
    for layer, reads in zip(chain.layers, chain.reads, strict=True):
        layers.append(layer.__class__(**{**vars(layer), "gather_index": np.array([[ids[read] for read in reads]])}))
        ids.append(len(ids))
    network = Network((kif_for_range(lo, hi, f=f),), tuple(layers))
    values = evaluate(network, np.arange(lo, hi + 1)[:, None])[:, 0] * 2.0 ** -float(network.fractions[0])
    return (
        values
        if kif is None
        else quantize_real(values, kif, overflow=overflow, rounding="RND" if rounding == "RND" else "TRN")
    )


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(
    st.sampled_from(sorted(SHAPES)),
    st.integers(-3000, 3000),
    st.integers(1, 6000),
    st.integers(4, 10),
    KIFS,
    st.sampled_from(OVERFLOWS),
    st.sampled_from(SUPPORTED),
)
def test_chain_gives_the_quantized_results_of_all_codes(shape, lo, count, f, kif, overflow, rounding):
    hi = lo + count
    results = SHAPES[shape](np.arange(lo, hi + 1) * 2.0**-f)
    function = RealFunction("f", 0, lo, hi, f, results)
    chain = quantized_chain(function, kif, overflow=overflow, rounding=rounding)
    expected = quantize_real(results, kif, overflow=overflow, rounding=rounding)
    np.testing.assert_array_equal(outputs_of(chain, lo, hi, f, kif, overflow, rounding), expected)
    assert max(int(x.widths.max()) for x in chain.layers if hasattr(x, "widths")) <= 14 if len(chain.layers) > 1 else 1


@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(st.sampled_from(sorted(MODES)), st.integers(0, 1), st.integers(-2, 5), st.integers(-3, 6), st.integers(1, 6))
def test_rounding_layer_and_hgq2_give_the_same(mode, k, i, fraction_bits, dropped):
    source = KIF(k, max(i, 1 - fraction_bits), fraction_bits + dropped)
    x = np.arange(source.lo, source.hi + 1) * source.step
    kif = KIF(1, source.i + 1, fraction_bits)
    expected = np.asarray(_get_fixed_quantizer(mode, "SAT")(x.astype("f4"), 1.0, float(kif.i), float(kif.f)))
    outputs = outputs_of(
        single(rounding_layer("r", source, fraction_bits=fraction_bits, rounding=mode)),
        source.lo,
        source.hi,
        source.f,
        kif,
    )
    np.testing.assert_array_equal(outputs * kif.step, expected)


def test_wrong_entry_of_a_chain_is_seen():
    """Negative control: a threshold of one code more, and an entry of one step more."""
    results = np.tanh(np.arange(-4096, 4096) * 2.0**-10)
    kif = KIF(1, 0, 5)
    chain = quantized_chain(RealFunction("f", 0, -4096, 4095, 10, results), kif, overflow="SAT", rounding="RND")
    assert len(chain.layers) == 5
    for n in (1, 4):
        tables = chain.layers[n].tables.copy()
        tables[0, 0, tables.shape[2] // 2] += 1
        layers = list(chain.layers)
        layers[n] = layers[n].__class__(**{**vars(layers[n]), "tables": tables})
        wrong = outputs_of(chain.__class__(tuple(layers), chain.reads), -4096, 4095, 10, kif, "SAT", "TRN")
        assert (wrong != quantize_real(results, kif, overflow="SAT", rounding="RND")).any()


def test_results_without_a_quantizer_are_exact_or_refused():
    function = RealFunction("half", 0, -8, 7, 0, np.arange(-8, 8) * 0.5)
    np.testing.assert_array_equal(outputs_of(exact_chain(function), -8, 7, 0), function.results)
    with pytest.raises(FirmwareError, match="layer 'activation': its results have no exact fixed-point form"):
        integer_network(seq((2,), L.Activation("tanh", name="activation")), inputs=[KIND] * 2)
    wide = seq((2,), L.Activation("tanh", name="wide"), QDense(2))
    with pytest.raises(FirmwareError, match=r"layer 'wide': its argument has 30 bits\. Expected at most 22"):
        integer_network(wide, inputs=[KIF(1, 3, 26)] * 2)
    huge = seq((2,), L.Rescaling(float("inf"), name="huge"), QDense(2))
    with pytest.raises(FirmwareError, match="layer 'huge': a Rescaling has results that are not finite"):
        integer_network(huge, inputs=[KIND] * 2)


def test_square_of_each_code_is_exact():
    x = keras.Input((1,))
    network = integer_network(keras.Model(x, x**2), inputs=[KIND], wraps=True)
    codes = np.arange(KIND.lo, KIND.hi + 1)[:, None]
    np.testing.assert_array_equal(evaluate(network, codes) * 2.0**-network.fractions, (codes * KIND.step) ** 2)


@pytest.mark.parametrize("make", [lambda: L.Activation(share), lambda: QDense(4, activation=share)])
def test_function_of_several_values_is_refused(make):
    model = seq((4,), QDense(4), make(), QDense(3))
    with pytest.raises(FirmwareError, match="gives a value that depends on other values of the event"):
        integer_network(model, inputs=[KIND] * 4, wraps=True)


# ---------------------------------------------------------------- softmax and sigmoid at the end


def ended_by(kind):
    x = keras.Input((4,))
    h = QDense(4, activation="relu")(x)
    return {
        "layer": lambda: keras.Model(x, L.Softmax()(QDense(3, name="logits")(h))),
        "activation": lambda: keras.Model(x, L.Activation("sigmoid")(QDense(3)(h))),
        "in dense": lambda: keras.Model(x, QDense(3, activation="softmax")(h)),
        "nested": lambda: keras.Model(x, seq((4,), QDense(3, activation="softmax"))(h)),
        "operation": lambda: keras.Model(x, keras.ops.sigmoid(QDense(3)(h))),
    }[kind]()


@pytest.mark.parametrize("kind", ["layer", "activation", "in dense", "nested", "operation"])
def test_final_activation_is_removed_with_a_note(kind, tmp_path):
    model = built(lambda: ended_by(kind))
    logits, note = without_final_activation(model)
    assert "at the end is not part of the firmware" in note
    x = np.random.default_rng(0).normal(size=(200, 4)).astype("f4")
    before, after = np.asarray(model(x)), np.asarray(logits(x))
    assert ((after < 0) | (after > 1)).any()
    np.testing.assert_array_equal(before.argmax(axis=1), after.argmax(axis=1))
    assert unexplained(logits) == 0
    logits.save(tmp_path / "m.keras")
    np.testing.assert_array_equal(keras.models.load_model(tmp_path / "m.keras", compile=False)(x), after)
    with pytest.raises(FirmwareError):
        integer_network(model, inputs=[KIND] * 4, wraps=True)


def test_model_without_final_activation_stays_as_it_is():
    model = built(MODELS["tanh"])
    assert without_final_activation(model) == (model, None)
    constant = seq((4,), QDense(1, activation="softmax"))
    assert without_final_activation(constant) == (constant, None)
    over_positions = seq((4, 2), L.Softmax(axis=1))
    assert without_final_activation(over_positions) == (over_positions, None)


def test_softmax_within_a_model_is_refused():
    model = seq((4,), QDense(3, activation="softmax", name="early"), QDense(2))
    with pytest.raises(FirmwareError, match="layer 'early': activation 'softmax' within the model"):
        integer_network(model, inputs=[KIND] * 4, wraps=True)


def test_small_bias_is_converted():
    """HGQ2's trace_minmax leaves biases of any number of fraction bits."""
    model = built(lambda: seq((4,), QDense(3, bias_initializer="ones"), QDense(3)))
    layer = model.layers[0]
    layer.bias.assign(np.array([1, -3, 7]) * 2.0**-22)
    layer.bq.quantizer._i.assign([-18.0] * 3)
    assert unexplained(model) == 0
    first = integer_network(model, inputs=[KIND] * 4, wraps=True).layers[0]
    np.testing.assert_array_equal(first.bias * 2.0**-first.fraction_bits, np.array([1, -3, 7]) * 2.0**-22)
