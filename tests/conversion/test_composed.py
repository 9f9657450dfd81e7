"""Softmax, attention and recurrent layers of HGQ2: the integers are the model."""

import keras
import numpy as np
import pytest
from converted import KIND, branches, built, seq, unexplained
from hgq.layers import (
    QGRU,
    QLIF,
    QDense,
    QEinsum,
    QEinsumDense,
    QEinsumDenseT,
    QLinformerAttention,
    QLinformerAttentionT,
    QMultiHeadAttention,
    QMultiHeadAttentionT,
    QSimpleRNN,
    QSimpleSNN,
    QSoftmax,
    QUnaryFunctionLUT,
)
from made_cards import spec

from trigger_lut.conversion.composed import COMPOSED
from trigger_lut.conversion.keras_model import integer_network
from trigger_lut.errors import FirmwareError
from trigger_lut.firmware.rtl.build import write_rtl
from trigger_lut.verification.formal.word_level import prove_words, read_verilog

L, ops = keras.layers, keras.ops


def attended(kind, shape=(3, 2), **options):
    x = keras.Input(shape)
    return keras.Model(x, QDense(2)(L.Flatten()(kind(num_heads=1, key_dim=2, **options)(x, x))))


def by_hand():
    x = keras.Input((3, 2))
    query, key, value = (QEinsumDense("bnc,cd->bnd", (3, 2))(x) for _ in range(3))
    weights = QSoftmax(axis=-1)(QEinsum("bid,bjd->bij")([query, key]))
    return keras.Model(x, QDense(2)(L.Flatten()(QEinsum("bij,bjd->bid")([weights, value]))))


def tables(equation, shape, output, **options):
    # HGQ2 0.2.0 evaluates this layer only with hidden layers of width 1
    return seq(shape, QEinsumDenseT(equation, output, d_hl=1, **options), L.Flatten(), QDense(2))


def constants():
    rng = np.random.default_rng(1)
    matrix, offset = rng.integers(-4, 5, (4, 3)) / 4, rng.integers(-9, 9, 4) / 8
    return branches(lambda a, b: QDense(2)(ops.matmul(1 - (a + offset.astype("f4")), matrix.astype("f4")) * 1.0))


MODELS = {
    "QSoftmax": lambda: seq((4,), QDense(4), QSoftmax(), QDense(3)),
    "QSoftmax, not stable": lambda: seq((4,), QDense(4, enable_oq=True), QSoftmax(stable=False), QDense(3)),
    "QMultiHeadAttention": lambda: attended(QMultiHeadAttention, fuse="qkv"),
    "QMultiHeadAttentionT": lambda: attended(QMultiHeadAttentionT, d_hl=1),
    "QLinformerAttention": lambda: attended(QLinformerAttention, lin_kv_proj_dim=2),
    "QLinformerAttentionT": lambda: attended(QLinformerAttentionT, lin_kv_proj_dim=2, d_hl=1),
    "attention by hand": by_hand,
    "QSimpleRNN": lambda: seq((3, 2), QSimpleRNN(3), QDense(2)),
    "QSimpleRNN, sequences": lambda: seq(
        (3, 2), QSimpleRNN(3, return_sequences=True, go_backwards=True), L.Flatten(), QDense(2)
    ),
    "QGRU": lambda: seq((3, 2), QGRU(3), QDense(2)),
    "QGRU, reset before": lambda: seq((3, 2), QGRU(2, reset_after=False), QDense(2)),
    "QSimpleSNN": lambda: seq(
        (4, 2), QDense(3), QSimpleSNN(3, threshold=0.5, return_sequences=True), L.Flatten(), QDense(2)
    ),
    "QLIF": lambda: seq(
        (4, 2), QDense(3), QLIF(3, beta=0.5, reset_mechanism="zero", return_sequences=True), L.Flatten(), QDense(2)
    ),
    "QLIF with quantized states": lambda: seq(
        (4, 2),
        QDense(3),
        QLIF(3, beta=0.8125, surrogate_disable=True, enable_sq=True, enable_oq=True, return_sequences=True),
        L.Flatten(),
        QDense(2),
    ),
    "QEinsumDenseT": lambda: tables("bnc,cd->bnd", (3, 2), (3, 4), bias_axes="d"),
    "QEinsumDenseT, transposed": lambda: tables("bnc,ncd->bdn", (3, 2), (4, 3), batch_norm=True, bias_axes="d"),
    "QEinsumDenseT, first axis": lambda: tables("bnc,nm->bmc", (3, 2), (2, 2), activation="relu", bias_axes="c"),
    "activation without input quantizer": lambda: seq(
        (4,), QDense(4), QUnaryFunctionLUT("tanh", enable_iq=False), QDense(3)
    ),
    "activation without output quantizer": lambda: seq(
        (4,), QDense(4), QUnaryFunctionLUT("tanh", enable_oq=False, enable_ebops=False), QDense(3)
    ),
    "constants": constants,
}


@pytest.mark.parametrize("name", MODELS)
def test_composed_model_is_converted(name):
    assert unexplained(built(MODELS[name])) == 0


def test_first_step_of_zeros_adds_no_layer():
    network = integer_network(built(MODELS["QSimpleRNN"]), inputs=[KIND] * 6, wraps=True)
    assert all(layer.shape[0] > 0 for layer in network.layers)


def test_each_composed_layer_is_tested():
    assert {kind for kind in COMPOSED if not any(name.startswith(kind) for name in MODELS)} == set()


def test_softmax_is_the_same_in_logic_and_proven(tmp_path):
    model = built(lambda: seq((3,), QSoftmax(enable_iq=True, enable_oq=True)))
    network = integer_network(model, inputs=[KIND] * 3, wraps=True)
    assert {layer.kind for layer in network.layers} == {"tables", "linear", "max"}
    project = write_rtl(network, tmp_path, spec=spec())
    assert set(prove_words(network, project, verilog=read_verilog(project)).open) == {""}


REFUSED = {
    "inhibition": (lambda: seq((3, 2), QSimpleSNN(2, inhibition=True)), r"inhibition\. Expected spikes that are 1"),
    "no step": (lambda: seq((3, 2), QSimpleSNN(2, spike_grad=keras.ops.tanh)), "a spike function that is no step at 0"),
    "stateful": (
        lambda: keras.Sequential([keras.Input((3, 2), batch_size=2), QGRU(2, stateful=True)]),
        "between events",
    ),
    "float state": (lambda: seq((3, 2), QSimpleRNN(2, activation="tanh"), QDense(1)), "no exact fixed-point form"),
    "mask": (lambda: seq((3, 2), L.Masking(), QSimpleRNN(2)), "Masking"),
    "LSTM": (lambda: seq((3, 2), L.LSTM(2)), "is a LSTM: recurrent, with real states; use QGRU or QSimpleRNN"),
    "attention": (lambda: attended(L.MultiHeadAttention), "is a MultiHeadAttention: real values without quantizers"),
    "LayerNormalization": (lambda: seq((3,), L.LayerNormalization()), "divides by a statistic of several real values"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_layer_without_exact_form_is_refused_with_its_reason(name):
    make, message = REFUSED[name]
    model = make()
    size = int(np.prod(model.inputs[0].shape[1:]))
    with pytest.raises(FirmwareError, match=message):
        integer_network(model, inputs=[KIND] * size, wraps=True)
