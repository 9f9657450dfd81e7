"""Import of a saved Keras model: it is converted and measured, before any training.

HGQ2 evaluates in float32 and wraps where its quantizers say so. The integers follow its formats exactly. The tables of
its table layers are its functions, evaluated for every code. Values beyond a format count modulo 2**bits. Float
rounding is the only difference that is allowed; an exact evaluation of the model identifies it.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from trigger_lut.cards.base import Stopwatch, write_card
from trigger_lut.cards.stage_cards import TrainCard
from trigger_lut.config.budget import Spec
from trigger_lut.conversion.affine import WITH_KERNEL
from trigger_lut.conversion.keras_graph import sublayers
from trigger_lut.conversion.keras_model import integer_network
from trigger_lut.cost_model.measured import Built, Measure
from trigger_lut.data.event_codes import TEST, EventCodes
from trigger_lut.errors import ConfigurationError, FirmwareError
from trigger_lut.evaluation.predictions import save_predictions, trained_predictions
from trigger_lut.fixed_point.formats import uniform
from trigger_lut.metrics.accuracy import METRIC_WORDS, metric_of
from trigger_lut.network.network import Network, save_network
from trigger_lut.network.reference_model import evaluate
from trigger_lut.training.budget import Budget
from trigger_lut.training.build_model import load_given
from trigger_lut.training.input_precision import precision_notes
from trigger_lut.training.summary import accuracies, measurement, train_card
from trigger_lut.utils.files import sha256, write_together
from trigger_lut.verification.exact_keras import explained
from trigger_lut.verification.keras_model import run_keras

LOG = logging.getLogger(__name__)

CHECKED_EVENTS = 2000  # test events, and as many random ones


@dataclass(frozen=True)
class GivenModel:
    """The model of `network.keras_file`, converted and measured.

    Attributes
    ----------
    source : Path
        Its file.
    model : keras.Model
        The model, with logits as outputs.
    integers : Network
        Its integers, in the data set's formats.
    built : Built
        Its synthesis.
    seconds : float
        Wall time of the synthesis.
    changed : bool
        Whether the model differs from the file: its final activation was removed, or it was quantized.
    notes : list of str
        For the card: each change, and coarse inputs.
    """

    source: Path
    model: Any
    integers: Network
    built: Built
    seconds: float
    changed: bool
    notes: list[str]


def read_given(spec: Spec, events: EventCodes, *, measure: Measure) -> GivenModel:
    """Load, convert, check and measure the model of `spec.network.keras_file`.

    Parameters
    ----------
    spec : Spec
        The design.
    events : EventCodes
        The events of its data set.
    measure : Measure
        Function that builds and synthesizes a network.

    Returns
    -------
    GivenModel

    Raises
    ------
    ConfigurationError
        If the file is missing, has changed since the design was specified, cannot be loaded, or does not fit the data
        set.
    FirmwareError
        If the integers differ from Keras by more than float rounding.
    """
    source = Path(str(spec.network.keras_file))
    where = place(source)
    if not source.is_file():
        raise ConfigurationError(f"{where}: no such file")
    if sha256(source) != spec.model_sha256:
        raise ConfigurationError(f"{where}: changed since the design was specified. Run the workflow again.")
    prepared = load_given(spec.network, events)
    model = prepared.model
    integers = convert_model(model, events, where=where)
    check_against_keras(model, integers, events=events, where=where)
    head = events.class_head
    classes = slice(None) if head is None else head.outputs
    notes = prepared.notes + precision_notes(model, integers, codes=events.of(TEST)[0], classes=classes)
    for line in notes:
        LOG.warning(f"train: {where}: {line}")
    began = time.monotonic()
    built = measure(integers)
    return GivenModel(source, model, integers, built, time.monotonic() - began, prepared.changed, notes)


def place(source: Path) -> str:
    """Return the prefix of messages about a given model.

    Parameters
    ----------
    source : Path
        Its file.

    Returns
    -------
    str
    """
    return f"network.keras_file: {source}"


def to_be_trained(given: GivenModel, spec: Spec) -> bool:
    """Return whether a given model exceeds the budget, and may and can be trained to it.

    Parameters
    ----------
    given : GivenModel
        The model.
    spec : Spec
        The design.

    Returns
    -------
    bool
    """
    if spec.network.gives_probabilities:  # the loss is of logits
        return False
    return spec.network.train and Budget(spec).excess_measured(given.built) > 0 and bool(given.model.trainable_weights)


def training_notes(given: GivenModel, events: EventCodes) -> list[str]:
    """Say what a training further began from, and which layers it cannot prune.

    Parameters
    ----------
    given : GivenModel
        The model.
    events : EventCodes
        The events of its data set.

    Returns
    -------
    list of str
    """
    score = accuracies(given.integers, events)[TEST]
    notes = [
        f"trained further: the given model takes {given.built.luts} LUTs and {given.built.latency_cycles} cycles, "
        f"{METRIC_WORDS[metric_of(events.heads)]} {score:.4f} on the test split"
    ]
    arithmetic = [layer.name for layer in sublayers(given.model) if type(layer).__name__ in WITH_KERNEL]
    if arithmetic:
        notes.append(f"weights of arithmetic layers are not pruned, only narrowed: {', '.join(arithmetic)}")
    return notes


def write_given(
    given: GivenModel,
    spec: Spec,
    *,
    events: EventCodes,
    model: Path,
    network: Path,
    predictions: Path,
    card: Path,
    warm: Path | None,
    read: list[Path],
    watch: Stopwatch,
) -> None:
    """Write a given model as it is, its integer network and a card.

    A missed budget does not raise: the card reports it.

    Parameters
    ----------
    given : GivenModel
        The model.
    spec : Spec
        The design.
    events : EventCodes
        The events of its data set.
    model, network, predictions, card : Path
        Files to write: the Keras model, the integer network, the outputs of the model, the TrainCard of 0 epochs.
    warm : Path, optional
        File to write without content, as no training can start from it.
    read : list of Path
        Files that the stage has read, for the card.
    watch : Stopwatch
        Of the stage.
    """
    record = _card(spec, events, given, watch=watch, read=[*read, given.source])
    outputs = trained_predictions(given.model, events)
    warm_file = {} if warm is None else {warm: _write_no_arrays}
    write_together(
        {
            model: lambda path: _save(given.model, path) if given.changed else shutil.copyfile(given.source, path),
            network: lambda path: save_network(given.integers, path),
            predictions: lambda path: save_predictions(outputs, path),
            **warm_file,
            card: lambda path: write_card(record, path),
        }
    )


def _write_no_arrays(path: Path) -> None:
    with path.open("wb") as out:
        np.savez(out)


def _save(model: Any, path: Path) -> None:
    """Save a model under a name that Keras does not accept."""
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        model.save(Path(folder, "model.keras"))
        Path(folder, "model.keras").replace(path)


def convert_model(model: Any, events: EventCodes, *, where: str) -> Network:
    """Convert a model for a data set.

    Parameters
    ----------
    model : keras.Model
        The model.
    events : EventCodes
        The events; their formats are those of the inputs.
    where : str
        Prefix of messages.

    Returns
    -------
    Network

    Raises
    ------
    ConfigurationError
        If the model cannot be converted, or has another number of outputs than the data set has classes.
    """
    try:
        integers = integer_network(model, events.features, classes=events.classes, inputs=events.formats, wraps=True)
    except FirmwareError as error:
        raise ConfigurationError(f"{where}: {error}") from error
    if len(integers.output_values) != len(events.classes):
        raise ConfigurationError(
            f"{where}: other outputs than the data set has classes. Expected {len(events.classes)}, found "
            f"{len(integers.output_values)}. Give a model with one output for each class."
        )
    return integers


def check_against_keras(model: Any, network: Network, *, events: EventCodes, where: str) -> None:
    """Compare an imported model with its integers, on test events and random ones.

    Parameters
    ----------
    model : keras.Model
        The model.
    network : Network
        Its integers.
    events : EventCodes
        The events of the data set.
    where : str
        Prefix of messages.

    Raises
    ------
    FirmwareError
        If an output differs by more than float rounding explains. The message has output, count, first event and size.
    """
    rng = np.random.default_rng(0)
    codes = np.concatenate([events.of(TEST)[0][:CHECKED_EVENTS], uniform(network.inputs, CHECKED_EVENTS, rng=rng)])
    expected, outputs = evaluate(network, codes), run_keras(model, network, codes=codes)
    differences = explained(model, network, codes=codes, expected=expected, actual=outputs)
    wrong = (outputs != expected) & ~differences.rounding[:, None]
    if not wrong.any():
        return
    if differences.note:
        LOG.warning(f"train: {where}: {differences.note}; the stage verify counts these differences")
        return
    event, output = (int(n) for n in np.argwhere(wrong)[0])
    size = np.abs(outputs - expected)[wrong].max()
    raise FirmwareError(
        f"{where}: the integers differ from Keras in {wrong.any(axis=1).sum()} of {len(codes)} events by more than "
        f"float rounding. Expected 0; found output {output} of event {event}: Keras {outputs[event, output]:g}, "
        f"integers {expected[event, output]}, and up to {size:g} steps. The conversion of a layer of this model is "
        "wrong: please report it with the model"
    )


def _card(spec: Spec, events: EventCodes, given: GivenModel, *, watch: Stopwatch, read: list[Path]) -> TrainCard:
    built, budget = given.built, Budget(spec)
    meets_budget = budget.excess_measured(built) == 0
    figures = (
        f"{built.luts} LUTs after Yosys of {spec.budget.luts}, {built.latency_cycles} cycles of "
        f"{spec.latency_cycles_budget}, {built.fmax_mhz:.1f} MHz of {spec.target.clock_mhz:g}"
    )
    return train_card(
        spec,
        events,
        integers=given.integers,
        built=built,
        epochs=0,
        meets_budget=meets_budget,
        verdict="within the budget" if meets_budget else f"beyond the budget: {figures}",
        prune_rounds=0,
        regrow_rounds=0,
        measurements=[measurement(spec, built, cost=budget.estimate(given.integers), epoch=0, reason="given")],
        seconds_measuring=round(given.seconds, 3),
        seconds_per_epoch=0.0,
        history=[],
        notes=given.notes,
        **watch.provenance(read, "tensorflow", "keras"),
    )
