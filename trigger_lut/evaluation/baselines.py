"""Baselines without quantization: the same network in float, what is learnable from objects, and boosted trees."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trigger_lut.config.data_set.heads import CLASSES, TARGETS, HeadKind
from trigger_lut.config.network import NetworkShape
from trigger_lut.data.event_codes import TEST, TRAIN, VALIDATION, EventCodes
from trigger_lut.evaluation import float_networks
from trigger_lut.evaluation.predictions import DEEP_SET, DENSE, SAME, TREES, WIDE
from trigger_lut.fixed_point.decode import decoded

MAX_EVENTS = 1_000_000  # of a split, for training and selection; bounds time and memory
EPOCHS = 100  # at least, unless training has converged
LEARNING_RATE, RATE_STEP, RATE_PATIENCE, PATIENCE = 3e-3, 0.3, 6, 20
BATCH_SIZE, LEAST_BATCH, LEAST_STEPS = 256, 32, 50  # events per step; steps per epoch of small samples
STEPS_AT_ONCE = 64  # between returns to Python, each of which takes longer than a step of a small network
ROUNDS, ROUND_PATIENCE = 1000, 10  # of boosting


Outputs = dict[int, NDArray[np.float32]]
"""(N, outputs) by split, VALIDATION and TEST: logits or log-probabilities a class, or targets of a regression."""


@dataclass(frozen=True)
class FittedBaseline:
    """One trained method.

    Attributes
    ----------
    outputs : Outputs
        Outputs on validation and test split.
    layers : str
        What it consists of.
    parameters : int
        Trainable parameters; of trees their leaves.
    epochs : int
        Epochs that it was trained; of trees the rounds of boosting.
    converged : bool
        The loss on events of the validation split stopped falling before the largest number of epochs was reached.
    """

    outputs: Outputs
    layers: str
    parameters: int
    epochs: int
    converged: bool


Fit = Callable[..., FittedBaseline]
"""Function of events and epochs of the design, with the keyword `seed`."""


def baselines_of(network: NetworkShape) -> dict[str, Fit]:
    """Return the baselines of a network by name.

    Parameters
    ----------
    network : NetworkShape
        The network of the designs.

    Returns
    -------
    dict of str to callable
        The same layers in float, or Dense layers where the layers are not known. For inputs in rows of objects, a deep
        set or a network three times as wide. Boosted trees.
    """
    if network.baseline_units is not None:
        units = network.baseline_units
        return {DENSE: _network(lambda n, _: float_networks.dense_network(units, n)), TREES: tree_predictions}
    fits = {SAME: _network(lambda n, _: float_networks.same_network(network, n), network.input_shape)}
    shape = tuple(network.input_shape or ())
    kinds = {layer.kind for layer in network.layers or []}
    if len(shape) > 1 and ("sum" in kinds or not float_networks.can_be_widened(network)):
        fits[DEEP_SET] = _network(lambda _, outputs: float_networks.deep_set(shape, outputs), network.input_shape)
    elif len(shape) > 1:
        wide = float_networks.WIDER
        fits[WIDE] = _network(lambda n, _: float_networks.same_network(network, n, wider=wide), network.input_shape)
    return {**fits, TREES: tree_predictions}


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


def _network(build: Callable[[int, int], Any], shape: list[int] | None = None) -> Fit:
    """Return the training of a network that is built from the number of inputs and outputs."""

    def fit(events: EventCodes, epochs: int, seed: int) -> FittedBaseline:
        import keras

        keras.utils.set_random_seed(seed)
        return network_predictions(events, build(len(events.features), len(events.classes)), epochs=epochs, shape=shape)

    return fit


def network_predictions(
    events: EventCodes, model: Any, *, epochs: int, shape: list[int] | None = None
) -> FittedBaseline:
    """Train a network in float32 on standardized input, with the weights of the events.

    Inputs beyond the range of the training split are clipped to it, as the formats of the firmware do. If other classes
    are tested than were trained on, the network would extrapolate otherwise.

    The learning rate falls where the loss on the validation split stays, and training ends where it stays longer. The
    weights of the smallest loss are kept.

    Parameters
    ----------
    events : EventCodes
        Events of a data set.
    model : keras.Model
        The network.
    epochs : int
        Epochs of the designs; the largest number of epochs is at least this.
    shape : list of int or None
        Shape of an event: features of the last axis are standardized with all objects together, as a layer that objects
        share needs it. None: every channel has its own mean.

    Returns
    -------
    FittedBaseline
        The trained network.
    """
    import keras

    x, y, weights = first_events(events, TRAIN)
    standardized = _standardization(x, x.shape[1] if shape is None else shape[-1])
    heads, compiled = events.placed_heads, _with_heads(model, events)

    def by_head(truth: np.ndarray) -> list[np.ndarray]:
        return [one.truth_of(truth) for one in heads]

    def weights_of(given: np.ndarray | None) -> list[np.ndarray] | None:
        return None if given is None else [given] * len(heads)

    lower = keras.callbacks.ReduceLROnPlateau(factor=RATE_STEP, patience=RATE_PATIENCE)
    stop = keras.callbacks.EarlyStopping(min_delta=1e-4, patience=PATIENCE, restore_best_weights=True)
    check, check_truth, check_weights = first_events(events, VALIDATION)
    history = compiled.fit(
        standardized(x),
        by_head(y),
        batch_size=min(max(len(x) // LEAST_STEPS, LEAST_BATCH), BATCH_SIZE),
        epochs=max(epochs, EPOCHS),
        sample_weight=weights_of(weights),
        validation_data=(standardized(check), by_head(check_truth), weights_of(check_weights)),
        validation_batch_size=8192,
        callbacks=[lower, stop],
        verbose=0,
    )
    outputs = predictions_by_split(lambda x: model.predict(standardized(x), batch_size=8192, verbose=0), events)
    return FittedBaseline(
        outputs=outputs,
        layers=float_networks.described(model),
        parameters=sum(int(np.prod(v.shape)) for v in model.trainable_variables),
        epochs=len(history.epoch),
        converged=bool(stop.stopped_epoch),
    )


def _with_heads(model: Any, events: EventCodes) -> Any:
    """Return the same network, compiled, with an output for each head.

    Losses have the weights of the heads, and 1 where training learns them.
    """
    import keras

    heads = events.placed_heads
    outputs = [model.output[:, one.outputs] for one in heads] if len(heads) > 1 else [model.output]
    compiled = keras.Model(model.input, outputs)
    compiled.compile(
        keras.optimizers.Adam(LEARNING_RATE),
        [_LOSSES[one.head.kind](keras) for one in heads],
        loss_weights=[1.0 if one.head.loss_weight is None else one.head.loss_weight for one in heads],
        jit_compile=True,
        steps_per_execution=STEPS_AT_ONCE,
    )
    return compiled


_LOSSES: dict[HeadKind, Callable[[Any], Any]] = {
    CLASSES: lambda keras: keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    TARGETS: lambda keras: keras.losses.MeanSquaredError(),
}
"""Loss of a head by its kind."""


def _predicted_column(trees: Any, x: np.ndarray) -> np.ndarray:
    return np.asarray(trees.predict(x))[:, None]


def _standardization(x: np.ndarray, features: int) -> Callable[[np.ndarray], np.ndarray]:
    """Return the function that clips and standardizes; channel n has the mean of all n modulo `features`."""
    low, high = x.min(axis=0), x.max(axis=0)
    rows = x.reshape(-1, features)
    mean, spread = (np.tile(moments, x.shape[1] // features) for moments in (rows.mean(axis=0), rows.std(axis=0)))
    spread = np.where(spread > 0, spread, 1.0)  # channels that never vary

    def standardized(values: np.ndarray) -> np.ndarray:
        return np.asarray((np.clip(values, low, high) - mean) / spread, np.float32)

    return standardized


def tree_predictions(events: EventCodes, epochs: int, *, seed: int) -> FittedBaseline:
    """Train scikit-learn's histogram gradient boosting, with early stopping on a tenth of the training split.

    Parameters
    ----------
    events : EventCodes
        Events of a data set.
    epochs : int
        Not used: early stopping alone ends the boosting, or the largest number of rounds.
    seed : int
        Seed of the trees.

    Returns
    -------
    FittedBaseline
        The trees.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    x, y, weights = first_events(events, TRAIN)
    options: dict[str, Any] = {
        "learning_rate": 0.05,
        "max_iter": ROUNDS,
        "max_leaf_nodes": 15,
        "early_stopping": True,
        "n_iter_no_change": ROUND_PATIENCE,
        "random_state": seed,
    }
    fitted: list[Any] = []
    predictors: list[Callable[[np.ndarray], np.ndarray]] = []

    def classes(truth: np.ndarray) -> None:
        trees = HistGradientBoostingClassifier(**options).fit(x, truth, sample_weight=weights)
        fitted.append(trees)
        predictors.append(lambda x: np.log(trees.predict_proba(x)))

    def targets(truth: np.ndarray) -> None:
        for column in truth.T:
            trees = HistGradientBoostingRegressor(**options).fit(x, column, sample_weight=weights)
            fitted.append(trees)
            predictors.append(partial(_predicted_column, trees))

    fits: dict[HeadKind, Callable[[np.ndarray], None]] = {CLASSES: classes, TARGETS: targets}
    for one in events.placed_heads:
        fits[one.head.kind](one.truth_of(y))
    with np.errstate(divide="ignore"):
        outputs = predictions_by_split(lambda x: np.concatenate([of(x) for of in predictors], axis=1), events)
    rounds = max(trees.n_iter_ for trees in fitted)
    return FittedBaseline(
        outputs=outputs,
        layers=f"gradient boosting, {options['max_leaf_nodes']} leaves a tree",
        parameters=sum(int(tree.get_n_leaf_nodes()) for trees in fitted for row in trees._predictors for tree in row),
        epochs=rounds,
        converged=rounds < ROUNDS,
    )
