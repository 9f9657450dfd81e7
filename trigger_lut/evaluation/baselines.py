"""Baselines without quantization: a Dense network of the same widths, and boosted trees."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trigger_lut.data.event_codes import TEST, TRAIN, VALIDATION, EventCodes
from trigger_lut.fixed_point.decode import decoded

MAX_EVENTS = 1_000_000  # of a split, for training and selection; bounds time and memory
EPOCHS, BATCH_SIZE, LEARNING_RATE, PATIENCE = 150, 256, 3e-3, 25


Outputs = dict[int, NDArray[np.float32]]
"""(N, outputs) by split, VALIDATION and TEST: logits or log-probabilities a class, or targets of a regression."""


def first_events(events: EventCodes, split: int) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Return the first MAX_EVENTS events of a split, which are in the order of a hash.

    Parameters
    ----------
    events : EventCodes
        Events of a data set.
    split : int
        TRAIN, VALIDATION or TEST.

    Returns
    -------
    values : (N, C) ndarray
        Real input values.
    truth : (N,) or (N, T) ndarray
        Labels or targets.
    weights : (N,) ndarray or None
        Weights of the events.
    """
    codes, truth = events.first(split, MAX_EVENTS)
    weights = events.weights_of(split)
    return decoded(codes, events.formats), truth, None if weights is None else weights[: len(codes)]


def predictions_by_split(predict: Callable[[np.ndarray], np.ndarray], events: EventCodes) -> Outputs:
    """Evaluate a baseline on all events of validation and test, chunk by chunk."""
    return {
        s: np.concatenate([predict(decoded(codes, events.formats)) for codes, _ in events.chunks(s)]).astype(np.float32)
        for s in (VALIDATION, TEST)
    }


def dense_predictions(events: EventCodes, units: list[int], seed: int) -> tuple[Outputs, int]:
    """Train a Dense network with ReLU in float32 on standardized input.

    Inputs beyond the range of the training split are clipped to it, as the formats of the firmware do. If other classes
    are tested than were trained on, the network would extrapolate otherwise.

    Parameters
    ----------
    events : EventCodes
        Events of a data set.
    units : list of int
        Units of the layers, the outputs last.
    seed : int
        Seed of the weights and of the order of events.

    Returns
    -------
    outputs : Outputs
        Outputs on validation and test split.
    parameters : int
        Number of trainable parameters.
    """
    import keras

    keras.utils.set_random_seed(seed)
    x, y, weights = first_events(events, TRAIN)
    mean, spread, low, high = x.mean(axis=0), x.std(axis=0), x.min(axis=0), x.max(axis=0)
    spread = np.where(spread > 0, spread, 1.0)  # channels that never vary

    def standardized(values: np.ndarray) -> np.ndarray:
        return np.asarray((np.clip(values, low, high) - mean) / spread, np.float32)

    hidden = [keras.layers.Dense(n, activation="relu") for n in units[:-1]]
    model = keras.Sequential([keras.Input((x.shape[1],)), *hidden, keras.layers.Dense(units[-1])])
    steps = EPOCHS * -(-len(x) // BATCH_SIZE)
    model.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(LEARNING_RATE, steps)),
        "mse" if events.regression else keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=None if events.regression else ["accuracy"],
        jit_compile=True,
    )
    watched: dict[str, Any] = {"monitor": "val_loss"} if events.regression else {"monitor": "val_accuracy"}
    stop = keras.callbacks.EarlyStopping(**watched, patience=PATIENCE, restore_best_weights=True)
    check, check_truth, _ = first_events(events, VALIDATION)
    model.fit(
        standardized(x),
        y,
        batch_size=BATCH_SIZE,
        epochs=EPOCHS,
        sample_weight=weights,
        validation_data=(standardized(check), check_truth),
        validation_batch_size=8192,
        callbacks=[stop],
        verbose=0,
    )
    outputs = predictions_by_split(lambda x: model.predict(standardized(x), batch_size=8192, verbose=0), events)
    return outputs, sum(int(np.prod(v.shape)) for v in model.trainable_variables)


def tree_predictions(events: EventCodes, seed: int) -> Outputs:
    """Train scikit-learn's histogram gradient boosting, with early stopping on a tenth of the training split.

    Parameters
    ----------
    events : EventCodes
        Events of a data set.
    seed : int
        Seed of the trees.

    Returns
    -------
    Outputs
        Outputs on validation and test split.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    x, y, weights = first_events(events, TRAIN)
    options: dict[str, Any] = {
        "learning_rate": 0.05,
        "max_iter": 400,
        "max_leaf_nodes": 15,
        "early_stopping": True,
        "random_state": seed,
    }
    if events.regression:
        fitted = [HistGradientBoostingRegressor(**options).fit(x, column, sample_weight=weights) for column in y.T]
        return predictions_by_split(lambda x: np.stack([trees.predict(x) for trees in fitted], axis=1), events)
    trees = HistGradientBoostingClassifier(**options).fit(x, y, sample_weight=weights)
    with np.errstate(divide="ignore"):
        return predictions_by_split(lambda x: np.log(trees.predict_proba(x)), events)
