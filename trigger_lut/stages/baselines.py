"""Stage `reference`: a Dense network of the same widths, and boosted trees, without quantization."""

from __future__ import annotations

import time
from pathlib import Path

from trigger_lut.cards.base import Stopwatch, write_card
from trigger_lut.cards.stage_cards import ReferenceCard
from trigger_lut.data.event_codes import TEST, TRAIN, VALIDATION, load_codes
from trigger_lut.data.npy import write_arrays
from trigger_lut.evaluation.baselines import MAX_EVENTS, dense_predictions, tree_predictions
from trigger_lut.metrics.accuracy import EventScore
from trigger_lut.stages.registry import Output
from trigger_lut.utils.files import atomic_path


def run(*, codes: Path, units: list[int], seed: int, outputs: Output, card: Output) -> None:
    """Train a Dense network without quantization and boosted trees, for comparison.

    Parameters
    ----------
    codes : Path
        Integer codes of the data set (codes.npz).
    units : list of int
        Outputs of each layer of the Dense network.
    seed : int
        Seed of initialization and shuffling.
    outputs : Output
        Outputs of both on validation and test split (.npz), to write.
    card : Output
        Card to write (JSON).
    """
    watch = Stopwatch()
    events = load_codes(codes)
    started = time.monotonic()
    dense, parameters = dense_predictions(events, units, seed)
    after_dense = time.monotonic()
    trees = tree_predictions(events, seed)
    quality, truth = EventScore.for_split(events, TEST), events.labels_or_targets(TEST)
    record = ReferenceCard(
        units=units,
        events=min(int(events.counts()[:, TRAIN].sum()), MAX_EVENTS),
        metric=quality.measure,
        score_dense=float(quality.score(dense[TEST], truth).mean()),
        score_trees=float(quality.score(trees[TEST], truth).mean()),
        parameters_dense=parameters,
        seconds_dense=round(after_dense - started, 3),
        seconds_trees=round(time.monotonic() - after_dense, 3),
        **watch.provenance([codes], "tensorflow", "keras", "scikit-learn"),
    )
    with atomic_path(outputs) as part, part.open("wb") as out:
        named = {"validation": VALIDATION, "test": TEST}
        held = {"dense": dense, "trees": trees}
        write_arrays(out, {f"{name}_{split}": found[s] for name, found in held.items() for split, s in named.items()})
    write_card(record, card)
