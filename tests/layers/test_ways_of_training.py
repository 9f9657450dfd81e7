"""Keras' ways of training: after each, predictions and integers are those of the weights, in and out of files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from networks import random_codes

from trigger_lut.conversion.keras_model import integer_network
from trigger_lut.layers import LUTDense
from trigger_lut.network.reference_model import evaluate
from trigger_lut.verification.keras_model import run_keras

RNG = np.random.default_rng(1)
X = RNG.normal(size=(96, 3)).astype("f4")
Y = (X[:, 0] * X[:, 1] > 0).astype("i4")
WEIGHT = {0: 1.0, 1: 3.0}
BATCH = 32


def made_model() -> keras.Model:
    keras.utils.set_random_seed(2)
    options = {"edge_hidden_units": 2, "max_input_bits": 4, "input_format": "fixed<5,3>"}
    layers = [LUTDense(4, batch_norm=True, seed=1, **options), LUTDense(2, seed=2, **options)]
    return keras.Sequential([keras.Input((3,)), *layers])


def compiled(model: keras.Model, optimizer=None, **options) -> keras.Model:
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer or keras.optimizers.Adam(0.02), loss, **options)
    return model


def fitted(model: keras.Model, *data, **options) -> None:
    model.fit(*(data or (X, Y)), epochs=2, batch_size=None if data else BATCH, shuffle=False, verbose=0, **options)


def by_batch(model: keras.Model) -> None:
    compiled(model)
    for start in range(0, len(X), BATCH):
        loss = model.train_on_batch(X[start : start + BATCH], Y[start : start + BATCH])
        assert np.isfinite(loss)


def own_loop(model: keras.Model, compile_step: bool) -> None:
    loss, optimizer = keras.losses.SparseCategoricalCrossentropy(from_logits=True), keras.optimizers.Adam(0.02)
    optimizer.build(model.trainable_variables)

    def step(x, y):
        with tf.GradientTape() as tape:
            value = loss(y, model(x, training=True))
        optimizer.apply(tape.gradient(value, [v.value for v in model.trainable_variables]), model.trainable_variables)

    step = tf.function(step) if compile_step else step
    for start in range(0, len(X), BATCH):
        step(tf.constant(X[start : start + BATCH]), tf.constant(Y[start : start + BATCH]))


def accumulated(model: keras.Model) -> None:
    fitted(compiled(model, keras.optimizers.Adam(0.02, gradient_accumulation_steps=2)))


def with_callbacks(model: keras.Model) -> None:
    callbacks = [
        keras.callbacks.SwapEMAWeights(swap_on_epoch=True),
        keras.callbacks.EarlyStopping("loss", patience=0, restore_best_weights=True),
        keras.callbacks.ReduceLROnPlateau("loss", patience=0),
        keras.callbacks.TerminateOnNaN(),
    ]
    optimizer = keras.optimizers.Adam(0.02, use_ema=True, ema_momentum=0.8)
    fitted(compiled(model, optimizer), callbacks=callbacks)


def from_data_set(model: keras.Model) -> None:
    weights = np.array([WEIGHT[y] for y in Y], "f4")
    fitted(compiled(model), tf.data.Dataset.from_tensor_slices((X, Y, weights)).batch(BATCH).prefetch(1))


WAYS: dict[str, Callable[[keras.Model], None]] = {
    "eager": lambda m: fitted(compiled(m, run_eagerly=True)),
    "graph": lambda m: fitted(compiled(m, jit_compile=False)),
    "XLA": lambda m: fitted(compiled(m, jit_compile=True)),
    "batches": by_batch,
    "own loop": lambda m: own_loop(m, False),
    "own compiled loop": lambda m: own_loop(m, True),
    "accumulated gradients": accumulated,
    "callbacks": with_callbacks,
    "data set with weights": from_data_set,
    "class weights": lambda m: fitted(compiled(m), class_weight=WEIGHT),
    "steps in one call": lambda m: fitted(compiled(m, steps_per_execution=3)),
}
SAME = [("eager", "graph"), ("graph", "XLA"), ("data set with weights", "class weights")]


def differing(model: keras.Model) -> int:
    network = integer_network(model, wraps=True)
    codes = random_codes(network, 200)
    expected = evaluate(network, codes)
    assert len(np.unique(expected, axis=0)) > 5
    return int((run_keras(model, network, codes=codes) != expected).any(axis=1).sum())


@pytest.fixture(scope="module")
def trained() -> dict[str, keras.Model]:
    models = {}
    for name, train in WAYS.items():
        models[name] = made_model()
        train(models[name])
    return models


@pytest.mark.parametrize("name", WAYS)
def test_predictions_and_integers_follow_the_trained_weights(name, trained, tmp_path: Path):
    model, before = trained[name], made_model()
    assert any((np.array(v) != np.array(w)).any() for v, w in zip(model.weights, before.weights, strict=True))
    assert differing(model) == 0
    for layer in model.layers:
        np.testing.assert_array_equal(layer.table, layer.current_tables()[0])
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", compile=False)
    np.testing.assert_array_equal(loaded.predict(X, verbose=0), model.predict(X, verbose=0))


@pytest.mark.parametrize(("one", "other"), SAME)
def test_equal_trainings_give_equal_weights(one, other, trained):
    for v, w in zip(trained[one].trainable_weights, trained[other].trainable_weights, strict=True):
        np.testing.assert_allclose(v, w, atol=2e-3, err_msg=v.path)
    some = trained[one].trainable_weights[0], trained["batches"].trainable_weights[0]
    assert not np.allclose(*some, atol=2e-3), "another training gives other weights"


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float64"])
def test_policies_leave_the_tables_exact(policy):
    keras.config.set_dtype_policy(policy)
    try:
        model = made_model()
        fitted(compiled(model))
        assert differing(model) == 0
    finally:
        keras.config.set_dtype_policy("float32")


def test_a_value_that_is_no_number_shows_in_fit_and_predict():
    """As with Keras' own layers: the loss of its batch and the outputs of its event are NaN."""
    model, x = compiled(made_model()), X.copy()
    x[5, 1] = np.nan
    predicted = model.predict(x, verbose=0)
    assert np.isnan(predicted).all(axis=1).nonzero()[0].tolist() == [5]
    assert np.isfinite(np.delete(predicted, 5, axis=0)).all()
    assert np.isnan(model.fit(x, Y, verbose=0).history["loss"][0])
