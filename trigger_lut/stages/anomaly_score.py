"""Stage `anomaly_score`: an autoencoder of background, whose score of each event small networks learn.

The teacher has Dense layers in float32, from some channels to a few units and back. It is trained on background to
reproduce its input, each channel in units of its standard deviation. An event that it reproduces badly is unusual: the
score is log2 of the mean squared error. A network in firmware does not reproduce the event. It learns the score from
the same codes, as CICADA of CMS does (arXiv:2510.15672), so that it needs one output and no other network.

Scores far out in the tail decide what passes, and are rare. Events are weighted in training by one over the density of
their score, up to `flatten` times the smallest weight.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trigger_lut.cards.base import Stopwatch, write_card
from trigger_lut.cards.stage_cards import TargetSummary, TeacherCard
from trigger_lut.config.data_set.anomaly import SCORE, Teacher
from trigger_lut.data.event_codes import TEST, TRAIN, VALIDATION, EventCodes, load_codes, save_codes
from trigger_lut.data.moments import Moments
from trigger_lut.errors import CardError, ConfigurationError, nearest
from trigger_lut.evaluation.baselines import BATCH_SIZE, LEARNING_RATE, first_events
from trigger_lut.fixed_point.decode import decoded
from trigger_lut.metrics.roc import auc_components
from trigger_lut.stages.registry import Output

Floats = NDArray[np.float64]
EPOCHS, PATIENCE = 100, 10
WIDEST_LAYER, NARROWEST_LAYER = 32, 6  # units of the default teacher; of few channels half as many as these
SMALLEST_ERROR = 2.0**-20
DENSITY_BINS = 40
HISTOGRAM_BINS = 60


def run(*, encoded: Path, background: list[str], teacher: Teacher, codes: Output, card: Output) -> None:
    """Train an autoencoder on background, and write its score as the target of all events.

    Parameters
    ----------
    encoded : Path
        Codes without scores.
    background : list of str
        Classes to train on.
    teacher : Teacher
        `anomaly.teacher` of the data set.
    codes : Output
        Codes with scores to write (codes.npz).

    Raises
    ------
    CardError
        If a file is damaged, or a class does not exist.
    """
    watch = Stopwatch()
    events = load_codes(encoded)
    if missing := [name for name in background if name not in events.classes]:
        raise CardError(
            f"{encoded}: no classes {', '.join(missing)}. Expected all of background. Run the ingest stage again."
        )
    score, losses = scores(events, teacher)
    scored = with_scores(events, score, flatten=teacher.flatten)
    save_codes(scored, codes)
    of_all = Moments(1)
    of_all.add(score[:, None])
    write_card(
        TeacherCard(
            background=background,
            channels=[events.features[n] for n in looked_at(events.features, teacher.channels)],
            units=units_of(teacher, events.features),
            events=int((events.split == TRAIN).sum()),
            loss_training=losses[0],
            loss_validation=losses[1],
            target=TargetSummary(
                name=SCORE,
                unit="",
                scale=scored.scales[0],
                minimum=float(of_all.minimum[0]),
                maximum=float(of_all.maximum[0]),
                mean=float(of_all.mean[0]),
                spread=float(of_all.spread[0]),
            ),
            auc=aucs(events, score, background=background),
            edges=(edges := np.linspace(score.min(), score.max(), HISTOGRAM_BINS + 1)).tolist(),
            counts=histograms(events, score, edges=edges),
            **watch.provenance([encoded], "tensorflow", "keras", "numpy"),
        ),
        card,
    )


def scores(events: EventCodes, teacher: Teacher) -> tuple[Floats, tuple[list[float], list[float]]]:
    """((N,) score of each event, (losses of the training split, of validation) by epoch)."""
    import keras

    keras.utils.set_random_seed(teacher.seed)
    read_channels = looked_at(events.features, teacher.channels)
    x, check = (first_events(events, split)[0][:, read_channels] for split in (TRAIN, VALIDATION))
    # Channels that never vary say nothing, and would be divided by nothing.
    mean, spread = x.mean(axis=0), np.where(x.std(axis=0) > 0, x.std(axis=0), np.inf)
    units = units_of(teacher, events.features)
    widths = [*units, *units[-2::-1]]
    last = len(units) - 1
    hidden = [keras.layers.Dense(n, activation=None if i == last else "relu") for i, n in enumerate(widths)]
    model = keras.Sequential([keras.Input((x.shape[1],)), *hidden, keras.layers.Dense(x.shape[1])])
    steps = EPOCHS * -(-len(x) // BATCH_SIZE)
    rate = keras.optimizers.schedules.CosineDecay(LEARNING_RATE, steps)
    model.compile(keras.optimizers.Adam(rate), "mse", jit_compile=True)
    stop = keras.callbacks.EarlyStopping(monitor="val_loss", patience=PATIENCE, restore_best_weights=True)
    scaled, scaled_check = (x - mean) / spread, (check - mean) / spread
    history = model.fit(
        scaled,
        scaled,
        batch_size=BATCH_SIZE,
        epochs=EPOCHS,
        validation_data=(scaled_check, scaled_check),
        validation_batch_size=8192,
        callbacks=[stop],
        verbose=0,
    ).history
    blocks = []
    for block in events.blocks():
        z = (decoded(block.codes, events.formats)[:, read_channels] - mean) / spread
        error = np.mean((model.predict(z, batch_size=8192, verbose=0).astype(np.float64) - z) ** 2, axis=1)
        blocks.append(np.log2(np.maximum(error, SMALLEST_ERROR)))
    losses = [[float(v) for v in history[key]] for key in ("loss", "val_loss")]
    return np.concatenate(blocks), (losses[0], losses[1])


def looked_at(features: Sequence[str], patterns: Sequence[str]) -> list[int]:
    """Numbers of the channels that any of the patterns (`fnmatch`) names. Raises ConfigurationError for one without."""
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in features):
            raise ConfigurationError(
                f"anomaly.teacher.channels: no channel is like {pattern!r}{nearest(pattern, features)}"
            )
    return [n for n, name in enumerate(features) if any(fnmatchcase(name, pattern) for pattern in patterns)]


def units_of(teacher: Teacher, features: Sequence[str]) -> list[int]:
    """Return the units of the teacher's layers. Raises ConfigurationError if the narrowest could copy the channels."""
    channels = len(looked_at(features, teacher.channels))
    if channels < 2:
        raise ConfigurationError(f"anomaly.teacher.channels: expected at least two channels, found {channels}")
    if teacher.units is None:
        return [WIDEST_LAYER, min(NARROWEST_LAYER, channels // 2)]
    if min(teacher.units) >= channels:
        raise ConfigurationError(
            f"anomaly.teacher.units: expected a layer of fewer units than the {channels} channels, found "
            f"{teacher.units}. Such a network copies its input and finds nothing unusual"
        )
    return teacher.units


def with_scores(events: EventCodes, score: Floats, *, flatten: float) -> EventCodes:
    """Return the events with the score as target.

    It is relative to the mean in training, in units of a power of two near its standard deviation there.
    """
    training = score[events.split == TRAIN]
    scale = 2.0 ** round(math.log2(max(float(training.std()), SMALLEST_ERROR)))
    targets = ((score - training.mean()) / scale).astype(np.float32)[:, None]
    weights = None if flatten == 1 else flat_weights(score, events.split == TRAIN, most=flatten)
    return replace(
        events,
        classes=(SCORE,),
        label_classes=events.classes,
        targets=targets,
        scales=(scale,),
        units=("",),
        weights=weights,
    )


def flat_weights(score: Floats, training: NDArray[np.bool_], *, most: float) -> NDArray[np.float32]:
    """(N,) weights of mean 1 over the training split, one over the density of the score, at most `most` to 1."""
    training_scores = score[training]
    edges = np.linspace(training_scores.min(), training_scores.max(), DENSITY_BINS + 1)
    density = np.histogram(training_scores, edges)[0].astype(np.float64)
    each = 1 / np.maximum(density / density.max(), 1 / most)
    weights = each[np.clip(np.searchsorted(edges, score, side="right") - 1, 0, DENSITY_BINS - 1)]
    return np.asarray(weights / weights[training].mean(), np.float32)


def aucs(events: EventCodes, score: Floats, *, background: list[str]) -> dict[str, float]:
    """Area under the ROC curve of each class that is not background, against the background of the test split."""
    test = events.split == TEST
    ordinary = test & np.isin(events.labels, [events.classes.index(name) for name in background])
    aucs_by_class = {}
    for k, name in enumerate(events.classes):
        chosen = test & (events.labels == k)
        if name not in background and chosen.any() and ordinary.any():
            both = ordinary | chosen
            aucs_by_class[name] = float(auc_components(score[both], chosen[both])[0].mean())
    return aucs_by_class


def histograms(events: EventCodes, score: Floats, *, edges: Floats) -> dict[str, list[int]]:
    """Test events of each class by score."""
    test = events.split == TEST
    return {
        name: np.histogram(score[test & (events.labels == k)], edges)[0].tolist()
        for k, name in enumerate(events.classes)
    }
