"""Predictions of all methods of the physics results: baselines, the trained Keras network, and the firmware."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from trigger_lut.config.budget import Spec
from trigger_lut.data.event_codes import TEST, VALIDATION, EventCodes, load_codes
from trigger_lut.data.npy import map_arrays, write_arrays
from trigger_lut.errors import CardError
from trigger_lut.fixed_point.decode import decoded
from trigger_lut.fixed_point.formats import IntArray
from trigger_lut.network.network import Network, load_network
from trigger_lut.network.reference_model import evaluate
from trigger_lut.utils.files import atomic_path

SAME, DENSE = "Same network, float", "Dense, float"
DEEP_SET, WIDE, TREES = "Deep set, float", "Wide network, float", "Boosted trees"
TRAINED, FIRMWARE = "Trained network", "Firmware"
TEACHER = "Teacher, float"
BATCH = 8192
SPLITS = {VALIDATION: "validation", TEST: "test"}
Outputs = dict[int, NDArray[np.float64]]
"""(N, outputs) real outputs by split, VALIDATION and TEST."""


def load_with_network(network: Path, codes: Path, *, labeled: bool = False) -> tuple[Network, EventCodes]:
    """Read an integer network and the events that it was trained on.

    Parameters
    ----------
    network : Path
        The network (network.npz).
    codes : Path
        The events (codes.npz).
    labeled : bool
        Require classes.

    Returns
    -------
    tuple of Network and EventCodes

    Raises
    ------
    CardError
        If the network does not read these events, or if they lack required classes.
    """
    loaded, events = load_network(network), load_codes(codes)
    if (loaded.inputs, loaded.classes) != (events.formats, events.classes) or (labeled and not events.labeled):
        raise CardError(f"{network}: made for other inputs or classes than those of {codes}. Train again.")
    return loaded, events


def real_outputs(network: Network, codes: IntArray) -> NDArray[np.float64]:
    """Convert output codes to real values.

    Parameters
    ----------
    network : Network
        The integer network.
    codes : (N, O) ndarray of int
        Its output codes.

    Returns
    -------
    (N, O) ndarray
        Codes times 2 to the minus fraction bits.
    """
    values: NDArray[np.float64] = codes * 2.0 ** -network.fractions.astype(np.float64)
    return values


def firmware_predictions(network: Network, events: EventCodes) -> Outputs:
    """Evaluate the integer network on validation and test split.

    Parameters
    ----------
    network : Network
    events : EventCodes

    Returns
    -------
    Outputs
        Real outputs by split, (N, O).
    """
    return {
        split: real_outputs(network, np.concatenate([evaluate(network, codes) for codes, _ in events.chunks(split)]))
        for split in SPLITS
    }


def class_scores(outputs: Outputs, events: EventCodes) -> Outputs:
    """Return the outputs of the head of classes.

    Parameters
    ----------
    outputs : Outputs
        Outputs of all heads by split, (N, O).
    events : EventCodes
        Events with classes as outputs.

    Returns
    -------
    Outputs
        (N, classes) by split.
    """
    head = events.class_head
    assert head is not None
    return {split: values[:, head.outputs] for split, values in outputs.items()}


def teacher_predictions(events: EventCodes) -> dict[str, Outputs]:
    """Return the scores that networks of an anomaly detection learn.

    Parameters
    ----------
    events : EventCodes
        Events of the data set.

    Returns
    -------
    dict of Outputs
        Scores of the teacher; empty if the data set is no anomaly detection.
    """
    if not events.label_classes:
        return {}
    return {TEACHER: {split: events.truth(split).astype(np.float64) for split in SPLITS}}


def load_predictions(path: Path) -> dict[str, Outputs]:
    """Read outputs by method. Raises CardError if the file is damaged."""
    try:
        arrays = map_arrays(path)
        return {
            name: {s: np.asarray(arrays[f"{n}_{split}"], np.float64) for s, split in SPLITS.items()}
            for n, name in enumerate(json.loads(str(arrays["names"])))
        }
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise CardError(
            f"{path}: {type(error).__name__}: {error}. Expected outputs on validation and test split. "
            "Run the stage that wrote it again."
        ) from error


def save_predictions(outputs: Mapping[str, Mapping[int, NDArray[np.floating]]], path: Path) -> None:
    """Write what `load_predictions` reads.

    Parameters
    ----------
    outputs : mapping
        (N, outputs) by name of the method and split.
    path : Path
        File to write (.npz).
    """
    arrays = {f"{n}_{split}": splits[s] for n, splits in enumerate(outputs.values()) for s, split in SPLITS.items()}
    with atomic_path(path) as part, part.open("wb") as out:
        write_arrays(out, {"names": np.array(json.dumps(list(outputs))), **arrays})


def trained_predictions(model: Any, events: EventCodes) -> dict[str, dict[int, NDArray[np.floating]]]:
    """Evaluate the trained model as Keras does, mostly in float32.

    Parameters
    ----------
    model : keras.Model
    events : EventCodes

    Returns
    -------
    dict
        (N, outputs) by method, of which there is one, and split.
    """

    def predict(codes: NDArray[Any]) -> NDArray[np.floating]:
        return np.asarray(model.predict(decoded(codes, events.formats), batch_size=BATCH, verbose=0))

    return {TRAINED: {split: np.concatenate([predict(codes) for codes, _ in events.chunks(split)]) for split in SPLITS}}


def predictions_by_method(
    spec: Spec, events: EventCodes, *, network: Network, trained: Path, baselines: Path
) -> dict[str, Outputs]:
    """Return the outputs of all methods on validation and test split.

    Parameters
    ----------
    spec : Spec
        The design.
    events : EventCodes
        Events of its data set.
    network : Network
        The integer network.
    trained, baselines : Path
        Outputs of the trained Keras model and of the baselines.

    Returns
    -------
    dict of Outputs
        Real outputs by method, the firmware last. Of a network that gives probabilities, their logarithms: scores of
        all methods are then made from logits.

    Raises
    ------
    CardError
        If a file is damaged, or was made from other events.
    """
    logits = partial(_logarithms, network) if spec.network.gives_probabilities else lambda outputs: outputs
    predictions = {
        **load_predictions(baselines),
        **{name: logits(outputs) for name, outputs in load_predictions(trained).items()},
        FIRMWARE: logits(firmware_predictions(network, events)),
    }
    for name, outputs in predictions.items():
        for s, split in SPLITS.items():
            expected = predictions[FIRMWARE][s].shape
            if outputs[s].shape != expected:
                raise CardError(f"{name}: outputs on {split}: expected {expected}, found {outputs[s].shape}")
    return predictions


def _logarithms(network: Network, outputs: Outputs) -> Outputs:
    """Return the logarithms of probabilities; one that rounds to 0 counts as half a step."""
    half_a_step = 2.0 ** -(network.fractions.astype(np.float64) + 1)
    return {split: np.log(np.maximum(values, half_a_step)) for split, values in outputs.items()}
