"""What is learnable without quantisation: a Dense network of the same widths, and boosted trees."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from trigger_lut.cards import Stopwatch, write_card
from trigger_lut.events.codes import TEST, TRAIN, VALIDATION, EventCodes, load_codes
from trigger_lut.fixed_point import KIF, decode
from trigger_lut.records import ReferenceCard

EXACT_BITS = 24  # of whole numbers in float32: what fewer bits decode to is exact in any order of operations
EPOCHS, BATCH_SIZE, LEARNING_RATE, PATIENCE = 150, 256, 3e-3, 25


def references(codes: Path, units: list[int], seed: int, card: Path) -> None:
    """Train both references on the training split, choose on validation, and write their test accuracy."""
    watch = Stopwatch()
    events = load_codes(codes)
    started = time.monotonic()
    dense, parameters = dense_accuracy(events, units, seed)
    after_dense = time.monotonic()
    trees = trees_accuracy(events, seed)
    record = ReferenceCard(
        units=units,
        accuracy_dense=dense,
        accuracy_trees=trees,
        parameters_dense=parameters,
        seconds_dense=round(after_dense - started, 3),
        seconds_trees=round(time.monotonic() - after_dense, 3),
        **watch.provenance([codes], "tensorflow", "keras", "scikit-learn"),
    )
    write_card(record, card)


def real_values(events: EventCodes, split: int) -> tuple[np.ndarray, np.ndarray]:
    """Real values (N, C) float32 of a split's codes, and `EventCodes.truth` of it."""
    count = int(events.counts()[:, split].sum())
    values = np.empty((count, len(events.formats)), np.float32)
    done = 0
    for block in events.blocks():
        codes, _ = block.of(split)
        values[done : done + len(codes)] = decoded(codes, events.formats)
        done += len(codes)
    return values, events.truth(split)


def decoded(codes: np.ndarray, formats: Sequence[KIF]) -> np.ndarray:
    """Real values (N, C) float32 of codes (N, C), each column in its format."""
    if all(kif.bits <= EXACT_BITS for kif in formats):
        return codes.astype(np.float32) * np.array([kif.step for kif in formats], np.float32)
    return np.stack([decode(codes[:, i], kif) for i, kif in enumerate(formats)], axis=1).astype(np.float32)


def dense_accuracy(events: EventCodes, units: list[int], seed: int) -> tuple[float, int]:
    """Test accuracy and parameters of a Dense network with ReLU in float32 on standardised input."""
    import keras

    keras.utils.set_random_seed(seed)
    x, y = real_values(events, TRAIN)
    normalise = keras.layers.Normalization()
    normalise.adapt(x)
    hidden = [keras.layers.Dense(n, activation="relu") for n in units[:-1]]
    model = keras.Sequential([keras.Input((x.shape[1],)), normalise, *hidden, keras.layers.Dense(units[-1])])
    steps = EPOCHS * -(-len(x) // BATCH_SIZE)
    model.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(LEARNING_RATE, steps)),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=True,
    )
    stop = keras.callbacks.EarlyStopping("val_accuracy", patience=PATIENCE, restore_best_weights=True)
    model.fit(
        x,
        y,
        batch_size=BATCH_SIZE,
        epochs=EPOCHS,
        validation_data=real_values(events, VALIDATION),
        validation_batch_size=8192,
        callbacks=[stop],
        verbose=0,
    )
    x_test, y_test = real_values(events, TEST)
    predicted = model.predict(x_test, batch_size=8192, verbose=0).argmax(axis=1)
    return float((predicted == y_test).mean()), sum(int(np.prod(v.shape)) for v in model.trainable_variables)


def trees_accuracy(events: EventCodes, seed: int) -> float:
    """Test accuracy of scikit-learn's histogram gradient boosting, stopped early on a tenth of the training split."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    x, y = real_values(events, TRAIN)
    trees = HistGradientBoostingClassifier(
        learning_rate=0.05, max_iter=400, max_leaf_nodes=15, early_stopping=True, random_state=seed
    ).fit(x, y)
    x_test, y_test = real_values(events, TEST)
    return float((trees.predict(x_test) == y_test).mean())
